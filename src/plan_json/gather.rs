//! What is kept of a document while it passes by: everything that changes, the marks, the secrets.
//! Of what stays as it is nothing is kept unless something else needs it, so memory follows the
//! findings and not the document.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::domain::ids::Address;
use crate::domain::mirrored;
use crate::domain::value::SENSITIVE;

use super::clear::Clear;
use super::marks::{Marks, may_mark};
use super::redact::Secrets;
use super::wire::{self, Raw, text};

/// Address and deposed key.
pub(super) type ObjectKey = (String, Option<String>);

/// See the module.
pub(super) struct Gathered<'k, R> {
    pub(super) format_version: Option<serde_json::Value>,
    pub(super) terraform_version: Option<String>,
    pub(super) errored: Option<bool>,
    pub(super) complete: Option<bool>,
    pub(super) applyable: Option<bool>,
    pub(super) changes: Vec<wire::ResourceChange<R>>,
    pub(super) drift: Vec<wire::ResourceChange<R>>,
    pub(super) outputs: BTreeMap<String, wire::Change<R>>,
    pub(super) checks: Vec<wire::Check>,
    pub(super) relevant: Vec<wire::RelevantAttribute>,
    pub(super) deferred: usize,
    pub(super) invocations: usize,
    pub(super) variables: BTreeMap<String, wire::Variable<R>>,
    pub(super) configuration: Option<wire::Configuration<R>>,
    pub(super) secrets: Secrets,
    pub(super) sensitive_outputs: BTreeSet<String>,
    /// Whether `resource_changes` names a managed object, changed or not.
    pub(super) plans_managed: bool,
    /// Whether a state in the document holds a managed object.
    pub(super) holds_managed: bool,
    /// Where objects are: hashed, since only whether one is there is asked.
    present: HashSet<u64>,
    hasher: std::hash::RandomState,
    /// Addresses in `resource_drift`.
    drifted: HashSet<String>,
    drift_is_known: bool,
    changes_are_known: bool,
    /// Marks of objects in the states, as text.
    marks: HashMap<ObjectKey, Vec<Box<str>>>,
    keep: Keep<'k>,
}

/// Objects to keep although they stay as they are. The keys of an address may be masked by now, so
/// then all that could be meant are kept.
struct Keep<'k> {
    exact: HashSet<&'k str>,
    beginnings: Vec<&'k str>,
}

impl<'k> Keep<'k> {
    fn new(addresses: &'k BTreeSet<Address>) -> Self {
        let mut keep = Self {
            exact: HashSet::new(),
            beginnings: Vec::new(),
        };
        for address in addresses {
            match address.as_str().split_once(SENSITIVE) {
                Some((beginning, _)) => keep.beginnings.push(beginning),
                None => {
                    keep.exact.insert(address.as_str());
                }
            }
        }
        keep
    }

    fn asks_for(&self, address: &str) -> bool {
        self.exact.contains(address)
            || self
                .beginnings
                .iter()
                .any(|beginning| address.starts_with(beginning))
    }
}

impl<'k, R> Gathered<'k, R> {
    pub(super) fn new(keep: &'k BTreeSet<Address>) -> Self {
        Self {
            format_version: None,
            terraform_version: None,
            errored: None,
            complete: None,
            applyable: None,
            changes: Vec::new(),
            drift: Vec::new(),
            outputs: BTreeMap::new(),
            checks: Vec::new(),
            relevant: Vec::new(),
            deferred: 0,
            invocations: 0,
            variables: BTreeMap::new(),
            configuration: None,
            secrets: Secrets::default(),
            sensitive_outputs: BTreeSet::new(),
            plans_managed: false,
            holds_managed: false,
            present: HashSet::new(),
            hasher: std::hash::RandomState::new(),
            drifted: HashSet::new(),
            drift_is_known: false,
            changes_are_known: false,
            marks: HashMap::new(),
            keep: Keep::new(keep),
        }
    }

    fn place(&self, address: &str, deposed: Option<&str>) -> u64 {
        std::hash::BuildHasher::hash_one(&self.hasher, (address, deposed))
    }

    /// Whether the plan has an object at this address.
    pub(super) fn holds(&self, address: &str) -> bool {
        self.present.contains(&self.place(address, None))
    }

    /// The marks of an object in the states.
    pub(super) fn marks_at(&self, address: &str, deposed: Option<&str>) -> Marks {
        let key = (address.to_owned(), deposed.map(str::to_owned));
        let known = self.marks.get(&key).into_iter().flatten();
        known.fold(Marks::Nothing, |marks, raw| {
            marks.union(Marks::parse(Some(raw)))
        })
    }
}

impl<'de, R: Raw<'de>> Gathered<'_, R> {
    /// Takes in an entry of `resource_drift`.
    pub(super) fn drift(&mut self, entry: wire::ResourceChange<R>) {
        if says_nothing(&entry) {
            self.secrets_of(&entry);
            return;
        }
        self.drifted.insert(entry.address.clone());
        self.drifted.extend(entry.previous_address.clone());
        self.drift.push(entry);
    }

    /// `resource_drift` is over.
    pub(super) fn drift_ends(&mut self) {
        self.drift_is_known = true;
        self.drop_unneeded();
    }

    /// Takes in an entry of `resource_changes`.
    pub(super) fn change(&mut self, entry: wire::ResourceChange<R>) {
        self.plans_managed |= entry.mode == wire::Mode::Managed;
        let place = self.place(&entry.address, entry.deposed.as_deref());
        self.present.insert(place);
        if !self.drift_is_known || self.is_needed(&entry) {
            self.changes.push(entry);
        } else {
            self.secrets_of(&entry);
        }
    }

    /// `resource_changes` is over.
    pub(super) fn changes_end(&mut self) {
        self.changes_are_known = true;
    }

    /// The document is over. Plans without drift may lack the field.
    pub(super) fn document_ends(&mut self) {
        if !self.drift_is_known {
            self.drift_ends();
        }
    }

    fn drop_unneeded(&mut self) {
        for entry in std::mem::take(&mut self.changes) {
            if self.is_needed(&entry) {
                self.changes.push(entry);
            } else {
                self.secrets_of(&entry);
            }
        }
    }

    /// Whether the entry changes something, or something that is known to change needs it.
    fn is_needed(&self, entry: &wire::ResourceChange<R>) -> bool {
        let Some(change) = &entry.change else {
            return true;
        };
        let from = entry.previous_address.as_deref();
        let unchanged = change.actions == ["no-op"]
            && change.importing.is_none()
            && from.is_none_or(|from| from == entry.address);
        !unchanged
            || self.is_asked_for(&entry.address)
            || from.is_some_and(|from| self.is_asked_for(from))
            || (mirrored::declares(&entry.resource_type)
                && self
                    .drift
                    .iter()
                    .any(|drift| mirrored::shows(&drift.resource_type)))
    }

    fn is_asked_for(&self, address: &str) -> bool {
        self.drifted.contains(address) || self.keep.asks_for(address)
    }

    /// What an entry that is dropped marks.
    fn secrets_of(&mut self, entry: &wire::ResourceChange<R>) {
        let Some(change) = &entry.change else {
            return;
        };
        let sides = [&change.before_sensitive, &change.after_sensitive];
        let marks = sides
            .into_iter()
            .map(|side| Marks::parse(text(side.as_ref())));
        let marks = marks.fold(Marks::Nothing, Marks::union);
        if marks.any() {
            for side in [&change.before, &change.after] {
                self.hide(text(side.as_ref()), &marks);
            }
        }
    }

    /// Takes in a change that was put off.
    pub(super) fn deferred(&mut self, deferred: &wire::Deferred<R>) {
        self.deferred += 1;
        if let Some(entry) = &deferred.resource_change {
            self.secrets_of(entry);
        }
    }

    /// Takes in an action that would run.
    pub(super) fn invocation(&mut self, action: &wire::Invocation<R>) {
        self.invocations += 1;
        let marks = Marks::parse(text(action.config_sensitive.as_ref()));
        if marks.any() {
            self.hide(text(action.config_values.as_ref()), &marks);
        }
    }

    /// Takes in the marked parts of a value.
    pub(super) fn hide(&mut self, raw: Option<&str>, marks: &Marks) {
        if let Some(raw) = raw {
            hide(&mut self.secrets, raw, marks);
        }
    }

    /// Takes in an object of a state (`prior_state`, `planned_values`).
    pub(super) fn state_resource(&mut self, resource: wire::StateResource<'_, R>) {
        self.holds_managed |= resource.mode == wire::Mode::Managed;
        let Some(raw) = text(resource.sensitive_values.as_ref()).filter(|raw| may_mark(raw)) else {
            return;
        };
        self.hide(text(resource.values.as_ref()), &Marks::parse(Some(raw)));
        let deposed = resource.deposed_key;
        let needed = |entry: &wire::ResourceChange<R>| {
            let from = entry.previous_address.as_deref();
            entry.address == resource.address || from == Some(&resource.address)
        };
        let known = self.changes_are_known && self.drift_is_known;
        if known && !self.changes.iter().chain(&self.drift).any(needed) {
            return;
        }
        let key = (resource.address.into_owned(), deposed);
        self.marks.entry(key).or_default().push(raw.into());
    }

    /// Takes in an output of a state.
    pub(super) fn state_output(&mut self, name: String, output: &wire::StateOutput<R>) {
        if output.sensitive == Some(true) {
            self.hide(text(output.value.as_ref()), &Marks::All);
            self.sensitive_outputs.insert(name);
        }
    }
}

/// Whether the refresh found an object as it was, where it was: every provider spells some empty
/// values anew.
fn says_nothing<'de, R: Raw<'de>>(entry: &wire::ResourceChange<R>) -> bool {
    let same = |change: &wire::Change<R>| match (
        text(change.before.as_ref()),
        text(change.after.as_ref()),
    ) {
        (Some(before), Some(after)) => before == after || respelt(before, after),
        (before, after) => before == after,
    };
    entry.previous_address.is_none() && entry.change.as_ref().is_none_or(same)
}

/// Reads only the marked parts of a value.
fn hide(secrets: &mut Secrets, raw: &str, marks: &Marks) {
    match marks {
        Marks::Nothing | Marks::Text | Marks::Strings => {}
        Marks::Fields(marks) => {
            let Ok(Fields(fields)) = serde_json::from_str(raw) else {
                return hide(secrets, raw, &Marks::All);
            };
            for (name, field) in fields {
                if let Some(marks) = marks.get(&*name) {
                    hide(secrets, field.get(), marks);
                }
            }
        }
        Marks::All | Marks::Items(_) => match Clear::parse(raw) {
            Ok(value) => secrets.collect(&value, marks),
            Err(_) => secrets.collect(&Clear::Deep(raw.to_owned()), marks),
        },
    }
}

/// Whether two objects have the same fields but for empty values.
fn respelt(before: &str, after: &str) -> bool {
    let (Ok(Fields(mut before)), Ok(Fields(mut after))) =
        (serde_json::from_str(before), serde_json::from_str(after))
    else {
        return false;
    };
    for fields in [&mut before, &mut after] {
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    }
    before.len() == after.len()
        && before
            .iter()
            .zip(&after)
            .all(|((name, one), (same, other))| {
                let (one, other) = (one.get(), other.get());
                name == same && (one == other || (is_empty(one) && is_empty(other)))
            })
}

fn is_empty(raw: &str) -> bool {
    matches!(raw, "null" | "\"\"" | "[]" | "{}")
}

/// The fields of an object in their order, as text.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    fields.push((name, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
