//! The program: arguments in, exit code out.

use std::process::ExitCode;

/// Threads come and go, and each large plan is read on another: this one gives back what they leave.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The allocator asks for huge pages, of which a daemon that is mostly idle uses a part each. Without
    // this it only needs more memory.
    let _smaller = rustix::thread::disable_transparent_huge_pages(true);
    mooring::cli::run()
}
