//! `check`: one look at every stack below a directory of somebody's own, without configuration and
//! without a trace in their tree.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use globset::{GlobMatcher, GlobSet};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::discover::{Found, discover};
use crate::domain::check::StackCheck;
use crate::domain::digest::DigestKey;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::{CommitId, StackId};
use crate::domain::policy::{Policy, decide};
use crate::domain::severity::SeverityRules;
use crate::domain::stack::DEFAULT_WORKSPACE;
use crate::git;
use crate::terraform::{Engine, Environment, Limits, Workdir};

use super::layout::random_key;
use super::look::{Lens, Sighting, failed, look};
use super::mirror_tree::MirrorTree;

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
    engine: Result<Engine, Failure>,
    env: Environment,
    key: DigestKey,
    commit: Option<CommitId>,
    dirty: bool,
    copy: MirrorTree,
    scratch: tempfile::TempDir,
    cancel: CancellationToken,
}

/// Looks at every stack below a directory; the looks come back sorted by stack. No stack at all is
/// an empty list.
pub async fn check(
    request: Request,
    progress: UnboundedSender<Progress>,
    cancel: CancellationToken,
) -> Result<Vec<StackCheck>, Failure> {
    let shared = Arc::new(prepare(request, cancel).await?);
    let root = shared.root.clone();
    let found = blocking(move || discover(&root, &GlobSet::empty(), None)).await?;
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
    let places = Arc::new(Semaphore::new(shared.request.jobs.max(1)));
    let mut looks = JoinSet::new();
    for found in found {
        let (shared, places, progress) = (shared.clone(), places.clone(), progress.clone());
        looks.spawn(async move {
            let _place = places.acquire_owned().await;
            let _gone = progress.send(Progress::Started(StackId::new(found.dir.as_str())));
            let check = one(&shared, &found).await;
            let _gone = progress.send(Progress::Ended(Box::new(check.clone())));
            check
        });
    }
    let mut checks = Vec::new();
    while let Some(ended) = looks.join_next().await {
        checks.push(ended.map_err(|_| broken())?);
    }
    checks.sort_by(|a, b| a.stack.cmp(&b.stack));
    Ok(checks)
}

async fn prepare(request: Request, cancel: CancellationToken) -> Result<Shared, Failure> {
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
        Some(head) => (Some(head.commit), head.dirty, head.root),
        None => (None, false, root.clone()),
    };
    let scratch = private_dir(&request.cache)?;
    Ok(Shared {
        copy: MirrorTree::new(&tree, &request.cache),
        key: DigestKey::new(random_key().map_err(|error| no_cache(&request.cache, &error))?),
        request,
        root,
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

/// A directory for plan files that goes away with the check.
fn private_dir(cache: &Path) -> Result<tempfile::TempDir, Failure> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(cache);
    made.map_err(|error| no_cache(cache, &error))?;
    let made = tempfile::Builder::new().prefix("check-").tempdir_in(cache);
    made.map_err(|error| no_cache(cache, &error))
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

async fn one(shared: &Shared, found: &Found) -> StackCheck {
    let mut workspace = DEFAULT_WORKSPACE.to_owned();
    let seen = match workdir(shared, found).await {
        Ok((workdir, init)) => {
            workspace = workdir.workspace_name();
            let lens = Lens {
                workdir: &workdir,
                init,
                key: &shared.key,
                severities: &SeverityRules::default(),
                ledger: Vec::new(),
                local_state: true,
                cancel: &shared.cancel,
            };
            let seen = look(lens)
                .await
                .unwrap_or_else(|busy| failed(busy, Vec::new()));
            match state_left_behind(shared, &workdir, init) {
                Some(failure) if seen.failure.is_none() => failed(failure, Vec::new()),
                _ => seen,
            }
        }
        Err(failure) => failed(failure, Vec::new()),
    };
    as_check(shared, found, workspace, seen)
}

fn as_check(shared: &Shared, found: &Found, workspace: String, seen: Sighting) -> StackCheck {
    let decision = decide(seen.verdict, &seen.findings, &Policy::default(), &[]);
    StackCheck {
        stack: Some(StackId::new(found.dir.as_str())),
        workspace,
        commit: shared.commit.clone(),
        dirty: shared.dirty,
        verdict: seen.verdict,
        terraform_version: seen.terraform_version,
        duration_ms: seen.duration_ms,
        failure: seen.failure,
        // Without an installation's key nothing can be approved, so there is nothing to name.
        digest: None,
        findings: seen.findings,
        decision,
    }
}

/// Where the stack is planned, and whether init may run there: in place if it is initialised, else in
/// a copy of the whole tree, because init writes into the directory.
async fn workdir(shared: &Shared, found: &Found) -> Result<(Workdir, bool), Failure> {
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
    };
    if own.is_initialised() {
        return Ok((own, false));
    }
    let mut copy = Workdir {
        dir: shared.copy.place_of(&own.dir).await?,
        ..own
    };
    copy.env.remove("TF_DATA_DIR");
    Ok((copy, true))
}

/// A copy has the state files of the tree. One that lies outside is not found from there, and a
/// plan without its state would create everything again.
fn state_left_behind(shared: &Shared, workdir: &Workdir, copied: bool) -> Option<Failure> {
    let path = workdir.backend().ok()?.local_path.filter(|_| copied)?;
    let inside = shared.copy.holds(&path) && !path.components().any(|c| c == Component::ParentDir);
    (!inside && !path.exists()).then(|| {
        Failure::new(
            FailureKind::NotInitialised,
            "the state is a local file outside the tree, which is found from the stack's own \
             directory only",
            "run `terraform init` in that directory, then it is planned in place",
        )
    })
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
