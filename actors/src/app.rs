//! App: one actor for each instance of an in-chat app in use. What its user does in it is carried out one after the other,
//! in the order in which it came, by the chat's actor, since an update may change the chat.
//!
//! At most one of its commands is with the chat at a time. However fast an app sends, mail and messages of the chat find
//! their turn: the rest waits here, and whoever sends more than this mailbox holds waits, too.
//!
//! When updates leave is a deadline like others: one row for an instance whose next mail has to wait for the interval.
//! There is no timer here, but for the end of an actor that nobody needs any more.

use actix::{
    Actor, AsyncContext as _, AtomicResponse, Context, Handler, Message, Recipient, WrapFuture as _,
};
use tracing::Instrument as _;
use volary_engine::ground::ids::{MessageId, ProfileId};
use volary_proto::v1::{Answer, Error, Request};

use crate::in_use::{IDLE, Rest, Ring};
use crate::mailbox::{Placed, Places, takes_from_places};

/// Messages that wait for an app; whoever sends more waits.
pub const MAILBOX: usize = 64;

/// A command of an app, and who carries it out.
#[derive(Message)]
#[rtype(result = "Result<Answer, Error>")]
pub struct Act {
    /// The command.
    pub request: Request,
    /// The actor of the chat.
    pub chat: (Recipient<Placed<Request>>, Places),
}

/// Nothing has come to an app for a while.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct AppQuiet {
    /// Message of the app.
    pub app: MessageId,
    /// How many messages it has got so far.
    pub received: u64,
}

/// The actor. See the module documentation.
pub struct App {
    profile: ProfileId,
    id: MessageId,
    owner: Recipient<AppQuiet>,
    rest: Rest,
}

impl App {
    /// An actor for an app.
    pub fn new(profile: ProfileId, id: MessageId, owner: Recipient<AppQuiet>) -> Self {
        Self { profile, id, owner, rest: Rest::default() }
    }

    fn is_quiet(&mut self, ctx: &mut Context<Self>) {
        match self.rest.rings() {
            Ring::Later(left) => {
                ctx.run_later(left, Self::is_quiet);
            }
            Ring::Quiet { received, again } => {
                // A profile that has ended has let go of it already.
                self.owner.do_send(AppQuiet { app: self.id, received });
                if again {
                    ctx.run_later(IDLE, Self::is_quiet);
                }
            }
        }
    }
}

impl Actor for App {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // The senders keep to the places.
        ctx.set_mailbox_capacity(0);
        tracing::trace!(profile = %self.profile, app = %self.id, "app started");
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        tracing::trace!(profile = %self.profile, app = %self.id, "app ended");
    }
}

takes_from_places!(App: Act);

impl Handler<Act> for App {
    type Result = AtomicResponse<Self, Result<Answer, Error>>;

    fn handle(&mut self, act: Act, ctx: &mut Self::Context) -> Self::Result {
        if self.rest.receives() {
            ctx.run_later(IDLE, Self::is_quiet);
        }
        let span = tracing::info_span!("app", profile = %self.profile, app = %self.id);
        let work = async move {
            let Act { request, chat: (chat, places) } = act;
            let answer = places.send(&chat, request).await;
            answer.unwrap_or_else(|_| Err(Error::internal("the chat ended before it answered")))
        };
        // Nothing else of this app begins before the chat has answered.
        AtomicResponse::new(Box::pin(work.instrument(span).into_actor(self)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::sync::mpsc;
    use volary_proto::v1::Done;

    use super::*;

    /// Is notified of quiet apps.
    struct Owner(mpsc::UnboundedSender<AppQuiet>);

    impl Actor for Owner {
        type Context = Context<Self>;
    }

    impl Handler<AppQuiet> for Owner {
        type Result = ();

        fn handle(&mut self, quiet: AppQuiet, _: &mut Self::Context) {
            self.0.send(quiet).unwrap();
        }
    }

    /// A chat that counts what waits for it, and takes its time.
    struct SlowChat {
        waiting: Arc<AtomicUsize>,
        done: mpsc::UnboundedSender<u32>,
    }

    impl Actor for SlowChat {
        type Context = Context<Self>;
    }

    impl Handler<Placed<Request>> for SlowChat {
        type Result = AtomicResponse<Self, Result<Answer, Error>>;

        fn handle(&mut self, placed: Placed<Request>, _: &mut Self::Context) -> Self::Result {
            let (request, waiting, done) = (placed.take(), self.waiting.clone(), self.done.clone());
            assert_eq!(waiting.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
            let work = async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                waiting.fetch_sub(1, Ordering::SeqCst);
                done.send(request.profile_id).unwrap();
                Ok(Answer::new(Done {}))
            };
            AtomicResponse::new(Box::pin(work.into_actor(self)))
        }
    }

    #[actix::test]
    async fn commands_of_an_app_are_carried_out_in_order_and_leave_places_in_the_chat() {
        let (sender, mut quiet) = mpsc::unbounded_channel();
        let (done, mut order) = mpsc::unbounded_channel();
        let chat = SlowChat { waiting: Arc::default(), done }.start();
        let places = Places::new(2, "chat");
        let app = App::new(ProfileId::new(1), MessageId::new(10), Owner(sender).start().recipient()).start();
        tokio::time::pause();
        let acts = (0..50).map(|number| {
            let chat = (chat.clone().recipient(), places.clone());
            app.send(Act { request: Request { profile_id: number, kind: None }, chat })
        });
        let answers = futures::future::join_all(acts).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap().is_ok()));
        let carried_out: Vec<u32> = std::iter::from_fn(|| order.try_recv().ok()).collect();
        assert_eq!(carried_out, (0..50).collect::<Vec<_>>());
        assert!(quiet.try_recv().is_err());
        tokio::time::sleep(IDLE + Duration::from_secs(1)).await;
        assert_eq!(quiet.try_recv().unwrap().received, 50, "it says that nobody needs it");
    }
}
