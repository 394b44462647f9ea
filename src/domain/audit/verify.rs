//! Whether a chain holds.

use jiff::Timestamp;

use super::{Entry, EntryHash, Head};

/// Where a chain is said to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// With the first entry there ever was.
    First,
    /// With the entry after the one that has this hash.
    After(EntryHash),
}

/// What holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many entries there are.
    pub entries: u64,
    /// When the first of them was made.
    pub first: Option<Timestamp>,
    /// When the last of them was made.
    pub last: Option<Timestamp>,
    /// The last of them.
    pub head: Head,
    /// How many came after the one that was known; none if none was.
    pub since_known: Option<u64>,
}

/// Where a chain does not hold, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at entry {seq}: {why}")]
pub struct Broken {
    /// The number of the entry at which it is seen.
    pub seq: u64,
    /// What is wrong with it.
    pub why: Defect,
}

/// What can be wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// It is not written as entries are.
    #[error("this is no entry as Mooring writes them")]
    Unreadable,
    /// What it says is not what was hashed.
    #[error("it was altered: its hash is not that of what it says")]
    Altered,
    /// Entries before it are not there.
    #[error("entries before it were removed: the one before has the number {before}")]
    Gap {
        /// The number of the one before.
        before: u64,
    },
    /// It is not where it belongs.
    #[error("it is out of order or there twice: the one before has the number {before}")]
    OutOfOrder {
        /// The number of the one before.
        before: u64,
    },
    /// It was not made after the entry that is before it.
    #[error("it was not made after the entry before it: one of the two was put in or altered")]
    Foreign,
    /// The chain does not hold the entry that is known to be in it.
    #[error(
        "no entry up to here has the known hash: the log was cut off at its end or written anew"
    )]
    KnownIsMissing,
}

/// A chain that is looked at entry by entry.
#[derive(Debug, Clone)]
pub struct Chain {
    start: Start,
    known: Option<EntryHash>,
    /// The number of the entry that has the known hash.
    found: Option<u64>,
    head: Option<Head>,
    entries: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Chain {
    /// A chain of which nothing has been seen yet. `known` is the hash that one of its entries must
    /// have, because somebody kept it elsewhere: what came before it cannot have been changed then,
    /// nor the end be cut off before it.
    pub const fn new(start: Start, known: Option<EntryHash>) -> Self {
        Self {
            start,
            known,
            found: None,
            head: None,
            entries: 0,
            first: None,
            last: None,
        }
    }

    /// Takes in the next entry.
    pub fn take(&mut self, entry: &Entry) -> Result<(), Broken> {
        let broken = |why| {
            Err(Broken {
                seq: entry.seq,
                why,
            })
        };
        if entry.own_hash() != entry.hash {
            return broken(Defect::Altered);
        }
        let head = match (&self.head, &self.start) {
            (Some(head), _) => head.clone(),
            (None, Start::First) => Head::none(),
            (None, Start::After(hash)) => Head {
                seq: entry.seq.saturating_sub(1),
                hash: hash.clone(),
            },
        };
        let before = head.seq;
        if entry.seq > before.saturating_add(1) {
            return broken(Defect::Gap { before });
        }
        if entry.seq <= before {
            return broken(Defect::OutOfOrder { before });
        }
        if entry.prev != head.hash {
            return broken(Defect::Foreign);
        }
        if self.known.as_ref() == Some(&entry.hash) {
            self.found = Some(entry.seq);
        }
        self.head = Some(Head {
            seq: entry.seq,
            hash: entry.hash.clone(),
        });
        self.entries += 1;
        self.first = self.first.or(Some(entry.at));
        self.last = Some(entry.at);
        Ok(())
    }

    /// The number of the last entry that was taken in; 0 if there was none.
    pub fn seen(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.seq)
    }

    /// The chain as a whole, once all its entries have been taken in.
    pub fn end(self) -> Result<Verified, Broken> {
        let head = self.head.unwrap_or_else(Head::none);
        if self.known.is_some() && self.found.is_none() {
            return Err(Broken {
                seq: head.seq,
                why: Defect::KnownIsMissing,
            });
        }
        Ok(Verified {
            entries: self.entries,
            first: self.first,
            last: self.last,
            since_known: self.found.map(|seq| head.seq - seq),
            head,
        })
    }
}

/// Whether these entries are a whole chain from the first one on, with the known hash in it.
pub fn verify<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
    known: Option<EntryHash>,
) -> Result<Verified, Broken> {
    let mut chain = Chain::new(Start::First, known);
    for entry in entries {
        chain.take(entry)?;
    }
    chain.end()
}
