//! Whether the findings of a source's first sight have been told.

use crate::domain::ids::SourceName;
use crate::store::StoreError;

use super::context::Context;

/// Whether the baseline of a source has been told.
pub(super) async fn is_told(context: &Context, source: &SourceName) -> Result<bool, StoreError> {
    Ok(context.store.recall(&key(source)).await?.is_some())
}

/// Under which it is remembered.
pub(super) fn key(source: &SourceName) -> String {
    format!("baseline/{source}")
}
