//! The audit log: who did what, as a chain in which nothing can be changed unseen.
//!
//! An entry is a JSON object. Its canonical text is that of RFC 8785: keys in order, no white space.
//! The keys are, in this order: `action`, `actor`, `at`, `details`, `hash`, `prev`, `seq`, `subject`.
//! `hash` is the SHA-256, as lower-case hexadecimal digits, of the canonical text of the entry without
//! `hash`. `prev` is the `hash` of the entry before, 64 zeros for the first one; `seq` counts from 1.
//! All numbers are whole. So whoever has the hash of one entry can prove all entries up to it, with
//! any tool that knows JSON and SHA-256:
//!
//! ```sh
//! jq -cS 'del(.hash)' entry.json | tr -d '\n' | sha256sum
//! ```

mod action;
mod canonical;
#[cfg(test)]
mod tests;
mod verify;

use std::fmt;
use std::str::FromStr;

use jiff::{Timestamp, TimestampRound, Unit};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub use action::Action;
pub use verify::{Broken, Chain, Defect, Start, Verified, verify};

use super::identity::Identity;
use super::ids::StackId;

/// The hash of an entry: 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryHash(String);

impl EntryHash {
    /// What stands before the first entry.
    pub fn zero() -> Self {
        Self("0".repeat(64))
    }

    fn of(text: &str) -> Self {
        Self(hex::encode(Sha256::digest(text.as_bytes())))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no hash of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hash of an entry is 64 digits and letters from `a` to `f`")]
pub struct NoHash;

impl FromStr for EntryHash {
    type Err = NoHash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if text.len() == 64 && text.chars().all(digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoHash)
        }
    }
}

/// The last entry of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its number; 0 if there is none.
    pub seq: u64,
    /// Its hash.
    pub hash: EntryHash,
}

impl Head {
    /// That of a chain without entries.
    pub fn none() -> Self {
        Self {
            seq: 0,
            hash: EntryHash::zero(),
        }
    }
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Mooring, by itself.
    Mooring,
    /// Somebody who asked for it.
    Asked(Identity),
}

impl Actor {
    fn recorded(&self) -> Value {
        match self {
            Self::Mooring => json!({"kind": "mooring"}),
            Self::Asked(identity) => json!(identity),
        }
    }
}

impl From<Identity> for Actor {
    fn from(identity: Identity) -> Self {
        Self::Asked(identity)
    }
}

/// Something that happened and is not in the chain yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAudit {
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What.
    pub action: Action,
}

impl NewAudit {
    /// What Mooring did by itself.
    pub const fn own(at: Timestamp, action: Action) -> Self {
        Self {
            at,
            actor: Actor::Mooring,
            action,
        }
    }

    /// What somebody asked for.
    pub fn asked(at: Timestamp, by: &Identity, action: Action) -> Self {
        Self {
            at,
            actor: by.clone().into(),
            action,
        }
    }

    /// The entry that it becomes after this head. Times are kept to the microsecond.
    pub fn after(&self, head: &Head) -> Entry {
        let round = TimestampRound::new()
            .smallest(Unit::Microsecond)
            .mode(jiff::RoundMode::Trunc);
        let mut entry = Entry {
            action: self.action.word().to_owned(),
            actor: canonical::plain(self.actor.recorded()),
            at: self.at.round(round).unwrap_or(self.at),
            details: canonical::plain(self.action.details()),
            hash: EntryHash::zero(),
            prev: head.hash.clone(),
            seq: head.seq + 1,
            subject: canonical::plain(self.action.subject()),
        };
        entry.hash = entry.own_hash();
        entry
    }
}

/// An entry of the chain, as it is recorded: another version of Mooring may know other actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What was done, a stable word.
    pub action: String,
    /// Who did it: `kind` is `mooring`, `operator` (with `claims`) or `person` (with `token`, `name`,
    /// `groups`, `emails`).
    pub actor: Value,
    /// When.
    pub at: Timestamp,
    /// What is to be known of it.
    pub details: Value,
    /// The hash of all the rest.
    pub hash: EntryHash,
    /// The hash of the entry before.
    pub prev: EntryHash,
    /// Its number, from 1.
    pub seq: u64,
    /// What it was done to: `stack`, `run`, `alert`, `message`, `notifier`, `token`, `cause` as they
    /// apply.
    pub subject: Value,
}

impl Entry {
    /// The hash that it must have.
    pub fn own_hash(&self) -> EntryHash {
        let mut fields = json!(self);
        if let Some(fields) = fields.as_object_mut() {
            fields.remove("hash");
        }
        EntryHash::of(&canonical::text(&fields))
    }

    /// Its canonical text, without a line break.
    pub fn line(&self) -> String {
        canonical::text(&json!(self))
    }

    /// The entry whose canonical text this is, to the letter.
    pub fn read(line: &str) -> Result<Self, Defect> {
        let entry: Self = serde_json::from_str(line).map_err(|_| Defect::Unreadable)?;
        if entry.line() == line {
            Ok(entry)
        } else {
            Err(Defect::Unreadable)
        }
    }

    /// The canonical texts of actor, subject and details.
    pub fn texts(&self) -> [String; 3] {
        [&self.actor, &self.subject, &self.details].map(canonical::text)
    }

    /// The stack that it is about, if it is about one.
    pub fn stack(&self) -> Option<StackId> {
        self.subject["stack"].as_str().map(StackId::new)
    }

    /// Who did it, in a word or two for people: a claimed name is told from a proven one.
    pub fn who(&self) -> String {
        let name = |field: &str| self.actor[field].as_str().map(str::to_owned);
        match self.actor["kind"].as_str() {
            Some("operator") => name("claims").map_or_else(
                || "the operator".to_owned(),
                |claims| format!("{claims} (claimed)"),
            ),
            Some("person") => name("name").unwrap_or_default(),
            Some(other) => other.to_owned(),
            None => "-".to_owned(),
        }
    }
}
