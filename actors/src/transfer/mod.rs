//! A second device by code: what runs on the thread of the long operation.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | what both sides share |
//! | [`give`] | the offer |
//! | [`take`] | the other side of it |
//!
//! The archive is made and read by [`volary_engine::backup`] while it goes over the network: nothing of it is kept but a few
//! pieces in a pipe. Connections run on the thread of the operation and not on an arbiter, whose other profiles would wait
//! for the encryption of this one.

pub mod give;
pub mod take;

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;
use volary_engine::backup::Cancel;
use volary_engine::ground::db::Db;
use volary_engine::ground::error::{Failure, Outcome};
use volary_engine::ground::ids::ProfileId;
use volary_proto::v1::event;

/// How often a transfer looks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// Why a transfer ended early.
#[derive(Debug)]
pub enum Ending {
    /// The user does not want it any more.
    Cancelled,
    /// It failed, for this reason.
    Failed(String),
}

/// What the connections of a transfer run on.
fn runtime() -> Outcome<Runtime> {
    let built: io::Result<_> = Builder::new_current_thread().enable_all().build();
    built.map_err(Failure::file("no runtime for the transfer"))
}

/// Waits until the transfer is cancelled. The wish comes from another thread and is looked for, because what reads and
/// writes the archive has no other way to see it.
async fn cancelled(cancel: &Cancel) {
    while !cancel.is_cancelled() {
        sleep(LOOK).await;
    }
}

/// Emits why a transfer failed.
pub fn failed(db: &Db, profile: ProfileId, msg: String) {
    tracing::warn!(%profile, error = msg, "the transfer to a second device failed");
    db.emit(profile, event::Kind::Error(event::Error { msg }));
    progress(db, profile, 0);
}

/// Emits how far a transfer is.
pub fn progress(db: &Db, profile: ProfileId, progress: u32) {
    db.emit(profile, event::Kind::ImexProgress(event::ImexProgress { progress }));
}
