//! Mooring keeps Terraform-managed infrastructure where Git says it should be.

pub mod artifacts;
pub mod domain;
pub mod git;
pub mod notify;
pub mod plan_json;
pub mod reconcile;
pub mod report;
pub mod secret;
