//! Which replicas take which stacks, where credentials or networks are not the same everywhere.

use std::collections::BTreeMap;

use super::ids::{SourceName, StackId};
use super::pattern::NamePattern;
use super::selection::Selection;

/// Some replicas that are there for some stacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dedication {
    /// Their names.
    pub replicas: NamePattern,
    /// The stacks.
    pub only: Selection,
}

/// All of them. A stack that replicas are dedicated to is looked at by these alone, and they look at
/// nothing else; all other replicas take all other stacks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dedications(Vec<Dedication>);

/// A stack as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub struct Described<'a> {
    /// Its id.
    pub id: &'a StackId,
    /// Its source.
    pub source: &'a SourceName,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
    /// Its owners.
    pub owners: &'a [String],
}

impl Dedications {
    /// These.
    pub const fn new(dedications: Vec<Dedication>) -> Self {
        Self(dedications)
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a replica of this name takes a stack.
    pub fn takes(&self, replica: &str, stack: Described<'_>) -> bool {
        let fits = |dedication: &Dedication| {
            let Described {
                id,
                source,
                labels,
                owners,
            } = stack;
            dedication
                .only
                .fits(id.as_str(), Some(source), labels, owners)
        };
        let own = |dedication: &&Dedication| dedication.replicas.is_match(replica);
        match self.0.iter().any(|dedication| own(&dedication)) {
            true => self.0.iter().filter(own).any(fits),
            false => !self.0.iter().any(fits),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn takes(replica: &str, zone: Option<&str>) -> bool {
        let zone_is = |zone: &str| Selection {
            labels: [("zone".to_owned(), NamePattern::parse(zone).unwrap())].into(),
            ..Selection::default()
        };
        let dedicated = |replicas: &str, zone: &str| Dedication {
            replicas: NamePattern::parse(replicas).unwrap(),
            only: zone_is(zone),
        };
        let all = Dedications::new(vec![dedicated("eu-*", "eu"), dedicated("eu-us", "us")]);
        let labels = zone.map(|zone| ("zone".to_owned(), zone.to_owned()));
        let stack = Described {
            id: &StackId::new("infra/a"),
            source: &SourceName::new("infra"),
            labels: &labels.into_iter().collect(),
            owners: &[],
        };
        all.takes(replica, stack)
    }

    #[test]
    fn what_replicas_are_dedicated_to_is_theirs_alone_and_nothing_else_is() {
        assert!(takes("eu-1", Some("eu")));
        assert!(!takes("eu-1", Some("us")) && !takes("eu-1", None));
        assert!(takes("eu-us", Some("eu")) && takes("eu-us", Some("us")));
        assert!(!takes("main", Some("eu")) && !takes("main", Some("us")));
        assert!(takes("main", None) && takes("main", Some("asia")));
    }

    #[test]
    fn without_any_every_replica_takes_everything() {
        let stack = Described {
            id: &StackId::new("infra/a"),
            source: &SourceName::new("infra"),
            labels: &BTreeMap::new(),
            owners: &[],
        };
        assert!(Dedications::default().takes("main", stack));
    }
}
