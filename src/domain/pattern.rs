//! Patterns for names, attribute paths and stacks, as the tables and the configuration write them.

use globset::{Glob, GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

use super::finding::Subject;

/// A pattern for one name: `aws_iam_*`, `tags`, `*`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct NamePattern {
    written: String,
    kind: Kind,
}

/// Most patterns need no glob, and tables have hundreds of them.
#[derive(Debug, Clone)]
enum Kind {
    Any,
    Exact,
    Prefix(usize),
    Glob(GlobMatcher),
}

impl NamePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If it is no glob.
    pub fn parse(text: &str) -> Result<Self, globset::Error> {
        let special = |text: &str| text.contains(['*', '?', '[', ']', '{', '}', '\\']);
        let kind = match text.strip_suffix('*') {
            Some(stars) if stars.chars().all(|c| c == '*') => Kind::Any,
            Some(prefix) if !special(prefix) => Kind::Prefix(prefix.len()),
            _ if special(text) => Kind::Glob(Glob::new(text)?.compile_matcher()),
            _ => Kind::Exact,
        };
        Ok(Self {
            written: text.to_owned(),
            kind,
        })
    }

    /// The pattern that matches this name alone.
    pub fn exactly(name: &str) -> Self {
        let exact = Self {
            written: name.to_owned(),
            kind: Kind::Exact,
        };
        let escaped = globset::escape(name).replace('\\', r"\\");
        Self::parse(&escaped).unwrap_or(exact)
    }

    /// Whether a name matches.
    pub fn is_match(&self, name: &str) -> bool {
        match &self.kind {
            Kind::Any => true,
            Kind::Exact => self.written == name,
            Kind::Prefix(length) => self
                .written
                .get(..*length)
                .is_some_and(|prefix| name.starts_with(prefix)),
            Kind::Glob(glob) => glob.is_match(name),
        }
    }

    /// Whether it matches every name.
    pub const fn is_any(&self) -> bool {
        matches!(self.kind, Kind::Any)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

impl PartialEq for NamePattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for NamePattern {}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.written
    }
}

impl TryFrom<String> for NamePattern {
    type Error = globset::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

/// A pattern for the ids of stacks: `infra/live/**`. A `*` stays within a directory.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct StackPattern(GlobMatcher);

impl StackPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If it is no glob.
    pub fn parse(text: &str) -> Result<Self, globset::Error> {
        let glob = GlobBuilder::new(text).literal_separator(true).build()?;
        Ok(Self(glob.compile_matcher()))
    }

    /// Whether the id of a stack matches.
    pub fn is_match(&self, id: &str) -> bool {
        self.0.is_match(id)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0.glob().glob()
    }
}

impl PartialEq for StackPattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for StackPattern {}

impl From<StackPattern> for String {
    fn from(pattern: StackPattern) -> Self {
        pattern.as_str().to_owned()
    }
}

impl TryFrom<String> for StackPattern {
    type Error = globset::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

/// A pattern for attribute paths, step by step: `tags`, `tags.Env`, `tags."a.b"`,
/// `rule.*.days`. It means what it names and everything below. Lists are no steps: the path goes
/// through all their items.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PathPattern {
    written: String,
    steps: Vec<NamePattern>,
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for PathPattern {}

impl From<PathPattern> for String {
    fn from(pattern: PathPattern) -> Self {
        pattern.written
    }
}

impl TryFrom<String> for PathPattern {
    type Error = globset::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl PathPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If a step is no glob.
    pub fn parse(text: &str) -> Result<Self, globset::Error> {
        let steps = split(text);
        let steps = steps.iter().map(|step| NamePattern::parse(step));
        Ok(Self {
            written: text.to_owned(),
            steps: steps.collect::<Result<_, _>>()?,
        })
    }

    /// The steps that the pattern goes on below the path of a difference: none if the path is what
    /// it names, or lies below that. `None` if the two have nothing to do with each other.
    pub fn below(&self, path: &[String]) -> Option<&[NamePattern]> {
        let mut pairs = self.steps.iter().zip(path);
        pairs
            .all(|(step, key)| step.is_match(key))
            .then(|| self.steps.get(path.len()..).unwrap_or_default())
    }

    /// Whether the path is what the pattern names, or lies below that.
    pub fn covers(&self, path: &[String]) -> bool {
        self.below(path).is_some_and(<[_]>::is_empty)
    }

    /// Whether the pattern names this subject as a whole object, like `<deleted>`.
    pub fn names(&self, subject: &Subject) -> bool {
        !matches!(subject, Subject::Attribute(_)) && self.written == subject.to_string()
    }

    /// Whether it matches every path.
    pub fn is_any(&self) -> bool {
        matches!(self.steps.as_slice(), [step] if step.is_any())
    }

    /// Whether a step has no name, as in `tags..Env`: no path is like that.
    pub fn has_empty_step(&self) -> bool {
        self.steps.iter().any(|step| step.as_str().is_empty())
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

/// Splits at dots that stand in no quotes, and takes the quotes away.
fn split(text: &str) -> Vec<String> {
    let mut steps = vec![String::new()];
    let mut quoted = false;
    let mut escaped = false;
    for c in text.chars() {
        let step = steps.last_mut();
        match (c, step) {
            ('"', _) if !escaped => quoted = !quoted,
            ('\\', _) if quoted && !escaped => {
                escaped = true;
                continue;
            }
            ('.', _) if !quoted => steps.push(String::new()),
            (c, Some(step)) => step.push(c),
            (_, None) => {}
        }
        escaped = false;
    }
    steps
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        split(text)
    }

    #[test]
    fn a_name_matches_exactly_by_its_start_or_as_a_glob() {
        let matches =
            |pattern: &str, name: &str| NamePattern::parse(pattern).unwrap().is_match(name);
        assert!(matches("aws_iam_role", "aws_iam_role"));
        assert!(!matches("aws_iam_role", "aws_iam_role_policy"));
        assert!(matches("aws_iam_*", "aws_iam_role"));
        assert!(!matches("aws_iam_*", "aws_i"));
        assert!(matches("*_{bucket,queue}", "aws_sqs_queue"));
        assert!(matches("*", "anything"));
        assert!(NamePattern::parse("aws_{").is_err());
    }

    #[test]
    fn a_name_as_it_is_matches_itself_alone() {
        for name in ["web", "@acme/web", "a*b", "[a]{b}?", "a\\b", ""] {
            let pattern = NamePattern::exactly(name);
            assert!(pattern.is_match(name), "{name}");
            assert!(!pattern.is_match(&format!("{name}x")) && !pattern.is_match("axb"));
        }
        assert_eq!(NamePattern::exactly("@acme/web").as_str(), "@acme/web");
    }

    #[test]
    fn a_star_in_the_id_of_a_stack_stays_within_a_directory() {
        let matches = |pattern: &str, id: &str| StackPattern::parse(pattern).unwrap().is_match(id);
        assert!(matches("infra/live/*", "infra/live/web"));
        assert!(!matches("infra/live/*", "infra/live/prod/web"));
        assert!(matches("infra/live/**", "infra/live/prod/web@blue#1"));
    }

    #[test]
    fn a_path_means_what_it_names_and_everything_below() {
        let covers =
            |pattern: &str, of: &str| PathPattern::parse(pattern).unwrap().covers(&path(of));
        assert!(covers("tags", "tags") && covers("tags", "tags.Env"));
        assert!(covers("tags.Env", "tags.Env") && !covers("tags.Env", "tags"));
        assert!(covers("tags.\"a.b\"", "tags.\"a.b\"") && !covers("tags.a", "tags.\"a.b\""));
        assert!(covers("rule.*.days", "rule.expiration.days"));
        assert!(covers("*", "anything.at.all"));
        assert!(!covers("tag", "tags"));
    }

    #[test]
    fn a_pattern_can_go_on_below_a_path() {
        let pattern = PathPattern::parse("scaling_config.desired_size").unwrap();
        let rest = pattern.below(&path("scaling_config")).unwrap();
        assert_eq!(rest.len(), 1);
        assert_eq!(rest[0].as_str(), "desired_size");
        assert!(pattern.below(&path("tags")).is_none());
    }
}
