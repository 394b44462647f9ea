//! A tree that has been walked, and what each of its directories is.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use globset::GlobSet;

use super::facts::Base;
use super::read::{self, Directory};
use super::terragrunt::{Candidate, Unit, Units};
use super::terramate::{self, Stacks};
use super::{Found, Mark, directory, missing, paths, walk};
use crate::domain::failure::{Failure, FailureKind};

/// Directories are known by their real path.
pub(super) struct Survey {
    root: PathBuf,
    exclude: GlobSet,
    places: Vec<walk::Place>,
    read: HashMap<PathBuf, Rc<Directory>>,
}

/// What other tools make of the tree.
struct Others {
    units: Units,
    stacks: Stacks,
    /// Modules that units call.
    of_units: HashSet<PathBuf>,
}

impl Survey {
    pub(super) fn of(root: &Path, exclude: &GlobSet) -> Result<Self, Failure> {
        let root = directory(root)?;
        let places = walk::walk(&root, exclude).map_err(|error| missing(&root, &error))?;
        Ok(Self {
            root,
            exclude: exclude.clone(),
            places,
            read: HashMap::new(),
        })
    }

    pub(super) fn called_outside(&mut self, base: &Path) -> BTreeSet<PathBuf> {
        let mut outside = BTreeSet::new();
        let places = std::mem::take(&mut self.places);
        let mut seen = HashSet::new();
        let mut queue: Vec<PathBuf> = places.into_iter().map(|place| place.real).collect();
        while let Some(dir) = queue.pop() {
            if !seen.insert(dir.clone()) {
                continue;
            }
            let directory = self.directory(&dir);
            let called = directory.facts.calls.iter();
            let called = called.filter_map(|source| dir.join(source).canonicalize().ok());
            for module in called.filter(|module| module.is_dir()) {
                if !module.starts_with(base) {
                    outside.insert(module.clone());
                }
                queue.push(module);
            }
        }
        outside
    }

    pub(super) fn report(mut self, only_below: Option<&str>) -> Result<Vec<Found>, Failure> {
        let below = match only_below {
            Some(dir) => directory(&self.root.join(dir))?,
            None => self.root.clone(),
        };
        let places = std::mem::take(&mut self.places);
        let others = self.others(&places);
        let called = self.called(&places, &others);
        let mut found: BTreeMap<PathBuf, Found> = places
            .iter()
            .filter(|place| !place.excluded)
            .filter_map(|place| {
                let is_called = called.contains(&place.real);
                Some((place.real.clone(), self.judge(place, is_called, &others)?))
            })
            .collect();
        for (dir, unit) in others.units.iter() {
            let shown = paths::relative(&self.root, dir).filter(|shown| !self.excludes(shown));
            if let Some(shown) = shown
                && !found.contains_key(dir)
            {
                found.insert(dir.to_owned(), self.unit(dir, shown, unit));
            }
        }
        self.order(&mut found, &others);
        let found = found
            .into_iter()
            .filter(|(real, _)| real.starts_with(&below));
        let mut found: Vec<Found> = found.map(|(_, found)| found).collect();
        found.sort_by(|a, b| a.dir.cmp(&b.dir));
        Ok(found)
    }

    /// Whether a directory that was not walked matches an exclusion, or one above it does.
    fn excludes(&self, dir: &str) -> bool {
        let mut above = Path::new(dir).ancestors();
        above.any(|above| self.exclude.is_match(above))
    }

    fn others(&mut self, places: &[walk::Place]) -> Others {
        let read: Vec<_> = places
            .iter()
            .map(|place| (place.real.as_path(), self.directory(&place.real)))
            .collect();
        let candidates = read
            .iter()
            .filter(|(_, directory)| directory.unit_file.is_some() || directory.has_stack_file);
        let candidates: Vec<Candidate<'_>> = candidates
            .map(|(dir, directory)| Candidate {
                dir,
                unit_file: directory.unit_file.as_deref(),
                has_stack_file: directory.has_stack_file,
                has_code: directory.has_code,
            })
            .collect();
        let terramate = read
            .iter()
            .filter(|(_, directory)| !directory.terramate.is_empty());
        let terramate = terramate.map(|(dir, directory)| (*dir, directory.terramate.as_slice()));
        let units = Units::of(&candidates, &self.root);
        let of_units = units.iter().filter_map(|(_, unit)| unit.source.as_ref());
        let of_units = of_units.filter_map(|source| source.canonicalize().ok());
        Others {
            of_units: of_units
                .filter(|source| source.starts_with(&self.root))
                .collect(),
            stacks: Stacks::of(terramate, &self.root),
            units,
        }
    }

    /// Every directory that another one calls, also from one that is not reported or hidden.
    fn called(&mut self, places: &[walk::Place], others: &Others) -> HashSet<PathBuf> {
        let mut called = others.of_units.clone();
        let mut queue: Vec<PathBuf> = places.iter().map(|place| place.real.clone()).collect();
        queue.extend(called.iter().cloned());
        while let Some(dir) = queue.pop() {
            for module in self.modules(&dir) {
                if module != dir && called.insert(module.clone()) {
                    queue.push(module);
                }
            }
        }
        called
    }

    /// The real directories inside the root that a directory calls.
    fn modules(&mut self, dir: &Path) -> Vec<PathBuf> {
        self.directory(dir)
            .facts
            .calls
            .iter()
            .filter_map(|source| self.module(dir, source))
            .collect()
    }

    /// The real directory inside the root that a source leads to.
    pub(super) fn module(&self, dir: &Path, source: &str) -> Option<PathBuf> {
        let module = dir.join(source).canonicalize().ok()?;
        module.starts_with(&self.root).then_some(module)
    }

    fn judge(&mut self, place: &walk::Place, is_called: bool, others: &Others) -> Option<Found> {
        let directory = self.directory(&place.real);
        if let Some(closed) = &place.closed {
            return Some(Found {
                dir: place.dir.clone(),
                mark: Mark::Unknown,
                reads: Vec::new(),
                closed: false,
                needs: Vec::new(),
                var_files: Vec::new(),
                problem: Some(closed.clone()),
            });
        }
        let facts = &directory.facts;
        let is_stack = others.stacks.has(&place.real);
        let unit = others.units.get(&place.real);
        if let Some(unit) = unit.filter(|unit| !unit.is_silent || facts.mark.is_none()) {
            return Some(self.unit(&place.real, place.dir.clone(), unit));
        }
        let mark = facts
            .mark
            .clone()
            .or_else(|| is_stack.then_some(Mark::Terramate))?;
        let is_filled_in = || {
            let backend = facts.backend.as_ref();
            let state = backend.and_then(|backend| backend.state(&place.real));
            others.of_units.contains(&place.real) && state.is_none()
        };
        let is_root = match mark {
            Mark::Backend { .. } | Mark::Cloud => !is_filled_in(),
            _ => !is_called,
        };
        if !is_root && !is_stack {
            return None;
        }
        let is_empty = !directory.has_code;
        if is_empty && !others.stacks.is_generated(&place.real) {
            return None;
        }
        let odd_name = paths::relative(&self.root, &place.shown).is_none();
        let odd_name = odd_name.then(|| {
            Failure::new(
                FailureKind::DirectoryMissing,
                format!("the name of {} is not UTF-8", place.dir),
                "rename the directory",
            )
        });
        let (mut reads, closed) = self.reads(&place.real);
        reads.extend(paths::relative(&self.root, &place.real));
        for watched in others.stacks.watched(&place.real) {
            self.note(&watched, Some(&place.real), &mut reads);
        }
        for path in unit.into_iter().flat_map(|unit| &unit.reads) {
            self.note(path, Some(&place.real), &mut reads);
        }
        reads.remove(&place.dir);
        Some(Found {
            dir: place.dir.clone(),
            reads: paths::outermost(&reads),
            closed: closed && !is_empty,
            needs: Vec::new(),
            var_files: directory.var_files.clone(),
            problem: odd_name
                .or_else(|| facts.problem.clone())
                .or_else(|| is_empty.then(terramate::not_generated)),
            mark,
        })
    }

    /// A unit of Terragrunt, which may be generated only when that runs.
    fn unit(&mut self, real: &Path, dir: String, unit: &Unit) -> Found {
        let mut reads = BTreeSet::new();
        let source = unit
            .source
            .as_ref()
            .and_then(|source| source.canonicalize().ok());
        let source = source.filter(|source| source.starts_with(&self.root));
        for module in source.iter().map(PathBuf::as_path).chain([real]) {
            reads.extend(self.reads(module).0);
        }
        let written = unit.source.iter().chain(&unit.reads);
        for path in written {
            self.note(path, Some(real), &mut reads);
        }
        reads.remove(&dir);
        Found {
            mark: Mark::Terragrunt,
            reads: paths::outermost(&reads),
            closed: false,
            needs: Vec::new(),
            var_files: Vec::new(),
            problem: Some(unit.problem.clone()),
            dir,
        }
    }

    /// What a stack reads elsewhere, and whether that is certainly all.
    fn reads(&mut self, stack: &Path) -> (BTreeSet<String>, bool) {
        let mut reads = BTreeSet::new();
        let mut closed = true;
        let mut seen = HashSet::new();
        let mut queue = vec![stack.to_owned()];
        while let Some(dir) = queue.pop() {
            if !seen.insert(dir.clone()) {
                continue;
            }
            let directory = self.directory(&dir);
            closed &= !directory.facts.open;
            for source in &directory.facts.calls {
                self.note(&dir.join(source), None, &mut reads);
            }
            queue.extend(self.modules(&dir));
            for link in &directory.links {
                self.note(link, Some(stack), &mut reads);
            }
            for used in &directory.facts.paths {
                if used.base != Base::Root {
                    self.note(&dir.join(&used.path), Some(stack), &mut reads);
                }
                if used.base != Base::Module {
                    self.note(&stack.join(&used.path), Some(stack), &mut reads);
                }
            }
        }
        (reads, closed)
    }

    /// Adds a path as written and as it really is, unless it lies in the directory `except`.
    fn note(&self, path: &Path, except: Option<&Path>, reads: &mut BTreeSet<String>) {
        let written = paths::normal(path);
        let real = path.canonicalize().ok();
        for path in std::iter::once(written).chain(real) {
            if except.is_none_or(|own| !path.starts_with(own)) {
                reads.extend(paths::relative(&self.root, &path));
            }
        }
    }

    pub(super) fn directory(&mut self, real: &Path) -> Rc<Directory> {
        if let Some(known) = self.read.get(real) {
            return Rc::clone(known);
        }
        let directory = Rc::new(read::directory(&self.root, real));
        self.read.insert(real.to_owned(), Rc::clone(&directory));
        directory
    }

    /// Says of each stack which others come before it.
    fn order(&mut self, found: &mut BTreeMap<PathBuf, Found>, others: &Others) {
        let mut needs = self.read_states(found);
        for (dir, unit) in others.units.iter() {
            needs
                .entry(dir.to_owned())
                .or_default()
                .extend(unit.needs.iter().cloned());
        }
        for (dir, before) in others.stacks.order() {
            let before = before.into_iter().map(Path::to_owned);
            needs.entry(dir.to_owned()).or_default().extend(before);
        }
        for (dir, before) in needs {
            let before = before.iter().map(|other| match found.contains_key(other) {
                true => Some(other.clone()),
                false => other.canonicalize().ok(),
            });
            let before = before.flatten().filter(|other| *other != dir);
            let before =
                before.filter_map(|other| found.get(&other).map(|other| other.dir.clone()));
            let before: BTreeSet<String> = before.collect();
            if let Some(found) = found.get_mut(&dir) {
                found.needs = before.into_iter().collect();
            }
        }
    }

    /// The directories of all read so far, which are all that stacks can reach.
    pub(super) fn all_read(&self) -> impl Iterator<Item = (&PathBuf, &Rc<Directory>)> {
        self.read.iter()
    }
}
