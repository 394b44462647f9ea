//! What is over and old is forgotten, so that the database does not grow for ever.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::context::Context;

/// Finished runs, delivered messages and resolved alerts are kept this long. Runs that applied
/// something, and their snapshots, are kept for good.
pub(super) const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(6 * 3600);

/// Forgets what is old until the daemon stops.
pub async fn keep_pruning(context: Arc<Context>) {
    loop {
        let before = Timestamp::now().checked_sub(KEPT).unwrap_or(Timestamp::MIN);
        match context.store.prune(before).await {
            Ok(0) => {}
            Ok(forgotten) => tracing::info!(forgotten, "forgot old runs, messages and alerts"),
            Err(error) => tracing::error!("cannot forget what is old: {error}"),
        }
        let stop = &context.stop.plans;
        if stop
            .run_until_cancelled(tokio::time::sleep(EVERY))
            .await
            .is_none()
        {
            return;
        }
    }
}
