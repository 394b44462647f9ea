//! Who owns a path, as a `CODEOWNERS` file says: by the rules of GitHub, which plain files of other
//! services follow too, or by those of GitLab.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

/// Longer patterns are not read.
const LONGEST_PATTERN: usize = 1024;

/// No file has more rules than this.
const MOST_RULES: usize = 20_000;

/// Whom a file names as an owner: `@user`, `@org/team`, `@@role` or a mail address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Owner(String);

impl Owner {
    /// Reads an owner; `None` if the text cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |text: &str| {
            !text.is_empty()
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "._-+/%".contains(c))
        };
        let is_owner = match text.strip_prefix("@@").or_else(|| text.strip_prefix('@')) {
            Some(name) => plain(name),
            None => text
                .split_once('@')
                .is_some_and(|(user, host)| plain(user) && plain(host)),
        };
        is_owner.then(|| Self(text.to_owned()))
    }

    /// The owner as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose rules a file follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The last pattern that matches decides. Patterns are those of `.gitignore`, without `!`,
    /// `[ ]` and `\#`, and `dir/*` does not reach into directories below.
    GitHub,
    /// The last pattern of each section decides, and sections add up. Patterns without a leading
    /// `/` match at any depth, `!` takes paths out of a section.
    GitLab,
}

impl Dialect {
    /// What the text itself tells: only GitLab has sections.
    pub fn of(text: &str) -> Self {
        if text
            .lines()
            .any(|line| Heading::parse(line.trim()).is_some())
        {
            Self::GitLab
        } else {
            Self::GitHub
        }
    }
}

/// A line that was passed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {cause}")]
pub struct Unreadable {
    /// From 1.
    pub line: usize,
    /// Why.
    pub cause: Cause,
}

/// Why a line was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// One of the words after the pattern is no owner.
    #[error("an owner is written @user, @org/team or as a mail address")]
    Owner,
    /// The pattern is no glob.
    #[error("the pattern cannot be read")]
    Pattern,
    /// The pattern is too long, or there are too many before it.
    #[error("this is more than is read")]
    TooMuch,
    /// `!` outside GitLab.
    #[error("a pattern with ! is known to GitLab only")]
    Negation,
    /// `[ ]` outside GitLab.
    #[error("a range of characters in [ ] is known to GitLab only")]
    Range,
    /// `\#` outside GitLab.
    #[error("a pattern that starts with \\# is known to GitLab only")]
    EscapedHash,
}

/// What a file says.
#[derive(Debug, Clone, Default)]
pub struct Owners {
    rules: Vec<Rule>,
    globs: GlobSet,
    /// The rule of each glob.
    rule_of: Vec<usize>,
    unreadable: Vec<Unreadable>,
}

#[derive(Debug, Clone)]
struct Rule {
    section: usize,
    effect: Effect,
}

#[derive(Debug, Clone)]
enum Effect {
    Owned(Vec<Owner>),
    Excluded,
}

impl Owners {
    /// Reads a file. Lines that cannot be read are passed over and listed.
    pub fn parse(text: &str, dialect: Dialect) -> Self {
        let mut reading = Reading::new(dialect);
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Err(cause) = reading.line(line) {
                let line = number;
                reading.unreadable.push(Unreadable { line, cause });
            }
        }
        reading.finish(text.lines().count())
    }

    /// Who owns a path, relative to the root of the repository and with `/`; each once, in the
    /// order of the file.
    pub fn of(&self, path: &str) -> Vec<Owner> {
        let globs = self.globs.matches(path.trim_start_matches('/'));
        let rules: BTreeSet<usize> = globs
            .into_iter()
            .filter_map(|glob| self.rule_of.get(glob).copied())
            .collect();
        let mut decided: BTreeMap<usize, &Effect> = BTreeMap::new();
        for rule in rules.into_iter().filter_map(|rule| self.rules.get(rule)) {
            let effect = decided.entry(rule.section).or_insert(&rule.effect);
            // What a section has excluded it cannot take back.
            if !matches!(effect, Effect::Excluded) {
                *effect = &rule.effect;
            }
        }
        let mut owners: Vec<Owner> = Vec::new();
        for effect in decided.into_values() {
            let Effect::Owned(more) = effect else {
                continue;
            };
            for owner in more {
                if !owners.contains(owner) {
                    owners.push(owner.clone());
                }
            }
        }
        owners
    }

    /// The lines that were passed over.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }
}

/// `[Name][2] @owner`, with `^` before it if approval is optional.
struct Heading<'a> {
    name: &'a str,
    owners: &'a str,
}

impl<'a> Heading<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let rest = line.strip_prefix('^').unwrap_or(line).strip_prefix('[')?;
        let (name, rest) = rest.split_once(']')?;
        let approvals = rest
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
            .filter(|(count, _)| count.bytes().all(|byte| byte.is_ascii_digit()));
        let owners = approvals.map_or(rest, |(_, rest)| rest);
        let name = name.trim();
        let ends = owners.is_empty() || owners.starts_with(char::is_whitespace);
        (ends && !name.is_empty()).then_some(Self { name, owners })
    }
}

struct Reading {
    dialect: Dialect,
    /// In small letters; the first has no name.
    sections: Vec<String>,
    section: usize,
    /// Whom the section names for its patterns without owners.
    default: Vec<Owner>,
    rules: Vec<Rule>,
    globs: GlobSetBuilder,
    rule_of: Vec<usize>,
    unreadable: Vec<Unreadable>,
}

impl Reading {
    fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            sections: vec![String::new()],
            section: 0,
            default: Vec::new(),
            rules: Vec::new(),
            globs: GlobSetBuilder::new(),
            rule_of: Vec::new(),
            unreadable: Vec::new(),
        }
    }

    fn line(&mut self, line: &str) -> Result<(), Cause> {
        let (pattern, rest) = split(line);
        if pattern.len() > LONGEST_PATTERN || self.rules.len() >= MOST_RULES {
            return Err(Cause::TooMuch);
        }
        let (globs, effect) = match self.dialect {
            Dialect::GitHub => (github_globs(pattern)?, Effect::Owned(github_owners(rest)?)),
            Dialect::GitLab => {
                if let Some(heading) = Heading::parse(line) {
                    self.enter(&heading);
                    return Ok(());
                }
                match pattern.strip_prefix('!') {
                    Some(pattern) => (vec![gitlab_glob(pattern)?], Effect::Excluded),
                    None => {
                        let mut owners = gitlab_owners(rest);
                        if owners.is_empty() {
                            owners.clone_from(&self.default);
                        }
                        (vec![gitlab_glob(pattern)?], Effect::Owned(owners))
                    }
                }
            }
        };
        for glob in globs {
            self.globs.add(glob);
            self.rule_of.push(self.rules.len());
        }
        self.rules.push(Rule {
            section: self.section,
            effect,
        });
        Ok(())
    }

    fn enter(&mut self, heading: &Heading<'_>) {
        let name = heading.name.to_lowercase();
        let known = self.sections.iter().position(|section| *section == name);
        self.section = known.unwrap_or(self.sections.len());
        if known.is_none() {
            self.sections.push(name);
        }
        self.default = gitlab_owners(heading.owners);
    }

    fn finish(mut self, lines: usize) -> Owners {
        let Ok(globs) = self.globs.build() else {
            self.unreadable.push(Unreadable {
                line: lines,
                cause: Cause::TooMuch,
            });
            return Owners {
                unreadable: self.unreadable,
                ..Owners::default()
            };
        };
        Owners {
            rules: self.rules,
            globs,
            rule_of: self.rule_of,
            unreadable: self.unreadable,
        }
    }
}

/// The pattern, up to the first blank that is not escaped, and what follows.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|c: char| {
        let ends = c.is_whitespace() && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    line.split_at(end.unwrap_or(line.len()))
}

/// All words must be owners, up to a comment.
fn github_owners(text: &str) -> Result<Vec<Owner>, Cause> {
    text.split_whitespace()
        .take_while(|word| !word.starts_with('#'))
        .map(|word| Owner::parse(word).ok_or(Cause::Owner))
        .collect()
}

/// GitLab takes the owners that it finds, in comments too.
fn gitlab_owners(text: &str) -> Vec<Owner> {
    text.split_whitespace().filter_map(Owner::parse).collect()
}

fn github_globs(pattern: &str) -> Result<Vec<Glob>, Cause> {
    if pattern.starts_with('!') {
        return Err(Cause::Negation);
    }
    if pattern.starts_with("\\#") {
        return Err(Cause::EscapedHash);
    }
    if pattern.contains(['[', ']']) {
        return Err(Cause::Range);
    }
    let (body, directory) = match pattern.strip_suffix('/') {
        Some(body) => (body, true),
        None => (pattern, false),
    };
    let rooted = body.contains('/');
    let body = body.strip_prefix('/').unwrap_or(body);
    if body.is_empty() {
        return Err(Cause::Pattern);
    }
    let body = if rooted {
        body.to_owned()
    } else {
        format!("**/{body}")
    };
    let below = format!("{body}/**");
    if directory {
        return Ok(vec![glob(&below)?]);
    }
    let flat = body.ends_with("/*");
    let mut globs = vec![glob(&body)?];
    if !flat && body != "*" {
        globs.push(glob(&below)?);
    }
    Ok(globs)
}

/// GitLab matches with Ruby's `File.fnmatch`, in which `**` reaches over directories only before `/`.
fn gitlab_glob(pattern: &str) -> Result<Glob, Cause> {
    let mut path = match pattern.strip_prefix('/') {
        Some(rooted) => rooted.to_owned(),
        None => format!("**/{pattern}"),
    };
    if path.is_empty() || path.ends_with('/') {
        path.push_str("**/*");
    } else if path.ends_with("/**") {
        path.pop();
    }
    glob(&path)
}

/// Braces mean themselves here.
fn glob(pattern: &str) -> Result<Glob, Cause> {
    let mut plain = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                plain.push(c);
                plain.extend(chars.next());
            }
            '{' | '}' => plain.extend(['\\', c]),
            c => plain.push(c),
        }
    }
    GlobBuilder::new(&plain)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|_| Cause::Pattern)
}

#[cfg(test)]
#[path = "codeowners_tests.rs"]
mod tests;
