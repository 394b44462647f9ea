//! Reports that are made on a schedule: whom each is about, and what the kept ones are called.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::audience::Audience;
use super::ids::SourceName;
use super::pattern::NamePattern;
use super::posture::{Filter, StackLine, StackNow};

/// What a report is split by: one for each value that a stack has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Each {
    /// The owners; a stack is in the report of each of its own.
    Owner,
    /// The values of a label.
    Label(String),
}

/// What one of several reports of a name is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The owner, or the value of the label.
    pub value: String,
    /// Which stacks and alerts it tells of.
    pub filter: Filter,
}

impl Each {
    /// One part for each value, by value. A stack without one is in none of them.
    pub fn parts(&self, whole: &Filter, stacks: &[StackNow]) -> Vec<Part> {
        let told = stacks
            .iter()
            .filter(|stack| stack.tracked && whole.passes(stack));
        let values: BTreeSet<&String> = match self {
            Self::Owner => told.flat_map(|stack| &stack.owners).collect(),
            Self::Label(label) => told.filter_map(|stack| stack.labels.get(label)).collect(),
        };
        // The pattern of the whole report may fit other owners of the same stacks.
        let fits = |value: &str| match self {
            Self::Owner => {
                let owners = &whole.which.owners;
                owners.is_empty() || owners.iter().any(|owner| owner.is_match(value))
            }
            Self::Label(_) => true,
        };
        let values = values.into_iter().filter(|value| fits(value));
        values
            .map(|value| {
                let mut filter = whole.clone();
                let exact = NamePattern::exactly(value);
                match self {
                    Self::Owner => filter.which.owners = vec![exact],
                    Self::Label(label) => {
                        filter.which.labels.insert(label.clone(), exact);
                    }
                }
                Part {
                    value: value.clone(),
                    filter,
                }
            })
            .collect()
    }
}

/// Whom a report concerns: what all its stacks have in common.
pub fn audience(stacks: &[StackLine]) -> Audience {
    let Some((first, others)) = stacks.split_first() else {
        return Audience::default();
    };
    let mut source: Option<SourceName> = Some(first.source.clone());
    let mut labels: BTreeMap<String, String> = first.labels.clone();
    let mut owners: Vec<String> = first.owners.clone();
    for stack in others {
        source = source.filter(|source| *source == stack.source);
        labels.retain(|label, value| stack.labels.get(label) == Some(value));
        owners.retain(|owner| stack.owners.contains(owner));
    }
    Audience {
        source,
        labels,
        owners,
    }
}

/// Of the name of a report, and of what one is about, so many characters stand in its id.
const LONGEST: usize = 32;
/// The most characters of an id, so that it fits into the name of a file with what is kept under it.
const MOST: usize = 96;
/// How the moment of its making stands there.
const MOMENT: &str = "%Y%m%dt%H%M%Sz";
const MOMENT_LENGTH: usize = 16;

/// A report that was made: its moment (UTC), its name and what it is about, as in
/// `20261123t070000z-weekly.acme-web`. One plain file name, and ids sort by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ReportId(String);

/// A text that is the id of no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is the id of no report")]
pub struct BadReportId;

impl ReportId {
    /// The id of a report made at this time. `twins` is how many of this name, this moment and this
    /// plain value there are already.
    pub fn new(at: Timestamp, name: &str, value: Option<&str>, twins: usize) -> Self {
        let at = at.to_zoned(TimeZone::UTC).strftime(MOMENT).to_string();
        let mut id = format!("{at}-{}", plain(name));
        if let Some(value) = value {
            id.push('.');
            id.push_str(&plain(value));
        }
        if twins > 0 {
            id.push_str(&format!(".{}", twins + 1));
        }
        Self(id)
    }

    /// The id, if the text is one.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        let plain = (MOMENT_LENGTH..=MOST).contains(&text.len()) && text.bytes().all(allowed);
        let id = Self(text.to_owned());
        (plain && id.moment().is_some()).then_some(id)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When it was made, to the second.
    pub fn made_at(&self) -> Timestamp {
        self.moment().unwrap_or(Timestamp::MIN)
    }

    fn moment(&self) -> Option<Timestamp> {
        let (moment, rest) = self.0.split_at_checked(MOMENT_LENGTH)?;
        let at = jiff::civil::DateTime::strptime(MOMENT, moment).ok()?;
        let at = at.to_zoned(TimeZone::UTC).ok()?;
        (rest.is_empty() || rest.starts_with('-')).then_some(at.timestamp())
    }
}

/// A text in letters, digits and `-`.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars().take(LONGEST) {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '_') => plain.push(c),
            _ if plain.is_empty() || plain.ends_with('-') => {}
            _ => plain.push('-'),
        }
    }
    let plain = plain.trim_end_matches('-');
    if plain.is_empty() { "other" } else { plain }.to_owned()
}

impl fmt::Display for ReportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ReportId> for String {
    fn from(id: ReportId) -> Self {
        id.0
    }
}

impl TryFrom<String> for ReportId {
    type Error = BadReportId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or(BadReportId)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::finding::Verdict;
    use super::super::posture::Posture;
    use super::super::posture::samples::{estate, stack};
    use super::super::selection::Selection;
    use super::*;

    fn values(each: &Each, whole: &Filter) -> Vec<String> {
        let parts = each.parts(whole, &estate().stacks);
        parts.into_iter().map(|part| part.value).collect()
    }

    #[test]
    fn there_is_a_part_for_each_value_and_it_is_about_that_value() {
        let all = Filter::default();
        assert_eq!(values(&Each::Owner, &all), ["data", "platform"]);
        let tier = Each::Label("tier".to_owned());
        assert_eq!(values(&tier, &all), ["prod", "stage"]);
        assert!(values(&Each::Label("region".to_owned()), &all).is_empty());

        let input = estate();
        let [data, platform] = &Each::Owner.parts(&all, &input.stacks)[..] else {
            panic!("two owners");
        };
        let stacks = |part: &Part| {
            let filter = part.filter.clone();
            Posture::of(&crate::domain::posture::Input { filter, ..estate() })
                .counts
                .stacks
        };
        assert_eq!((stacks(data), stacks(platform)), (1, 3));
    }

    #[test]
    fn an_owner_that_the_whole_report_does_not_ask_for_gets_no_part() {
        let mut shared = stack("live/both", "platform", "", Verdict::InSync);
        shared.owners.push("security".to_owned());
        let whole = Filter {
            which: Selection {
                owners: vec![NamePattern::parse("plat*").unwrap()],
                ..Selection::default()
            },
            ..Filter::default()
        };
        let parts = Each::Owner.parts(&whole, &[shared]);
        let values: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
        assert_eq!(values, ["platform"]);
    }

    #[test]
    fn a_report_concerns_whom_all_its_stacks_concern() {
        let posture = Posture::of(&estate());
        assert_eq!(audience(&posture.stacks.items), Audience::default());
        let edge: Vec<StackLine> = posture
            .stacks
            .items
            .iter()
            .filter(|s| s.source.as_str() == "edge")
            .cloned()
            .collect();
        let common = audience(&edge);
        assert_eq!(common.source, Some(SourceName::new("edge")));
        assert!(common.owners.is_empty() && common.labels.is_empty());
        assert_eq!(audience(&[]), Audience::default());
    }

    #[test]
    fn an_id_says_when_and_what_and_stays_plain() {
        let at: Timestamp = "2026-11-23T07:00:00.5Z".parse().unwrap();
        let id = |value, twins| ReportId::new(at, "weekly", value, twins).to_string();
        assert_eq!(id(None, 0), "20261123t070000z-weekly");
        assert_eq!(
            id(Some("@Acme/web  team"), 0),
            "20261123t070000z-weekly.acme-web-team"
        );
        assert_eq!(
            id(Some("acme-web-team"), 1),
            "20261123t070000z-weekly.acme-web-team.2"
        );
        assert_eq!(id(Some("日本"), 0), "20261123t070000z-weekly.other");
        let parsed = ReportId::parse(&id(None, 0)).unwrap();
        assert_eq!(parsed.made_at().to_string(), "2026-11-23T07:00:00Z");
        for other in [
            "",
            "..",
            "weekly",
            "20261123t070000z/../x",
            "20261123T070000Z-weekly",
            "20261323t070000z-weekly",
            "20261123t070000zx",
        ] {
            assert_eq!(ReportId::parse(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_id_is_read_again(second in 0i64..4_000_000_000, name in ".{0,200}", value in ".{0,200}", twins in 0usize..999) {
            let at = Timestamp::from_second(second).unwrap();
            let id = ReportId::new(at, &name, Some(&value), twins);
            prop_assert_eq!(id.made_at(), at);
            prop_assert_eq!(ReportId::parse(id.as_str()), Some(id));
        }
    }
}
