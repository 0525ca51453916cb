//! Realtime channels in a program that is compiled without them: as if the setting were off.

use std::rc::Rc;

use bytes::Bytes;
use volary_engine::ground::ids::MessageId;
use volary_proto::v1::Error;

use super::shared::Shared;

/// Does nothing.
pub async fn advertise(_: &Rc<Shared>, _: MessageId) -> Result<(), Error> {
    Ok(())
}

/// Does nothing.
pub async fn send(_: &Rc<Shared>, _: MessageId, _: Bytes) -> Result<(), Error> {
    Ok(())
}

/// Does nothing.
pub async fn leave(_: &Rc<Shared>, _: MessageId) -> Result<(), Error> {
    Ok(())
}

/// Does nothing.
pub fn refresh(_: &Shared) {}

/// Does nothing.
pub fn network_changed(_: &Shared) {}

/// Does nothing.
pub fn close(_: &Shared) {}

/// Does nothing.
pub fn io_started(_: &Shared) {}
