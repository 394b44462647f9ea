//! `check`: one look at every stack below a directory of somebody's own, without configuration and
//! without a trace in their tree.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::discover::{Found, discover, places};
use crate::domain::check::StackCheck;
use crate::domain::digest::DigestKey;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::{Findings, Verdict};
use crate::domain::history::History;
use crate::domain::ids::{Address, CommitId, StackId};
use crate::domain::place::{Declared, Recipe};
use crate::domain::policy::{Decision, DecisionKind, Facts, Policy, decide};
use crate::domain::stack::DEFAULT_WORKSPACE;
use crate::domain::states::States;
use crate::git;
use crate::terraform::{Engine, Environment, Limits, Machine, Workdir};

use super::cache::{self, CheckDir};
use super::layout::random_key;
use super::look::{Lens, Sighting, failed, look};
use super::mirror_tree::MirrorTree;
use super::replay::{Judging, Place};
use super::resolve::problem;

/// What to check and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// The directory below which stacks are looked for.
    pub path: PathBuf,
    /// Only stacks that match.
    pub stacks: Option<GlobMatcher>,
    /// How many at once.
    pub jobs: usize,
    /// `terraform`, `tofu` or a path; none means whichever there is.
    pub engine: Option<String>,
    /// Time limits.
    pub limits: Limits,
    /// Where copies and plan files may be.
    pub cache: PathBuf,
    /// How what is found is judged.
    pub judging: Judging,
}

/// What happens while the stacks are looked at.
#[derive(Debug)]
pub enum Progress {
    /// This many were found.
    Found(usize),
    /// One is being looked at.
    Started(StackId),
    /// One has been looked at.
    Ended(Box<StackCheck>),
}

/// Everything that the stacks of one check share.
#[derive(Debug)]
struct Shared {
    request: Request,
    root: PathBuf,
    /// The repository around it; the directory itself outside of one.
    tree: PathBuf,
    engine: Result<Engine, Failure>,
    env: Environment,
    key: DigestKey,
    commit: Option<CommitId>,
    dirty: bool,
    copy: MirrorTree,
    scratch: CheckDir,
    /// For the Go runtime of engines, once it is known how many run at once.
    runtime: Vec<(&'static str, String)>,
    cancel: CancellationToken,
}

/// Looks at every stack below a directory; the looks come back sorted by stack. No stack at all is
/// an empty list.
pub async fn check(
    request: Request,
    progress: UnboundedSender<Progress>,
    cancel: CancellationToken,
) -> Result<Vec<StackCheck>, Failure> {
    let mut shared = prepare(request, cancel).await?;
    let root = shared.root.clone();
    let cache = only(&root, &shared.request.cache);
    let found = blocking(move || discover(&root, &cache, None)).await?;
    let wanted = |dir: &str| {
        shared
            .request
            .stacks
            .as_ref()
            .is_none_or(|glob| glob.is_match(dir))
    };
    let found: Vec<Found> = found
        .into_iter()
        .filter(|found| wanted(&found.dir))
        .collect();
    let _gone = progress.send(Progress::Found(found.len()));
    let at_once = shared.request.jobs.min(found.len()).max(1);
    shared.runtime = Machine::read().go_runtime(at_once);
    let shared = Arc::new(shared);
    let places = Arc::new(Semaphore::new(at_once));
    let mut looks = JoinSet::new();
    for found in found {
        let (shared, places, progress) = (shared.clone(), places.clone(), progress.clone());
        looks.spawn(async move {
            let _place = places.acquire_owned().await;
            let _gone = progress.send(Progress::Started(StackId::new(found.dir.as_str())));
            let (check, state) = one(&shared, &found).await;
            let _gone = progress.send(Progress::Ended(Box::new(check.clone())));
            (check, state)
        });
    }
    let mut checks = Vec::new();
    while let Some(ended) = looks.join_next().await {
        checks.push(ended.map_err(|_| broken())?);
    }
    let mut states = States::default();
    for (check, state) in &checks {
        if let (Some(stack), Some(state)) = (&check.stack, state) {
            // The first of two learns of the second only when all are known.
            let _later = states.claim(state, stack);
        }
    }
    let mut checks: Vec<StackCheck> = checks
        .into_iter()
        .map(|(check, state)| alone(&mut states, check, state.as_deref()))
        .collect();
    checks.sort_by(|a, b| a.stack.cmp(&b.stack));
    Ok(checks)
}

/// Matches one directory of the tree, or none if it is elsewhere.
fn only(root: &Path, dir: &Path) -> GlobSet {
    let below = dir.strip_prefix(root).ok().and_then(Path::to_str);
    let below = below.filter(|below| !below.is_empty());
    let glob = below.and_then(|below| GlobBuilder::new(&globset::escape(below)).build().ok());
    let set = glob.and_then(|glob| GlobSetBuilder::new().add(glob).build().ok());
    set.unwrap_or_default()
}

/// The check, failed if another stack has the same state. All have been claimed by now.
fn alone(states: &mut States, check: StackCheck, state: Option<&str>) -> StackCheck {
    let (Some(stack), Some(state)) = (&check.stack, state) else {
        return check;
    };
    match states.claim(state, stack) {
        Ok(()) => check,
        Err(shared) => StackCheck {
            verdict: Verdict::Failed,
            failure: Some(shared),
            findings: Findings::default(),
            decision: decide(
                Verdict::Failed,
                &Findings::default(),
                &Policy::default(),
                &Facts::default(),
            ),
            ..check
        },
    }
}

async fn prepare(mut request: Request, cancel: CancellationToken) -> Result<Shared, Failure> {
    let root = std::fs::canonicalize(&request.path).map_err(|error| {
        Failure::new(
            FailureKind::DirectoryMissing,
            format!("cannot open {}: {error}", request.path.display()),
            "name a directory that exists",
        )
    })?;
    let env = Environment::inherited();
    let engine = find_engine(request.engine.as_deref(), &env, &cancel).await;
    let head = {
        let root = root.clone();
        blocking(move || Ok(git::head_of(&root))).await?
    };
    let (commit, dirty, tree) = match head {
        Some(head) => (head.commit, head.dirty, head.root),
        None => (None, false, root.clone()),
    };
    request.cache =
        cache::open(&request.cache).map_err(|error| no_cache(&request.cache, &error))?;
    cache::sweep(&request.cache);
    let scratch =
        CheckDir::create(&request.cache).map_err(|error| no_cache(&request.cache, &error))?;
    Ok(Shared {
        copy: MirrorTree::new(&tree, &root, &request.cache),
        runtime: Vec::new(),
        key: DigestKey::new(random_key().map_err(|error| no_cache(&request.cache, &error))?),
        request,
        root,
        tree,
        engine,
        env,
        commit,
        dirty,
        scratch,
        cancel,
    })
}

/// The engine that was asked for, or Terraform, or OpenTofu.
pub(super) async fn find_engine(
    asked: Option<&str>,
    env: &Environment,
    cancel: &CancellationToken,
) -> Result<Engine, Failure> {
    if let Some(program) = asked {
        return Engine::find(program, env, cancel).await;
    }
    match Engine::find("terraform", env, cancel).await {
        Ok(engine) => Ok(engine),
        Err(missing) => Engine::find("tofu", env, cancel).await.map_err(|_| missing),
    }
}

fn no_cache(cache: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        FailureKind::Internal,
        format!(
            "cannot use the cache directory {}: {error}",
            cache.display()
        ),
        "make it writable, or name another with XDG_CACHE_HOME",
    )
}

/// Looks at one stack; also tells the identity of its state, which is claimed.
async fn one(shared: &Shared, found: &Found) -> (StackCheck, Option<String>) {
    let mut workspace = DEFAULT_WORKSPACE.to_owned();
    let mut planned_in = None;
    let seen = match workdir(shared, found).await {
        Ok((workdir, init)) => {
            workspace = workdir.workspace_name();
            let schemas = shared.request.cache.join("schemas");
            let lens = Lens {
                workdir: &workdir,
                init,
                key: &shared.key,
                rules: shared.request.judging.rules(),
                ledger: Vec::new(),
                history: History::default(),
                schemas: &schemas,
                local_state: true,
                always_show: false,
                now: Timestamp::now(),
                cancel: &shared.cancel,
            };
            let seen = look(lens)
                .await
                .unwrap_or_else(|busy| failed(busy, Vec::new()));
            let left = left_behind(&seen, &workdir.dir, &shared.root.join(&found.dir));
            planned_in = Some(workdir);
            match left {
                Some(state) => failed(state_left_behind(&state), Vec::new()),
                None => seen,
            }
        }
        Err(failure) => failed(failure, Vec::new()),
    };
    let state = seen.plan.as_ref().map(|plan| plan.backend.identity.clone());
    let seen = located(shared, found, seen).await;
    let mut check = as_check(shared, found, workspace, &seen);
    let dir = in_tree(shared, found);
    let (judging, now) = (&shared.request.judging, Timestamp::now());
    let workspace = check.workspace.clone();
    let place = Place {
        tree: &shared.tree,
        dir: &dir,
        workspace: &workspace,
    };
    let asked = judging.asked(Some(place), now);
    let opinion = match (asked, &planned_in, &seen.plan) {
        (Some(asked), Some(workdir), Some(plan)) => {
            let shown = (workdir, &plan.file);
            let asking = asked.about_plan(shown, &seen.masker, &check, &shared.cancel);
            asking.await
        }
        _ => None,
    };
    check.decision = judging.decide(
        check.verdict,
        &mut check.findings,
        Some(place),
        opinion,
        now,
    );
    (check, state)
}

fn engine_name(shared: &Shared) -> String {
    let program = shared.engine.as_ref().ok();
    let name = program.and_then(|engine| engine.program.file_name());
    name.map_or_else(
        || "terraform".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// The stack's directory in the repository.
fn in_tree(shared: &Shared, found: &Found) -> String {
    let dir = shared.root.join(&found.dir);
    let dir = dir.strip_prefix(&shared.tree).unwrap_or(&dir);
    let parts: Vec<_> = dir.components().filter_map(plain).collect();
    if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    }
}

fn plain(part: Component<'_>) -> Option<Cow<'_, str>> {
    match part {
        Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    }
}

/// The look with the place in the code of each finding. What was planned in a copy is in the tree all
/// the same.
async fn located(shared: &Shared, found: &Found, mut seen: Sighting) -> Sighting {
    let findings = &mut seen.findings.resources;
    if findings.is_empty() {
        return seen;
    }
    let addresses: Vec<Address> = findings.iter().map(|f| f.address.clone()).collect();
    let (tree, dir) = (shared.tree.clone(), in_tree(shared, found));
    let places = tokio::task::spawn_blocking(move || places(&tree, &dir, &addresses));
    let places = places.await.unwrap_or_default();
    for finding in findings {
        finding.background.declared = places.get(&finding.address).map(|place| Declared {
            place: place.clone(),
            link: None,
            changed: None,
        });
    }
    seen
}

/// The state file of a stack that was planned in a copy without it: it is outside of what is copied.
fn left_behind(seen: &Sighting, copy: &Path, own: &Path) -> Option<PathBuf> {
    let state = seen.plan.as_ref()?.backend.local_path.as_ref()?;
    let copy = copy.canonicalize().ok()?;
    let above = copy.ancestors().find(|above| state.starts_with(above))?;
    let steps = copy.strip_prefix(above).ok()?.components();
    let way: PathBuf = steps.map(|_| Path::new("..")).collect();
    let original = own.join(way).join(state.strip_prefix(above).ok()?);
    (original.exists() && !state.exists()).then_some(original)
}

fn state_left_behind(state: &Path) -> Failure {
    Failure::new(
        FailureKind::NotInitialised,
        format!(
            "the directory is not initialised, and its state ({}) is outside of what is copied for \
             init",
            state.display()
        ),
        "run `terraform init` there, then it is planned in place",
    )
}

/// What was seen, before it is decided.
fn as_check(shared: &Shared, found: &Found, workspace: String, seen: &Sighting) -> StackCheck {
    let dir = in_tree(shared, found);
    let recipe = Recipe {
        engine: engine_name(shared),
        dir,
        workspace: Some(workspace.clone()).filter(|name| name != DEFAULT_WORKSPACE),
        var_files: Vec::new(),
        backend_config: Vec::new(),
        complete: true,
    };
    StackCheck {
        stack: Some(StackId::new(found.dir.as_str())),
        workspace,
        commit: shared.commit.clone(),
        dirty: shared.dirty,
        verdict: seen.verdict,
        terraform_version: seen.terraform_version.clone(),
        duration_ms: seen.duration_ms,
        failure: seen.failure.clone(),
        // Without an installation's key nothing can be approved, so there is nothing to name.
        digest: None,
        recipe: Some(recipe),
        findings: seen.findings.clone(),
        decision: Decision::new(DecisionKind::Refuse),
    }
}

/// Where the stack is planned, and whether init may run there: in place if it is initialised, else in
/// a copy of the whole tree, because init writes into the directory.
async fn workdir(shared: &Shared, found: &Found) -> Result<(Workdir, bool), Failure> {
    if shared.cancel.is_cancelled() {
        return Err(Failure::new(
            FailureKind::Interrupted,
            "the check was stopped before it came to this stack",
            "run the check again",
        ));
    }
    if let Some(problem) = &found.problem {
        return Err(problem.clone());
    }
    let own = Workdir {
        dir: shared.root.join(&found.dir),
        engine: shared.engine.clone()?,
        env: shared.env.clone(),
        workspace: None,
        var_files: Vec::new(),
        backend_config: Vec::new(),
        scratch: shared.scratch.path().join(found.dir.replace('/', "_")),
        limits: shared.request.limits,
        runtime: shared.runtime.clone(),
        plugins: None,
        meter: Arc::default(),
    };
    if own.is_initialised() {
        return Ok((own, false));
    }
    // An initialised directory says itself where its state is.
    if let Some(problem) = problem(found) {
        return Err(problem);
    }
    let mut copy = Workdir {
        dir: shared.copy.place_of(&own.dir, &shared.cancel).await?,
        scratch: shared.copy.scratch(),
        ..own
    };
    copy.env.remove("TF_DATA_DIR");
    Ok((copy, true))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(broken()))
}

fn broken() -> Failure {
    Failure::new(
        FailureKind::Internal,
        "a look stopped unexpectedly",
        "run again with -v and report what you find",
    )
}
