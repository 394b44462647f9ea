//! Integration tests, one crate.

mod discover;
mod git;
