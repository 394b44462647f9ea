//! What is sent keeps to <https://discord.com/developers/docs/resources/webhook#execute-webhook>
//! and to the limits of embeds.

use wiremock::matchers::{body_partial_json, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::content::content;
use super::super::samples;
use super::*;

fn check(message: &Value) {
    assert_eq!(message["allowed_mentions"], json!({"parse": []}));
    let embeds = message["embeds"].as_array().unwrap();
    assert_eq!(embeds.len(), 1);
    let mut all = 0;
    for (text, most) in [
        (&embeds[0]["title"], 256),
        (&embeds[0]["description"], 4096),
        (&embeds[0]["footer"]["text"], 2048),
    ] {
        if text.is_null() {
            continue;
        }
        let length = chat::code_units(text.as_str().unwrap());
        assert!((1..=most).contains(&length), "{length} > {most}");
        all += length;
    }
    assert!(all <= 6000);
    assert!(embeds[0]["color"].as_u64().unwrap() <= 0xff_ff_ff);
}

#[test]
fn limits_hold_whatever_is_in_a_message() {
    for notice in samples::all() {
        check(&message(&content(&notice)));
    }
    let message = message(&samples::flood());
    check(&message);
    let description = message["embeds"][0]["description"].as_str().unwrap();
    assert!(description.ends_with(chat::NOT_ALL));
    assert!(description.len() > 3000);
}

#[test]
fn each_kind_of_notice_in_discord() {
    let all = samples::all();
    let texts = all.iter().map(|notice| {
        let message = message(&content(notice));
        let embed = &message["embeds"][0];
        format!(
            "({:06x}) {}\n{}\n{}",
            embed["color"].as_u64().unwrap(),
            embed["title"].as_str().unwrap(),
            embed["description"].as_str().unwrap_or_default(),
            embed["footer"]["text"].as_str().unwrap(),
        )
    });
    insta::assert_snapshot!(texts.collect::<Vec<_>>().join("\n\n---\n\n"));
}

const HOOK: &str = "/api/webhooks/1/tokentokentoken";

async fn on(server: &MockServer, verb: &str, to: &str, answer: ResponseTemplate, times: u64) {
    Mock::given(method(verb))
        .and(path(to))
        .and(body_partial_json(
            json!({"allowed_mentions": {"parse": []}}),
        ))
        .respond_with(answer)
        .expect(times)
        .mount(server)
        .await;
}

async fn deliver(server: &MockServer, handle: Option<&str>) -> Delivery {
    let url = format!("{}{HOOK}?thread_id=5", server.uri());
    samples::deliver("discord", &url, &[], &samples::resolved(), handle).await
}

fn posted(id: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"id": id}))
}

#[tokio::test]
async fn the_first_message_is_remembered() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path(HOOK))
        .and(query_param("wait", "true"))
        .and(query_param("thread_id", "5"))
        .respond_with(posted("77"))
        .expect(1)
        .mount(&server)
        .await;
    let handle = Some("77".to_owned());
    assert_eq!(deliver(&server, None).await, Delivery::Accepted { handle });
}

#[tokio::test]
async fn a_later_message_edits_the_first_and_follows_it() {
    let server = MockServer::start().await;
    Mock::given(method("PATCH"))
        .and(path(format!("{HOOK}/messages/77")))
        .and(query_param("thread_id", "5"))
        .respond_with(posted("77"))
        .expect(1)
        .mount(&server)
        .await;
    on(&server, "POST", HOOK, posted("78"), 1).await;
    let delivery = deliver(&server, Some("77")).await;
    assert_eq!(delivery, Delivery::Accepted { handle: None });
}

#[tokio::test]
async fn a_message_that_somebody_deleted_is_replaced() {
    let server = MockServer::start().await;
    let gone = json!({"message": "Unknown Message", "code": 10008});
    let gone = ResponseTemplate::new(404).set_body_json(gone);
    let first = format!("{HOOK}/messages/77");
    on(&server, "PATCH", &first, gone, 1).await;
    on(&server, "POST", HOOK, posted("78"), 1).await;
    let handle = Some("78".to_owned());
    let delivery = deliver(&server, Some("77")).await;
    assert_eq!(delivery, Delivery::Accepted { handle });
}

#[tokio::test]
async fn a_webhook_that_is_not_there_or_busy_is_tried_again() {
    let server = MockServer::start().await;
    let gone = json!({"message": "Unknown Webhook", "code": 10015});
    let gone = ResponseTemplate::new(404).set_body_json(gone);
    on(&server, "PATCH", &format!("{HOOK}/messages/77"), gone, 1).await;
    let busy = json!({"message": "rate limited", "retry_after": 1.5, "global": false});
    let busy = ResponseTemplate::new(429)
        .insert_header("retry-after", "2")
        .set_body_json(busy);
    on(&server, "POST", HOOK, busy, 1).await;
    let Delivery::Retry { error, .. } = deliver(&server, Some("77")).await else {
        panic!("the URL may be put right");
    };
    assert!(error.contains("does not exist (any more)"), "{error}");
    let Delivery::Retry { after, error } = deliver(&server, None).await else {
        panic!("it may have time later");
    };
    assert_eq!(after, Some(SignedDuration::from_millis(1500)));
    assert!(!error.contains("tokentoken"), "{error}");
}

#[test]
fn what_is_no_id_of_a_message_is_not_put_into_an_address() {
    let url = Url::parse("https://discord.example/api/webhooks/1/t").unwrap();
    for handle in ["", "../x", "1?x", "C/1"] {
        assert_eq!(place_of(&url, handle), None);
    }
}
