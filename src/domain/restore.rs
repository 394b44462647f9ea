//! What putting a snapshot of a state back would mean, and whether it may be done.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::digest::DigestKey;
use super::ids::{Address, Fingerprint, RestoreDigest, SnapshotId, StackId};
use super::stack::StateIdentity;

/// The managed objects of a state. Of their attributes only names and keyed fingerprints are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory(pub BTreeMap<Address, BTreeMap<String, Fingerprint>>);

/// An object that both states have, differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Differs {
    /// Which.
    pub address: Address,
    /// The names of its attributes that differ, at the top level.
    pub attributes: Vec<String>,
}

/// What putting a snapshot back would mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Meaning {
    /// The state as it is; none if there is none.
    pub now: Option<StateIdentity>,
    /// The state in the snapshot.
    pub then: StateIdentity,
    /// What the state as it is has and the snapshot lacks: nobody would manage it any more.
    pub forgotten: Vec<Address>,
    /// What the snapshot has and the state as it is lacks.
    pub returning: Vec<Address>,
    /// What both have, differently.
    pub different: Vec<Differs>,
    /// How many objects are the same in both.
    pub same: usize,
}

/// What a person says may happen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choices {
    /// These objects may be forgotten.
    #[serde(default)]
    pub forget: BTreeSet<Address>,
    /// The snapshot may be of another lineage.
    #[serde(default)]
    pub other_lineage: bool,
}

/// What stands against it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// An object would be forgotten, and nobody has said that it may be.
    #[error("{0} would be forgotten: the snapshot does not have it (--forget {0})")]
    Forgets(Address),
    /// Somebody has said that an object may be forgotten that would not be.
    #[error("{0} would not be forgotten, so --forget does not fit")]
    NotForgotten(Address),
    /// The snapshot is of another state altogether.
    #[error("the snapshot is of the lineage {then}, and the state is of {now} (--other-lineage)")]
    OtherLineage {
        /// That of the state as it is.
        now: String,
        /// That of the snapshot.
        then: String,
    },
}

impl Meaning {
    /// Compares the state as it is with a snapshot.
    pub fn of(now: (Option<StateIdentity>, &Inventory), then: (StateIdentity, &Inventory)) -> Self {
        let (Inventory(here), Inventory(there)) = (now.1, then.1);
        let only = |own: &BTreeMap<Address, _>, other: &BTreeMap<Address, _>| {
            let own = own.keys().filter(|address| !other.contains_key(*address));
            own.cloned().collect::<Vec<Address>>()
        };
        let mut same = 0;
        let mut different = Vec::new();
        for (address, was) in there {
            let Some(is) = here.get(address) else {
                continue;
            };
            let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
            let names = names
                .into_iter()
                .filter(|name| was.get(*name) != is.get(*name));
            let attributes: Vec<String> = names.cloned().collect();
            if attributes.is_empty() {
                same += 1;
            } else {
                different.push(Differs {
                    address: address.clone(),
                    attributes,
                });
            }
        }
        Self {
            now: now.0,
            then: then.0,
            forgotten: only(here, there),
            returning: only(there, here),
            different,
            same,
        }
    }

    /// Everything that stands against it, given what a person says may happen.
    pub fn objections(&self, choices: &Choices) -> Vec<Objection> {
        let mut objections = Vec::new();
        if let Some(now) = &self.now
            && now.lineage != self.then.lineage
            && !choices.other_lineage
        {
            objections.push(Objection::OtherLineage {
                now: now.lineage.clone(),
                then: self.then.lineage.clone(),
            });
        }
        let unsaid = self
            .forgotten
            .iter()
            .filter(|a| !choices.forget.contains(*a));
        objections.extend(unsaid.cloned().map(Objection::Forgets));
        let wrong = choices
            .forget
            .iter()
            .filter(|a| !self.forgotten.contains(a));
        objections.extend(wrong.cloned().map(Objection::NotForgotten));
        objections
    }

    /// The serial that the restored state gets: above all that anybody has seen of either.
    pub fn serial(&self) -> u64 {
        let now = self.now.as_ref().map_or(0, |now| now.serial);
        now.max(self.then.serial).saturating_add(1)
    }

    /// Whether Terraform has to be told to put another lineage in the place of this one.
    pub fn replaces_lineage(&self) -> bool {
        let now = self.now.as_ref();
        now.is_some_and(|now| now.lineage != self.then.lineage)
    }

    /// What a person confirms: exactly this snapshot, over exactly this state, with these choices.
    pub fn digest(
        &self,
        stack: &StackId,
        snapshot: SnapshotId,
        choices: &Choices,
        key: &DigestKey,
    ) -> RestoreDigest {
        let canonical = serde_json::json!([stack, snapshot, self, choices]);
        key.restore(canonical.to_string().as_bytes())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn identity(lineage: &str, serial: u64) -> StateIdentity {
        StateIdentity {
            lineage: lineage.to_owned(),
            serial,
        }
    }

    fn inventory(objects: &[(&str, &[(&str, &str)])]) -> Inventory {
        let objects = objects.iter().map(|(address, attributes)| {
            let attributes = attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Fingerprint::new(*value)));
            (Address::new(*address), attributes.collect())
        });
        Inventory(objects.collect())
    }

    fn choices(forget: &[&str], other_lineage: bool) -> Choices {
        Choices {
            forget: forget.iter().copied().map(Address::new).collect(),
            other_lineage,
        }
    }

    fn meaning() -> Meaning {
        let now = inventory(&[
            ("a.both", &[("x", "1"), ("y", "2"), ("z", "3")]),
            ("a.new", &[]),
            ("a.same", &[("x", "1")]),
        ]);
        let then = inventory(&[
            ("a.both", &[("w", "0"), ("x", "1"), ("y", "9")]),
            ("a.gone", &[]),
            ("a.same", &[("x", "1")]),
        ]);
        Meaning::of((Some(identity("l", 9)), &now), (identity("l", 4), &then))
    }

    #[test]
    fn each_object_is_forgotten_comes_back_differs_or_is_the_same() {
        let meaning = meaning();
        assert_eq!(meaning.forgotten, [Address::new("a.new")]);
        assert_eq!(meaning.returning, [Address::new("a.gone")]);
        let differs = Differs {
            address: Address::new("a.both"),
            attributes: ["w", "y", "z"].map(str::to_owned).into(),
        };
        assert_eq!(meaning.different, [differs]);
        assert_eq!((meaning.same, meaning.serial()), (1, 10));
    }

    #[test]
    fn nothing_is_forgotten_unless_it_is_named() {
        let meaning = meaning();
        let against = |forget: &[&str]| {
            let objections = meaning.objections(&choices(forget, false));
            let told = objections.iter().map(ToString::to_string);
            told.collect::<Vec<_>>().join("\n")
        };
        assert_eq!(against(&["a.new"]), "");
        insta::assert_snapshot!(against(&[]), @"a.new would be forgotten: the snapshot does not have it (--forget a.new)");
        insta::assert_snapshot!(against(&["a.both"]), @r"
        a.new would be forgotten: the snapshot does not have it (--forget a.new)
        a.both would not be forgotten, so --forget does not fit
        ");
    }

    #[test]
    fn another_lineage_has_to_be_meant() {
        let nothing = Inventory::default();
        let other = Meaning::of(
            (Some(identity("l", 4)), &nothing),
            (identity("m", 9), &nothing),
        );
        assert!(other.replaces_lineage());
        assert_eq!(other.serial(), 10);
        assert_eq!(other.objections(&choices(&[], false)).len(), 1);
        assert_eq!(other.objections(&choices(&[], true)), []);
        let none = Meaning::of((None, &nothing), (identity("m", 9), &nothing));
        assert!(!none.replaces_lineage());
        assert_eq!(none.objections(&choices(&[], false)), []);
    }

    fn any_inventory() -> impl Strategy<Value = Inventory> {
        let attributes =
            prop::collection::btree_map("[a-c]", "[0-2]".prop_map(Fingerprint::new), 0..3);
        let objects = prop::collection::btree_map("[a-e]".prop_map(Address::new), attributes, 0..6);
        objects.prop_map(Inventory)
    }

    proptest! {
        #[test]
        fn nothing_is_lost_in_the_comparison(now in any_inventory(), then in any_inventory()) {
            let meaning = Meaning::of((Some(identity("l", 1)), &now), (identity("l", 2), &then));
            let both = meaning.different.len() + meaning.same;
            prop_assert_eq!(meaning.forgotten.len() + both, now.0.len());
            prop_assert_eq!(meaning.returning.len() + both, then.0.len());
            let back = Meaning::of((Some(identity("l", 2)), &then), (identity("l", 1), &now));
            prop_assert_eq!(&back.forgotten, &meaning.returning);
            prop_assert_eq!(&back.returning, &meaning.forgotten);
            prop_assert_eq!(&back.different, &meaning.different);
        }

        #[test]
        fn it_may_go_on_only_if_exactly_what_is_lost_is_named(
            now in any_inventory(), then in any_inventory(),
            forget in prop::collection::btree_set("[a-e]".prop_map(Address::new), 0..5),
        ) {
            let meaning = Meaning::of((Some(identity("l", 1)), &now), (identity("l", 2), &then));
            let lost: BTreeSet<Address> = meaning.forgotten.iter().cloned().collect();
            let allowed = meaning.objections(&Choices { forget: forget.clone(), other_lineage: false }).is_empty();
            prop_assert_eq!(allowed, forget == lost);
            let all = Choices { forget: lost, other_lineage: false };
            prop_assert!(meaning.objections(&all).is_empty());
        }

        #[test]
        fn what_is_confirmed_is_exactly_what_was_shown(
            now in any_inventory(), then in any_inventory(), serial in 0u64..3, forget in "[a-e]",
        ) {
            let key = DigestKey::new([1; 32]);
            let stack = StackId::new("s");
            let id = |n| SnapshotId::from_uuid(uuid::Uuid::from_u128(n));
            let none = Choices::default();
            let meaning = Meaning::of((Some(identity("l", serial)), &now), (identity("l", 2), &then));
            let digest = meaning.digest(&stack, id(1), &none, &key);
            prop_assert_eq!(&digest, &meaning.digest(&stack, id(1), &none, &key));
            let moved = Meaning { now: Some(identity("l", serial + 1)), ..meaning.clone() };
            prop_assert_ne!(&digest, &moved.digest(&stack, id(1), &none, &key));
            prop_assert_ne!(&digest, &meaning.digest(&stack, id(2), &none, &key));
            let other = Choices { forget: [Address::new(forget)].into(), other_lineage: false };
            prop_assert_ne!(&digest, &meaning.digest(&stack, id(1), &other, &key));
        }
    }
}
