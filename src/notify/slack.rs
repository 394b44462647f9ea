//! A Slack-compatible incoming webhook.

use serde_json::{Value, json};

use crate::secret::SecretSource;

use super::content::Content;
use super::http::HttpSender;
use super::section::{Item, Section};
use super::settings::{Field, FieldKind, Form};
use super::words::cut;
use super::{Channel, Delivery, Letter, Notifier, Pending, Preview};

/// Slack's limits.
const SECTION_CHARACTERS: usize = 3000;
pub(super) const MOST_BLOCKS: usize = 50;
const TEXT_CHARACTERS: usize = 3000;
/// Those of a context are 2000 characters, and escaping lengthens some fivefold.
const FACTS_CHARACTERS: usize = 400;

/// An incoming webhook of Slack, or of a program that understands the same.
pub(super) const CHANNEL: Channel = Channel {
    form: Form {
        name: "slack",
        about: "A Slack-compatible incoming webhook.",
        fields: &[Field {
            name: "webhook_url",
            about: "the webhook's URL",
            kind: FieldKind::SecretUrl,
            needed: true,
        }],
        smtp: false,
    },
    build: |blueprint| {
        Ok(Box::new(Slack {
            url: blueprint.secret("webhook_url")?,
            http: blueprint.http()?,
        }))
    },
};

/// Delivers to one channel.
struct Slack {
    url: SecretSource,
    http: HttpSender,
}

impl Notifier for Slack {
    fn send<'a>(&'a self, letter: Letter<'a>) -> Pending<'a> {
        Box::pin(async move {
            let body = message(&letter.content());
            match serde_json::to_vec(&body) {
                Ok(body) => self.http.post(&self.url, None, &[], body).await,
                Err(error) => Delivery::Rejected {
                    error: format!("the message cannot be written as JSON: {error}"),
                },
            }
        })
    }

    fn preview(&self, letter: Letter<'_>) -> Vec<Preview> {
        Preview::json(&message(&letter.content()))
    }
}

/// The three characters that mean something wherever they stand.
fn entities(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Text in which nothing formats. Slack knows no escape for its marks, and what is invisible before
/// one does not keep it from being one: so a mark that could begin or end something becomes a sign
/// that looks like it. Within a word none does, and names stay as they are typed.
fn escape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut in_word = false;
    while let Some(c) = rest.next() {
        let goes_on = rest.peek().is_some_and(char::is_ascii_alphanumeric);
        plain.push(match c {
            '`' => '\'',
            c if in_word && goes_on => c,
            '*' => '∗',
            '_' => 'ˍ',
            '~' => '∼',
            c => c,
        });
        in_word = c.is_ascii_alphanumeric();
    }
    entities(&plain)
}

/// Text in which nothing is markup: asterisks and underscores of a policy must not turn into bold
/// and italics.
fn code(text: &str) -> String {
    format!("`{}`", entities(&text.replace('`', "'")))
}

fn mrkdwn(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

/// The body of the POST.
fn message(content: &Content) -> Value {
    let headline = format!("*{}*", escape(&cut(&content.headline, 300)));
    let mut blocks = vec![mrkdwn(&headline)];
    blocks.extend(body(content, MOST_BLOCKS - 1));
    json!({"text": text(content), "blocks": blocks})
}

/// What stands in a notification.
pub(super) fn text(content: &Content) -> String {
    cut(&escape(&content.subject), TEXT_CHARACTERS)
}

/// Everything below the headline, in at most so many blocks.
pub(super) fn body(content: &Content, most: usize) -> Vec<Value> {
    let mut blocks = Vec::new();
    if !content.facts.is_empty() {
        let facts = cut(&content.facts.join("\n"), FACTS_CHARACTERS);
        blocks.push(json!({
            "type": "context",
            "elements": [{"type": "mrkdwn", "text": escape(&facts)}],
        }));
    }
    for section in &content.sections {
        blocks.extend(paragraphs(section).iter().map(|text| mrkdwn(text)));
    }
    if blocks.len() > most {
        blocks.truncate(most - 1);
        blocks.push(mrkdwn("… this is not all of it"));
    }
    blocks
}

/// A section as texts, each within the limit; an entry is never torn apart.
fn paragraphs(section: &Section) -> Vec<String> {
    let mut texts = Vec::new();
    let mut text = format!("*{}*", escape(section.title));
    let entries = section.items.iter().map(entry);
    let more = section.more.iter().map(|more| escape(more));
    for entry in entries.chain(more) {
        if text.chars().count() + 1 + entry.chars().count() > SECTION_CHARACTERS {
            texts.push(std::mem::take(&mut text));
        } else {
            text.push('\n');
        }
        text.push_str(&entry);
    }
    texts.push(text);
    texts
}

fn entry(item: &Item) -> String {
    let mut text = format!("• {}", item.head(code, escape));
    let link = |place: &str, to: &str| format!("<{}|{}>", entities(to), escape(place));
    for line in &item.lines {
        let line = format!("\n    {}", line.form(code, escape, link));
        // Escaping may lengthen a line fivefold; what does not fit is left out whole.
        if text.chars().count() + line.chars().count() + 2 > SECTION_CHARACTERS {
            text.push_str("\n…");
            break;
        }
        text.push_str(&line);
    }
    cut(&text, SECTION_CHARACTERS)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::content::{Brief, content};
    use super::super::samples;
    use super::*;

    fn pretty(notice: &crate::domain::notice::Notice) -> String {
        let message = message(&content(notice));
        serde_json::to_string_pretty(&message).unwrap()
    }

    #[test]
    fn drift_in_slack() {
        insta::assert_snapshot!(pretty(&samples::drift()), @r##"
        {
          "blocks": [
            {
              "text": {
                "text": "*infra/live/web@prod: drifted – high severity*",
                "type": "mrkdwn"
              },
              "type": "section"
            },
            {
              "elements": [
                {
                  "text": "Seen 2026-11-23 10:00 UTC, commit 0123456789, workspace prod\nOwners: @acme/web, @acme/platform",
                  "type": "mrkdwn"
                }
              ],
              "type": "context"
            },
            {
              "text": {
                "text": "*What changed*\n• `aws_security_group.web` – high: changed where the configuration does not look; an apply will not put it back; first seen 12 minutes ago. Why high: ingress opened to everybody: it decides who reaches the network\n    `ingress: now also {cidr_blocks: [\"0.0.0.0/0\"], from_port: 22, protocol: \"tcp\", to_port: 22}`\n    <https://github.com/acme/infra/blob/0123456789abcdef0123456789abcdef01234567/live/web/main.tf#L12-L31|live/web/main.tf:12> · last changed by Ann, 3 days ago (a1b2c3d4e5 \"Open the port\")\n• `module.db[\"main\"].aws_ssm_parameter.password` – medium: changed outside Terraform\n    `value: changed; the value is sensitive and not shown`\n• `aws_s3_bucket.logs` – low: changed outside Terraform; first seen 12 minutes ago. Why low: tags say something about it and change nothing\n    `tags.Env: was \"prod\", is now \"&lt;b&gt;*hacked*&lt;/b&gt; &amp; 'more'\"; Git wants \"prod\"`\n    <https://github.com/acme/infra/blob/0123456789abcdef0123456789abcdef01234567/live/web/storage.tf#L4-L18|live/web/storage.tf:4> · last changed by Bea &lt;b@x&gt;, 1 year ago (a1b2c3d4e5 \"Tag ∗all∗ buckets\")",
                "type": "mrkdwn"
              },
              "type": "section"
            },
            {
              "text": {
                "text": "*What Mooring does*\n• It changes nothing by itself: a person has to decide.\n• aws_security_group.web: high severity change that an apply would absorb into the state",
                "type": "mrkdwn"
              },
              "type": "section"
            },
            {
              "text": {
                "text": "*What you can do*\n• Change aws_security_group.web back by hand before anything is applied, or write it into the code: no apply puts it back, and the next one hides it.\n• Put it back, in a clone of infra:\n    `TF_WORKSPACE=prod terraform -chdir=live/web apply -var-file=prod.tfvars`\n• Or keep it: write it into the code in live/web/storage.tf:4 and merge.\n• Take it on, so that nobody is reminded meanwhile:\n    `mooring ack infra/live/web@prod --for 8h`\n• See all of it:\n    `mooring show infra/live/web@prod`\n• `aws_s3_bucket.logs` – To rate this lower, under policy.severities in mooring.yaml:\n    `- { type: aws_s3_bucket, attributes: [tags.Env], severity: info }`",
                "type": "mrkdwn"
              },
              "type": "section"
            }
          ],
          "text": "[drifted, high] infra/live/web@prod: aws_security_group.web and 2 more"
        }
        "##);
    }

    #[test]
    fn names_format_nothing_and_can_be_copied_where_they_could_not() {
        assert_eq!(
            escape("*Ann* _and_ ~Bob~ wrote `x` in a_b*c~d of live/web_ <&>"),
            "∗Ann∗ ˍandˍ ∼Bob∼ wrote 'x' in a_b*c~d of live/webˍ &lt;&amp;&gt;"
        );
        let item = Item::labelled("a_b*", "_done_ **twice**").with_line("*x*");
        assert_eq!(entry(&item), "• `a_b*` – ˍdoneˍ ∗∗twice∗∗\n    `*x*`");
    }

    #[test]
    fn a_first_look_in_slack() {
        insta::assert_snapshot!(pretty(&samples::first_sight()), @r##"
        {
          "blocks": [
            {
              "text": {
                "text": "*5 stacks: 3 in sync, 1 drifted, 1 impossible to check (first look at infra)*",
                "type": "mrkdwn"
              },
              "type": "section"
            },
            {
              "elements": [
                {
                  "text": "Made 2026-11-23 10:05 UTC\nThis is the first look at this source. Drift found now is the baseline: it alerts nobody until it changes. What cannot be checked is told again.",
                  "type": "mrkdwn"
                }
              ],
              "type": "context"
            },
            {
              "text": {
                "text": "*Worth a look*\n• `infra/live/db` – impossible to check (high) since 2026-11-23 10:00 UTC\n    `credentials_refused: the backend refused the credentials`\n• `infra/live/web@prod` – drifted (low) since 2026-11-23 10:00 UTC\n    `aws_s3_bucket.logs: tags.Env`",
                "type": "mrkdwn"
              },
              "type": "section"
            },
            {
              "text": {
                "text": "*What you can do*\n• See them all:\n    `mooring stacks`\n• Begin with the worst:\n    `mooring show infra/live/db`",
                "type": "mrkdwn"
              },
              "type": "section"
            }
          ],
          "text": "Mooring: 5 stacks, 3 in sync (first look at infra)"
        }
        "##);
    }

    #[test]
    fn limits_hold_whatever_is_in_a_message() {
        let item = Item {
            label: "a".repeat(300),
            text: "<&>".repeat(200),
            lines: vec!["&".repeat(600).into(); 12],
        };
        let content = Content {
            subject: "<!channel> ".repeat(20),
            headline: "&".repeat(900),
            facts: vec!["<".repeat(900); 3],
            sections: vec![Section::new("What changed", vec![item; 90])],
            severity: crate::domain::finding::Severity::High,
            over: false,
            brief: Brief::default(),
        };
        let message = message(&content);
        let blocks = message["blocks"].as_array().unwrap();
        assert!(blocks.len() <= MOST_BLOCKS, "{}", blocks.len());
        for block in blocks {
            let text = block["text"]["text"].as_str().unwrap_or_default();
            assert!(text.chars().count() <= SECTION_CHARACTERS);
        }
        assert!(
            blocks
                .last()
                .unwrap()
                .to_string()
                .contains("this is not all of it")
        );
        assert!(!message.to_string().contains("<!channel>"));
    }
}
