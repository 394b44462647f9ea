//! Notices of every kind, made up: what templates are proven on, what `mooring notify` shows and
//! sends, and what the tests of every channel render.

mod alerts;
mod many;
mod reports;
mod requests;

use clap::ValueEnum;
use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::alert::AlertKind;
use crate::domain::check::StackCheck;
use crate::domain::ids::{AlertId, RunId, SourceName, StackId};
use crate::domain::notice::{AlertNotice, Notice, Reach, RepairNotice, SummaryLine};
use crate::domain::place::Background;

#[cfg(test)]
pub(super) use self::alerts::id;
use self::alerts::{SEEN, minutes_later};

/// A kind of notice that can be shown and sent without anything having happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Specimen {
    /// Drift of several resources.
    Drift,
    /// Something that holds data is deleted, and code waits: the trouble is another.
    Deleted,
    /// A trouble that is still there.
    Reminded,
    /// A trouble that nobody has acknowledged.
    Escalated,
    /// A trouble that somebody has taken on.
    Acknowledged,
    /// Drift is gone.
    Resolved,
    /// Drift is gone because Mooring repaired it.
    ResolvedByRepair,
    /// A stack with a trouble is no longer tracked.
    Untracked,
    /// A stack that cannot be checked.
    Failed,
    /// Code that waits for too long.
    Pending,
    /// An apply that was cut off.
    Interrupted,
    /// People are asked whether a plan may be applied.
    Asked,
    /// One of two people has said yes.
    ApprovedInPart,
    /// Somebody has said no.
    Rejected,
    /// What was approved is not what would be done now.
    Void,
    /// Several stacks with one trouble.
    GroupBegins,
    /// One more of them.
    GroupGrows,
    /// All of them are over.
    GroupEnds,
    /// Mooring repaired something.
    Repaired,
    /// Mooring repaired something and cannot say whether it worked.
    Unverified,
    /// Mooring repaired the same in several stacks.
    RepairedAlike,
    /// The first look at a source.
    FirstLook,
    /// A report on many stacks.
    Report,
    /// A report with nothing to say.
    CalmReport,
    /// What came in quiet hours.
    QuietHours,
    /// What was more than a receiver takes.
    RateLimit,
    /// A receiver that takes no messages.
    Unreachable,
    /// It takes messages again.
    ReachedAgain,
    /// Messages that could not be delivered.
    Undelivered,
}

impl Specimen {
    /// Each of them, in the order in which they tell a story.
    pub const ALL: [Self; 29] = [
        Self::Drift,
        Self::Deleted,
        Self::Reminded,
        Self::Escalated,
        Self::Acknowledged,
        Self::Resolved,
        Self::ResolvedByRepair,
        Self::Untracked,
        Self::Failed,
        Self::Pending,
        Self::Interrupted,
        Self::Asked,
        Self::ApprovedInPart,
        Self::Rejected,
        Self::Void,
        Self::GroupBegins,
        Self::GroupGrows,
        Self::GroupEnds,
        Self::Repaired,
        Self::Unverified,
        Self::RepairedAlike,
        Self::FirstLook,
        Self::Report,
        Self::CalmReport,
        Self::QuietHours,
        Self::RateLimit,
        Self::Unreachable,
        Self::ReachedAgain,
        Self::Undelivered,
    ];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drift => "drift",
            Self::Deleted => "deleted",
            Self::Reminded => "reminded",
            Self::Escalated => "escalated",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::ResolvedByRepair => "resolved-by-repair",
            Self::Untracked => "untracked",
            Self::Failed => "failed",
            Self::Pending => "pending",
            Self::Interrupted => "interrupted",
            Self::Asked => "asked",
            Self::ApprovedInPart => "approved-in-part",
            Self::Rejected => "rejected",
            Self::Void => "void",
            Self::GroupBegins => "group-begins",
            Self::GroupGrows => "group-grows",
            Self::GroupEnds => "group-ends",
            Self::Repaired => "repaired",
            Self::Unverified => "unverified",
            Self::RepairedAlike => "repaired-alike",
            Self::FirstLook => "first-look",
            Self::Report => "report",
            Self::CalmReport => "calm-report",
            Self::QuietHours => "quiet-hours",
            Self::RateLimit => "rate-limit",
            Self::Unreachable => "unreachable",
            Self::ReachedAgain => "reached-again",
            Self::Undelivered => "undelivered",
        }
    }

    pub(super) fn notice(self) -> Notice {
        match self {
            Self::Drift => alerts::drift(),
            Self::Deleted => alerts::deleted(),
            Self::Reminded => alerts::reminded(),
            Self::Escalated => alerts::escalated(),
            Self::Acknowledged => alerts::acknowledged(),
            Self::Resolved => alerts::resolved(),
            Self::ResolvedByRepair => alerts::resolved_by_repair(),
            Self::Untracked => alerts::untracked(),
            Self::Failed => alerts::failed(),
            Self::Pending => alerts::pending(),
            Self::Interrupted => alerts::interrupted(),
            Self::Asked => requests::asked(),
            Self::ApprovedInPart => requests::approved_in_part(),
            Self::Rejected => requests::rejected(),
            Self::Void => requests::void(),
            Self::GroupBegins => many::group_begins(),
            Self::GroupGrows => many::group_grows(),
            Self::GroupEnds => many::group_ends(),
            Self::Repaired => alerts::repaired(),
            Self::Unverified => alerts::unverified(),
            Self::RepairedAlike => many::repaired_alike(),
            Self::FirstLook => many::first_sight(),
            Self::Report => reports::report(SEEN, "infra"),
            Self::CalmReport => reports::calm(SEEN, "infra"),
            Self::QuietHours => many::quiet_hours(),
            Self::RateLimit => many::rate_limit(),
            Self::Unreachable => many::unreachable(),
            Self::ReachedAgain => many::reached_again(),
            Self::Undelivered => many::undelivered(),
        }
    }

    /// The notice as if it were about now and about stacks that nobody has. `trial` sets the alerts
    /// and runs of one trial apart from those of another.
    pub fn as_of(self, now: Timestamp, trial: Uuid) -> Notice {
        let trial = Trial { now, id: trial };
        let mut notice = self.notice();
        match &mut notice {
            Notice::Alert(alert) => trial.alert(alert),
            Notice::Repaired(repair) => trial.repair(repair),
            Notice::Repairs(repairs) => {
                repairs.group = format!("trial-{}", trial.id);
                trial.move_to_now(&mut repairs.at);
                for member in &mut repairs.members {
                    member.stack = unowned(&member.stack);
                }
                trial.repair(&mut repairs.example);
            }
            Notice::Request(request) => {
                request.alert = Some(trial.nth(0));
                request.stack = unowned(&request.stack);
                request.check.stack = Some(request.stack.clone());
                trial.move_to_now(&mut request.at);
                trial.move_to_now(&mut request.request.expires_at);
                if let Some(next) = &mut request.next {
                    trial.move_to_now(&mut next.expires_at);
                }
                trial.findings(&mut request.check);
            }
            Notice::Summary(summary) => {
                trial.move_to_now(&mut summary.at);
                summary.source = SourceName::new("example");
                for SummaryLine { stack, since, .. } in &mut summary.stacks {
                    *stack = unowned(stack);
                    since.iter_mut().for_each(|since| trial.move_to_now(since));
                }
            }
            Notice::Group(group) => {
                group.group = format!("trial-{}", trial.id);
                trial.move_to_now(&mut group.at);
                for (member, n) in group.members.iter_mut().zip(4..) {
                    member.alert = trial.nth(n);
                    member.stack = unowned(&member.stack);
                }
                trial.alert(&mut group.example);
            }
            Notice::Digest(digest) => {
                trial.move_to_now(&mut digest.at);
                for line in &mut digest.lines {
                    line.stack = line.stack.as_ref().map(unowned);
                    trial.move_to_now(&mut line.at);
                }
            }
            Notice::Report(_) if self == Self::CalmReport => {
                return reports::calm(now, "example");
            }
            Notice::Report(_) => return reports::report(now, "example"),
            Notice::Undelivered(lost) => {
                lost.notifier = "example".to_owned();
                lost.others.clear();
                trial.move_to_now(&mut lost.at);
                if let Reach::Down(since) | Reach::Back(since) = &mut lost.news {
                    trial.move_to_now(since);
                }
            }
        }
        notice
    }
}

/// A stack that nobody has.
fn unowned(stack: &StackId) -> StackId {
    StackId::new(stack.as_str().replacen("infra/", "example/", 1))
}

/// Notices as if they were about now.
struct Trial {
    now: Timestamp,
    id: Uuid,
}

impl Trial {
    fn move_to_now(&self, at: &mut Timestamp) {
        let moved = at.checked_add(self.now.duration_since(minutes_later(90)));
        *at = moved.unwrap_or(self.now);
    }

    /// Alerts of different troubles are different ones, as they are in life.
    fn nth(&self, n: u128) -> AlertId {
        AlertId::from_uuid(Uuid::from_u128(self.id.as_u128() ^ n))
    }

    fn alert(&self, alert: &mut AlertNotice) {
        let kind = match alert.kind {
            AlertKind::Drift => 0,
            AlertKind::Failed => 1,
            AlertKind::Pending => 2,
            AlertKind::Apply => 3,
        };
        alert.alert = self.nth(kind);
        let known = alert.stack.clone();
        alert.stack = unowned(&known);
        let renamed = |text: &String| text.replace(known.as_str(), alert.stack.as_str());
        alert.detail = alert.detail.as_ref().map(renamed);
        alert.check.stack = Some(alert.stack.clone());
        self.move_to_now(&mut alert.at);
        self.move_to_now(&mut alert.opened_at);
        alert.since.iter_mut().for_each(|at| self.move_to_now(at));
        if let Some(known) = &mut alert.acknowledged {
            self.move_to_now(&mut known.at);
            known.until.iter_mut().for_each(|at| self.move_to_now(at));
        }
        if let Some(request) = &mut alert.request {
            self.move_to_now(&mut request.expires_at);
        }
        self.findings(&mut alert.check);
    }

    fn repair(&self, repair: &mut RepairNotice) {
        repair.run = RunId::from_uuid(self.id);
        repair.stack = unowned(&repair.stack);
        self.move_to_now(&mut repair.at);
        repair.before.stack = Some(repair.stack.clone());
        repair.after.stack = Some(repair.stack.clone());
        self.findings(&mut repair.before);
        self.findings(&mut repair.after);
    }

    fn findings(&self, check: &mut StackCheck) {
        for finding in &mut check.findings.resources {
            let Background { since, declared } = &mut finding.background;
            since.iter_mut().for_each(|at| self.move_to_now(at));
            let changed = declared
                .as_mut()
                .and_then(|declared| declared.changed.as_mut());
            if let Some(change) = changed {
                self.move_to_now(&mut change.at);
            }
        }
    }
}
