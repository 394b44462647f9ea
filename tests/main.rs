//! One crate for all tests that use the library as a whole.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod notify_smtp;
