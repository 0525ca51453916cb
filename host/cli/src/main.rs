//! The `volary` command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    volary::memory::tune();
    volary_cli::commands::main()
}
