//! Bells, one for each notifier: whoever waits by one is woken, or does not wait next time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Bells by the names of notifiers.
#[derive(Debug, Default)]
pub struct Bells(Mutex<BTreeMap<String, Arc<Notify>>>);

impl Bells {
    /// The bell of a notifier.
    pub fn of(&self, notifier: &str) -> Arc<Notify> {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bells.entry(notifier.to_owned()).or_default().clone()
    }

    /// Rings it.
    pub fn ring(&self, notifier: &str) {
        self.of(notifier).notify_one();
    }
}
