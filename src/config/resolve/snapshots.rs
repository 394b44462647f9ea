//! How copies of states are sealed, and how long they stay.

use age::x25519::Recipient;

use super::super::at::At;
use super::super::written::Snapshots;
use super::Checks;
use super::artifacts::DEFAULT_KEEP;
use crate::artifacts::settings::{SnapshotKeys, SnapshotSettings};

const DEFAULT_LAST: usize = 20;

impl Checks<'_> {
    pub(super) fn snapshots(&mut self, written: Option<&Snapshots>) -> SnapshotSettings {
        let Some(written) = written else {
            return SnapshotSettings {
                keys: SnapshotKeys::default(),
                keep: DEFAULT_KEEP,
                keep_last: DEFAULT_LAST,
            };
        };
        let recipients = written.recipients.iter();
        SnapshotSettings {
            keys: SnapshotKeys {
                key: self.secret(written.key_file.as_ref(), written.key_env.as_ref()),
                recipients: recipients.filter_map(|key| self.recipient(key)).collect(),
            },
            keep: self.keep(written.keep.as_ref()).unwrap_or(DEFAULT_KEEP),
            keep_last: self.keep_last(written.keep_last.as_ref()),
        }
    }

    fn recipient(&mut self, written: &At<String>) -> Option<Recipient> {
        let parsed = written.trim().parse().ok();
        if parsed.is_none() {
            self.problem(
                written,
                "this is no public key of age",
                "write what `age-keygen -y KEYFILE` prints, beginning with `age1`; a private key \
                 belongs into a file that `key_file` names",
            );
        }
        parsed
    }

    fn keep_last(&mut self, written: Option<&At<u32>>) -> usize {
        let Some(last) = written else {
            return DEFAULT_LAST;
        };
        if **last == 0 {
            self.problem(last, "the last snapshot always stays", "write 1 or more");
        }
        usize::try_from(**last).unwrap_or(usize::MAX)
    }
}
