//! Where findings are declared and who last changed that: found out when one is new, and kept with it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::discover::places;
use crate::domain::background::remember;
use crate::domain::check::StackCheck;
use crate::domain::failure::Failure;
use crate::domain::ids::{Address, CommitId};
use crate::domain::ledger::LedgerEntry;
use crate::domain::place::{BlockPlace, Declared};
use crate::domain::stack::StackRecord;
use crate::git::settings::SourceLocation;
use crate::git::{Mirror, permalink};

use super::context::Context;
use super::mirrors::mirror;
use super::resolve::Tracked;

/// News waits no longer for the history of the code.
const LIMIT: Duration = Duration::from_secs(5);

/// Adds what is known of the findings of a look. The stack's checkout is still at its commit. What
/// cannot be found out in time is left out.
pub(super) async fn add(
    context: &Context,
    tracked: &Tracked,
    record: &StackRecord,
    ledger: &[LedgerEntry],
    check: &mut StackCheck,
) {
    let sought = remember(check, record, ledger, context.now());
    let (Some(commit), false) = (check.commit.clone(), sought.is_empty()) else {
        return;
    };
    let mut sources = context.settings.sources.iter();
    let source = sources.find(|source| source.name == tracked.source);
    let url = source.and_then(|source| match &source.location {
        SourceLocation::Remote { url, .. } => Some(url.clone()),
        SourceLocation::Local(_) => None,
    });
    let interrupt = Arc::new(AtomicBool::new(false));
    let search = Search {
        mirror: mirror(context, &tracked.source),
        tree: context.layout.checkout(&tracked.id),
        dir: tracked.dir.clone(),
        url,
        commit,
        interrupt: interrupt.clone(),
    };
    let mut work = tokio::task::spawn_blocking(move || search.declared(&sought));
    let done = tokio::select! {
        done = &mut work => done,
        () = context.stop.plans.cancelled() => {
            interrupt.store(true, Ordering::Relaxed);
            work.await
        }
    };
    let found = done.unwrap_or_default();
    for finding in &mut check.findings.resources {
        if let Some(declared) = found.get(&finding.address) {
            finding.background.declared = Some(declared.clone());
        }
    }
}

/// All that is needed to find places in a tree and who changed them.
struct Search {
    mirror: Result<Arc<Mirror>, Failure>,
    tree: PathBuf,
    dir: String,
    /// Where the source can be looked at.
    url: Option<String>,
    commit: CommitId,
    interrupt: Arc<AtomicBool>,
}

impl Search {
    fn declared(&self, addresses: &[Address]) -> BTreeMap<Address, Declared> {
        let places = places(&self.tree, &self.dir, addresses);
        let mut blocks: Vec<BlockPlace> = places.values().cloned().collect();
        blocks.sort_unstable();
        blocks.dedup();
        let changes = match &self.mirror {
            Ok(mirror) => mirror.last_changes(&self.commit, &blocks, LIMIT, &self.interrupt),
            Err(failure) => {
                tracing::debug!("nobody can be asked who changed the code: {failure:?}");
                BTreeMap::new()
            }
        };
        let declared = |place: BlockPlace| Declared {
            link: self
                .url
                .as_deref()
                .and_then(|url| permalink(url, &self.commit, &place)),
            changed: changes.get(&place).cloned(),
            place,
        };
        let places = places.into_iter();
        places
            .map(|(address, place)| (address, declared(place)))
            .collect()
    }
}
