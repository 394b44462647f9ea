//! What Terragrunt's names and functions mean, where that follows from the tree alone.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::super::paths;
use super::super::term::{Fuel, Literal, Scope, Term};
use super::UNIT_FILE;
use super::config::Config;

/// The files of a tree, each read once.
pub(super) struct Files {
    /// The root of the repository around what is searched.
    repository: PathBuf,
    read: RefCell<HashMap<PathBuf, Option<Rc<Config>>>>,
}

impl Files {
    pub(super) fn new(repository: &Path) -> Self {
        Self {
            repository: repository.to_owned(),
            read: RefCell::default(),
        }
    }

    /// A configuration; none if there is none inside the repository that can be read.
    pub(super) fn config(&self, path: &Path) -> Option<Rc<Config>> {
        if let Some(known) = self.read.borrow().get(path) {
            return known.clone();
        }
        let inside = path.canonicalize();
        let inside = inside.is_ok_and(|real| real.starts_with(&self.repository));
        let read = inside.then(|| Config::read(path)).flatten().map(Rc::new);
        self.read.borrow_mut().insert(path.to_owned(), read.clone());
        read
    }

    /// The nearest file of a name above a directory.
    fn above(&self, dir: &Path, name: &str) -> Option<PathBuf> {
        dir.ancestors()
            .skip(1)
            .take_while(|above| above.starts_with(&self.repository))
            .map(|above| above.join(name))
            .find(|file| file.exists())
    }
}

/// A configuration as it is read for a unit.
pub(super) struct Place<'a> {
    pub(super) files: &'a Files,
    pub(super) config: &'a Config,
    /// The directory of the unit.
    pub(super) unit: &'a Path,
    /// What the unit includes, by label, as far as it is known.
    pub(super) includes: &'a [(Option<String>, PathBuf)],
    /// Whether `config` is one of those.
    pub(super) is_included: bool,
    /// What the stack gives that it is generated from.
    pub(super) values: &'a BTreeMap<String, Literal>,
}

impl Place<'_> {
    /// A path that is written, from the directory of the unit.
    pub(super) fn path(&self, term: &Term) -> Option<PathBuf> {
        Some(paths::normal(&self.unit.join(term.text(self)?)))
    }

    /// The included configuration, seen from where it stands.
    pub(super) fn included<'b>(&'b self, config: &'b Config) -> Place<'b> {
        Place {
            config,
            is_included: true,
            ..*self
        }
    }

    /// The directory of the configuration that is included.
    fn parent(&self) -> Option<PathBuf> {
        if self.is_included {
            return Some(self.config.dir.clone());
        }
        let (_, first) = self.includes.first()?;
        first.parent().map(Path::to_owned)
    }

    /// A local value of a configuration that this one names.
    fn local_of(
        &self,
        path: &Path,
        of: &[String],
        is_included: bool,
        fuel: &Fuel,
    ) -> Option<Literal> {
        let [locals, name, rest @ ..] = of else {
            return None;
        };
        let config = self.files.config(path).filter(|_| locals == "locals")?;
        let term = config.locals.get(name)?;
        if is_included {
            return term.value_within(rest, &self.included(&config), fuel);
        }
        let own = Place {
            config: &config,
            unit: &config.dir,
            includes: &[],
            is_included: false,
            ..*self
        };
        term.value_within(rest, &own, fuel)
    }
}

impl Scope for Place<'_> {
    fn name(&self, path: &[String], fuel: &Fuel) -> Option<Literal> {
        let [kind, name, rest @ ..] = path else {
            return None;
        };
        match kind.as_str() {
            "local" => match (self.config.locals.get(name)?, rest) {
                (Term::Call(read, arguments), [_, ..]) if read == "read_terragrunt_config" => {
                    let path = arguments.first()?.value(self, fuel)?;
                    let path = paths::normal(&self.config.dir.join(path.text()?));
                    self.local_of(&path, rest, false, fuel)
                }
                (term, rest) => term.value_within(rest, self, fuel),
            },
            "include" => {
                let labelled = |label: &Option<String>| label.as_deref() == Some(name);
                let mut includes = self.includes.iter();
                match includes.find(|(label, _)| labelled(label)) {
                    Some((_, path)) => self.local_of(path, rest, true, fuel),
                    None => {
                        let mut bare = self.includes.iter().filter(|(label, _)| label.is_none());
                        self.local_of(&bare.next()?.1, path.get(1..)?, true, fuel)
                    }
                }
            }
            "values" => self.values.get(name)?.copy_within(rest, fuel),
            _ => None,
        }
    }

    fn call(&self, function: &str, arguments: &[Term], fuel: &Fuel) -> Option<Literal> {
        let repository = || self.files.repository.clone();
        let path = match function {
            "find_in_parent_folders" => {
                let name = match arguments.first() {
                    Some(name) => name.value(self, fuel)?,
                    None => Literal::Text(UNIT_FILE.to_owned()),
                };
                match self.files.above(self.unit, name.text()?) {
                    Some(found) => found,
                    None => return arguments.get(1)?.value(self, fuel),
                }
            }
            "get_terragrunt_dir" | "get_original_terragrunt_dir" => self.unit.to_owned(),
            "get_parent_terragrunt_dir" => self.parent().unwrap_or_else(|| self.unit.to_owned()),
            "get_repo_root" => repository(),
            "get_path_to_repo_root" => between(self.unit, &repository()),
            "get_path_from_repo_root" => between(&repository(), self.unit),
            "path_relative_to_include" => between(&self.parent()?, self.unit),
            "path_relative_from_include" => between(self.unit, &self.parent()?),
            _ => return None,
        };
        path.to_str().map(|path| Literal::Text(path.to_owned()))
    }
}

/// The way from one directory to another, both in full.
fn between(from: &Path, to: &Path) -> PathBuf {
    let common = from.components().zip(to.components());
    let common = common.take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to.components().skip(common)).collect();
    if way.as_os_str().is_empty() {
        return PathBuf::from(".");
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_between_two_directories_leads_over_what_they_share() {
        let way = |from: &str, to: &str| between(Path::new(from), Path::new(to));
        assert_eq!(way("/r", "/r/a/b"), Path::new("a/b"));
        assert_eq!(way("/r/a/b", "/r"), Path::new("../.."));
        assert_eq!(way("/r/a", "/r/b"), Path::new("../b"));
        assert_eq!(way("/r", "/r"), Path::new("."));
    }
}
