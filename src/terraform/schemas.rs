//! The schemas of a stack's providers, as an engine tells them.

use tokio_util::sync::CancellationToken;

use crate::domain::failure::{Failure, FailureKind};

use super::argv;
use super::failures::plain;
use super::output::Capture;
use super::workdir::Workdir;

/// Schemas larger than this are refused, in bytes. The largest provider's have some twenty million.
const LARGEST_SCHEMAS: usize = 256 << 20;

impl Workdir {
    /// The schemas of all providers of this directory as JSON. It starts each of them, which takes
    /// seconds. There is no secret in it. The directory must be initialised.
    pub async fn provider_schemas(&self, cancel: &CancellationToken) -> Result<Vec<u8>, Failure> {
        self.require_workspace(cancel).await?;
        let mut out = Capture::new(LARGEST_SCHEMAS);
        self.quiet(
            "providers schema",
            self.command(argv::provider_schemas()),
            self.reading_stops(),
            cancel,
            &mut |bytes| out.take(bytes),
        )
        .await?;
        if out.overflowed() {
            return Err(plain(
                FailureKind::OutputTooLarge,
                format!(
                    "the schemas of the providers are larger than {} MiB",
                    LARGEST_SCHEMAS >> 20
                ),
            ));
        }
        Ok(out.into_bytes())
    }
}
