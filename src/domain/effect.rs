//! What a change does to a value: turns it off, shortens it, opens it to everybody.

use std::collections::BTreeSet;

use jiff::{Span, SpanRelativeTo, Unit};
use serde_json::Value as Json;

use super::pattern::NamePattern;
use super::value::Value;

/// What a change does to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It differs.
    Any,
    /// There was something, and now there is something else or nothing.
    Changed,
    /// There was something, and now there is nothing.
    Removed,
    /// It was true, `Enabled`, `on` or the like.
    TurnedOff,
    /// It is true, `Enabled`, `on` or the like.
    TurnedOn,
    /// A number, size or time is smaller, where none counts as nought; or members are gone.
    Shrunk,
    /// A time is shorter, where none and nought mean for ever.
    Shortened,
    /// It lets in everybody, and did not before: a network of all addresses, a public principal.
    Opened,
}

impl Effect {
    /// Every effect.
    pub const ALL: [Self; 8] = [
        Self::Any,
        Self::Changed,
        Self::Removed,
        Self::TurnedOff,
        Self::TurnedOn,
        Self::Shrunk,
        Self::Shortened,
        Self::Opened,
    ];

    /// The word in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::TurnedOff => "turned_off",
            Self::TurnedOn => "turned_on",
            Self::Shrunk => "shrunk",
            Self::Shortened => "shortened",
            Self::Opened => "opened",
        }
    }

    /// The effect that a word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.as_str() == word)
    }

    /// What happened, in words that follow a name.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Any | Self::Changed => "changed",
            Self::Removed => "removed",
            Self::TurnedOff => "turned off",
            Self::TurnedOn => "turned on",
            Self::Shrunk => "reduced",
            Self::Shortened => "shortened",
            Self::Opened => "opened to everybody",
        }
    }

    /// Whether going from one value to another has this effect on what lies the given steps below
    /// them. `None` if that cannot be told, because a value is masked or not known yet.
    pub fn of(self, from: &Value, to: &Value, below: &[NamePattern]) -> Option<bool> {
        let (from, to) = (gather(from, below), gather(to, below));
        if same(&from, &to) {
            return Some(false);
        }
        match self {
            Self::Any => return Some(true),
            Self::Changed => return Some(!from.is_empty()),
            _ if opaque(&from) || opaque(&to) => return None,
            _ => {}
        }
        match self {
            Self::Any | Self::Changed => Some(true),
            Self::Removed => Some(!from.is_empty() && to.is_empty()),
            Self::TurnedOff => Some(switched_on(&from) > switched_on(&to)),
            Self::TurnedOn => Some(switched_on(&to) > switched_on(&from)),
            Self::Shrunk => less(&from, &to, 0.0),
            Self::Shortened => less(&from, &to, f64::INFINITY),
            Self::Opened => {
                let before = openings(&from);
                Some(openings(&to).iter().any(|open| !before.contains(open)))
            }
        }
    }
}

/// Everything that is not empty at the end of the steps, through the items of lists.
fn gather<'v>(value: &'v Value, below: &[NamePattern]) -> Vec<&'v Value> {
    match (value, below.split_first()) {
        (Value::List(items), _) => items.iter().flat_map(|item| gather(item, below)).collect(),
        (Value::Object(fields), Some((step, rest))) => fields
            .iter()
            .filter(|(key, _)| step.is_match(key))
            .flat_map(|(_, value)| gather(value, rest))
            .collect(),
        (Value::Unknown | Value::Sensitive { .. }, Some(_)) => vec![value],
        (_, Some(_)) => Vec::new(),
        (value, None) if value.is_empty() => Vec::new(),
        (value, None) => vec![value],
    }
}

/// Whether both hold the same, in whatever order. An unknown value is like no other.
fn same(from: &[&Value], to: &[&Value]) -> bool {
    let count = |among: &[&Value], value: &Value| among.iter().filter(|v| **v == value).count();
    from.len() == to.len()
        && !to.iter().any(|value| value.has_unknown())
        && from.iter().all(|v| count(from, v) == count(to, v))
}

fn opaque(values: &[&Value]) -> bool {
    values
        .iter()
        .any(|v| matches!(v, Value::Unknown | Value::Sensitive { .. }))
}

/// How many switches are on, those inside of blocks counted.
fn switched_on(values: &[&Value]) -> usize {
    const ON: [&str; 8] = [
        "true",
        "enabled",
        "enable",
        "on",
        "enforced",
        "active",
        "required",
        "protected",
    ];
    let on = |value: &Value| match value {
        Value::Bool(on) => usize::from(*on),
        Value::String(text) => {
            let text = text.to_ascii_lowercase();
            usize::from(ON.contains(&text.as_str()) || text.ends_with("_enabled"))
        }
        Value::List(items) => switched_on(&items.iter().collect::<Vec<_>>()),
        Value::Object(fields) => switched_on(&fields.values().collect::<Vec<_>>()),
        _ => 0,
    };
    values.iter().map(|value| on(value)).sum()
}

/// Whether something is less than before. Where there is no number, it counts as `none`, and so
/// do nought and what is below it.
fn less(from: &[&Value], to: &[&Value], none: f64) -> Option<bool> {
    let amounts = |values: &[&Value]| {
        let amounts = values.iter().map(|value| amount(value));
        let amounts = amounts.map(|amount| Some(if amount? <= 0.0 { none } else { amount? }));
        let mut amounts = amounts.collect::<Option<Vec<f64>>>()?;
        amounts.sort_by(|a, b| b.total_cmp(a));
        Some(amounts)
    };
    match (amounts(from), amounts(to)) {
        (Some(from), Some(to)) => {
            let padded = |side: Vec<f64>| side.into_iter().chain(std::iter::repeat(none));
            let longer = from.len().max(to.len());
            let mut pairs = padded(from).zip(padded(to)).take(longer);
            Some(pairs.any(|(from, to)| from > to))
        }
        (None, None) => Some(from.iter().any(|value| !to.contains(value))),
        // Members against numbers: something else entirely.
        (None, Some(_)) if to.is_empty() => Some(true),
        (Some(_), None) if from.is_empty() => Some(false),
        _ => None,
    }
}

/// A number, a time in seconds (`7d`, `604800s`, `P7D`) or a size in bytes (`10Gi`).
fn amount(value: &Value) -> Option<f64> {
    let text = match value {
        Value::Number(number) => return number.as_str().parse().ok(),
        Value::String(text) => text.trim(),
        _ => return None,
    };
    if let Ok(number) = text.parse::<f64>() {
        return number.is_finite().then_some(number);
    }
    if let Ok(span) = text.parse::<Span>() {
        let days = SpanRelativeTo::days_are_24_hours();
        return span.total((Unit::Second, days)).ok();
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..)?;
    let (power, base) = match unit.trim_end_matches(['i', 'B', 'b']) {
        "k" | "K" => (1, unit),
        "M" => (2, unit),
        "G" => (3, unit),
        "T" => (4, unit),
        "P" => (5, unit),
        _ => return None,
    };
    let base: f64 = if base.contains('i') { 1024.0 } else { 1000.0 };
    Some(digits.trim().parse::<f64>().ok()? * base.powi(power))
}

/// Networks, principals, and words of access settings that mean everybody.
const EVERYBODY: [&str; 18] = [
    "*",
    "0.0.0.0/0",
    "::/0",
    "0/0",
    "any",
    "internet",
    "allusers",
    "allauthenticatedusers",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "blob",
    "container",
    "none",
    "publicread",
    "publicreadwrite",
    "http://acs.amazonaws.com/groups/global/allusers",
    "http://acs.amazonaws.com/groups/global/authenticatedusers",
];

/// Fields of a rule that say whom it lets in.
const WHO: [&str; 18] = [
    "cidr",
    "cidr_block",
    "cidr_blocks",
    "cidr_ipv4",
    "cidr_ipv6",
    "entity",
    "grantee",
    "iam_member",
    "ip_range",
    "ipv6_cidr_block",
    "ipv6_cidr_blocks",
    "members",
    "source_address_prefix",
    "source_address_prefixes",
    "source_ranges",
    "special_group",
    "uri",
    "value",
];

/// Each thing that lets in everybody, spelt so that two can be compared.
fn openings(values: &[&Value]) -> BTreeSet<String> {
    values.iter().flat_map(|value| opening(value)).collect()
}

fn opening(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) | Value::Redacted { text, .. } => {
            if is_everybody(text) {
                return vec![text.to_ascii_lowercase()];
            }
            serde_json::from_str(text).map_or_else(|_| Vec::new(), |document| granted(&document))
        }
        Value::Object(fields) => {
            let closed = fields.iter().any(|(key, value)| closes(key, value));
            let open = fields.iter().any(|(key, value)| {
                WHO.contains(&key.as_str()) && !openings(&gather(value, &[])).is_empty()
            });
            if closed || !open {
                return Vec::new();
            }
            let told = fields.iter().filter(|(key, _)| *key != "description");
            let told = told.map(|(key, value)| format!("{key}={}", value.to_json()));
            vec![told.collect::<Vec<_>>().join(" ")]
        }
        _ => Vec::new(),
    }
}

fn is_everybody(text: &str) -> bool {
    EVERYBODY.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a field of a rule says that it denies, or is about what goes out.
fn closes(key: &str, value: &Value) -> bool {
    let Value::String(text) = value else {
        return false;
    };
    let is = |words: [&str; 2]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match key {
        "access" | "action" | "rule_action" => is(["deny", "block"]),
        "direction" => is(["outbound", "egress"]),
        _ => false,
    }
}

/// The statements of a policy document that allow everybody something.
fn granted(document: &Json) -> Vec<String> {
    let list = |value: Option<&Json>| match value {
        Some(Json::Array(items)) => items.clone(),
        Some(single) => vec![single.clone()],
        None => Vec::new(),
    };
    let everybody = |value: &Json| value.as_str().is_some_and(is_everybody);
    let mut open = Vec::new();
    for mut statement in list(document.get("Statement")) {
        let allows = statement.get("Effect").and_then(Json::as_str) == Some("Allow");
        let principals = match statement.get("Principal") {
            Some(Json::Object(kinds)) => kinds.values().flat_map(|v| list(Some(v))).collect(),
            principal => list(principal),
        };
        if allows && (principals.iter().any(everybody) || statement.get("NotPrincipal").is_some()) {
            if let Json::Object(fields) = &mut statement {
                fields.remove("Sid");
            }
            open.push(statement.to_string());
        }
    }
    for binding in list(document.get("bindings")) {
        if list(binding.get("members")).iter().any(everybody) {
            open.push(format!("{}", binding["role"]));
        }
    }
    open
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::pattern::PathPattern;
    use super::super::testing::value;
    use super::*;

    /// Whether going from one JSON text to another has the effect on what lies at a path.
    fn tells(effect: Effect, below: &str, from: &str, to: &str) -> Option<bool> {
        let pattern = PathPattern::parse(&format!("top.{below}")).unwrap();
        let below = pattern.below(&["top".to_owned()]).unwrap();
        let below = if below[0].as_str().is_empty() {
            &[]
        } else {
            below
        };
        effect.of(&value(from), &value(to), below)
    }

    fn has(effect: Effect, from: &str, to: &str) -> bool {
        tells(effect, "", from, to) == Some(true)
    }

    #[test]
    fn switches_are_told_by_their_words() {
        for (on, off) in [
            ("true", "false"),
            (r#""Enabled""#, r#""Suspended""#),
            (r#""ENABLED""#, "null"),
            (r#""on""#, r#""off""#),
        ] {
            assert!(has(Effect::TurnedOff, on, off) && !has(Effect::TurnedOn, on, off));
            assert!(has(Effect::TurnedOn, off, on) && !has(Effect::TurnedOff, off, on));
        }
        assert!(!has(Effect::TurnedOff, "false", "null"));
    }

    #[test]
    fn a_value_inside_blocks_is_found() {
        let (on, off) = (
            r#"[{"enabled":true,"mfa_delete":true}]"#,
            r#"[{"enabled":false,"mfa_delete":true}]"#,
        );
        assert_eq!(tells(Effect::TurnedOff, "enabled", on, off), Some(true));
        assert_eq!(tells(Effect::TurnedOff, "mfa_delete", on, off), Some(false));
        assert_eq!(tells(Effect::TurnedOff, "enabled", on, "[]"), Some(true));
        assert!(has(Effect::TurnedOff, on, off) && !has(Effect::TurnedOff, off, on));
        let rules = |days: &str| format!(r#"[{{"rule":[{{"expiration":[{{"days":{days}}}]}}]}}]"#);
        let days = tells(
            Effect::Shrunk,
            "rule.expiration.days",
            &rules("30"),
            &rules("7"),
        );
        assert_eq!(days, Some(true));
    }

    #[test]
    fn numbers_times_and_sizes_shrink() {
        for (from, to) in [
            ("30", "7"),
            (r#""30""#, r#""7""#),
            ("7", "null"),
            (r#""604800s""#, r#""86400s""#),
            (r#""P7D""#, r#""PT72H""#),
            (r#""7d""#, r#""168m""#),
            (r#""10Gi""#, r#""10G""#),
            (r#"["eu","us"]"#, r#"["eu"]"#),
        ] {
            assert!(has(Effect::Shrunk, from, to), "{from} {to}");
            assert!(!has(Effect::Shrunk, to, from), "{to} {from}");
        }
        assert!(!has(Effect::Shrunk, "[7, 30]", "[30, 7]"));
    }

    #[test]
    fn where_nought_means_for_ever_it_is_the_longest_time() {
        assert!(has(Effect::Shortened, "0", "30") && has(Effect::Shortened, "null", "30"));
        assert!(has(Effect::Shortened, "90", "30"));
        assert!(!has(Effect::Shortened, "30", "0") && !has(Effect::Shortened, "30", "90"));
    }

    #[test]
    fn a_rule_that_lets_in_everybody_is_an_opening_and_only_once() {
        let rule = |port: u16, from: &str, why: &str| {
            format!(r#"{{"from_port":{port},"cidr_blocks":["{from}"],"description":"{why}"}}"#)
        };
        let list = |rules: &[String]| format!("[{}]", rules.join(","));
        let web = rule(443, "0.0.0.0/0", "web");
        let inside = rule(22, "10.0.0.0/8", "");
        let world = rule(22, "0.0.0.0/0", "");
        let before = list(&[web.clone(), inside]);
        assert!(has(Effect::Opened, &before, &list(&[web.clone(), world])));
        assert!(!has(Effect::Opened, &before, &list(&[web])));
        let told = list(&[
            rule(443, "0.0.0.0/0", "the web"),
            rule(22, "10.1.0.0/16", ""),
        ]);
        assert!(!has(Effect::Opened, &before, &told));
        assert!(has(Effect::Opened, "[]", r#"["::/0"]"#));
    }

    #[test]
    fn what_denies_or_goes_out_opens_nothing() {
        let rule = |access: &str, direction: &str| {
            format!(
                r#"[{{"access":"{access}","direction":"{direction}","source_address_prefix":"*"}}]"#
            )
        };
        assert!(has(Effect::Opened, "[]", &rule("Allow", "Inbound")));
        assert!(!has(Effect::Opened, "[]", &rule("Deny", "Inbound")));
        assert!(!has(Effect::Opened, "[]", &rule("Allow", "Outbound")));
    }

    #[test]
    fn a_policy_document_is_opened_by_a_public_principal() {
        let policy = |effect: &str, principal: &str| {
            let text = format!(
                r#"{{"Statement":[{{"Sid":"a","Effect":"{effect}","Principal":{principal},"Action":"s3:GetObject"}}]}}"#
            );
            serde_json::to_string(&text).unwrap()
        };
        let own = policy("Allow", r#"{"AWS":"arn:aws:iam::1:root"}"#);
        for public in [
            r#""*""#,
            r#"{"AWS":"*"}"#,
            r#"{"AWS":["arn:aws:iam::1:root","*"]}"#,
        ] {
            assert!(has(Effect::Opened, &own, &policy("Allow", public)));
            assert!(!has(Effect::Opened, &own, &policy("Deny", public)));
            assert!(!has(Effect::Opened, &policy("Allow", public), &own));
        }
        let bound = |member: &str| {
            let text =
                format!(r#"{{"bindings":[{{"role":"roles/viewer","members":["{member}"]}}]}}"#);
            serde_json::to_string(&text).unwrap()
        };
        assert!(has(Effect::Opened, &bound("user:a"), &bound("allUsers")));
    }

    #[test]
    fn what_is_unknown_or_masked_cannot_be_told_but_has_changed() {
        let unknown = |effect: Effect| effect.of(&Value::Bool(true), &Value::Unknown, &[]);
        assert_eq!(unknown(Effect::TurnedOff), None);
        assert_eq!(unknown(Effect::Changed), Some(true));
        assert_eq!(
            Effect::Changed.of(&Value::Null, &Value::Unknown, &[]),
            Some(false)
        );
    }
}
