//! Text that is a JSON document (a policy, a dashboard) compared as a document: at which of its
//! paths two of them differ.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value as Json};

use crate::domain::value::Number;

/// Fields that tell which item of a list is which, the most telling first.
const IDENTITIES: &[&str] = &["Sid", "Id", "id", "ID", "Name", "name", "Key", "key"];
/// Lists with more pairs of unmatched items than this are compared in order.
const MOST_PAIRS: usize = 10_000;

/// One path at which two documents differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// The path, for example `Statement[0].Principal`; empty for the whole document. Items of lists
    /// have the place they have in the second document, those that are gone that in the first.
    pub(super) path: String,
    /// What is different there.
    pub(super) kind: Kind,
}

/// What is different at a path; values are JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Another value.
    Changed(String, String),
    /// Only in the first document.
    Gone(String),
    /// Only in the second.
    New(String),
    /// A list whose items stand in another order.
    Reordered,
}

/// The differences between two texts that are JSON objects or arrays: none if they are the same
/// document. No answer if either is something else.
pub(super) fn compare(from: &str, to: &str) -> Option<Vec<Change>> {
    let (from, to) = (parse(from)?, parse(to)?);
    let mut comparison = Comparison::default();
    comparison.values(&from, &to);
    Some(comparison.changes)
}

fn parse(text: &str) -> Option<Json> {
    // Whatever else a text is, only these can begin a document: the rest is not read at all.
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text).ok().map(normal)
}

/// Numbers in one spelling, so that `1` and `1.0` are equal.
fn normal(value: Json) -> Json {
    match value {
        Json::Number(number) => {
            let number = Number::parse(&number.to_string());
            serde_json::from_str(number.as_str()).unwrap_or_else(|_| number.as_str().into())
        }
        Json::Array(items) => items.into_iter().map(normal).collect(),
        Json::Object(fields) => {
            let fields = fields.into_iter().map(|(key, value)| (key, normal(value)));
            Json::Object(fields.collect())
        }
        other => other,
    }
}

#[derive(Default)]
struct Comparison {
    path: String,
    changes: Vec<Change>,
}

impl Comparison {
    fn tell(&mut self, kind: Kind) {
        let path = self.path.clone();
        self.changes.push(Change { path, kind });
    }

    /// Does something one step further down.
    fn below(&mut self, step: &str, work: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        if length > 0 && !step.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(step);
        work(self);
        self.path.truncate(length);
    }

    fn values(&mut self, from: &Json, to: &Json) {
        match (from, to) {
            _ if from == to => {}
            (Json::Object(from), Json::Object(to)) => self.objects(from, to),
            (Json::Array(from), Json::Array(to)) => self.lists(from, to),
            _ => self.tell(Kind::Changed(from.to_string(), to.to_string())),
        }
    }

    fn objects(&mut self, from: &Map<String, Json>, to: &Map<String, Json>) {
        for (key, value) in from {
            self.below(&step(key), |this| match to.get(key) {
                Some(other) => this.values(value, other),
                None => this.tell(Kind::Gone(value.to_string())),
            });
        }
        for (key, value) in to.iter().filter(|(key, _)| !from.contains_key(*key)) {
            self.below(&step(key), |this| this.tell(Kind::New(value.to_string())));
        }
    }

    fn lists(&mut self, from: &[Json], to: &[Json]) {
        let Matches { pairs, ordered } = matches(from, to);
        let at = |place: usize| format!("[{place}]");
        for (old, new) in &pairs {
            if let (Some(from), Some(to)) = (from.get(*old), to.get(*new)) {
                self.below(&at(*new), |this| this.values(from, to));
            }
        }
        let (kept, known): (BTreeSet<usize>, BTreeSet<usize>) = pairs.into_iter().unzip();
        for (place, item) in from.iter().enumerate() {
            if !kept.contains(&place) {
                self.below(&at(place), |this| this.tell(Kind::Gone(item.to_string())));
            }
        }
        for (place, item) in to.iter().enumerate() {
            if !known.contains(&place) {
                self.below(&at(place), |this| this.tell(Kind::New(item.to_string())));
            }
        }
        if !ordered {
            self.tell(Kind::Reordered);
        }
    }
}

/// A key as a step of a path, quoted where it could be taken for more than one.
fn step(key: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-:/$@".contains(c);
    if !key.is_empty() && key.chars().all(plain) {
        key.to_owned()
    } else {
        Json::from(key).to_string()
    }
}

/// Which item of one list is which of another.
struct Matches {
    /// Places in the first list and the second, by the second.
    pairs: Vec<(usize, usize)>,
    /// Whether what is surely the same stands in the same order.
    ordered: bool,
}

/// Matches equal items first, then those with the same identity, then the most alike.
fn matches(from: &[Json], to: &[Json]) -> Matches {
    let mut found = Vec::new();
    let mut places: BTreeMap<String, VecDeque<usize>> = BTreeMap::new();
    for (place, item) in from.iter().enumerate() {
        places.entry(item.to_string()).or_default().push_back(place);
    }
    let mut new: Vec<(usize, &Json)> = Vec::new();
    for (place, item) in to.iter().enumerate() {
        let equal = places.get_mut(&item.to_string());
        match equal.and_then(VecDeque::pop_front) {
            Some(old) => found.push((old, place)),
            None => new.push((place, item)),
        }
    }
    let mut old: Vec<usize> = places.into_values().flatten().collect();
    old.sort_unstable();
    let mut old: Vec<(usize, &Json)> = old
        .into_iter()
        .filter_map(|place| Some((place, from.get(place)?)))
        .collect();

    let few = old.len().saturating_mul(new.len()) <= MOST_PAIRS;
    if few {
        take(&mut found, &mut old, &mut new, same_identity);
        for share in [4, 3, 2] {
            take(&mut found, &mut old, &mut new, |a, b| alike(a, b, share));
        }
    }
    found.sort_unstable_by_key(|(_, new)| *new);
    let ordered = found.is_sorted_by_key(|(old, _)| *old);
    if !few {
        let both = old.iter().zip(&new);
        found.extend(both.map(|(old, new)| (old.0, new.0)));
    } else if let ([(place, a)], [(other, b)]) = (&*old, &*new)
        && one_may_become_the_other(a, b)
    {
        found.push((*place, *other));
    }
    found.sort_unstable_by_key(|(_, new)| *new);
    Matches {
        pairs: found,
        ordered,
    }
}

/// Moves pairs that `belong` together out of what is left.
fn take(
    found: &mut Vec<(usize, usize)>,
    old: &mut Vec<(usize, &Json)>,
    new: &mut Vec<(usize, &Json)>,
    belong: impl Fn(&Json, &Json) -> bool,
) {
    old.retain(|(place, item)| {
        let partner = new.iter().position(|(_, other)| belong(item, other));
        if let Some(partner) = partner {
            found.push((*place, new.remove(partner).0));
        }
        partner.is_none()
    });
}

/// The identities of two objects, by the first field that both have.
fn identities<'a>(a: &'a Json, b: &'a Json) -> Option<(&'a Json, &'a Json)> {
    let known = |value: &Json| value.is_string() || value.is_number();
    IDENTITIES
        .iter()
        .filter_map(|field| Some((a.get(field)?, b.get(field)?)))
        .find(|(a, b)| known(a) && known(b))
}

fn same_identity(a: &Json, b: &Json) -> bool {
    identities(a, b).is_some_and(|(a, b)| a == b)
}

/// Whether two objects have at least `share` fifths of their fields in common.
fn alike(a: &Json, b: &Json, share: usize) -> bool {
    let (Json::Object(a), Json::Object(b)) = (a, b) else {
        return false;
    };
    let common = a.iter().filter(|(key, value)| b.get(*key) == Some(value));
    let common = common.count();
    common > 0 && common * 5 >= a.len().max(b.len()) * share
}

/// Whether the only two that are left are one item that changed: values of one form that do not say
/// that they are two things.
fn one_may_become_the_other(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Object(_), Json::Object(_)) => identities(a, b).is_none_or(|(a, b)| a == b),
        (Json::Array(_), Json::Array(_)) => true,
        (Json::Object(_) | Json::Array(_), _) | (_, Json::Object(_) | Json::Array(_)) => false,
        _ => true,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(from: &str, to: &str) -> Vec<String> {
        let changes = compare(from, to).unwrap();
        let line = |Change { path, kind }| match kind {
            Kind::Changed(from, to) => format!("~ {path}: {from} → {to}"),
            Kind::Gone(value) => format!("- {path}: {value}"),
            Kind::New(value) => format!("+ {path}: {value}"),
            Kind::Reordered => format!("· {path}"),
        };
        changes.into_iter().map(line).collect()
    }

    #[test]
    fn a_policy_differs_at_its_paths() {
        let from = r#"{"Version": "2012-10-17", "Statement": [
            {"Sid": "Read", "Effect": "Allow", "Principal": "arn:aws:iam::1:root", "Action": ["s3:Get*", "s3:List*"]},
            {"Sid": "Log", "Effect": "Allow", "Action": "logs:*"}]}"#;
        let to = r#"{"Statement": [
            {"Sid": "Log", "Effect": "Allow", "Action": "logs:*"},
            {"Sid": "Read", "Effect": "Allow", "Principal": "*", "Action": ["s3:List*", "s3:Put*"]},
            {"Sid": "New", "Effect": "Deny", "Action": "iam:*"}], "Version": "2012-10-17", "a.b": 1}"#;
        assert_eq!(
            told(from, to),
            [
                "~ Statement[1].Action[1]: \"s3:Get*\" → \"s3:Put*\"",
                "~ Statement[1].Principal: \"arn:aws:iam::1:root\" → \"*\"",
                "+ Statement[2]: {\"Action\":\"iam:*\",\"Effect\":\"Deny\",\"Sid\":\"New\"}",
                "· Statement",
                "+ \"a.b\": 1",
            ]
        );
    }

    #[test]
    fn items_without_identity_are_matched_by_what_they_share() {
        let from = r#"[{"port": 22, "from": "10.0.0.0/8", "to": "x"}, {"port": 443, "from": "0.0.0.0/0", "to": "y"}]"#;
        let to = r#"[{"port": 443, "from": "0.0.0.0/0", "to": "z"}, {"port": 22, "from": "0.0.0.0/0", "to": "x"}]"#;
        assert_eq!(
            told(from, to),
            [
                "~ [0].to: \"y\" → \"z\"",
                "~ [1].from: \"10.0.0.0/8\" → \"0.0.0.0/0\"",
                "· ",
            ]
        );
        assert_eq!(told("[1, 2]", "[3, 4, 5]").len(), 5, "nothing is guessed");
        assert_eq!(told("[[1]]", "[[2]]"), ["~ [0][0]: 1 → 2"]);
    }

    #[test]
    fn a_document_is_what_it_says_and_not_how() {
        assert_eq!(
            told("{\"a\": 1.0, \"b\": [2]}", "{\"b\":[2e0],\"a\":1}"),
            [""; 0]
        );
        assert_eq!(told("{}", "[]"), ["~ : {} → []"]);
        assert_eq!(told("[1,2]", "[2,1]"), ["· "]);
        for other in ["", "text", "1", "\"{}\"", "null", "{", "[1] 2"] {
            assert_eq!(compare(other, "{}"), None, "{other}");
            assert_eq!(compare("{}", other), None, "{other}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(compare(&deep, &deep), None, "too deep to be read");
    }

    #[test]
    fn long_lists_are_compared_without_comparing_all_with_all() {
        let list = |start: usize| {
            let items = (start..start + 3000).map(|n| serde_json::json!({"n": n, "m": n}));
            Json::Array(items.collect()).to_string()
        };
        assert_eq!(compare(&list(0), &list(10_000)).unwrap().len(), 6000);
    }

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            (0..3_i32).prop_map(Json::from),
            "[ab\\.\"]{0,2}".prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::btree_map("[ab\\.]{0,2}", inner, 0..4)
                    .prop_map(|fields| Json::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn only_equal_documents_have_no_differences(a in json(), b in json()) {
            let (from, to) = (Json::from(vec![a.clone()]), Json::from(vec![b.clone()]));
            let changes = compare(&from.to_string(), &to.to_string()).unwrap();
            prop_assert_eq!(changes.is_empty(), a == b);
        }
    }
}
