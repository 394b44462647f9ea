//! A room on a real homeserver (Synapse). Needs the lab (`MOORING_LAB`, a directory with `venv`).

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use jiff::Timestamp;
use mooring::domain::alert::{AlertEvent, AlertKind, Resolution};
use mooring::domain::audience::Audience;
use mooring::domain::check::StackCheck;
use mooring::domain::finding::{Findings, Severity, Verdict};
use mooring::domain::ids::{AlertId, MessageId, StackId};
use mooring::domain::message::Addressee;
use mooring::domain::notice::{AlertNotice, Notice};
use mooring::domain::policy::{Decision, DecisionKind};
use mooring::notify::settings::{ChannelSettings, NotifierSettings, NotifySettings, Value};
use mooring::notify::{Delivery, Notifiers};
use mooring::secret::SecretSource;
use serde_json::Value as Json;

/// A homeserver of this test alone; ends with it, because its standard input closes.
struct Server {
    process: Child,
    ready: Json,
    dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

impl Server {
    fn start() -> Option<Self> {
        let Some(lab) = std::env::var_os("MOORING_LAB").map(PathBuf::from) else {
            eprintln!("SKIPPED: MOORING_LAB is not set, so no room gets a message");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let mut process = Command::new(lab.join("venv/bin/python"))
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/lab/homeserver.py"
            ))
            .arg("--dir")
            .arg(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the lab's Python starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready = serde_json::from_str(&line).expect("the server prints what it is");
        let server = Self {
            process,
            ready,
            dir,
        };
        std::fs::write(server.token_file(), server.field("token")).unwrap();
        Some(server)
    }

    fn field(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }

    fn token_file(&self) -> PathBuf {
        self.dir.path().join("token")
    }

    fn notifiers(&self, room: &str) -> Notifiers {
        let token = SecretSource::File(self.token_file());
        let values = [
            ("homeserver", Value::Text(self.field("url").to_owned())),
            ("room", Value::Text(room.to_owned())),
            ("token", Value::Secret(token)),
        ];
        let settings = NotifySettings {
            notifiers: vec![NotifierSettings {
                name: "room".to_owned(),
                channel: ChannelSettings {
                    channel: "matrix",
                    values: values.into_iter().collect(),
                },
            }],
            ..NotifySettings::default()
        };
        Notifiers::build(&settings).unwrap()
    }

    /// The messages in the room, oldest first.
    async fn messages(&self) -> Vec<Json> {
        let mut url = reqwest::Url::parse(self.field("url")).unwrap();
        let path = [
            "_matrix",
            "client",
            "v3",
            "rooms",
            self.field("room"),
            "messages",
        ];
        url.path_segments_mut().unwrap().extend(path);
        url.query_pairs_mut()
            .append_pair("dir", "f")
            .append_pair("limit", "100");
        let request = reqwest::Client::new().get(url);
        let answer = request.bearer_auth(self.field("token")).send().await;
        let text = answer.unwrap().text().await.unwrap();
        let all: Json = serde_json::from_str(&text).unwrap();
        let events = all["chunk"].as_array().unwrap().iter();
        events
            .filter(|event| event["type"] == "m.room.message")
            .cloned()
            .collect()
    }
}

fn notice(event: AlertEvent) -> Notice {
    let over = event == AlertEvent::Resolved;
    let at: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
    Notice::Alert(AlertNotice {
        alert: AlertId::from_uuid(uuid::Uuid::from_u128(2)),
        event,
        kind: AlertKind::Drift,
        stack: StackId::new("infra/live/<b>@room"),
        severity: Severity::High,
        at,
        looked_at: None,
        opened_at: at,
        since: None,
        detail: None,
        resolution: over.then_some(Resolution::PutBack),
        news: Vec::new(),
        acknowledged: None,
        returns: 0,
        escalated: false,
        cause: None,
        request: None,
        trouble: None,
        audience: Audience::default(),
        check: StackCheck {
            stack: None,
            workspace: "default".to_owned(),
            commit: None,
            dirty: false,
            verdict: if over {
                Verdict::InSync
            } else {
                Verdict::Drifted
            },
            terraform_version: None,
            duration_ms: 1,
            failure: None,
            digest: None,
            recipe: None,
            findings: Findings::default(),
            decision: Decision::new(DecisionKind::Alert),
        },
    })
}

async fn deliver(
    notifiers: &Notifiers,
    id: u128,
    event: AlertEvent,
    handle: Option<&str>,
) -> Delivery {
    let to = Addressee {
        notifier: "room".to_owned(),
        recipient: None,
    };
    let id = MessageId::from_uuid(uuid::Uuid::from_u128(id));
    notifiers
        .deliver(&to, &id, &notice(event), Timestamp::UNIX_EPOCH, handle)
        .await
}

#[tokio::test]
async fn an_alert_is_a_thread_that_is_edited_when_it_is_over() {
    let Some(server) = Server::start() else {
        return;
    };
    let by_alias = server.notifiers(server.field("alias"));
    let first = deliver(&by_alias, 1, AlertEvent::Opened, None).await;
    let Delivery::Accepted { handle } = &first else {
        panic!("{first:?}");
    };
    let again = deliver(&by_alias, 1, AlertEvent::Opened, None).await;
    assert_eq!(again, first, "the same message is the same event");
    let handle = handle.as_deref();

    let by_id = server.notifiers(server.field("room"));
    for (id, event) in [(2, AlertEvent::Changed), (3, AlertEvent::Resolved)] {
        for _ in 0..2 {
            let delivery = deliver(&by_id, id, event, handle).await;
            assert_eq!(delivery, Delivery::Accepted { handle: None });
        }
    }

    let messages = server.messages().await;
    let [root, changed, edit, resolved] = messages.as_slice() else {
        panic!("{messages:#?}");
    };
    for below in [changed, resolved] {
        let relation = &below["content"]["m.relates_to"];
        assert_eq!(relation["rel_type"], "m.thread");
        assert_eq!(relation["event_id"], root["event_id"]);
    }
    assert_eq!(edit["content"]["m.relates_to"]["rel_type"], "m.replace");
    // The server knows both relations: it shows them with the event they belong to.
    let known = &root["unsigned"]["m.relations"];
    assert_eq!(known["m.thread"]["count"], 2, "{root:#}");
    assert_eq!(known["m.replace"]["event_id"], edit["event_id"], "{root:#}");
    let html = root["content"]["formatted_body"].as_str().unwrap();
    assert!(html.contains("infra/live/&lt;b&gt;@room"), "{html}");
    assert_eq!(root["content"]["m.mentions"], serde_json::json!({}));

    let limited = 'limited: {
        for id in 10..60 {
            match deliver(&by_id, id, AlertEvent::Reminded, handle).await {
                Delivery::Accepted { .. } => {}
                other => break 'limited other,
            }
        }
        panic!("the homeserver has no limit");
    };
    assert!(
        matches!(&limited, Delivery::Retry { error, after: Some(_) } if error.contains("M_LIMIT_EXCEEDED")),
        "{limited:?}"
    );

    let elsewhere = server.notifiers("#nowhere:localhost");
    let delivery = deliver(&elsewhere, 70, AlertEvent::Opened, None).await;
    assert!(
        matches!(&delivery, Delivery::Retry { error, .. } if error.contains("M_NOT_FOUND")),
        "{delivery:?}"
    );
    std::fs::write(server.token_file(), "syt_wrongwrongwrong").unwrap();
    let delivery = deliver(&by_id, 71, AlertEvent::Opened, None).await;
    let Delivery::Retry { error, .. } = &delivery else {
        panic!("{delivery:?}");
    };
    assert!(error.contains("token is refused"), "{error}");
    assert!(!error.contains("wrongwrong"), "{error}");
}
