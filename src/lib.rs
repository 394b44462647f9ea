//! Mooring keeps Terraform-managed infrastructure where Git says it should be.

pub mod artifacts;
pub mod config;
pub mod domain;
pub mod git;
pub mod notify;
pub mod reconcile;
pub mod secret;
