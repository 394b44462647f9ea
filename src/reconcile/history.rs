//! What is known of a stack from before a look.

use crate::discover::settings_files;
use crate::domain::failure::Failure;
use crate::domain::history::History;
use crate::domain::ids::CommitId;
use crate::domain::policy::CodeSince;
use crate::domain::stack::StackRecord;
use crate::git::Mirror;

use super::context::Context;
use super::mirrors::mirror;
use super::resolve::Tracked;

/// Brings together what was remembered and what Git says. Where Git cannot be asked, nothing is
/// concluded from it.
pub(super) async fn history(
    context: &Context,
    tracked: &Tracked,
    record: &StackRecord,
    commit: &CommitId,
) -> History {
    let unmoved_since = match &record.in_sync_commit {
        Some(since) if compared(context, tracked, since, commit).await == Some(false) => {
            Some(since.clone())
        }
        _ => None,
    };
    History {
        drifting: record.drifting.clone(),
        unmoved_since,
    }
}

/// How what the stack reads in Git moved since it was last in sync.
pub(super) async fn code_since(
    context: &Context,
    tracked: &Tracked,
    record: &StackRecord,
    commit: &CommitId,
) -> CodeSince {
    let Some(since) = &record.in_sync_commit else {
        return CodeSince::Unknown;
    };
    match compared(context, tracked, since, commit).await {
        Some(true) => CodeSince::Changed,
        Some(false) => CodeSince::Same,
        None => CodeSince::Unknown,
    }
}

/// Whether what the stack reads in Git differs from what the last look saw.
pub(super) async fn code_moved(
    context: &Context,
    tracked: &Tracked,
    record: &StackRecord,
    commit: &CommitId,
) -> bool {
    let last = record.last.as_ref().and_then(|last| last.commit.as_ref());
    match last {
        Some(last) => compared(context, tracked, last, commit).await == Some(true),
        None => false,
    }
}

/// Whether what the stack reads differs between two commits; none if Git cannot tell.
pub(super) async fn compared(
    context: &Context,
    tracked: &Tracked,
    since: &CommitId,
    now: &CommitId,
) -> Option<bool> {
    differ(context, tracked, since, now, moved).await
}

/// Whether a commit is for the stack what another one is: neither what it reads differs, nor what the
/// repository says of its policy. What people approved under the one holds under the other.
pub(super) async fn is_same(
    context: &Context,
    tracked: &Tracked,
    since: &CommitId,
    now: &CommitId,
) -> bool {
    let differs = |mirror: &Mirror, stack: &Tracked, since: &CommitId, now: &CommitId| {
        let settings = settings_files(&stack.dir);
        Ok(moved(mirror, stack, since, now)? || any_moved(mirror, settings.iter(), since, now)?)
    };
    differ(context, tracked, since, now, differs).await == Some(false)
}

async fn differ<F>(
    context: &Context,
    tracked: &Tracked,
    since: &CommitId,
    now: &CommitId,
    how: F,
) -> Option<bool>
where
    F: FnOnce(&Mirror, &Tracked, &CommitId, &CommitId) -> Result<bool, Failure> + Send + 'static,
{
    if since == now {
        return Some(false);
    }
    let mirror = mirror(context, &tracked.source).ok()?;
    let (tracked, since, now) = (tracked.clone(), since.clone(), now.clone());
    let asked = tokio::task::spawn_blocking(move || how(&mirror, &tracked, &since, &now));
    asked.await.ok()?.ok()
}

/// Whether anything that the stack may read differs between two commits.
pub(super) fn moved(
    mirror: &Mirror,
    stack: &Tracked,
    before: &CommitId,
    now: &CommitId,
) -> Result<bool, Failure> {
    let paths = std::iter::once(&stack.dir).chain(&stack.reads);
    any_moved(mirror, paths, before, now)
}

/// Whether anything at one of these paths differs between two commits.
pub(super) fn any_moved<'p>(
    mirror: &Mirror,
    paths: impl Iterator<Item = &'p String>,
    before: &CommitId,
    now: &CommitId,
) -> Result<bool, Failure> {
    if !mirror.has(before) {
        return Ok(true);
    }
    for path in paths {
        if mirror.subtree(before, path)? != mirror.subtree(now, path)? {
            return Ok(true);
        }
    }
    Ok(false)
}
