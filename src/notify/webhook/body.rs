//! The data of an event: what happened, as an interface of its own.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::counts::VerdictCounts;
use crate::domain::notice::{
    DigestLine, DigestReason, GroupMember, Notice, Reach, RepairMember, SummaryLine,
};
use crate::domain::posture::{AlertCounts, Posture};

use super::super::Letter;
use super::check::{Check, check};

/// The data, version 1.
#[derive(Debug, Serialize)]
pub(super) struct Body<'a> {
    /// Always 1.
    version: u8,
    /// The message, as in the event.
    pub(super) id: String,
    /// Messages of one alert share it.
    conversation: String,
    /// `alert`, `repaired`, `request`, `undelivered`, `summary` or `report`. What was written for people
    /// before the receiver became a webhook, and `mooring notify`, also send `group`, `repairs` and
    /// `digest`.
    pub(super) notice: &'static str,
    /// One line for people.
    title: String,
    /// `critical`, `high`, `medium`, `low` or `info`.
    severity: &'static str,
    /// When it happened (RFC 3339, UTC).
    pub(super) at: Timestamp,
    /// When the message was made; a late delivery shows here.
    created_at: Timestamp,
    /// The stack; absent in summaries and reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stack: Option<&'a str>,
    /// Of an alert or group: `opened`, `changed` or `resolved`. Of a receiver that cannot be reached: `opened`,
    /// `resolved`; absent when messages to it were given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<&'static str>,
    /// Of a request: its id. Of an alert: that of the request about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    /// Of a receiver that cannot be reached: its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    notifier: Option<&'a str>,
    /// Of an alert or group: `drift`, `pending`, `failed` or `apply`.
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
    /// The stack as seen now; absent in a summary. Of a group or of repairs: one of the stacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<Check<'a>>,
    /// Of a summary: always `first_sight`. Of a digest: `quiet_hours` or `rate_limit`.
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
    /// Of a group, or of repairs that are alike: what they have in common, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    /// Of a group, or of repairs that are alike: to which stacks it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<Member<'a>>>,
    /// Of a group: how many stacks are in this trouble now, and how many were since it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
    /// Of a digest: one for each trouble, worst first.
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<&'a [DigestLine]>,
    /// Of a digest: how many troubles came and went meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    came_and_went: Option<usize>,
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
struct Line<'a> {
    stack: &'a str,
    verdict: &'static str,
    severity: &'static str,
    since: Option<Timestamp>,
    text: &'a str,
}

/// One of several stacks to which the same happened.
#[derive(Debug, Serialize)]
struct Member<'a> {
    stack: &'a str,
    /// Its alert, in a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<String>,
    /// The run that repaired it.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// In a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    text: &'a str,
}

/// The data about a message.
pub(super) fn body(letter: Letter<'_>) -> Body<'_> {
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
        cause: None,
        members: None,
        open: None,
        total: None,
        lines: None,
        came_and_went: None,
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
        Notice::Repairs(repairs) => Body {
            notice: "repairs",
            at: repairs.at,
            cause: Some(&repairs.cause),
            members: Some(repairs.members.iter().map(repaired).collect()),
            before: Some(check(&repairs.example.before)),
            check: Some(check(&repairs.example.after)),
            ..blank
        },
        Notice::Group(group) => Body {
            notice: "group",
            at: group.at,
            event: Some(group.event.as_str()),
            kind: Some(group.kind.as_str()),
            cause: Some(&group.cause),
            members: Some(group.members.iter().map(member).collect()),
            open: Some(group.open),
            total: Some(group.total),
            check: Some(check(&group.example.check)),
            ..blank
        },
        Notice::Digest(digest) => Body {
            notice: "digest",
            at: digest.at,
            reason: Some(match digest.reason {
                DigestReason::QuietHours => "quiet_hours",
                DigestReason::RateLimit => "rate_limit",
            }),
            lines: Some(&digest.lines),
            came_and_went: Some(digest.came_and_went),
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

fn member(member: &GroupMember) -> Member<'_> {
    Member {
        stack: member.stack.as_str(),
        alert: Some(member.alert.to_string()),
        run: None,
        severity: Some(member.severity.as_str()),
        text: &member.text,
    }
}

fn repaired(member: &RepairMember) -> Member<'_> {
    Member {
        stack: member.stack.as_str(),
        alert: None,
        run: Some(member.run.to_string()),
        severity: None,
        text: &member.text,
    }
}
