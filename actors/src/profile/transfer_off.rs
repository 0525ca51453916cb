//! The transfer to a second device in a program that is compiled without it.

use std::rc::Rc;

use actix::Addr;
use volary_proto::v1::Error;

use super::Profile;
use super::shared::Shared;

/// Refuses.
pub async fn provide(_: &Rc<Shared>, _: &Addr<Profile>) -> Result<(), Error> {
    Err(absent())
}

/// Refuses.
pub async fn code(_: &Rc<Shared>) -> Result<String, Error> {
    Err(absent())
}

/// Refuses.
pub async fn code_svg(_: &Rc<Shared>) -> Result<String, Error> {
    Err(absent())
}

/// Refuses.
pub async fn take(_: &Rc<Shared>, _: &Addr<Profile>, _: &str) -> Result<(), Error> {
    Err(absent())
}

fn absent() -> Error {
    Error::unsupported("this program was built without the transfer to a second device")
}
