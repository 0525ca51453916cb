//! SecureJoin: starting a join, answering handshake mail, and carrying out what the rules ask for.

mod effects;

use volary_mail::address::Address;
use volary_mail::message::ParsedMessage;
use volary_mail::openpgp::Fingerprint;
use volary_mail::qr::{Invite, Target};
use volary_mail::securejoin::inviter::{self, AuthFacts, ChatFacts, InviterFacts};
use volary_mail::securejoin::joiner::{self, StartFacts, Waiting};
use volary_mail::securejoin::observer::{self, ObserverFacts};
use volary_mail::securejoin::{
    Fate, GroupId, HandshakeMessage, MatchedSecret, PendingJoin, Reaction, Reason, Scope, Step, Token,
};
use volary_storage::records::{Block, ChatType, ContactOrigin, TokenKind};

use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome as Result};
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId};
use crate::ground::names::chat_type_name;
use crate::incoming::contacts::{People, gossiped};
use crate::incoming::open::{Matched, Opened};
use crate::state::contacts::{self, Seen};
use crate::state::{chats, keys, members, tokens, transports};

/// What becomes of a handshake mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is not (only) a handshake mail: it goes on as an ordinary message.
    Continue,
    /// It is handled and has to be deleted on all relays now.
    Done,
    /// It leaves no trace but its id.
    Hidden,
    /// The rules refuse it; why.
    Refused(String),
}

/// What one mail may need to be answered: where it came from.
struct Origin<'a> {
    from: &'a str,
    sender: Option<ContactId>,
}

/// Answers a handshake mail. `who` is missing for mail without signature.
pub fn receive(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: Option<&People>,
) -> Result<Outcome> {
    let own = keys::ensure_own(tx)?.fingerprint();
    let message = facts_of(tx, opened, parsed, own)?;
    let reaction = match who {
        Some(who) if who.outgoing => observe(tx, opened, parsed, who, &message, own)?,
        _ => answer(tx, opened, parsed, who, &message, own)?,
    };
    let source = Origin { from: &parsed.from.address, sender: who.map(|who| who.sender) };
    carry_out(tx, reaction, &source)
}

fn carry_out(tx: &mut Tx<'_, '_>, reaction: Reaction, source: &Origin<'_>) -> Result<Outcome> {
    for effect in reaction.effects {
        effects::run(tx, effect, source)?;
    }
    Ok(match reaction.fate {
        Fate::NotHandshake | Fate::Message => Outcome::Continue,
        Fate::Done => Outcome::Done,
        Fate::Observed => Outcome::Hidden,
        Fate::Ignored(reason) | Fate::Failed(reason) => {
            if reason == Reason::NothingPending {
                return Ok(Outcome::Hidden);
            }
            tx.warning(reason.to_string());
            Outcome::Refused(reason.to_string())
        }
    })
}

fn facts_of(
    tx: &Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    own: Fingerprint,
) -> Result<HandshakeMessage> {
    let facts = parsed.handshake.clone().unwrap_or_default();
    let member_added = parsed.group.added.as_ref().map(|added| added.address.clone());
    let named_self = match &parsed.group.added {
        Some(added) => {
            added.fingerprint == Some(own.to_string())
                || transports::is_own_addr(tx.store, tx.profile, &added.address)?
        }
        None => false,
    };
    Ok(HandshakeMessage {
        step: Some(facts.step).filter(|step| !step.is_empty()),
        invite_number: facts.invite_number,
        auth: facts.auth,
        fingerprint: facts.fingerprint,
        encrypted: parsed.decrypted,
        signer: opened.signer,
        matched_secret: opened.matched.as_ref().map(|matched| match matched {
            Matched::PendingJoin(fingerprint) => MatchedSecret::PendingJoin(*fingerprint),
            Matched::OwnInvite => MatchedSecret::OwnInvite,
            Matched::Channel(_) => MatchedSecret::Channel,
        }),
        forged_from: !parsed.signed
            && parsed.outer_from.as_deref().is_some_and(|outer| outer != parsed.from.address),
        autocrypt: opened.autocrypt.as_ref().map(|header| header.certificate.fingerprint()),
        gossips_own_key: opened.gossip.iter().any(|header| header.certificate.fingerprint() == own),
        member_added,
        member_added_is_self: named_self,
    })
}

/// The steps that go to the inviter are answered by its rules, all others by those of the joiner.
fn answer(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: Option<&People>,
    message: &HandshakeMessage,
    own: Fingerprint,
) -> Result<Reaction> {
    let step = message.step.as_deref().and_then(Step::parse);
    let to_inviter = matches!(step, Some(Step::KeyRequest | Step::Request(_) | Step::RequestWithAuth(_)))
        || (step.is_none() && message.invite_number.is_some());
    if to_inviter {
        let facts = inviter_facts(tx, parsed, who, message, own)?;
        if let (None, Some(header)) = (who, &opened.autocrypt) {
            know_requester(tx, parsed, &header.certificate.fingerprint().to_string())?;
        }
        return Ok(inviter::receive(message, &facts, tx.now));
    }
    let mut waiting = Vec::new();
    for (id, record) in tokens::joins(tx.store, tx.profile)? {
        let Ok(join) = PendingJoin::from_bytes(&record.state) else { continue };
        let contact = contacts::load(tx.store, tx.profile, record.contact)?;
        let contact_exists = contact.is_some_and(|contact| contact.fingerprint == record.fingerprint);
        waiting.push(Waiting { id, join, contact_exists });
    }
    Ok(joiner::receive(message, &waiting, own))
}

/// Who asks for our key in clear text becomes a contact, so that the answer has somebody to go to.
fn know_requester(tx: &mut Tx<'_, '_>, parsed: &ParsedMessage, fingerprint: &str) -> Result<()> {
    let addr = &parsed.from.address;
    contacts::add_or_lookup(
        tx,
        Seen { name: "", addr, fingerprint, origin: ContactOrigin::IncomingUnknownFrom },
    )?;
    Ok(())
}

fn inviter_facts(
    tx: &Tx<'_, '_>,
    parsed: &ParsedMessage,
    who: Option<&People>,
    message: &HandshakeMessage,
    own: Fingerprint,
) -> Result<InviterFacts> {
    let profile = tx.profile;
    let invite_number_known = match &message.invite_number {
        Some(number) => tokens::find(tx.store, profile, TokenKind::Invite, number)?.is_some(),
        None => false,
    };
    let stored = match &message.auth {
        Some(auth) => tokens::find(tx.store, profile, TokenKind::Auth, auth)?,
        None => None,
    };
    let sender = match who {
        Some(who) => contacts::load(tx.store, profile, who.sender)?,
        None => None,
    };
    let sender_blocked = match &sender {
        Some(contact) => contact.blocked,
        None => {
            let known = contacts::all_by_addr(tx.store, profile, &parsed.from.address)?;
            known.iter().any(|(_, contact)| contact.blocked)
        }
    };
    let chat = match stored.as_ref().filter(|stored| !stored.scope.is_empty()) {
        Some(stored) => chats::by_group_id(tx.store, profile, &stored.scope)?,
        None => None,
    };
    let joiner = who.map_or(ContactId::NONE, |who| who.sender);
    let chat = match chat {
        Some((id, record)) => Some(ChatFacts {
            channel: record.chat_type == ChatType::OutBroadcast,
            self_is_member: chats::self_is_in(tx.store, profile, id, &record)?,
            promoted: !record.unpromoted,
            joiner_is_member: members::is_member(tx.store, profile, id, joiner)?,
        }),
        None => None,
    };
    let auth = stored.map(|stored| AuthFacts {
        scope: match GroupId::parse(&stored.scope) {
            Some(id) => Scope::Chat(id),
            None => Scope::Contact,
        },
        created: stored.created,
    });
    Ok(InviterFacts {
        own_fingerprint: own,
        invite_number_known,
        auth,
        sender_blocked,
        sender_fingerprint: sender.and_then(|contact| keys::parse_fingerprint(&contact.fingerprint)),
        chat,
    })
}

/// A copy of a handshake mail that another own device sent.
fn observe(
    tx: &Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
    message: &HandshakeMessage,
    own: Fingerprint,
) -> Result<Reaction> {
    let recipient = match who.to.first().copied().flatten() {
        Some(contact) => contacts::load(tx.store, tx.profile, contact)?,
        None => None,
    };
    let facts = ObserverFacts {
        own_fingerprint: own,
        recipient_blocked: recipient.as_ref().is_some_and(|contact| contact.blocked),
        recipient: recipient.and_then(|contact| keys::parse_fingerprint(&contact.fingerprint)),
        gossiped: parsed
            .to
            .first()
            .and_then(|mailbox| gossiped(opened, &mailbox.address))
            .and_then(|text| keys::parse_fingerprint(&text)),
    };
    Ok(observer::receive(message, &facts))
}

/// Starts a join by a scanned code and returns the chat it leads to. The handshake goes on in the background.
pub fn start(tx: &mut Tx<'_, '_>, invite: &Invite) -> Result<ChatId> {
    let profile = tx.profile;
    let inviter = know_inviter(tx, invite)?;
    let has_own_address = !transports::own_addrs(tx.store, profile)?.is_empty();
    // Without an address there is no key yet; the first mail of the newer handshake needs none.
    let own = if has_own_address { keys::ensure_own(tx)?.fingerprint() } else { Fingerprint::V4([0; 20]) };
    let listed: Vec<Address> = keys::relays_of(tx.store, profile, &invite.fingerprint.to_string())?
        .iter()
        .filter_map(|addr| Address::parse(addr).ok())
        .collect();
    let group = match &invite.target {
        Target::Contact => None,
        Target::Group { id, .. } | Target::Channel { id, .. } => {
            chats::by_group_id(tx.store, profile, id.as_str())?
        }
    };
    let already_member = match &group {
        Some((chat, _)) => members::is_member(tx.store, profile, *chat, ContactId::SELF)?,
        None => false,
    };
    let facts = StartFacts {
        own_fingerprint: own,
        has_own_address,
        already_member,
        key_addresses: (has_own_address && !listed.is_empty()).then_some(listed.as_slice()),
    };
    let steps = joiner::start(invite, &facts).map_err(|error| Failure::refused(error.to_string()))?;
    let from = invite.addresses.first().map(Address::as_str).unwrap_or_default();
    let source = Origin { from, sender: Some(inviter) };
    for effect in steps {
        effects::run(tx, effect, &source)?;
    }
    let chat = match &invite.target {
        Target::Contact => chats::single_of(tx.store, profile, inviter)?,
        Target::Group { id, .. } | Target::Channel { id, .. } => {
            chats::by_group_id(tx.store, profile, id.as_str())?.map(|(chat, _)| chat)
        }
    };
    chat.ok_or_else(|| Failure::refused("the join made no chat"))
}

/// The inviter becomes a contact; its address is the first of the code.
pub fn know_inviter(tx: &mut Tx<'_, '_>, invite: &Invite) -> Result<ContactId> {
    let addr = invite.addresses.first().map(Address::as_str).unwrap_or_default();
    let fingerprint = invite.fingerprint.to_string();
    let seen = Seen {
        name: &invite.inviter_name,
        addr,
        fingerprint: &fingerprint,
        origin: ContactOrigin::UnhandledSecurejoinScan,
    };
    let contact = contacts::add_or_lookup(tx, seen)?;
    let name = crate::ground::names::clean_contact_name(&invite.inviter_name);
    contacts::update(tx, contact, |record| {
        addr.clone_into(&mut record.addr);
        if !name.is_empty() {
            record.auth_name = name;
        }
    })?;
    Ok(contact)
}

/// Makes a code that lets others in: to ourselves, or to a group or channel. Each call gives a new one; earlier ones
/// stay valid.
pub fn invite(tx: &mut Tx<'_, '_>, chat: Option<ChatId>) -> Result<Invite> {
    use crate::state::config;
    let profile = tx.profile;
    let addrs = transports::published_addrs(tx.store, profile)?;
    let addresses: Vec<Address> = addrs.iter().filter_map(|addr| Address::parse(addr).ok()).collect();
    if addresses.is_empty() {
        return Err(Failure::refused("No self addr configured"));
    }
    let (scope, target) = match chat {
        None => (String::new(), Target::Contact),
        Some(chat) => {
            let record = crate::chat::compose::load_chat(tx.store, profile, chat)?;
            let kind = chat_type_name(record.chat_type);
            let id = GroupId::parse(&record.group_id);
            let target = match (record.chat_type, id) {
                (ChatType::Group, Some(id)) => Target::Group { id, name: record.name.clone() },
                (ChatType::OutBroadcast, Some(id)) => Target::Channel { id, name: record.name.clone() },
                (ChatType::Group, None) => {
                    let text = format!("Can't generate QR code, chat Chat#{chat} is a email thread");
                    return Err(Failure::refused(text));
                }
                _ => {
                    let text =
                        format!("Can't generate SecureJoin QR code for chat Chat#{chat} of type {kind}");
                    return Err(Failure::refused(text));
                }
            };
            (record.group_id, target)
        }
    };
    let fingerprint = keys::ensure_own(tx)?.fingerprint();
    let rng = &mut rand::thread_rng();
    let now = tx.now;
    let number = match tokens::newest(tx.store, profile, TokenKind::Invite, &scope)? {
        Some(known) => known,
        None => {
            let fresh = Token::generate(rng).as_str().to_owned();
            tokens::save(tx, TokenKind::Invite, &scope, &fresh, now)?;
            fresh
        }
    };
    let auth = Token::generate(rng);
    tokens::save(tx, TokenKind::Auth, &scope, auth.as_str(), now)?;
    Ok(Invite {
        fingerprint,
        addresses,
        inviter_name: config::get(tx.store, profile, config::key::DISPLAYNAME)?.unwrap_or_default(),
        target,
        invite_number: Token::parse(&number),
        auth,
        v3: true,
    })
}

/// The block state under which a chat of a handshake is made: hidden until somebody has reason to see it.
const HIDDEN: Block = Block::Yes;

/// The contact with a key.
fn contact_of(tx: &Tx<'_, '_>, fingerprint: &Fingerprint) -> Result<ContactId> {
    contacts::by_fingerprint(tx.store, tx.profile, &fingerprint.to_string())?
        .ok_or_else(|| Failure::refused(format!("no contact with fingerprint {fingerprint}")))
}
