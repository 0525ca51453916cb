//! The JSON-RPC server that existing clients start and talk to over standard input and output.
//!
//! A line comes in, an answer goes out:
//!
//! 1. `frame` reads the line: a call with an id, or a refusal.
//! 2. `methods` looks the name up and decodes the parameters into a request of the schema.
//! 3. `session` hands the request to the engine, each in a task of its own.
//! 4. The answer is written as it is: views of the schema *are* the JSON results (`volary_proto`).
//!
//! Events wait in the engine's stream until a client asks for them (`events`). `server` is the process around all
//! this: command line, accounts directory, signals, log. Nothing here has behaviour of its own.

mod directory;
mod events;
mod frame;
mod logging;
mod method;
mod methods;
mod openrpc;
mod output;
mod server;
mod session;
mod stdio;
#[cfg(test)]
mod tests;

pub use directory::{AccountsDirectory, DirectoryError};
pub use server::{StartError, main};
pub use session::{End, serve};
pub use stdio::serve_stdio;
