//! A second device by code: the profile is offered to another device, or taken from one.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the requests, and what events and answers say |
//! | `give` | the offer, on the thread of the long operation |
//! | `take` | the other side of it, likewise |
//!
//! The archive is made and read by [`volary_engine::backup`] while it goes over the network: nothing of it is kept but a few
//! pieces in a pipe. Connections run on the thread of the operation and not on the arbiter, whose other profiles would wait
//! for the encryption of this one.

mod give;
mod take;

use std::io;
use std::rc::Rc;
use std::time::Duration;

use actix::Addr;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};
use volary_engine::backup::Cancel;
use volary_engine::commands::qr::drawn_transfer;
use volary_engine::ground::db::Db;
use volary_engine::ground::error::{Failure, Outcome};
use volary_engine::ground::ids::ProfileId;
use volary_mail::qr::{self, Code};
use volary_proto::v1::{Error, ErrorCode, event};
use volary_transfer::Reach;

use super::Profile;
use super::backup::alone;
use super::shared::Shared;

/// How long somebody who asks for the code waits for the offer.
const CODE_DEADLINE: Duration = Duration::from_secs(60);
/// How often a transfer looks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// Why a transfer ended early.
#[derive(Debug)]
enum Ending {
    /// The user does not want it any more.
    Cancelled,
    /// It failed, for this reason.
    Failed(String),
}

/// Offers the profile to one other device and waits until it was taken. What goes wrong before the offer stands is an error;
/// how the offer ended is told by events.
pub async fn provide(shared: &Rc<Shared>, profile: &Addr<Profile>) -> Result<(), Error> {
    let offering = give::Offering { reach: reach(shared), offered: shared.offered.clone() };
    let given = alone(shared, profile, move |db, id, cancel| offering.run(db, id, cancel)).await;
    shared.offered.send_replace(None);
    match given? {
        Ok(()) => progress(&shared.db, shared.id, 1000),
        Err(Ending::Cancelled) => {
            tracing::info!(profile = %shared.id, "the offer to a second device was cancelled");
            progress(&shared.db, shared.id, 0);
        }
        Err(Ending::Failed(reason)) => {
            failed(&shared.db, shared.id, format!("Error while handling backup connection: {reason}"));
        }
    }
    Ok(())
}

/// The code of the offer that stands, or comes up within a minute.
pub async fn code(shared: &Rc<Shared>) -> Result<String, Error> {
    let mut offered = shared.offered.subscribe();
    let code = timeout(CODE_DEADLINE, offered.wait_for(Option::is_some)).await;
    let code = code.ok().and_then(Result::ok).and_then(|code| code.clone());
    code.ok_or_else(|| Error::failed("Backup provider did not start in time"))
}

/// The same drawn as SVG.
pub async fn code_svg(shared: &Rc<Shared>) -> Result<String, Error> {
    let code = code(shared).await?;
    drawn_transfer(&shared.db, shared.id, code).await
}

/// Takes the profile that another device offers.
pub async fn take(shared: &Rc<Shared>, profile: &Addr<Profile>, text: &str) -> Result<(), Error> {
    let Ok(Code::Backup(code)) = qr::parse(text) else {
        return Err(Error::failed("QR code for backup must be of type DCBACKUP2"));
    };
    let reach = reach(shared);
    let taken = alone(shared, profile, move |db, id, cancel| take::run(db, id, cancel, &code, reach)).await;
    taken?.map_err(|ending| match ending {
        Ending::Cancelled => Error::new(ErrorCode::Cancelled, "Backup reception canceled"),
        Ending::Failed(reason) => Error::failed(reason),
    })
}

fn reach(shared: &Shared) -> Reach {
    if shared.hub.on_loopback { Reach::Loopback } else { Reach::Network }
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

fn failed(db: &Db, profile: ProfileId, msg: String) {
    tracing::warn!(%profile, error = msg, "the transfer to a second device failed");
    db.emit(profile, event::Kind::Error(event::Error { msg }));
    progress(db, profile, 0);
}

fn progress(db: &Db, profile: ProfileId, progress: u32) {
    db.emit(profile, event::Kind::ImexProgress(event::ImexProgress { progress }));
}
