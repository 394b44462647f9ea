//! The operator's own rules on how much findings matter, what of them is noise, and what cannot be
//! undone. They come before the built-in tables.

use std::collections::BTreeSet;

use super::finding::{AttributeChange, Origin, Severity, Subject};
use super::pattern::{NamePattern, PathPattern};
use super::value::Value;

/// All of the operator's rules.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Severities; the first match wins.
    pub severities: Vec<SeverityRule>,
    /// What is known noise, besides the built-in table.
    pub noise: Vec<NoiseRule>,
    /// What cannot be undone, besides the built-in table. Nothing takes away from that.
    pub irreversible: Vec<IrreversibleRule>,
}

/// Findings of these types, origins and attributes have this severity.
#[derive(Debug, Clone)]
pub struct SeverityRule {
    /// Resource types it applies to.
    pub resource_type: NamePattern,
    /// Attributes it applies to: everything that differs must be among them. Empty means all.
    pub attributes: Vec<PathPattern>,
    /// Origins of findings it applies to. Empty means all.
    pub origins: Vec<Origin>,
    /// The severity it gives.
    pub severity: Severity,
    /// Why, in the operator's words.
    pub reason: Option<String>,
}

/// Unenforced changes of these attributes are noise.
#[derive(Debug, Clone)]
pub struct NoiseRule {
    /// Resource types it applies to.
    pub resource_type: NamePattern,
    /// Attributes it applies to.
    pub attributes: Vec<PathPattern>,
    /// Why, in the operator's words.
    pub reason: String,
}

/// What cannot be undone.
#[derive(Debug, Clone)]
pub struct IrreversibleRule {
    /// Resource types it applies to.
    pub resource_type: NamePattern,
    /// Attributes whose change cannot be undone. Empty means the objects themselves: to delete,
    /// replace, forget or re-create them.
    pub attributes: Vec<PathPattern>,
    /// Why, in the operator's words.
    pub reason: String,
}

/// Whether everything that differs in a change is covered by the patterns. A list in which single
/// values differ counts by these values.
pub fn covered(patterns: &[PathPattern], change: &AttributeChange) -> bool {
    let Subject::Attribute(path) = &change.subject else {
        return patterns.iter().any(|p| p.names(&change.subject));
    };
    let covers = |path: &[String]| patterns.iter().any(|pattern| pattern.covers(path));
    if covers(path.segments()) {
        return true;
    }
    if !patterns.iter().any(|p| p.below(path.segments()).is_some()) {
        return false;
    }
    let mut found = Vec::new();
    let sides = [&change.state, &change.real, &change.want];
    differing(&mut path.segments().to_vec(), sides, &mut found);
    !found.is_empty() && found.iter().all(|path| covers(path))
}

/// Whether anything that differs in a change is named by the patterns, or may be: what is named below
/// something that differs as a whole counts too.
pub fn touched(patterns: &[PathPattern], change: &AttributeChange) -> bool {
    let Subject::Attribute(path) = &change.subject else {
        return patterns
            .iter()
            .any(|p| p.names(&change.subject) || p.is_any());
    };
    if !patterns.iter().any(|p| p.below(path.segments()).is_some()) {
        return false;
    }
    let mut found = Vec::new();
    let sides = [&change.state, &change.real, &change.want];
    differing(&mut path.segments().to_vec(), sides, &mut found);
    found.is_empty()
        || found
            .iter()
            .any(|path| patterns.iter().any(|p| p.below(path).is_some()))
}

/// The paths below `path` at which the sides differ, through the items of lists of one length.
fn differing(path: &mut Vec<String>, sides: [&Value; 3], found: &mut Vec<Vec<String>>) {
    let [state, real, want] = sides;
    if state.same_observed(real) && real == want {
        return;
    }
    match sides {
        [Value::List(a), Value::List(b), Value::List(c)]
            if a.len() == b.len() && b.len() == c.len() =>
        {
            for ((a, b), c) in a.iter().zip(b).zip(c) {
                differing(path, [a, b, c], found);
            }
        }
        [Value::Object(a), Value::Object(b), Value::Object(c)] => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).chain(c.keys()).collect();
            for key in keys {
                path.push(key.clone());
                differing(path, sides.map(|side| side.field(key)), found);
                path.pop();
            }
        }
        _ => found.push(path.clone()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::testing::value;
    use super::super::value::AttributePath;
    use super::*;

    fn covers(pattern: &str, state: &str, real: &str) -> bool {
        let path = AttributePath::new(vec!["scaling_config".to_owned()]);
        let change = AttributeChange::new(
            Subject::Attribute(path),
            Origin::Unenforced,
            [value(state), value(real), value(real)],
        );
        covered(&[PathPattern::parse(pattern).unwrap()], &change)
    }

    #[test]
    fn a_value_inside_a_block_is_covered_if_nothing_else_of_the_block_differs() {
        let block =
            |desired: u8, max: u8| format!(r#"[{{"desired_size":{desired},"max_size":{max}}}]"#);
        let pattern = "scaling_config.desired_size";
        assert!(covers(pattern, &block(1, 5), &block(3, 5)));
        assert!(!covers(pattern, &block(1, 5), &block(3, 9)));
        assert!(!covers(pattern, &block(1, 5), "[]"));
        assert!(covers("scaling_config", &block(1, 5), &block(3, 9)));
        assert!(!covers("other", &block(1, 5), &block(3, 5)));
    }
}
