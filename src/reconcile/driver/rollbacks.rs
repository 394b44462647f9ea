//! Rollbacks that people want, until it is known what became of them.

use crate::domain::audit::{Action, NewAudit};
use crate::domain::failure::FailureKind;
use crate::domain::identity::Identity;
use crate::domain::ids::{CommitId, RunId, StackId};
use crate::domain::request::Rollback;
use crate::domain::run::{Outcome, Run, Trigger};
use crate::store::StoreError;

use super::super::command::Refusal;
use super::super::rollback;
use super::{Driver, RETRY};

/// A rollback whose run broke off.
#[derive(Debug, Clone)]
pub(super) struct CutOff {
    run: RunId,
    commit: CommitId,
    rollback: Rollback,
}

impl Driver {
    pub(super) async fn roll_back(
        &mut self,
        stack: &StackId,
        to: &str,
        rollback: Rollback,
        by: &Identity,
    ) -> Result<RunId, Refusal> {
        let Some(followed) = self.stacks.get(stack) else {
            return Err(Refusal::UnknownStack(stack.clone()));
        };
        if self.unsettled.contains_key(stack) {
            return Err(Refusal::Running(stack.clone()));
        }
        let commit = rollback::commit_named(&self.context, &followed.tracked, to).await?;
        let id = self.enqueue_rollback(stack, commit).await?;
        let wanted = Action::RollbackWanted {
            stack: stack.clone(),
            run: id,
            to: to.to_owned(),
            reason: rollback.reason.clone(),
        };
        let entry = NewAudit::asked(self.context.now(), by, wanted);
        self.context.store.record(&[entry]).await?;
        self.wanted.insert(id, rollback);
        self.cut_off.remove(stack);
        Ok(id)
    }

    /// The run of a rollback broke off. One that is queued by now was wanted later, and counts.
    pub(super) fn cut_off(&mut self, run: &Run, rollback: Rollback) {
        let queued = self.queue.of(&run.stack);
        let is_outdated = queued.is_some_and(|queued| self.wanted.contains_key(&queued.id));
        if let (Some(commit), false) = (run.commit.clone(), is_outdated) {
            let cut_off = CutOff {
                run: run.id,
                commit,
                rollback,
            };
            self.cut_off.insert(run.stack.clone(), cut_off);
        }
    }

    /// Makes rollbacks that broke off again as their stacks are due, if nobody was asked about them yet;
    /// gives what is due now all the same.
    pub(super) async fn roll_back_again(
        &mut self,
        mut due: Vec<(StackId, Trigger)>,
    ) -> Vec<(StackId, Trigger)> {
        let again = due.iter().filter(|(id, _)| self.cut_off.contains_key(id));
        for (stack, trigger) in again.cloned().collect::<Vec<_>>() {
            // How the run ended is recorded first.
            if !self.unsettled.contains_key(&stack) {
                match self.take_up_cut_off(&stack).await {
                    Ok(()) => continue,
                    Err(error) => tracing::error!(%stack, "not rolled back again yet: {error}"),
                }
            }
            due.retain(|(id, _)| *id != stack);
            let later = self.context.now().checked_add(RETRY).ok();
            self.wait_for(&stack, trigger, later);
        }
        due
    }

    async fn take_up_cut_off(&mut self, stack: &StackId) -> Result<(), StoreError> {
        let Some(cut_off) = self.cut_off.get(stack).cloned() else {
            return Ok(());
        };
        let ended = self.context.store.run(&cut_off.run).await?;
        if ended.is_some_and(|run| has_asked_nobody(&run)) {
            let id = self.enqueue_rollback(stack, cut_off.commit).await?;
            self.wanted.insert(id, cut_off.rollback);
        }
        self.cut_off.remove(stack);
        Ok(())
    }

    async fn enqueue_rollback(
        &mut self,
        stack: &StackId,
        commit: CommitId,
    ) -> Result<RunId, StoreError> {
        let id = self.enqueue(stack, Trigger::Rollback, None).await?;
        // A look that was queued already gives way: another follows it.
        if let Some(run) = self.queue.of(stack).filter(|run| run.id == id) {
            let run = Run {
                trigger: Trigger::Rollback,
                commit: Some(commit),
                ..run.clone()
            };
            self.context.store.save_run(&run).await?;
            self.queue.push(run);
        }
        Ok(id)
    }
}

/// People are asked with the end of the run, and it came to none of its own.
fn has_asked_nobody(run: &Run) -> bool {
    match &run.outcome {
        Some(Outcome::Cancelled) => true,
        Some(Outcome::Failed { failure }) => failure.kind == FailureKind::Interrupted,
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::domain::finding::Verdict;
    use crate::domain::run::RunState;
    use crate::reconcile::fixture::{paused, tracked};
    use crate::reconcile::fresh;
    use crate::reconcile::recover::{Elsewhere, LeftOver};
    use crate::reconcile::undertake::Broken;

    fn wanted() -> Rollback {
        Rollback {
            by: "ada".to_owned(),
            reason: None,
            asker: None,
        }
    }

    /// What is queued after another replica, which had a rollback, is gone; `asks` if it was done first.
    async fn after_a_loss(asks: bool) -> (Option<CommitId>, bool) {
        let directory = tempfile::tempdir().unwrap();
        let (context, clock) = paused(directory.path(), Timestamp::UNIX_EPOCH).await;
        let tracked = tracked();
        let stack = tracked.id.clone();
        let mut run = Run {
            state: RunState::Planning,
            commit: Some(CommitId::new("earlier")),
            ..Run::queued(
                fresh::run(),
                stack.clone(),
                Trigger::Rollback,
                context.now(),
            )
        };
        context.store.save_run(&run).await.unwrap();
        let elsewhere = Elsewhere {
            run: run.clone(),
            replica: 7,
            source: tracked.source.clone(),
            wanted: Some(wanted()),
        };
        let left_over = LeftOver {
            elsewhere: vec![elsewhere],
            ..LeftOver::default()
        };
        let mut driver = Driver::new(Arc::clone(&context), left_over);
        driver.take_on(tracked, &CommitId::new("c"), None);
        if asks {
            let verdict = Verdict::Unknown;
            run.finish(Outcome::Checked { verdict }, context.now())
                .unwrap();
            context.store.save_run(&run).await.unwrap();
        }
        let lost = Broken::Lost("second".to_owned());
        driver.ended(Ok((run, Err(lost)))).await;
        let due = driver.stacks[&stack].due.unwrap();
        *clock.lock().unwrap() = due;
        driver.enqueue_due().await;
        assert!(driver.queue.is_empty(), "its end is not recorded");
        driver.settle();
        let settled = driver.settling.join_next().await.unwrap();
        driver.settled(settled);
        *clock.lock().unwrap() = due + RETRY;
        driver.enqueue_due().await;
        let queued = driver.queue.of(&stack).unwrap();
        let is_wanted = driver.wanted.get(&queued.id) == Some(&wanted());
        (queued.commit.clone(), is_wanted)
    }

    #[tokio::test]
    async fn a_rollback_whose_replica_is_gone_is_made_again_unless_people_were_asked() {
        let earlier = Some(CommitId::new("earlier"));
        assert_eq!(after_a_loss(false).await, (earlier, true));
        assert_eq!(after_a_loss(true).await, (None, false));
    }
}
