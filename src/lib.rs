//! Mooring keeps Terraform-managed infrastructure where Git says it should be.

pub mod domain;
