//! A program without backups.

use std::rc::Rc;

use actix::Addr;
use volary_proto::v1::{Error, ExportBackup, ImportBackup};

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

fn without() -> Error {
    Error::unsupported("this program was built without backups")
}
