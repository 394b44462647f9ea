//! Applies that ended after others had gone on without this process. Nothing of them can be recorded as
//! usual: whoever leads now holds their stacks until a person has looked, and is told how they ended.

use std::sync::{Mutex, PoisonError};

use crate::domain::audit::{Action, NewAudit};
use crate::domain::run::Run;
use crate::store::{Store, StoreError};
use crate::terraform::Applied;

use super::context::Context;

/// Applies that ended late, and how.
#[derive(Debug, Default)]
pub struct Late(Mutex<Vec<Action>>);

impl Late {
    /// An apply ended, and that cannot be recorded as usual.
    pub(super) fn ended(&self, run: &Run, applied: &Applied) {
        let how = match applied {
            Applied::Done => "it went through".to_owned(),
            Applied::Failed(failure) | Applied::Interrupted(failure) => failure.message.clone(),
        };
        tracing::error!(run = %run.id, stack = run.stack.as_str(), "an apply ended after others had gone on without this process: {how}");
        let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ended.push(Action::ApplyEndedLate {
            stack: run.stack.clone(),
            run: run.id,
            how,
        });
    }

    fn take(&self) -> Vec<Action> {
        let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut ended)
    }
}

/// Records them in a database that this process has joined anew.
pub async fn record(context: &Context, store: &Store) -> Result<(), StoreError> {
    let now = context.now();
    let entries = context.late.take().into_iter();
    let entries: Vec<NewAudit> = entries.map(|action| NewAudit::own(now, action)).collect();
    if entries.is_empty() {
        return Ok(());
    }
    store.record(&entries).await
}
