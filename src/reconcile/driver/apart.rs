//! Stacks of which no run is started for a while: those whose last run broke off and has no end yet, and
//! those that somebody else works on.

use std::time::Duration;

use crate::domain::ids::StackId;
use crate::domain::run::Run;

use super::super::borrow::Borrowed;
use super::super::command::Refusal;
use super::super::orders::{Applying, Orders};
use super::super::recover;
use super::super::undertake::Broken;
use super::Driver;

/// The end of a run that broke off is recorded again after this time.
const SETTLE_AGAIN: Duration = Duration::from_secs(5);

/// A run that broke off.
#[derive(Debug)]
pub(super) struct Unsettled {
    run: Run,
    why: String,
    /// An apply may have been among what it did, and may go on.
    _applying: Applying,
    /// Whether its end is being looked at now.
    busy: bool,
}

/// Whether the end of a run is recorded.
pub(super) type Settled = Result<bool, Broken>;

impl Driver {
    /// Takes a stack out of the queue's reach until it is given back.
    pub(super) fn borrow(&mut self, stack: &StackId) -> Result<Borrowed, Refusal> {
        let unknown = || Refusal::UnknownStack(stack.clone());
        let tracked = &self.stacks.get(stack).ok_or_else(unknown)?.tracked;
        let commit = self
            .context
            .heads
            .get(&tracked.source)
            .ok_or_else(unknown)?;
        if self.active.contains(stack) || self.unsettled.contains_key(stack) {
            return Err(Refusal::Running(stack.clone()));
        }
        let (borrowed, given_back) = Borrowed::new(tracked.clone(), commit);
        let stack = stack.clone();
        self.active.insert(stack.clone());
        self.borrowed.spawn(async move {
            // It ends when the other side is dropped.
            let _dropped = given_back.await;
            stack
        });
        Ok(borrowed)
    }

    pub(super) fn given_back(&mut self, stack: Result<StackId, tokio::task::JoinError>) {
        if let Ok(stack) = stack {
            self.active.remove(&stack);
        }
    }

    /// Has the end of runs that broke off recorded. One that may have changed something is looked at
    /// and held for a person.
    pub(super) fn settle(&mut self) {
        for (stack, unsettled) in &mut self.unsettled {
            if std::mem::replace(&mut unsettled.busy, true) {
                continue;
            }
            let (stack, context) = (stack.clone(), self.context.clone());
            let (run, why) = (unsettled.run.clone(), unsettled.why.clone());
            self.settling.spawn(async move {
                let stop = context.stop.plans.clone();
                let settling = async move {
                    match context.store.run(&run.id).await? {
                        Some(run) if !run.state.is_over() => {
                            recover::settle(&context, run, &why).await
                        }
                        _ => Ok(true),
                    }
                };
                // A task of its own, so that a panic is that look's alone.
                let settled = tokio::spawn(settling).await.map_err(Broken::from);
                let settled = settled.and_then(|settled| settled.map_err(Broken::from));
                if settled.is_err() {
                    let pause = tokio::time::sleep(SETTLE_AGAIN);
                    let _stopping = stop.run_until_cancelled(pause).await;
                }
                (stack, settled)
            });
        }
    }

    pub(super) fn settled(&mut self, settled: Result<(StackId, Settled), tokio::task::JoinError>) {
        match settled {
            Ok((stack, Ok(true))) => {
                self.unsettled.remove(&stack);
            }
            // The daemon is stopping: the next one goes on with it.
            Ok((_, Ok(false))) => {}
            Ok((stack, Err(error))) => {
                if let Some(unsettled) = self.unsettled.get_mut(&stack) {
                    tracing::error!(run = %unsettled.run.id, "the run stays open: {error}");
                    unsettled.busy = false;
                }
            }
            Err(error) => tracing::error!("the look at a run that broke off broke off: {error}"),
        }
    }
}

impl Unsettled {
    pub(super) fn new(orders: &Orders, run: Run, why: &str) -> Self {
        Self {
            _applying: orders.apply(&run.stack),
            run,
            why: why.to_owned(),
            busy: false,
        }
    }
}
