//! Which stacks the rules declare in a directory: one, or one for each variable file or workspace.

use std::collections::BTreeSet;

use crate::discover::VarFiles;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::file_pattern::{FilePattern, in_tree};
use crate::domain::ids::{SourceName, StackId};
use crate::domain::placeholder::{fill, has_name, name_in};

use super::settings::{ForEach, StackRule};

/// Where the files are that patterns may match.
#[derive(Debug)]
pub enum Files<'a> {
    /// In a tree that is at hand.
    Tree(VarFiles<'a>),
    /// They are not at hand, but those of this stack are there.
    Of(&'a StackId),
}

/// What makes two stacks of one directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Variant {
    Workspace(String),
    Name(String),
}

/// What becomes of the name's places in what a rule sets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Filling {
    /// They are none: the rule is about one stack, or about stacks that others declare.
    AsWritten,
    /// This name comes there.
    With(String),
    /// What has them is left out: there is nothing to name.
    Without,
}

/// A rule that fits a directory, with the stacks there that it is about; all if it names none.
struct Part<'r> {
    place: usize,
    rule: &'r StackRule,
    about: Vec<(Variant, Filling)>,
    /// Whether they are stacks because of it.
    declares: bool,
}

/// What the rules declare in a directory.
pub(super) struct Declared<'r> {
    parts: Vec<Part<'r>>,
    /// What stands against the directory's stacks.
    pub(super) problem: Option<Failure>,
}

impl<'r> Declared<'r> {
    pub(super) fn of(
        rules: &'r [StackRule],
        source: &SourceName,
        dir: &str,
        files: &mut Files<'_>,
    ) -> Self {
        let path = format!("{source}/{dir}");
        let fitting = rules.iter().enumerate();
        let fitting = fitting.filter(|(_, rule)| rule.pattern.is_match(&path));
        let mut declared = Self {
            parts: Vec::new(),
            problem: None,
        };
        // Once stacks are declared by lists, single entries refine them: whatever leaves the list is no
        // stack any more.
        let (mut names_listed, mut workspaces_listed) = (false, false);
        for (place, rule) in fitting {
            let fillings = match &rule.for_each {
                None => vec![Filling::AsWritten],
                Some(ForEach::Workspace(names)) => {
                    names.iter().cloned().map(Filling::With).collect()
                }
                Some(ForEach::VarFile(pattern)) => {
                    let names = names(rule, pattern, (&path, dir), files);
                    let names = names.unwrap_or_else(|failure| {
                        declared.problem.get_or_insert(failure);
                        Vec::new()
                    });
                    names.into_iter().map(Filling::With).collect()
                }
            };
            match (&rule.for_each, &rule.name) {
                (Some(_), Some(_)) => names_listed = true,
                (Some(_), None) => workspaces_listed = true,
                (None, _) => {}
            }
            let listed = match rule.name {
                Some(_) => names_listed,
                None => workspaces_listed,
            };
            let fillings = fillings.into_iter();
            declared.parts.push(Part {
                place,
                rule,
                about: fillings
                    .filter_map(|f| Some((variant(rule, &f)?, f)))
                    .collect(),
                declares: rule.for_each.is_some() || !listed,
            });
        }
        declared
    }

    /// What tells the directory's stacks apart; `None` is the one that nothing is said of.
    pub(super) fn variants(&self) -> Vec<Option<Variant>> {
        let mut variants: Vec<Option<Variant>> = Vec::new();
        let mut seen = BTreeSet::new();
        let declaring = self.parts.iter().filter(|part| part.declares);
        for (variant, _) in declaring.flat_map(|part| &part.about) {
            if seen.insert(variant) {
                variants.push(Some(variant.clone()));
            }
        }
        if variants.is_empty() {
            variants.push(None);
        }
        variants
    }

    /// The rules that are about one of the directory's stacks, in their order.
    pub(super) fn rules(
        &self,
        chosen: Option<&Variant>,
    ) -> impl Iterator<Item = (usize, &'r StackRule, Filling)> {
        let parts = self.parts.iter();
        parts.filter_map(move |part| {
            let mut own = part.about.iter();
            let own = own.find(|(variant, _)| Some(variant) == chosen);
            let filling = match (own, &part.rule.for_each) {
                (Some((_, filling)), _) => filling.clone(),
                (None, None) => part.about.is_empty().then_some(Filling::AsWritten)?,
                (None, Some(_)) => chosen.is_none().then_some(Filling::Without)?,
            };
            Some((part.place, part.rule, filling))
        })
    }
}

impl Filling {
    /// A template with the name in it; none if that is left out.
    pub(super) fn fill(&self, template: &str) -> Option<String> {
        match self {
            Self::AsWritten => Some(template.to_owned()),
            Self::With(name) => Some(fill(template, name)),
            Self::Without => (!has_name(template)).then(|| template.to_owned()),
        }
    }
}

/// What a rule declares; none if it is about stacks that others declare.
fn variant(rule: &StackRule, filling: &Filling) -> Option<Variant> {
    let filled = |template: &Option<String>| filling.fill(template.as_ref()?);
    let named = filled(&rule.name).map(Variant::Name);
    named.or_else(|| filled(&rule.overrides.workspace).map(Variant::Workspace))
}

/// The names of the files that a pattern matches for a directory.
fn names(
    rule: &StackRule,
    pattern: &FilePattern,
    (path, dir): (&str, &str),
    files: &mut Files<'_>,
) -> Result<Vec<String>, Failure> {
    match files {
        Files::Tree(files) => files.names(dir, pattern).ok_or_else(|| {
            Failure::new(
                FailureKind::InvalidConfiguration,
                format!(
                    "`for_each_var_file: {}` leads from {path} out of the repository",
                    pattern.as_str()
                ),
                "write fewer `..`, or let `match` of the rule match deeper directories only",
            )
        }),
        Files::Of(stack) => Ok(name_of(rule, stack, path).into_iter().collect()),
    }
}

/// The name by which a rule declares a stack that is known by its id.
fn name_of(rule: &StackRule, stack: &StackId, path: &str) -> Option<String> {
    let rest = stack.as_str().strip_prefix(path)?;
    let (workspace, name) = match rest.split_once('#') {
        Some((workspace, name)) => (workspace, Some(name)),
        None => (rest, None),
    };
    let (template, text) = match &rule.name {
        Some(template) => (template, name?),
        None => (
            rule.overrides.workspace.as_ref()?,
            workspace.strip_prefix('@')?,
        ),
    };
    name_in(template, text).map(str::to_owned)
}

/// The variable file that makes a stack, relative to its directory; none if no file does. Fails if there
/// are several.
pub(super) fn own_file(
    dir: &str,
    rules: &[(usize, &StackRule, Filling)],
) -> Result<Option<String>, Failure> {
    let mut own: Option<String> = None;
    for (_, rule, filling) in rules {
        let (Some(ForEach::VarFile(pattern)), Filling::With(name)) = (&rule.for_each, filling)
        else {
            continue;
        };
        let file = pattern.file(name);
        match &own {
            Some(other) if in_tree(dir, other) != in_tree(dir, &file) => {
                return Err(Failure::new(
                    FailureKind::InvalidConfiguration,
                    format!("{other} and {file} would both be this stack"),
                    "give one of them another `name` in the rule that matches it",
                ));
            }
            Some(_) => {}
            None => own = Some(file),
        }
    }
    Ok(own)
}

#[cfg(test)]
#[path = "declared_tests.rs"]
mod tests;
