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
mod many_stacks;
mod notify_command;
mod notify_matrix;
mod notify_smtp;
mod places;
mod postgres;
mod protocol;
mod rego;
mod remote_states;
mod replicas;
mod report_schemas;
mod repository_settings;
mod state_watch;
mod story;
mod terraform;
mod terragrunt;
mod terramate;
mod tidy;
