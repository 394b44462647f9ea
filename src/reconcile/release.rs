//! A person has looked at a held stack: repairs may go on.

use crate::domain::audit::{Action, NewAudit};
use crate::domain::identity::Identity;
use crate::domain::ids::StackId;
use crate::store::{Conclusion, StoreError};

use super::context::Context;

/// Releases a stack and records who did; false, and nothing is recorded, if nothing is known of it.
pub(super) async fn release(
    context: &Context,
    stack: &StackId,
    by: &Identity,
) -> Result<bool, StoreError> {
    let Some(mut record) = context.store.stack(stack).await? else {
        return Ok(false);
    };
    let held = record.held.take();
    tracing::info!(%by, stack = stack.as_str(), held, "resumed");
    record.release();
    let action = Action::StackResumed {
        stack: stack.clone(),
        held,
    };
    let conclusion = Conclusion {
        stack: Some(&record),
        audit: &[NewAudit::asked(context.now(), by, action)],
        ..Conclusion::default()
    };
    context.store.conclude(&conclusion).await?;
    Ok(true)
}
