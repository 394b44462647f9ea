//! Pauses: what is not to be changed for now, whoever approved it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{SourceName, StackId};

/// What is paused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    All,
    /// Every stack of a source.
    Source(SourceName),
    /// One stack.
    Stack(StackId),
}

impl Scope {
    /// Whether a stack is in it.
    pub fn holds(&self, stack: &StackId, source: &SourceName) -> bool {
        match self {
            Self::All => true,
            Self::Source(name) => name == source,
            Self::Stack(id) => id == stack,
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("everything"),
            Self::Source(source) => write!(f, "the source {source}"),
            Self::Stack(stack) => stack.fmt(f),
        }
    }
}

/// A person's word that nothing is to be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// What of.
    pub scope: Scope,
    /// Whose word.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// Since when.
    pub at: Timestamp,
    /// Until when; none is until somebody ends it.
    pub until: Option<Timestamp>,
}

impl Pause {
    /// Whether it holds at a time.
    pub fn is_on(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Whether it counts in place of another of its scope that it has met.
    fn replaces(&self, other: &Self) -> bool {
        let longer = match (self.until, other.until) {
            (Some(end), Some(other)) => end >= other,
            (end, _) => end.is_none(),
        };
        self.at > other.at || longer
    }

    /// As a sentence.
    pub fn words(&self) -> String {
        let until = self.until.map(|until| format!(" until {until:.0}"));
        let why = self.reason.as_ref().map(|why| format!(": {why}"));
        format!(
            "{} is paused by {}{}{}",
            self.scope,
            self.by,
            until.unwrap_or_default(),
            why.unwrap_or_default()
        )
    }
}

/// Every pause: at most one of each scope.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pauses(Vec<Pause>);

impl Pauses {
    /// Every one of them.
    pub fn iter(&self) -> impl Iterator<Item = &Pause> {
        self.0.iter()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// That of a scope.
    pub fn get(&self, scope: &Scope) -> Option<&Pause> {
        self.0.iter().find(|pause| pause.scope == *scope)
    }

    /// Whether exactly this one is among them.
    pub fn holds(&self, pause: &Pause) -> bool {
        self.0.contains(pause)
    }

    /// With those that were thrown elsewhere. Of two of one scope the later word counts; clocks may
    /// differ, so one that holds longer is not given up for one that says to be later.
    #[must_use]
    pub fn joined(&self, thrown: &Self) -> Self {
        thrown
            .0
            .iter()
            .fold(self.clone(), |all, pause| match all.get(&pause.scope) {
                Some(known) if !pause.replaces(known) => all,
                _ => all.with(pause.clone()),
            })
    }

    /// With one more, in place of the one of its scope.
    #[must_use]
    pub fn with(&self, pause: Pause) -> Self {
        let mut pauses = self.without(&pause.scope);
        pauses.0.push(pause);
        pauses.0.sort_by(|a, b| a.scope.cmp(&b.scope));
        pauses
    }

    /// Without that of a scope. A narrower scope stays paused.
    #[must_use]
    pub fn without(&self, scope: &Scope) -> Self {
        let others = self.0.iter().filter(|pause| pause.scope != *scope);
        Self(others.cloned().collect())
    }

    /// Those that hold at a time, widest first.
    pub fn on(&self, now: Timestamp) -> impl Iterator<Item = &Pause> {
        self.0.iter().filter(move |pause| pause.is_on(now))
    }

    /// The widest pause that a stack is in.
    pub fn of(&self, stack: &StackId, source: &SourceName, now: Timestamp) -> Option<&Pause> {
        self.on(now).find(|pause| pause.scope.holds(stack, source))
    }
}

impl FromIterator<Pause> for Pauses {
    fn from_iter<T: IntoIterator<Item = Pause>>(pauses: T) -> Self {
        let by_scope = pauses.into_iter().map(|pause| (pause.scope.clone(), pause));
        Self(by_scope.collect::<BTreeMap<_, _>>().into_values().collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn pause(scope: Scope, until: Option<i64>) -> Pause {
        Pause {
            scope,
            by: "ann".to_owned(),
            reason: None,
            at: at(0),
            until: until.map(at),
        }
    }

    #[test]
    fn the_widest_pause_holds_and_a_narrower_one_outlives_it() {
        let (web, infra) = (StackId::new("infra/web"), SourceName::new("infra"));
        let stack = pause(Scope::Stack(web.clone()), None);
        let pauses = Pauses::default().with(stack.clone());
        let pauses = pauses.with(pause(Scope::All, Some(10)));
        let of = |pauses: &Pauses, now| pauses.of(&web, &infra, at(now)).map(|p| p.scope.clone());
        assert_eq!(of(&pauses, 9), Some(Scope::All));
        assert_eq!(of(&pauses, 10), Some(stack.scope.clone()));
        assert_eq!(of(&pauses.without(&Scope::All), 5), Some(stack.scope));
        let other = StackId::new("infra/db");
        assert_eq!(pauses.of(&other, &infra, at(11)), None);
        let source = Pauses::default().with(pause(Scope::Source(infra.clone()), None));
        assert!(source.of(&other, &infra, at(11)).is_some());
        assert_eq!(source.of(&other, &SourceName::new("apps"), at(11)), None);
    }

    #[test]
    fn a_second_pause_of_a_scope_takes_the_place_of_the_first() {
        let pauses = Pauses::default().with(pause(Scope::All, None));
        let pauses = pauses.with(pause(Scope::All, Some(5)));
        assert_eq!(pauses.on(at(4)).count(), 1);
        assert_eq!(pauses.on(at(5)).count(), 0);
    }

    #[test]
    fn of_two_that_meet_the_later_counts_and_none_that_holds_longer_is_lost_to_a_wrong_clock() {
        let at_time = |when: i64, until: Option<i64>| Pause {
            at: at(when),
            ..pause(Scope::All, until)
        };
        let joined = |known: Pause, thrown: Pause| {
            let all = Pauses::default().with(known);
            let all = all.joined(&Pauses::default().with(thrown));
            all.iter().map(|pause| pause.until).collect::<Vec<_>>()
        };
        let later = joined(at_time(1, None), at_time(2, Some(9)));
        assert_eq!(later, [Some(at(9))]);
        let crossed = joined(at_time(2, None), at_time(1, Some(9)));
        assert_eq!(crossed, [None]);
        let fast_clock = joined(at_time(2, Some(9)), at_time(1, None));
        assert_eq!(fast_clock, [None]);
        let narrower = Pauses::default().with(pause(Scope::Source(SourceName::new("a")), None));
        let both = Pauses::default().with(at_time(1, None)).joined(&narrower);
        assert_eq!(both.iter().count(), 2);
    }
}
