//! The chats and apps of a profile that are in use, and what is handed to them.

use std::pin::Pin;
use std::rc::Rc;

use actix::{Actor as _, MailboxError, WeakRecipient};
use volary_proto::Scope;
use volary_proto::v1::{Answer, Error, Request, request};

use super::shared::Shared;
use crate::app::{self, Act, App};
use crate::chat::{self, Chat, TakeIn};
use crate::in_use::InUse;
use crate::mailbox::{Mailbox, Places};
use volary_engine::commands;
use volary_engine::ground::error::Outcome;
use volary_engine::ground::ids::{ChatId, MessageId, ProfileId};
use volary_engine::incoming::{Step, route};

/// Actors of chats, by chat.
pub type Chats = InUse<ChatId, Chat>;
/// Actors of apps, by the message of the app.
pub type Apps = InUse<MessageId, App>;

/// The actor of a chat, for exactly one message. `None`: the profile ends.
pub(super) fn of(shared: &Shared, chat: ChatId) -> Option<Mailbox<Chat>> {
    shared.chats.of(chat, || {
        let owner = shared.owner.get().and_then(WeakRecipient::upgrade)?;
        let addr = Chat::new(shared.db.clone(), shared.id, chat, owner).start();
        Some(Mailbox { addr, places: Places::new(chat::MAILBOX, "chat") })
    })
}

/// The actor of an app, for exactly one message. `None`: the profile ends.
fn app_of(shared: &Shared, app: MessageId) -> Option<Mailbox<App>> {
    shared.apps.of(app, || {
        let owner = shared.app_owner.get().and_then(WeakRecipient::upgrade)?;
        let addr = App::new(shared.id, app, owner).start();
        Some(Mailbox { addr, places: Places::new(app::MAILBOX, "app") })
    })
}

type Asked = Pin<Box<dyn Future<Output = Result<Result<Answer, Error>, MailboxError>>>>;

/// Hands a command to the actor of its chat; one of an app goes by way of the app's actor. `None`: the profile ends.
fn hand(shared: &Shared, asker: ProfileId, chat: ChatId, kind: request::Kind) -> Option<Asked> {
    let app = match kind.message_ids() {
        [app] if kind.scope() == Scope::App => Some(MessageId::new(*app)),
        _ => None,
    };
    let request = Request { profile_id: asker.get(), kind: Some(kind) };
    let chat = of(shared, chat)?;
    Some(match app {
        Some(app) => {
            let chat = (chat.addr.recipient(), chat.places);
            Box::pin(app_of(shared, app)?.send(Act { request, chat }))
        }
        None => Box::pin(chat.send(request)),
    })
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
        Ok(Some(chat)) => match hand(shared, asker, chat, kind) {
            Some(asked) => Ok(asked),
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

/// Takes a mail in, in the order of the chat that it belongs to; handshakes and mail without a chat at once. If it is
/// `followed`, frontends that have the chat open get the time to show the one before.
pub async fn take_in(shared: &Rc<Shared>, mail: TakeIn, followed: bool) -> Outcome<Step> {
    metrics::counter!("volary_mails_received_total").increment(1);
    // On a guess that fails nothing depends but the order; the transaction reports what is wrong.
    let likely = shared.db.read(|view| route::likely_chat(view, shared.id, &mail.opened)).ok().flatten();
    if let Some(chat) = likely
        && followed
    {
        shared.hub.followers.caught_up(shared.id, chat).await;
    }
    if let Some(chat) = likely.and_then(|chat| of(shared, chat)) {
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
