//! What is over and old is forgotten, so that neither the database nor the artifacts grow for ever.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::context::Context;
use super::step::duration;
use crate::artifacts::settings::Keep;
use crate::artifacts::{Retention, SnapshotError};
use crate::domain::snapshot::SnapshotRetention;
use crate::terraform::Plugins;

/// Finished runs, delivered messages and resolved alerts are kept this long. Runs that applied
/// something, and their artifacts, are kept for good.
pub(super) const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(6 * 3600);
/// A shared provider that no stack uses is kept this long.
const PLUGINS_KEPT: Duration = Duration::from_secs(24 * 3600);

/// Forgets what is old until the daemon stops.
pub async fn keep_pruning(context: Arc<Context>) {
    let stop = &context.stop.plans;
    let pruning = async {
        loop {
            forget(&context).await;
            remove_artifacts(&context).await;
            tend_snapshots(&context).await;
            remove_plugins(&context).await;
            tokio::time::sleep(EVERY).await;
        }
    };
    let _stopped: Option<()> = stop.run_until_cancelled(pruning).await;
}

async fn forget(context: &Context) {
    match context.store.prune(ago(context, KEPT)).await {
        Ok(0) => {}
        Ok(forgotten) => tracing::info!(forgotten, "forgot old runs, messages and alerts"),
        Err(error) => tracing::error!("cannot forget what is old: {error}"),
    }
}

async fn remove_artifacts(context: &Context) {
    let Keep::For(kept) = context.settings.artifacts.keep else {
        return;
    };
    let applied = match context.store.applied_runs().await {
        Ok(applied) => applied,
        Err(error) => {
            return tracing::error!("cannot tell which artifacts have to stay: {error}");
        }
    };
    let before = ago(context, duration(kept));
    match context.artifacts.prune(Retention { before, applied }).await {
        Ok(0) => {}
        Ok(runs) => tracing::info!(runs, "removed the artifacts of old runs"),
        Err(error) => tracing::warn!("cannot remove old artifacts: {error}. {}", error.hint()),
    }
}

/// Snapshots that have had their time go; those that the bucket lacks are sent again.
async fn tend_snapshots(context: &Context) {
    let stacks = match context.store.each_glance(|stack| Some(stack.id)).await {
        Ok(stacks) => stacks,
        Err(error) => return tracing::error!("cannot tell whose snapshots there are: {error}"),
    };
    let settings = &context.settings.snapshots;
    let retention = SnapshotRetention {
        last: settings.keep_last,
        since: match settings.keep {
            Keep::Forever => None,
            Keep::For(kept) => Some(ago(context, duration(kept))),
        },
    };
    for stack in &stacks {
        let snapshots = &context.snapshots;
        let tended = async {
            let removed = snapshots.prune(stack, retention).await?;
            let sent = snapshots.send_missing(stack).await?;
            let sealed = snapshots.seal_clear(stack).await?;
            Ok::<_, SnapshotError>((sealed, removed, sent))
        };
        match tended.await {
            Ok((0, 0, 0)) => {}
            Ok((sealed, removed, sent)) => tracing::info!(
                stack = stack.as_str(),
                sealed,
                removed,
                sent,
                "tended the state snapshots"
            ),
            Err(error) => tracing::warn!(
                stack = stack.as_str(),
                "cannot tend the state snapshots: {error}. {}",
                error.hint()
            ),
        }
    }
}

async fn remove_plugins(context: &Context) {
    let plugins = Plugins::new(context.layout.plugins());
    match tokio::task::spawn_blocking(move || plugins.prune(PLUGINS_KEPT)).await {
        Ok(Ok(0)) | Err(_) => {}
        Ok(Ok(removed)) => tracing::info!(removed, "removed providers that no stack uses"),
        Ok(Err(error)) => tracing::warn!("cannot remove providers that no stack uses: {error}"),
    }
}

fn ago(context: &Context, time: SignedDuration) -> Timestamp {
    context.now().checked_sub(time).unwrap_or(Timestamp::MIN)
}
