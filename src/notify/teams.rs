//! A Microsoft Teams channel, by the workflow "When a Teams webhook request is received".

use serde_json::{Value, json};

use crate::domain::finding::Severity;
use crate::secret::SecretSource;

use super::chat::{self, NOT_ALL};
use super::content::Content;
use super::http::HttpSender;
use super::line::Spot;
use super::section::Item;
use super::settings::{Field, FieldKind, Form};
use super::words::cut;
use super::{Channel, Letter, Notifier, Pending, Preview};

/// Teams takes messages of 28 KB; it wraps them in a little of its own.
const MOST_BYTES: usize = 27 * 1024;

/// The webhook of a workflow of Microsoft Teams.
pub(super) const CHANNEL: Channel = Channel {
    form: Form {
        name: "teams",
        about: "A Microsoft Teams channel, by the webhook of a workflow.",
        fields: &[Field {
            name: "webhook_url",
            about: "the workflow's URL",
            kind: FieldKind::SecretUrl,
            needed: true,
        }],
        smtp: false,
    },
    build: |blueprint| {
        Ok(Box::new(Teams {
            url: blueprint.secret("webhook_url")?,
            http: blueprint.http()?,
        }))
    },
};

/// Delivers to one workflow.
struct Teams {
    url: SecretSource,
    http: HttpSender,
}

impl Notifier for Teams {
    fn send<'a>(&'a self, letter: Letter<'a>) -> Pending<'a> {
        Box::pin(async move {
            match chat::json(&message(&letter.content())) {
                Ok(body) => self.http.post(&self.url, None, &[], body).await,
                Err(delivery) => delivery,
            }
        })
    }

    fn preview(&self, letter: Letter<'_>) -> Vec<Preview> {
        Preview::json(&message(&letter.content()))
    }
}

const fn style(content: &Content) -> &'static str {
    if content.over {
        return "good";
    }
    match content.severity {
        Severity::Critical | Severity::High => "attention",
        Severity::Medium => "warning",
        Severity::Low => "accent",
        Severity::Info => "emphasis",
    }
}

/// A paragraph. Runs are plain text: unlike those of a `TextBlock`, their asterisks, brackets and
/// tags mean nothing. They wrap.
fn paragraph(spacing: &str, runs: &[Value]) -> Value {
    json!({"type": "RichTextBlock", "spacing": spacing, "inlines": runs})
}

fn run(text: &str) -> Value {
    json!({"type": "TextRun", "text": text})
}

fn mono(text: &str) -> Value {
    json!({"type": "TextRun", "text": text, "fontType": "Monospace"})
}

fn bold(text: &str) -> Value {
    json!({"type": "TextRun", "text": text, "weight": "Bolder"})
}

fn subtle(text: &str) -> Value {
    json!({"type": "TextRun", "text": text, "isSubtle": true, "size": "Small"})
}

/// The body of the POST.
fn message(content: &Content) -> Value {
    let headline = json!({
        "type": "TextRun",
        "text": cut(&content.headline, 300),
        "weight": "Bolder",
        "size": "Medium",
    });
    let mut body = vec![json!({
        "type": "Container",
        "style": style(content),
        "bleed": true,
        "items": [paragraph("None", &[headline])],
    })];
    for fact in &content.facts {
        body.push(paragraph("Small", &[subtle(&cut(fact, 400))]));
    }
    for section in &content.sections {
        body.push(paragraph("Medium", &[bold(section.title)]));
        body.extend(section.items.iter().flat_map(entry));
        body.extend(
            section
                .more
                .iter()
                .map(|more| paragraph("Small", &[run(more)])),
        );
    }
    let around = envelope(content, &[]).to_string().len() + NOT_ALL.len() + 200;
    let mut room = MOST_BYTES.saturating_sub(around);
    let fits = body.iter().take_while(|part| {
        let size = part.to_string().len() + 1;
        let fits = size <= room;
        room = room.saturating_sub(size);
        fits
    });
    let fits = fits.count();
    if fits < body.len() {
        body.truncate(fits);
        body.push(paragraph("Small", &[subtle(NOT_ALL)]));
    }
    envelope(content, &body)
}

fn envelope(content: &Content, body: &[Value]) -> Value {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "fallbackText": content.subject,
                "msteams": {"width": "Full"},
                "body": body,
            },
        }],
    })
}

fn entry(item: &Item) -> Vec<Value> {
    let runs = match (item.label.is_empty(), item.text.is_empty()) {
        (true, _) => vec![run(&format!("• {}", item.text))],
        (false, true) => vec![run("• "), mono(&item.label)],
        (false, false) => vec![
            run("• "),
            mono(&item.label),
            run(&format!(" – {}", item.text)),
        ],
    };
    let mut parts = vec![paragraph("Small", &runs)];
    for line in &item.lines {
        let mut runs = vec![run("\u{2003}")];
        match line.spot() {
            Some(spot) => {
                runs.push(link(spot));
                runs.extend(Some(run(&spot.rest)).filter(|_| !spot.rest.is_empty()));
            }
            None => runs.push(mono(line)),
        }
        parts.push(paragraph("None", &runs));
    }
    parts
}

fn link(spot: &Spot) -> Value {
    let mut place = mono(&spot.place);
    if let Some(url) = &spot.link {
        place["selectAction"] = json!({"type": "Action.OpenUrl", "url": url});
    }
    place
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
