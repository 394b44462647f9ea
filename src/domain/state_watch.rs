//! Whether somebody wrote the state of a stack, as far as the object that holds it tells from outside.
//! A watch wakes and decides nothing: what the state says is for looks and guards.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::stack::StateIdentity;

/// What one version of an object tells from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Changes with what is in the object.
    pub etag: String,
    /// Changes with every write; none where versions are not kept.
    pub version: Option<String>,
    /// When it was written, as the store says.
    pub modified_at: Option<Timestamp>,
}

/// An object as a glance from outside found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Glance {
    /// It is there.
    There(Mark),
    /// There is none.
    Absent,
}

/// The version of what was written before versions were kept.
const UNVERSIONED: &str = "null";

impl Glance {
    /// Whether nobody wrote the object between the two.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::There(one), Self::There(other)) => {
                let version = |mark: &Mark| mark.version.clone().filter(|v| v != UNVERSIONED);
                let versions = (version(one), version(other));
                // A bucket that begins to keep versions says nothing of what is in it.
                let same_version = matches!(&versions, (Some(a), Some(b)) if a == b)
                    || versions.0.is_none()
                    || versions.1.is_none();
                one.etag == other.etag && same_version
            }
            (Self::Absent, Self::Absent) => true,
            _ => false,
        }
    }

    /// When the object was written.
    pub const fn modified_at(&self) -> Option<Timestamp> {
        match self {
            Self::There(mark) => mark.modified_at,
            Self::Absent => None,
        }
    }
}

/// What is remembered of the object that holds the state of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StateWatch {
    /// Which object: a hash over the backend's location.
    pub place: String,
    /// The object as it was when the state was last read in a look, or first glanced at.
    pub read: Option<Glance>,
    /// The other object for which the stack was woken.
    pub woken_by: Option<Glance>,
    /// Why it cannot be watched, if it cannot.
    pub unwatched: Option<String>,
}

impl StateWatch {
    /// The object was glanced at; whether the stack is to be looked at because of it. What is seen first
    /// is only remembered, and nothing wakes twice.
    pub fn glanced(&mut self, place: &str, glance: &Glance) -> bool {
        self.unwatched = None;
        let known = match &self.read {
            Some(read) if self.place == place => read,
            _ => {
                self.remember(place, glance.clone());
                return false;
            }
        };
        if known.is_same(glance) {
            self.woken_by = None;
            return false;
        }
        let woken = self.woken_by.as_ref();
        if woken.is_some_and(|woken| woken.is_same(glance)) {
            return false;
        }
        self.woken_by = Some(glance.clone());
        true
    }

    /// Whether somebody wrote the object since the state was last read.
    pub fn has_moved(&self, place: &str, glance: &Glance) -> bool {
        let known = self.read.as_ref().filter(|_| self.place == place);
        known.is_some_and(|read| !read.is_same(glance))
    }

    /// The state is read after this glance: what is written from now on is news.
    pub fn remember(&mut self, place: &str, glance: Glance) {
        *self = Self {
            place: place.to_owned(),
            read: Some(glance),
            woken_by: None,
            unwatched: None,
        };
    }
}

/// Somebody else wrote the state of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateMove {
    /// When its object was last written, as the store says; none if it is gone.
    pub at: Option<Timestamp>,
    /// The state as Mooring knew it.
    pub from: Option<StateIdentity>,
    /// The state as it was found; none if there was none.
    pub to: Option<StateIdentity>,
}

impl StateMove {
    /// The move from one state to another; none if they are the same.
    pub fn between(
        from: Option<&StateIdentity>,
        to: Option<&StateIdentity>,
        at: Option<Timestamp>,
    ) -> Option<Self> {
        (from != to).then(|| Self {
            at,
            from: from.cloned(),
            to: to.cloned(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn there(etag: &str, version: Option<&str>) -> Glance {
        Glance::There(Mark {
            etag: etag.to_owned(),
            version: version.map(str::to_owned),
            modified_at: Timestamp::from_second(1).ok(),
        })
    }

    #[test]
    fn a_write_of_the_same_bytes_counts_where_versions_are_kept() {
        assert!(there("a", None).is_same(&there("a", None)));
        assert!(!there("a", Some("1")).is_same(&there("a", Some("2"))));
        assert!(!there("a", Some("1")).is_same(&there("b", Some("1"))));
        assert!(!there("a", None).is_same(&Glance::Absent));
        // Versions are kept from now on: nobody wrote it.
        assert!(there("a", None).is_same(&there("a", Some("null"))));
        assert!(there("a", Some("null")).is_same(&there("a", None)));
    }

    #[test]
    fn what_is_seen_first_is_remembered_and_what_comes_after_it_wakes_once() {
        let mut watch = StateWatch::default();
        assert!(!watch.glanced("here", &there("a", None)));
        assert!(!watch.glanced("here", &there("a", None)));
        assert!(watch.glanced("here", &there("b", None)));
        assert!(!watch.glanced("here", &there("b", None)), "it is known");
        assert!(watch.glanced("here", &there("c", None)), "written again");
        assert!(watch.glanced("here", &Glance::Absent), "and removed");
        assert!(watch.has_moved("here", &Glance::Absent));
    }

    #[test]
    fn what_a_look_has_read_is_no_news_and_another_place_begins_anew() {
        let mut watch = StateWatch::default();
        watch.remember("here", there("a", None));
        assert!(!watch.has_moved("here", &there("a", None)));
        assert!(watch.has_moved("here", &there("b", None)));
        assert!(!watch.has_moved("there", &there("b", None)));
        assert!(!watch.glanced("there", &there("b", None)));
        assert!(watch.glanced("there", &there("c", None)));
        watch.remember("there", there("c", None));
        assert!(!watch.glanced("there", &there("c", None)));
    }

    #[test]
    fn a_move_is_from_one_state_to_another() {
        let state = |serial| StateIdentity {
            lineage: "l".to_owned(),
            serial,
        };
        assert_eq!(
            StateMove::between(Some(&state(1)), Some(&state(1)), None),
            None
        );
        let moved = StateMove::between(Some(&state(1)), None, None).unwrap();
        assert_eq!((moved.from, moved.to), (Some(state(1)), None));
    }

    proptest! {
        /// Whatever is written when: a stack is woken exactly if the object is not the one that was read,
        /// and was not the last reason to wake it.
        #[test]
        fn nothing_is_missed_and_nothing_wakes_twice(
            steps in prop::collection::vec((0u8..4, prop::bool::ANY), 1..60),
        ) {
            let object = |n: u8| if n == 0 { Glance::Absent } else { there(&n.to_string(), None) };
            let mut watch = StateWatch::default();
            let (mut read, mut woken): (Option<u8>, Option<u8>) = (None, None);
            for (now, is_look) in steps {
                if is_look {
                    prop_assert_eq!(
                        watch.has_moved("here", &object(now)),
                        read.is_some_and(|read| read != now)
                    );
                    watch.remember("here", object(now));
                    (read, woken) = (Some(now), None);
                    continue;
                }
                let wakes = watch.glanced("here", &object(now));
                let expected = read.is_some_and(|read| read != now) && woken != Some(now);
                prop_assert_eq!(wakes, expected);
                if read.is_none() { read = Some(now); }
                if read == Some(now) { woken = None; } else { woken = Some(now); }
            }
        }
    }
}
