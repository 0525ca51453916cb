//! The gRPC service of a running host, `volary.bus.v1.Bus`, as Rust types: the parts of a server and of a client.
//!
//! The definition and the documentation are in `proto/proto/volary/bus/v1/bus.proto`. Requests, answers and events are
//! those of [`volary_proto`]. What is written by hand here is how the engine's errors travel: [`status`] and [`error`].

mod errors;

/// The schema as Rust types.
#[allow(clippy::all, missing_docs)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/volary.bus.v1.rs"));
}

/// The files of the schema as a `google.protobuf.FileDescriptorSet`, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

pub use errors::{error, status};
pub use v1::*;
