//! `volary-stress`: many profiles on the embedded relay, checked and measured.

use std::process::ExitCode;

fn main() -> ExitCode {
    volary_bench::stress::main()
}
