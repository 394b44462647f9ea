//! Which stacks a source has and how each is planned: discovery and configuration brought together.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::discover::{Found, Mark};
use crate::domain::failure::Failure;
use crate::domain::ids::{CommitId, SourceName, StackId};
use crate::domain::place::Recipe;
use crate::domain::stack::{DEFAULT_WORKSPACE, StackRecord};
use crate::terraform::refuse_remote_execution;

use super::settings::{Settings, StackRule, StackSettings};

/// A stack that the daemon looks after.
#[derive(Debug, Clone)]
pub struct Tracked {
    /// Its id.
    pub id: StackId,
    /// The source it belongs to.
    pub source: SourceName,
    /// Its directory, relative to the source's root.
    pub dir: String,
    /// Its workspace.
    pub workspace: String,
    /// How it is planned.
    pub settings: Arc<StackSettings>,
    /// Other paths in the repository that it reads.
    pub reads: Vec<String>,
    /// The commit at which its directory and `reads` are certainly all that it reads; none if it may
    /// read anything.
    pub closed_at: Option<CommitId>,
    /// Other paths at which a change is a reason to look, and none to think that the code moved.
    pub watch: Vec<String>,
    /// Who owns its directory, as the repository says.
    pub owners: Vec<String>,
    /// Why its configuration cannot be read, if it cannot.
    pub problem: Option<Failure>,
}

impl Tracked {
    /// How a person plans it as Mooring does.
    pub(super) fn recipe(&self) -> Recipe {
        let settings = &self.settings;
        let program = Path::new(&settings.engine).file_name();
        let by_value = settings.backend_files().count() < settings.backend_config.len();
        let environment = settings.plan_env.keys().chain(settings.apply_env.keys());
        let mut matters = environment
            .filter(|name| name.starts_with("TF_VAR_") || name.starts_with("TF_CLI_ARGS"));
        Recipe {
            engine: program.map_or_else(
                || settings.engine.clone(),
                |program| program.to_string_lossy().into_owned(),
            ),
            dir: self.dir.clone(),
            workspace: Some(self.workspace.clone()).filter(|name| name != DEFAULT_WORKSPACE),
            var_files: settings.var_files.clone(),
            complete: matters.next().is_none() && !by_value,
            backend_config: settings.backend_files().cloned().collect(),
        }
    }
}

/// What makes two stacks of one directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Variant {
    Workspace(String),
    Name(String),
}

/// The stacks of a source. Rules without name and workspace hold for every stack they match; rules
/// with one declare a stack of their own, so that one directory can be several stacks.
pub fn resolve(settings: &Settings, source: &SourceName, found: &[Found]) -> Vec<Tracked> {
    let mut tracked: BTreeMap<StackId, Tracked> = BTreeMap::new();
    // Most stacks have the settings of many others.
    let mut shared: BTreeMap<Vec<usize>, Arc<StackSettings>> = BTreeMap::new();
    for found in found {
        let path = format!("{source}/{}", found.dir);
        let rules: Vec<(usize, &StackRule)> = settings
            .stacks
            .iter()
            .enumerate()
            .filter(|(_, rule)| rule.pattern.is_match(&path))
            .collect();
        let mut variants: Vec<Option<Variant>> = Vec::new();
        for variant in rules.iter().filter_map(|(_, rule)| variant(rule)) {
            if !variants.contains(&Some(variant.clone())) {
                variants.push(Some(variant));
            }
        }
        if variants.is_empty() {
            variants.push(None);
        }
        for chosen in variants {
            let mine: Vec<(usize, &StackRule)> = rules
                .iter()
                .filter(|(_, rule)| variant(rule).is_none() || variant(rule) == chosen)
                .copied()
                .collect();
            let name = mine.iter().rev().find_map(|(_, rule)| rule.name.clone());
            let places = mine.iter().map(|(place, _)| *place).collect();
            let settings = shared.entry(places).or_insert_with(|| {
                let mut settings = settings.defaults.clone();
                for (_, rule) in &mine {
                    rule.overrides.apply(&mut settings);
                }
                Arc::new(settings)
            });
            let settings = settings.clone();
            if settings.disabled {
                continue;
            }
            let id = StackId::compose(
                source,
                &found.dir,
                settings.workspace.as_deref(),
                name.as_deref(),
            );
            let mut reads = found.reads.clone();
            reads.extend(settings.watch.iter().cloned());
            let named = settings.var_files.iter().chain(settings.backend_files());
            reads.extend(named.filter_map(|file| in_tree(&found.dir, file)));
            let stack = Tracked {
                id: id.clone(),
                source: source.clone(),
                dir: found.dir.clone(),
                workspace: workspace_of(&settings),
                settings,
                reads,
                closed_at: None,
                watch: Vec::new(),
                owners: Vec::new(),
                problem: problem(found),
            };
            tracked.insert(id, stack);
        }
    }
    tracked.into_values().collect()
}

/// A stack as the configuration has it now, before its source has been read again; none if it is not
/// there any more.
pub(super) fn again(settings: &Settings, record: &StackRecord) -> Option<Tracked> {
    let mut sources = settings.sources.iter();
    sources.find(|source| source.name == record.source)?;
    let found = Found {
        dir: record.dir.clone(),
        mark: Mark::Resource,
        reads: Vec::new(),
        closed: false,
        needs: Vec::new(),
        var_files: Vec::new(),
        problem: None,
    };
    let mut stacks = resolve(settings, &record.source, &[found]).into_iter();
    stacks.find(|stack| stack.id == record.id)
}

/// Where a file that is named relative to a stack's directory is in the repository.
fn in_tree(dir: &str, file: &str) -> Option<String> {
    let mut parts: Vec<&str> = dir.split('/').filter(|part| *part != ".").collect();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!file.starts_with('/')).then(|| parts.join("/"))
}

/// Why a directory cannot be planned, as far as its text tells: before init, which would log in to
/// somebody's servers for a stack that cannot be planned anyway.
pub(super) fn problem(found: &Found) -> Option<Failure> {
    let remote = || {
        let kind = match &found.mark {
            Mark::Backend { kind } => kind,
            Mark::Cloud => "cloud",
            _ => return None,
        };
        refuse_remote_execution(kind).err()
    };
    found.problem.clone().or_else(remote)
}

fn workspace_of(settings: &StackSettings) -> String {
    settings
        .workspace
        .clone()
        .unwrap_or_else(|| DEFAULT_WORKSPACE.to_owned())
}

fn variant(rule: &StackRule) -> Option<Variant> {
    let workspace = rule.overrides.workspace.as_ref();
    let named = rule.name.as_ref().map(|name| Variant::Name(name.clone()));
    named.or_else(|| workspace.map(|workspace| Variant::Workspace(workspace.clone())))
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use crate::domain::failure::FailureKind;
    use crate::notify::settings::NotifySettings;

    #[test]
    fn a_stack_reads_the_files_that_its_settings_name() {
        let mut settings = fixture::settings(Path::new("/nowhere"), NotifySettings::default());
        let files = |files: &[&str]| files.iter().map(|&file| file.to_owned()).collect();
        settings.defaults.var_files = files(&["../prod.tfvars"]);
        settings.defaults.backend_config = files(&["../../backend.hcl", "key=../x", "own.hcl"]);
        let found = Found {
            dir: "live/web".to_owned(),
            mark: Mark::Resource,
            reads: Vec::new(),
            closed: true,
            needs: Vec::new(),
            var_files: Vec::new(),
            problem: None,
        };
        let tracked = resolve(&settings, &SourceName::new("infra"), &[found]);
        let reads = tracked.first().map(|stack| stack.reads.as_slice());
        let read = ["live/prod.tfvars", "backend.hcl", "live/web/own.hcl"];
        assert_eq!(reads, Some(read.map(str::to_owned).as_slice()));
    }

    #[test]
    fn remote_execution_is_refused_by_its_text() {
        let kind = |mark| {
            let found = Found {
                dir: "a".to_owned(),
                mark,
                reads: Vec::new(),
                closed: false,
                needs: Vec::new(),
                var_files: Vec::new(),
                problem: None,
            };
            problem(&found).map(|problem| problem.kind)
        };
        let backend = |kind: &str| Mark::Backend {
            kind: kind.to_owned(),
        };
        assert_eq!(kind(Mark::Cloud), Some(FailureKind::Unsupported));
        assert_eq!(kind(backend("remote")), Some(FailureKind::Unsupported));
        assert_eq!(kind(backend("s3")), None);
        assert_eq!(kind(Mark::Resource), None);
    }
}
