//! What every part of the daemon shares.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::artifacts::{Artifacts, Snapshots};
use crate::domain::digest::DigestKey;
use crate::domain::ids::{CommitId, SourceName};
use crate::domain::lease::Lease;
use crate::notify::Notifiers;
use crate::rego::Policies;
use crate::statewatch::Watcher;
use crate::store::{Store, StoreError};
use crate::terraform::Machine;

use super::bells::Bells;
use super::costs::Costs;
use super::habits::Habits;
use super::late::Late;
use super::layout::Layout;
use super::mirrors::Mirrors;
use super::orders::Orders;
use super::pauses::PauseSwitch;
use super::pulse::Pulse;
use super::settings::Settings;
use super::time::Time;

/// What every part of the daemon shares.
#[derive(Debug)]
pub struct Context {
    /// The validated configuration.
    pub settings: Settings,
    /// The database.
    pub store: Store,
    /// Fingerprints masked values and digests.
    pub key: DigestKey,
    /// Paths.
    pub layout: Layout,
    /// Kept copies.
    pub artifacts: Artifacts,
    /// Sealed copies of states.
    pub snapshots: Snapshots,
    /// Channels to people.
    pub notifiers: Notifiers,
    /// Rings when there is news that waits to become messages.
    pub news_bell: Notify,
    /// Rings for a notifier when a message has been put into the outbox for it.
    pub outbox_bells: Bells,
    /// Which parts came round lately.
    pub pulse: Pulse,
    /// How to stop.
    pub stop: Stop,
    /// Where each source is in Git.
    pub heads: Heads,
    /// What this machine has for engines.
    pub machine: Machine,
    /// What looks at each stack usually use.
    pub costs: Costs,
    /// What looks have told of each stack.
    pub habits: Habits,
    /// Glances at the objects that hold states.
    pub state_watcher: Watcher,
    /// The repositories of the sources.
    pub mirrors: Mirrors,
    /// Which stacks are applied before which, and what is being applied.
    pub orders: Orders,
    /// What is not to be changed for now.
    pub pauses: PauseSwitch,
    /// People's policies in Rego.
    pub policies: Option<Policies>,
    /// What time it is.
    pub time: Time,
    /// Whether this process leads, if several share the database.
    pub leads: AtomicBool,
    /// What runs of this process are held by; none if no other one shares the database.
    pub lease: Option<Lease>,
    /// Applies that ended after others had gone on without this process.
    pub late: Late,
}

impl Context {
    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.time.now()
    }

    /// The commit that a source is at, as whoever leads has last read it.
    pub(super) async fn head(&self, source: &SourceName) -> Result<Option<CommitId>, StoreError> {
        if !self.store.is_shared() || self.leads.load(Ordering::Relaxed) {
            return Ok(self.heads.get(source));
        }
        let sources = self.store.sources().await?;
        let record = sources.into_iter().find(|record| record.name == *source);
        Ok(record.and_then(|record| record.commit))
    }
}

/// The commit that each source is at, as last read.
#[derive(Debug, Default)]
pub struct Heads(Mutex<BTreeMap<SourceName, CommitId>>);

impl Heads {
    /// The commit of a source, once it has been read.
    pub fn get(&self, source: &SourceName) -> Option<CommitId> {
        let heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heads.get(source).cloned()
    }

    /// The source is at this commit now.
    pub fn set(&self, source: &SourceName, commit: CommitId) {
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heads.insert(source.clone(), commit);
    }
}

/// Two steps of a shutdown: plans stop at once, applies are given time. And what may be the reason.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Stops everything that changes nothing.
    pub plans: CancellationToken,
    /// Interrupts applies.
    pub applies: CancellationToken,
    /// Others have gone on without this process: it begins nothing and ends.
    pub fenced: CancellationToken,
}
