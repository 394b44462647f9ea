//! What is over and old is forgotten, so that neither the database nor the artifacts grow for ever.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::context::Context;
use super::step::duration;
use crate::artifacts::Retention;
use crate::artifacts::settings::Keep;

/// Finished runs, delivered messages and resolved alerts are kept this long. Runs that applied
/// something, and their snapshots and artifacts, are kept for good.
pub(super) const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(6 * 3600);

/// Forgets what is old until the daemon stops.
pub async fn keep_pruning(context: Arc<Context>) {
    let stop = &context.stop.plans;
    let pruning = async {
        loop {
            forget(&context).await;
            remove_artifacts(&context).await;
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

fn ago(context: &Context, time: SignedDuration) -> Timestamp {
    context.now().checked_sub(time).unwrap_or(Timestamp::MIN)
}
