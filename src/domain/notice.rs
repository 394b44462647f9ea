//! What people are told: one value per message, from which every channel renders its own form.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::alert::{Acknowledgement, AlertEvent, AlertKind, Resolution, Trouble};
use super::audience::Audience;
use super::cause::Cause;
use super::check::StackCheck;
use super::counts::VerdictCounts;
use super::finding::{Severity, Verdict};
use super::ids::{AlertId, RequestId, RunId, SourceName, StackId};
use super::posture::{AlertCounts, Posture};
use super::report::ReportId;
use super::request::Request;

/// A message to people, complete and free of secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "notice")]
#[allow(clippy::large_enum_variant, reason = "few of them live at a time")]
pub enum Notice {
    /// Something happened to one alert.
    Alert(AlertNotice),
    /// The same happened to alerts of several stacks, from one cause.
    Group(GroupNotice),
    /// Mooring changed something: what was repaired.
    Repaired(RepairNotice),
    /// Mooring repaired the same in several stacks.
    Repairs(RepairsNotice),
    /// First sight of a source.
    Summary(SummaryNotice),
    /// The posture of many stacks, on a schedule.
    Report(ReportNotice),
    /// What was held back for a while.
    Digest(DigestNotice),
    /// Somebody said something of a request, or it came to nothing.
    Request(RequestNotice),
    /// Messages to others cannot be delivered, or can again.
    Undelivered(UndeliveredNotice),
}

impl Notice {
    /// How much it matters.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Alert(alert) => alert.severity,
            Self::Group(group) => group.severity,
            Self::Undelivered(_) => Severity::High,
            Self::Request(request) => request.severity,
            Self::Repaired(_)
            | Self::Repairs(_)
            | Self::Summary(_)
            | Self::Report(_)
            | Self::Digest(_) => Severity::Info,
        }
    }

    /// The stack it is about, if it is about one.
    pub const fn stack(&self) -> Option<&StackId> {
        match self {
            Self::Alert(alert) => Some(&alert.stack),
            Self::Repaired(repair) => Some(&repair.stack),
            Self::Request(request) => Some(&request.stack),
            Self::Group(_)
            | Self::Repairs(_)
            | Self::Summary(_)
            | Self::Report(_)
            | Self::Digest(_)
            | Self::Undelivered(_) => None,
        }
    }

    /// What it does to the conversation it belongs to.
    pub const fn turn(&self) -> Turn {
        match self {
            Self::Alert(alert) => alert.event.turn(),
            Self::Group(group) => match (group.event, group.open) {
                (AlertEvent::Resolved, open) if open > 0 => Turn::GoesOn,
                (event, _) => event.turn(),
            },
            Self::Undelivered(lost) => match lost.news {
                Reach::GivenUp => Turn::Alone,
                Reach::Down(_) => Turn::Begins,
                Reach::Back(_) => Turn::Ends,
            },
            Self::Request(request) => match request.alert {
                Some(_) => Turn::GoesOn,
                None => Turn::Alone,
            },
            Self::Repaired(_)
            | Self::Repairs(_)
            | Self::Summary(_)
            | Self::Report(_)
            | Self::Digest(_) => Turn::Alone,
        }
    }

    /// Which conversation it belongs to: messages of one alert share it.
    pub fn conversation(&self) -> String {
        match self {
            Self::Alert(alert) => format!("alert-{}", alert.alert),
            Self::Group(group) => format!("group-{}", group.group),
            Self::Digest(digest) => format!("digest-{}", digest.at.as_second()),
            Self::Undelivered(lost) => match lost.news {
                Reach::GivenUp => format!("undelivered-{}", lost.notifier),
                Reach::Down(since) | Reach::Back(since) => {
                    format!("undelivered-{}-{}", lost.notifier, since.as_second())
                }
            },
            Self::Repaired(repair) => format!("run-{}", repair.run),
            Self::Request(request) => match request.alert {
                Some(alert) => format!("alert-{alert}"),
                None => format!("request-{}", request.request.id),
            },
            Self::Repairs(repairs) => format!("repairs-{}", repairs.group),
            Self::Summary(summary) => format!("summary-{}", summary.at.as_second()),
            Self::Report(report) => format!("report-{}", report.id),
        }
    }
}

impl AlertEvent {
    const fn turn(self) -> Turn {
        match self {
            Self::Opened => Turn::Begins,
            Self::Changed | Self::Reminded | Self::Escalated => Turn::GoesOn,
            Self::Acknowledged => Turn::IsTaken,
            Self::Resolved => Turn::Ends,
        }
    }
}

/// What a message does to its conversation, for channels that keep incidents, issues or one message
/// that is edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// A trouble begins.
    Begins,
    /// It is still there, or another than before.
    GoesOn,
    /// A person has taken it on.
    IsTaken,
    /// It is over.
    Ends,
    /// It is news, and nothing follows.
    Alone,
}

/// Something happened to an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertNotice {
    /// The alert.
    pub alert: AlertId,
    /// What happened to it.
    pub event: AlertEvent,
    /// What it is about.
    pub kind: AlertKind,
    /// The stack.
    pub stack: StackId,
    /// The worst severity in it.
    pub severity: Severity,
    /// When this event happened.
    pub at: Timestamp,
    /// When the stack was looked at, if that was not when this happened.
    #[serde(default)]
    pub looked_at: Option<Timestamp>,
    /// When the alert was opened.
    pub opened_at: Timestamp,
    /// Since when the stack has been like this, if that is known.
    pub since: Option<Timestamp>,
    /// What no plan shows: how an apply of ours ended.
    pub detail: Option<String>,
    /// How it ended, if it did.
    pub resolution: Option<Resolution>,
    /// What is new in it since people were last told, one short sentence each.
    #[serde(default)]
    pub news: Vec<String>,
    /// Who has taken it on.
    #[serde(default)]
    pub acknowledged: Option<Acknowledgement>,
    /// How often it has come back lately.
    #[serde(default)]
    pub returns: usize,
    /// Whether others were told because nobody had acknowledged it.
    #[serde(default)]
    pub escalated: bool,
    /// Where it comes from, if others may have the same trouble from there.
    #[serde(default)]
    pub cause: Option<Cause>,
    /// What people are asked about it, if they are.
    #[serde(default)]
    pub request: Option<RequestLine>,
    /// The trouble as it is told; when it is over, as it was last.
    #[serde(default)]
    pub trouble: Option<Trouble>,
    /// Whom it concerns.
    #[serde(default)]
    pub audience: Audience,
    /// The stack as seen now.
    pub check: StackCheck,
}

/// A request that waits for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestLine {
    /// Its id.
    pub id: RequestId,
    /// What is needed yet, one line for each requirement; nothing if it is approved.
    pub missing: Vec<String>,
    /// Until when they have time.
    pub expires_at: Timestamp,
}

impl RequestLine {
    /// A request as it stands; none if it is over.
    pub fn of(request: &Request) -> Option<Self> {
        (!request.state.is_over()).then(|| Self {
            id: request.id,
            missing: request.missing(),
            expires_at: request.expires_at,
        })
    }
}

/// Somebody said something of a request, or it came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestNotice {
    /// The request.
    pub request: RequestLine,
    /// The open alert about the same, whose conversation it belongs to.
    pub alert: Option<AlertId>,
    /// The stack.
    pub stack: StackId,
    /// What the alert about the same is about.
    pub kind: AlertKind,
    /// The worst severity in the plan.
    pub severity: Severity,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub news: RequestNews,
    /// What is asked instead, if something is.
    pub next: Option<RequestLine>,
    /// The plan that was asked about.
    pub check: StackCheck,
}

/// What happened to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestNews {
    /// Somebody wants an earlier commit back, and people are asked.
    Asked,
    /// Somebody said yes.
    Approved {
        /// Who.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// Somebody said no.
    Rejected {
        /// Who.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// Somebody took back their yes.
    Revoked {
        /// Who.
        by: String,
    },
    /// What was asked is not what would be done now.
    Void {
        /// How it differs, one short sentence each.
        differs: Vec<String>,
    },
    /// A yes no longer counts: the token that it was said with opens nothing any more.
    Lapsed {
        /// Whose.
        by: Vec<String>,
        /// Why.
        why: Lapse,
    },
    /// Its time was up.
    Expired,
}

/// Why a token opens nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lapse {
    /// It was taken back.
    Revoked,
    /// Its time is over.
    Expired,
}

impl Lapse {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl RequestNews {
    /// Whether whoever heard of the request has to hear it too, wherever routes lead by now.
    pub const fn concerns_all_told(&self) -> bool {
        !matches!(self, Self::Asked)
    }

    /// Whether nothing can become of the request any more.
    pub const fn ends_it(&self) -> bool {
        matches!(
            self,
            Self::Rejected { .. } | Self::Void { .. } | Self::Expired
        )
    }

    /// The stable word.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Approved { .. } => "approved",
            Self::Rejected { .. } => "rejected",
            Self::Revoked { .. } => "revoked",
            Self::Void { .. } => "void",
            Self::Lapsed { .. } => "lapsed",
            Self::Expired => "expired",
        }
    }
}

/// The same happened to alerts of several stacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupNotice {
    /// The group: messages of one cause share it.
    pub group: String,
    /// What happened to its members.
    pub event: AlertEvent,
    /// What they are about.
    pub kind: AlertKind,
    /// The worst severity among them.
    pub severity: Severity,
    /// When the last of it happened.
    pub at: Timestamp,
    /// Since when the first of these stacks is in this trouble.
    pub since: Timestamp,
    /// The key of what they have in common.
    pub key: String,
    /// What they have in common, in words.
    pub cause: String,
    /// The stacks to which it happened, worst first.
    pub members: Vec<GroupMember>,
    /// How many stacks are in this trouble now.
    pub open: usize,
    /// How many were in it since it began.
    pub total: usize,
    /// One of them in full.
    pub example: Box<AlertNotice>,
}

/// One stack of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMember {
    /// Its alert.
    pub alert: AlertId,
    /// The stack.
    pub stack: StackId,
    /// How bad.
    pub severity: Severity,
    /// What is wrong, in half a line.
    pub text: String,
}

/// Why news was held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DigestReason {
    /// It came in quiet hours and was not critical.
    QuietHours,
    /// There was more of it than the receiver wants in a while.
    RateLimit,
}

/// What was held back for a while, in one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestNotice {
    /// Why.
    pub reason: DigestReason,
    /// When it was made.
    pub at: Timestamp,
    /// One line for each trouble, as it stands now; worst first.
    pub lines: Vec<DigestLine>,
    /// How many troubles came and went meanwhile.
    pub came_and_went: usize,
}

/// One trouble in a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestLine {
    /// The stack; none if it is about several.
    pub stack: Option<StackId>,
    /// What happened last, as a word.
    pub event: String,
    /// How bad.
    pub severity: Severity,
    /// When.
    pub at: Timestamp,
    /// What it is about, in half a line.
    pub text: String,
}

/// A receiver does not get its messages, or gets them again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndeliveredNotice {
    /// The notifier.
    pub notifier: String,
    /// Others that are reached through the same server, and so are out of reach with it.
    #[serde(default)]
    pub others: Vec<String>,
    /// What happened.
    #[serde(default)]
    pub news: Reach,
    /// When.
    pub at: Timestamp,
    /// How many messages to it are yet to be delivered.
    #[serde(default)]
    pub waiting: usize,
    /// How many messages to it wait to be sent again by a person.
    pub given_up: usize,
    /// Why, as it was said last.
    pub error: String,
}

/// What happened to a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Messages to it were given up.
    #[default]
    GivenUp,
    /// It has been taking nothing since then.
    Down(Timestamp),
    /// It takes messages again; it had not since then.
    Back(Timestamp),
}

/// A repair that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairNotice {
    /// The run that made it.
    pub run: RunId,
    /// The stack.
    pub stack: StackId,
    /// When it was verified.
    pub at: Timestamp,
    /// The stack as it was before, with the findings that were repaired and why that was safe.
    pub before: StackCheck,
    /// What is still there.
    pub after: StackCheck,
}

/// Repairs of several stacks in which the same had moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairsNotice {
    /// Messages of one outbreak share it.
    pub group: String,
    /// When the last of them was verified.
    pub at: Timestamp,
    /// What they have in common, in words.
    pub cause: String,
    /// The stacks, by name. Each of them is in sync.
    pub members: Vec<RepairMember>,
    /// The first of them in full.
    pub example: Box<RepairNotice>,
}

/// One of several repairs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairMember {
    /// The run that made it.
    pub run: RunId,
    /// The stack.
    pub stack: StackId,
    /// What was wrong, in half a line.
    pub text: String,
}

/// The posture of many stacks over a time, made on a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportNotice {
    /// Which report it is; the whole of it is kept under this id, if it could be kept.
    pub id: ReportId,
    /// Its name as configured.
    pub name: String,
    /// What it is about, if there is one for each owner or value of a label.
    pub about: Option<String>,
    /// The posture, with short lists.
    pub posture: Box<Posture>,
    /// What happened to alerts in the time before, of the same length; none if that is not known.
    pub before: Option<AlertCounts>,
    /// Whether the whole of it is kept.
    pub kept: bool,
}

/// What the first look at a source found: the baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryNotice {
    /// The source.
    pub source: SourceName,
    /// When it was made.
    pub at: Timestamp,
    /// Every stack that is not in sync, worst first.
    pub stacks: Vec<SummaryLine>,
    /// How many stacks have each verdict.
    pub counts: VerdictCounts,
}

/// One stack in a summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryLine {
    /// The stack.
    pub stack: StackId,
    /// Its verdict.
    pub verdict: Verdict,
    /// The worst severity of its findings.
    pub severity: Severity,
    /// Since when.
    pub since: Option<Timestamp>,
    /// One line: what is wrong.
    pub text: String,
}
