//! Volary for C, and for every language that can call C: `include/volary.h`.
//!
//! A host is opened on a folder. Frames go in and come out as bytes: `FrameToHost` and `FrameFromHost` of
//! `proto/proto/volary/v1/embed.proto`, which carry the requests, answers and events of the schema. `docs/embed.md` tells
//! how programs use it.
//!
//! | file | holds |
//! |---|---|
//! | `ffi` | the functions of the header. All that is `unsafe` is there |
//! | `host` | an engine with a runtime, frames in and out |
//! | `table` | which hosts are open, by number: a number that is not valid any more is refused, not followed |

mod ffi;
mod host;
mod table;
#[cfg(test)]
mod tests;

pub use ffi::{
    VolaryStatus, volary_close, volary_create, volary_error, volary_free, volary_receive, volary_send,
    volary_version,
};
