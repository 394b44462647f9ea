//! What other replicas want of the one that leads: each call is done once, and answered.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::domain::call::{Call, Denial, Reply, Wish};
use crate::domain::ids::{RunId, StackId};
use crate::store::{StoreError, Topic};

use super::command::{Command, Refusal};
use super::context::Context;
use super::pulse::Part;

/// Calls are looked for this often at least.
const LOOK: Duration = Duration::from_secs(5);
/// What came too early is tried again after this time.
const SOON: Duration = Duration::from_secs(1);

/// What came of passing a call on to the driver.
#[derive(Debug)]
enum Passed {
    /// This.
    Answered(Reply),
    /// Nothing yet: the driver has not read the source of the stack since this replica leads.
    TooEarly,
    /// The driver takes nothing any more.
    Stopping,
    /// The driver ended, perhaps in the middle of it.
    Lost,
}

/// Does what is called for, until the daemon stops.
pub async fn keep(context: Arc<Context>, commands: mpsc::Sender<Command>) {
    let mut bell = context.store.bell(Topic::Calls);
    let stop = context.stop.plans.clone();
    let mut settled = false;
    loop {
        context.pulse.beat(Part::Calls);
        let looked = async {
            if !settled {
                settle(&context).await?;
                settled = true;
            }
            round(&context, &commands).await
        };
        let wait = looked.await.unwrap_or_else(|error: StoreError| {
            tracing::error!("cannot do what other replicas call for: {error}");
            settled = false;
            LOOK
        });
        let rung = stop.run_until_cancelled(bell.rung_within(wait));
        if rung.await.is_none() {
            return;
        }
    }
}

/// What whoever led before has begun and not answered, or this process where the database failed. A
/// [`Wish`] that may be done twice is open again, until its end; of others it is said that nobody knows.
async fn settle(context: &Context) -> Result<(), StoreError> {
    for call in context.store.begun_calls().await? {
        match call.wish.is_repeatable() {
            true => context.store.give_back_call(&call.id).await?,
            false => context.store.answer_call(&call.id, &Reply::Unclear).await?,
        }
    }
    Ok(())
}

/// Does every open call, oldest first; says after which time it is looked again.
async fn round(
    context: &Context,
    commands: &mpsc::Sender<Command>,
) -> Result<Duration, StoreError> {
    let store = &context.store;
    let mut wait = LOOK;
    for call in store.open_calls().await? {
        if context.stop.plans.is_cancelled() || !store.begin_call(&call.id).await? {
            continue;
        }
        let id = call.id;
        match pass(context, commands, call).await? {
            Passed::Answered(reply) => store.answer_call(&id, &reply).await?,
            Passed::TooEarly => {
                store.give_back_call(&id).await?;
                wait = SOON;
            }
            Passed::Stopping => store.give_back_call(&id).await?,
            Passed::Lost => {}
        }
    }
    Ok(wait)
}

async fn pass(
    context: &Context,
    commands: &mpsc::Sender<Command>,
    call: Call,
) -> Result<Passed, StoreError> {
    let (reply, answer) = oneshot::channel();
    let command = match call.wish {
        Wish::Plan { stack, by } => Command::PlanNow(stack, by, reply),
        Wish::RollBack {
            stack,
            to,
            rollback,
            by,
        } => Command::Rollback(stack, to, (rollback, by), reply),
        Wish::Resume { stack, by } => Command::Resume(stack, by, reply),
        Wish::Approved { stack } => Command::Approved(stack, reply),
        Wish::TakeUp { scope } => {
            return Ok(match commands.send(Command::Unpaused(scope)).await {
                Ok(()) => Passed::Answered(Reply::Done),
                Err(_) => Passed::Stopping,
            });
        }
    };
    if commands.send(command).await.is_err() {
        return Ok(Passed::Stopping);
    }
    let Ok(answer) = answer.await else {
        return Ok(Passed::Lost);
    };
    Ok(match answer {
        Err(Refusal::UnknownStack(stack)) if is_tracked(context, &stack).await? => Passed::TooEarly,
        answer => Passed::Answered(answer.into()),
    })
}

async fn is_tracked(context: &Context, stack: &StackId) -> Result<bool, StoreError> {
    let record = context.store.stack(stack).await?;
    Ok(record.is_some_and(|record| record.tracked))
}

impl From<Result<RunId, Refusal>> for Reply {
    fn from(answer: Result<RunId, Refusal>) -> Self {
        match answer {
            Ok(run) => Self::Queued { run },
            Err(refusal) => Self::Denied {
                why: refusal.into(),
            },
        }
    }
}

impl From<Refusal> for Denial {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownStack(stack) => Self::UnknownStack { stack },
            Refusal::Running(stack) => Self::Running { stack },
            Refusal::NothingToResume(stack) => Self::NothingToResume { stack },
            Refusal::NoSuchCommit(why) => Self::NoSuchCommit { why },
            other => Self::Failed {
                why: other.to_string(),
            },
        }
    }
}

impl From<Denial> for Refusal {
    fn from(why: Denial) -> Self {
        match why {
            Denial::UnknownStack { stack } => Self::UnknownStack(stack),
            Denial::Running { stack } => Self::Running(stack),
            Denial::NothingToResume { stack } => Self::NothingToResume(stack),
            Denial::NoSuchCommit { why } => Self::NoSuchCommit(why),
            Denial::Failed { why } => Self::FailedThere(why),
        }
    }
}
