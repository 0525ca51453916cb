//! Speaks JSON-RPC over standard input and output, for clients that start their engine as a process of their own.

use std::process::ExitCode;

fn main() -> ExitCode {
    volary::memory::tune();
    volary_cli::rpc_server::main()
}
