//! Which stacks a source has and how each is planned: discovery and configuration brought together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crate::discover::{Found, Mark};
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::file_pattern::in_tree;
use crate::domain::ids::{CommitId, SourceName, StackId};
use crate::domain::place::Recipe;
use crate::domain::stack::{DEFAULT_WORKSPACE, StackRecord};
use crate::terraform::refuse_remote_execution;

use super::declared::{Declared, Filling, own_file};
use super::settings::{Settings, StackRule, StackSettings};

pub use super::declared::Files;

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
    /// Its name among the stacks of its directory, if it has one.
    pub name: Option<String>,
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
    /// Directories of its source whose stacks are applied before it, as its files say.
    pub needs: Vec<String>,
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

/// The stacks of a source. Rules without name and workspace hold for every stack they match; rules
/// with one declare a stack of their own, or one for each file or workspace, so that one directory can
/// be several stacks.
pub fn resolve(
    settings: &Settings,
    source: &SourceName,
    found: &[Found],
    files: &mut Files<'_>,
) -> Vec<Tracked> {
    let mut tracked: BTreeMap<StackId, Tracked> = BTreeMap::new();
    // Most stacks have the settings of many others.
    type From = (Vec<(usize, Filling)>, Option<String>);
    let mut shared: BTreeMap<From, Arc<StackSettings>> = BTreeMap::new();
    for found in found {
        let declared = Declared::of(&settings.stacks, source, &found.dir, files);
        for chosen in declared.variants() {
            let mine: Vec<(usize, &StackRule, Filling)> = declared.rules(chosen.as_ref()).collect();
            let named = mine.iter().rev();
            let mut named = named.filter_map(|(_, rule, how)| how.fill(rule.name.as_ref()?));
            let name = named.next();
            let own_file = own_file(&found.dir, &mine);
            let places = mine.iter().map(|(at, _, filling)| (*at, filling.clone()));
            let file = own_file.as_ref().ok().cloned().flatten();
            let from = (places.collect(), file.clone());
            let settings = shared.entry(from).or_insert_with(|| {
                let mut settings = settings.defaults.clone();
                for (_, rule, filling) in &mine {
                    match filling {
                        Filling::AsWritten => rule.overrides.apply(&mut settings),
                        filled => rule.overrides.filled(filled).apply(&mut settings),
                    }
                }
                // Whatever other files the rules name: this one is what the stack is.
                settings
                    .var_files
                    .extend(file.filter(|file| !settings.var_files.contains(file)));
                Arc::new(settings)
            });
            let settings = settings.clone();
            if settings.disabled {
                continue;
            }
            let workspace = settings.workspace.as_deref();
            let id = StackId::compose(source, &found.dir, workspace, name.as_deref());
            let mut reads = found.reads.clone();
            reads.extend(settings.watch.iter().cloned());
            let files = settings.var_files.iter().chain(settings.backend_files());
            reads.extend(files.filter_map(|file| in_tree(&found.dir, file)));
            let twice = tracked.get(&id).map(|other| same_id(found, other));
            let against = own_file
                .err()
                .or_else(|| declared.problem.clone())
                .or(twice);
            let stack = Tracked {
                id: id.clone(),
                source: source.clone(),
                dir: found.dir.clone(),
                workspace: workspace_of(&settings),
                name,
                settings,
                reads,
                closed_at: None,
                watch: Vec::new(),
                owners: Vec::new(),
                needs: found.needs.clone(),
                problem: problem(found).or(against),
            };
            tracked.insert(id, stack);
        }
    }
    tracked.into_values().collect()
}

/// Two stacks that would be one to everybody who speaks of them.
fn same_id(found: &Found, other: &Tracked) -> Failure {
    Failure::new(
        FailureKind::InvalidConfiguration,
        format!(
            "a stack in {} and one in {} are both called {}",
            other.dir, found.dir, other.id
        ),
        "rename a directory, or give one of them another name or workspace",
    )
}

/// Variable files in the directories of stacks that no stack is given and Terraform does not load by
/// itself, sorted.
pub(super) fn unused_files(found: &[Found], tracked: &[Tracked]) -> Vec<String> {
    let mut used: BTreeSet<String> = BTreeSet::new();
    for stack in tracked {
        let files = stack.settings.var_files.iter();
        used.extend(files.filter_map(|file| in_tree(&stack.dir, file)));
    }
    let all = found.iter().flat_map(|found| {
        let files = found.var_files.iter();
        files.filter_map(|file| in_tree(&found.dir, file))
    });
    all.filter(|file| !used.contains(file)).collect()
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
    let mut files = Files::Of(&record.id);
    let mut stacks = resolve(settings, &record.source, &[found], &mut files).into_iter();
    stacks.find(|stack| stack.id == record.id)
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

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
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
        let tracked = resolve(
            &settings,
            &SourceName::new("infra"),
            &[found],
            &mut Files::Of(&StackId::new("infra/live/web")),
        );
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
