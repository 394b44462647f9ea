//! Putting a state in the place of the one there is.

use std::io::Write;

use tokio_util::sync::CancellationToken;

use crate::domain::failure::Failure;

use super::argv;
use super::workdir::{Workdir, disk_failure};

impl Workdir {
    /// Pushes a state, under Terraform's own lock. It refuses an older serial, and another lineage
    /// unless that is meant.
    pub async fn state_push(
        &self,
        state: &[u8],
        other_lineage: bool,
        cancel: &CancellationToken,
    ) -> Result<(), Failure> {
        self.require_workspace(cancel).await?;
        self.open_scratch()?;
        let refused = |cause: std::io::Error| disk_failure(&self.scratch, &cause);
        // Readable by us only, and gone with this value.
        let mut file = tempfile::Builder::new()
            .prefix("push-")
            .tempfile_in(&self.scratch)
            .map_err(refused)?;
        file.write_all(state)
            .and_then(|()| file.flush())
            .map_err(refused)?;
        let command = self.command(argv::state_push(file.path(), other_lineage));
        let stops = self.reading_stops();
        self.quiet("state push", command, stops, cancel, &mut |_| {})
            .await
    }
}
