//! Artifacts leave the spool for S3 in order, however long it is out of reach and however often
//! Mooring is restarted.

use std::time::Duration;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::artifacts::SpooledArtifacts;
use crate::domain::backoff::backoff;
use crate::telemetry::metrics;

/// The wait after the first failed upload.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(1);
/// The longest one.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(5);

/// Uploads artifacts until the daemon stops. What is under way then is begun anew at the next start.
pub async fn upload(artifacts: SpooledArtifacts, stop: CancellationToken) {
    let _stopped = stop.run_until_cancelled(upload_all(&artifacts)).await;
}

async fn upload_all(artifacts: &SpooledArtifacts) {
    let mut failures = 0_u32;
    loop {
        metrics::artifacts_waiting(artifacts.waiting());
        match artifacts.upload_oldest().await {
            Ok(Some(artifact)) => {
                if failures > 0 {
                    tracing::info!("artifacts can be uploaded again");
                    failures = 0;
                }
                tracing::debug!("uploaded {artifact}");
            }
            Ok(None) => artifacts.rung().await,
            Err(error) => {
                metrics::artifact_upload_failed();
                let wait = backoff("artifacts", failures, FIRST_WAIT, LONGEST_WAIT);
                failures = failures.saturating_add(1);
                tracing::warn!(
                    waiting = artifacts.waiting(),
                    failures,
                    "cannot upload an artifact, to be tried again: {error}. {}",
                    error.hint()
                );
                tokio::time::sleep(Duration::try_from(wait).unwrap_or_default()).await;
            }
        }
    }
}
