//! The tokens of people: what is known of one, and whether it opens anything now.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::identity::{Identity, Scopes};
use super::ids::TokenId;

/// What every token begins with, so that it is known for one wherever it turns up.
pub const PREFIX: &str = "mrg_";

/// The last use is remembered to about this length of time.
const COARSE: SignedDuration = SignedDuration::from_hours(1);
/// Longest name, group or address, in characters.
const LONGEST: usize = 200;
/// Most groups or addresses.
const MOST: usize = 100;

/// What is kept of a token in its place: its SHA-256 as hexadecimal digits. A token is random enough
/// that it needs no salt.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash(String);

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &str) -> Self {
        Self(hex::encode(Sha256::digest(token.as_bytes())))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// Whose token it is to be, and what it opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The person's name.
    pub name: String,
    /// The groups they are in.
    pub groups: BTreeSet<String>,
    /// Their mail addresses, as commits name them.
    pub emails: BTreeSet<String>,
    /// What it opens.
    pub scopes: Scopes,
    /// From when on it opens nothing.
    pub expires_at: Timestamp,
}

/// Why there can be no such token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadGrant {
    /// It is nobody's.
    #[error("a token has a name: that of the person it is for")]
    Nameless,
    /// A text is none that people would read.
    #[error("`{0}` is too long for a name, or holds a control character")]
    Unreadable(String),
    /// An address is none.
    #[error("`{0}` is no mail address")]
    NoAddress(String),
    /// There are too many.
    #[error("a person has at most {MOST} groups and {MOST} addresses")]
    TooMany,
    /// It opens nothing.
    #[error("a token opens something: name its scopes")]
    Scopeless,
    /// It is over before it begins.
    #[error("a token expires in the future")]
    Over,
}

impl Grant {
    /// The grant, if it makes sense now.
    pub fn checked(mut self, now: Timestamp) -> Result<Self, BadGrant> {
        self.name = self.name.trim().to_owned();
        if self.name.is_empty() {
            return Err(BadGrant::Nameless);
        }
        let texts = self.groups.iter().chain(&self.emails);
        for text in texts.chain([&self.name]) {
            if text.chars().count() > LONGEST || text.chars().any(char::is_control) {
                let shown = text.chars().filter(|c| !c.is_control()).take(60);
                return Err(BadGrant::Unreadable(shown.collect()));
            }
        }
        if let Some(wrong) = self.emails.iter().find(|address| !address.contains('@')) {
            return Err(BadGrant::NoAddress(wrong.clone()));
        }
        if self.groups.len().max(self.emails.len()) > MOST {
            return Err(BadGrant::TooMany);
        }
        if self.scopes.is_empty() {
            return Err(BadGrant::Scopeless);
        }
        if self.expires_at <= now {
            return Err(BadGrant::Over);
        }
        Ok(self)
    }
}

/// A token, without the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id, which opens nothing.
    pub id: TokenId,
    /// Whose it is and what it opens.
    pub grant: Grant,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to about an hour.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Whether a token opens anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// It does.
    Active,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

impl Token {
    /// Whether it opens anything now.
    pub fn state(&self, now: Timestamp) -> TokenState {
        if self.revoked_at.is_some() {
            TokenState::Revoked
        } else if self.grant.expires_at <= now {
            TokenState::Expired
        } else {
            TokenState::Active
        }
    }

    /// Whether a use of it now is to be remembered.
    pub fn is_used_anew(&self, now: Timestamp) -> bool {
        self.last_used_at
            .is_none_or(|last| now.duration_since(last) >= COARSE)
    }

    /// Who uses it.
    pub fn identity(&self) -> Identity {
        Identity::Person {
            token: self.id,
            name: self.grant.name.clone(),
            groups: self.grant.groups.clone(),
            emails: self.grant.emails.clone(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::domain::identity::Scope;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn grant() -> Grant {
        Grant {
            name: " alice ".into(),
            groups: ["platform".to_owned()].into(),
            emails: ["alice@example.com".to_owned()].into(),
            scopes: [Scope::Read].into_iter().collect(),
            expires_at: at(100),
        }
    }

    #[test]
    fn a_grant_that_makes_no_sense_is_refused() {
        assert_eq!(grant().checked(at(0)).unwrap().name, "alice");
        let refused = |change: &dyn Fn(&mut Grant)| {
            let mut grant = grant();
            change(&mut grant);
            grant.checked(at(0)).unwrap_err()
        };
        assert_eq!(refused(&|g| g.name = "  ".into()), BadGrant::Nameless);
        let unreadable = refused(&|g| g.name = "al\u{1b}ice".into());
        assert_eq!(unreadable, BadGrant::Unreadable("alice".into()));
        let long = refused(&|g| g.groups = ["x".repeat(LONGEST + 1)].into());
        assert_eq!(long, BadGrant::Unreadable("x".repeat(60)));
        let address = refused(&|g| g.emails = ["alice".to_owned()].into());
        assert_eq!(address, BadGrant::NoAddress("alice".into()));
        let many = refused(&|g| g.groups = (0..=MOST).map(|n| n.to_string()).collect());
        assert_eq!(many, BadGrant::TooMany);
        assert_eq!(
            refused(&|g| g.scopes = Scopes::default()),
            BadGrant::Scopeless
        );
        assert_eq!(refused(&|g| g.expires_at = at(0)), BadGrant::Over);
    }

    #[test]
    fn a_token_opens_until_it_expires_or_is_revoked() {
        let token = Token {
            id: TokenId::from_uuid(uuid::Uuid::from_u128(1)),
            grant: grant(),
            created_at: at(0),
            last_used_at: None,
            revoked_at: None,
        };
        assert_eq!(token.state(at(99)), TokenState::Active);
        assert_eq!(token.state(at(100)), TokenState::Expired);
        let revoked = Token {
            revoked_at: Some(at(5)),
            ..token.clone()
        };
        assert_eq!(revoked.state(at(6)), TokenState::Revoked);
        assert!(token.is_used_anew(at(0)));
        let used = Token {
            last_used_at: Some(at(0)),
            ..token
        };
        assert!(!used.is_used_anew(at(3599)) && used.is_used_anew(at(3600)));
    }
}
