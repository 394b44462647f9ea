//! Mooring keeps Terraform-managed infrastructure where Git says it should be.

pub mod api;
pub mod app;
pub mod artifacts;
pub mod cli;
pub mod config;
pub mod discover;
pub mod domain;
pub mod git;
pub mod notify;
pub mod plan_json;
pub mod reconcile;
pub mod report;
pub mod secret;
pub mod store;
pub mod telemetry;
pub mod terraform;
