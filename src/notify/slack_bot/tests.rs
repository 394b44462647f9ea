//! What is sent keeps to the limits of <https://docs.slack.dev/reference/block-kit/blocks> and of
//! <https://docs.slack.dev/reference/methods/chat.postmessage>.

use wiremock::matchers::{body_partial_json, header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::content::content;
use super::super::samples;
use super::*;
use crate::domain::alert::AlertEvent;
use crate::domain::notice::Notice;

fn length(text: &Value) -> usize {
    text["text"].as_str().unwrap().chars().count()
}

fn check_block(block: &Value) {
    match block["type"].as_str().unwrap() {
        "section" => {
            assert!((1..=3000).contains(&length(&block["text"])));
            let kind = block["text"]["type"].as_str().unwrap();
            assert!(["plain_text", "mrkdwn"].contains(&kind));
        }
        "context" => {
            let elements = block["elements"].as_array().unwrap();
            assert!((1..=10).contains(&elements.len()));
            assert!(elements.iter().all(|one| (1..=2000).contains(&length(one))));
        }
        other => panic!("the block {other} is not used"),
    }
}

fn check(message: &Value) {
    assert!(message["text"].as_str().unwrap().chars().count() <= 4000);
    let attachments = message["attachments"].as_array().unwrap();
    assert!(attachments.len() <= 1);
    let mut blocks = message["blocks"].as_array().unwrap().clone();
    for attachment in attachments {
        assert_eq!(attachment["color"].as_str().unwrap().len(), 7);
        blocks.extend(attachment["blocks"].as_array().unwrap().clone());
    }
    assert!(blocks.len() <= 50, "{}", blocks.len());
    blocks.iter().for_each(check_block);
}

#[test]
fn limits_hold_whatever_is_in_a_message() {
    for notice in samples::all() {
        check(&message(&content(&notice)));
    }
    let message = message(&samples::flood());
    check(&message);
    let last = message["attachments"][0]["blocks"]
        .as_array()
        .unwrap()
        .last();
    assert!(last.unwrap().to_string().contains("this is not all of it"));
    assert!(!message["attachments"].to_string().contains("<!channel>"));
}

#[test]
fn an_end_in_slack() {
    let message = message(&content(&samples::resolved()));
    insta::assert_snapshot!(serde_json::to_string_pretty(&message).unwrap());
}

fn changed() -> Notice {
    let Notice::Alert(mut alert) = samples::drift() else {
        unreachable!()
    };
    alert.event = AlertEvent::Changed;
    Notice::Alert(alert)
}

/// A call that Slack gets once, and its answer.
async fn on(server: &MockServer, call: &str, asked: Value, answer: Value) {
    Mock::given(path(format!("/{call}")))
        .and(header("authorization", "Bearer xoxb-tokentoken"))
        .and(body_partial_json(asked))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .expect(1)
        .mount(server)
        .await;
}

async fn deliver(server: &MockServer, notice: &Notice, handle: Option<&str>) -> Delivery {
    let api = server.uri();
    let texts = [("channel", "C1"), ("api_url", api.as_str())];
    samples::deliver("slack_bot", "xoxb-tokentoken\n", &texts, notice, handle).await
}

fn posted(ts: &str) -> Value {
    json!({"ok": true, "channel": "C1", "ts": ts})
}

fn refused(error: &str) -> Value {
    json!({"ok": false, "error": error})
}

#[tokio::test]
async fn the_first_message_is_remembered() {
    let server = MockServer::start().await;
    let asked = json!({"channel": "C1", "parse": "none"});
    on(&server, "chat.postMessage", asked, posted("1.5")).await;
    let handle = Some("C1/1.5".to_owned());
    let delivery = deliver(&server, &samples::drift(), None).await;
    assert_eq!(delivery, Delivery::Accepted { handle });
}

#[tokio::test]
async fn a_later_message_edits_the_first_and_replies_to_it() {
    for (notice, shown) in [(changed(), true), (samples::resolved(), false)] {
        let server = MockServer::start().await;
        let asked = json!({"channel": "C1", "ts": "1.5"});
        on(&server, "chat.update", asked, posted("1.5")).await;
        let asked = json!({"channel": "C1", "thread_ts": "1.5", "reply_broadcast": shown});
        on(&server, "chat.postMessage", asked, posted("2.5")).await;
        let delivery = deliver(&server, &notice, Some("C1/1.5")).await;
        assert_eq!(delivery, Delivery::Accepted { handle: None });
    }
}

#[tokio::test]
async fn a_message_that_is_gone_is_posted_anew_and_one_too_old_is_replied_to() {
    let server = MockServer::start().await;
    on(
        &server,
        "chat.update",
        json!({}),
        refused("message_not_found"),
    )
    .await;
    on(&server, "chat.postMessage", json!({}), posted("9.5")).await;
    let handle = Some("C1/9.5".to_owned());
    let delivery = deliver(&server, &changed(), Some("C1/1.5")).await;
    assert_eq!(delivery, Delivery::Accepted { handle });

    let server = MockServer::start().await;
    on(
        &server,
        "chat.update",
        json!({}),
        refused("edit_window_closed"),
    )
    .await;
    let asked = json!({"thread_ts": "1.5"});
    on(&server, "chat.postMessage", asked, posted("9.5")).await;
    let delivery = deliver(&server, &changed(), Some("C1/1.5")).await;
    assert_eq!(delivery, Delivery::Accepted { handle: None });
}

#[tokio::test]
async fn what_slack_says_tells_what_to_do() {
    let mut said = Vec::new();
    for error in [
        "invalid_auth",
        "not_in_channel",
        "channel_not_found",
        "is_archived",
        "ratelimited",
        "internal_error",
        "invalid_blocks",
        "xoxb-tokentoken",
    ] {
        let server = MockServer::start().await;
        on(&server, "chat.postMessage", json!({}), refused(error)).await;
        said.push(match deliver(&server, &changed(), None).await {
            Delivery::Retry { error, after } => format!("retry after {after:?}: {error}"),
            other => format!("{other:?}"),
        });
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test]
async fn a_busy_slack_is_left_alone() {
    let server = MockServer::start().await;
    Mock::given(path("/chat.postMessage"))
        .respond_with(ResponseTemplate::new(429).insert_header("retry-after", "12"))
        .mount(&server)
        .await;
    let Delivery::Retry { after, .. } = deliver(&server, &changed(), None).await else {
        panic!("it may have time later");
    };
    assert_eq!(after, Some(SignedDuration::from_secs(12)));
}
