//! What people approved: it is planned again, and applied if it is the same.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::ids::RequestId;
use crate::domain::request::Request;
use crate::domain::run::Trigger;
use crate::store::StoreError;

use super::Driver;

/// How often it is looked for approvals of which nobody has told the driver.
const EVERY: Duration = Duration::from_mins(1);

/// What is known of approvals.
#[derive(Debug)]
pub(super) struct Approvals {
    /// When it is looked for them next.
    pub(super) look_at: Instant,
    /// The revisions of requests that were taken up. An approval that cannot be used yet, because of a
    /// pause for example, is no reason to plan again and again.
    taken_up: BTreeSet<(RequestId, u32)>,
}

impl Default for Approvals {
    fn default() -> Self {
        Self {
            look_at: Instant::now(),
            taken_up: BTreeSet::new(),
        }
    }
}

impl Driver {
    /// What was approved while nobody could act on it is looked at now.
    pub(super) async fn take_up_approvals(&mut self) {
        match self.approved().await {
            Ok(approved) => approved.iter().for_each(|request| self.look_at_it(request)),
            Err(error) => tracing::error!("cannot read what was approved: {error}"),
        }
    }

    /// The same, if it is time to look, for what was not taken up: whoever stored the approval may not have
    /// come through to the driver. A run that is under way is awaited, since it may use it.
    pub(super) async fn take_up_missed_approvals(&mut self) {
        if Instant::now() < self.approvals.look_at {
            return;
        }
        self.approvals.look_at = Instant::now() + EVERY;
        let approved = match self.approved().await {
            Ok(approved) => approved,
            Err(error) => {
                tracing::error!("cannot read what was approved: {error}");
                return;
            }
        };
        let live: BTreeSet<_> = approved.iter().map(key).collect();
        self.approvals.taken_up.retain(|known| live.contains(known));
        for request in &approved {
            let is_taken_up = self.approvals.taken_up.contains(&key(request));
            if !is_taken_up && !self.active.contains(&request.stack) {
                self.look_at_it(request);
            }
        }
    }

    async fn approved(&self) -> Result<Vec<Request>, StoreError> {
        let now = self.context.now();
        let mut live = self.context.store.live_requests().await?;
        live.retain(|request| request.is_live(now));
        Ok(live)
    }

    fn look_at_it(&mut self, request: &Request) {
        if self.stacks.contains_key(&request.stack) {
            let now = self.context.now();
            self.wait_for(&request.stack, Trigger::Approval, Some(now));
            self.approvals.taken_up.insert(key(request));
        }
    }
}

const fn key(request: &Request) -> (RequestId, u32) {
    (request.id, request.revision)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::domain::binding::Binding;
    use crate::domain::ids::{ChangeDigest, CommitId, Fingerprint, StackId};
    use crate::domain::request::{Asked, RequestState};
    use crate::domain::testing::check;
    use crate::reconcile::fixture::{paused, tracked};
    use crate::reconcile::fresh;
    use crate::reconcile::recover::LeftOver;
    use crate::store::Conclusion;

    fn approved(stack: &StackId, now: Timestamp) -> Request {
        let binding = Binding {
            stack: stack.clone(),
            digest: ChangeDigest::new("d"),
            lineage: "l".into(),
            serial: 4,
            commit: None,
            inputs: Fingerprint::new("i"),
        };
        let asked = Asked::new(fresh::run(), binding, vec![], None, &check(vec![]));
        let day = SignedDuration::from_hours(24);
        Request {
            state: RequestState::Approved,
            ..Request::new(fresh::request(), stack.clone(), asked, day, now)
        }
    }

    #[tokio::test]
    async fn an_approval_of_which_the_driver_was_not_told_is_taken_up_once() {
        let directory = tempfile::tempdir().unwrap();
        let (context, _clock) = paused(directory.path(), Timestamp::UNIX_EPOCH).await;
        let mut driver = Driver::new(Arc::clone(&context), LeftOver::default());
        let (tracked, now) = (tracked(), context.now());
        let requests = [approved(&tracked.id, now)];
        let conclusion = Conclusion {
            requests: &requests,
            ..Conclusion::default()
        };
        context.store.conclude(&conclusion).await.unwrap();
        driver.take_up_missed_approvals().await;
        driver.take_on(tracked.clone(), &CommitId::new("c"), None);
        driver.wait_for(&tracked.id, Trigger::Schedule, None);
        driver.take_up_missed_approvals().await;
        assert!(driver.dues.is_empty(), "only every now and then");

        // One under way may use it.
        driver.active.insert(tracked.id.clone());
        driver.approvals.look_at = Instant::now();
        driver.take_up_missed_approvals().await;
        assert!(driver.dues.is_empty());
        driver.active.remove(&tracked.id);
        driver.approvals.look_at = Instant::now();
        driver.take_up_missed_approvals().await;
        driver.enqueue_due().await;
        let run = driver.queue.remove(&tracked.id).unwrap();
        assert_eq!(run.trigger, Trigger::Approval);
        driver.wait_for(&tracked.id, Trigger::Schedule, None);
        driver.approvals.look_at = Instant::now();
        driver.take_up_missed_approvals().await;
        assert!(driver.dues.is_empty(), "it cannot be used yet");
    }
}
