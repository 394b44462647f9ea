//! A full disk under the data directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{OBSERVE, estate, failed, mails, posts, told, told_of_first_look};
use crate::harness::{Daemon, skipped};

/// Too little for a plan of `blob`, enough for the database.
const LITTLE: u64 = 600 << 10;

#[test]
fn a_full_disk_is_told_and_survived() {
    let Some((lab, repository)) = estate("faults::disk", &["small"]) else {
        return;
    };
    let Some(disk) = Disk::mount(&lab.path().join("data")) else {
        return;
    };
    repository.write_stack(
        "blob",
        "resource \"terraform_data\" \"it\" {\n  input = file(\"blob\")\n}\n",
    );
    repository.write("blob/blob", &noise(1 << 20));
    super::apply(&lab, &repository, &["blob"]);
    repository.push("A large one");
    let daemon = Daemon::start(&lab, &Daemon::configuration(&lab, &repository, OBSERVE));
    daemon.wait_for_verdict("infra/small", "in_sync");
    daemon.wait_for_verdict("infra/blob", "in_sync");
    told_of_first_look(&lab, &daemon);

    // Nearly full: what is too large for it fails, nothing else does.
    lab.fault("smtp-down");
    disk.fill(LITTLE);
    assert!(daemon.ask_for_plan("infra/blob"));
    failed(&daemon, "infra/blob", "out_of_disk", "space");
    assert_eq!(daemon.planned("infra/small")["verdict"], "in_sync");
    let subject = "[failed: out_of_disk] infra/blob";
    daemon.eventually("posts about it", || {
        (posts(&lab, "/slack/", &[subject]) == 1).then_some(())
    });

    // Full to the last byte, while a mail has yet to go.
    disk.fill(0);
    assert!(daemon.is_healthy());
    assert_eq!(mails(&lab, subject), 0);
    lab.clear("smtp-down");
    daemon.eventually("the mail arrives", || {
        (mails(&lab, subject) > 0).then_some(())
    });
    let planned = daemon.ask_for_plan("infra/small");
    assert!(daemon.is_healthy());
    assert_eq!(daemon.stack("infra/blob")["verdict"], "failed");

    disk.free();
    if !planned {
        daemon.eventually("plans are taken again", || {
            daemon.ask_for_plan("infra/small").then_some(())
        });
    }
    daemon.settled("infra/small");
    assert_eq!(daemon.planned("infra/blob")["verdict"], "in_sync");
    assert_eq!(daemon.stack("infra/small")["verdict"], "in_sync");
    told(&lab, &daemon, "[resolved] infra/blob");
    daemon.all_told();
    assert_eq!(mails(&lab, subject), 1);
    assert_eq!(posts(&lab, "/slack/", &[subject]), 1);
    assert!(daemon.stop().success());
    drop(disk);
}

/// A small file system of its own, gone with this value.
struct Disk {
    place: PathBuf,
}

impl Disk {
    /// Mounts it; none, said loudly, where that is not permitted.
    fn mount(place: &Path) -> Option<Self> {
        std::fs::create_dir(place).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=48m,mode=0700", "tmpfs"]);
        if mount
            .arg(place)
            .status()
            .is_ok_and(|status| status.success())
        {
            let place = place.to_owned();
            return Some(Self { place });
        }
        skipped(
            "faults::disk",
            "a file system cannot be mounted; run it as root",
        );
        None
    }

    /// Leaves this many bytes.
    fn fill(&self, left: u64) {
        let room = rustix::fs::statvfs(&self.place).unwrap();
        let free = room.f_bavail * room.f_frsize;
        let file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.filler());
        let mut zeros = std::io::Read::take(std::io::repeat(0), free.saturating_sub(left));
        let copied = std::io::copy(&mut zeros, &mut file.unwrap());
        // Somebody else may have taken the rest meanwhile.
        assert!(copied.is_ok() || left == 0, "{copied:?}");
    }

    fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.place.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _gone = Command::new("umount")
            .arg("--lazy")
            .arg(&self.place)
            .status();
    }
}

/// Text that does not compress well.
fn noise(length: usize) -> String {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut letter = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        char::from(b'!' + u8::try_from(seed % 64).unwrap()).to_ascii_lowercase()
    };
    (0..length).map(|_| letter()).collect()
}
