//! A person has looked at a held stack: repairs may go on.

use crate::domain::audit::{Action, NewAudit};
use crate::domain::identity::Identity;
use crate::domain::ids::StackId;
use crate::store::Conclusion;

use super::command::Refusal;
use super::context::Context;

/// Releases a stack and records who did. One that waits for nobody is left as it is: what its guards
/// go by is not forgotten for a word that was meant for another.
pub(super) async fn release(
    context: &Context,
    stack: &StackId,
    by: &Identity,
) -> Result<(), Refusal> {
    let Some(mut record) = context.store.stack(stack).await? else {
        return Err(Refusal::UnknownStack(stack.clone()));
    };
    if !record.waits_for_person() {
        return Err(Refusal::NothingToResume(stack.clone()));
    }
    let held = record.held.clone();
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
    Ok(())
}
