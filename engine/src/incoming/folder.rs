//! What a relay reports about its folder, and which messages are to be downloaded.

use volary_proto::v1::relay_notice::Notice;
use volary_storage::View;
use volary_storage::records::{Download, KnownMail};

use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::ids::{ProfileId, TransportId};
use crate::state::copies::{self, Place};
use crate::state::{messages, transports};

/// Takes note of a report.
pub fn note(tx: &mut Tx<'_, '_>, transport: TransportId, notice: Notice) -> Outcome<()> {
    match notice {
        Notice::UidState(state) => transports::update(tx, transport, |record| {
            record.uid_validity = state.uidvalidity;
            record.uid_next = state.uid_next;
        })?,
        Notice::Acknowledged(done) => {
            let place = |uid| Place { transport, uid_validity: done.uidvalidity, uid };
            done.deleted.iter().try_for_each(|uid| copies::forget(tx, place(*uid)))?;
            done.seen.iter().try_for_each(|uid| copies::answered(tx, place(*uid)))?;
        }
        Notice::FolderReset(reset) => {
            // Also those of this UIDVALIDITY: a server that counts from 1 again gives old UIDs to new mail.
            copies::forget_all(tx, transport)?;
            transports::update(tx, transport, |record| {
                record.uid_validity = reset.uidvalidity;
                record.uid_next = reset.uid_next;
                record.rescan_below = reset.rescan_below;
                record.ignored_until = record.ignored_until.max(reset.ignored_until);
            })?;
        }
        _ => {}
    }
    Ok(())
}

/// Copies of files that the user asked for, on one relay.
pub fn wanted_downloads(view: &impl View, profile: ProfileId, transport: TransportId) -> Outcome<Vec<Place>> {
    let mut wanted = Vec::new();
    for (place, mid) in copies::of_transport(view, profile, transport)? {
        let Some(known) = messages::known(view, profile, &mid)? else { continue };
        if known.kind != KnownMail::Message {
            continue;
        }
        let Some(message) = known.message else { continue };
        let record = messages::load(view, profile, message)?;
        if record.is_some_and(|record| record.download_state == Download::InProgress && record.mid == mid) {
            wanted.push(place);
        }
    }
    Ok(wanted)
}
