//! Units and stacks of Terragrunt: which directories are some, what each reads and what comes
//! before it. Nothing is run: what only Terragrunt could say is not known.

mod config;
mod generated;
mod scope;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::paths;
use super::term::Literal;
use crate::domain::failure::{Failure, FailureKind};

use config::{Config, Used};
use scope::{Files, Place};

/// The configuration of a unit.
pub(super) const UNIT_FILE: &str = "terragrunt.hcl";
/// The same as JSON.
pub(super) const UNIT_FILE_JSON: &str = "terragrunt.hcl.json";
/// What a stack's units are generated from.
pub(super) const STACK_FILE: &str = "terragrunt.stack.hcl";

/// A directory that Terragrunt may have something to do with.
pub(super) struct Candidate<'a> {
    pub(super) dir: &'a Path,
    /// Its configuration, if it has one.
    pub(super) unit_file: Option<&'a str>,
    pub(super) has_stack_file: bool,
    /// Whether there is code of Terraform's in it.
    pub(super) has_code: bool,
}

/// A unit, or a stack of some.
#[derive(Debug)]
pub(super) struct Unit {
    /// What it reads outside of its directory.
    pub(super) reads: BTreeSet<PathBuf>,
    /// The directories of units that come before it, if they are units.
    pub(super) needs: BTreeSet<PathBuf>,
    /// The module that it calls, if that is in the repository.
    pub(super) source: Option<PathBuf>,
    /// Whether Terraform alone plans it as Terragrunt does, if there is code in its directory.
    pub(super) is_silent: bool,
    /// Why it cannot be planned.
    pub(super) problem: Failure,
}

/// The units of a tree by their directories, those included that are generated when Terragrunt runs.
#[derive(Debug, Default)]
pub(super) struct Units(BTreeMap<PathBuf, Unit>);

impl Units {
    /// Looks at all directories of a tree with such a file.
    pub(super) fn of(candidates: &[Candidate<'_>], repository: &Path) -> Self {
        let files = Files::new(repository);
        let mut all = Self::default();
        // What stacks are generated from is no unit where it stands.
        let mut templates = BTreeSet::new();
        let stacks = candidates
            .iter()
            .filter(|candidate| candidate.has_stack_file);
        let stacks: Vec<_> = stacks
            .map(|stack| {
                (
                    stack.dir,
                    generated::generate(&files, stack.dir, &mut templates),
                )
            })
            .collect();
        let stacks = stacks
            .into_iter()
            .filter(|(dir, _)| !templates.contains(*dir));
        all.0.extend(stacks.flat_map(|(_, units)| units));
        let with_unit = candidates.iter().filter_map(|candidate| {
            let file = candidate.dir.join(candidate.unit_file?);
            Some((candidate, files.config(&file), file))
        });
        let with_unit: Vec<_> = with_unit.collect();
        let nothing = BTreeMap::new();
        let mut included = BTreeSet::new();
        for (candidate, config, _) in &with_unit {
            let config = config.as_deref();
            let includes = config.map(|config| includes(&files, config, candidate.dir, &nothing));
            included.extend(includes.into_iter().flatten().map(|(_, path)| path));
        }
        for (candidate, config, file) in &with_unit {
            if included.contains(file) || templates.contains(candidate.dir) {
                continue;
            }
            let found = match config {
                Some(config) => unit(&files, config, candidate.dir, &nothing, candidate.has_code),
                None => Some(Unit::new(unit_problem())),
            };
            if let Some(found) = found {
                all.0.insert(candidate.dir.to_owned(), found);
            }
        }
        all
    }

    pub(super) fn get(&self, dir: &Path) -> Option<&Unit> {
        self.0.get(dir)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Path, &Unit)> {
        self.0.iter().map(|(dir, unit)| (dir.as_path(), unit))
    }
}

impl Unit {
    fn new(problem: Failure) -> Self {
        Self {
            reads: BTreeSet::new(),
            needs: BTreeSet::new(),
            source: None,
            is_silent: false,
            problem,
        }
    }
}

const HINT: &str = "leave it out (`exclude` of the source, `--stack` of a check), or have Terragrunt's \
                    work done in the repository: root modules whose own files name backend, \
                    providers and values";

fn unit_problem() -> Failure {
    Failure::new(
        FailureKind::Unsupported,
        "this is a unit of Terragrunt, which Mooring does not run: what Terraform would be told is not \
         in its files",
        HINT,
    )
}

fn stack_problem() -> Failure {
    Failure::new(
        FailureKind::Unsupported,
        "this is a stack of Terragrunt, which Mooring does not run: its units are generated",
        HINT,
    )
}

/// What a configuration includes, as far as it is known where.
fn includes(
    files: &Files,
    config: &Config,
    unit: &Path,
    values: &BTreeMap<String, Literal>,
) -> Vec<(Option<String>, PathBuf)> {
    let place = Place {
        files,
        config,
        unit,
        includes: &[],
        is_included: false,
        values,
    };
    let includes = config.includes.iter();
    includes
        .filter_map(|(label, path)| Some((label.clone(), place.path(path)?)))
        .collect()
}

/// The unit in a directory; none if its configuration is only there for others, or for nothing.
fn unit(
    files: &Files,
    config: &Config,
    dir: &Path,
    values: &BTreeMap<String, Literal>,
    has_code: bool,
) -> Option<Unit> {
    let includes = includes(files, config, dir, values);
    let included: Vec<Option<Rc<Config>>> = includes
        .iter()
        .map(|(_, path)| files.config(path))
        .collect();
    let all_known = includes.len() == config.includes.len() && included.iter().all(Option::is_some);
    let included: Vec<Rc<Config>> = included.into_iter().flatten().collect();
    let runs = has_code
        || config.has_terraform
        || !all_known
        || included.iter().any(|config| config.has_terraform);
    if !runs {
        return None;
    }
    let own = Place {
        files,
        config,
        unit: dir,
        includes: &includes,
        is_included: false,
        values,
    };
    let mut unit = Unit {
        is_silent: config.is_silent,
        ..Unit::new(unit_problem())
    };
    unit.reads
        .extend(includes.iter().map(|(_, path)| path.clone()));
    unit.add(&own);
    for config in &included {
        unit.add(&own.included(config));
    }
    Some(unit)
}

impl Unit {
    /// What one of its configurations says; its own comes first.
    fn add(&mut self, place: &Place<'_>) {
        let config = place.config;
        for dependency in &config.dependencies {
            let written = dependency
                .text(place)
                .into_iter()
                .chain(dependency.texts(place));
            self.needs.extend(written.map(|path| {
                let path = paths::normal(&place.unit.join(path));
                match path.extension() {
                    Some(end) if end == "hcl" => path.parent().unwrap_or(&path).to_owned(),
                    _ => path,
                }
            }));
        }
        let source = config.source.as_ref().filter(|_| self.source.is_none());
        if let Some(source) = source.and_then(|source| source.text(place)) {
            self.call(&source, place.unit);
        }
        self.read(place, 0);
    }

    /// Takes note of the module that it calls. What stands before `//` is copied as a whole.
    fn call(&mut self, source: &str, unit: &Path) {
        if !source.starts_with(['.', '/']) {
            return;
        }
        let source = source.split_once('?').map_or(source, |(path, _)| path);
        self.source = Some(paths::normal(&unit.join(source)));
        let whole = source.split_once("//").map_or(source, |(whole, _)| whole);
        self.reads.insert(paths::normal(&unit.join(whole)));
    }

    fn read(&mut self, place: &Place<'_>, depth: u8) {
        /// Configurations that read others that read others.
        const DEEPEST: u8 = 4;
        for used in &place.config.used {
            match used {
                Used::Path(term) => {
                    let text = term.text(place);
                    let named = |text: &String| text.starts_with('/') || paths::leads_out(text);
                    let path = text.filter(named).map(|text| place.unit.join(text));
                    self.reads.extend(path.map(|path| paths::normal(&path)));
                }
                Used::File(term) => {
                    let path = term.text(place).map(|text| place.config.dir.join(text));
                    self.reads.extend(path.map(|path| paths::normal(&path)));
                }
                Used::Config(term) => {
                    let Some(text) = term.text(place) else {
                        continue;
                    };
                    let path = paths::normal(&place.config.dir.join(text));
                    let is_new = self.reads.insert(path.clone());
                    let config = place.files.config(&path);
                    if let Some(config) = config.filter(|_| depth < DEEPEST && is_new) {
                        let other = Place {
                            config: &config,
                            unit: &config.dir,
                            includes: &[],
                            is_included: false,
                            ..*place
                        };
                        self.read(&other, depth + 1);
                    }
                }
            }
        }
    }
}
