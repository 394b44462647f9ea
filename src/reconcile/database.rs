//! The connection to a database on a server is looked after, so that one that is lost is noticed, told
//! and made again even when there is nothing to write.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::context::Context;

/// Well within the time after which the server ends a session that it does not hear of.
const EVERY: Duration = Duration::from_secs(4);

/// Does so until the daemon has stopped, or learns that others have gone on without it.
pub async fn tend(context: Arc<Context>, until: CancellationToken) {
    let tending = async {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(error) = context.store.tend().await {
                tracing::error!("{error}. {}", error.hint());
                context.stop.fenced.cancel();
                return;
            }
        }
    };
    let _stopped: Option<()> = until.run_until_cancelled(tending).await;
}
