//! The pipeline of one received mail, in one transaction.

use volary_mail::message::ParsedMessage;
use volary_mail::message::read::{MessageKind, SplitRole};
use volary_mail::openpgp::{Protection, Treatment, treatment};
use volary_storage::records::TimeRecord;
use volary_storage::tables::GOSSIPED;

use super::contacts::{self as people, People};
use super::open::{Content, Opened};
use super::{assign, group, special, store};
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids;
use crate::handshake::{self, verification};
use crate::outgoing::complete;
use crate::state::messages::Standing;
use crate::state::{chats, config, contacts, keys, messages};

/// The error that clients provoke with the setting `simulate_receive_imf_error`; they compare the text.
const SIMULATED_ERROR: &str =
    "Condition failed: `!context.get_config_bool(Config::SimulateReceiveImfError).await?`.";

/// What becomes of the copies on relays, beyond the rule for single-device profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// As other mail.
    Keep,
    /// Flagged as seen.
    Seen,
    /// Deleted now, on all relays.
    Delete,
}

/// Applies an opened mail.
pub fn apply(tx: &mut Tx<'_, '_>, opened: &Opened) -> Outcome<Fate> {
    let parsed = match &opened.content {
        Content::Known => return Ok(Fate::Keep),
        Content::Rejected(reason) => {
            tx.warning(format!("Ignoring mail: {reason}"));
            messages::entomb(tx, &opened.mid)?;
            return Ok(Fate::Keep);
        }
        Content::Parsed(parsed) => parsed,
    };
    if config::flag(tx.store, tx.profile, config::key::SIMULATE_RECEIVE_ERROR)? {
        return Err(Failure::refused(SIMULATED_ERROR));
    }
    // Another relay may have been faster since the mail was opened.
    if let Some(fate) = duplicate(tx, opened, parsed)? {
        return Ok(fate);
    }
    import_autocrypt(tx, opened, parsed)?;
    let force = config::flag(tx.store, tx.profile, config::key::FORCE_ENCRYPTION)?;
    match treatment(protection(parsed), force, is_bare_handshake(parsed)) {
        Treatment::Secure | Treatment::Insecure => judged(tx, opened, parsed),
        Treatment::HandshakeOnly => handshake_only(tx, opened, parsed),
        Treatment::ShowUndecryptable => {
            let sender = people::sender(tx, opened, parsed)?;
            store::undecryptable(tx, opened, parsed, sender)
        }
        // Relays report what they could not deliver in the clear.
        Treatment::Trash
            if protection(parsed) == Protection::None && parsed.kind() == MessageKind::Bounce =>
        {
            messages::entomb(tx, &opened.mid)?;
            special::bounce(tx, parsed)
        }
        Treatment::Trash | Treatment::Tombstone => {
            if !parsed.decrypted && !parsed.undecryptable {
                tx.info("Fetched unencrypted message, ignoring");
            }
            messages::entomb(tx, &opened.mid)?;
            Ok(Fate::Keep)
        }
    }
}

fn protection(parsed: &ParsedMessage) -> Protection {
    match (parsed.decrypted, parsed.signed, parsed.undecryptable) {
        (_, _, true) => Protection::Undecryptable,
        (true, true, _) => Protection::EncryptedAndSigned,
        (true, false, _) => Protection::EncryptedOnly,
        (false, ..) => Protection::None,
    }
}

/// The two first steps of a handshake may come with less protection than other mail.
fn is_bare_handshake(parsed: &ParsedMessage) -> bool {
    parsed.handshake.as_ref().is_some_and(|facts| match facts.step.as_str() {
        "vc-request-pubkey" => parsed.decrypted,
        "vc-request" | "vg-request" => true,
        _ => facts.invite_number.is_some() && facts.step.is_empty(),
    })
}

fn duplicate(tx: &mut Tx<'_, '_>, opened: &Opened, parsed: &ParsedMessage) -> Outcome<Option<Fate>> {
    match messages::standing(tx.store, tx.profile, &opened.mid, parsed.split == SplitRole::Post)? {
        Standing::Unknown | Standing::Available | Standing::Incomplete => Ok(None),
        Standing::Settled => Ok(Some(Fate::Keep)),
        // The relay has our mail although its answer was lost.
        Standing::ProvesSent => {
            let Some(known) = messages::known(tx.store, tx.profile, &opened.mid)? else { return Ok(None) };
            for (sequence, job) in crate::state::outbox::entries(tx.store, tx.profile, usize::MAX)? {
                if job.message == known.message {
                    crate::state::outbox::remove(tx, sequence)?;
                    tx.effects().outbox = true;
                }
            }
            complete::delivered(tx, known.message)?;
            Ok(Some(Fate::Seen))
        }
    }
}

/// Stores the sender's key, whatever becomes of the mail: keys are found by fingerprint and claim nothing.
fn import_autocrypt(tx: &mut Tx<'_, '_>, opened: &Opened, parsed: &ParsedMessage) -> Outcome<()> {
    let Some(header) = &opened.autocrypt else { return Ok(()) };
    let outer_from = parsed.outer_from.as_deref().unwrap_or_default();
    if crate::state::transports::is_own_addr(tx.store, tx.profile, outer_from)? {
        return Ok(());
    }
    import(tx, &header.certificate)
}

fn import(tx: &mut Tx<'_, '_>, certificate: &volary_mail::openpgp::Certificate) -> Outcome<()> {
    match keys::import(tx, certificate) {
        Ok(true) => {
            let fingerprint = certificate.fingerprint().to_string();
            if let Some(contact) = contacts::by_fingerprint(tx.store, tx.profile, &fingerprint)? {
                tx.contacts_changed(Some(contact));
            }
            Ok(())
        }
        Ok(false) => Ok(()),
        Err(crate::ground::error::Failure::OpenPgp(text)) => {
            tx.warning(format!("Key not imported: {text}"));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn handshake_only(tx: &mut Tx<'_, '_>, opened: &Opened, parsed: &ParsedMessage) -> Outcome<Fate> {
    let done = handshake::receive(tx, opened, parsed, None)?;
    messages::entomb(tx, &opened.mid)?;
    Ok(match done {
        handshake::Outcome::Done => Fate::Delete,
        _ => Fate::Keep,
    })
}

/// A mail whose protection is good enough: it is attributed to somebody and does what it says.
fn judged(tx: &mut Tx<'_, '_>, opened: &Opened, parsed: &ParsedMessage) -> Outcome<Fate> {
    if parsed.has_padlock() {
        for header in &opened.gossip {
            import(tx, &header.certificate)?;
        }
    }
    let Some((sender, outgoing)) = people::sender(tx, opened, parsed)? else {
        tx.warning("Ignoring mail without acceptable sender");
        messages::entomb(tx, &opened.mid)?;
        return Ok(Fate::Keep);
    };
    let (to, past) = people::recipients(tx, opened, parsed)?;
    let override_name = if parsed.sender_overridden { parsed.from.name.clone() } else { String::new() };
    let who = People { sender, outgoing, override_name, to, past };
    introductions(tx, opened, parsed, &who)?;
    if parsed.handshake.is_some() && parsed.has_padlock() {
        match handshake::receive(tx, opened, parsed, Some(&who))? {
            handshake::Outcome::Continue => {}
            outcome => {
                messages::entomb(tx, &opened.mid)?;
                seen_from(tx, opened, parsed, &who)?;
                return Ok(if outcome == handshake::Outcome::Done { Fate::Delete } else { Fate::Keep });
            }
        }
    }
    let fate = by_kind(tx, opened, parsed, &who)?;
    seen_from(tx, opened, parsed, &who)?;
    Ok(fate)
}

/// A verified sender vouches for gossiped keys.
fn introductions(tx: &mut Tx<'_, '_>, opened: &Opened, parsed: &ParsedMessage, who: &People) -> Outcome<()> {
    for header in opened.gossip.iter().filter(|header| header.verified || parsed.group.verified) {
        let fingerprint = header.certificate.fingerprint().to_string();
        if let Some(contact) = contacts::by_fingerprint(tx.store, tx.profile, &fingerprint)?
            && contact != who.sender
        {
            verification::introduce(tx, contact, who.sender)?;
        }
    }
    Ok(())
}

fn by_kind(tx: &mut Tx<'_, '_>, opened: &Opened, parsed: &ParsedMessage, who: &People) -> Outcome<Fate> {
    let kind = parsed.kind();
    let fate = match kind {
        MessageKind::Receipt => special::receipt(tx, parsed, who)?,
        MessageKind::Bounce => special::bounce(tx, parsed)?,
        MessageKind::Edit => special::edit(tx, parsed, who)?,
        MessageKind::Delete => special::delete(tx, parsed, who)?,
        MessageKind::Reaction => return special::reaction(tx, opened, parsed, who),
        MessageKind::Visible => return visible(tx, opened, parsed, who),
        // Nothing of these is shown; what they carry is used elsewhere or not at all.
        MessageKind::Draft
        | MessageKind::KeyUpdate
        | MessageKind::BroadcastStates
        | MessageKind::Sync
        | MessageKind::StatusUpdate
        | MessageKind::RealtimeAddress
        | MessageKind::CallAccepted
        | MessageKind::CallEnded
        | MessageKind::LocationOnly
        | MessageKind::Handshake => Fate::Keep,
    };
    if messages::known(tx.store, tx.profile, &opened.mid)?.is_none_or(|known| known.kind == 0) {
        messages::entomb(tx, &opened.mid)?;
    }
    Ok(fate)
}

fn visible(tx: &mut Tx<'_, '_>, opened: &Opened, parsed: &ParsedMessage, who: &People) -> Outcome<Fate> {
    if parsed.split == SplitRole::Post && special::complete_post(tx, opened, parsed, who)? {
        return Ok(Fate::Keep);
    }
    if special::is_late_pre_message(tx, opened, parsed)? {
        return Ok(Fate::Keep);
    }
    let Some(chat) = assign::chat(tx, opened, parsed, who)? else {
        messages::entomb(tx, &opened.mid)?;
        return Ok(Fate::Keep);
    };
    remember_gossip(tx, opened, parsed, chat.id)?;
    let change = group::apply(tx, opened, parsed, who, &chat)?;
    if change.trash {
        messages::entomb(tx, &opened.mid)?;
        return Ok(Fate::Keep);
    }
    store::message(tx, opened, parsed, who, &chat, &change)
}

/// Keys that somebody has just spread in a chat need not be gossiped by us.
fn remember_gossip(tx: &mut Tx<'_, '_>, opened: &Opened, parsed: &ParsedMessage, chat: u32) -> Outcome<()> {
    if !parsed.has_padlock() {
        return Ok(());
    }
    let time = parsed.sent_at(opened.received);
    let own = opened.autocrypt.iter();
    for header in opened.gossip.iter().chain(own) {
        let key = (tx.profile, chat, header.certificate.fingerprint().to_string());
        tx.store.update_or_default(&GOSSIPED, &key, |record: &mut TimeRecord| {
            record.time = record.time.max(time)
        })?;
    }
    Ok(())
}

/// What every mail of a contact tells: it was there, its picture, its status, whether it is a bot.
fn seen_from(tx: &mut Tx<'_, '_>, opened: &Opened, parsed: &ParsedMessage, who: &People) -> Outcome<()> {
    if who.outgoing || who.sender <= ids::LAST_SPECIAL {
        return Ok(());
    }
    let sent = parsed.sent_at(opened.received);
    contacts::touch_last_seen(tx, who.sender, sent)?;
    let kind = parsed.kind();
    let shows = matches!(kind, MessageKind::Visible | MessageKind::Handshake);
    let bot = (parsed.is_chat_message && matches!(kind, MessageKind::Visible | MessageKind::Handshake))
        .then(|| parsed.auto_submitted.as_deref() == Some("auto-generated"));
    let status = parsed.status.clone().filter(|_| shows && parsed.list.is_none());
    let changed = contacts::update(tx, who.sender, |record| {
        if let Some(bot) = bot {
            record.is_bot = bot;
        }
        if let Some(status) = status.filter(|_| sent >= record.status_changed)
            && record.status != status
        {
            record.status = status;
            record.status_changed = sent;
        }
    })?;
    let pictured = store::sender_avatar(tx, parsed, who.sender, sent, opened)?;
    if changed || pictured {
        tx.contacts_changed(Some(who.sender));
        if let Some(chat) = chats::single_of(tx.store, tx.profile, who.sender)? {
            tx.chatlist_item_changed(Some(chat));
        }
    }
    Ok(())
}
