//! A lab, a Git repository and a daemon for the tests that need the real thing.

mod daemon;
mod lab;
mod repository;

pub use daemon::{Daemon, PATIENCE};
pub use lab::Lab;
pub use repository::Repository;

use std::io::Write;
use std::time::{Duration, Instant};

/// Says loudly, here and to `tests/run.sh`, that a test could not run.
pub fn skipped(test: &str, reason: &str) {
    eprintln!("SKIPPED {test}: {reason}");
    if let Some(path) = std::env::var_os("MOORING_SKIPPED_FILE") {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .unwrap();
        writeln!(file, "{test}: {reason}").unwrap();
    }
}

/// Waits until something is there; what is waited for is named if it never comes.
pub fn eventually<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "waited {limit:?} in vain: {what}"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A port that nobody uses now.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
