//! Which stacks read the states of which others.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::states::{Given, Index, Module, State, implicit};
use super::survey::Survey;
use super::{Found, Mark, values};

/// Calls and data sources that are looked at for one stack: calls may lead in circles, or branch
/// without end.
const MOST: u32 = 1000;

impl Survey {
    /// For each stack the directories whose states it or a module of it reads.
    pub(super) fn read_states(
        &mut self,
        found: &BTreeMap<PathBuf, Found>,
    ) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
        let reading = self.reading();
        if reading.is_empty() {
            return BTreeMap::new();
        }
        let stacks = found
            .iter()
            .filter(|(_, found)| found.mark != Mark::Terragrunt);
        let stacks: Vec<&PathBuf> = stacks.map(|(dir, _)| dir).collect();
        let mut index = Index::default();
        for dir in &stacks {
            if let Some(state) = self.state(dir) {
                index.add(dir, state);
            }
        }
        let mut needs = BTreeMap::new();
        for dir in stacks.into_iter().filter(|dir| reading.contains(*dir)) {
            let directory = self.directory(dir);
            let mut reader = Reader {
                survey: self,
                reading: &reading,
                stack: dir,
                left: MOST,
                states: Vec::new(),
            };
            reader.module(dir, &values::given(dir, &directory));
            let states = reader.states.iter();
            let before = states.flat_map(|state| index.of(state)).map(Path::to_owned);
            needs.insert(dir.clone(), before.collect());
        }
        needs
    }

    /// The state that a root module has, if its own files say which.
    fn state(&mut self, dir: &Path) -> Option<State> {
        let directory = self.directory(dir);
        let facts = &directory.facts;
        match (&facts.backend, &facts.mark) {
            (Some(backend), _) => backend.state(dir),
            (None, Some(Mark::Backend { .. } | Mark::Cloud)) => None,
            (None, _) => implicit(dir),
        }
    }

    /// The directories from which a data source that reads a state is reached.
    fn reading(&self) -> HashSet<PathBuf> {
        let mut callers: HashMap<PathBuf, Vec<&PathBuf>> = HashMap::new();
        let mut queue: Vec<&PathBuf> = Vec::new();
        let any = self
            .all_read()
            .any(|(_, directory)| !directory.facts.remotes.is_empty());
        for (dir, directory) in self.all_read().filter(|_| any) {
            if !directory.facts.remotes.is_empty() {
                queue.push(dir);
            }
            for call in &directory.facts.modules {
                if let Some(module) = self.module(dir, &call.source) {
                    callers.entry(module).or_default().push(dir);
                }
            }
        }
        let mut reading = HashSet::new();
        while let Some(dir) = queue.pop() {
            if reading.insert(dir.clone()) {
                queue.extend(callers.get(dir).into_iter().flatten());
            }
        }
        reading
    }
}

/// Goes through the modules of one stack.
struct Reader<'a> {
    survey: &'a mut Survey,
    reading: &'a HashSet<PathBuf>,
    stack: &'a Path,
    left: u32,
    states: Vec<State>,
}

impl Reader<'_> {
    fn module(&mut self, dir: &Path, given: &Given) {
        let directory = self.survey.directory(dir);
        let facts = &directory.facts;
        let module = Module {
            locals: &facts.locals,
            defaults: &facts.defaults,
            given,
            dir,
            stack: self.stack,
        };
        for remote in &facts.remotes {
            if self.is_over() {
                return;
            }
            self.states.extend(remote.state(&module));
        }
        for call in &facts.modules {
            let called = self.survey.module(dir, &call.source);
            if let Some(called) = called.filter(|called| self.reading.contains(called)) {
                if self.is_over() {
                    return;
                }
                self.module(&called, &call.arguments(&module));
            }
        }
    }

    /// Counts what is looked at.
    fn is_over(&mut self) -> bool {
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or_default();
        left.is_none()
    }
}
