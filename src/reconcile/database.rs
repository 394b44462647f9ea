//! The connection to a database on a server is looked after, so that one that is lost is noticed, told
//! and made again even when there is nothing to write.

use std::sync::Arc;
use std::time::Duration;

use super::context::Context;

const EVERY: Duration = Duration::from_secs(5);

/// Does so until the daemon stops.
pub async fn tend(context: Arc<Context>) {
    let stop = context.stop.plans.clone();
    let tending = async {
        loop {
            tokio::time::sleep(EVERY).await;
            context.store.tend().await;
        }
    };
    let _stopped: Option<()> = stop.run_until_cancelled(tending).await;
}
