//! Integration tests: one crate, one module a subject.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr
)]

mod access;
mod acting;
mod approval;
mod artifacts_s3;
mod check;
mod check_tree;
mod container;
mod demo;
mod discover;
mod faults;
mod fleet_report;
mod git;
mod golden;
mod harness;
mod kept;
mod notify_command;
mod notify_matrix;
mod notify_smtp;
mod places;
mod postgres;
mod rego;
mod report_schemas;
mod repository_settings;
mod story;
mod terraform;
mod tidy;
