//! The repositories of the sources, each opened once and shared by all its stacks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::SourceName;
use crate::git::Mirror;

use super::context::Context;

/// What was opened.
#[derive(Debug, Default)]
pub struct Mirrors(Mutex<BTreeMap<SourceName, Arc<Mirror>>>);

/// The repository of a source. The first time it is opened, which reads a few small files.
pub(super) fn mirror(context: &Context, source: &SourceName) -> Result<Arc<Mirror>, Failure> {
    let mut known = context
        .mirrors
        .0
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
    let mirror = Arc::new(Mirror::open(&dir, &settings.location, ca)?);
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
