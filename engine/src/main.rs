//! The `volary` command line.

use std::process::ExitCode;

/// Gives memory back to the system soon after large attachments went through, also from pool threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    volary::cli::main()
}
