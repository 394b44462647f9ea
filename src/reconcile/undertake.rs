//! A run as a task of its own, whoever it is that has it.

use std::sync::Arc;

use tracing::Instrument;

use crate::domain::ids::CommitId;
use crate::domain::request::Rollback;
use crate::domain::run::Run;
use crate::store::StoreError;
use crate::telemetry::run_span;

use super::context::Context;
use super::pass::pass;
use super::resolve::Tracked;
use super::rollback;
use super::step::Next;

/// Why a run came to no end of its own.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("it cannot be recorded: {0}")]
    Store(#[from] StoreError),
    #[error("it stopped unexpectedly: {0}")]
    Panic(#[from] tokio::task::JoinError),
    #[error("{why} (on the replica {replica})")]
    Elsewhere { replica: String, why: String },
    #[error("the replica {0}, which had it, is gone")]
    Lost(String),
}

/// Takes a run that was started through the whole pass. A panic is that run's alone.
pub(super) async fn undertake(
    context: Arc<Context>,
    tracked: Tracked,
    run: Run,
    commit: CommitId,
    wanted: Option<Rollback>,
) -> Result<Next, Broken> {
    let span = run_span(&run.id, &run.stack);
    let pass = async move {
        match (wanted, run.commit.clone()) {
            (Some(wanted), Some(to)) => {
                rollback::pass(&context, &tracked, run, wanted, &to, None).await
            }
            _ => pass(&context, &tracked, run, &commit).await,
        }
    };
    Ok(tokio::spawn(pass.instrument(span)).await??)
}
