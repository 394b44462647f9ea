//! Integration tests: one crate, one module a subject.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr
)]

mod artifacts_s3;
mod check_tree;
mod discover;
mod git;
mod golden;
mod harness;
mod notify_smtp;
mod story;
mod terraform;
