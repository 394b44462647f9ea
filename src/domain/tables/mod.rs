//! The project's own judgement, as data: how much a change matters, what is noise, what cannot be
//! undone. Each row has its reason and where that comes from; the head of each file says what its
//! columns mean.

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use super::effect::Effect;
use super::finding::{Severity, Subject};
use super::pattern::{NamePattern, PathPattern};

const SEVERITY_TEXT: &str = include_str!("severity.txt");
const NOISE_TEXT: &str = include_str!("noise.txt");
const STATEFUL_TEXT: &str = include_str!("stateful_types.txt");
const WRITERS_TEXT: &str = include_str!("writers.txt");
const IRREVERSIBLE_TEXT: &str = include_str!("irreversible.txt");

/// How much some differences matter.
pub static SEVERITY: LazyLock<Vec<SeverityRow>> = LazyLock::new(|| rows(SEVERITY_TEXT, severity));
/// Attributes that servers change by themselves and that say nothing.
pub static NOISE: LazyLock<Vec<NoiseRow>> = LazyLock::new(|| rows(NOISE_TEXT, noise));
/// Who else usually writes some attributes; of several rows the first counts.
pub static WRITERS: LazyLock<Vec<WriterRow>> = LazyLock::new(|| rows(WRITERS_TEXT, writer));
/// Types whose objects may hold what cannot be made again.
pub static STATEFUL: LazyLock<Vec<StatefulRow>> = LazyLock::new(|| rows(STATEFUL_TEXT, stateful));
/// Changes of attributes that lose something or take away what protects it.
pub static IRREVERSIBLE: LazyLock<Vec<IrreversibleRow>> =
    LazyLock::new(|| rows(IRREVERSIBLE_TEXT, irreversible));

/// What a row is about: attributes of types.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Resource types.
    pub types: Vec<NamePattern>,
    /// Attributes.
    pub attributes: Vec<PathPattern>,
}

impl Scope {
    fn parse(types: &str, attributes: &str) -> Option<Self> {
        let types = types.split(", ").map(NamePattern::parse);
        let attributes = attributes.split(", ").map(PathPattern::parse);
        Some(Self {
            types: types.collect::<Result<_, _>>().ok()?,
            attributes: attributes.collect::<Result<_, _>>().ok()?,
        })
    }

    /// Whether it is about a type.
    pub fn has_type(&self, resource_type: &str) -> bool {
        self.types
            .iter()
            .any(|pattern| pattern.is_match(resource_type))
    }

    /// Whether it names no type.
    pub fn is_of_any_type(&self) -> bool {
        self.types.iter().all(NamePattern::is_any)
    }

    /// Whether it names no attribute.
    pub fn is_general(&self) -> bool {
        self.attributes.iter().all(PathPattern::is_any)
    }

    /// The rests of the attribute patterns below what a difference is about.
    pub fn below<'s>(&'s self, subject: &Subject) -> impl Iterator<Item = &'s [NamePattern]> {
        self.attributes
            .iter()
            .filter_map(move |pattern| match subject {
                Subject::Attribute(path) => pattern.below(path.segments()),
                whole => (pattern.is_any() || pattern.names(whole)).then_some(&[][..]),
            })
    }
}

/// A row of `severity.txt`.
#[derive(Debug, Clone)]
pub struct SeverityRow {
    /// What it is about.
    pub scope: Scope,
    /// What happened to it.
    pub effect: Effect,
    /// How much that matters.
    pub severity: Severity,
    /// Why.
    pub reason: &'static str,
    /// Who says so.
    pub source: &'static str,
}

/// A row of `noise.txt`.
#[derive(Debug, Clone)]
pub struct NoiseRow {
    /// What it is about.
    pub scope: Scope,
    /// Why it says nothing.
    pub reason: &'static str,
    /// Who says so.
    pub source: &'static str,
}

/// A row of `writers.txt`.
#[derive(Debug, Clone)]
pub struct WriterRow {
    /// What it is about.
    pub scope: Scope,
    /// Who writes it.
    pub who: &'static str,
    /// Who says so.
    pub source: &'static str,
}

/// Who else usually writes an attribute, if that is known.
pub fn usual_writer(resource_type: &str, subject: &Subject) -> Option<&'static str> {
    let mut rows = WRITERS.iter();
    rows.find(|row| row.scope.has_type(resource_type) && row.scope.below(subject).next().is_some())
        .map(|row| row.who)
}

/// A row of `stateful_types.txt`.
#[derive(Debug, Clone)]
pub struct StatefulRow {
    /// The resource type.
    pub resource_type: &'static str,
    /// What would be lost.
    pub reason: &'static str,
    /// Who says so.
    pub source: &'static str,
}

/// A row of `irreversible.txt`.
#[derive(Debug, Clone)]
pub struct IrreversibleRow {
    /// What it is about.
    pub scope: Scope,
    /// What an apply would do to it.
    pub effect: Effect,
    /// What would be lost.
    pub reason: &'static str,
    /// Who says so.
    pub source: &'static str,
}

/// The lines that are no comments.
fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn rows<T>(text: &'static str, parse: fn(&'static str) -> Option<T>) -> Vec<T> {
    lines(text).filter_map(parse).collect()
}

/// The columns of a line, if there are as many as wanted and none is empty.
fn columns<const N: usize>(line: &'static str) -> Option<[&'static str; N]> {
    let columns: Vec<&str> = line.split(" | ").map(str::trim).collect();
    let columns: [&str; N] = columns.try_into().ok()?;
    columns.iter().all(|c| !c.is_empty()).then_some(columns)
}

fn severity(line: &'static str) -> Option<SeverityRow> {
    let [types, attributes, effect, severity, reason, source] = columns(line)?;
    Some(SeverityRow {
        scope: Scope::parse(types, attributes)?,
        effect: Effect::parse(effect)?,
        severity: Severity::parse(severity)?,
        reason,
        source,
    })
}

fn noise(line: &'static str) -> Option<NoiseRow> {
    let [types, attributes, reason, source] = columns(line)?;
    Some(NoiseRow {
        scope: Scope::parse(types, attributes)?,
        reason,
        source,
    })
}

fn writer(line: &'static str) -> Option<WriterRow> {
    let [types, attributes, who, source] = columns(line)?;
    Some(WriterRow {
        scope: Scope::parse(types, attributes)?,
        who,
        source,
    })
}

fn stateful(line: &'static str) -> Option<StatefulRow> {
    let [resource_type, reason, source] = columns(line)?;
    Some(StatefulRow {
        resource_type,
        reason,
        source,
    })
}

fn irreversible(line: &'static str) -> Option<IrreversibleRow> {
    let [types, attributes, effect, reason, source] = columns(line)?;
    Some(IrreversibleRow {
        scope: Scope::parse(types, attributes)?,
        effect: Effect::parse(effect)?,
        reason,
        source,
    })
}
