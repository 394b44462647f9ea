//! Following sources: poll the ref, discover stacks when it moved, tell the driver which of them
//! may read what changed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::discover::{discover, owners, settings_files};
use crate::domain::codeowners::Owners;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::CommitId;
use crate::domain::source::SourceRecord;
use crate::git::Mirror;
use crate::store::StoreError;
use crate::telemetry::metrics;

use super::command::{Command, SourceUpdate};
use super::context::Context;
use super::history::{any_moved, moved};
use super::repository::Repository;
use super::resolve::{Tracked, resolve};
use super::settings::SourceSettings;
use super::source_alert::{self, FAILURES_TOLD_FROM};

/// A whole fetch, however much it brings, ends within this time.
const FETCH_LIMIT: Duration = Duration::from_secs(900);

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
    let read = read(
        context,
        source,
        known.commit.as_ref(),
        record.commit.as_ref(),
    )
    .await;
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
            last_known(
                context,
                source,
                known.commit.as_ref(),
                record.commit.as_ref(),
            )
            .await
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
    let work = {
        let (context, source, interrupt) = (context.clone(), source.clone(), interrupt.clone());
        tokio::task::spawn_blocking(move || {
            let mirror = open(&context, &source)?;
            let commit = mirror.fetch(source.reference.as_deref(), &interrupt)?;
            if known.as_ref() == Some(&commit) {
                return Ok(None);
            }
            let before = known.or(stored);
            at_commit(&context, &source, &mirror, commit, before.as_ref()).map(Some)
        })
    };
    let stopped = tokio::select! {
        read = work => return read.unwrap_or_else(|_| Err(broken())),
        () = context.stop.plans.cancelled() => Failure::new(
            FailureKind::Interrupted,
            "stopped while reading the source",
            "it is read again after the start",
        ),
        () = tokio::time::sleep(FETCH_LIMIT) => Failure::new(
            FailureKind::RepositoryUnreachable,
            format!("the repository was not read within {} minutes", FETCH_LIMIT.as_secs() / 60),
            "look at the Git server and the network between",
        ),
    };
    interrupt.store(true, Ordering::Relaxed);
    Err(stopped)
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
        let mirror = open(&context, &source)?;
        at_commit(&context, &source, &mirror, commit.clone(), Some(&commit))
    });
    read.await.unwrap_or_else(|_| Err(broken())).ok()
}

fn open(context: &Context, source: &SourceSettings) -> Result<Mirror, Failure> {
    let dir = context.layout.mirror(&source.name);
    Mirror::open(&dir, &source.location, context.settings.ca_file.as_deref())
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
    let tree = context.layout.tree(&source.name);
    mirror.checkout(&commit, &tree)?;
    let found = discover(&tree, &source.exclude, None)?;
    let mut stacks = resolve(&context.settings, &source.name, &found);
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
    let mut touched = BTreeSet::new();
    if let Some(before) = before.filter(|before| **before != commit) {
        let said = match source.repository {
            Some(_) => files_moved(mirror, &stacks, before, &commit)?,
            None => BTreeSet::new(),
        };
        for stack in &stacks {
            let mut files = settings_files(&stack.dir).into_iter();
            if files.any(|file| said.contains(&file))
                || moved(mirror, stack, before, &commit)?
                || any_moved(mirror, stack.watch.iter(), before, &commit)?
            {
                touched.insert(stack.id.clone());
            }
        }
    }
    Ok(SourceUpdate {
        source: source.name.clone(),
        commit,
        stacks,
        touched,
        unread,
    })
}

/// Which of the files that may say something of stacks differ between two commits.
fn files_moved(
    mirror: &Mirror,
    stacks: &[Tracked],
    before: &CommitId,
    now: &CommitId,
) -> Result<BTreeSet<String>, Failure> {
    let files = stacks.iter().flat_map(|stack| settings_files(&stack.dir));
    let files: BTreeSet<String> = files.collect();
    let mut moved = BTreeSet::new();
    for file in files {
        if any_moved(mirror, std::iter::once(&file), before, now)? {
            moved.insert(file);
        }
    }
    Ok(moved)
}

fn broken() -> Failure {
    Failure::new(
        FailureKind::Internal,
        "reading the source stopped unexpectedly",
        "look into the log and report what you find",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::codeowners::Dialect;

    #[test]
    fn a_stack_is_owned_by_whoever_owns_its_code() {
        let text = "* @acme/all\n/live/web/ @acme/web\n/live/db/*.tf @acme/data\n";
        let owners = Owners::parse(text, Dialect::GitHub);
        assert_eq!(owners_of(&owners, "live/web"), ["@acme/web"]);
        assert_eq!(owners_of(&owners, "live/db"), ["@acme/data"]);
        assert_eq!(owners_of(&owners, "."), ["@acme/all"]);
    }
}
