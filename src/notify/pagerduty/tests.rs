//! The events as PagerDuty documents them:
//! <https://developer.pagerduty.com/docs/send-alert-event> and
//! <https://developer.pagerduty.com/docs/send-change-event>.

use jiff::{SignedDuration, Timestamp};
use wiremock::matchers::{body_partial_json, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::content::{Brief, content};
use super::super::samples;
use super::super::section::Section;
use super::super::style::Style;
use super::*;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn shown(notice: &Notice) -> Json {
    let (path, event) = event(notice, &content(notice)).unwrap();
    json!({"path": path.join("/"), "event": event})
}

#[test]
fn trouble_triggers_an_incident() {
    insta::assert_json_snapshot!(shown(&samples::drift()));
    insta::assert_json_snapshot!(shown(&samples::failed()));
}

#[test]
fn an_end_resolves_it() {
    let event = shown(&samples::resolved());
    assert_eq!(event["event"]["event_action"], "resolve");
    assert_eq!(
        event["event"]["dedup_key"],
        shown(&samples::drift())["event"]["dedup_key"]
    );
}

#[test]
fn somebody_who_takes_it_acknowledges_it() {
    let Notice::Alert(mut alert) = samples::drift() else {
        unreachable!()
    };
    alert.event = crate::domain::alert::AlertEvent::Acknowledged;
    let event = shown(&Notice::Alert(alert));
    assert_eq!(event["event"]["event_action"], "acknowledge");
}

#[test]
fn a_repair_is_a_change_and_a_summary_is_nothing() {
    insta::assert_json_snapshot!(shown(&samples::repaired()));
    let summary = samples::first_sight();
    assert!(event(&summary, &content(&summary)).is_none());
    let report = super::super::Specimen::Report.notice();
    assert!(event(&report, &content(&report)).is_none());
}

#[test]
fn messages_that_were_given_up_are_an_incident_of_their_own() {
    let lost = super::super::Specimen::Undelivered.notice();
    let event = &shown(&lost)["event"];
    assert_eq!(event["event_action"], "trigger");
    assert_eq!(event["dedup_key"], "undelivered-oncall");
    assert_eq!(event["payload"]["severity"], "error");
    let down = super::super::Specimen::Unreachable.notice();
    assert_ne!(shown(&down)["event"]["dedup_key"], event["dedup_key"]);
}

#[test]
fn an_event_stays_small_whatever_is_in_it() {
    let item = Item {
        label: "a".repeat(250),
        text: "\u{1}\"ü".repeat(200),
        lines: vec!["&".repeat(600).into(); 12],
    };
    let flood = Content {
        subject: String::new(),
        headline: "x".repeat(900),
        facts: vec!["<".repeat(900); 3],
        sections: ["What changed", "What Mooring does", "What you can do"]
            .map(|title| Section::new(title, vec![item.clone(); 90]))
            .to_vec(),
        severity: Severity::High,
        over: false,
        brief: Brief::default(),
    };
    let size = details(&flood).to_string().len();
    assert!(size < 64 * 1024, "{size}");
    for notice in samples::all() {
        let Some((_, event)) = event(&notice, &content(&notice)) else {
            continue;
        };
        let payload = &event["payload"];
        let summary = payload["summary"].as_str().unwrap().chars().count();
        assert!((1..=SUMMARY_CHARACTERS).contains(&summary));
        assert!(!payload["source"].as_str().unwrap().is_empty());
    }
}

async fn deliver(server: &MockServer, notice: &Notice) -> Delivery {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    std::fs::write(&file, KEY).unwrap();
    let pagerduty = PagerDuty {
        server: Url::parse(&server.uri()).unwrap(),
        routing_key: SecretSource::File(file),
        http: HttpSender::new(Vec::new(), super::super::http::TIMEOUT).unwrap(),
    };
    let id = samples::message_id();
    let letter = Letter {
        id: &id,
        recipient: None,
        notice,
        created_at: Timestamp::UNIX_EPOCH,
        handle: None,
        style: &Style::default(),
    };
    pagerduty.send(letter).await
}

async fn answered(response: ResponseTemplate) -> Delivery {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v2/enqueue"))
        .and(body_partial_json(json!({"routing_key": KEY})))
        .respond_with(response)
        .expect(1)
        .mount(&server)
        .await;
    deliver(&server, &samples::drift()).await
}

#[tokio::test]
async fn answers_are_understood() {
    let taken = ResponseTemplate::new(202).set_body_json(json!({"status": "success"}));
    assert_eq!(answered(taken).await, Delivery::Accepted { handle: None });
    let invalid = ResponseTemplate::new(400).set_body_string(format!("invalid key {KEY}"));
    let Delivery::Rejected { error } = answered(invalid).await else {
        panic!("an invalid event stays invalid");
    };
    assert!(!error.contains(KEY), "{error}");
    assert_eq!(
        answered(ResponseTemplate::new(429)).await,
        Delivery::Retry {
            error: "PagerDuty answered 429".to_owned(),
            after: Some(SignedDuration::from_secs(60)),
        }
    );
    let broken = answered(ResponseTemplate::new(503)).await;
    assert!(matches!(broken, Delivery::Retry { after: None, .. }));
    let elsewhere = answered(ResponseTemplate::new(200)).await;
    assert!(matches!(elsewhere, Delivery::Retry { .. }), "{elsewhere:?}");
}

#[tokio::test]
async fn what_is_no_incident_is_not_sent() {
    let server = MockServer::start().await;
    let delivery = deliver(&server, &samples::first_sight()).await;
    assert_eq!(delivery, Delivery::Accepted { handle: None });
    assert!(server.received_requests().await.unwrap().is_empty());
}
