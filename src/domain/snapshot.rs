//! Copies of a state: what they are called, what is known of one without opening it, and which have
//! had their time.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ids::{Fingerprint, RunId, SnapshotId, StackId};
use super::stack::StateIdentity;

/// Longest readable part of a place, in bytes.
const READABLE: usize = 80;

impl From<RunId> for SnapshotId {
    /// The snapshot before the apply of a run.
    fn from(run: RunId) -> Self {
        Self::from_uuid(run.uuid())
    }
}

impl SnapshotId {
    /// The state that the apply of a run could not save: always the same one, so that it is kept once.
    pub const fn not_saved(run: &RunId) -> Self {
        Self::from_uuid(uuid::Uuid::from_u128(run.uuid().as_u128() ^ 1))
    }
}

/// What a stack is called in directories and buckets: its id in plain characters and a piece of its
/// hash, so that no two stacks share one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StackPlace(String);

impl StackPlace {
    /// The place of a stack.
    pub fn of(stack: &StackId) -> Self {
        let id = stack.as_str();
        let readable: String = id
            .chars()
            .map(|c| if is_plain(c) { c } else { '_' })
            .take(READABLE)
            .collect();
        let hash = hex::encode(Sha256::digest(id.as_bytes()));
        Self(format!("{readable}-{}", hash.get(..12).unwrap_or(&hash)))
    }

    /// The place, if the text can be one: a single plain name.
    pub fn parse(text: &str) -> Option<Self> {
        let (readable, hash) = text.rsplit_once('-')?;
        let hexadecimal = |c: char| c.is_ascii_digit() || matches!(c, 'a'..='f');
        let fits = readable.len() <= READABLE
            && !readable.starts_with('.')
            && readable.chars().all(is_plain)
            && hash.len() == 12
            && hash.chars().all(hexadecimal);
        fits.then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StackPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@')
}

/// Why a state was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotReason {
    /// An apply was about to start.
    BeforeApply,
    /// Another state was about to be put in its place.
    BeforeRestore,
    /// Terraform could not save it where it belongs and left it in a file.
    NotSaved,
}

impl SnapshotReason {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeforeApply => "before_apply",
            Self::BeforeRestore => "before_restore",
            Self::NotSaved => "not_saved",
        }
    }
}

/// What is known of a snapshot without opening it; it stands beside it in clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotNote {
    /// Its id.
    pub id: SnapshotId,
    /// Whose state it is.
    pub stack: StackId,
    /// Why it was made.
    pub reason: SnapshotReason,
    /// The run that it belongs to, if there is one.
    pub run: Option<RunId>,
    /// Lineage and serial of the state.
    #[serde(flatten)]
    pub state: StateIdentity,
    /// How many managed objects the state lists.
    pub objects: usize,
    /// The size of the state in bytes.
    pub bytes: u64,
    /// The state's bytes, under the installation's key.
    pub digest: Fingerprint,
    /// The public keys that it is sealed for.
    pub sealed_for: Vec<String>,
}

/// Which snapshots of a stack stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotRetention {
    /// How many of the newest, whatever their age; the newest always does.
    pub last: usize,
    /// All that were made at this time or later; none if age ends nothing.
    pub since: Option<Timestamp>,
}

impl SnapshotRetention {
    /// Those that have had their time. One whose id does not say when it was made stays.
    pub fn outdated(&self, snapshots: &BTreeSet<SnapshotId>) -> Vec<SnapshotId> {
        let Some(since) = self.since else {
            return Vec::new();
        };
        let mut made: Vec<(Timestamp, SnapshotId)> = snapshots
            .iter()
            .filter_map(|id| Some((id.made_at()?, *id)))
            .collect();
        made.sort_unstable_by(|a, b| b.cmp(a));
        made.into_iter()
            .skip(self.last.max(1))
            .filter(|(at, _)| *at < since)
            .map(|(_, id)| id)
            .collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn made(seconds: u64, n: u8) -> SnapshotId {
        let mut random = [0; 10];
        random[9] = n;
        let id = uuid::Builder::from_unix_timestamp_millis(seconds * 1000, &random);
        SnapshotId::from_uuid(id.into_uuid())
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap()
    }

    #[test]
    fn places_of_stacks_whose_names_look_alike_differ() {
        let (a, b) = (
            StackPlace::of(&StackId::new("infra/a/b")),
            StackPlace::of(&StackId::new("infra/a_b")),
        );
        assert_ne!(a, b);
        assert!(a.as_str().starts_with("infra_a_b-"));
        for bad in [
            "",
            "a",
            "../x-0123456789ab",
            "a/b-0123456789ab",
            ".a-0123456789ab",
            "a-0123456789AB",
        ] {
            assert_eq!(StackPlace::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn old_ones_go_unless_they_are_among_the_last() {
        let all: BTreeSet<SnapshotId> = (1..=5).map(|n| made(n * 100, 0)).collect();
        let outdated = |last, since: Option<u64>| {
            let since = since.map(at);
            SnapshotRetention { last, since }.outdated(&all)
        };
        assert_eq!(outdated(2, Some(250)), [made(200, 0), made(100, 0)]);
        assert_eq!(outdated(4, Some(10_000)), [made(100, 0)]);
        assert_eq!(
            outdated(0, Some(10_000)).len(),
            4,
            "the newest always stays"
        );
        assert_eq!(outdated(0, None), []);
        let timeless = BTreeSet::from([SnapshotId::from_uuid(uuid::Uuid::from_u128(1))]);
        let retention = SnapshotRetention {
            last: 0,
            since: Some(at(10)),
        };
        assert_eq!(retention.outdated(&timeless), []);
    }

    proptest! {
        #[test]
        fn every_stack_has_a_place_that_reads_back(id in ".{1,200}") {
            let place = StackPlace::of(&StackId::new(id.trim_start_matches('.')));
            prop_assert_eq!(StackPlace::parse(place.as_str()), Some(place));
        }

        #[test]
        fn the_newest_stays_and_what_goes_is_old_and_not_among_the_last(
            times in prop::collection::btree_set(0u64..1000, 1..30), last in 0usize..10, since in 0u64..1000,
        ) {
            let all: BTreeSet<SnapshotId> = times.iter().map(|at| made(*at, 7)).collect();
            let retention = SnapshotRetention { last, since: Some(at(since)) };
            let gone = retention.outdated(&all);
            let stay = all.len() - gone.len();
            prop_assert!(stay >= last.max(1).min(all.len()));
            prop_assert!(!gone.contains(all.last().unwrap()));
            prop_assert!(gone.iter().all(|id| id.made_at().unwrap() < at(since)));
            let left: BTreeSet<SnapshotId> = all.iter().filter(|id| !gone.contains(id)).copied().collect();
            prop_assert_eq!(retention.outdated(&left), []);
        }
    }
}
