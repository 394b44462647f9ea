//! What is remembered of a stack when a run begins.

use jiff::Timestamp;

use crate::domain::stack::StackRecord;
use crate::store::StoreError;

use super::context::Context;
use super::resolve::Tracked;
use super::step::duration;

/// What is remembered of a stack, brought in line with the configuration.
pub(super) async fn record_of(
    context: &Context,
    tracked: &Tracked,
) -> Result<StackRecord, StoreError> {
    let known = context.store.stack(&tracked.id).await?;
    Ok(StackRecord {
        labels: tracked.settings.labels.clone(),
        owners: tracked.owners.clone(),
        max_age: duration(tracked.settings.policy.max_age),
        tracked: true,
        ..known.unwrap_or_else(|| first_record(tracked, context.now()))
    })
}

/// A stack that nothing is known of yet.
pub(super) fn first_record(tracked: &Tracked, now: Timestamp) -> StackRecord {
    StackRecord::new(
        tracked.id.clone(),
        tracked.source.clone(),
        tracked.dir.clone(),
        tracked.workspace.clone(),
        tracked.settings.labels.clone(),
        now,
    )
}
