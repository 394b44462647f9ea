//! Which stacks read the states of which others.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::states::{Given, Index, Module, State, implicit};
use super::survey::Survey;
use super::{Found, Mark, values};

/// Calls and data sources that are looked at for one stack: calls may lead in circles, or branch
/// without end.
const MOST: u32 = 1000;
/// Nor are modules in more modules than these: each is given values.
const DEEPEST: u32 = 50;

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
                deeper: DEEPEST,
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
    deeper: u32,
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
                let Some(deeper) = self.deeper.checked_sub(1) else {
                    continue;
                };
                self.deeper = deeper;
                self.module(&called, &call.arguments(&module));
                self.deeper += 1;
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use globset::GlobSet;

    use super::super::discover;

    #[test]
    fn what_modules_hand_on_ends_however_it_grows() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("net/main.tf", "resource \"x\" \"y\" {}\n");
        let call = |source: &str| {
            format!(
                "module \"m\" {{\n source = \"{source}\"\n file = \"net/terraform.tfstate\"\n \
                 x = [var.x, var.x, var.x, var.x]\n}}\nvariable \"x\" {{ default = [\"a\"] }}\n"
            )
        };
        let read = "data \"terraform_remote_state\" \"s\" {\n backend = \"local\"\n \
                    config = { path = \"../${var.file}\" }\n}\n";
        write("app/main.tf", &call("../grow"));
        write("grow/main.tf", &(call("../grow") + read));
        let found = discover(root.path(), &GlobSet::empty(), None).unwrap();
        let app = found.iter().find(|found| found.dir == "app").unwrap();
        assert_eq!(app.needs, ["net"]);
    }

    #[test]
    fn what_stacks_of_terragrunt_hand_on_ends_however_it_grows() {
        let root = tempfile::tempdir().unwrap();
        let many = "values.x, ".repeat(300);
        let text = format!(
            "stack \"s\" {{\n source = \"${{get_repo_root()}}/s\"\n path = \"s\"\n \
             values = {{ x = [{many}] }}\n}}\n"
        );
        fs::create_dir(root.path().join("s")).unwrap();
        fs::create_dir(root.path().join("top")).unwrap();
        fs::write(root.path().join("s/terragrunt.stack.hcl"), &text).unwrap();
        let first = text.replace(&many, "\"a\"");
        fs::write(root.path().join("top/terragrunt.stack.hcl"), first).unwrap();
        let found = discover(root.path(), &GlobSet::empty(), None).unwrap();
        let dirs: Vec<&str> = found.iter().map(|found| found.dir.as_str()).collect();
        assert_eq!(dirs, ["top"]);
    }
}
