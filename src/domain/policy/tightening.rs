//! What files of a repository say of the policy of its stacks. They take away from what Mooring may
//! do, and have no words for anything else: rules ask or refuse and are judged beside the operator's,
//! of every bound the tighter one counts.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::super::hours::Hours;
use super::{ApplyLimit, By, Freeze, Policy, PolicyMode, Reason, Rule};

/// A rule that asks or refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Rule", into = "Rule")]
pub struct Restriction(Rule);

/// A rule would grant something, or keep something from being told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rule of a repository asks or refuses, and does nothing else")]
pub struct Loosens;

impl Restriction {
    /// The rule.
    pub const fn rule(&self) -> &Rule {
        &self.0
    }
}

impl TryFrom<Rule> for Restriction {
    type Error = Loosens;

    fn try_from(rule: Rule) -> Result<Self, Loosens> {
        if rule.effect.kind().restricts() {
            Ok(Self(rule))
        } else {
            Err(Loosens)
        }
    }
}

impl From<Restriction> for Rule {
    fn from(restriction: Restriction) -> Self {
        restriction.0
    }
}

/// What one file says. What is not given is as the operator and the files above say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tightening {
    /// The file, relative to the root of the repository.
    pub file: String,
    /// Mooring goes no further.
    pub mode: Option<PolicyMode>,
    /// Rules in order; of this file the first that fits counts, beside those of others.
    pub rules: Vec<Restriction>,
    /// When something may be applied, if the operator's windows say so too; none means always.
    pub windows: Vec<Hours>,
    /// When nothing may be applied.
    pub freezes: Vec<Freeze>,
    /// The most applies of one stack.
    pub stack_limit: Option<ApplyLimit>,
    /// More changes than this are not made at once without asking.
    pub max_changes: Option<usize>,
    /// No repair within this time of the first sight of a drift.
    pub hold_off: Option<SignedDuration>,
    /// Why the file cannot be read.
    pub unread: Option<String>,
}

impl Tightening {
    /// A file that cannot be read. It may have forbidden anything, so nothing is applied.
    pub fn unread(file: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            mode: Some(PolicyMode::Observe),
            unread: Some(why.into()),
            ..Self::default()
        }
    }

    fn by(&self) -> By {
        By::Repository {
            file: self.file.clone(),
        }
    }
}

impl Policy {
    /// How far Mooring goes: no further than the operator and each file of the repository say.
    pub fn furthest(&self) -> PolicyMode {
        self.restrains()
            .and_then(|file| file.mode)
            .unwrap_or(self.mode)
    }

    /// The file that holds Mooring back from what the operator lets it do.
    fn restrains(&self) -> Option<&Tightening> {
        let files = self.repository.iter();
        let less = files.filter(|file| file.mode.is_some_and(|mode| mode < self.mode));
        less.min_by_key(|file| file.mode)
    }

    /// A reason that follows from the mode, with the file of the repository that it comes from.
    pub(super) fn by_mode(&self, text: &str) -> Reason {
        match self.restrains() {
            None => Reason::from(text),
            Some(file) => Reason::plan(file.by(), format!("{text} ({})", file.file)),
        }
    }

    /// What is to be said of files that cannot be read.
    pub(super) fn unread(&self) -> impl Iterator<Item = Reason> {
        self.repository.iter().filter_map(|file| {
            let why = file.unread.as_ref()?;
            let text = format!("nothing is applied until {} can be read: {why}", file.file);
            Some(Reason::plan(file.by(), text))
        })
    }

    /// Every list of windows: all of them have to be open.
    pub(super) fn all_windows(&self) -> impl Iterator<Item = (&[Hours], Option<&str>)> {
        let own = std::iter::once((self.windows.as_slice(), None));
        let files = self.repository.iter();
        own.chain(files.map(|file| (file.windows.as_slice(), Some(file.file.as_str()))))
    }

    /// Every list of freezes.
    pub(super) fn all_freezes(&self) -> impl Iterator<Item = (&[Freeze], Option<&str>)> {
        let own = std::iter::once((self.freezes.as_slice(), None));
        let files = self.repository.iter();
        own.chain(files.map(|file| (file.freezes.as_slice(), Some(file.file.as_str()))))
    }

    /// Every limit on the applies of one stack: all of them hold.
    pub fn stack_limits(&self) -> impl Iterator<Item = (ApplyLimit, Option<&str>)> {
        let own = self.limits.stack.map(|limit| (limit, None));
        let files = self.repository.iter();
        let files = files.filter_map(|file| Some((file.stack_limit?, Some(file.file.as_str()))));
        own.into_iter().chain(files)
    }

    /// How many changes are made at once without asking, and the file that says so if it is not the
    /// operator.
    pub(super) fn most_changes(&self) -> (usize, Option<&str>) {
        let files = self.repository.iter();
        let files = files.filter_map(|file| Some((file.max_changes?, Some(file.file.as_str()))));
        let own = (self.max_changes, None);
        files.fold(
            own,
            |least, next| if next.0 < least.0 { next } else { least },
        )
    }

    /// The longest hold-off time, the operator's among them.
    pub fn hold_off(&self, operators: SignedDuration) -> SignedDuration {
        let files = self.repository.iter();
        let files = files.filter_map(|file| file.hold_off);
        files.fold(operators, SignedDuration::max)
    }

    /// The longest hold-off time that the repository asks for, with the file that does.
    pub(super) fn asked_hold_off(&self) -> Option<(SignedDuration, &str)> {
        let files = self.repository.iter();
        let asked = files.filter_map(|file| Some((file.hold_off?, file.file.as_str())));
        asked.max_by_key(|(time, _)| *time)
    }
}
