//! JSON-RPC, as existing clients speak it over standard input and output.
//!
//! A line comes in, an answer goes out:
//!
//! 1. `frame` reads the line: a call with an id, or a refusal.
//! 2. `methods` looks the name up and decodes the parameters into a request of the schema.
//! 3. `session` hands the request to the engine, each in a task of its own.
//! 4. The answer is written as it is: views of the schema *are* the JSON results (`volary_proto`).
//!
//! Events wait in the engine's stream until a client asks for them (`events`). Nothing here has behaviour of its own.
//! The process around it, with command line, signals and log, is `volary-rpc-server` in the package `volary-cli`.
//!
//! Compiled with the feature `jsonrpc` only.

mod events;
mod frame;
mod glossary;
mod method;
mod methods;
mod openrpc;
mod output;
#[cfg(test)]
mod page;
mod session;
mod stdio;
#[cfg(test)]
pub(crate) mod tests;

pub use openrpc::{INTERFACE_VERSION, description};
pub use session::{End, call, serve};
pub use stdio::serve_stdio;
