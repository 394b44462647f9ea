//! A lab, a Git repository and a daemon for the tests that need the real thing.

mod daemon;
pub mod docker;
mod lab;
mod postgres;
mod repository;
mod s3;
mod skipped;

pub use daemon::{Daemon, PATIENCE};
pub use lab::Lab;
pub use postgres::{PASSWORD, Postgres};
pub use repository::Repository;
pub use s3::s3s;
pub use skipped::skipped;

use std::time::{Duration, Instant};

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
