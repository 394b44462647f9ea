//! PagerDuty, by its Events API v2: an incident for each alert, and a change event for each repair.

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url};
use secrecy::ExposeSecret;
use serde_json::{Map, Value as Json, json};

use crate::domain::finding::Severity;
use crate::domain::notice::{Notice, Turn};
use crate::secret::{Masker, SecretSource};

use super::content::Content;
use super::http::HttpSender;
use super::line::Line;
use super::rest::{Request, below};
use super::section::Item;
use super::settings::{Field, FieldKind, Form};
use super::words::cut;
use super::{Channel, Delivery, Letter, Notifier, Pending, Preview, read_secret};

/// Limits of the Events API.
const SUMMARY_CHARACTERS: usize = 1024;
/// How much of each detail is sent; all details together stay far below the 512 KB of an event.
const DETAIL_CHARACTERS: usize = 2000;
/// Most places in the code.
const MOST_LINKS: usize = 5;
/// Most of the name of a thing.
const NAME_CHARACTERS: usize = 255;

/// An integration of a PagerDuty service.
pub(super) const CHANNEL: Channel = Channel {
    form: Form {
        name: "pagerduty",
        about: "Incidents in PagerDuty (Events API v2).",
        fields: &[
            Field {
                name: "routing_key",
                about: "the integration key of the service",
                kind: FieldKind::Secret,
                needed: true,
            },
            Field {
                name: "url",
                about: "The events server, such as https://events.eu.pagerduty.com.",
                kind: FieldKind::Url,
                needed: false,
            },
        ],
        smtp: false,
    },
    build: |blueprint| {
        Ok(Box::new(PagerDuty {
            server: blueprint.server("url", "https://events.pagerduty.com")?,
            routing_key: blueprint.secret("routing_key")?,
            http: blueprint.http()?,
        }))
    },
};

/// Delivers to one service.
struct PagerDuty {
    server: Url,
    routing_key: SecretSource,
    http: HttpSender,
}

impl Notifier for PagerDuty {
    fn takes_each(&self) -> bool {
        true
    }

    // An event that is sent again changes nothing: it has the same key and does the same to the
    // incident. Only the change event of a repair may then be seen twice.
    fn send<'a>(&'a self, letter: Letter<'a>) -> Pending<'a> {
        Box::pin(async move {
            let Some((path, mut event)) = event(letter.notice, &letter.content()) else {
                return Delivery::Accepted { handle: None };
            };
            let key = match read_secret(&self.routing_key).await {
                Ok(key) => key,
                Err(delivery) => return delivery,
            };
            let masker = Masker::new([key.expose_secret()]);
            event.insert("routing_key".to_owned(), json!(key.expose_secret()));
            let url = below(&self.server, path.iter().copied());
            let request = Request::with(Method::POST, url, Json::Object(event));
            let answer = match self.http.ask(request, HeaderMap::new(), &masker).await {
                Ok(answer) => answer,
                Err(delivery) => return delivery,
            };
            if answer.status == StatusCode::ACCEPTED {
                return Delivery::Accepted { handle: None };
            }
            answer.refusal(
                "PagerDuty",
                "Check the integration key in the secret, and `url`",
            )
        })
    }

    fn preview(&self, letter: Letter<'_>) -> Vec<Preview> {
        let event = event(letter.notice, &letter.content());
        event.map_or_else(Vec::new, |(_, event)| Preview::json(&event))
    }
}

/// What becomes of the incident; none if the notice has none. Messages that were given up are one:
/// whoever reads of them has to see to it, and closes it.
fn action(notice: &Notice) -> Option<&'static str> {
    match notice.turn() {
        Turn::Begins | Turn::GoesOn => Some("trigger"),
        Turn::IsTaken => Some("acknowledge"),
        Turn::Ends => Some("resolve"),
        Turn::Alone => matches!(notice, Notice::Undelivered(_)).then_some("trigger"),
    }
}

/// Where an event goes and what it says, without the key; none for what is no incident's business.
fn event(
    notice: &Notice,
    content: &Content,
) -> Option<(&'static [&'static str], Map<String, Json>)> {
    let Some(action) = action(notice) else {
        return change(notice, content);
    };
    let event = json!({
        "event_action": action,
        "dedup_key": notice.conversation(),
        "client": "Mooring",
        "payload": payload(notice, content),
        "links": links(content),
        "images": [],
    });
    Some((&["v2", "enqueue"], object(event)))
}

/// A repair belongs to the recent changes of the service, and wakes nobody.
fn change(
    notice: &Notice,
    content: &Content,
) -> Option<(&'static [&'static str], Map<String, Json>)> {
    let Notice::Repaired(repair) = notice else {
        return None;
    };
    let event = json!({
        "payload": {
            "summary": cut(&content.subject, SUMMARY_CHARACTERS),
            "timestamp": repair.at,
            "source": cut(repair.stack.as_str(), NAME_CHARACTERS),
            "custom_details": details(content),
        },
        "links": links(content),
    });
    Some((&["v2", "change", "enqueue"], object(event)))
}

fn payload(notice: &Notice, content: &Content) -> Json {
    let mut payload = json!({
        "summary": cut(&content.subject, SUMMARY_CHARACTERS),
        "severity": severity(notice.severity()),
        "source": "mooring",
        "custom_details": details(content),
    });
    if let Some(stack) = notice.stack() {
        let stack = stack.as_str();
        payload["source"] = json!(cut(stack, NAME_CHARACTERS));
        let group = stack.split(['/', '@', '#']).next().unwrap_or(stack);
        payload["group"] = json!(cut(group, NAME_CHARACTERS));
    }
    if let Notice::Alert(alert) = notice {
        payload["class"] = json!(alert.kind.as_str());
        payload["timestamp"] = json!(alert.at);
        let mut items = content.sections.iter().flat_map(|section| &section.items);
        let worst = items.find(|item| !item.label.is_empty());
        if let Some(worst) = worst.filter(|_| alert.check.failure.is_none()) {
            payload["component"] = json!(worst.label);
        }
    }
    payload
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "info",
    }
}

/// What a responder reads below the summary: each section as text.
fn details(content: &Content) -> Json {
    let mut details = Map::new();
    details.insert("Where".to_owned(), json!(content.headline));
    if !content.facts.is_empty() {
        let facts = cut(&content.facts.join("\n"), DETAIL_CHARACTERS);
        details.insert("Facts".to_owned(), json!(facts));
    }
    for section in &content.sections {
        let entries = section.items.iter().map(Item::plain);
        let entries: Vec<String> = entries.chain(section.more.clone()).collect();
        let text = cut(&entries.join("\n"), DETAIL_CHARACTERS);
        details.insert(section.title.to_owned(), json!(text));
    }
    Json::Object(details)
}

/// Where the code stands that it is about.
fn links(content: &Content) -> Vec<Json> {
    let items = content.sections.iter().flat_map(|section| &section.items);
    let spots = items.flat_map(|item| item.lines.iter().filter_map(Line::spot));
    let links = spots.filter_map(|spot| Some((spot.link.as_ref()?, &spot.place)));
    let links = links.map(|(href, text)| json!({"href": href, "text": text}));
    links.take(MOST_LINKS).collect()
}

fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
