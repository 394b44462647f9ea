//! Repairs that are alike, in one message.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::alert::AlertKind;
use crate::domain::brief::brief;
use crate::domain::cause::{Cause, of_findings};
use crate::domain::content::counts;
use crate::domain::finding::{Finding, Verdict};
use crate::domain::notice::{Notice, RepairMember, RepairNotice, RepairsNotice};

use super::{Composed, Envelope, alone};

/// What was repaired, if nothing else is to be said of it: a stack in which something is left, that could
/// not be looked at again, or in which code was deployed as well is told by itself.
pub(super) fn kind(repair: &RepairNotice) -> Option<Cause> {
    let after = &repair.after;
    let left = after.findings.resources.iter().any(counts) || after.findings.has_failing_check();
    let deploys = repair.before.findings.has_pending();
    if after.verdict != Verdict::InSync || left || deploys {
        return None;
    }
    of_findings(&repair.before, AlertKind::Drift, Finding::is_drift)
}

/// What waits to be told of repairs of one kind.
#[derive(Default)]
pub(super) struct Waiting<'e> {
    kinds: BTreeMap<String, Vec<(&'e Envelope, &'e RepairNotice, String)>>,
}

impl<'e> Waiting<'e> {
    /// Takes a repair in; says whether it is one that may have others like it.
    pub(super) fn take(&mut self, envelope: &'e Envelope) -> bool {
        let Notice::Repaired(repair) = &envelope.notice else {
            return false;
        };
        let Some(kind) = kind(repair) else {
            return false;
        };
        let alike = self.kinds.entry(kind.key).or_default();
        alike.push((envelope, repair, kind.words));
        true
    }

    /// The repairs of each kind, by its key.
    pub(super) fn kinds(self) -> impl Iterator<Item = (String, Alike<'e>)> {
        let kinds = self.kinds.into_iter();
        kinds.map(|(kind, alike)| (kind, Alike(alike)))
    }
}

/// Repairs of one kind.
pub(super) struct Alike<'e>(Vec<(&'e Envelope, &'e RepairNotice, String)>);

impl<'e> Alike<'e> {
    pub(super) fn envelopes(&self) -> impl Iterator<Item = &'e Envelope> {
        self.0.iter().map(|(envelope, ..)| *envelope)
    }

    /// When the first of them was news.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.envelopes().map(|envelope| envelope.at).min()
    }

    /// A message each, or one of all of them in the conversation of this group.
    pub(super) fn told(mut self, group: Option<String>) -> Vec<Composed> {
        let Some(group) = group.filter(|_| self.0.len() > 1) else {
            return self.envelopes().map(alone).collect();
        };
        let envelopes = self.envelopes().map(|envelope| envelope.id).collect();
        self.0.sort_by(|(_, a, _), (_, b, _)| a.stack.cmp(&b.stack));
        let Some((_, example, cause)) = self.0.first() else {
            return Vec::new();
        };
        let members = self.0.iter().map(|(_, repair, _)| RepairMember {
            run: repair.run,
            stack: repair.stack.clone(),
            text: brief(&repair.before),
        });
        let last = self.0.iter().map(|(_, repair, _)| repair.at).max();
        let notice = Notice::Repairs(RepairsNotice {
            group,
            at: last.unwrap_or(example.at),
            cause: cause.clone(),
            members: members.collect(),
            example: Box::new((*example).clone()),
        });
        vec![Composed { notice, envelopes }]
    }
}
