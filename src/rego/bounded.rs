//! Runs the engine on a thread of its own, and waits for it no longer than it may take. The engine
//! looks at the clock between steps; a single step can take longer, and no thread can be ended from
//! outside. So such a thread is left behind, and if there are several nothing new is begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// Policies are evaluated by recursion, over expressions and over functions that call functions.
const STACK_SIZE: usize = 64 << 20;
/// How much longer the engine may take than it was told, for a step that was long.
const GRACE: Duration = Duration::from_secs(1);
/// So many threads that were left behind are too many.
const MOST_LEFT: usize = 4;

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    TimedOut,
    Busy,
    Crashed,
}

/// Counts the threads that were left behind.
#[derive(Debug, Clone, Default)]
pub(super) struct Threads {
    left: Arc<AtomicUsize>,
}

impl Threads {
    /// Runs this. It has to look at the time itself and end within `time`.
    pub(super) fn run<T: Send + 'static>(
        &self,
        time: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Lost> {
        if self.left.load(Ordering::SeqCst) >= MOST_LEFT {
            return Err(Lost::Busy);
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let mine = Parted::new(self);
        let theirs = mine.clone();
        let thread = std::thread::Builder::new()
            .name("rego".to_owned())
            .stack_size(STACK_SIZE);
        let begun = thread.spawn(move || {
            // Even if the work panics.
            let _ended = End(theirs);
            let _ = sender.send(work());
        });
        if begun.is_err() {
            return Err(Lost::Crashed);
        }
        receiver
            .recv_timeout(time + GRACE)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => {
                    mine.leave();
                    Lost::TimedOut
                }
                RecvTimeoutError::Disconnected => Lost::Crashed,
            })
    }
}

/// Whether one of the two, who waits and who works, has gone already.
#[derive(Clone)]
struct Parted {
    gone: Arc<AtomicBool>,
    left: Arc<AtomicUsize>,
}

impl Parted {
    fn new(threads: &Threads) -> Self {
        Self {
            gone: Arc::default(),
            left: Arc::clone(&threads.left),
        }
    }

    /// Who waits goes.
    fn leave(&self) {
        self.left.fetch_add(1, Ordering::SeqCst);
        if self.gone.swap(true, Ordering::SeqCst) {
            self.left.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

struct End(Parted);

impl Drop for End {
    fn drop(&mut self) {
        if self.0.gone.swap(true, Ordering::SeqCst) {
            self.0.left.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn nothing_is_begun_while_too_many_have_not_ended_and_then_again() {
        let threads = Threads::default();
        let hold = Arc::new(Barrier::new(MOST_LEFT + 1));
        std::thread::scope(|scope| {
            for _ in 0..MOST_LEFT {
                let hold = Arc::clone(&hold);
                scope.spawn(|| {
                    let lost = threads.run(Duration::ZERO, move || {
                        hold.wait();
                    });
                    assert_eq!(lost, Err(Lost::TimedOut));
                });
            }
        });
        assert_eq!(threads.run(Duration::ZERO, || ()), Err(Lost::Busy));
        hold.wait();
        while threads.left.load(Ordering::SeqCst) > 0 {
            std::thread::yield_now();
        }
        assert_eq!(threads.run(Duration::from_secs(60), || 5), Ok(5));
    }

    #[test]
    fn a_panic_ends_only_its_thread() {
        let threads = Threads::default();
        let lost: Result<(), Lost> = threads.run(Duration::from_secs(60), || panic!("on purpose"));
        assert_eq!(lost, Err(Lost::Crashed));
        assert_eq!(threads.left.load(Ordering::SeqCst), 0);
    }
}
