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
    /// How many these were when it was quiet without having got them all.
    doubted: Option<u64>,
}

impl Chats {
    /// A chat was quiet for a while: it may go, unless something is on its way to it. What has not arrived by the second
    /// time was given up by its sender.
    pub fn let_go(&self, quiet: Quiet) {
        let mut chats = self.0.borrow_mut();
        let Some(chat) = chats.get_mut(&quiet.chat) else { return };
        if chat.sent == quiet.received || chat.doubted == Some(chat.sent) {
            chats.remove(&quiet.chat);
        } else {
            chat.doubted = Some(chat.sent);
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
        chats.insert(chat, InUse { mailbox, sent: 0, doubted: None });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::House;
    use volary_engine::ground::ids::{ChatId, ProfileId};

    /// Nobody listens to what the chat says.
    struct Nobody;

    impl actix::Actor for Nobody {
        type Context = actix::Context<Self>;
    }

    impl actix::Handler<Quiet> for Nobody {
        type Result = ();

        fn handle(&mut self, _: Quiet, _: &mut Self::Context) {}
    }

    #[actix::test]
    async fn a_chat_whose_caller_gave_up_goes_when_it_is_quiet_for_the_second_time() {
        let house = House::new();
        let (profile, id) = (ProfileId::new(1), ChatId::new(10));
        let addr = Chat::new(house.hub.db.clone(), profile, id, Nobody.start().recipient()).start();
        let chats = Chats::default();
        let mailbox = Mailbox { addr, places: Places::new(chat::MAILBOX, "chat") };
        chats.0.borrow_mut().insert(id, InUse { mailbox, sent: 2, doubted: None });
        let quiet = Quiet { chat: id, received: 1 };
        chats.let_go(quiet);
        assert!(chats.0.borrow().contains_key(&id), "the other message may be on its way");
        chats.0.borrow_mut().get_mut(&id).unwrap().sent = 3;
        chats.let_go(quiet);
        assert!(chats.0.borrow().contains_key(&id), "and yet another one");
        chats.let_go(quiet);
        assert!(!chats.0.borrow().contains_key(&id));
    }
}
