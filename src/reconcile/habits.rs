//! What looks have told of stacks that decides when, and beside which others, they are looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::domain::ids::StackId;
use crate::domain::stack::StackRecord;

/// What is known of one stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Habit {
    /// The source addresses of its providers; none before its first look.
    pub providers: Option<Arc<BTreeSet<String>>>,
    /// Since when nothing has happened on it; none if something does.
    pub quiet_since: Option<Timestamp>,
}

impl Habit {
    /// As a record has it.
    pub(super) fn of(record: &StackRecord) -> Self {
        Self {
            providers: record.providers.clone().map(Arc::new),
            quiet_since: record.quiet_since,
        }
    }
}

/// By stack. Many have the same providers, which are kept once.
#[derive(Debug, Default)]
pub struct Habits(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    habits: BTreeMap<StackId, Habit>,
    providers: BTreeSet<Arc<BTreeSet<String>>>,
}

impl Habits {
    /// A look, or a restart, has told this.
    pub(super) fn know(&self, stack: &StackId, habit: Habit) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let providers = habit.providers.map(|new| match known.providers.get(&new) {
            Some(kept) => kept.clone(),
            None => {
                known.providers.insert(new.clone());
                new
            }
        });
        let habit = Habit { providers, ..habit };
        known.habits.insert(stack.clone(), habit);
    }

    /// What is known of a stack.
    pub fn of(&self, stack: &StackId) -> Habit {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.habits.get(stack).cloned().unwrap_or_default()
    }
}
