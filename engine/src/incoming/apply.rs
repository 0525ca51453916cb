//! The pipeline of one received mail, in one transaction.

use volary_mail::message::ParsedMessage;
use volary_mail::message::read::{MessageKind, SplitRole};
use volary_mail::openpgp::{Protection, Treatment, treatment};
use volary_storage::records::{Block, KnownMail, TimeRecord};
use volary_storage::tables::GOSSIPED;

use super::assign::Assigned;
use super::contacts::{self as people, People};
use super::fate::{Copies, Fate, Reason, Wait};
use super::open::{Content, Opened};
use super::{app_updates, assign, calls, group, locations, realtime, route, special, store};
use crate::chat::announcing;
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids::ChatId;
use crate::handshake;
use crate::state::messages::Standing;
use crate::state::{chats, config, contacts, keys, messages, removed, verification};
use crate::sync::own_deletions::{self, Deleted};
use crate::sync::stamps;

/// The error that clients provoke with the setting `simulate_receive_imf_error`; they compare the text.
const SIMULATED_ERROR: &str =
    "Condition failed: `!context.get_config_bool(Config::SimulateReceiveImfError).await?`.";

/// Applies an opened mail.
pub fn apply(tx: &mut Tx<'_, '_>, opened: &Opened) -> Outcome<Fate> {
    let parsed = match &opened.content {
        Content::Known => return Ok(Copies::Keep.into()),
        Content::Rejected(reason) => return Ok(Fate::NotShown(reason.clone())),
        Content::Closed => return Ok(Fate::Waits(opened.wait.clone().unwrap_or(Wait::Secret))),
        Content::Parsed(parsed) => parsed,
    };
    if config::flag(tx.store, tx.profile, config::key::SIMULATE_RECEIVE_ERROR)? {
        return Err(Failure::refused(SIMULATED_ERROR));
    }
    // Another relay may have been faster since the mail was opened.
    if let Some(copies) = duplicate(tx, opened, parsed)? {
        return Ok(copies.into());
    }
    import_autocrypt(tx, opened, parsed)?;
    let force = config::flag(tx.store, tx.profile, config::key::FORCE_ENCRYPTION)?;
    match treatment(protection(parsed), force, is_bare_handshake(parsed)) {
        Treatment::Secure | Treatment::Insecure => judged(tx, opened, parsed),
        Treatment::HandshakeOnly => handshake_only(tx, opened, parsed),
        Treatment::ShowUndecryptable => {
            let sender = people::sender(tx, opened, parsed)?;
            Ok(store::undecryptable(tx, opened, parsed, sender)?.into())
        }
        // Relays report what they could not deliver in the clear.
        Treatment::Trash
            if protection(parsed) == Protection::None && parsed.kind() == MessageKind::Bounce =>
        {
            messages::entomb(tx, &opened.mid)?;
            Ok(special::bounce(tx, parsed)?.into())
        }
        Treatment::Trash if protection(parsed) == Protection::None && has_bounced(tx, parsed)? => {
            messages::entomb(tx, &opened.mid)?;
            Ok(Copies::Seen.into())
        }
        // Nobody signs it: the key that it brings, which is taken already, signs itself.
        Treatment::Trash | Treatment::Tombstone
            if protection(parsed) == Protection::EncryptedOnly && parsed.kind() == MessageKind::KeyUpdate =>
        {
            Ok(Copies::Keep.into())
        }
        Treatment::Trash | Treatment::Tombstone => {
            let reason = match protection(parsed) {
                Protection::Undecryptable => Reason::NotDecrypted,
                Protection::EncryptedOnly => Reason::Unsigned,
                _ => Reason::Unencrypted,
            };
            if reason == Reason::Unencrypted {
                tx.info("Fetched unencrypted message, ignoring");
            }
            Ok(Fate::NotShown(reason))
        }
    }
}

fn has_bounced(tx: &mut Tx<'_, '_>, parsed: &ParsedMessage) -> Outcome<bool> {
    Ok(special::bounce_in_words(tx, parsed)?.is_some())
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

fn duplicate(tx: &mut Tx<'_, '_>, opened: &Opened, parsed: &ParsedMessage) -> Outcome<Option<Copies>> {
    match messages::standing(tx.store, tx.profile, &opened.mid, parsed.split == SplitRole::Post)? {
        Standing::Unknown | Standing::Available | Standing::Incomplete => Ok(None),
        Standing::Settled => Ok(Some(Copies::Keep)),
        // A copy of what is still being sent proves nothing about its other recipients, and whoever got the message
        // knows its id: the queue goes on by itself. A second submission has the same id.
        Standing::ProvesSent => Ok(Some(Copies::Seen)),
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
    Ok(after_handshake(done))
}

fn after_handshake(done: handshake::Outcome) -> Fate {
    match done {
        handshake::Outcome::Done => Copies::Delete.into(),
        handshake::Outcome::Continue | handshake::Outcome::Hidden => Copies::Keep.into(),
        handshake::Outcome::Refused(reason) => Fate::NotShown(Reason::Handshake(reason)),
    }
}

/// A mail whose protection is good enough: it is attributed to somebody and does what it says.
fn judged(tx: &mut Tx<'_, '_>, opened: &Opened, parsed: &ParsedMessage) -> Outcome<Fate> {
    if parsed.has_padlock() {
        for header in &opened.gossip {
            import(tx, &header.certificate)?;
        }
    }
    let Some((sender, outgoing)) = people::sender(tx, opened, parsed)? else {
        // Mail servers may write addresses that are none.
        if parsed.kind() == MessageKind::Bounce {
            messages::entomb(tx, &opened.mid)?;
            return Ok(special::bounce(tx, parsed)?.into());
        }
        if has_bounced(tx, parsed)? {
            messages::entomb(tx, &opened.mid)?;
            return Ok(Copies::Seen.into());
        }
        return Ok(Fate::NotShown(Reason::NoSender));
    };
    let (to, past) = people::recipients(tx, opened, parsed)?;
    let override_name = override_name(parsed);
    let who = People { sender, outgoing, override_name, to, past };
    introductions(tx, opened, parsed, &who)?;
    if parsed.handshake.is_some() && parsed.has_padlock() {
        let outcome = handshake::receive(tx, opened, parsed, Some(&who))?;
        if outcome != handshake::Outcome::Continue {
            messages::entomb(tx, &opened.mid)?;
            seen_from(tx, opened, parsed, &who)?;
            return Ok(after_handshake(outcome));
        }
    }
    // Clients take a change of the contact that follows the message for a further one.
    seen_from(tx, opened, parsed, &who)?;
    if outgoing && parsed.has_padlock() {
        announced_elsewhere(tx, opened, parsed, &who)?;
    }
    let fate = by_kind(tx, opened, parsed, &who)?;
    if parsed.kind() != MessageKind::Visible && matches!(fate, Fate::Taken(_)) {
        locations::take_track(tx, opened, &who)?;
    }
    Ok(fate)
}

/// Any mail of another own device to a group announces it, also one of which nothing is shown.
fn announced_elsewhere(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
) -> Outcome<()> {
    let Some(id) = &parsed.group.id else { return Ok(()) };
    let shown = parsed.kind() == MessageKind::Visible;
    match chats::by_group_id(tx.store, tx.profile, id.as_str())? {
        Some((chat, record)) if announcing::heard(tx, chat)? => {
            if !shown && record.unpromoted {
                let chat = Assigned { id: chat, was: record.blocked, record, new: false };
                group::take_state(tx, opened, parsed, who, &chat)?;
            }
            tx.chat_modified(chat);
        }
        // What the other device tells of it comes by another mail.
        None if !shown => stamps::announced(tx, id.as_str())?,
        _ => {}
    }
    Ok(())
}

/// The name to show on this message only: of a bot that speaks for somebody, and on lists, which rewrite names.
fn override_name(parsed: &ParsedMessage) -> String {
    match (parsed.sender_overridden, parsed.is_mailing_list(), parsed.from.name.is_empty()) {
        (false, false, _) => String::new(),
        (_, true, true) => parsed.from.address.clone(),
        (_, _, _) => parsed.from.name.clone(),
    }
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
    let fate: Fate = match kind {
        MessageKind::Receipt => special::receipt(tx, parsed, who)?.into(),
        MessageKind::Bounce => special::bounce(tx, parsed)?.into(),
        MessageKind::Edit => special::edit(tx, opened, parsed, who)?.into(),
        MessageKind::Delete => special::delete(tx, parsed, who)?.into(),
        MessageKind::Reaction => return Ok(special::reaction(tx, opened, parsed, who)?.into()),
        MessageKind::Visible => return visible(tx, opened, parsed, who),
        MessageKind::StatusUpdate => match app_updates::alone(tx, opened.received, parsed, who)? {
            waits @ Fate::Waits(_) => return Ok(waits),
            fate => fate,
        },
        MessageKind::LocationOnly => match route::likely_chat(tx.store, tx.profile, opened)? {
            Some(_) => Copies::Keep.into(),
            None => match waited_for(parsed) {
                Some(id) => return Ok(Fate::Waits(Wait::Group(id))),
                None => Fate::NotShown(Reason::NoChat),
            },
        },
        MessageKind::CallAccepted | MessageKind::CallEnded => calls::heard(tx, opened, parsed, who)?.into(),
        MessageKind::RealtimeAddress => match realtime::address(tx, parsed, who)? {
            Some(fate) => fate,
            // Not remembered: see there.
            None => {
                let reason = "its realtime address is for an app that is not known";
                return Ok(Fate::NotShown(Reason::Refused(reason.to_owned())));
            }
        },
        // Nothing of these is to be shown: what they carry is used elsewhere.
        MessageKind::Draft | MessageKind::KeyUpdate | MessageKind::Handshake => Copies::Keep.into(),
        MessageKind::Sync => special::sync(tx, opened, parsed, who)?,
        MessageKind::BroadcastStates => Fate::NotShown(Reason::NotSupported(name_of(kind))),
    };
    if messages::known(tx.store, tx.profile, &opened.mid)?
        .is_none_or(|known| known.kind == KnownMail::Nothing)
    {
        messages::entomb(tx, &opened.mid)?;
    }
    Ok(fate)
}

/// What is not supported yet, for people.
fn name_of(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::BroadcastStates => "states of channel posts",
        _ => "messages of this kind",
    }
}

fn visible(tx: &mut Tx<'_, '_>, opened: &Opened, parsed: &ParsedMessage, who: &People) -> Outcome<Fate> {
    if has_bounced(tx, parsed)? {
        messages::entomb(tx, &opened.mid)?;
        return Ok(Copies::Seen.into());
    }
    if parsed.split == SplitRole::Post && special::complete_post(tx, opened, parsed, who)? {
        let completed = messages::by_mid(tx.store, tx.profile, &opened.mid)?;
        let completed = completed.as_ref().map(|(id, record)| (*id, record));
        app_updates::beside(tx, opened.received, parsed, who, completed)?;
        if let Some((id, record)) = completed {
            realtime::topic(tx, parsed, id, record)?;
            tx.effects().unlocked.apps |= app_updates::is_app(record);
        }
        return Ok(Copies::Keep.into());
    }
    if special::is_late_pre_message(tx, opened, parsed, who)? {
        return Ok(Copies::Keep.into());
    }
    in_its_chat(tx, opened, parsed, who)
}

/// A message that is not here yet goes into its chat, and out of it again if it was deleted before it came.
fn in_its_chat(tx: &mut Tx<'_, '_>, opened: &Opened, parsed: &ParsedMessage, who: &People) -> Outcome<Fate> {
    let mid = special::shown_mid(opened, parsed);
    let by_user = own_deletions::deleted(tx, mid)?;
    let last = chats::last_id(tx.store, tx.profile)?;
    let Some(chat) = assign::chat(tx, opened, parsed, who)? else {
        return Ok(match waited_for(parsed) {
            Some(id) => Fate::Waits(Wait::Group(id)),
            None => Fate::NotShown(Reason::NoChat),
        });
    };
    let is_back = chat.id > last && !chat.new;
    remember_gossip(tx, opened, parsed, chat.id)?;
    let change = group::apply(tx, opened, parsed, who, &chat)?;
    if is_back && (change.waits || change.trash) {
        away_again(tx, &chat)?;
    }
    if change.waits {
        return Ok(Fate::Waits(Wait::Group(chat.record.group_id)));
    }
    if change.trash {
        messages::entomb(tx, &opened.mid)?;
        return Ok(Copies::Keep.into());
    }
    let by_author = special::is_deleted_by_author(tx, mid, parsed, who)?;
    let change = group::Change { silent: change.silent || by_user.is_some() || by_author, ..change };
    let copies = store::message(tx, opened, parsed, who, &chat, &change)?;
    if by_user.is_some() {
        own_deletions::make(tx, mid)?;
    }
    if by_user == Some(Deleted::WithChat) {
        if chat.id > last {
            away_again(tx, &chat)?;
        } else {
            chats::update(tx, chat.id, |record| record.blocked = chat.was)?;
        }
    }
    if by_author {
        special::goes(tx, mid, who)?;
    }
    let shown_in = chats::load(tx.store, tx.profile, chat.id)?.unwrap_or_default();
    let (other, reason) = match who.outgoing {
        true => (shown_in.contact, Reason::ToBlocked),
        false => (who.sender, Reason::Blocked),
    };
    let blocked = contacts::load(tx.store, tx.profile, other)?.is_some_and(|contact| contact.blocked);
    Ok(if blocked && shown_in.blocked == Block::Yes { Fate::NotShown(reason) } else { copies.into() })
}

/// A chat that was deleted is not back because of a message that is not shown.
fn away_again(tx: &mut Tx<'_, '_>, chat: &Assigned) -> Outcome<()> {
    chats::update(tx, chat.id, |record| record.blocked = chat.was)?;
    Ok(removed::put_away(tx, chat.id)?)
}

/// The group or channel that a mail without chat names: another mail may bring it.
fn waited_for(parsed: &ParsedMessage) -> Option<String> {
    let channel = parsed.list.as_ref().filter(|list| list.is_channel).map(|list| list.id.clone());
    channel
        .or_else(|| parsed.group.id.as_ref().map(|id| id.as_str().to_owned()))
        .filter(|_| parsed.has_padlock())
}

/// Keys that somebody has just spread in a chat need not be gossiped by us.
fn remember_gossip(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    chat: ChatId,
) -> Outcome<()> {
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

/// What every mail of a contact shows: it was there, its picture, its status, whether it is a bot.
fn seen_from(tx: &mut Tx<'_, '_>, opened: &Opened, parsed: &ParsedMessage, who: &People) -> Outcome<()> {
    if who.outgoing || who.sender.is_special() {
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
