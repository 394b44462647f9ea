//! What a room gets; a real homeserver is spoken to in `tests/notify_matrix.rs`.

use jiff::Timestamp;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::content::{Brief, content};
use super::super::samples;
use super::super::style::Style;
use super::*;

fn shown(notice: &Notice) -> Json {
    message(notice, &content(notice))
}

#[test]
fn drift_in_a_room() {
    insta::assert_json_snapshot!(shown(&samples::drift()));
}

#[test]
fn an_end_in_place_of_the_beginning() {
    let notice = samples::resolved();
    let content = content(&notice);
    insta::assert_json_snapshot!(edited("$root", &shown(&notice), &content));
}

#[test]
fn only_trouble_that_begins_wakes_anybody() {
    for notice in samples::all() {
        let wakes = notice.turn() == Turn::Begins;
        let kind = if wakes { "m.text" } else { "m.notice" };
        assert_eq!(shown(&notice)["msgtype"], kind);
    }
}

#[test]
fn an_event_keeps_within_its_limit_and_its_tags_are_closed() {
    let item = Item {
        label: "<".repeat(250),
        text: "\\".repeat(600),
        lines: vec!["@room <b>".repeat(60).into(); 12],
    };
    let content = Content {
        subject: "&".repeat(200),
        headline: "\"".repeat(900),
        facts: vec!["\\".repeat(900); 3],
        sections: vec![Section::new("What changed", vec![item; 90])],
        severity: Severity::High,
        over: false,
        brief: Brief::default(),
    };
    let message = message(&samples::drift(), &content);
    let edit = edited("$root", &message, &content);
    assert!(
        edit.to_string().len() < 60_000,
        "{}",
        edit.to_string().len()
    );
    let html = message["formatted_body"].as_str().unwrap();
    for tag in ["b", "p", "ul", "li", "code"] {
        let opened = html.matches(&format!("<{tag}>")).count();
        assert_eq!(opened, html.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    assert!(html.ends_with("this is not all of it</p>"));
}

async fn answered(response: ResponseTemplate) -> Delivery {
    let server = MockServer::start().await;
    let id = samples::message_id();
    Mock::given(method("PUT"))
        .and(path(format!(
            "/_matrix/client/v3/rooms/!a:b/send/m.room.message/{id}"
        )))
        .and(header("authorization", "Bearer syt_tokentoken"))
        .respond_with(response)
        .expect(1)
        .mount(&server)
        .await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "syt_tokentoken\n").unwrap();
    let matrix = Matrix {
        homeserver: Url::parse(&server.uri()).unwrap(),
        room: "!a:b".to_owned(),
        token: SecretSource::File(file),
        http: HttpSender::new(Vec::new(), super::super::http::TIMEOUT).unwrap(),
    };
    let notice = samples::drift();
    let letter = Letter {
        id: &id,
        recipient: None,
        notice: &notice,
        created_at: Timestamp::UNIX_EPOCH,
        handle: None,
        style: &Style::default(),
    };
    matrix.send(letter).await
}

/// Errors as in <https://spec.matrix.org/v1.15/client-server-api/#standard-error-response>.
#[tokio::test]
async fn answers_are_understood() {
    let taken = ResponseTemplate::new(200).set_body_json(json!({"event_id": "$1"}));
    let Delivery::Accepted { handle } = answered(taken).await else {
        panic!("it is taken");
    };
    assert_eq!(handle.unwrap(), r#"{"room":"!a:b","root":"$1"}"#);

    let error = |status, code: &str| {
        let body = json!({"errcode": code, "error": "no", "retry_after_ms": 1500});
        ResponseTemplate::new(status).set_body_json(body)
    };
    let Delivery::Retry { after, .. } = answered(error(429, "M_LIMIT_EXCEEDED")).await else {
        panic!("a limit passes");
    };
    assert_eq!(after, Some(SignedDuration::from_secs(2)));
    let Delivery::Retry { error: text, .. } = answered(error(403, "M_FORBIDDEN")).await else {
        panic!("it may be invited yet");
    };
    assert!(text.contains("to have joined it"), "{text}");
    let refused = answered(error(401, "M_UNKNOWN_TOKEN")).await;
    assert!(
        matches!(&refused, Delivery::Retry { error, .. } if error.contains("token is refused"))
    );
    assert!(matches!(
        answered(error(413, "M_TOO_LARGE")).await,
        Delivery::Rejected { .. }
    ));
    let elsewhere = answered(ResponseTemplate::new(200).set_body_string("<html>")).await;
    assert!(matches!(elsewhere, Delivery::Retry { .. }), "{elsewhere:?}");
}
