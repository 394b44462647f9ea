//! Tests that cannot run where they are.

use std::io::Write;

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
