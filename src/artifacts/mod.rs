//! Blobs kept for a run: reports, redacted plans, logs.

pub mod settings;
