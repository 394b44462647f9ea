//! How many stacks have each verdict.

use serde::{Deserialize, Serialize};

use super::finding::Verdict;

/// How many stacks have each verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VerdictCounts {
    /// All of them.
    pub stacks: usize,
    /// In sync.
    pub in_sync: usize,
    /// Drifted.
    pub drifted: usize,
    /// Pending.
    pub pending: usize,
    /// Drifted and pending.
    pub drifted_and_pending: usize,
    /// Failed.
    pub failed: usize,
    /// Not checked recently enough.
    pub unknown: usize,
}

impl VerdictCounts {
    /// Counts verdicts.
    pub fn of(verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        let mut counts = Self::default();
        for verdict in verdicts {
            counts.stacks += 1;
            match verdict {
                Verdict::InSync => counts.in_sync += 1,
                Verdict::Drifted => counts.drifted += 1,
                Verdict::Pending => counts.pending += 1,
                Verdict::DriftedAndPending => counts.drifted_and_pending += 1,
                Verdict::Failed => counts.failed += 1,
                Verdict::Unknown => counts.unknown += 1,
            }
        }
        counts
    }
}
