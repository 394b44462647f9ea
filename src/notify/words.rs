//! Findings and values in the words of whoever is paged: short, on one line, nothing invisible.

use crate::domain::finding::{AttributeChange, Finding, FindingAction, Origin, Subject};
use crate::domain::value::{UNKNOWN, Value};

use super::line::{Line, Mark, Side};

/// Longest text of a value; longer ones are cut in the middle.
const LONGEST_VALUE: usize = 80;
/// How much of what two long values share is shown before their first difference.
const LEAD: usize = 16;
/// What becomes of data in a thing that is created again.
const EMPTY: &str = "empty";
/// Lists are told by what came and went up to this many comparisons of members.
const MOST_COMPARISONS: usize = 1_000_000;

/// The text on one line: line breaks and tabs become spaces, other control characters and those
/// that turn the direction of writing or have no width are dropped.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
            '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => None,
            c if c.is_control() => None,
            c => Some(c),
        })
        .collect()
}

/// The text in at most `longest` characters, cut in the middle.
pub(super) fn cut(text: &str, longest: usize) -> String {
    let length = text.chars().count();
    if length <= longest {
        return text.to_owned();
    }
    let kept = longest.saturating_sub(1);
    let tail = kept / 2;
    let head: String = text.chars().take(kept - tail).collect();
    let end: String = text.chars().skip(length - tail).collect();
    format!("{head}…{end}")
}

/// A value as people read it: text quoted, empty members of objects left out.
fn plain(value: &Value) -> String {
    let text = match value {
        Value::Null => "not set".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.as_str().to_owned(),
        Value::String(text) | Value::Redacted { text, .. } => format!("\"{text}\""),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(key, value)| format!("{key}: {}", plain(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Unknown => UNKNOWN.to_owned(),
        Value::Sensitive { .. } => "(sensitive)".to_owned(),
    };
    clean(&text)
}

/// The values side by side, each short. What long ones have in common at the start is left out, or
/// they would look alike.
fn side_by_side<const N: usize>(values: [&Value; N]) -> [String; N] {
    let texts = values.map(plain);
    if texts.iter().all(|t| t.chars().count() <= LONGEST_VALUE) {
        return texts;
    }
    let mut shared = usize::MAX;
    for pair in texts.windows(2) {
        if let [a, b] = pair
            && a != b
        {
            let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
            shared = shared.min(same);
        }
    }
    let skipped = if shared == usize::MAX {
        0
    } else {
        shared.saturating_sub(LEAD)
    };
    texts.map(|text| {
        let rest: String = text.chars().skip(skipped).collect();
        if skipped > LEAD && !rest.is_empty() {
            cut(&format!("…{rest}"), LONGEST_VALUE)
        } else {
            cut(&text, LONGEST_VALUE)
        }
    })
}

/// What two lists do not share: (only in the first, only in the second).
fn list_difference<'a>(a: &'a Value, b: &'a Value) -> Option<(Vec<&'a Value>, Vec<&'a Value>)> {
    let (Value::List(a), Value::List(b)) = (a, b) else {
        return None;
    };
    if a.len().saturating_mul(b.len()) > MOST_COMPARISONS {
        return None;
    }
    let gone: Vec<&Value> = a.iter().filter(|item| !b.contains(item)).collect();
    let new: Vec<&Value> = b.iter().filter(|item| !a.contains(item)).collect();
    // Otherwise only the order or the number of equal members differs.
    (!gone.is_empty() || !new.is_empty()).then_some((gone, new))
}

/// How a value moved, in words and side by side.
struct Move {
    words: String,
    sides: Vec<Side>,
}

impl Move {
    /// Words with a place for each value, in order.
    fn new<const N: usize>(sides: [(Mark, &'static str, String); N], words: String) -> Self {
        let side = |(mark, label, value)| Side { mark, label, value };
        Self {
            words,
            sides: sides.into_iter().map(side).collect(),
        }
    }
}

fn moved(from: &Value, to: &Value) -> Move {
    let Some((gone, new)) = list_difference(from, to) else {
        let [from, to] = side_by_side([from, to]);
        let words = format!("was {from}, is now {to}");
        return Move::new(
            [(Mark::Gone, "was", from), (Mark::Come, "is now", to)],
            words,
        );
    };
    let list = |items: &[&Value]| {
        let items: Vec<String> = items.iter().map(|item| plain(item)).collect();
        cut(&items.join(", "), 2 * LONGEST_VALUE)
    };
    let mut parts = Vec::new();
    let mut sides = Vec::new();
    for (mark, label, items) in [
        (Mark::Come, "now also", new),
        (Mark::Gone, "no longer", gone),
    ] {
        if !items.is_empty() {
            let value = list(&items);
            parts.push(format!("{label} {value}"));
            sides.push(Side { mark, label, value });
        }
    }
    Move {
        words: parts.join("; "),
        sides,
    }
}

fn how_it_moved(change: &AttributeChange) -> Move {
    const WANTED: &str = "Git wants";
    let (state, real, want) = (&change.state, &change.real, &change.want);
    match change.origin {
        Origin::Drift if list_difference(state, real).is_some() => {
            let mut moved = moved(state, real);
            moved.words.push_str("; Git wants it as it was");
            moved
        }
        Origin::Drift | Origin::Both => {
            let [state, real, want] = side_by_side([state, real, want]);
            let words = format!("was {state}, is now {real}; {WANTED} {want}");
            Move::new(
                [
                    (Mark::Gone, "was", state),
                    (Mark::Come, "is now", real),
                    (Mark::Wanted, WANTED, want),
                ],
                words,
            )
        }
        Origin::Unenforced => moved(state, real),
        Origin::Pending => {
            let [real, want] = side_by_side([real, want]);
            let words = format!("is {real}; {WANTED} {want}");
            Move::new(
                [(Mark::Gone, "is", real), (Mark::Come, WANTED, want)],
                words,
            )
        }
        Origin::Consequence | Origin::Input => {
            let [real, want] = side_by_side([real, want]);
            let words = format!("is {real}; an apply makes it {want}");
            Move::new(
                [(Mark::Gone, "is", real), (Mark::Come, "becomes", want)],
                words,
            )
        }
    }
}

fn is_hidden(values: &[&Value]) -> bool {
    values
        .iter()
        .any(|value| matches!(value, Value::Sensitive { .. }))
}

/// One difference in words; none for what is said of the object as a whole.
pub(super) fn difference(change: &AttributeChange) -> Option<Line> {
    let Subject::Attribute(path) = &change.subject else {
        return None;
    };
    let path = clean(&path.to_string());
    let Move { words, sides } = if is_hidden(&[&change.state, &change.real, &change.want]) {
        let words = match change.origin {
            Origin::Drift | Origin::Both | Origin::Unenforced => "changed",
            Origin::Pending | Origin::Consequence | Origin::Input => "to be changed",
        };
        Move::new([], format!("{words}; the value is sensitive and not shown"))
    } else {
        how_it_moved(change)
    };
    let replaces = if change.forces_replacement {
        " (this forces a replacement)"
    } else {
        ""
    };
    let words = format!("{path}: {words}{replaces}");
    Some(Line::of_difference(words, path, sides))
}

/// What a repair did about one difference; none for what is said of the object as a whole.
pub(super) fn put_back(change: &AttributeChange) -> Option<Line> {
    let Subject::Attribute(path) = &change.subject else {
        return None;
    };
    if !matches!(change.origin, Origin::Drift | Origin::Both) {
        return None;
    }
    let path = clean(&path.to_string());
    let Move { words, sides } = if is_hidden(&[&change.real, &change.want]) {
        let words = "put back; the value is sensitive and not shown";
        Move::new([], words.to_owned())
    } else {
        let [real, want] = side_by_side([&change.real, &change.want]);
        let words = format!("put back from {real} to {want}");
        Move::new(
            [(Mark::Gone, "was", real), (Mark::Come, "is again", want)],
            words,
        )
    };
    Some(Line::of_difference(format!("{path}: {words}"), path, sides))
}

/// What had happened to an object that is as it should be again.
pub(super) fn had_happened(finding: &Finding) -> &'static str {
    let deleted = finding
        .attributes
        .iter()
        .any(|a| a.subject == Subject::Deleted);
    if deleted {
        "had been deleted by hand; it exists again"
    } else {
        "had been changed outside Terraform"
    }
}

/// What happened to an object, and what an apply would do to it where that is not plain.
pub(super) fn nature(finding: &Finding) -> String {
    let whole = finding
        .attributes
        .iter()
        .find(|a| !matches!(a.subject, Subject::Attribute(_)));
    let mut text = match whole.map(|a| (&a.subject, a.origin)) {
        Some((Subject::Deleted, Origin::Unenforced)) => {
            "deleted by hand; the configuration does not have it any more either".to_owned()
        }
        Some((Subject::Deleted, _)) if finding.irreversible.is_some() => {
            format!("deleted by hand; an apply creates it again, {EMPTY}")
        }
        Some((Subject::Deleted, _)) => "deleted by hand; an apply creates it again".to_owned(),
        Some((Subject::Create, _)) => "waiting in Git: to be created".to_owned(),
        Some((Subject::Delete, _)) => "waiting in Git: to be destroyed".to_owned(),
        Some((Subject::Forget, _)) => "waiting in Git: to be dropped from the state".to_owned(),
        _ => match finding.origin {
            Origin::Drift => "changed outside Terraform",
            Origin::Both => "changed outside Terraform and in Git",
            Origin::Pending => "waiting in Git",
            Origin::Unenforced => {
                "changed where the configuration does not look; an apply will not put it back"
            }
            Origin::Consequence => "follows from another change",
            Origin::Input => "a data source, variable or provider changed",
        }
        .to_owned(),
    };
    if finding.action == FindingAction::Replace {
        text.push_str("; an apply destroys it and creates it again");
    }
    if finding.action == FindingAction::Other {
        text.push_str("; the plan does something to it that Mooring does not know");
    }
    if let Some(from) = &finding.previous_address {
        text.push_str(&format!("; moves from {}", clean(from.as_str())));
    }
    if finding.importing {
        text.push_str("; to be imported");
    }
    if finding.irreversible.is_some() && !text.ends_with(EMPTY) {
        text.push_str("; data may be lost");
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use crate::domain::ids::Fingerprint;
    use crate::domain::value::AttributePath;

    use super::*;

    fn change(origin: Origin, state: Value, real: Value, want: Value) -> AttributeChange {
        let subject = Subject::Attribute(AttributePath::new(vec!["p".into()]));
        AttributeChange::new(subject, origin, [state, real, want])
    }

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    #[test]
    fn each_origin_has_its_words() {
        let words = |origin| {
            let line = difference(&change(origin, text("a"), text("b"), text("c")));
            line.expect("an attribute").to_string()
        };
        assert_eq!(
            words(Origin::Both),
            "p: was \"a\", is now \"b\"; Git wants \"c\""
        );
        assert_eq!(words(Origin::Pending), "p: is \"b\"; Git wants \"c\"");
        assert_eq!(words(Origin::Unenforced), "p: was \"a\", is now \"b\"");
        assert_eq!(words(Origin::Input), "p: is \"b\"; an apply makes it \"c\"");
    }

    #[test]
    fn a_secret_shows_no_side_at_all() {
        let hidden = Value::Sensitive {
            fingerprint: Fingerprint::new("00"),
            empty: false,
        };
        let words = difference(&change(Origin::Drift, text("old"), hidden, text("old"))).unwrap();
        assert_eq!(&*words, "p: changed; the value is sensitive and not shown");
    }

    #[test]
    fn lists_are_told_by_what_came_and_went() {
        let list = |items: &[&str]| Value::List(items.iter().map(|i| text(i)).collect());
        let words = difference(&change(
            Origin::Drift,
            list(&["10.0.0.0/8", "192.0.2.1/32"]),
            list(&["10.0.0.0/8", "0.0.0.0/0"]),
            list(&["10.0.0.0/8", "192.0.2.1/32"]),
        ));
        assert_eq!(
            &*words.unwrap(),
            "p: now also \"0.0.0.0/0\"; no longer \"192.0.2.1/32\"; Git wants it as it was"
        );
    }

    #[test]
    fn long_values_show_where_they_differ() {
        let long = |middle: &str| text(&format!("{}{middle}{}", "x".repeat(300), "y".repeat(300)));
        let words = difference(&change(
            Origin::Unenforced,
            long("Allow"),
            long("Deny"),
            Value::Null,
        ))
        .unwrap();
        assert!(words.contains("Allow") && words.contains("Deny"), "{words}");
        assert!(words.chars().count() < 2 * LONGEST_VALUE + 40, "{words}");
    }

    proptest! {
        #[test]
        fn nothing_invisible_and_nothing_long_gets_through(s in any::<String>(), longest in 1usize..200) {
            let cleaned = clean(&s);
            let hidden = cleaned.contains(['\u{202e}', '\u{200b}']) || cleaned.contains(char::is_control);
            prop_assert!(!hidden);
            prop_assert!(cut(&cleaned, longest).chars().count() <= longest);
        }

        #[test]
        fn differences_fit_on_a_phone(a in any::<String>(), b in any::<String>(), c in any::<String>()) {
            let words = difference(&change(Origin::Both, text(&a), text(&b), text(&c))).unwrap();
            prop_assert!(words.chars().count() <= 3 * LONGEST_VALUE + 40);
            prop_assert!(!words.chars().any(char::is_control));
        }
    }
}
