//! Carries out the effects that the rules of the handshake ask for.

use volary_mail::openpgp::Fingerprint;
use volary_mail::qr::Target;
use volary_mail::securejoin::{
    Effect, Encryption, GroupId, InfoLine, InviterChat, JoinTarget, Origin as Known, PendingJoin, Recipients,
    StepMail, Verification,
};
use volary_proto::v1::{self, event};
use volary_storage::records::{
    Block, ChatRecord, ChatType, ContactOrigin, JobKind, JoinRecord, MessageRecord, MessageState,
    OutboxRecord, SystemType, ViewType,
};

use super::{HIDDEN, Origin, contact_of};
use crate::chat::{announcing, channels, compose, groups};
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId};
use crate::ground::intent::Intent;
use crate::ground::texts::id as text;
use crate::state::{chats, contacts, keys, members, messages, outbox, tokens, verification};
use crate::sync::share;

/// Carries out one effect.
pub(super) fn run(tx: &mut Tx<'_, '_>, effect: Effect, source: &Origin<'_>) -> Outcome<()> {
    match effect {
        Effect::Send(mail) => send(tx, mail, source),
        Effect::StorePending(join) => store_pending(tx, &join),
        Effect::DropPending(id) => Ok(tokens::remove_join(tx, id)?),
        Effect::ShowSingleChat { fingerprint } => {
            let contact = contact_of(tx, &fingerprint)?;
            chats::ensure_single(tx, contact, Block::Not)?;
            Ok(())
        }
        Effect::EnsureSingleChat { fingerprint } => {
            let contact = contact_of(tx, &fingerprint)?;
            ensure_hidden(tx, contact)?;
            Ok(())
        }
        Effect::EnsureJoinedChat(target) => joined_chat(tx, &target, source),
        Effect::RaiseOrigin { fingerprint, origin } => raise(tx, &fingerprint, origin),
        Effect::MarkVerified { fingerprint } => {
            let contact = contact_of(tx, &fingerprint)?;
            Ok(verification::set(tx, contact, Verification::Direct)?)
        }
        Effect::ForgetGossip { fingerprint } => forget_gossip_with(tx, &fingerprint),
        Effect::ForgetGroupGossip(id) => {
            let (chat, _) = group(tx, &id)?;
            groups::forget_gossip(tx, chat)
        }
        Effect::PromoteGroup(id) => {
            let (chat, _) = group(tx, &id)?;
            Ok(announcing::promote(tx, chat)?)
        }
        Effect::AddMember { chat, fingerprint } => add_member(tx, &chat, &fingerprint),
        Effect::AnnounceMember { chat, fingerprint, to_member_only } => {
            announce(tx, &chat, &fingerprint, to_member_only)
        }
        Effect::SyncSubscribers(id) => {
            let (chat, _) = group(tx, &id)?;
            share::members(tx, chat)
        }
        Effect::ResendHistory { chat, fingerprint } => {
            let (chat, _) = group(tx, &chat)?;
            let contact = contact_of(tx, &fingerprint)?;
            channels::resend_history(tx, chat, contact)
        }
        Effect::Info { chat, line } => info(tx, &chat, line, source),
        Effect::RemoveWaitLine { fingerprint } => remove_wait_line(tx, &fingerprint),
        Effect::JoinerProgress { fingerprint, progress } => {
            let contact = contact_of(tx, &fingerprint)?;
            tx.joiner_progress(contact, u32::from(progress));
            tx.contacts_changed(Some(contact));
            Ok(())
        }
        Effect::InviterProgress { fingerprint, chat } => inviter_progress(tx, &fingerprint, &chat),
        Effect::ErrorSelfNotInGroup => {
            let msg = "Cannot add contact to group; self not in group.".to_owned();
            tx.tell(event::Kind::ErrorSelfNotInGroup(event::ErrorSelfNotInGroup { msg }));
            Ok(())
        }
        Effect::LogUnrelatedJoin { address } => {
            tx.info(format!("Member {address} added by unrelated SecureJoin process."));
            Ok(())
        }
    }
}

fn group(tx: &Tx<'_, '_>, id: &GroupId) -> Outcome<(ChatId, ChatRecord)> {
    chats::by_group_id(tx.store, tx.profile, id.as_str())?
        .ok_or_else(|| Failure::refused(format!("no chat with id {}", id.as_str())))
}

fn ensure_hidden(tx: &mut Tx<'_, '_>, contact: ContactId) -> Outcome<ChatId> {
    match chats::single_of(tx.store, tx.profile, contact)? {
        Some(chat) => Ok(chat),
        None => Ok(chats::ensure_single(tx, contact, HIDDEN)?),
    }
}

fn raise(tx: &mut Tx<'_, '_>, fingerprint: &Fingerprint, known: Known) -> Outcome<()> {
    let contact = contact_of(tx, fingerprint)?;
    let to = match known {
        Known::ChatCreated => ContactOrigin::CreateChat,
        Known::Invited => ContactOrigin::SecurejoinInvited,
        Known::Joined => ContactOrigin::SecurejoinJoined,
    };
    contacts::raise_origin(tx, contact, to)?;
    tx.contacts_changed(None);
    Ok(())
}

fn store_pending(tx: &mut Tx<'_, '_>, join: &PendingJoin) -> Outcome<()> {
    let contact = contact_of(tx, &join.invite.fingerprint)?;
    let record = JoinRecord {
        contact,
        state: join.to_bytes(),
        password: join.invite.auth.as_str().to_owned(),
        fingerprint: join.invite.fingerprint.to_string(),
        chat: None,
    };
    tokens::add_join(tx, &record)?;
    Ok(())
}

/// Queues a handshake mail as a hidden message of the chat with the contact, if there is one.
fn send(tx: &mut Tx<'_, '_>, mail: StepMail, source: &Origin<'_>) -> Outcome<()> {
    let contact = match &mail.to {
        Recipients::Contact(fingerprint) | Recipients::AllRelaysOf(fingerprint) => {
            contact_of(tx, fingerprint)?
        }
        Recipients::Hidden(_) | Recipients::HiddenSender => source.sender.unwrap_or_default(),
    };
    let chat = if contact.is_special() { ChatId::NONE } else { ensure_hidden(tx, contact)? };
    let encrypted = mail.encryption != Encryption::None;
    let intent = Intent::handshake(mail.headers.iter().map(|(name, value)| (*name, value.as_str())))?;
    let mut message = MessageRecord {
        chat,
        from: ContactId::SELF,
        mid: compose::new_mid(),
        state: MessageState::OutPending,
        view_type: ViewType::Text,
        text: mail.body.clone(),
        subject: mail.subject.unwrap_or_default().to_owned(),
        fixed_subject: mail.subject.is_some(),
        sent: tx.now,
        sort: tx.now,
        encrypted,
        ..Default::default()
    };
    intent.store_in(&mut message);
    if mail.step.carries_chat_version() {
        compose::thread(tx.store, tx.profile, &mut message)?;
    }
    let id = messages::insert(tx, &message)?;
    let mut job = OutboxRecord {
        message: id,
        gossip: mail.gossip.is_some(),
        uncompressed: true,
        no_self_copy: !mail.self_copy,
        ..Default::default()
    };
    match &mail.encryption {
        Encryption::None => job.kind = JobKind::Clear,
        Encryption::Symmetric { sign, .. } => {
            job.kind = JobKind::Password;
            job.password = password_of(tx, &mail, contact)?;
            job.signed = *sign;
        }
        Encryption::Public(_) => {
            job.kind = JobKind::Directed;
            job.contacts = vec![contact];
        }
    }
    job.addrs = match &mail.to {
        Recipients::Hidden(addrs) => addrs.iter().map(ToString::to_string).collect(),
        Recipients::HiddenSender => vec![source.from.to_owned()],
        Recipients::Contact(_) => {
            let record = contacts::load(tx.store, tx.profile, contact)?;
            record.map(|record| record.addr).into_iter().collect()
        }
        Recipients::AllRelaysOf(_) => Vec::new(),
    };
    outbox::push(tx, &job)?;
    Ok(())
}

/// What the secret of a password mail is made from: the inviter's fingerprint and the token of the mail.
fn password_of(tx: &Tx<'_, '_>, mail: &StepMail, contact: ContactId) -> Outcome<String> {
    let inviter = match mail.to {
        Recipients::HiddenSender => keys::own_fingerprint(tx.store, tx.profile)?,
        _ => contacts::load(tx.store, tx.profile, contact)?.map(|record| record.fingerprint),
    };
    let token =
        mail.headers.iter().find(|(name, _)| *name == "Secure-Join-Auth").map(|(_, value)| value.as_str());
    Ok(format!("{}/{}", inviter.unwrap_or_default(), token.unwrap_or_default()))
}

/// The group or channel that is being joined: found or made without members.
fn joined_chat(tx: &mut Tx<'_, '_>, target: &Target, source: &Origin<'_>) -> Outcome<()> {
    let (id, name, kind) = match target {
        Target::Contact => return Ok(()),
        Target::Group { id, name } => (id, name, ChatType::Group),
        Target::Channel { id, name } => (id, name, ChatType::InBroadcast),
    };
    if let Some((chat, _)) = chats::by_group_id(tx.store, tx.profile, id.as_str())? {
        if chats::update(tx, chat, |record| record.blocked = Block::Not)? {
            tx.chat_modified(chat);
            tx.chatlist_item_changed(Some(chat));
        }
        return Ok(());
    }
    let record = ChatRecord {
        chat_type: kind,
        group_id: id.as_str().to_owned(),
        name: crate::ground::names::clean_line(name),
        encrypted: true,
        ..Default::default()
    };
    let chat = chats::create(tx, record)?;
    if let (ChatType::InBroadcast, Some(owner)) = (kind, source.sender) {
        members::add(tx, chat, owner, tx.now)?;
    }
    Ok(())
}

fn forget_gossip_with(tx: &mut Tx<'_, '_>, fingerprint: &Fingerprint) -> Outcome<()> {
    use volary_storage::View as _;
    use volary_storage::tables::{CHATS_OF_CONTACT, GOSSIPED};
    let contact = contact_of(tx, fingerprint)?;
    let shared: Vec<ChatId> = tx
        .store
        .scan_prefix(&CHATS_OF_CONTACT, &(tx.profile, contact))?
        .map(|row| row.map(|((_, _, chat), _)| chat))
        .collect::<Result<_, _>>()?;
    for chat in shared {
        tx.store.remove_prefix(&GOSSIPED, &(tx.profile, chat))?;
    }
    Ok(())
}

fn add_member(tx: &mut Tx<'_, '_>, id: &GroupId, fingerprint: &Fingerprint) -> Outcome<()> {
    let (chat, _) = group(tx, id)?;
    let contact = contact_of(tx, fingerprint)?;
    members::add(tx, chat, contact, tx.now)?;
    tx.chat_modified(chat);
    tx.contacts_changed(Some(contact));
    Ok(())
}

fn announce(
    tx: &mut Tx<'_, '_>,
    id: &GroupId,
    fingerprint: &Fingerprint,
    to_member_only: bool,
) -> Outcome<()> {
    let (chat, _) = group(tx, id)?;
    let contact = contact_of(tx, fingerprint)?;
    if to_member_only {
        return channels::announce_member(tx, chat, contact);
    }
    groups::add_member_by(tx, chat, contact, true)
}

fn info(tx: &mut Tx<'_, '_>, target: &JoinTarget, line: InfoLine, source: &Origin<'_>) -> Outcome<()> {
    let chat = match target {
        JoinTarget::Single(fingerprint) => {
            let contact = contact_of(tx, fingerprint)?;
            ensure_hidden(tx, contact)?
        }
        JoinTarget::Chat(id) => group(tx, id)?.0,
    };
    let inviter = contacts::name_of(tx.store, tx.texts, tx.profile, source.sender.unwrap_or_default())?;
    let (words, system) = match line {
        InfoLine::Wait => (tx.texts.get(text::SECUREJOIN_WAIT), SystemType::SecurejoinWait),
        InfoLine::InvitedToGroup => {
            (tx.texts.fill(text::SECUREJOIN_GROUP_INVITED, &[&inviter, &inviter]), SystemType::None)
        }
        InfoLine::InvitedToChannel => {
            (tx.texts.fill(text::SECUREJOIN_CHANNEL_INVITED, &[&inviter, &inviter]), SystemType::None)
        }
        InfoLine::InviterReplied => (tx.texts.fill(text::SECUREJOIN_REPLIED, &[&inviter]), SystemType::None),
    };
    messages::add_notice(tx, chat, &words, system, messages::Place::Bottom)?;
    Ok(())
}

/// The line that asks to wait goes away, if it is still the newest.
fn remove_wait_line(tx: &mut Tx<'_, '_>, fingerprint: &Fingerprint) -> Outcome<()> {
    let contact = contact_of(tx, fingerprint)?;
    let Some(chat) = chats::single_of(tx.store, tx.profile, contact)? else { return Ok(()) };
    let Some((_, newest)) = messages::newest_id(tx.store, tx.profile, chat)? else { return Ok(()) };
    let record = messages::load(tx.store, tx.profile, newest)?;
    if record.is_some_and(|record| record.system_type == SystemType::SecurejoinWait) {
        messages::erase(tx, newest)?;
        tx.msg_deleted(chat, newest);
        tx.msgs_changed(chat);
    }
    Ok(())
}

fn inviter_progress(tx: &mut Tx<'_, '_>, fingerprint: &Fingerprint, chat: &InviterChat) -> Outcome<()> {
    let contact = contact_of(tx, fingerprint)?;
    let (chat, kind) = match chat {
        InviterChat::Single => {
            (chats::single_of(tx.store, tx.profile, contact)?.unwrap_or_default(), v1::ChatType::Single)
        }
        InviterChat::Group(id) => (group(tx, id)?.0, v1::ChatType::Group),
        InviterChat::Channel(id) => (group(tx, id)?.0, v1::ChatType::OutBroadcast),
        InviterChat::ObservedSingle => (ChatId::NONE, v1::ChatType::Single),
        InviterChat::ObservedGroup => (ChatId::NONE, v1::ChatType::Group),
    };
    tx.inviter_progress(contact, chat, kind);
    Ok(())
}
