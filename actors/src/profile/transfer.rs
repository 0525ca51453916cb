//! A second device by code: the requests, and what events and answers say. The work is in [`crate::transfer`].

use std::rc::Rc;
use std::time::Duration;

use actix::Addr;
use tokio::time::timeout;
use volary_engine::commands::qr::drawn_transfer;
use volary_mail::qr::{self, Code};
use volary_proto::v1::{Error, ErrorCode};
use volary_transfer::Reach;

use super::Profile;
use super::backup::alone;
use super::shared::Shared;
use crate::transfer::{Ending, failed, give, progress, take as taking};

/// How long somebody who asks for the code waits for the offer.
const CODE_DEADLINE: Duration = Duration::from_secs(60);

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
    let taken = alone(shared, profile, move |db, id, cancel| taking::run(db, id, cancel, &code, reach)).await;
    taken?.map_err(|ending| match ending {
        Ending::Cancelled => Error::new(ErrorCode::Cancelled, "Backup reception canceled"),
        Ending::Failed(reason) => Error::failed(reason),
    })
}

fn reach(shared: &Shared) -> Reach {
    if shared.hub.on_loopback { Reach::Loopback } else { Reach::Network }
}
