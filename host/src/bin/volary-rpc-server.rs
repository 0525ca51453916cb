//! Speaks JSON-RPC over standard input and output, for clients that start their engine as a process of their own.

use std::{path::PathBuf, process::ExitCode};

use volary::jsonrpc;
use volary_actors::{Node, node::NodeOptions};

fn main() -> ExitCode {
    volary::memory::tune();
    jsonrpc::main(start)
}

/// Opening the database blocks, so it has a thread of its own.
async fn start(directory: PathBuf) -> Result<Node, String> {
    let started = tokio::task::spawn_blocking(move || Node::start(NodeOptions::new(directory))).await;
    started.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}
