//! What is known of a stack from before a look.

use crate::discover::settings_files;
use crate::domain::history::History;
use crate::domain::ids::CommitId;
use crate::domain::policy::CodeSince;
use crate::domain::stack::StackRecord;
use crate::git::Difference;

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
    let differs = |difference: &Difference, stack: &Tracked| {
        let settings = settings_files(&stack.dir);
        moved(difference, stack) || touched(difference, &settings)
    };
    differ(context, tracked, since, now, differs).await == Some(false)
}

async fn differ(
    context: &Context,
    tracked: &Tracked,
    since: &CommitId,
    now: &CommitId,
    how: fn(&Difference, &Tracked) -> bool,
) -> Option<bool> {
    if since == now {
        return Some(false);
    }
    let mirror = mirror(context, &tracked.source).ok()?;
    let (since, now) = (since.clone(), now.clone());
    let asked = tokio::task::spawn_blocking(move || mirror.difference(&since, &now));
    let difference = asked.await.ok()?.ok()?;
    Some(how(&difference, tracked))
}

/// Whether anything that the stack may read differs.
pub(super) fn moved(difference: &Difference, stack: &Tracked) -> bool {
    difference.touches(&stack.dir) || touched(difference, &stack.reads)
}

/// Whether anything at one of these paths differs.
pub(super) fn touched(difference: &Difference, paths: &[String]) -> bool {
    paths.iter().any(|path| difference.touches(path))
}
