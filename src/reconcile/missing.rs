//! Replicas that are gone. Whoever leads takes their rows away once they have been missing for a while:
//! from then on nothing of theirs is written, and their runs are others'.

use std::sync::Arc;
use std::time::Duration;

use super::context::Context;

const EVERY: Duration = Duration::from_secs(3);

/// Looks for them until the daemon stops.
pub async fn look(context: Arc<Context>) {
    let stop = context.stop.plans.clone();
    while stop
        .run_until_cancelled(tokio::time::sleep(EVERY))
        .await
        .is_some()
    {
        match context.store.reap().await {
            Ok(lost) => {
                for replica in lost {
                    tracing::warn!(replica, "a replica is gone: what it had is done by others");
                }
            }
            Err(error) => tracing::debug!("cannot look for replicas that are gone: {error}"),
        }
    }
}
