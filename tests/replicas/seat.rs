//! Where a replica is at home, whatever becomes of it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::deck::Trouble;
use super::replica::Replica;

pub(super) struct Seat {
    pub(super) name: String,
    pub(super) dir: PathBuf,
    pub(super) env: Vec<(String, String)>,
    /// It, and which of all lives this is.
    pub(super) process: Option<(Replica, usize)>,
    /// When it is started again.
    pub(super) again: Option<Instant>,
    /// What happens to it, and until when.
    pub(super) trouble: Option<(Trouble, Instant)>,
    pub(super) has_small_disk: bool,
}

impl Seat {
    /// One that nobody has yet.
    pub(super) fn new(world: &Path, at: usize) -> Self {
        let name = format!("r{at}");
        let dir = world.join("replicas").join(&name);
        std::fs::create_dir_all(dir.join("data")).unwrap();
        Self {
            name,
            dir,
            env: Vec::new(),
            process: None,
            again: None,
            trouble: None,
            has_small_disk: false,
        }
    }

    /// The clock is wrong by so many seconds; false, said loudly, where that cannot be made.
    pub(super) fn skew(&mut self, by: i64) -> bool {
        let Some(library) = faketime() else {
            eprintln!("SKIPPED: no clock is skewed: libfaketime is not installed");
            return false;
        };
        let mut set = |name: &str, value: &str| self.env.push((name.to_owned(), value.to_owned()));
        set("LD_PRELOAD", library.to_str().unwrap());
        set("FAKETIME", &format!("{by:+}"));
        set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        set("NO_FAKE_STAT", "1");
        true
    }

    /// The disk is small, where that can be made.
    pub(super) fn make_disk_small(&mut self) {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=48m,mode=0700", "tmpfs"])
            .arg(self.dir.join("data"))
            .output();
        self.has_small_disk = mounted.is_ok_and(|mounted| mounted.status.success());
        if !self.has_small_disk {
            eprintln!("SKIPPED: no disk is full: mounting a tmpfs is not allowed here");
        }
    }

    pub(super) fn fill_disk(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        while ballast.write_all(&[1; 4096]).is_ok() {}
    }

    pub(super) fn clear_disk(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.dir.join("data/ballast")
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.process = None;
        if self.has_small_disk {
            let _gone = Command::new("umount")
                .arg("-l")
                .arg(self.dir.join("data"))
                .status();
        }
    }
}

fn faketime() -> Option<PathBuf> {
    let directories = std::fs::read_dir("/usr/lib").ok()?.flatten();
    let mut libraries = directories.map(|dir| dir.path().join("faketime/libfaketimeMT.so.1"));
    libraries.find(|library| library.is_file())
}
