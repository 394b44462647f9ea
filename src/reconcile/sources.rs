//! Following sources: poll the ref, discover stacks when it moved, tell the driver which of them
//! may read what changed.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::discover::{VarFiles, discover, owners, settings_files, values_in_stay, values_stay};
use crate::domain::codeowners::Owners;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::{CommitId, SourceName, StackId};
use crate::domain::source::SourceRecord;
use crate::git::Mirror;
use crate::store::StoreError;
use crate::telemetry::metrics;

use super::absent::absent;
use super::command::{Command, SourceUpdate};
use super::context::Context;
use super::history::{moved, touched};
use super::mirrors::mirror;
use super::repository::Repository;
use super::resolve::{Files, Tracked, resolve, unused_files};
use super::settings::{EnvValue, SourceSettings};
use super::source_alert::{self, FAILURES_TOLD_FROM};

/// A whole fetch, however much it brings, ends within this time.
const FETCH_LIMIT: Duration = Duration::from_secs(900);

/// So many variable files that no stack is given are named.
const FILES_TOLD: usize = 10;

/// What is known of a source since the start.
#[derive(Debug, Default)]
struct Known {
    commit: Option<CommitId>,
    /// Why settings in it cannot be read.
    unread: Option<Failure>,
}

/// Follows one source until the daemon stops.
pub async fn follow(
    context: Arc<Context>,
    source: SourceSettings,
    commands: mpsc::Sender<Command>,
) {
    let mut known = Known::default();
    loop {
        if let Err(error) = poll(&context, &source, &commands, &mut known).await {
            tracing::error!(
                source = source.name.as_str(),
                "cannot remember the source: {error}"
            );
        }
        tokio::select! {
            () = context.stop.plans.cancelled() => return,
            () = tokio::time::sleep(source.poll) => {}
        }
    }
}

async fn poll(
    context: &Arc<Context>,
    source: &SourceSettings,
    commands: &mpsc::Sender<Command>,
    known: &mut Known,
) -> Result<(), StoreError> {
    let name = source.name.as_str();
    let stored = context
        .store
        .sources()
        .await?
        .into_iter()
        .find(|s| s.name == source.name);
    let mut record = stored.unwrap_or_else(|| SourceRecord::new(source.name.clone()));
    let (since, before) = (known.commit.as_ref(), record.commit.as_ref());
    let read = read(context, source, since, before).await;
    record.checked_at = Some(context.now());
    let update = match read {
        Ok(read) => {
            metrics::source_fetched(&source.name, context.now());
            if let Some(read) = &read {
                known.unread.clone_from(&read.unread);
            }
            record.failures = match known.unread {
                None => 0,
                Some(_) => record.failures.max(FAILURES_TOLD_FROM),
            };
            record.failure.clone_from(&known.unread);
            read
        }
        Err(_) if context.stop.plans.is_cancelled() => return Ok(()),
        Err(failure) => {
            tracing::warn!(source = name, "{failure}");
            metrics::source_failed(&source.name, failure.kind);
            record.failures = record.failures.saturating_add(1);
            record.failure = Some(failure);
            let (since, stored) = (known.commit.as_ref(), record.commit.as_ref());
            let read = last_known(context, source, since, stored).await;
            if let Some(read) = &read {
                known.unread.clone_from(&read.unread);
            }
            read
        }
    };
    if let Some(update) = update {
        let commit = update.commit.clone();
        tracing::info!(
            source = name,
            commit = commit.as_str(),
            stacks = update.stacks.len(),
            "read"
        );
        context.heads.set(&source.name, commit.clone());
        let (done, taken) = oneshot::channel();
        // The runs are queued before the commit is stored: a crash in between only repeats them.
        if commands.send(Command::Source(update, done)).await.is_ok() && taken.await.is_ok() {
            record.commit = Some(commit.clone());
            known.commit = Some(commit);
        }
    }
    source_alert::tell(context, &record).await?;
    context.store.save_source(&record).await
}

/// Reads the source; nothing if it is where it was.
async fn read(
    context: &Arc<Context>,
    source: &SourceSettings,
    known: Option<&CommitId>,
    stored: Option<&CommitId>,
) -> Result<Option<SourceUpdate>, Failure> {
    let interrupt = Arc::new(AtomicBool::new(false));
    let (known, stored) = (known.cloned(), stored.cloned());
    let turn = tokio::select! {
        turn = context.mirrors.turns.of(&source.location) => turn,
        () = context.stop.plans.cancelled() => return Err(stopped()),
    };
    let work = {
        let (context, source, interrupt) = (context.clone(), source.clone(), interrupt.clone());
        tokio::task::spawn_blocking(move || {
            let mirror = mirror(&context, &source.name)?;
            let commit = mirror.fetch(source.reference.as_deref(), &interrupt)?;
            drop(turn);
            if known.as_ref() == Some(&commit) {
                return Ok(None);
            }
            let before = known.or(stored);
            at_commit(&context, &source, &mirror, commit, before.as_ref()).map(Some)
        })
    };
    let given_up = tokio::select! {
        read = work => return read.unwrap_or_else(|_| Err(broken())),
        () = context.stop.plans.cancelled() => stopped(),
        () = tokio::time::sleep(FETCH_LIMIT) => Failure::new(
            FailureKind::RepositoryUnreachable,
            format!("the repository was not read within {} minutes", FETCH_LIMIT.as_secs() / 60),
            "look at the Git server and the network between",
        ),
    };
    interrupt.store(true, Ordering::Relaxed);
    Err(given_up)
}

fn stopped() -> Failure {
    Failure::new(
        FailureKind::Interrupted,
        "stopped while reading the source",
        "it is read again after the start",
    )
}

/// While the Git server is away, the stacks are those of the last commit that was read.
async fn last_known(
    context: &Arc<Context>,
    source: &SourceSettings,
    known: Option<&CommitId>,
    stored: Option<&CommitId>,
) -> Option<SourceUpdate> {
    let (None, Some(commit)) = (known, stored.cloned()) else {
        return None;
    };
    let (context, source) = (context.clone(), source.clone());
    let read = tokio::task::spawn_blocking(move || {
        let mirror = mirror(&context, &source.name)?;
        at_commit(&context, &source, &mirror, commit.clone(), Some(&commit))
    });
    read.await.unwrap_or_else(|_| Err(broken())).ok()
}

/// The stacks of a source at a commit, which is fetched if it is not there.
pub(super) async fn stacks_at(
    context: &Arc<Context>,
    source: &SourceName,
    commit: &CommitId,
) -> Result<Vec<Tracked>, Failure> {
    let mut sources = context.settings.sources.iter();
    let settings = sources.find(|settings| settings.name == *source).cloned();
    let settings = settings.ok_or_else(broken)?;
    let interrupt = Arc::new(AtomicBool::new(false));
    let turn = context.mirrors.turns.of(&settings.location).await;
    let (context, commit, stop) = (context.clone(), commit.clone(), interrupt.clone());
    let work = tokio::task::spawn_blocking(move || {
        let mirror = mirror(&context, &settings.name)?;
        if !mirror.has(&commit) {
            mirror.fetch(settings.reference.as_deref(), &stop)?;
        }
        drop(turn);
        at_commit(&context, &settings, &mirror, commit, None).map(|read| read.stacks)
    });
    let read = tokio::time::timeout(FETCH_LIMIT, work).await;
    interrupt.store(true, Ordering::Relaxed);
    read.map_err(|_| stopped())?
        .unwrap_or_else(|_| Err(broken()))
}

/// A stack that whoever leads knows is not where it should be.
pub(super) fn not_there(stack: &StackId, commit: &CommitId) -> Failure {
    Failure::new(
        FailureKind::Internal,
        format!("there is no stack {stack} at {}", commit.short()),
        "see that all replicas have the same configuration",
    )
}

/// Who owns a stack: whoever owns the code in its directory.
fn owners_of(owners: &Owners, dir: &str) -> Vec<String> {
    let code = match dir {
        "." | "" => "main.tf".to_owned(),
        dir => format!("{dir}/main.tf"),
    };
    let owners = owners.of(&code).into_iter();
    owners.map(|owner| owner.to_string()).collect()
}

fn at_commit(
    context: &Context,
    source: &SourceSettings,
    mirror: &Mirror,
    commit: CommitId,
    before: Option<&CommitId>,
) -> Result<SourceUpdate, Failure> {
    let alone = context.mirrors.tree(&source.name);
    let _alone = alone.lock().unwrap_or_else(PoisonError::into_inner);
    let tree = context.layout.tree(&source.name);
    mirror.checkout(&commit, &tree)?;
    let found = discover(&tree, &source.exclude, None)?;
    let mut files = Files::Tree(VarFiles::new(&tree));
    let mut stacks = resolve(&context.settings, &source.name, &found, &mut files);
    tell_files(&source.name, &files, &unused_files(&found, &stacks));
    let closed: BTreeSet<&str> = found
        .iter()
        .filter(|found| found.closed)
        .map(|found| found.dir.as_str())
        .collect();
    for stack in &mut stacks {
        if closed.contains(stack.dir.as_str()) && stays(&tree, stack) {
            stack.closed_at = Some(commit.clone());
        }
    }
    absent(mirror, &commit, &tree, &mut stacks)?;
    let dirs = stacks.iter().map(|stack| stack.dir.as_str());
    let repository = Repository::read(&tree, source.repository, dirs);
    for stack in &mut stacks {
        repository.apply(stack);
    }
    let unread = repository.failure();
    if let Some(unread) = &unread {
        tracing::warn!(source = source.name.as_str(), "{unread}");
    }
    if let Some(file) = owners(&tree) {
        for stack in &mut stacks {
            stack.owners = owners_of(&file.owners, &stack.dir);
        }
    }
    let mut woken = BTreeSet::new();
    if let Some(before) = before.filter(|before| **before != commit) {
        let difference = mirror.difference(before, &commit)?;
        let may_read = |stack: &&Tracked| {
            let settings = source.repository.is_some() && {
                let files = settings_files(&stack.dir);
                touched(&difference, &files)
            };
            settings || moved(&difference, stack) || touched(&difference, &stack.watch)
        };
        woken.extend(stacks.iter().filter(may_read).map(|stack| stack.id.clone()));
    }
    Ok(SourceUpdate {
        source: source.name.clone(),
        commit,
        stacks,
        touched: woken,
        unread,
    })
}

/// Says which variable files make no stack, and may be meant to.
fn tell_files(source: &SourceName, files: &Files<'_>, unused: &[String]) {
    let source = source.as_str();
    if let Files::Tree(files) = files {
        for file in files.odd() {
            tracing::warn!(
                source,
                "{file} makes no stack: of its name only letters, digits, `-`, `_` and `.` can stand in an id"
            );
        }
    }
    if !unused.is_empty() {
        let some: Vec<&str> = unused.iter().take(FILES_TOLD).map(String::as_str).collect();
        tracing::info!(
            source,
            files = unused.len(),
            "no stack is given these variable files: {}{}; `for_each_var_file` makes a stack of each",
            some.join(", "),
            if unused.len() > some.len() {
                ", …"
            } else {
                ""
            }
        );
    }
}

/// Whether no value that the stack is given can be a path that leads out of what it reads.
fn stays(tree: &Path, stack: &Tracked) -> bool {
    let dir = tree.join(&stack.dir);
    let settings = &stack.settings;
    let mut files = settings.var_files.iter().map(|file| dir.join(file));
    let plain = settings.plan_env.values().filter_map(|value| match value {
        EnvValue::Plain(text) => Some(text.as_str()),
        EnvValue::Secret(_) => None,
    });
    files.all(|file| values_in_stay(&file)) && plain.into_iter().all(values_stay)
}

fn broken() -> Failure {
    Failure::new(
        FailureKind::Internal,
        "reading the source stopped unexpectedly",
        "look into the log and report what you find",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;
    use std::process::Command as Process;

    use globset::GlobSet;

    use super::*;
    use crate::domain::codeowners::Dialect;
    use crate::domain::policy::{PolicyMode, Tightening};
    use crate::git::settings::SourceLocation;
    use crate::notify::settings::NotifySettings;
    use crate::reconcile::fixture;
    use crate::reconcile::history::is_same;
    use crate::reconcile::settings::RepositorySettings;
    use crate::reconcile::time::Time;

    fn git(work: &Path, arguments: &[&str]) -> String {
        let output = Process::new("git")
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
            .args(["-c", "commit.gpgsign=false"])
            .args(arguments)
            .current_dir(work)
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(work: &Path, file: &str, text: &str) -> CommitId {
        let path = work.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        git(work, &["add", "--all"]);
        git(work, &["commit", "--quiet", "--message", file]);
        CommitId::new(git(work, &["rev-parse", "HEAD"]))
    }

    /// Whatever a file says, it is to observe and to watch the path that it consists of.
    fn observes(bytes: &[u8], _: &str) -> Result<RepositorySettings, String> {
        let watch = String::from_utf8_lossy(bytes).trim().to_owned();
        Ok(RepositorySettings {
            policy: Tightening {
                mode: Some(PolicyMode::Observe),
                ..Tightening::default()
            },
            watch: vec![watch],
        })
    }

    #[tokio::test]
    async fn settings_of_a_repository_wake_their_stacks_and_are_no_code() {
        let root = tempfile::tempdir().unwrap();
        let work = root.path().join("work");
        std::fs::create_dir(&work).unwrap();
        git(&work, &["init", "--quiet"]);
        let resource = "resource \"terraform_data\" \"it\" {}\n";
        commit(&work, "live/web/main.tf", resource);
        let first = commit(&work, "db/main.tf", resource);
        let second = commit(&work, "live/.mooring.yaml", "shared\n");
        let third = commit(&work, "shared/notes.txt", "notes\n");
        let source = SourceSettings {
            name: SourceName::new("infra"),
            location: SourceLocation::Local(work),
            reference: None,
            poll: Duration::from_secs(1),
            exclude: GlobSet::empty(),
            submodules: false,
            repository: Some(observes),
        };
        let mut settings = fixture::settings(root.path(), NotifySettings::default());
        settings.sources.push(source.clone());
        let context = fixture::daemon(settings, Time::default()).await;
        let mirror = mirror(&context, &source.name).unwrap();
        let difference =
            |before: &CommitId, now: &CommitId| mirror.difference(before, now).unwrap();
        let web = StackId::new("infra/live/web");
        let read = |commit: &CommitId, before: &CommitId| {
            let read = at_commit(&context, &source, &mirror, commit.clone(), Some(before));
            let read = read.unwrap();
            let mut stacks = read.stacks.into_iter();
            let stack = stacks.find(|stack| stack.id == web).unwrap();
            let touched: Vec<StackId> = read.touched.into_iter().collect();
            (stack, touched)
        };
        let (stack, touched) = read(&second, &first);
        assert_eq!(touched, std::slice::from_ref(&web), "not the one beside");
        let policy = &stack.settings.policy.policy;
        assert_eq!(policy.repository.len(), 1);
        assert!(!moved(&difference(&first, &second), &stack));
        assert!(!is_same(&context, &stack, &first, &second).await);
        let (stack, touched) = read(&third, &second);
        assert_eq!(
            touched,
            std::slice::from_ref(&web),
            "what is watched wakes it"
        );
        assert!(!moved(&difference(&second, &third), &stack));
        assert!(is_same(&context, &stack, &second, &third).await);
    }

    #[test]
    fn a_stack_is_owned_by_whoever_owns_its_code() {
        let text = "* @acme/all\n/live/web/ @acme/web\n/live/db/*.tf @acme/data\n";
        let owners = Owners::parse(text, Dialect::GitHub);
        assert_eq!(owners_of(&owners, "live/web"), ["@acme/web"]);
        assert_eq!(owners_of(&owners, "live/db"), ["@acme/data"]);
        assert_eq!(owners_of(&owners, "."), ["@acme/all"]);
    }
}
