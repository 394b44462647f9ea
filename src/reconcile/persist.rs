//! What happened to the world is recorded, however long the database is away: an apply cannot be taken
//! back, and a run of which nothing more is known holds its stack until somebody has looked.

use std::time::Duration;

use crate::domain::run::Run;
use crate::store::StoreError;

use super::context::Context;

/// The pause before the database is asked again.
const AGAIN: Duration = Duration::from_secs(2);

/// Stores how far a run is.
pub(super) async fn save(context: &Context, run: &Run) -> Result<(), StoreError> {
    while let Err(error) = context.store.save_run(run).await {
        there_again(context, error).await?;
    }
    Ok(())
}

/// Waits until a database that was away is there again.
///
/// # Errors
/// The same error, if it does not pass by itself, or if the time of applies is over before it does.
/// [`StoreError::Fenced`], if others have gone on without this process.
pub(super) async fn there_again(context: &Context, error: StoreError) -> Result<(), StoreError> {
    if !error.passes() {
        return Err(error);
    }
    tracing::warn!("an apply is recorded once the database is back: {error}");
    let stop = &context.stop.applies;
    while stop
        .run_until_cancelled(tokio::time::sleep(AGAIN))
        .await
        .is_some()
    {
        match context.store.confirm().await {
            Err(error) if error.passes() => {}
            known => return known,
        }
    }
    Err(error)
}
