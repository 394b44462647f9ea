//! What is sent is an Adaptive Card as far as Mooring uses them. The rules below are those of the
//! schema of Adaptive Cards 1.4, <https://adaptivecards.io/explorer/>, and of Teams,
//! <https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-reference>.

use wiremock::matchers::{body_partial_json, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::super::content::content;
use super::super::samples;
use super::*;

/// The keys of an element, each with the words it may have; no words mean text.
fn rules(kind: &str) -> &'static [(&'static str, &'static [&'static str])] {
    const SPACING: &[&str] = &[
        "None",
        "Small",
        "Default",
        "Medium",
        "Large",
        "ExtraLarge",
        "Padding",
    ];
    const STYLE: &[&str] = &[
        "default",
        "emphasis",
        "good",
        "attention",
        "warning",
        "accent",
    ];
    match kind {
        "Container" => &[("style", STYLE), ("spacing", SPACING)],
        "RichTextBlock" => &[("spacing", SPACING)],
        "TextRun" => &[
            ("text", &[]),
            ("fontType", &["Default", "Monospace"]),
            ("weight", &["Lighter", "Default", "Bolder"]),
            (
                "size",
                &["Default", "Small", "Medium", "Large", "ExtraLarge"],
            ),
        ],
        other => panic!("{other} is no element that Teams shows"),
    }
}

fn check(element: &Value, within: &str) {
    let members = element.as_object().unwrap();
    let kind = members["type"].as_str().unwrap();
    let rules = rules(kind);
    match within {
        "inlines" => assert_eq!(kind, "TextRun"),
        _ => assert_ne!(kind, "TextRun"),
    }
    for (key, value) in members {
        match (kind, key.as_str()) {
            (_, "type") => {}
            ("Container", "bleed") | ("TextRun", "isSubtle") => assert!(value.is_boolean()),
            ("Container", "items") | ("RichTextBlock", "inlines") => {
                let parts = value.as_array().unwrap();
                assert!(!parts.is_empty());
                parts.iter().for_each(|part| check(part, key));
            }
            ("TextRun", "selectAction") => {
                assert_eq!(value["type"], "Action.OpenUrl");
                assert!(value["url"].as_str().unwrap().starts_with("https://"));
            }
            (_, key) => {
                let (_, words) = rules.iter().find(|(known, _)| *known == key).unwrap();
                let value = value.as_str().unwrap();
                assert!(words.is_empty() || words.contains(&value), "{key}: {value}");
            }
        }
    }
    match kind {
        "Container" => assert!(members.contains_key("items")),
        "RichTextBlock" => assert!(members.contains_key("inlines")),
        _ => assert!(!members["text"].as_str().unwrap().is_empty()),
    }
}

fn check_message(message: &Value) {
    assert!(message.to_string().len() <= 28 * 1024);
    assert_eq!(message["type"], "message");
    let attachments = message["attachments"].as_array().unwrap();
    assert_eq!(attachments.len(), 1);
    let card = &attachments[0]["content"];
    assert_eq!(card["type"], "AdaptiveCard");
    assert_eq!(card["version"], "1.4");
    assert!(card["fallbackText"].is_string());
    for element in card["body"].as_array().unwrap() {
        check(element, "body");
    }
}

#[test]
fn every_notice_is_a_card_that_teams_shows() {
    for notice in samples::all() {
        check_message(&message(&content(&notice)));
    }
}

#[test]
fn a_message_that_is_too_long_says_so() {
    let message = message(&samples::flood());
    check_message(&message);
    assert!(message.to_string().len() > 20 * 1024);
    assert!(message.to_string().contains(NOT_ALL));
}

/// What a person reads, a paragraph on each line.
fn read(message: &Value) -> String {
    fn runs(element: &Value, lines: &mut Vec<String>) {
        for item in element["items"].as_array().into_iter().flatten() {
            lines.push(format!("({})", element["style"].as_str().unwrap()));
            runs(item, lines);
        }
        if let Some(inlines) = element["inlines"].as_array() {
            let texts = inlines.iter().map(|run| run["text"].as_str().unwrap());
            lines.push(texts.collect());
        }
    }
    let mut lines = Vec::new();
    for element in message["attachments"][0]["content"]["body"]
        .as_array()
        .unwrap()
    {
        runs(element, &mut lines);
    }
    lines.join("\n")
}

#[test]
fn each_kind_of_notice_in_teams() {
    let all = samples::all();
    let texts = all.iter().map(|notice| read(&message(&content(notice))));
    insta::assert_snapshot!(texts.collect::<Vec<_>>().join("\n\n---\n\n"));
}

#[test]
fn a_card() {
    let message = message(&content(&samples::resolved()));
    insta::assert_snapshot!(serde_json::to_string_pretty(&message).unwrap());
}

#[tokio::test]
async fn a_workflow_gets_the_card() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(body_partial_json(json!({"type": "message"})))
        .respond_with(ResponseTemplate::new(202))
        .expect(1)
        .mount(&server)
        .await;
    let delivery = samples::deliver("teams", &server.uri(), &[], &samples::drift(), None).await;
    assert_eq!(delivery, super::super::Delivery::Accepted { handle: None });
}
