//! Bounded mailboxes.
//!
//! The bound that actix knows is one of each clone of an address by itself, and a request that finds a full mailbox goes in
//! at its second look. So the bound is kept here, by those who send: whoever finds no place waits for one, in the order
//! in which they came, and is counted.

use std::sync::Arc;

use actix::{Actor, Addr, Handler, MailboxError, Message, Recipient, dev::ToEnvelope};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places in the mailbox of one actor. What is sent past them, such as news of the end of a child, does not count.
#[derive(Clone)]
pub struct Places {
    free: Arc<Semaphore>,
    actor: &'static str,
}

/// A message with its place in a mailbox, which is free again as soon as the actor takes the message out.
pub struct Placed<M> {
    /// The message.
    pub message: M,
    place: OwnedSemaphorePermit,
}

impl<M> Placed<M> {
    /// Gives the place back.
    pub fn take(self) -> M {
        drop(self.place);
        self.message
    }
}

impl<M: Message> Message for Placed<M> {
    type Result = M::Result;
}

impl Places {
    /// So many places, in mailboxes of a kind of actor.
    pub fn new(places: usize, actor: &'static str) -> Self {
        Self { free: Arc::new(Semaphore::new(places)), actor }
    }

    /// A place at once, if there is one.
    fn at_once(&self) -> Option<OwnedSemaphorePermit> {
        let place = self.free.clone().try_acquire_owned().ok();
        if place.is_none() {
            metrics::counter!("volary_mailbox_full_total", "actor" => self.actor).increment(1);
        }
        place
    }

    async fn wait(&self) -> Result<OwnedSemaphorePermit, MailboxError> {
        self.free.clone().acquire_owned().await.map_err(|_| MailboxError::Closed)
    }

    /// Sends a message and waits for the answer. If there is a place the message is on its way when this returns.
    pub fn send<M>(
        &self,
        to: &Recipient<Placed<M>>,
        message: M,
    ) -> impl Future<Output = Result<M::Result, MailboxError>> + use<M>
    where
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let sent = match self.at_once() {
            Some(place) => Ok(to.send(Placed { message, place })),
            None => Err((self.clone(), to.clone(), message)),
        };
        async move {
            match sent {
                Ok(answer) => answer.await,
                Err((places, to, message)) => {
                    let place = places.wait().await?;
                    to.send(Placed { message, place }).await
                }
            }
        }
    }

    /// Sends a message and waits only until it has a place.
    pub async fn post<M>(&self, to: &Recipient<Placed<M>>, message: M) -> Result<(), MailboxError>
    where
        M: Message<Result = ()> + Send + 'static,
    {
        let place = match self.at_once() {
            Some(place) => place,
            None => self.wait().await?,
        };
        if !to.connected() {
            return Err(MailboxError::Closed);
        }
        to.do_send(Placed { message, place });
        Ok(())
    }
}

/// The address of an actor with the places in its mailbox.
pub struct Mailbox<A: Actor> {
    /// The address, for what needs no place.
    pub addr: Addr<A>,
    /// The places.
    pub places: Places,
}

impl<A: Actor> Clone for Mailbox<A> {
    fn clone(&self) -> Self {
        Self { addr: self.addr.clone(), places: self.places.clone() }
    }
}

impl<A: Actor> Mailbox<A> {
    /// Sends a message, see [`Places::send`].
    pub fn send<M>(&self, message: M) -> impl Future<Output = Result<M::Result, MailboxError>> + use<A, M>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<Placed<M>>,
        A::Context: ToEnvelope<A, Placed<M>>,
    {
        self.places.send(&self.addr.clone().recipient(), message)
    }
}

/// Lets an actor handle these messages also with their places.
macro_rules! takes_from_places {
    ($actor:ty: $($message:ty),+) => {
        $(impl actix::Handler<$crate::mailbox::Placed<$message>> for $actor {
            type Result = <$actor as actix::Handler<$message>>::Result;

            fn handle(
                &mut self,
                placed: $crate::mailbox::Placed<$message>,
                ctx: &mut Self::Context,
            ) -> Self::Result {
                actix::Handler::<$message>::handle(self, placed.take(), ctx)
            }
        })+
    };
}
pub(crate) use takes_from_places;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use actix::{AtomicResponse, Context, WrapFuture as _};
    use futures::FutureExt as _;
    use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

    use super::*;

    /// Takes one message after the other, when it may.
    struct Slow(Arc<Semaphore>);

    impl Actor for Slow {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Self::Context) {
            ctx.set_mailbox_capacity(0);
        }
    }

    #[derive(Message)]
    #[rtype(result = "u32")]
    struct Number(u32);

    impl Handler<Number> for Slow {
        type Result = AtomicResponse<Self, u32>;

        fn handle(&mut self, number: Number, _: &mut Self::Context) -> Self::Result {
            let may = self.0.clone();
            let work = async move {
                may.acquire().await.unwrap().forget();
                number.0
            };
            AtomicResponse::new(Box::pin(work.into_actor(self)))
        }
    }

    takes_from_places!(Slow: Number);

    /// Adds up what is counted under the name of a full mailbox.
    #[derive(Default)]
    struct Full(Arc<AtomicU64>);

    impl Recorder for Full {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            let labels: Vec<_> = key.labels().map(|label| (label.key(), label.value())).collect();
            assert_eq!((key.name(), labels), ("volary_mailbox_full_total", vec![("actor", "slow")]));
            Counter::from_arc(self.0.clone())
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[actix::test]
    async fn who_finds_no_place_is_counted_and_waits_for_its_turn() {
        let full = Full::default();
        let _guard = metrics::set_default_local_recorder(&full);
        let may = Arc::new(Semaphore::new(0));
        let slow = Mailbox { addr: Slow(may.clone()).start(), places: Places::new(2, "slow") };
        let mut answers = Vec::new();
        for number in 1..=6 {
            answers.push(slow.send(Number(number)).boxed_local());
            tokio::task::yield_now().await;
        }
        // One is being handled, two have a place.
        assert_eq!(full.0.load(Ordering::Relaxed), 3);
        let all = futures::future::join_all(answers);
        tokio::pin!(all);
        assert!(all.as_mut().now_or_never().is_none());
        assert_eq!(slow.places.free.available_permits(), 0);
        may.add_permits(6);
        let answers: Vec<u32> = all.await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, [1, 2, 3, 4, 5, 6]);
        assert_eq!(slow.places.free.available_permits(), 2);
    }

    #[actix::test]
    async fn who_waits_for_a_place_learns_that_the_actor_has_ended() {
        let may = Arc::new(Semaphore::new(0));
        let slow = Mailbox { addr: Slow(may.clone()).start(), places: Places::new(1, "slow") };
        let answers: Vec<_> = (0..4).map(|number| slow.send(Number(number))).collect();
        // The actor panics at the first one.
        may.close();
        for answer in answers {
            assert!(answer.await.is_err());
        }
    }
}
