//! Commands: what requests change. Each is one transaction on its profile, answered when its commit is visible.
//!
//! | file | holds |
//! |---|---|
//! | [`calls`] | placing and ending calls |
//! | [`chats`] | single chats, mutes, drafts |
//! | `maps` | an app that is put into Saved Messages may become the map |
//! | [`messages`] | sending with files, copies, downloads |
//! | [`contacts`] | naming, forgetting, contact cards |
//! | [`config`] | settings: what is checked, and what follows |
//! | [`qr`] | codes: what they mean here, invites, joins |
//! | [`keys`] | own keys as files |
//! | [`route`] | whose turn a command is: the chat that it changes |
//! | [`push`] | the token of this device for push notifications |
//! | [`stickers`] | the sticker collection |
//! | [`files`], [`images`] | files of clients among the attachments, pictures made ready |

pub mod calls;
pub mod chats;
pub mod config;
pub mod contacts;
pub mod files;
pub mod images;
pub mod keys;
mod maps;
pub mod messages;
pub mod process;
pub mod push;
pub mod qr;
pub mod relay_choice;
pub mod relays;
pub mod route;
pub mod stickers;

#[cfg(test)]
mod tests;

use volary_mail::sync::Action;
use volary_proto::Error;
use volary_proto::v1::{ChatVisibility, Done, Id, Ids, MaybeId, Text, Texts, answer, request};
use volary_storage::records::{self, TransportRecord};

use crate::chat::{
    calls as chat_calls, channels, contact_names, drafts, features, groups, locations, reading, requests,
    saving,
};
use crate::ground::db::{Db, Tx};
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ChatId, MessageId, ProfileId, numbers, typed};
use crate::query;
use crate::query::convert;
use crate::query::look::look;
use crate::state::{keys as own_keys, transports};
use crate::sync::share;
use crate::webxdc::{map, sending};
use volary_mail::login::EnteredLogin;

/// Carries out a command.
pub async fn run(db: &Db, profile: ProfileId, kind: request::Kind) -> Result<answer::Kind, Error> {
    look(db, profile, |_| Ok(()))?;
    if kind.needs_key() {
        return with_key(db, profile, kind).await;
    }
    let saved = maps::may_be_chosen(db, profile, &kind);
    let frees = kind.frees_space();
    let answer = match simple(Box::new(kind)) {
        Ok(change) if frees => db.transact_freeing(profile, change).await?.value,
        Ok(change) => db.transact(profile, change).await?.value,
        Err(kind) => with_files(db, profile, *kind).await?,
    };
    if let Some(saved) = saved {
        maps::choose(db, profile, saved).await?;
    }
    Ok(answer)
}

async fn with_key(db: &Db, profile: ProfileId, kind: request::Kind) -> Result<answer::Kind, Error> {
    let missing = look(db, profile, |look| {
        let configured = !transports::all(look.view, profile)?.is_empty();
        Ok(configured && own_keys::own_fingerprint(look.view, profile)?.is_none())
    })?;
    if missing {
        db.transact_durably(profile, |tx| own_keys::ensure_own(tx).map(|_| ())).await?;
    }
    query::run(db, profile, &kind)
}

fn done() -> answer::Kind {
    Done {}.into()
}

fn id(id: impl Into<u32>) -> answer::Kind {
    Id { id: id.into() }.into()
}

/// A command that is nothing but a transaction.
type Change = Box<dyn FnOnce(&mut Tx<'_, '_>) -> Outcome<answer::Kind> + Send>;

/// Turns what a command does into a change that answers that it is done.
fn doing(change: impl FnOnce(&mut Tx<'_, '_>) -> Outcome<()> + Send + 'static) -> Change {
    Box::new(move |tx| change(tx).map(|()| done()))
}

/// Turns what a command makes into a change that answers with its id.
fn making<T: Into<u32>>(change: impl FnOnce(&mut Tx<'_, '_>) -> Outcome<T> + Send + 'static) -> Change {
    Box::new(move |tx| change(tx).map(id))
}

/// The change of a command that needs no file and no check outside of its transaction; else the command.
fn simple(kind: Box<request::Kind>) -> Result<Change, Box<request::Kind>> {
    on_chat(kind).or_else(on_messages).or_else(on_contacts)
}

fn on_chat(kind: Box<request::Kind>) -> Result<Change, Box<request::Kind>> {
    use request::Kind;
    Ok(match *kind {
        Kind::AcceptChat(call) => doing(move |tx| {
            requests::accept(tx, call.chat_id.into())?;
            share::chat(tx, call.chat_id.into(), Action::Accept)
        }),
        Kind::BlockChat(call) => doing(move |tx| chats::block(tx, call.chat_id.into())),
        Kind::DeleteChat(call) => doing(move |tx| {
            let chat = call.chat_id.into();
            share::deleting_chat(tx, chat, |tx| chats::delete(tx, chat))
        }),
        Kind::SetChatVisibility(call) => doing(move |tx| {
            let visibility = ChatVisibility::try_from(call.visibility).unwrap_or_default();
            let visibility = convert::visibility(visibility);
            requests::set_visibility(tx, call.chat_id.into(), visibility)?;
            share::chat(tx, call.chat_id.into(), share::place(visibility))
        }),
        Kind::SetChatMuteDuration(call) => doing(move |tx| {
            let mute = chats::wanted_mute(call.duration, tx.now)?;
            requests::set_mute(tx, call.chat_id.into(), mute)?;
            share::chat(tx, call.chat_id.into(), share::silence(mute))
        }),
        Kind::SetChatName(call) => doing(move |tx| {
            groups::rename(tx, call.chat_id.into(), &call.name)?;
            share::unannounced(tx, call.chat_id.into(), Action::Rename(call.name))
        }),
        Kind::SetChatDescription(call) => doing(move |tx| {
            groups::describe(tx, call.chat_id.into(), &call.description)?;
            share::unannounced(tx, call.chat_id.into(), Action::SetDescription(call.description))
        }),
        Kind::SetChatProfileImage(call) if call.image_path.is_none() => {
            doing(move |tx| groups::set_image(tx, call.chat_id.into(), None))
        }
        Kind::SetChatEphemeralTimer(call) => doing(move |tx| {
            groups::set_timer(tx, call.chat_id.into(), call.seconds)?;
            share::unannounced(tx, call.chat_id.into(), Action::SetTimer(call.seconds))
        }),
        Kind::CreateGroup(call) if call.unencrypted => {
            making(move |tx| groups::create_unencrypted(tx, &call.name))
        }
        Kind::CreateGroup(call) => making(move |tx| {
            let chat = groups::create(tx, &call.name)?;
            share::created(tx, chat)?;
            Ok(chat)
        }),
        Kind::CreateBroadcast(call) => making(move |tx| {
            let chat = channels::create(tx, &call.name)?;
            share::created(tx, chat)?;
            Ok(chat)
        }),
        Kind::AddContactToChat(call) => doing(move |tx| {
            groups::add_member(tx, call.chat_id.into(), call.contact_id.into())?;
            share::unannounced_members(tx, call.chat_id.into())
        }),
        Kind::RemoveContactFromChat(call) => doing(move |tx| {
            groups::remove_member(tx, call.chat_id.into(), call.contact_id.into())?;
            share::unannounced_members(tx, call.chat_id.into())
        }),
        Kind::CreateChatByContactId(call) => {
            making(move |tx| chats::with_contact(tx, call.contact_id.into()))
        }
        Kind::SendLocationsToChat(call) => {
            doing(move |tx| locations::stream(tx, call.chat_id.into(), call.seconds))
        }
        Kind::MarknoticedChat(call) => doing(move |tx| reading::mark_noticed(tx, call.chat_id.into())),
        Kind::MarknoticedAllChats(_) => doing(reading::mark_all_noticed),
        Kind::MarkfreshChat(call) => doing(move |tx| reading::mark_fresh(tx, call.chat_id.into())),
        Kind::RemoveDraft(call) => doing(move |tx| drafts::remove(tx, call.chat_id.into())),
        other => return Err(Box::new(other)),
    })
}

fn on_messages(kind: Box<request::Kind>) -> Result<Change, Box<request::Kind>> {
    use request::Kind;
    Ok(match *kind {
        Kind::SetPinnedMessageState(call) => {
            doing(move |tx| features::pin(tx, call.msg_id.into(), call.pinned))
        }
        Kind::MarkseenMsgs(call) => doing(move |tx| reading::mark_seen(tx, &typed(&call.msg_ids))),
        Kind::DeleteMessages(call) => doing(move |tx| {
            let ids = typed(&call.msg_ids);
            share::deleting(tx, &ids, |tx| requests::delete_messages(tx, &ids))
        }),
        Kind::DeleteMessagesForAll(call) => {
            doing(move |tx| features::delete_for_all(tx, &typed(&call.msg_ids)))
        }
        Kind::SendEditRequest(call) => doing(move |tx| features::edit(tx, call.msg_id.into(), &call.text)),
        Kind::ForwardMessages(call) => {
            doing(move |tx| features::forward(tx, &typed(&call.msg_ids), call.chat_id.into()))
        }
        Kind::ResendMessages(call) => doing(move |tx| features::resend(tx, &typed(&call.msg_ids))),
        Kind::SaveMessages(call) => doing(move |tx| {
            let ids: Vec<MessageId> = typed(&call.msg_ids);
            let copies = ids.into_iter().map(|id| saving::save(tx, id)).collect::<Outcome<Vec<_>>>()?;
            share::saved(tx, copies)
        }),
        Kind::DownloadFullMessage(call) => doing(move |tx| messages::download_full(tx, call.msg_id.into())),
        Kind::SendWebxdcStatusUpdate(call) => {
            doing(move |tx| sending::send(tx, call.msg_id.into(), &call.update))
        }
        Kind::AcceptIncomingCall(call) => {
            doing(move |tx| chat_calls::accept(tx, call.msg_id.into(), &call.accept_call_info))
        }
        Kind::InitWebxdcIntegration(call) => Box::new(move |tx| {
            let map = map::prepare(tx, call.chat_id.filter(|chat| *chat != 0).map(Into::into))?;
            Ok(MaybeId { id: map.map(Into::into) }.into())
        }),
        Kind::SendReaction(call) => {
            making(move |tx| features::react(tx, call.msg_id.into(), &call.reactions.join(" ")))
        }
        other => return Err(Box::new(other)),
    })
}

fn on_contacts(kind: Box<request::Kind>) -> Result<Change, Box<request::Kind>> {
    use request::Kind;
    Ok(match *kind {
        Kind::CreateContact(call) => making(move |tx| {
            let contact = contacts::create(tx, &call.email, &call.name.unwrap_or_default())?;
            share::named(tx, contact)?;
            Ok(contact)
        }),
        Kind::ChangeContactName(call) => doing(move |tx| {
            contact_names::rename(tx, call.contact_id.into(), &call.name)?;
            share::named(tx, call.contact_id.into())
        }),
        Kind::BlockContact(call) => doing(move |tx| {
            requests::block_contact(tx, call.contact_id.into(), true)?;
            share::contact(tx, call.contact_id.into(), Action::Block)
        }),
        Kind::UnblockContact(call) => doing(move |tx| {
            requests::block_contact(tx, call.contact_id.into(), false)?;
            share::contact(tx, call.contact_id.into(), Action::Unblock)
        }),
        Kind::DeleteContact(call) => doing(move |tx| contacts::delete(tx, call.contact_id.into())),
        other => return Err(Box::new(other)),
    })
}

/// Commands that do something before or after their transaction.
async fn with_files(db: &Db, profile: ProfileId, kind: request::Kind) -> Result<answer::Kind, Error> {
    use request::Kind;
    Ok(match kind {
        Kind::SendMessage(call) => id(messages::send(db, profile, call.chat_id.into(), call.data).await?),
        Kind::PlaceOutgoingCall(call) => id(calls::place(db, profile, call).await?),
        Kind::EndCall(call) => {
            calls::end(db, profile, call.msg_id.into()).await?;
            done()
        }
        Kind::SendDraft(call) => id(chats::send_draft(db, profile, call.chat_id.into()).await?),
        Kind::SetDraft(call) => {
            chats::set_draft(db, profile, call).await?;
            done()
        }
        Kind::AddDeviceMessage(call) => {
            let id = messages::add_device_message(db, profile, call.label, call.data).await?;
            MaybeId { id: id.map(Into::into) }.into()
        }
        Kind::SaveMessageFile(call) => {
            messages::save_file(db, profile, call.msg_id.into(), call.path).await?;
            done()
        }
        Kind::SaveSticker(call) => {
            stickers::save(db, profile, call.msg_id.into(), call.collection).await?;
            done()
        }
        Kind::ForwardMessagesToAccount(call) => {
            messages::forward_to_account(
                db,
                profile,
                &typed(&call.msg_ids),
                call.account_id.into(),
                call.chat_id.into(),
            )
            .await?;
            done()
        }
        Kind::SetChatProfileImage(call) => {
            set_chat_image(db, profile, call.chat_id.into(), call.image_path.unwrap_or_default()).await?;
            done()
        }
        Kind::SetWebxdcIntegration(call) => {
            let taken = files::take(db, profile, call.path, None, records::ViewType::Webxdc).await?;
            db.transact(profile, move |tx| map::install(tx, taken.file)).await?;
            done()
        }
        Kind::CopyToBlobDir(call) => {
            let blob = files::copy(db, profile, call.path).await?;
            let text = look(db, profile, |look| Ok(look.path(&blob).unwrap_or_default()))?;
            Text { text }.into()
        }
        Kind::ImportVcard(call) => {
            let source = call.source.and_then(|source| source.kind);
            Ids { ids: numbers(contacts::import_vcard(db, profile, source).await?) }.into()
        }
        Kind::SetConfig(call) => {
            config::set(db, profile, call.key, call.value).await?;
            done()
        }
        Kind::BatchSetConfig(call) => {
            config::batch(db, profile, call.entries).await?;
            done()
        }
        Kind::AddPseudoTransport(call) => {
            db.transact_durably(profile, move |tx| add_pseudo_transport(tx, &call.addr)).await?;
            done()
        }
        Kind::ExportSelfKeys(call) => {
            keys::export(db, profile, call.destination, call.passphrase).await?;
            done()
        }
        Kind::ImportSelfKeys(call) => {
            keys::import(db, profile, call.path, call.passphrase).await?;
            done()
        }
        Kind::CheckQr(call) => qr::check(db, profile, &call.qr).await?.into(),
        Kind::SecureJoin(call) => id(qr::join(db, profile, call).await?),
        Kind::GetChatSecurejoinQrCode(call) => {
            Text { text: qr::invite(db, profile, call.chat_id.map(Into::into)).await?.link() }.into()
        }
        Kind::GetChatSecurejoinQrCodeSvg(call) => {
            Texts { texts: qr::drawn_invite(db, profile, call.chat_id.map(Into::into)).await? }.into()
        }
        other => return Err(query::unsupported(&other)),
    })
}

async fn set_chat_image(db: &Db, profile: ProfileId, chat: ChatId, path: String) -> Result<(), Error> {
    // Who may not change the picture learns it before a file is copied.
    look(db, profile, |look| groups::check_owns_group_data(look.view, profile, chat, "profile image"))?;
    let blob = files::avatar(db, profile, path).await?;
    db.transact(profile, move |tx| groups::set_image(tx, chat, Some(&blob))).await?;
    Ok(())
}

/// Stores a transport without servers, for tests of what needs no connection.
fn add_pseudo_transport(tx: &mut Tx<'_, '_>, addr: &str) -> Outcome<()> {
    if transports::is_own_addr(tx.store, tx.profile, addr)? {
        return Err(Failure::refused(format!(
            "Failed to insert pseudo transport for {addr:?}: it exists already"
        )));
    }
    let entered = EnteredLogin { addr: addr.to_owned(), ..Default::default() };
    let entered = serde_json::to_string(&entered).map_err(|error| Failure::refused(error.to_string()))?;
    let record = TransportRecord { addr: addr.to_owned(), entered, added: tx.now, ..Default::default() };
    transports::add(tx, &record)?;
    Ok(own_keys::relays_changed(tx)?)
}
