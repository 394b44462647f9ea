//! What would be generated from `terragrunt.stack.hcl`, as far as that can be read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::super::paths;
use super::super::term::{Literal, given};
use super::config::Generated;
use super::scope::{Files, Place};
use super::{STACK_FILE, UNIT_FILE, Unit, stack_problem, unit, unit_problem};

/// Where Terragrunt generates units, below the directory of the stack.
const GENERATED: &str = ".terragrunt-stack";
/// Of one stack no more units are listed: stacks in stacks may have very many.
const MOST: usize = 1000;
/// Nor are stacks in more stacks than these.
const DEEPEST: u8 = 8;

/// The stack in a directory and its units; what they are made from is added to `templates`.
pub(super) fn generate(
    files: &Files,
    dir: &Path,
    templates: &mut BTreeSet<PathBuf>,
) -> BTreeMap<PathBuf, Unit> {
    let mut generator = Generator {
        files,
        top: dir,
        left: MOST,
        units: BTreeMap::from([(dir.to_owned(), Unit::new(stack_problem()))]),
        templates,
    };
    generator.stack(dir, dir, &BTreeMap::new(), 0);
    generator.units
}

struct Generator<'a> {
    files: &'a Files,
    /// Nothing is generated outside.
    top: &'a Path,
    left: usize,
    units: BTreeMap<PathBuf, Unit>,
    templates: &'a mut BTreeSet<PathBuf>,
}

impl Generator<'_> {
    /// A stack file in `source`, as it is generated into `dir`.
    fn stack(&mut self, source: &Path, dir: &Path, values: &BTreeMap<String, Literal>, depth: u8) {
        let Some(config) = self.files.config(&source.join(STACK_FILE)) else {
            return;
        };
        let place = Place {
            files: self.files,
            config: &config,
            unit: dir,
            includes: &[],
            is_included: false,
            values,
        };
        for generated in &config.generated {
            let Some(left) = self.left.checked_sub(1).filter(|_| depth < DEEPEST) else {
                return;
            };
            self.left = left;
            self.one(generated, &place, depth);
        }
    }

    fn one(&mut self, generated: &Generated, place: &Place<'_>, depth: u8) {
        let Some(path) = generated.path.text(place) else {
            return;
        };
        let below = match generated.is_beside {
            true => place.unit.to_owned(),
            false => place.unit.join(GENERATED),
        };
        let dir = paths::normal(&below.join(path));
        if !dir.starts_with(self.top) || dir == self.top {
            return;
        }
        let values = given(&generated.values, place);
        let values = values
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        let file = match generated.is_stack {
            true => STACK_FILE,
            false => UNIT_FILE,
        };
        let source = source(generated, place, file);
        self.templates.extend(source.clone());
        if generated.is_stack {
            if let Some(source) = source {
                self.stack(&source, &dir, &values, depth + 1);
            }
            return;
        }
        let config = source
            .as_ref()
            .and_then(|source| self.files.config(&source.join(file)));
        let found = config.and_then(|config| unit(self.files, &config, &dir, &values, true));
        let mut found = found.unwrap_or_else(|| Unit::new(unit_problem()));
        found.is_silent = false;
        found.reads.insert(self.top.join(STACK_FILE));
        found.reads.extend(source);
        self.units.entry(dir).or_insert(found);
    }
}

/// The directory in the repository from which it is generated.
fn source(generated: &Generated, place: &Place<'_>, file: &str) -> Option<PathBuf> {
    let source = generated.source.text(place)?;
    let source = source
        .split_once('?')
        .map_or(source.as_str(), |(path, _)| path);
    let from = |dir: &Path| Some(paths::normal(&dir.join(source)));
    [place.unit, &place.config.dir]
        .into_iter()
        .filter_map(from)
        .find(|dir| dir.join(file).is_file())
}
