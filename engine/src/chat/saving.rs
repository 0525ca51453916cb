//! Copies in Saved Messages. They keep author, time and attachment of the message, and nothing is sent.

use volary_storage::records::{Block, Download, MessageRecord, MessageState, TimeRecord, ViewType};
use volary_storage::tables::SAVED_BEFORE;
use volary_storage::{StoreError, View as _};

use super::{compose, pending};
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId, MessageId};
use crate::state::{chats, messages};

/// The original of a copy whose message is not here. No message has this id.
const NOT_HERE: MessageId = MessageId::new(u32::MAX);

/// A copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Message-ID of the message.
    pub src: String,
    /// Message-ID of the copy.
    pub dest: String,
    /// What it holds.
    pub content: Content,
}

/// What a copy holds, as far as it can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The author.
    pub from: ContactId,
    /// Sent time of the message.
    pub sent: i64,
    /// Its text.
    pub text: String,
    /// What it answers.
    pub quote: Option<String>,
    /// The author had edited it.
    pub edited: bool,
    /// It was forwarded.
    pub forwarded: bool,
    /// Name of its file; empty for none.
    pub file_name: String,
}

/// Copies a message.
pub fn save(tx: &mut Tx<'_, '_>, message: MessageId) -> Outcome<Saved> {
    let original = messages::load(tx.store, tx.profile, message)?
        .ok_or_else(|| Failure::refused(format!("Message Msg#{message} does not exist")))?;
    if original.original.is_some() {
        return Err(Failure::refused("message already saved."));
    }
    let dest = compose::new_mid();
    let content = Content {
        from: original.from,
        sent: original.sent,
        text: original.text.clone(),
        quote: original.has_quote.then(|| original.quote.clone()),
        edited: original.edited,
        forwarded: original.forwarded,
        file_name: original.file_name.clone(),
    };
    copy(tx, message, original.clone(), &dest)?;
    Ok(Saved { src: original.mid, dest, content })
}

/// Another device has copied a message. What it tells of the content counts: here the message may have been edited since,
/// or it was deleted, or has not come yet.
pub fn save_as_told(tx: &mut Tx<'_, '_>, src: &str, dest: &str, told: Option<Content>) -> Outcome<()> {
    match (messages::by_mid(tx.store, tx.profile, src)?, told) {
        (Some((message, mut original)), told) => {
            if let Some(told) = told {
                if told.text != original.text {
                    original.text = told.text;
                    original.wire_text = String::new();
                }
                original.edited = told.edited;
            }
            copy(tx, message, original, dest)
        }
        (None, Some(told)) => rebuild(tx, src, dest, told),
        (None, None) => {
            tracing::debug!(profile = %tx.profile, "a message that another device has saved is not here");
            Ok(())
        }
    }
}

fn own_chat(tx: &mut Tx<'_, '_>) -> Result<ChatId, StoreError> {
    chats::ensure_single(tx, ContactId::SELF, Block::Not)
}

fn state(from: ContactId) -> MessageState {
    if from == ContactId::SELF { MessageState::OutDelivered } else { MessageState::InSeen }
}

fn copy(tx: &mut Tx<'_, '_>, message: MessageId, original: MessageRecord, dest: &str) -> Outcome<()> {
    let chat = own_chat(tx)?;
    let home = original.chat;
    let copy = MessageRecord {
        chat,
        mid: dest.to_owned(),
        pre_mid: String::new(),
        state: state(original.from),
        sort: compose::bottom(tx, chat)?,
        hidden: false,
        wants_receipt: false,
        ephemeral_timer: 0,
        expires: 0,
        pinned: false,
        headers: Vec::new(),
        ..original
    };
    let saved = messages::insert(tx, &copy)?;
    link(tx, message, saved)?;
    pending::came(tx, saved, &copy)?;
    tx.msg_changed(chat, saved);
    tx.msg_changed(home, message);
    Ok(())
}

/// Two devices may save the same message: a copy leads to the one before it.
fn link(tx: &mut Tx<'_, '_>, message: MessageId, copy: MessageId) -> Result<(), StoreError> {
    let before = messages::load(tx.store, tx.profile, message)?.and_then(|record| record.saved);
    messages::update(tx, copy, |record| (record.original, record.saved) = (Some(message), before))?;
    messages::update(tx, message, |record| record.saved = Some(copy))?;
    Ok(())
}

/// Makes a copy of a message that is not here.
fn rebuild(tx: &mut Tx<'_, '_>, src: &str, dest: &str, told: Content) -> Outcome<()> {
    let chat = own_chat(tx)?;
    let Content { from, sent, text, quote, edited, forwarded, file_name } = told;
    let now = tx.now;
    let copy = MessageRecord {
        chat,
        from,
        mid: dest.to_owned(),
        state: state(from),
        view_type: ViewType::Text,
        text,
        has_quote: quote.is_some(),
        quote: quote.unwrap_or_default(),
        edited,
        forwarded,
        download_state: if file_name.is_empty() { Download::Done } else { Download::Failure },
        file_name,
        encrypted: true,
        sent,
        received: now,
        sort: compose::bottom(tx, chat)?,
        original: Some(NOT_HERE),
        ..Default::default()
    };
    let saved = messages::insert(tx, &copy)?;
    tx.store.put(&SAVED_BEFORE, &(tx.profile, src.to_owned(), saved), &TimeRecord { time: now })?;
    pending::came(tx, saved, &copy)?;
    tracing::debug!(profile = %tx.profile, message = %saved, "a saved message is made from what another device tells");
    tx.msg_changed(chat, saved);
    Ok(())
}

/// A message came of which another device has told that it was saved: its copies get the file.
pub fn came(tx: &mut Tx<'_, '_>, message: MessageId, record: &MessageRecord) -> Outcome<()> {
    let rows = tx.store.scan_prefix(&SAVED_BEFORE, &(tx.profile, record.mid.clone()))?.keys();
    for key in rows.collect::<Result<Vec<_>, _>>()? {
        tx.store.remove(&SAVED_BEFORE, &key)?;
        let (_, _, copy) = key;
        let Some(before) = messages::load(tx.store, tx.profile, copy)? else { continue };
        messages::update(tx, copy, |copy| {
            *copy = MessageRecord {
                chat: copy.chat,
                mid: copy.mid.clone(),
                pre_mid: String::new(),
                state: copy.state,
                text: copy.text.clone(),
                wire_text: copy.wire_text.clone(),
                edited: copy.edited,
                sort: copy.sort,
                wants_receipt: false,
                ephemeral_timer: 0,
                expires: 0,
                headers: Vec::new(),
                ..record.clone()
            };
        })?;
        link(tx, message, copy)?;
        tx.msg_changed(before.chat, copy);
    }
    Ok(())
}

/// A message whose file has come, and its copies, which wait for that, too.
pub fn with_copies(tx: &Tx<'_, '_>, message: MessageId) -> Result<Vec<MessageId>, StoreError> {
    let mut found = vec![message];
    let mut next = messages::load(tx.store, tx.profile, message)?.and_then(|record| record.saved);
    while let Some(copy) = next {
        let Some(record) = messages::load(tx.store, tx.profile, copy)? else { break };
        if record.download_state != Download::Done {
            found.push(copy);
        }
        next = record.saved;
    }
    Ok(found)
}
