//! What other processes may have done before an apply starts.

use sqlx::AnyConnection;

use super::{StoreError, pauses, states};
use crate::domain::approval::Intent;
use crate::domain::ids::SourceName;
use crate::domain::states::shared;

/// Where an apply is to happen.
#[derive(Debug, Clone, Copy)]
pub struct Grounds<'a> {
    /// The source of the stack.
    pub source: &'a SourceName,
    /// The state that the stack is on.
    pub state: &'a str,
}

/// Fails if the stack is paused, or shares its state. In the transaction that stores the intent nobody
/// comes between: a pause that is stored before it holds, one that comes later finds the apply begun.
pub(super) async fn clear(
    connection: &mut AnyConnection,
    intent: &Intent,
    grounds: Grounds<'_>,
) -> Result<(), StoreError> {
    let stack = &intent.binding.stack;
    let pauses = pauses::all(connection).await?;
    if let Some(pause) = pauses.of(stack, grounds.source, intent.at) {
        return Err(StoreError::Barred(pause.words()));
    }
    let others = states::claim(connection, grounds.state, stack).await?;
    match shared(&others) {
        Some(failure) => Err(StoreError::Barred(failure.message)),
        None => Ok(()),
    }
}
