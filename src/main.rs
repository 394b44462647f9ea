//! The program: arguments in, exit code out.

use std::process::ExitCode;

/// Threads come and go, and each large plan is read on another: this one gives back what they leave.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    mooring::cli::run()
}
