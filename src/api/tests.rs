#![allow(clippy::unwrap_used, clippy::expect_used)]

mod served;

use std::collections::BTreeSet;

use jiff::SignedDuration;
use reqwest::Method;

use super::*;
use served::{OPERATOR, Served};

/// Every route behind a token, and the scope that opens it.
const ROUTES: [(&str, &str, Scope); 39] = [
    ("GET", "/stacks", Scope::Read),
    ("GET", "/stacks/{stack}", Scope::Read),
    ("GET", "/report", Scope::Read),
    ("GET", "/runs", Scope::Read),
    ("GET", "/runs/{run}", Scope::Read),
    ("GET", "/runs/{run}/why", Scope::Read),
    ("GET", "/decisions", Scope::Read),
    ("GET", "/runs/{run}/artifacts", Scope::Read),
    ("GET", "/runs/{run}/artifacts/{name}", Scope::Read),
    ("GET", "/replicas", Scope::Read),
    ("GET", "/reports", Scope::Read),
    ("GET", "/reports/{report}", Scope::Read),
    ("GET", "/reports/{report}/{name}", Scope::Read),
    ("GET", "/channels", Scope::Read),
    ("GET", "/messages", Scope::Read),
    ("GET", "/messages/{message}", Scope::Read),
    ("GET", "/audit", Scope::Read),
    ("GET", "/pauses", Scope::Read),
    ("GET", "/stacks/{stack}/snapshots", Scope::Read),
    ("GET", "/requests", Scope::Read),
    ("GET", "/requests/{request}", Scope::Read),
    ("POST", "/stacks/{stack}/plan", Scope::Plan),
    ("POST", "/stacks/{stack}/rollback", Scope::Plan),
    ("POST", "/stacks/{stack}/ack", Scope::Ack),
    ("POST", "/causes/{cause}/ack", Scope::Ack),
    ("POST", "/pauses", Scope::Ack),
    ("POST", "/messages/retry", Scope::Ack),
    ("POST", "/messages/{message}/retry", Scope::Ack),
    ("POST", "/stacks/{stack}/resume", Scope::Approve),
    ("POST", "/pauses/end", Scope::Approve),
    ("POST", "/requests/{request}/approve", Scope::Approve),
    ("POST", "/requests/{request}/reject", Scope::Approve),
    ("POST", "/requests/{request}/revoke", Scope::Approve),
    (
        "POST",
        "/stacks/{stack}/snapshots/{snapshot}/open",
        Scope::Admin,
    ),
    (
        "POST",
        "/stacks/{stack}/snapshots/{snapshot}/restore",
        Scope::Admin,
    ),
    ("GET", "/tokens", Scope::Admin),
    ("POST", "/tokens", Scope::Admin),
    ("POST", "/tokens/{token}/revoke", Scope::Admin),
    ("HEAD", "/tokens", Scope::Admin),
];

#[test]
fn the_table_of_routes_is_complete() {
    let source = include_str!("mod.rs");
    let source = source.replace(".route(\n            \"", ".route(\"");
    let routed = source.split(".route(\"").skip(1);
    let open = ["/healthz", "/readyz", "/metrics"];
    let routed: BTreeSet<&str> = routed
        .filter_map(|rest| rest.split('"').next())
        .filter(|path| !open.contains(path))
        .collect();
    let listed: BTreeSet<&str> = ROUTES.iter().map(|(_, path, _)| *path).collect();
    assert_eq!(routed, listed);
}

#[tokio::test]
async fn each_route_is_opened_by_its_scope_and_by_no_other() {
    let served = Served::start().await;
    let mut tokens = Vec::new();
    for scope in Scope::ALL {
        tokens.push((scope, served.token(scope.as_str()).await.1));
    }
    for (method, path, wanted) in ROUTES {
        let path = format!("/api/v1{}", path.replace(['{', '}'], "x"));
        let method: Method = method.parse().unwrap();
        let (status, _) = served.ask(method.clone(), &path, None).await;
        assert_eq!(status, 401, "{method} {path}");
        let (status, _) = served.ask(method.clone(), &path, Some(OPERATOR)).await;
        assert!(
            ![401, 403, 405, 500].contains(&status),
            "{method} {path}: {status}"
        );
        for (scope, token) in &tokens {
            let (status, body) = served.ask(method.clone(), &path, Some(token)).await;
            let what = format!("{method} {path} with {scope}: {status} {body}");
            if *scope == wanted {
                assert!(![401, 403, 405, 500].contains(&status), "{what}");
            } else {
                assert_eq!(status, 403, "{what}");
                if method != Method::HEAD {
                    let error = &body["error"];
                    assert_eq!(error["kind"], "forbidden", "{what}");
                    assert_eq!(error["scope"], wanted.as_str(), "{what}");
                    let message = error["message"].as_str().unwrap();
                    assert!(message.contains(wanted.as_str()), "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_needs_no_token_needs_none_and_unknown_paths_are_not_found() {
    let served = Served::start().await;
    for path in ["/healthz", "/metrics"] {
        assert_eq!(served.ask(Method::GET, path, None).await.0, 200);
    }
    assert_eq!(served.get("/nothing", OPERATOR).await.0, 404);
}

#[tokio::test]
async fn an_unknown_an_expired_and_a_revoked_token_are_told_the_same() {
    let served = Served::start().await;
    let (id, revoked) = served.token("read").await;
    let (_, expired) = served.token("read").await;
    for token in [&revoked, &expired] {
        assert_eq!(served.get("/stacks", token).await.0, 200);
    }
    let path = format!("/tokens/{id}/revoke?by=ada");
    assert_eq!(served.post(&path, OPERATOR).await.0, 200);
    assert_eq!(served.get("/stacks", &revoked).await.0, 401);
    assert_eq!(served.get("/stacks", &expired).await.0, 200);
    served.later(SignedDuration::from_hours(24));
    let unknown = format!("mrg_{}", "0".repeat(64));
    let refused = served.get("/stacks", "").await;
    assert_eq!(refused.0, 401);
    for token in [
        &revoked,
        &expired,
        &unknown,
        "wrong",
        OPERATOR.trim_end_matches('n'),
    ] {
        assert_eq!(served.get("/stacks", token).await, refused, "{token}");
    }
    let (status, again) = served.post(&path, OPERATOR).await;
    assert_eq!((status, &again["error"]["kind"]), (409, &"conflict".into()));
    let none = "/tokens/0192f0c1-0000-7000-8000-000000000000/revoke?by=ada";
    assert_eq!(served.post(none, OPERATOR).await.0, 404);
}

#[tokio::test]
async fn a_token_of_ones_own_says_who_asks_and_nobody_else_can_be_said() {
    let served = Served::start().await;
    let (id, alice) = served.token("plan,approve").await;
    for (path, status) in [
        ("/stacks/infra%2Fa/plan", 202),
        ("/stacks/infra%2Fa/plan?by=alice", 202),
        ("/stacks/infra%2Fa/plan?by=bob", 400),
        ("/stacks/infra%2Fa/resume", 202),
    ] {
        assert_eq!(served.post(path, &alice).await.0, status, "{path}");
    }
    served.post("/stacks/infra%2Fa/plan?by=bob", OPERATOR).await;
    served.post("/stacks/infra%2Fa/plan", OPERATOR).await;
    let entries = served.audit().await;
    let told: Vec<String> = entries
        .iter()
        .map(|entry| format!("{} {}", entry["action"], entry["actor"]))
        .collect();
    let told = told.join("\n").replace(&id, "ID");
    insta::assert_snapshot!(told, @r#"
    "token_created" {"claims":"ada","kind":"operator"}
    "plan_requested" {"emails":["alice@example.com"],"groups":["dba","platform"],"kind":"person","name":"alice","token":"ID"}
    "plan_requested" {"emails":["alice@example.com"],"groups":["dba","platform"],"kind":"person","name":"alice","token":"ID"}
    "stack_resumed" {"emails":["alice@example.com"],"groups":["dba","platform"],"kind":"person","name":"alice","token":"ID"}
    "plan_requested" {"claims":"bob","kind":"operator"}
    "plan_requested" {"claims":null,"kind":"operator"}
    "#);
}

#[tokio::test]
async fn what_has_to_have_a_name_has_one_with_the_operators_token_too() {
    let served = Served::start().await;
    for path in [
        "/stacks/infra%2Fa/ack",
        "/causes/c/ack?by=%20",
        "/messages/retry",
        "/messages/0192f0c1-0000-7000-8000-000000000000/retry",
        "/tokens?name=a&scopes=read&expires_at=2027-01-01T00:00:00Z",
    ] {
        let (status, body) = served.post(path, OPERATOR).await;
        let message = &body["error"]["message"];
        assert_eq!(
            (status, message),
            (400, &"`by` says who asks for it".into()),
            "{path}"
        );
    }
    let (_, alice) = served.token("ack").await;
    assert_eq!(served.post("/messages/retry", &alice).await.0, 202);
    assert_eq!(served.post("/stacks/infra%2Fa/ack", &alice).await.0, 409);
}

#[tokio::test]
async fn nobody_makes_a_token_that_opens_more_than_their_own() {
    let served = Served::start().await;
    let (_, admin) = served.token("admin,read").await;
    let order =
        |scopes: &str| format!("/tokens?name=bob&scopes={scopes}&expires_at=2027-01-01T00:00:00Z");
    let (status, body) = served.post(&order("read,approve"), &admin).await;
    assert_eq!((status, &body["error"]["scope"]), (403, &"approve".into()));
    assert_eq!(served.post(&order("read"), &admin).await.0, 201);
    for wrong in [
        order("root"),
        order(""),
        "/tokens?name=&scopes=read&expires_at=2027-01-01T00:00:00Z".to_owned(),
        "/tokens?name=bob&scopes=read&expires_at=2026-01-01T00:00:00Z".to_owned(),
        "/tokens?name=bob&scopes=read".to_owned(),
    ] {
        assert_eq!(served.post(&wrong, &admin).await.0, 400, "{wrong}");
    }
    assert_eq!(served.audit().await.len(), 2);
}

#[tokio::test]
async fn tokens_are_listed_without_what_opens_anything() {
    let served = Served::start().await;
    let (id, token) = served.token("read").await;
    served.get("/stacks", &token).await;
    served.later(SignedDuration::from_mins(59));
    served.get("/stacks", &token).await;
    let (_, body) = served.get("/tokens", OPERATOR).await;
    insta::assert_snapshot!(format!("{body:#}").replace(&id, "ID"), @r#"
    {
      "schema_version": 1,
      "tokens": [
        {
          "created_at": "2026-11-28T08:00:00Z",
          "emails": [
            "alice@example.com"
          ],
          "expires_at": "2026-11-29T08:00:00Z",
          "groups": [
            "dba",
            "platform"
          ],
          "id": "ID",
          "last_used_at": "2026-11-28T08:00:00Z",
          "name": "alice",
          "revoked_at": null,
          "scopes": [
            "read"
          ],
          "state": "active"
        }
      ]
    }
    "#);
    served.later(SignedDuration::from_mins(1));
    served.get("/stacks", &token).await;
    let (_, body) = served.get("/tokens", OPERATOR).await;
    assert_eq!(body["tokens"][0]["last_used_at"], "2026-11-28T09:00:00Z");
}

/// Whatever is in the data directory.
fn stored(served: &Served) -> Vec<u8> {
    let files = walkdir::WalkDir::new(served.context.layout.root()).into_iter();
    let files = files
        .map(Result::unwrap)
        .filter(|f| f.file_type().is_file());
    let bytes: Vec<u8> = files
        .flat_map(|f| std::fs::read(f.path()).unwrap())
        .collect();
    assert!(bytes.len() > 10_000);
    bytes
}

#[tokio::test]
async fn a_token_is_nowhere_in_the_data_directory() {
    let served = Served::start().await;
    let (id, token) = served.token("read,plan").await;
    served.post("/stacks/infra%2Fa/plan", &token).await;
    let bytes = stored(&served);
    let holds = |text: &str| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(holds(&id), "what is looked through is what was written");
    let random = token.strip_prefix("mrg_").unwrap();
    assert_eq!(random.len(), 64);
    assert!(!holds(random));
    assert!(!holds(&random[..16]));
    assert!(
        !bytes
            .windows(32)
            .any(|part| part == hex::decode(random).unwrap())
    );
}

#[tokio::test]
async fn without_the_operators_token_people_still_have_theirs() {
    let served = Served::start().await;
    let (_, token) = served.token("read").await;
    let closed = served.without_operator().await;
    assert_eq!(closed.get("/stacks", &token).await.0, 200);
    let (status, body) = closed.get("/stacks", OPERATOR).await;
    assert_eq!((status, &body["error"]["kind"]), (403, &"closed".into()));
    assert_eq!(closed.get("/stacks", "mrg_wrong").await.0, 401);
}

#[tokio::test]
async fn the_log_is_given_in_pages_and_for_a_stack() {
    let served = Served::start().await;
    served.token("read").await;
    for _ in 0..3 {
        served.post("/stacks/infra%2Fa/plan?by=ada", OPERATOR).await;
    }
    let seqs = async |query: &str| {
        let (status, body) = served.get(&format!("/audit{query}"), OPERATOR).await;
        assert_eq!(status, 200, "{query}: {body}");
        assert_eq!(body["head"]["seq"], 4);
        let entries = body["entries"].as_array().unwrap().iter();
        entries
            .map(|e| e["seq"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(seqs("").await, [4, 3, 2, 1]);
    assert_eq!(seqs("?before=3&limit=1").await, [2]);
    assert_eq!(seqs("?after=1&limit=2").await, [2, 3]);
    assert_eq!(seqs("?stack=infra/a&limit=9").await, [4, 3, 2]);
    let late = seqs("?after=0&since=2026-11-28T08:00:01Z").await;
    assert!(late.is_empty(), "{late:?}");
    for wrong in ["?after=1&before=2", "?after=x", "?sort=seq"] {
        let (status, _) = served.get(&format!("/audit{wrong}"), OPERATOR).await;
        assert_eq!(status, 400, "{wrong}");
    }
}
