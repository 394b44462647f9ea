//! A sign of life from a transfer: it counts, and shows nothing.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use gix::progress::{Count, Id, MessageLevel, NestedProgress, Progress, Step, StepShared, Unit};

/// Counts whatever moves. Each child counts by itself, because its user may rely on the number;
/// all of them together show life.
#[derive(Clone)]
pub(super) struct Pulse {
    own: StepShared,
    all: Arc<Mutex<Vec<StepShared>>>,
}

impl Default for Pulse {
    fn default() -> Self {
        let own = StepShared::default();
        Self {
            all: Arc::new(Mutex::new(vec![Arc::clone(&own)])),
            own,
        }
    }
}

impl Pulse {
    /// A number that changes as long as there is progress.
    pub(super) fn beat(&self) -> usize {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().fold(all.len(), |sum, counter| {
            sum.wrapping_add(counter.load(Ordering::Relaxed))
        })
    }

    fn child(&self) -> Self {
        let own = StepShared::default();
        self.all
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&own));
        Self {
            own,
            all: Arc::clone(&self.all),
        }
    }
}

impl Count for Pulse {
    fn set(&self, step: Step) {
        self.own.store(step, Ordering::Relaxed);
    }

    fn step(&self) -> Step {
        self.own.load(Ordering::Relaxed)
    }

    fn inc_by(&self, step: Step) {
        self.own.fetch_add(step, Ordering::Relaxed);
    }

    fn counter(&self) -> StepShared {
        Arc::clone(&self.own)
    }
}

impl Progress for Pulse {
    fn init(&mut self, _max: Option<Step>, _unit: Option<Unit>) {}

    fn set_name(&mut self, _name: String) {}

    fn name(&self) -> Option<String> {
        None
    }

    fn id(&self) -> Id {
        gix::progress::UNKNOWN
    }

    fn message(&self, _level: MessageLevel, _message: String) {}
}

impl NestedProgress for Pulse {
    type SubProgress = Self;

    fn add_child(&mut self, _name: impl Into<String>) -> Self {
        self.child()
    }

    fn add_child_with_id(&mut self, _name: impl Into<String>, _id: Id) -> Self {
        self.child()
    }
}
