//! A program without backups.

use std::rc::Rc;

use actix::Addr;
use volary_proto::v1::{AdoptAccount, Adopted, Error, ExportBackup, ImportBackup};

use super::Profile;
use super::shared::Shared;

/// Refuses.
pub async fn export(_: &Rc<Shared>, _: &Addr<Profile>, _: ExportBackup) -> Result<(), Error> {
    Err(without())
}

/// Refuses.
pub async fn import(_: &Rc<Shared>, _: &Addr<Profile>, _: ImportBackup) -> Result<(), Error> {
    Err(without())
}

/// Refuses.
pub async fn adopt(_: &Rc<Shared>, _: &Addr<Profile>, _: AdoptAccount) -> Result<Adopted, Error> {
    Err(without())
}

/// Refuses.
pub fn check_foreign(_: &str) -> Result<(), Error> {
    Err(without())
}

/// Refuses.
pub fn check_unused(_: &str) -> Result<(), Error> {
    Err(without())
}

/// There is nothing to remove.
pub fn remove_foreign(_: &str) {}

fn without() -> Error {
    Error::unsupported("this program was built without backups")
}
