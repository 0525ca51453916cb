//! Speaks JSON-RPC over standard input and output, for clients that start their engine as a process of their own.

use std::{path::PathBuf, process::ExitCode};

use volary::jsonrpc;
use volary_actors::{Node, node::NodeOptions};

/// Gives memory back to the system soon after large attachments went through, also from pool threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    jsonrpc::main(start)
}

/// Opening the database blocks, so it has a thread of its own.
async fn start(directory: PathBuf) -> Result<Node, String> {
    let started = tokio::task::spawn_blocking(move || Node::start(NodeOptions::new(directory))).await;
    started.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}
