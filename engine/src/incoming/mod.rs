//! The life of a received mail, from its header fields to rows and events.
//!
//! | file | holds |
//! |---|---|
//! | [`heads`] | which mails are wanted, by their header fields |
//! | [`open`] | decrypting, verifying and parsing |
//! | [`order`] | which mail of a batch comes first |
//! | [`route`] | whose turn it is: the chat that it most likely belongs to |
//! | [`apply`] | the pipeline of one mail, in one transaction |
//! | [`contacts`] | sender and recipients become contacts |
//! | [`assign`] | which chat |
//! | [`group`] | what a message changes in its chat |
//! | [`special`] | receipts, bounces, edits, deletions, reactions |
//! | [`store`] | rows and events of shown messages |
//! | [`folder`] | what a relay reports about its folder |

pub mod apply;
pub mod assign;
pub mod contacts;
pub mod folder;
pub mod group;
pub mod heads;
pub mod open;
pub mod order;
pub mod route;
pub mod special;
pub mod store;

use volary_proto::v1::RelayMailAction;

use self::apply::Fate;
use self::open::Opened;
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::events::Events as _;
use crate::state::copies::{self, Place};
use crate::state::{messages, transports};

/// Takes an opened mail in; what the relay has to do with its copy.
pub fn take_in(tx: &mut Tx<'_, '_>, place: Place, opened: &Opened) -> Outcome<RelayMailAction> {
    let fate = apply::apply(tx, opened)?;
    transports::update(tx, place.transport, |record| record.received = record.received.max(opened.received))?;
    conclude(tx, place, &opened.mid, fate)
}

/// The rules failed on a mail: that is reported, and the mail counts as done, so that it is not fetched for ever.
pub fn give_up(tx: &mut Tx<'_, '_>, place: Place, mid: &str, cause: &str) -> Outcome<RelayMailAction> {
    tell_failure(tx, cause)?;
    messages::entomb(tx, mid)?;
    conclude(tx, place, mid, Fate::Keep)
}

/// A message that could not be taken in is no secret: the user is told, in words that clients know.
fn tell_failure(tx: &mut Tx<'_, '_>, cause: &str) -> Outcome<()> {
    tx.warning(format!("Failed to receive a message: {cause}"));
    let dot = if cause.ends_with('.') { "" } else { "." };
    let text = format!(
        "❌ Failed to receive a message: {cause}{dot} Core version v{VERSION}. \
         Please report this bug to delta@merlinux.eu or https://support.delta.chat/",
        VERSION = crate::ground::version::API_VERSION,
    );
    let message = crate::chat::compose::NewMessage { text, ..Default::default() };
    crate::chat::device::add(tx, None, Some(message))?;
    Ok(())
}

/// What becomes of the copy on the relay, remembered until the relay has done it.
fn conclude(tx: &mut Tx<'_, '_>, place: Place, mid: &str, fate: Fate) -> Outcome<RelayMailAction> {
    let single_device = heads::deletes_after_download(tx.store, tx.profile)?;
    copies::add(tx, place, mid)?;
    let action = match fate {
        Fate::Delete => RelayMailAction::Delete,
        _ if single_device => RelayMailAction::Delete,
        Fate::Seen => RelayMailAction::MarkSeen,
        Fate::Keep => RelayMailAction::Keep,
    };
    match action {
        // Copies on other relays are found known and deleted when they turn up.
        RelayMailAction::Delete if fate == Fate::Delete => copies::want_deleted(tx, mid)?,
        RelayMailAction::Delete => copies::ask(tx, place, true)?,
        RelayMailAction::MarkSeen => copies::ask(tx, place, false)?,
        RelayMailAction::Keep => {}
    }
    // The answer to the relay says it already; other connections are told only about their own copies.
    Ok(action)
}
