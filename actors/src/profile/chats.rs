//! The chats of a profile that are in use, and what is handed to them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use actix::{Actor as _, WeakRecipient};
use volary_proto::v1::{Answer, Error, Request, request};

use super::shared::Shared;
use crate::chat::{self, Chat, Quiet, TakeIn};
use crate::mailbox::{Mailbox, Places};
use volary_engine::commands;
use volary_engine::ground::error::Outcome;
use volary_engine::ground::ids::{ChatId, ProfileId};
use volary_engine::incoming::{Step, route};

/// Actors of chats, by chat.
#[derive(Default)]
pub struct Chats(RefCell<HashMap<ChatId, InUse>>);

/// A chat in use.
struct InUse {
    mailbox: Mailbox<Chat>,
    /// How many messages were sent to it.
    sent: u64,
}

impl Chats {
    /// A chat was quiet for a while: it may go, unless something is on its way to it.
    pub fn let_go(&self, quiet: Quiet) {
        let mut chats = self.0.borrow_mut();
        if chats.get(&quiet.chat).is_some_and(|chat| chat.sent == quiet.received) {
            chats.remove(&quiet.chat);
        }
    }
}

/// The actor of a chat, for exactly one message. It is started if it does not run (any more); `None`: the profile ends.
pub(super) fn of(shared: &Shared, chat: ChatId) -> Option<Mailbox<Chat>> {
    let mut chats = shared.chats.0.borrow_mut();
    if chats.get(&chat).is_none_or(|known| !known.mailbox.addr.connected()) {
        let owner = shared.owner.get().and_then(WeakRecipient::upgrade)?;
        let addr = Chat::new(shared.db.clone(), shared.id, chat, owner).start();
        let mailbox = Mailbox { addr, places: Places::new(chat::MAILBOX, "chat") };
        chats.insert(chat, InUse { mailbox, sent: 0 });
    }
    let known = chats.get_mut(&chat)?;
    known.sent += 1;
    Some(known.mailbox.clone())
}

/// Carries out a command in the order of the chat that it changes; one that changes several, or none, at once. What is
/// called first comes first. `asker` is this profile, or the one from which messages are copied here.
pub fn command(
    shared: &Rc<Shared>,
    asker: ProfileId,
    kind: request::Kind,
) -> impl Future<Output = Result<Answer, Error>> + 'static {
    let chat = shared.db.look(|view| commands::route::chat_of(view, shared.id, &kind));
    let db = shared.db.clone();
    let asked = match chat {
        Ok(Some(chat)) => match of(shared, chat) {
            Some(chat) => Ok(chat.send(Request { profile_id: asker.get(), kind: Some(kind) })),
            None => Err(Err(Error::internal("the profile has ended"))),
        },
        Ok(None) => Err(Ok(kind)),
        Err(error) => Err(Err(error.into())),
    };
    async move {
        match asked {
            Ok(answer) => {
                answer.await.unwrap_or_else(|_| Err(Error::internal("the chat ended before it answered")))
            }
            Err(Ok(kind)) => commands::run(&db, asker, kind).await.map(Answer::new),
            Err(Err(error)) => Err(error),
        }
    }
}

/// Takes a mail in, in the order of the chat that it belongs to; handshakes and mail without a chat at once.
pub async fn take_in(shared: &Rc<Shared>, mail: TakeIn) -> Outcome<Step> {
    metrics::counter!("volary_mails_received_total").increment(1);
    let likely = shared.db.read(|view| route::likely_chat(view, shared.id, &mail.opened));
    // On a guess that fails nothing depends but the order; the transaction reports what is wrong.
    if let Some(chat) = likely.ok().flatten().and_then(|chat| of(shared, chat)) {
        let again = TakeIn { source: mail.source, opened: mail.opened.clone() };
        match chat.send(mail).await {
            Ok(taken) => return taken,
            Err(_) => tracing::error!(profile = %shared.id, "a chat failed before it took a mail in"),
        }
        // If it was taken in all the same, the transaction finds it known.
        return chat::take_in(&shared.db, shared.id, again).await;
    }
    chat::take_in(&shared.db, shared.id, mail).await
}
