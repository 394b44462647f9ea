//! Who asks for something, and what they may.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ids::TokenId;

/// Who asks for something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Identity {
    /// Whoever has the operator's token.
    Operator {
        /// The name they go by, if they say one: a claim that nothing proves.
        claims: Option<String>,
    },
    /// A person with a token of their own: all of it is as an administrator wrote it down.
    Person {
        /// The token.
        token: TokenId,
        /// The name.
        name: String,
        /// The groups they are in.
        groups: BTreeSet<String>,
        /// Their mail addresses, as commits name them.
        emails: BTreeSet<String>,
    },
}

impl Identity {
    /// The name, proven or claimed.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Operator { claims } => claims.as_deref(),
            Self::Person { name, .. } => Some(name),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().unwrap_or("the operator"))
    }
}

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Seeing everything that is no token.
    Read,
    /// Having a stack planned.
    Plan,
    /// Taking troubles on, and having messages sent again.
    Ack,
    /// Saying yes to what changes something: letting repairs of a held stack go on.
    Approve,
    /// Making and revoking tokens.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] = [
        Self::Read,
        Self::Plan,
        Self::Ack,
        Self::Approve,
        Self::Admin,
    ];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Plan => "plan",
            Self::Ack => "ack",
            Self::Approve => "approve",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no scope: write some of read, plan, ack, approve, admin")]
pub struct UnknownScope(String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        known.ok_or_else(|| UnknownScope(text.chars().take(60).collect()))
    }
}

/// Several scopes; none of them holds another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// All of them, as the operator's token has them.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Whether it is among them.
    pub fn hold(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first of these that others lack.
    pub fn beyond(&self, others: &Self) -> Option<Scope> {
        self.0.difference(&others.0).next().copied()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_known_by_its_word_and_opens_nothing_else() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
            let word = serde_json::to_value(scope).unwrap();
            assert_eq!(word, scope.as_str());
            let alone: Scopes = [scope].into_iter().collect();
            let held: Vec<Scope> = Scope::ALL.into_iter().filter(|s| alone.hold(*s)).collect();
            assert_eq!(held, [scope]);
        }
        assert!("root".parse::<Scope>().is_err());
    }

    #[test]
    fn nobody_gives_what_they_lack() {
        let some: Scopes = [Scope::Read, Scope::Admin].into_iter().collect();
        assert_eq!(some.beyond(&Scopes::all()), None);
        assert_eq!(Scopes::all().beyond(&some), Some(Scope::Plan));
    }
}
