//! Queries: what requests read. Each takes its answer from one snapshot and wakes no actor.
//!
//! | file | answers |
//! |---|---|
//! | [`mod@look`] | the snapshot that all of them read |
//! | [`account`] | a profile as account lists show it |
//! | [`chatlist`], [`chats`] | the chat list and its entries, chats in full, members |
//! | [`contacts`] | contacts, contact lists, contact cards |
//! | [`messages`], [`listing`], [`facts`] | messages, lists of their ids, facts about them |
//! | [`locations`] | tracks and places, and to whom the own location is streamed |
//! | [`not_shown`] | received mails of which nothing is shown |
//! | [`send_queue`] | what waits to be sent |
//! | [`search`], [`summary`] | finding messages, and what is shown of one in a line |
//! | [`stickers`] | the sticker collection |
//! | [`config`], [`info`] | settings, and facts for logs |
//! | [`color`], [`time`], [`convert`] | colours, local days, stored numbers as enums |

pub mod account;
pub mod chatlist;
pub mod chats;
pub mod color;
pub mod config;
pub mod contacts;
pub mod convert;
pub mod facts;
pub mod info;
pub mod listing;
pub mod locations;
pub mod look;
pub mod messages;
pub mod not_shown;
pub mod process;
pub mod search;
pub mod send_queue;
pub mod statistics;
pub mod stickers;
pub mod summary;
pub mod time;

use std::path::Path;

use volary_mail::address::Address;
use volary_mail::qr::svg;
use volary_proto::Error;
use volary_proto::v1::{
    Blob, ConfigValues, Contacts, Flag, Ids, MaybeId, MaybeMessage, MaybeReactions, MaybeText,
    MessageListItems, MessageReadReceipts, Number, Text, TextMap, Texts, Transports, VcardContacts, answer,
    request,
};

use self::look::{Look, look, no_profile};
use crate::chat::compose::load_chat;
use crate::chat::reading;
use crate::commands::relays::to_param;
use crate::ground::db::Db;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ProfileId, numbers, typed};
use crate::state::transports;
use crate::webxdc::instance;
use volary_mail::login::EnteredLogin;

/// Answers a query to a profile.
pub fn run(db: &Db, profile: ProfileId, kind: &request::Kind) -> Result<answer::Kind, Error> {
    use request::Kind;
    // Clients ask for the messages of profiles that they have just removed.
    if let Kind::GetExistingMsgIds(call) = kind {
        return match look(db, profile, |look| messages::existing(look, &typed(&call.msg_ids))) {
            Err(error) if error == no_profile(profile) => Ok(ids(Vec::<u32>::new())),
            found => found.map(ids),
        };
    }
    let answered = look(db, profile, |look| {
        if let Some(answer) = about_profile(db, look, kind)? {
            return Ok(Some(answer));
        }
        if let Some(answer) = about_chats(look, kind)? {
            return Ok(Some(answer));
        }
        if let Some(answer) = about_messages(look, kind)? {
            return Ok(Some(answer));
        }
        about_contacts(look, kind)
    })?;
    answered.ok_or_else(|| unsupported(kind))
}

/// The failure of a request that the engine cannot carry out.
pub(crate) fn unsupported(kind: &request::Kind) -> Error {
    Error::unsupported(format!("{} is not supported yet", kind.name()))
}

/// Answers a query to the process as a whole that needs no state; `None` for any other request.
pub fn process(kind: &request::Kind) -> Option<Result<answer::Kind, Error>> {
    use request::Kind;
    Some(match kind {
        Kind::GetSystemInfo(_) => Ok(TextMap { entries: info::system() }.into()),
        Kind::CheckEmailValidity(call) => {
            Ok(Flag { value: Address::parse_exact(&call.email).is_ok() }.into())
        }
        Kind::CreateQrSvg(call) => match svg::render(&call.text) {
            Ok(text) => Ok(Text { text }.into()),
            Err(error) => Err(Error::failed(error.to_string())),
        },
        Kind::ParseVcard(call) => parse_vcard(Path::new(&call.path)),
        _ => return None,
    })
}

fn parse_vcard(path: &Path) -> Result<answer::Kind, Error> {
    let read = || {
        if std::fs::metadata(path)?.len() > contacts::MAX_CARD_FILE {
            return Err(std::io::Error::from(std::io::ErrorKind::FileTooLarge));
        }
        std::fs::read(path)
    };
    let bytes = read().map_err(|error| Error::failed(error.to_string()))?;
    Ok(VcardContacts { contacts: contacts::cards_in(&bytes) }.into())
}

fn id(found: Option<impl Into<u32>>) -> answer::Kind {
    MaybeId { id: found.map(Into::into) }.into()
}

fn ids(ids: Vec<impl Into<u32>>) -> answer::Kind {
    Ids { ids: numbers(ids) }.into()
}

fn text(text: String) -> answer::Kind {
    Text { text }.into()
}

fn maybe_text(text: Option<String>) -> answer::Kind {
    MaybeText { text }.into()
}

fn number(value: impl Into<u64>) -> answer::Kind {
    Number { value: value.into() }.into()
}

fn flag(value: bool) -> answer::Kind {
    Flag { value }.into()
}

fn about_profile(db: &Db, look: &Look<'_>, kind: &request::Kind) -> Outcome<Option<answer::Kind>> {
    use request::Kind;
    let database =
        || std::fs::metadata(db.dir().join(volary_storage::FILE_NAME)).map_or(0, |file| file.len());
    Ok(Some(match kind {
        Kind::GetAccountInfo(_) => account::view(look)?.into(),
        Kind::IsConfigured(_) => flag(!transports::all(look.view, look.profile)?.is_empty()),
        Kind::GetInfo(_) => TextMap { entries: info::profile(look, db.dir())? }.into(),
        Kind::GetAccountFileSize(_) => number(database() + info::blob_bytes(&look.blob_dir)),
        Kind::GetStorageUsageReport(_) => text(info::storage_report(look, database())?),
        Kind::GetBlobDir(_) => maybe_text(Some(look.blob_dir.to_string_lossy().into_owned())),
        // A profile that could not be opened is none: there is one database for all of them.
        Kind::GetMigrationError(_) => maybe_text(None),
        Kind::GetConfig(call) => maybe_text(config::get(look, &call.key)?),
        Kind::BatchGetConfig(call) => ConfigValues { entries: config::batch(look, &call.keys)? }.into(),
        Kind::GetAllUiConfigKeys(_) => Texts { texts: config::ui_keys(look)? }.into(),
        Kind::GetStatistics(_) => text(statistics::json(look)?),
        Kind::GetStickerFolder(_) => text(stickers::made_folder(look)?),
        Kind::GetStickers(_) => stickers::packs(look)?.into(),
        Kind::ListTransports(_) => list_transports(look)?.into(),
        Kind::GetNotShownMails(call) => not_shown::mails(look, call.limit)?.into(),
        Kind::GetSendQueue(call) => send_queue::mails(look, call.limit)?.into(),
        _ => return Ok(None),
    }))
}

fn list_transports(look: &Look<'_>) -> Outcome<Transports> {
    let mut listed = Vec::new();
    for (_, record) in transports::all(look.view, look.profile)? {
        let entered: EnteredLogin = serde_json::from_str(&record.entered)
            .map_err(|error| Failure::refused(format!("stored transport cannot be read: {error}")))?;
        listed.push(to_param(&entered));
    }
    Ok(Transports { transports: listed })
}

fn about_chats(look: &Look<'_>, kind: &request::Kind) -> Outcome<Option<answer::Kind>> {
    use request::Kind;
    Ok(Some(match kind {
        Kind::GetChatlistEntries(call) => ids(chatlist::entries(look, call)?),
        Kind::GetChatlistItems(call) => chatlist::items(look, &typed(&call.chat_ids))?.into(),
        Kind::GetSimilarChatIds(call) => ids(chats::similar(look, call.chat_id.into())?),
        Kind::GetFullChat(call) => chats::full(look, call.chat_id.into())?.into(),
        Kind::GetBasicChat(call) => chats::basic(look, call.chat_id.into())?.into(),
        Kind::IsChatMuted(call) => flag(chats::muted(look, call.chat_id.into())?),
        Kind::GetChatDescription(call) => text(chats::description(look, call.chat_id.into())?),
        Kind::GetChatEphemeralTimer(call) => number(chats::ephemeral_timer(look, call.chat_id.into())?),
        Kind::GetChatContacts(call) => ids(chats::contact_ids(look, call.chat_id.into())?),
        Kind::GetPastChatContacts(call) => ids(chats::past_contact_ids(look, call.chat_id.into())?),
        Kind::GetChatIdByContactId(call) => id(chats::of_contact(look, call.contact_id.into())?),
        Kind::CanSend(call) => {
            let record = load_chat(look.view, look.profile, call.chat_id.into())?;
            flag(chats::can_send(look, call.chat_id.into(), &record)?)
        }
        Kind::GetChatEncryptionInfo(call) => text(chats::encryption_info(look, call.chat_id.into())?),
        Kind::GetFreshMsgCnt(call) => number(chats::fresh_count(look, call.chat_id.into())?),
        Kind::GetFreshMsgs(_) => ids(chats::fresh_messages(look)?),
        Kind::GetFirstUnreadMessageOfChat(call) => {
            id(reading::first_unread(look.view, look.profile, call.chat_id.into())?)
        }
        Kind::IsSendingLocations(call) => flag(locations::is_streaming(look, call.chat_id.map(Into::into))?),
        Kind::GetLocations(call) => locations::list(look, call)?.into(),
        Kind::GetDraft(call) => MaybeMessage { message: messages::draft(look, call.chat_id.into())? }.into(),
        _ => return Ok(None),
    }))
}

fn about_messages(look: &Look<'_>, kind: &request::Kind) -> Outcome<Option<answer::Kind>> {
    use request::Kind;
    Ok(Some(match kind {
        Kind::GetMessage(call) => {
            let missing =
                || format!("Message Msg#{} does not exist for account {}", call.msg_id, look.profile);
            messages::existing(look, &[call.msg_id.into()])?
                .pop()
                .ok_or_else(|| Failure::refused(missing()))?;
            messages::message(look, call.msg_id.into())?.into()
        }
        Kind::GetMessages(call) => messages::list(look, &typed(&call.msg_ids))?.into(),
        Kind::GetMessageIds(call) => {
            let lines = listing::lines(look, call.chat_id.into(), call.info_only, call.add_daymarker)?;
            ids(listing::as_ids(lines))
        }
        Kind::GetMessageListItems(call) => {
            let lines = listing::lines(look, call.chat_id.into(), call.info_only, call.add_daymarker)?;
            MessageListItems { items: listing::as_items(lines) }.into()
        }
        Kind::GetMessageHtml(call) => maybe_text(facts::html(look, call.msg_id.into())?),
        Kind::GetMessageSummaryText(call) => {
            let record = messages::record(look, call.msg_id.into())?;
            let style = summary::Style { forwarded: call.add_forwarded, emoji: call.add_type_emoji };
            text(summary::styled(look, &record, style, call.approx_chars as usize))
        }
        Kind::GetMessageNotificationInfo(call) => messages::notification(look, call.msg_id.into())?.into(),
        Kind::GetPinnedMessages(call) => ids(listing::pinned(look, call.chat_id.into())?),
        Kind::GetMessageReactions(call) => {
            MaybeReactions { reactions: messages::reactions(look, call.msg_id.into())? }.into()
        }
        Kind::GetMessageInfo(call) => text(facts::info(look, call.msg_id.into())?),
        Kind::GetMessageInfoObject(call) => facts::info_object(look, call.msg_id.into())?.into(),
        Kind::GetMessageReadReceipts(call) => {
            MessageReadReceipts { receipts: facts::receipts(look, call.msg_id.into())? }.into()
        }
        Kind::GetMessageReadReceiptCount(call) => {
            number(facts::receipts(look, call.msg_id.into())?.len() as u64)
        }
        Kind::SearchMessages(call) => ids(search::find(look, &call.query, call.chat_id.map(Into::into))?),
        Kind::MessageIdsToSearchResults(call) => search::results(look, &typed(&call.msg_ids))?.into(),
        Kind::GetChatMedia(call) => {
            ids(listing::media(look, call.chat_id.map(Into::into), &call.view_types)?)
        }
        Kind::GetWebxdcInfo(call) => instance::info(look, call.msg_id.into())?.into(),
        Kind::GetWebxdcBlob(call) => {
            Blob { blob: instance::blob(look, call.msg_id.into(), &call.path)?.into_owned().into() }.into()
        }
        Kind::GetWebxdcStatusUpdates(call) => {
            text(instance::updates(look, call.msg_id.into(), call.last_known_serial)?)
        }
        Kind::GetWebxdcHref(call) => maybe_text(instance::href(look, call.msg_id.into())?),
        Kind::GetCallInfo(call) => messages::call(look, call.msg_id.into())?.into(),
        Kind::GetNextMsgs(_) => ids(messages::next_msgs(look.view, look.profile)?),
        Kind::EstimateAutoDeletionCount(call) => {
            number(listing::older_than(look, call.from_server, call.seconds)?)
        }
        _ => return Ok(None),
    }))
}

fn about_contacts(look: &Look<'_>, kind: &request::Kind) -> Outcome<Option<answer::Kind>> {
    use request::Kind;
    Ok(Some(match kind {
        Kind::GetContact(call) => contacts::contact(look, call.contact_id.into())?.into(),
        Kind::GetContactsByIds(call) => contacts::by_ids(look, &typed(&call.contact_ids))?.into(),
        Kind::GetContactIds(call) => ids(contacts::list(look, call.flags, call.query.as_deref())?),
        Kind::GetContacts(call) => {
            let listed = contacts::list(look, call.flags, call.query.as_deref())?;
            let contacts =
                listed.into_iter().map(|id| contacts::contact(look, id)).collect::<Outcome<_>>()?;
            Contacts { contacts }.into()
        }
        Kind::LookupContactIdByAddr(call) => id(contacts::lookup(look, &call.addr)?),
        Kind::GetBlockedContacts(_) => Contacts { contacts: contacts::blocked(look)? }.into(),
        Kind::GetContactEncryptionInfo(call) => {
            text(contacts::encryption_info(look, call.contact_id.into())?)
        }
        Kind::MakeVcard(call) => text(contacts::make_vcard(look, &typed(&call.contact_ids))?),
        _ => return Ok(None),
    }))
}
