//! Made-up notices about several stacks, or about Mooring itself.

use crate::domain::alert::{AlertEvent, AlertKind};
use crate::domain::counts::VerdictCounts;
use crate::domain::finding::{Severity, Verdict};
use crate::domain::ids::{AlertId, RunId, SourceName, StackId};
use crate::domain::notice::{
    AlertNotice, DigestLine, DigestNotice, DigestReason, GroupMember, GroupNotice, Notice, Reach,
    RepairMember, RepairNotice, RepairsNotice, SummaryLine, SummaryNotice, UndeliveredNotice,
};
use crate::domain::policy::DecisionKind;

use super::alerts::{SEEN, alert, check, id, in_sync, minutes_later, repair, tags};

const STACKS: [&str; 4] = [
    "infra/live/api@prod",
    "infra/live/db@prod",
    "infra/live/mail@prod",
    "infra/live/web@prod",
];

fn group(event: AlertEvent, members: usize, (open, total): (usize, usize), minutes: i64) -> Notice {
    let mut check = check(
        Verdict::Drifted,
        vec![tags()],
        DecisionKind::Alert,
        "the mode is observe",
    );
    check.stack = Some(StackId::new(STACKS[0]));
    if let Some(recipe) = &mut check.recipe {
        recipe.dir = "live/api".to_owned();
    }
    let example = alert(event, AlertKind::Drift, Severity::Low, check);
    let stacks = STACKS.iter().zip(10..).take(members);
    let members = stacks.map(|(stack, n)| GroupMember {
        alert: AlertId::from_uuid(id(n)),
        stack: StackId::new(*stack),
        severity: Severity::Low,
        text: "aws_s3_bucket.logs (drift)".to_owned(),
    });
    Notice::Group(GroupNotice {
        group: "specimen".to_owned(),
        event,
        kind: AlertKind::Drift,
        severity: Severity::Low,
        at: minutes_later(minutes),
        since: SEEN,
        key: "drift/5d1e0c9a7b3f2468".to_owned(),
        cause: "tags.Env of aws_s3_bucket".to_owned(),
        members: members.collect(),
        open,
        total,
        example: Box::new(AlertNotice {
            stack: StackId::new(STACKS[0]),
            at: minutes_later(minutes),
            ..example
        }),
    })
}

/// Three stacks drift from one cause.
pub(super) fn group_begins() -> Notice {
    group(AlertEvent::Opened, 3, (3, 3), 0)
}

/// A fourth one does.
pub(super) fn group_grows() -> Notice {
    group(AlertEvent::Opened, 1, (4, 4), 20)
}

/// All of them are over.
pub(super) fn group_ends() -> Notice {
    group(AlertEvent::Resolved, 4, (0, 4), 90)
}

/// Three stacks in which the same is repaired.
pub(super) fn repaired_alike() -> Notice {
    let mut after = in_sync();
    after.stack = Some(StackId::new(STACKS[0]));
    let stacks = STACKS.iter().zip(20..).take(3);
    let members = stacks.map(|(stack, n)| RepairMember {
        run: RunId::from_uuid(id(n)),
        stack: StackId::new(*stack),
        text: "aws_s3_bucket.logs (drift)".to_owned(),
    });
    Notice::Repairs(RepairsNotice {
        group: "specimen".to_owned(),
        at: minutes_later(2),
        cause: "tags.Env of aws_s3_bucket".to_owned(),
        members: members.collect(),
        example: Box::new(RepairNotice {
            run: RunId::from_uuid(id(20)),
            stack: StackId::new(STACKS[0]),
            ..repair(after)
        }),
    })
}

fn line(stack: &str, verdict: Verdict, severity: Severity, text: &str) -> SummaryLine {
    SummaryLine {
        stack: StackId::new(stack),
        verdict,
        severity,
        since: Some(SEEN),
        text: text.to_owned(),
    }
}

/// What a first look at a source finds.
pub(super) fn first_sight() -> Notice {
    Notice::Summary(SummaryNotice {
        source: SourceName::new("infra"),
        at: minutes_later(5),
        stacks: vec![
            line(
                "infra/live/db",
                Verdict::Failed,
                Severity::High,
                "credentials_refused: the backend refused the credentials",
            ),
            line(
                "infra/live/web@prod",
                Verdict::Drifted,
                Severity::Low,
                "aws_s3_bucket.logs: tags.Env",
            ),
        ],
        counts: VerdictCounts::of([
            Verdict::InSync,
            Verdict::InSync,
            Verdict::InSync,
            Verdict::Drifted,
            Verdict::Failed,
        ]),
    })
}

fn digest(reason: DigestReason) -> Notice {
    let news = |stack: &str, event: AlertEvent, severity, minutes, text: &str| DigestLine {
        stack: Some(StackId::new(stack)),
        event: event.as_str().to_owned(),
        severity,
        at: minutes_later(minutes),
        text: text.to_owned(),
    };
    Notice::Digest(DigestNotice {
        reason,
        at: minutes_later(60),
        lines: vec![
            news(
                "infra/live/api@prod",
                AlertEvent::Opened,
                Severity::High,
                12,
                "aws_security_group.api (unenforced) and 1 more",
            ),
            news(
                "infra/live/web@prod",
                AlertEvent::Changed,
                Severity::Low,
                30,
                "aws_s3_bucket.logs (drift)",
            ),
            news(
                "infra/live/mail@prod",
                AlertEvent::Resolved,
                Severity::Medium,
                44,
                "put right outside Mooring",
            ),
        ],
        came_and_went: 2,
    })
}

/// What came in quiet hours.
pub(super) fn quiet_hours() -> Notice {
    digest(DigestReason::QuietHours)
}

/// What was too much for a receiver.
pub(super) fn rate_limit() -> Notice {
    digest(DigestReason::RateLimit)
}

fn receiver(news: Reach, minutes: i64, waiting: usize, given_up: usize) -> Notice {
    Notice::Undelivered(UndeliveredNotice {
        notifier: "oncall".to_owned(),
        others: match news {
            Reach::GivenUp => Vec::new(),
            Reach::Down(_) | Reach::Back(_) => vec!["lead".to_owned(), "team".to_owned()],
        },
        news,
        at: minutes_later(minutes),
        waiting,
        given_up,
        error: "smtp.example.com refused the credentials (535 5.7.8)".to_owned(),
    })
}

/// A receiver takes no messages.
pub(super) fn unreachable() -> Notice {
    receiver(Reach::Down(SEEN), 15, 3, 0)
}

/// It takes them again.
pub(super) fn reached_again() -> Notice {
    receiver(Reach::Back(SEEN), 80, 2, 0)
}

/// Messages to it were given up.
pub(super) fn undelivered() -> Notice {
    receiver(Reach::GivenUp, 90, 0, 3)
}
