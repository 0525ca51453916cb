//! The programs of Volary. What they do is in the library, [`volary`]; here are command lines, the log, signals, and the
//! demo with its relay. Programs that embed the library compile none of this.
//!
//! | module | holds |
//! |---|---|
//! | [`commands`] | `volary`: `serve`, `profile`, `send`, `backup`, `adopt`, `demo` and the others |
//! | [`rpc_server`] | `volary-rpc-server`: JSON-RPC over standard input and output, for existing clients |
//! | [`demo`] | what `volary demo` shows: relay and engine in one process, a story played and checked |
//! | `process` | log, signals, the end: what both programs need of the system |
//! | [`text`] | colours, and texts of other people that must not draw |

pub mod commands;
pub mod demo;
mod process;
pub mod rpc_server;
pub mod text;
