//! Copies of a state made before an apply: the way back. Each is proven readable before it counts.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::files::{make_directory, sync_directory, write_aside};
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::RunId;

#[derive(Deserialize)]
struct StateHead {
    lineage: String,
    #[serde(rename = "serial")]
    _serial: u64,
}

/// Keeps a copy of `state` as `<dir>/<run>.tfstate`, readable by its owner only, and gives its path.
/// The copy is read back before it gets its name: the same bytes, and a state with lineage and
/// serial. A copy that exists is never replaced; keeping the same state again is no error.
pub fn keep(dir: &Path, run: &RunId, state: &[u8]) -> Result<PathBuf, Failure> {
    let path = dir.join(format!("{run}.tfstate"));
    let refused = |error: std::io::Error| refused(&path, &error);
    make_directory(dir).map_err(refused)?;
    let file = write_aside(dir, state).map_err(refused)?;
    prove(file.path(), state)?;
    match file.persist_noclobber(&path) {
        Ok(_) => {}
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => prove(&path, state)?,
        Err(error) => return Err(refused(error.error)),
    }
    sync_directory(dir).map_err(refused)?;
    Ok(path)
}

fn prove(path: &Path, state: &[u8]) -> Result<(), Failure> {
    let kept = std::fs::read(path).map_err(|error| refused(path, &error))?;
    if Sha256::digest(&kept) != Sha256::digest(state) {
        return Err(Failure::new(
            FailureKind::Internal,
            format!(
                "the state snapshot {} is not what was written",
                path.display()
            ),
            "Check the disk of the data directory. Nothing was applied.",
        ));
    }
    match serde_json::from_slice::<StateHead>(&kept) {
        Ok(head) if !head.lineage.is_empty() => Ok(()),
        _ => Err(Failure::new(
            FailureKind::Internal,
            "what was read as the state has no lineage and serial, so it would be no way back",
            "Look at the output of `terraform state pull` in the stack. Nothing was applied.",
        )),
    }
}

fn refused(path: &Path, error: &std::io::Error) -> Failure {
    let kind = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FailureKind::OutOfDisk,
        _ => FailureKind::Internal,
    };
    Failure::new(
        kind,
        format!(
            "cannot keep a state snapshot at {}: {error}",
            path.display()
        ),
        match kind {
            FailureKind::OutOfDisk => {
                "Free space on the disk of the data directory. Nothing was applied."
            }
            _ => {
                "The data directory has to be readable and writable for the user that runs \
                 Mooring. Nothing was applied."
            }
        },
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const STATE: &[u8] = br#"{"version":4,"serial":7,"lineage":"l-1","resources":[{"a":1}]}"#;

    fn run() -> RunId {
        RunId::from_uuid(uuid::Uuid::from_u128(1))
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_snapshot_holds_the_same_bytes_for_its_owner_only() {
        let data = tempfile::TempDir::new().unwrap();
        let dir = data.path().join("state/snapshots");
        let path = keep(&dir, &run(), STATE).unwrap();
        assert_eq!(path, dir.join(format!("{}.tfstate", run())));
        assert_eq!(std::fs::read(&path).unwrap(), STATE);
        assert_eq!((mode(&dir), mode(&path)), (0o700, 0o600));
        assert_eq!(keep(&dir, &run(), STATE).unwrap(), path);
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
    }

    #[test]
    fn a_snapshot_is_never_replaced() {
        let data = tempfile::TempDir::new().unwrap();
        let path = keep(data.path(), &run(), STATE).unwrap();
        let other = br#"{"version":4,"serial":8,"lineage":"l-1"}"#;
        assert!(keep(data.path(), &run(), other).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), STATE);
    }

    #[test]
    fn what_is_no_state_is_not_kept() {
        let data = tempfile::TempDir::new().unwrap();
        for text in [
            "",
            "null",
            "[]",
            "{}",
            "{\"serial\":1}",
            "{\"serial\":1,\"lineage\":\"\"}",
            "{\"serial\":1,\"lineage\":\"l\"",
        ] {
            let failure = keep(data.path(), &run(), text.as_bytes()).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Internal, "{text}");
            assert!(failure.message.contains("lineage"), "{failure}");
        }
        assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_deeply_nested_state_is_still_a_state() {
        let data = tempfile::TempDir::new().unwrap();
        let deep = "[".repeat(5_000) + &"]".repeat(5_000);
        let state = format!("{{\"x\":{deep},\"serial\":1,\"lineage\":\"l\"}}");
        keep(data.path(), &run(), state.as_bytes()).unwrap();
    }

    #[test]
    #[allow(clippy::print_stderr)]
    fn a_full_disk_is_named_and_leaves_no_half_snapshot() {
        let data = tempfile::TempDir::new().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(data.path())
            .output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            eprintln!("SKIPPED: mounting a tmpfs is not allowed here");
            return;
        }
        let state = format!(
            "{{\"serial\":1,\"lineage\":\"l\",\"x\":\"{}\"}}",
            "x".repeat(200_000)
        );
        let result = keep(data.path(), &run(), state.as_bytes());
        let left = std::fs::read_dir(data.path()).unwrap().count();
        let unmounted = std::process::Command::new("umount")
            .arg("-l")
            .arg(data.path())
            .status();
        assert!(unmounted.unwrap().success());
        assert_eq!(result.unwrap_err().kind, FailureKind::OutOfDisk);
        assert_eq!(left, 0);
    }
}
