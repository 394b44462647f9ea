//! What is paused is carried to the other replicas, and theirs here.

use std::sync::Arc;
use std::time::Duration;

use super::UnkeptError;
use crate::reconcile::context::Context;

/// How often others are asked, and what could not be kept is tried again.
const EVERY: Duration = Duration::from_secs(1);

/// Does so until the daemon stops.
pub async fn keep(context: Arc<Context>) {
    let stop = context.stop.plans.clone();
    let keeping = async {
        let mut trouble = None;
        loop {
            wait(&context).await;
            let exchanged = context.pauses.exchange(&context.store).await;
            tell(&mut trouble, exchanged, context.pauses.is_thrown());
        }
    };
    let _stopped: Option<()> = stop.run_until_cancelled(keeping).await;
}

/// Until there may be something to carry. A file has no other process that could add anything.
async fn wait(context: &Context) {
    let thrown = context.pauses.thrown.notified();
    if context.store.is_shared() || context.pauses.is_thrown() {
        let _either = tokio::time::timeout(EVERY, thrown).await;
    } else {
        thrown.await;
    }
}

/// Says once what is in the way, and that it no longer is.
fn tell(trouble: &mut Option<String>, exchanged: Result<(), UnkeptError>, is_thrown: bool) {
    match exchanged {
        Ok(()) if trouble.take().is_some() => tracing::info!("pauses are in the database again"),
        Ok(()) => {}
        Err(error) => {
            let cause = error.to_string();
            if trouble.as_ref() != Some(&cause) {
                let what = if is_thrown {
                    "a pause holds here and is not in the database yet"
                } else {
                    "what others have paused cannot be read, so nothing is applied"
                };
                tracing::warn!("{what}: {cause}");
                *trouble = Some(cause);
            }
        }
    }
}
