//! The installation's key: where it is, and that all processes on one database have the same.

use super::{StartError, path};
use crate::domain::digest::DigestKey;
use crate::reconcile::layout::{Layout, read_key};
use crate::reconcile::settings::Settings;
use crate::store::Store;

/// What makes a key usable.
pub(super) const HOW: &str = "name a file of exactly 32 bytes that this user can read: a copy of \
    installation.key of the data directory that was used first, or a new one \
    (`head -c 32 /dev/urandom`)";
/// What makes keys agree.
pub(super) const WHICH: &str = "give all replicas the same: copy installation.key of the data \
    directory that was used first, and name the copy in installation_key_file; if that key is lost, \
    delete the row `installation_key` of the table `memory`: what was approved before is void then";
/// Where the database remembers which key it is.
const REMEMBERED: &str = "installation_key";

/// The configured key, or that of the data directory.
pub(super) fn read(settings: &Settings, layout: &Layout) -> Result<DigestKey, StartError> {
    match &settings.installation_key_file {
        Some(file) => read_key(file).map_err(|cause| StartError::Key {
            path: file.display().to_string(),
            cause,
        }),
        None => layout
            .installation_key()
            .map_err(|cause| StartError::DataDir {
                path: path(settings),
                cause,
            }),
    }
}

/// Fails if others who use the database have another key: they would take each other's approvals for
/// void, and every sensitive value for a changed one.
pub(super) async fn agree(
    settings: &Settings,
    layout: &Layout,
    key: &DigestKey,
    store: &Store,
) -> Result<(), StartError> {
    if !store.is_shared() {
        return Ok(());
    }
    let own = key.own_fingerprint();
    let known = store.recall_or_remember(REMEMBERED, own.as_str()).await?;
    if known == own.as_str() {
        return Ok(());
    }
    let own = layout.own_installation_key();
    let file = settings.installation_key_file.as_ref().unwrap_or(&own);
    Err(StartError::OtherKey {
        path: file.display().to_string(),
    })
}
