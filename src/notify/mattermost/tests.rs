//! What is sent keeps to <https://developers.mattermost.com/integrate/webhooks/incoming/> and
//! <https://developers.mattermost.com/integrate/reference/message-attachments/>.

use wiremock::matchers::{body_partial_json, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::content::content;
use super::super::{Delivery, samples};
use super::*;

fn check(message: &Value) {
    let attachments = message["attachments"].as_array().unwrap();
    assert_eq!(attachments.len(), 1);
    let attachment = attachments[0].as_object().unwrap();
    for (key, value) in attachment {
        let known = ["fallback", "color", "title", "text", "footer"];
        assert!(known.contains(&key.as_str()), "{key}");
        let value = value.as_str().unwrap();
        assert!(value.chars().count() <= TEXT_CHARACTERS);
    }
    let colour = attachment["color"].as_str().unwrap();
    assert!(colour.len() == 7 && colour.starts_with('#'));
}

#[test]
fn limits_hold_and_nobody_is_mentioned() {
    for notice in samples::all() {
        check(&message(&content(&notice)));
    }
    let message = message(&samples::flood());
    check(&message);
    let attachment = &message["attachments"][0];
    let text = attachment["text"].as_str().unwrap();
    assert!(text.ends_with(chat::NOT_ALL));
    // Code is every second part between backticks that no backslash precedes.
    let text = text.replace("\\`", "");
    let plain: String = text.split('`').step_by(2).collect();
    for mention in ["@everyone", "@here"] {
        assert!(!plain.contains(mention));
        assert!(!attachment["fallback"].to_string().contains(mention));
        assert!(!attachment["title"].to_string().contains(mention));
        assert!(!attachment["footer"].to_string().contains(mention));
    }
}

#[test]
fn each_kind_of_notice_in_mattermost() {
    let all = samples::all();
    let texts = all.iter().map(|notice| {
        let message = message(&content(notice));
        let part = |key: &str| message["attachments"][0][key].as_str().unwrap().to_owned();
        format!(
            "({}) {}\n{}\n{}",
            part("color"),
            part("title"),
            part("text"),
            part("footer")
        )
    });
    insta::assert_snapshot!(texts.collect::<Vec<_>>().join("\n\n---\n\n"));
}

#[tokio::test]
async fn a_webhook_gets_the_message_and_where_it_goes() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(body_partial_json(
            json!({"channel": "alerts", "username": "mooring"}),
        ))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    let texts = [("channel", "alerts"), ("username", "mooring")];
    let notice = samples::drift();
    let delivery = samples::deliver("mattermost", &server.uri(), &texts, &notice, None).await;
    assert_eq!(delivery, Delivery::Accepted { handle: None });
}
