//! Chat: one actor for each chat in use. It carries out the commands on its chat one after the other and ends when it
//! was not needed for a while; everything it knows is in the tables.

use std::time::{Duration, Instant};

use actix::{Actor, ActorContext as _, AsyncContext as _, AtomicResponse, Context, Handler, WrapFuture as _};
use volary_proto::v1::{Answer, Error, Request};

use volary_engine::commands;
use volary_engine::ground::db::Db;

/// A chat without commands for that long ends.
const IDLE: Duration = Duration::from_secs(60);

/// The actor. See the module documentation.
pub struct Chat {
    db: Db,
    profile: u32,
    id: u32,
    used: Instant,
}

impl Chat {
    /// An actor for a chat.
    pub fn new(db: Db, profile: u32, id: u32) -> Self {
        Self { db, profile, id, used: Instant::now() }
    }
}

impl Actor for Chat {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(IDLE, |chat, ctx| {
            if chat.used.elapsed() >= IDLE {
                tracing::trace!(profile = chat.profile, chat = chat.id, "chat is quiet");
                ctx.stop();
            }
        });
    }
}

impl Handler<Request> for Chat {
    type Result = AtomicResponse<Self, Result<Answer, Error>>;

    fn handle(&mut self, request: Request, _: &mut Self::Context) -> Self::Result {
        self.used = Instant::now();
        let (db, profile) = (self.db.clone(), self.profile);
        let work = async move {
            match request.kind {
                Some(kind) => commands::run(&db, profile, kind).await.map(Answer::new),
                None => Err(Error::invalid("empty request")),
            }
        };
        AtomicResponse::new(Box::pin(work.into_actor(self)))
    }
}
