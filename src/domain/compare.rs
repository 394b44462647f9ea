//! The three sides of an object, attribute by attribute: what differs, and where that comes from.

use std::collections::BTreeSet;

use super::document;
use super::finding::{AttributeChange, Note, Origin, Subject};
use super::value::{AttributePath, Value};

/// Every difference between the three sides of an object.
pub(super) fn compare(state: &Value, real: &Value, want: &Value) -> Vec<AttributeChange> {
    let mut found = Vec::new();
    walk(&AttributePath::default(), state, real, want, &mut found);
    if found.iter().any(|change| !is_count(change)) {
        found.retain(|change| !is_count(change));
    }
    found
}

/// Names under which providers count the changes of an object.
const COUNTERS: &[&str] = &[
    "generation",
    "latest_version",
    "metageneration",
    "revision",
    "version",
];

/// Whether this only counts that something else of the object changed: beside that something it
/// says nothing. Versions that are no plain, growing number (of an engine, say) are no counters.
fn is_count(change: &AttributeChange) -> bool {
    let Subject::Attribute(path) = &change.subject else {
        return false;
    };
    let grows = match (&change.state, &change.real) {
        (Value::Number(state), Value::Number(real)) => {
            match (state.as_str().parse::<u64>(), real.as_str().parse::<u64>()) {
                (Ok(state), Ok(real)) => state < real,
                _ => false,
            }
        }
        _ => false,
    };
    let [name] = path.segments() else {
        return false;
    };
    grows && change.origin == Origin::Unenforced && COUNTERS.contains(&name.as_str())
}

/// Objects are compared key by key, everything else as a whole.
fn walk(
    path: &AttributePath,
    state: &Value,
    real: &Value,
    want: &Value,
    found: &mut Vec<AttributeChange>,
) {
    let sides = [state, real, want];
    let objects = sides
        .iter()
        .all(|v| matches!(v, Value::Object(_) | Value::Null));
    if objects && sides.iter().any(|v| matches!(v, Value::Object(_))) {
        let before = found.len();
        let keys: BTreeSet<&String> = sides
            .iter()
            .filter_map(|v| match v {
                Value::Object(fields) => Some(fields.keys()),
                _ => None,
            })
            .flatten()
            .collect();
        for key in keys {
            let child = path.child(key);
            walk(
                &child,
                state.field(key),
                real.field(key),
                want.field(key),
                found,
            );
        }
        if found.len() > before || path.segments().is_empty() {
            return;
        }
    }
    let top = path.segments().len() < 2;
    if let Some(origin) = origin(state, real, want, top) {
        let subject = Subject::Attribute(path.clone());
        found.push(difference(subject, origin, [state, real, want]));
    }
}

/// Within an attribute an empty block is not the same as none (`podSelector {}`); at the `top`
/// providers spell one for the other.
fn origin(state: &Value, real: &Value, want: &Value, top: bool) -> Option<Origin> {
    if real != want {
        Some(planned_origin(state, real, want))
    } else if !same_in_the_world(state, real, top) {
        Some(Origin::Unenforced)
    } else {
        None
    }
}

fn same_in_the_world(state: &Value, real: &Value, top: bool) -> bool {
    state.same_item(real) || same_document(state, real) || (top && state.same_observed(real))
}

/// The origin of an attribute that the plan changes.
pub(super) fn planned_origin(state: &Value, real: &Value, want: &Value) -> Origin {
    // A refresh that only respelt an empty value found nothing; a document that was respelt is put
    // back where the configuration has the old spelling.
    let moved_in_the_world =
        !state.same_observed(real) && (state == want || !same_document(state, real));
    if !moved_in_the_world {
        if want.has_unknown() && want.equal_but_unknown(real) {
            Origin::Consequence
        } else {
            Origin::Pending
        }
    } else if state == want || state.same_list(want) || same_document(state, want) {
        Origin::Drift
    } else {
        Origin::Both
    }
}

/// A difference, with what its values do not show at once.
pub(super) fn difference(subject: Subject, origin: Origin, sides: [&Value; 3]) -> AttributeChange {
    let [state, real, want] = sides;
    let (one, other) = match origin {
        Origin::Unenforced => (state, real),
        _ => (real, want),
    };
    let note = if same_document(one, other) {
        Some(Note::SameDocument)
    } else if one.same_items(other) {
        Some(Note::SameItems)
    } else {
        None
    };
    AttributeChange {
        note,
        ..AttributeChange::new(subject, origin, sides.map(Clone::clone))
    }
}

fn same_document(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => document::same_document(one, other),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::value::Number;
    use super::*;

    fn paths(state: &[(&str, Value)], real: &[(&str, Value)]) -> Vec<String> {
        let object = |fields: &[(&str, Value)]| {
            let fields = fields.iter().cloned();
            let fields: BTreeMap<_, _> = fields.map(|(k, v)| (k.to_owned(), v)).collect();
            Value::Object(fields)
        };
        compare(&object(state), &object(real), &object(real))
            .iter()
            .map(|change| change.subject.to_string())
            .collect()
    }

    #[test]
    fn documents_and_lists_are_compared_by_what_they_say() {
        let text = |t: &str| Value::String(t.to_owned());
        let policy = |t: &str| [("policy", text(t))];
        let (one, respelt) = (r#"{"a": 1, "b": 2}"#, r#"{"b":2,"a":1}"#);
        assert!(paths(&policy(one), &policy(respelt)).is_empty());
        assert_eq!(paths(&policy(one), &policy(r#"{"a":1}"#)), ["policy"]);

        let subject = || Subject::Attribute(AttributePath::new(vec!["p".to_owned()]));
        let planned = |sides: [&Value; 3]| {
            let origin = planned_origin(sides[0], sides[1], sides[2]);
            difference(subject(), origin, sides)
        };
        // An apply would still write it, so it is a change; the note says what kind of one.
        let change = planned([&text(one), &text(one), &text(respelt)]);
        assert_eq!(change.origin, Origin::Pending);
        assert_eq!(change.note, Some(Note::SameDocument));
        let hacked = text(r#"{"a":1,"b":9}"#);
        let change = planned([&text(one), &hacked, &text(respelt)]);
        assert_eq!((change.origin, change.note), (Origin::Drift, None));

        let list = |items: &[&str]| Value::List(items.iter().map(|i| text(i)).collect());
        let (ab, ba) = (list(&["a", "b"]), list(&["b", "a"]));
        let change = planned([&ab, &ba, &ab]);
        assert_eq!(
            (change.origin, change.note),
            (Origin::Drift, Some(Note::SameItems))
        );
        assert_eq!(planned([&ab, &ab, &list(&["a"])]).note, None);
    }

    #[test]
    fn a_change_counter_is_left_out_beside_what_it_counts_and_only_there() {
        let number = |n: &str| Value::Number(Number::parse(n));
        let text = |t: &str| Value::String(t.to_owned());
        let version = |v| ("version", v);
        assert_eq!(
            paths(
                &[version(number("1")), ("value", text("a"))],
                &[version(number("2")), ("value", text("b"))]
            ),
            ["value"]
        );
        assert_eq!(
            paths(&[version(number("1"))], &[version(number("2"))]),
            ["version"]
        );
        for (state, real) in [(number("2"), number("1")), (text("1.30"), text("1.31"))] {
            assert_eq!(
                paths(
                    &[version(state), ("value", text("a"))],
                    &[version(real), ("value", text("b"))]
                ),
                ["value", "version"]
            );
        }
    }
}
