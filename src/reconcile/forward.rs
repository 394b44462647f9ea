//! What the driver would be asked, on a replica that does not lead: it goes to the replica that does.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::domain::call::{Reply, Wish, Withdrawn};
use crate::domain::ids::{CallId, RunId};
use crate::store::{Bell, Topic};

use super::command::{Command, Refusal};
use super::context::Context;
use super::fresh;

/// How long a call waits for an answer: less than whoever asks over HTTP does.
const LASTS: Duration = Duration::from_secs(25);
/// The answer is looked for this often at least.
const LOOK: Duration = Duration::from_secs(3);

/// Takes commands until then, and gives the rest to whoever goes on with them. What was taken is answered
/// all the same: by this process, if it leads from now on.
pub async fn forward(
    context: Arc<Context>,
    inbox: mpsc::Receiver<Command>,
    until: CancellationToken,
) -> mpsc::Receiver<Command> {
    forward_within(context, inbox, until, LASTS).await
}

async fn forward_within(
    context: Arc<Context>,
    mut inbox: mpsc::Receiver<Command>,
    until: CancellationToken,
    lasts: Duration,
) -> mpsc::Receiver<Command> {
    loop {
        let command = tokio::select! {
            biased;
            () = until.cancelled() => return inbox,
            command = inbox.recv() => command,
        };
        let Some(command) = command else {
            return inbox;
        };
        let context = context.clone();
        tokio::spawn(async move { obey(&context, command, lasts).await });
    }
}

async fn obey(context: &Context, command: Command, lasts: Duration) {
    let (wish, reply) = match command {
        Command::PlanNow(stack, by, reply) => (Wish::Plan { stack, by }, reply),
        Command::Rollback(stack, to, (rollback, by), reply) => {
            let wish = Wish::RollBack {
                stack,
                to,
                rollback,
                by,
            };
            (wish, reply)
        }
        Command::Resume(stack, by, reply) => (Wish::Resume { stack, by }, reply),
        Command::Approved(stack, reply) => (Wish::Approved { stack }, reply),
        Command::Unpaused(scope) => {
            let wish = Wish::TakeUp { scope };
            if let Err(refusal) = call(context, &wish, lasts).await {
                tracing::warn!("what a pause held back is looked at when it is due: {refusal}");
            }
            return;
        }
        Command::Borrow(_, reply) => {
            let _gone = reply.send(Err(elsewhere(context).await));
            return;
        }
        // Only the driver knows, and only where it leads sources are read.
        Command::Outlook(_) | Command::NextLook(..) | Command::Source(..) => return,
    };
    let _gone = reply.send(run_of(call(context, &wish, lasts).await));
}

fn run_of(reply: Result<Reply, Refusal>) -> Result<RunId, Refusal> {
    match reply? {
        Reply::Queued { run } => Ok(run),
        Reply::Denied { why } => Err(why.into()),
        Reply::Done | Reply::Unclear => Err(Refusal::Unclear),
    }
}

async fn elsewhere(context: &Context) -> Refusal {
    let replicas = context.store.replicas().await.unwrap_or_else(|error| {
        tracing::error!("cannot tell which replica leads: {error}");
        Vec::new()
    });
    let leader = replicas.into_iter().find(|replica| replica.leads);
    Refusal::Elsewhere {
        leader: leader.map(|leader| format!("replica {} ({})", leader.number, leader.about.name)),
    }
}

/// Has the leading replica do something; gives what came of it.
async fn call(context: &Context, wish: &Wish, lasts: Duration) -> Result<Reply, Refusal> {
    let (id, store) = (fresh::call(), &context.store);
    let bell = store.bell(Topic::Answers);
    store.post_call(&id, wish, lasts).await?;
    let answered = timeout(lasts, answered(context, &id, bell));
    let stop = &context.stop.plans;
    let stopping = match stop.run_until_cancelled(answered).await {
        Some(Ok(reply)) => return Ok(reply),
        Some(Err(_)) => false,
        None => true,
    };
    let withdrawn = store.withdraw_call(&id).await;
    match withdrawn {
        Ok(Withdrawn::InTime) if stopping => return Err(Refusal::Stopping),
        Ok(Withdrawn::InTime) => return Err(Refusal::NotTakenUp(lasts)),
        Ok(Withdrawn::TooLate) => {}
        Err(error) => tracing::error!(call = %id, "cannot withdraw what was asked for: {error}"),
    }
    // The answer may just have come.
    let reply = store.answer_of(&id).await.ok().flatten();
    reply.ok_or(Refusal::Unclear)
}

/// Waits for the answer to a call, for as long as it takes.
async fn answered(context: &Context, id: &CallId, mut bell: Bell) -> Reply {
    loop {
        match context.store.answer_of(id).await {
            Ok(Some(reply)) => return reply,
            Ok(None) => {}
            Err(error) => tracing::debug!(call = %id, "cannot look for the answer: {error}"),
        }
        bell.rung_within(LOOK).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
#[path = "forward_tests.rs"]
mod tests;
