//! Chat: one actor for each chat in use. Everything that changes one chat is submitted by its actor, one after the other
//! in the order in which it came: commands that name the chat or a message in it, and incoming mail that belongs to it.
//!
//! Everything it knows is in the tables. When nothing has come for a while it says so to its profile, which lets go of
//! it ([`crate::in_use`]).

use std::sync::Arc;

use actix::{
    Actor, AsyncContext as _, AtomicResponse, Context, Handler, Message, Recipient, WrapFuture as _,
};
use tracing::{Instrument as _, Span};
use volary_proto::v1::{Answer, Error, Request};

use crate::in_use::{IDLE, Rest, Ring};
use crate::mailbox::takes_from_places;
use volary_engine::commands;
use volary_engine::ground::db::Db;
use volary_engine::ground::error::Outcome;
use volary_engine::ground::ids::{ChatId, ProfileId};
use volary_engine::incoming::open::Opened;
use volary_engine::incoming::{self, Source, Step};

/// Messages that wait for a chat; whoever sends more waits.
pub const MAILBOX: usize = 64;

/// An opened mail that belongs to the chat, most likely. It is taken in as one transaction, which decides that anew.
#[derive(Message)]
#[rtype(result = "Outcome<Step>")]
pub struct TakeIn {
    /// Where it comes from.
    pub source: Source,
    /// What it says.
    pub opened: Arc<Opened>,
}

/// Nothing has come to a chat for a while.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Quiet {
    /// The chat.
    pub chat: ChatId,
    /// How many messages it has got so far.
    pub received: u64,
}

/// The actor. See the module documentation.
pub struct Chat {
    db: Db,
    profile: ProfileId,
    id: ChatId,
    owner: Recipient<Quiet>,
    rest: Rest,
}

impl Chat {
    /// An actor for a chat.
    pub fn new(db: Db, profile: ProfileId, id: ChatId, owner: Recipient<Quiet>) -> Self {
        Self { db, profile, id, owner, rest: Rest::default() }
    }

    /// Something has come.
    fn receives(&mut self, ctx: &mut Context<Self>) -> Span {
        if self.rest.receives() {
            ctx.run_later(IDLE, Self::is_quiet);
        }
        tracing::info_span!("chat", profile = %self.profile, chat = %self.id)
    }

    fn is_quiet(&mut self, ctx: &mut Context<Self>) {
        match self.rest.rings() {
            Ring::Later(left) => {
                ctx.run_later(left, Self::is_quiet);
            }
            Ring::Quiet { received, again } => {
                // A profile that has ended has let go of it already.
                self.owner.do_send(Quiet { chat: self.id, received });
                if again {
                    ctx.run_later(IDLE, Self::is_quiet);
                }
            }
        }
    }
}

impl Actor for Chat {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // The senders keep to the places.
        ctx.set_mailbox_capacity(0);
        tracing::trace!(profile = %self.profile, chat = %self.id, "chat started");
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        tracing::trace!(profile = %self.profile, chat = %self.id, "chat ended");
    }
}

takes_from_places!(Chat: Request, TakeIn);

impl Handler<Request> for Chat {
    type Result = AtomicResponse<Self, Result<Answer, Error>>;

    fn handle(&mut self, request: Request, ctx: &mut Self::Context) -> Self::Result {
        let span = self.receives(ctx);
        // Messages may be copied here from another profile, which then is the one that asks.
        let (db, profile) = (self.db.clone(), ProfileId::new(request.profile_id));
        let work = async move {
            match request.kind {
                Some(kind) => commands::run(&db, profile, kind).await.map(Answer::new),
                None => Err(Error::invalid("empty request")),
            }
        };
        AtomicResponse::new(Box::pin(work.instrument(span).into_actor(self)))
    }
}

impl Handler<TakeIn> for Chat {
    type Result = AtomicResponse<Self, Outcome<Step>>;

    fn handle(&mut self, mail: TakeIn, ctx: &mut Self::Context) -> Self::Result {
        let span = self.receives(ctx);
        let (db, profile) = (self.db.clone(), self.profile);
        let work = async move { take_in(&db, profile, mail).await };
        AtomicResponse::new(Box::pin(work.instrument(span).into_actor(self)))
    }
}

/// Takes a mail in, as one transaction.
pub async fn take_in(db: &Db, profile: ProfileId, mail: TakeIn) -> Outcome<Step> {
    let TakeIn { source, opened } = mail;
    let written = db.transact(profile, move |tx| incoming::take_in(tx, source, &opened)).await?;
    Ok(written.value)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix::Addr;
    use tokio::sync::mpsc;

    use super::*;
    use crate::testing::House;

    /// Is notified of quiet chats.
    struct Owner(mpsc::UnboundedSender<Quiet>);

    impl Actor for Owner {
        type Context = Context<Self>;
    }

    impl Handler<Quiet> for Owner {
        type Result = ();

        fn handle(&mut self, quiet: Quiet, _: &mut Self::Context) {
            self.0.send(quiet).unwrap();
        }
    }

    async fn gets_something(chat: &Addr<Chat>) {
        // An empty request is refused, and counts all the same.
        assert!(chat.send(Request { profile_id: 1, kind: None }).await.unwrap().is_err());
    }

    #[actix::test]
    async fn a_chat_is_quiet_a_minute_after_the_last_message() {
        let house = House::new();
        tokio::time::pause();
        let (sender, mut told) = mpsc::unbounded_channel();
        let owner = Owner(sender).start();
        let chat =
            Chat::new(house.hub.db.clone(), ProfileId::new(1), ChatId::new(10), owner.recipient()).start();
        gets_something(&chat).await;
        tokio::time::sleep(IDLE - Duration::from_secs(1)).await;
        gets_something(&chat).await;
        tokio::time::sleep(IDLE - Duration::from_secs(1)).await;
        assert!(told.try_recv().is_err(), "it was used");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let quiet = told.try_recv().unwrap();
        assert_eq!((quiet.chat, quiet.received), (ChatId::new(10), 2));
        tokio::time::sleep(IDLE * 3).await;
        assert_eq!(told.try_recv().unwrap().received, 2, "once more");
        assert!(told.try_recv().is_err(), "no timer goes on");
        gets_something(&chat).await;
        tokio::time::sleep(IDLE + Duration::from_secs(1)).await;
        assert_eq!(told.try_recv().unwrap().received, 3, "it is watched again when something comes");
    }
}
