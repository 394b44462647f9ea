//! Following sources: poll the ref, discover stacks when it moved, tell the driver which of them
//! may read what changed.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::discover::{discover, owners, values_in_stay, values_stay};
use crate::domain::codeowners::Owners;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::CommitId;
use crate::domain::source::SourceRecord;
use crate::git::Mirror;
use crate::store::StoreError;
use crate::telemetry::metrics;

use super::command::{Command, SourceUpdate};
use super::context::Context;
use super::history::moved;
use super::mirrors::mirror;
use super::resolve::{Tracked, resolve};
use super::settings::{EnvValue, SourceSettings};
use super::source_alert;

/// A whole fetch, however much it brings, ends within this time.
const FETCH_LIMIT: Duration = Duration::from_secs(900);

/// Follows one source until the daemon stops.
pub async fn follow(
    context: Arc<Context>,
    source: SourceSettings,
    commands: mpsc::Sender<Command>,
) {
    let mut known: Option<CommitId> = None;
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
    known: &mut Option<CommitId>,
) -> Result<(), StoreError> {
    let name = source.name.as_str();
    let stored = context
        .store
        .sources()
        .await?
        .into_iter()
        .find(|s| s.name == source.name);
    let mut record = stored.unwrap_or_else(|| SourceRecord::new(source.name.clone()));
    let read = read(context, source, known.as_ref(), record.commit.as_ref()).await;
    record.checked_at = Some(context.now());
    let update = match read {
        Ok(read) => {
            metrics::source_fetched(&source.name, context.now());
            (record.failures, record.failure) = (0, None);
            read
        }
        Err(_) if context.stop.plans.is_cancelled() => return Ok(()),
        Err(failure) => {
            tracing::warn!(source = name, "{failure}");
            metrics::source_failed(&source.name, failure.kind);
            record.failures = record.failures.saturating_add(1);
            record.failure = Some(failure);
            last_known(context, source, known.as_ref(), record.commit.as_ref()).await
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
            *known = Some(commit);
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
            let mirror = mirror(&context, &source.name)?;
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
        let mirror = mirror(&context, &source.name)?;
        at_commit(&context, &source, &mirror, commit.clone(), Some(&commit))
    });
    read.await.unwrap_or_else(|_| Err(broken())).ok()
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
    if let Some(file) = owners(&tree) {
        for stack in &mut stacks {
            stack.owners = owners_of(&file.owners, &stack.dir);
        }
    }
    let mut touched = BTreeSet::new();
    if let Some(before) = before.filter(|before| **before != commit) {
        for stack in &stacks {
            if moved(mirror, stack, before, &commit)? {
                touched.insert(stack.id.clone());
            }
        }
    }
    Ok(SourceUpdate {
        source: source.name.clone(),
        commit,
        stacks,
        touched,
    })
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
