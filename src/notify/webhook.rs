//! A generic webhook: a CloudEvent whose data is documented here and is an interface of its own:
//! fields may be added, never renamed.

mod signature;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value as Json;

use crate::domain::check::StackCheck;
use crate::domain::counts::VerdictCounts;
use crate::domain::finding::{AttributeChange, Finding};
use crate::domain::notice::{Notice, Reach, SummaryLine};
use crate::domain::place::{Declared, LastChange};
use crate::domain::posture::{AlertCounts, Posture};
use crate::secret::SecretSource;

use super::http::HttpSender;
use super::settings::{Field, FieldKind, Form};
use super::{Channel, Delivery, Letter, Notifier, Pending, Preview, read_secret};

/// The `source` of the events unless the configuration says another.
const SOURCE: &str = "/mooring";

/// A program that takes the facts themselves.
pub(super) const CHANNEL: Channel = Channel {
    form: Form {
        name: "webhook",
        about: "A webhook that takes CloudEvents.",
        fields: &[
            Field {
                name: "url",
                about: "the URL",
                kind: FieldKind::SecretUrl,
                needed: true,
            },
            Field {
                name: "token",
                about: "a bearer token to send along",
                kind: FieldKind::Secret,
                needed: false,
            },
            Field {
                name: "secret",
                about: "the secret that signs the events (`whsec_…`), while it is replaced \
                        one in each line",
                kind: FieldKind::Secret,
                needed: false,
            },
            Field {
                name: "source",
                about: "The `source` of the events; default: `/mooring`.",
                kind: FieldKind::Text,
                needed: false,
            },
        ],
        smtp: false,
    },
    build: |blueprint| {
        Ok(Box::new(Webhook {
            url: blueprint.secret("url")?,
            token: blueprint.values.secret("token").cloned(),
            secret: blueprint.values.secret("secret").cloned(),
            source: blueprint.values.text("source").unwrap_or(SOURCE).to_owned(),
            http: blueprint.http()?,
        }))
    },
};

/// Delivers to one URL.
struct Webhook {
    url: SecretSource,
    token: Option<SecretSource>,
    secret: Option<SecretSource>,
    source: String,
    http: HttpSender,
}

impl Notifier for Webhook {
    fn takes_each(&self) -> bool {
        true
    }

    fn send<'a>(&'a self, letter: Letter<'a>) -> Pending<'a> {
        Box::pin(async move {
            let body = match serde_json::to_vec(&event(letter, &self.source)) {
                Ok(body) => body,
                Err(error) => {
                    return Delivery::Rejected {
                        error: format!("the message cannot be written as JSON: {error}"),
                    };
                }
            };
            let secret = match &self.secret {
                Some(secret) => match read_secret(secret).await {
                    Ok(secret) => Some(secret),
                    Err(delivery) => return delivery,
                },
                None => None,
            };
            let headers = match headers(letter, secret.as_ref(), Timestamp::now(), &body) {
                Ok(headers) => headers,
                Err(error) => {
                    return Delivery::Retry {
                        error: error.to_string(),
                        after: None,
                    };
                }
            };
            self.http
                .post(&self.url, self.token.as_ref(), &headers, body)
                .await
        })
    }

    fn preview(&self, letter: Letter<'_>) -> Vec<Preview> {
        Preview::json(&event(letter, &self.source))
    }
}

/// The headers of Standard Webhooks; they are signed if there is a secret. The time is that of the
/// attempt, so that receivers can refuse what somebody recorded and sends again.
fn headers(
    letter: Letter<'_>,
    secret: Option<&SecretString>,
    now: Timestamp,
    body: &[u8],
) -> Result<Vec<(&'static str, String)>, signature::SecretError> {
    let id = letter.id.to_string();
    let mut headers = vec![(
        "content-type",
        "application/cloudevents+json; charset=utf-8".to_owned(),
    )];
    if let Some(secret) = secret {
        let signature = signature::sign(secret, &id, now.as_second(), body)?;
        headers.push(("webhook-signature", signature));
    }
    headers.push(("webhook-timestamp", now.as_second().to_string()));
    headers.push(("webhook-id", id));
    Ok(headers)
}

/// A CloudEvent, version 1.0, in structured mode.
#[derive(Debug, Serialize)]
struct Event<'a> {
    /// Always `1.0`.
    specversion: &'static str,
    /// The message; the same in a duplicate, and in the header `Webhook-Id`.
    id: String,
    /// Which Mooring it comes from.
    source: &'a str,
    /// `mooring.alert.opened` (or another event of an alert), `mooring.repaired`, `mooring.summary`,
    /// `mooring.report`.
    #[serde(rename = "type")]
    kind: String,
    /// The stack; absent in summaries and reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    /// When it happened.
    time: Timestamp,
    datacontenttype: &'static str,
    data: Body<'a>,
}

fn event<'a>(letter: Letter<'a>, source: &'a str) -> Event<'a> {
    let data = body(letter);
    let kind = match data.event {
        Some(event) => format!("mooring.{}.{event}", data.notice),
        None => format!("mooring.{}", data.notice),
    };
    Event {
        specversion: "1.0",
        id: data.id.clone(),
        source,
        kind,
        subject: data.stack,
        time: data.at,
        datacontenttype: "application/json",
        data,
    }
}

/// The data, version 1.
#[derive(Debug, Serialize)]
struct Body<'a> {
    /// Always 1.
    version: u8,
    /// The message, as in the event.
    id: String,
    /// Messages of one alert share it.
    conversation: String,
    /// `alert`, `repaired`, `request`, `summary` or `report`.
    notice: &'static str,
    /// One line for people.
    title: String,
    /// `critical`, `high`, `medium`, `low` or `info`.
    severity: &'static str,
    /// When it happened (RFC 3339, UTC).
    at: Timestamp,
    /// When the message was made; a late delivery shows here.
    created_at: Timestamp,
    /// The stack; absent in summaries and reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<&'a str>,
    /// Of an alert: `opened`, `changed` or `resolved`. Of a receiver that cannot be reached: `opened`,
    /// `resolved`; absent when messages to it were given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    /// Of a request: its id. Of an alert: that of the request about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    /// Of a receiver that cannot be reached: its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    notifier: Option<&'a str>,
    /// Of an alert: `drift`, `pending`, `failed` or `apply`.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// Of an alert: its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<String>,
    /// Of an alert: who owns the stack's directory, as `CODEOWNERS` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    owners: Option<&'a [String]>,
    /// Of an alert: when it was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_at: Option<Timestamp>,
    /// Of an alert: what no plan shows, such as how an apply of Mooring's ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    /// Of a resolved alert: `repaired`, `put_back`, `caught_up`, `ignored` or `untracked`.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<crate::domain::alert::Resolution>,
    /// Of a repair: the run that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// Of a repair: the stack before it, with the reasons that allowed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Check<'a>>,
    /// The stack as seen now; absent in a summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<Check<'a>>,
    /// Of a summary: always `first_sight`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Of a summary: the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    /// Of a summary: how many stacks have each verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<VerdictCounts>,
    /// Of a summary: every stack that is not in sync, worst first.
    #[serde(skip_serializing_if = "Option::is_none")]
    stacks: Option<Vec<Line<'a>>>,
    /// Of a report.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Report<'a>>,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    /// Under this id the whole of it is kept; none if it is not.
    kept: Option<&'a str>,
    /// Its name in the configuration.
    name: &'a str,
    /// The owner, or the value of the label, if there is a report for each.
    about: Option<&'a str>,
    /// What happened to alerts in the time before; none if that is not known.
    before: Option<AlertCounts>,
    /// As `mooring report --format json` has it, with at most twenty entries in a list.
    posture: &'a Posture,
}

#[derive(Debug, Serialize)]
struct Check<'a> {
    verdict: &'static str,
    workspace: &'a str,
    commit: Option<&'a str>,
    dirty: bool,
    findings: Vec<FindingBody<'a>>,
    outputs: Vec<OutputBody<'a>>,
    checks: Vec<CheckBody<'a>>,
    decision: DecisionBody<'a>,
    failure: Option<FailureBody<'a>>,
}

#[derive(Debug, Serialize)]
struct FindingBody<'a> {
    address: &'a str,
    #[serde(rename = "type")]
    resource_type: &'a str,
    deposed: Option<&'a str>,
    previous_address: Option<&'a str>,
    importing: bool,
    action: &'static str,
    origin: &'static str,
    severity: &'static str,
    /// Why it matters that much; may be empty.
    severity_reason: &'a str,
    /// Since when it has been found.
    since: Option<Timestamp>,
    /// Where it is declared, and who last changed that.
    location: Option<Location<'a>>,
    irreversible: bool,
    suppressed: bool,
    attributes: Vec<AttributeBody>,
}

/// A block of the configuration; the file is relative to the root of the repository.
#[derive(Debug, Serialize)]
struct Location<'a> {
    file: &'a str,
    line: u32,
    end_line: u32,
    url: Option<&'a str>,
    last_change: Option<&'a LastChange>,
}

/// One difference: as recorded, as it is, as Git wants it. Masked values are `"(sensitive)"`.
#[derive(Debug, Serialize)]
struct AttributeBody {
    path: String,
    origin: &'static str,
    state: Json,
    real: Json,
    want: Json,
    sensitive: bool,
}

#[derive(Debug, Serialize)]
struct OutputBody<'a> {
    name: &'a str,
    action: &'static str,
    origin: &'static str,
    sensitive: bool,
}

#[derive(Debug, Serialize)]
struct CheckBody<'a> {
    address: &'a str,
    status: crate::domain::plan::CheckStatus,
    messages: &'a [String],
}

#[derive(Debug, Serialize)]
struct DecisionBody<'a> {
    kind: &'static str,
    reasons: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct FailureBody<'a> {
    kind: &'static str,
    message: &'a str,
    hint: &'a str,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    stack: &'a str,
    verdict: &'static str,
    severity: &'static str,
    since: Option<Timestamp>,
    text: &'a str,
}

fn body(letter: Letter<'_>) -> Body<'_> {
    let blank = Body {
        version: 1,
        id: letter.id.to_string(),
        conversation: letter.notice.conversation(),
        notice: "",
        title: letter.content().subject,
        severity: letter.notice.severity().as_str(),
        at: letter.created_at,
        created_at: letter.created_at,
        stack: None,
        event: None,
        notifier: None,
        kind: None,
        alert: None,
        owners: None,
        request: None,
        opened_at: None,
        detail: None,
        resolution: None,
        run: None,
        before: None,
        check: None,
        reason: None,
        source: None,
        counts: None,
        stacks: None,
        report: None,
    };
    match letter.notice {
        Notice::Alert(alert) => Body {
            notice: "alert",
            at: alert.at,
            stack: Some(alert.stack.as_str()),
            event: Some(alert.event.as_str()),
            kind: Some(alert.kind.as_str()),
            alert: Some(alert.alert.to_string()),
            request: alert.request.as_ref().map(|request| request.id.to_string()),
            owners: Some(&alert.audience.owners),
            opened_at: Some(alert.opened_at),
            detail: alert.detail.as_deref(),
            resolution: alert.resolution,
            check: Some(check(&alert.check)),
            ..blank
        },
        Notice::Repaired(repair) => Body {
            notice: "repaired",
            at: repair.at,
            stack: Some(repair.stack.as_str()),
            run: Some(repair.run.to_string()),
            before: Some(check(&repair.before)),
            check: Some(check(&repair.after)),
            ..blank
        },
        Notice::Request(request) => Body {
            notice: "request",
            at: request.at,
            stack: Some(request.stack.as_str()),
            event: Some(request.news.as_str()),
            kind: Some(request.kind.as_str()),
            request: Some(request.request.id.to_string()),
            check: Some(check(&request.check)),
            ..blank
        },
        Notice::Repairs(_) => Body {
            notice: "repairs",
            ..blank
        },
        Notice::Group(_) => Body {
            notice: "group",
            ..blank
        },
        Notice::Digest(_) => Body {
            notice: "digest",
            ..blank
        },
        Notice::Undelivered(lost) => Body {
            notice: "undelivered",
            at: lost.at,
            event: match lost.news {
                Reach::GivenUp => None,
                Reach::Down(_) => Some("opened"),
                Reach::Back(_) => Some("resolved"),
            },
            notifier: Some(&lost.notifier),
            ..blank
        },
        Notice::Summary(summary) => Body {
            notice: "summary",
            at: summary.at,
            reason: Some("first_sight"),
            source: Some(summary.source.as_str()),
            counts: Some(summary.counts),
            stacks: Some(summary.stacks.iter().map(line).collect()),
            ..blank
        },
        Notice::Report(report) => Body {
            notice: "report",
            at: report.posture.made_at,
            report: Some(Report {
                kept: report.kept.then_some(report.id.as_str()),
                name: &report.name,
                about: report.about.as_deref(),
                before: report.before,
                posture: &report.posture,
            }),
            ..blank
        },
    }
}

fn line(line: &SummaryLine) -> Line<'_> {
    Line {
        stack: line.stack.as_str(),
        verdict: line.verdict.as_str(),
        severity: line.severity.as_str(),
        since: line.since,
        text: &line.text,
    }
}

fn check(check: &StackCheck) -> Check<'_> {
    let findings = &check.findings;
    Check {
        verdict: check.verdict.as_str(),
        workspace: &check.workspace,
        commit: check.commit.as_ref().map(|commit| commit.as_str()),
        dirty: check.dirty,
        findings: findings.resources.iter().map(finding).collect(),
        outputs: findings
            .outputs
            .iter()
            .map(|output| OutputBody {
                name: &output.name,
                action: output.action.as_str(),
                origin: output.origin.as_str(),
                sensitive: output.sensitive,
            })
            .collect(),
        checks: findings
            .checks
            .iter()
            .map(|check| CheckBody {
                address: &check.address,
                status: check.status,
                messages: &check.messages,
            })
            .collect(),
        decision: DecisionBody {
            kind: check.decision.kind.as_str(),
            reasons: check.decision.reasons.iter().map(|r| &*r.text).collect(),
        },
        failure: check.failure.as_ref().map(|failure| FailureBody {
            kind: failure.kind.as_str(),
            message: &failure.message,
            hint: &failure.hint,
        }),
    }
}

fn finding(finding: &Finding) -> FindingBody<'_> {
    FindingBody {
        address: finding.address.as_str(),
        resource_type: &finding.resource_type,
        deposed: finding.deposed.as_deref(),
        previous_address: finding.previous_address.as_ref().map(|a| a.as_str()),
        importing: finding.importing,
        action: finding.action.as_str(),
        origin: finding.origin.as_str(),
        severity: finding.severity.as_str(),
        severity_reason: &finding.severity_reason,
        since: finding.background.since,
        location: finding.background.declared.as_ref().map(location),
        irreversible: finding.irreversible.is_some(),
        suppressed: finding.suppressed.is_some(),
        attributes: finding.attributes.iter().map(attribute).collect(),
    }
}

fn location(declared: &Declared) -> Location<'_> {
    Location {
        file: &declared.place.file,
        line: declared.place.first,
        end_line: declared.place.last,
        url: declared.link.as_deref(),
        last_change: declared.changed.as_ref(),
    }
}

fn attribute(change: &AttributeChange) -> AttributeBody {
    AttributeBody {
        path: change.subject.to_string(),
        origin: change.origin.as_str(),
        state: change.state.to_json(),
        real: change.real.to_json(),
        want: change.want.to_json(),
        sensitive: change.sensitive(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
