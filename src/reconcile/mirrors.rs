//! The repositories of the sources, each opened once and shared by all its stacks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::SourceName;
use crate::git::Mirror;

use super::context::Context;
use super::turns::Turns;

/// What was opened, and whose turn it is to fetch.
#[derive(Debug, Default)]
pub struct Mirrors {
    opened: Mutex<BTreeMap<SourceName, Arc<Mirror>>>,
    pub(super) turns: Turns,
    trees: Mutex<BTreeMap<SourceName, Arc<Mutex<()>>>>,
}

impl Mirrors {
    /// Held by whoever works with the tree in which the stacks of a source are discovered: whoever follows
    /// it, and runs that another replica hands out.
    pub(super) fn tree(&self, source: &SourceName) -> Arc<Mutex<()>> {
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        trees.entry(source.clone()).or_default().clone()
    }
}

/// The repository of a source. The first time it is opened, which reads a few small files.
pub(super) fn mirror(context: &Context, source: &SourceName) -> Result<Arc<Mirror>, Failure> {
    let mut known = context
        .mirrors
        .opened
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(mirror) = known.get(source) {
        return Ok(mirror.clone());
    }
    let mut sources = context.settings.sources.iter();
    let settings = sources.find(|settings| settings.name == *source);
    let settings = settings.ok_or_else(|| unconfigured(source))?;
    let dir = context.layout.mirror(source);
    let ca = context.settings.ca_file.as_deref();
    let mut mirror = Mirror::open(&dir, &settings.location, ca)?;
    if settings.submodules {
        mirror = mirror.with_submodules(&dir, ca);
    }
    let mirror = Arc::new(mirror);
    known.insert(source.clone(), mirror.clone());
    Ok(mirror)
}

fn unconfigured(source: &SourceName) -> Failure {
    Failure::new(
        FailureKind::Internal,
        format!("the source {source} is not configured"),
        "this stack should not be tracked any more; report this",
    )
}
