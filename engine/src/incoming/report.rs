//! What is reported of a received mail of which nothing is shown: a line in the log, an event, and a row that can be asked for.

use volary_mail::message::ParsedMessage;
use volary_storage::records::{NotShownReason, NotShownRecord, NotShownState, QuarantineRecord};

use super::fate::{Reason, Wait};
use super::heads::Skipped;
use super::open::{Content, Opened};
use super::source::Source;
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::events::Events as _;
use crate::ground::ids::TransportId;
use crate::state::{not_shown, quarantine as rows, transports};

/// Characters of a Message-ID in log lines and events.
const MID_CHARS: usize = 16;

/// A Message-ID as it stands in logs.
pub fn short_mid(mid: &str) -> String {
    match mid.char_indices().nth(MID_CHARS) {
        Some((end, _)) => format!("{}…", &mid[..end]),
        None => mid.to_owned(),
    }
}

/// An address as it stands in logs: the first letter and the domain.
pub fn short_addr(addr: &str) -> String {
    match addr.rsplit_once('@') {
        Some((local, domain)) => format!("{}…@{domain}", local.chars().next().unwrap_or_default()),
        None => String::new(),
    }
}

/// A judged mail.
pub fn not_shown(tx: &mut Tx<'_, '_>, source: Source, opened: &Opened, reason: &Reason) -> Outcome<()> {
    let (transport, old_mid) = origin(tx, source)?;
    if let Some(old) = old_mid.filter(|old| *old != opened.mid) {
        not_shown::forget(tx, &old)?;
    }
    let note = Note {
        transport,
        mid: &opened.mid,
        sender: &opened.sender(),
        reason: reason.kind(),
        text: reason.to_string(),
        state: reason.state(),
    };
    // Refusals are warnings, as clients know them; the rest is ordinary.
    let warns = matches!(reason, Reason::Refused(_) | Reason::Unreadable(_) | Reason::NoSender);
    note_down(tx, &note, warns)
}

/// A mail that waits.
pub fn kept(tx: &mut Tx<'_, '_>, source: Source, opened: &Opened, wait: &Wait) -> Outcome<()> {
    let (transport, _) = origin(tx, source)?;
    let note = Note {
        transport,
        mid: &opened.mid,
        sender: &opened.sender(),
        reason: wait.kind(),
        text: wait.to_string(),
        state: NotShownState::Kept,
    };
    note_down(tx, &note, wait.is_fault())
}

/// A mail that waited in vain.
pub fn given_up(tx: &mut Tx<'_, '_>, record: &QuarantineRecord, wait: &Wait) -> Outcome<()> {
    let note = Note {
        transport: record.transport,
        mid: &record.mid,
        sender: "",
        reason: wait.kind(),
        text: wait.to_string(),
        state: NotShownState::GivenUp,
    };
    note_down(tx, &note, true)
}

/// A mail that was judged by its header fields.
pub fn judged(
    tx: &mut Tx<'_, '_>,
    transport: TransportId,
    skip: &Skipped,
    state: NotShownState,
) -> Outcome<()> {
    let note = Note {
        transport,
        mid: &skip.mid,
        sender: &skip.sender,
        reason: skip.reason.kind(),
        text: skip.reason.to_string(),
        state,
    };
    note_down(tx, &note, false)
}

/// A mail is taken in; if it waited before, nobody needs to know of that any more.
pub fn shown(tx: &mut Tx<'_, '_>, source: Source, opened: &Opened) -> Outcome<()> {
    if let (_, Some(mid)) = origin(tx, source)? {
        tracing::info!(profile = %tx.profile, mid = short_mid(&mid), "a mail that waited is taken in");
        not_shown::forget(tx, &mid)?;
    }
    Ok(not_shown::forget(tx, &opened.mid)?)
}

struct Note<'a> {
    transport: TransportId,
    mid: &'a str,
    sender: &'a str,
    reason: NotShownReason,
    text: String,
    state: NotShownState,
}

fn note_down(tx: &mut Tx<'_, '_>, note: &Note<'_>, warns: bool) -> Outcome<()> {
    let profile = tx.profile;
    let addr = transports::load(tx.store, profile, note.transport)?.map(|record| record.addr);
    let relay = addr.as_deref().and_then(|addr| addr.rsplit_once('@')).map_or("", |(_, domain)| domain);
    let record = NotShownRecord {
        time: tx.now,
        relay: relay.to_owned(),
        mid: note.mid.to_owned(),
        sender: note.sender.to_owned(),
        reason: note.reason,
        text: note.text.clone(),
        state: note.state,
    };
    if !not_shown::note(tx, &record)? {
        return Ok(());
    }
    let (mid, what) = (short_mid(note.mid), words(note.state));
    tracing::info!(
        %profile,
        relay,
        transport = %note.transport,
        mid,
        sender = note.sender,
        reason = note.text,
        "a mail is not shown: {what}"
    );
    let text = format!("Ignoring mail {mid} of {relay} ({what}): {}", note.text);
    if warns {
        tx.warning(text);
    } else {
        tx.info(text);
    }
    Ok(())
}

fn words(state: NotShownState) -> &'static str {
    match state {
        NotShownState::Kept => "kept and tried again",
        NotShownState::GivenUp => "given up",
        NotShownState::Dropped => "dropped",
        NotShownState::Skipped => "left on the relay",
        NotShownState::Hidden => "stored out of sight",
        NotShownState::Other(_) => "not known",
    }
}

/// The transport that a mail came over, and the Message-ID under which it waited.
fn origin(tx: &Tx<'_, '_>, source: Source) -> Outcome<(TransportId, Option<String>)> {
    Ok(match source {
        Source::Relay(place) => (place.transport, None),
        Source::Quarantine(sequence) => match rows::load(tx.store, tx.profile, sequence)? {
            Some(record) => (record.transport, Some(record.mid)),
            None => (TransportId::default(), None),
        },
    })
}

impl Opened {
    /// The visible sender, shortened.
    fn sender(&self) -> String {
        let of = |parsed: &ParsedMessage| short_addr(&parsed.from.address);
        match &self.content {
            Content::Parsed(parsed) => of(parsed),
            _ => self.outer_sender.as_deref().map(short_addr).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_name_neither_whole_addresses_nor_long_ids() {
        assert_eq!(short_addr("alice@example.org"), "a…@example.org");
        assert_eq!(short_addr("nobody"), "");
        assert_eq!(short_mid("0123456789abcdefXYZ@x"), "0123456789abcdef…");
        assert_eq!(short_mid("short@x"), "short@x");
    }
}
