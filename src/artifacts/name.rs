//! What artifacts are called.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::domain::ids::RunId;
use crate::domain::report::ReportId;
use crate::domain::snapshot::StackPlace;

/// The name of an artifact within its run or report: 1 to 128 of `a-z`, `0-9`, `.`, `_` and `-`, not
/// beginning with a dot, so that it is one plain file name and one plain key everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactName(Cow<'static, str>);

impl ArtifactName {
    /// A look at the stack: what was found and decided.
    pub const CHECK: Self = Self(Cow::Borrowed("check.json"));
    /// What Terraform said during an apply. Only a run that applied has one.
    pub const APPLY_LOG: Self = Self(Cow::Borrowed("apply.log"));

    /// A name that is known to be one.
    pub(super) const fn of(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    /// The name, if the text is one.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        let fits = (1..=128).contains(&text.len()) && !text.starts_with('.');
        (fits && text.bytes().all(allowed)).then(|| Self(Cow::Owned(text.to_owned())))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is in it, as HTTP says it; told from the end of the name.
    pub fn content_type(&self) -> &'static str {
        match self.0.rsplit_once('.').map(|(_, end)| end) {
            Some("json") => "application/json",
            Some("log" | "txt") => "text/plain; charset=utf-8",
            Some("html") => "text/html; charset=utf-8",
            Some("md") => "text/markdown; charset=utf-8",
            Some("csv") => "text/csv; charset=utf-8; header=present",
            _ => "application/octet-stream",
        }
    }
}

impl std::fmt::Display for ArtifactName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What artifacts belong to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shelf {
    /// A run.
    Run(RunId),
    /// A report that was made on a schedule.
    Report(ReportId),
    /// A stack, with the sealed copies of its state.
    Snapshots(StackPlace),
}

/// What the place of reports is called.
pub(super) const REPORTS: &str = "reports";
/// What the place of copies of states is called.
pub(super) const SNAPSHOTS: &str = "snapshots";

impl Shelf {
    /// When it was made; none if the id does not say.
    pub(super) fn made_at(&self) -> Option<Timestamp> {
        match self {
            Self::Run(run) => run.made_at(),
            Self::Report(report) => Some(report.made_at()),
            Self::Snapshots(_) => None,
        }
    }

    /// Reads `<run>`, `reports/<report>` or `snapshots/<stack>`.
    pub(super) fn parse(path: &str) -> Option<Self> {
        match path.split_once('/') {
            Some((REPORTS, report)) => return ReportId::parse(report).map(Self::Report),
            Some((SNAPSHOTS, stack)) => return StackPlace::parse(stack).map(Self::Snapshots),
            _ => {}
        }
        let run: RunId = path.parse().ok()?;
        // An id has several forms; only one is ours.
        (run.to_string() == path).then_some(Self::Run(run))
    }
}

impl From<RunId> for Shelf {
    fn from(run: RunId) -> Self {
        Self::Run(run)
    }
}

impl From<ReportId> for Shelf {
    fn from(report: ReportId) -> Self {
        Self::Report(report)
    }
}

impl std::fmt::Display for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run(run) => run.fmt(f),
            Self::Report(report) => write!(f, "{REPORTS}/{report}"),
            Self::Snapshots(stack) => write!(f, "{SNAPSHOTS}/{stack}"),
        }
    }
}

/// An artifact as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: ArtifactName,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was kept; none if the place does not say.
    pub at: Option<Timestamp>,
}

/// One artifact of a run or report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactId {
    /// The run or report.
    pub shelf: Shelf,
    /// The name there.
    pub name: ArtifactName,
}

impl ArtifactId {
    /// The artifact of this name of a run or report.
    pub fn new(shelf: impl Into<Shelf>, name: ArtifactName) -> Self {
        Self {
            shelf: shelf.into(),
            name,
        }
    }

    /// Reads `<shelf>/<name>`, as artifacts are called in a directory and a bucket.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let (shelf, name) = path.rsplit_once('/')?;
        Some(Self::new(Shelf::parse(shelf)?, ArtifactName::parse(name)?))
    }
}

impl std::fmt::Display for ArtifactId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.shelf, self.name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_is_one_plain_path_segment(text in ".*|[a-z0-9._-]{1,130}|\\.{1,3}") {
            if let Some(name) = ArtifactName::parse(&text) {
                let mut parts = Path::new(name.as_str()).components();
                prop_assert!(matches!(parts.next(), Some(std::path::Component::Normal(part)) if part == text.as_str()));
                prop_assert!(parts.next().is_none() && text.len() <= 128);
            }
        }
    }

    #[test]
    fn names_are_told_from_other_text() {
        for good in ["report.html", "plan-1.json", "_", "0"] {
            assert!(ArtifactName::parse(good).is_some(), "{good}");
        }
        for bad in ["", ".", "..", ".tmp", "a/b", "A", "a b", "ü", "a\0"] {
            assert_eq!(ArtifactName::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_end_of_a_name_says_what_is_in_it() {
        let told = |name: ArtifactName| name.content_type();
        assert_eq!(told(ArtifactName::CHECK), "application/json");
        assert_eq!(told(ArtifactName::APPLY_LOG), "text/plain; charset=utf-8");
        for (name, content) in [
            ("report.html", "text/html; charset=utf-8"),
            ("report.md", "text/markdown; charset=utf-8"),
            ("json", "application/octet-stream"),
            ("state.tfstate", "application/octet-stream"),
        ] {
            assert_eq!(told(ArtifactName::parse(name).unwrap()), content, "{name}");
        }
    }

    #[test]
    fn an_artifact_is_told_from_other_things_in_a_bucket() {
        let artifact = ArtifactId::new(
            RunId::from_uuid(uuid::Uuid::from_u128(7)),
            ArtifactName::CHECK,
        );
        let text = artifact.to_string();
        assert_eq!(ArtifactId::parse(&text), Some(artifact));
        for other in [
            text.to_uppercase(),
            text.replace('-', ""),
            format!("{text}/x"),
            format!("/{text}"),
            "check.json".to_owned(),
            "x/check.json".to_owned(),
            format!("reports/{text}"),
            "reports/check.json".to_owned(),
            "reports/../check.json".to_owned(),
        ] {
            assert_eq!(ArtifactId::parse(&other), None, "{other}");
        }
        let report = ReportId::new(Timestamp::UNIX_EPOCH, "weekly", Some("web"), 0);
        let artifact = ArtifactId::new(report, ArtifactName::CHECK);
        let text = artifact.to_string();
        assert_eq!(text, "reports/19700101t000000z-weekly.web/check.json");
        assert_eq!(ArtifactId::parse(&text), Some(artifact));
        let stack = StackPlace::of(&crate::domain::ids::StackId::new("infra/live"));
        let artifact = ArtifactId::new(Shelf::Snapshots(stack), ArtifactName::CHECK);
        let text = artifact.to_string();
        assert!(text.starts_with("snapshots/infra_live-"), "{text}");
        assert_eq!(ArtifactId::parse(&text), Some(artifact));
        assert_eq!(ArtifactId::parse("snapshots/../check.json"), None);
    }
}
