//! A replica that does not lead waits until it may.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::{Leading, StoreError};

use super::context::Context;
use super::step::duration;

/// How often it tries.
const EVERY: Duration = Duration::from_secs(2);

/// Waits until this process leads.
///
/// # Errors
/// [`StoreError::Fenced`], if others have gone on without it. What else goes wrong with the database is
/// waited for.
pub async fn until_leading(context: &Context) -> Result<(), StoreError> {
    let mut vacant_since: Option<Instant> = None;
    let mut told = false;
    loop {
        let waited = vacant_since.map_or(Duration::ZERO, |since| since.elapsed());
        match context.store.lead(duration(waited)).await {
            Ok(Leading::Here) => return Ok(()),
            Ok(Leading::Vacant) => {
                vacant_since.get_or_insert_with(Instant::now);
            }
            Ok(Leading::Elsewhere(leader)) => {
                vacant_since = None;
                if !told {
                    told = true;
                    tracing::info!(leader, "another replica leads; this one stands by");
                }
            }
            Err(StoreError::Fenced) => return Err(StoreError::Fenced),
            Err(error) => tracing::debug!("cannot try to lead: {error}"),
        }
        tokio::time::sleep(EVERY).await;
    }
}
