//! Integration tests, one crate.

mod git_source;
