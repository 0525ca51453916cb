//! Realtime: one actor for each profile whose apps use realtime channels. It owns the endpoint, which opens when the first
//! app joins and closes when I/O stops, when channels are switched off, or when no app has been in one for a while.
//!
//! What is sent is never stored: frames go from the network to the events and from requests to the network.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use actix::{
    Actor, ActorContext as _, ActorFutureExt as _, AsyncContext as _, Context, Handler, Message,
    ResponseActFuture, ResponseFuture, SpawnHandle, WrapFuture as _,
};
use bytes::Bytes;
use tokio::sync::{OnceCell, mpsc};
use volary_engine::ground::db::Db;
use volary_engine::ground::error::Failure;
use volary_engine::ground::ids::{MessageId, ProfileId};
use volary_engine::state::realtime;
use volary_mail::webxdc::realtime::{NodeAddress, Topic};
use volary_proto::v1::{Error, event};
use volary_realtime::{Frame, Node, Reach, RealtimeError};

use crate::watch::run_once;

/// The endpoint closes when no app has been in a channel for that long.
const IDLE: Duration = Duration::from_secs(120);

/// Joins the channel of an app; the answer is where this device is reached.
#[derive(Message)]
#[rtype(result = "Result<NodeAddress, Error>")]
pub struct Join(pub MessageId, pub Topic);

/// Sends data on the channel of an app, which is joined if need be.
#[derive(Message)]
#[rtype(result = "Result<(), Error>")]
pub struct Send(pub MessageId, pub Topic, pub Bytes);

/// Leaves the channel of an app.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Leave(pub Topic);

/// More nodes are known, or an app is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Refresh;

/// The network of the device may have changed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct NetworkChanged;

/// Ends all channels.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Close;

/// The actor. See the module documentation.
pub struct Realtime {
    state: Rc<State>,
    /// The next look whether an app is in a channel; there is one at most.
    look: Option<SpawnHandle>,
}

struct State {
    db: Db,
    profile: ProfileId,
    reach: Reach,
    node: OnceCell<Node>,
    apps: RefCell<HashMap<Topic, MessageId>>,
    closed: Cell<bool>,
}

impl Realtime {
    /// An actor whose endpoint is reached like that.
    pub fn new(db: Db, profile: ProfileId, reach: Reach) -> Self {
        let (node, apps, closed) = (OnceCell::new(), RefCell::default(), Cell::new(false));
        Self { state: Rc::new(State { db, profile, reach, node, apps, closed }), look: None }
    }

    /// Looks after a while whether an app is in a channel. A look that was planned before would come too early.
    fn watch(&mut self, ctx: &mut Context<Self>) {
        if let Some(planned) = self.look.take() {
            ctx.cancel_future(planned);
        }
        self.look = Some(ctx.run_later(IDLE, |actor, ctx| {
            actor.look = None;
            if actor.state.apps.borrow().is_empty() {
                tracing::debug!(profile = %actor.state.profile, "no app uses a realtime channel any more");
                ctx.stop();
            }
        }));
    }

    /// The end is planned when the last app leaves, and when a call has joined nothing.
    fn watch_if_unused(&mut self, ctx: &mut Context<Self>) {
        if self.state.apps.borrow().is_empty() {
            self.watch(ctx);
        }
    }
}

impl Actor for Realtime {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // A call that fails joins nothing.
        self.watch(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        let state = self.state.clone();
        state.closed.set(true);
        run_once("end of realtime channels", async move { state.close().await });
    }
}

impl Handler<Join> for Realtime {
    type Result = ResponseActFuture<Self, Result<NodeAddress, Error>>;

    fn handle(&mut self, Join(app, topic): Join, _: &mut Self::Context) -> Self::Result {
        let state = self.state.clone();
        let joined = async move {
            let node = state.node().await?;
            let nodes = state.nodes(app)?;
            state.apps.borrow_mut().insert(topic, app);
            node.join(topic, &nodes).await.map_err(failed)?;
            tracing::debug!(profile = %state.profile, msg = %app, nodes = nodes.len(), "realtime channel joined");
            let address = node.address().await.map_err(failed);
            if address.is_err() {
                // Nobody would find it, and the app is told that it has not joined.
                state.leave(topic).await;
            }
            address
        };
        Box::pin(joined.into_actor(self).map(|address, actor, ctx| {
            if address.is_err() {
                actor.watch_if_unused(ctx);
            }
            address
        }))
    }
}

impl Handler<Send> for Realtime {
    type Result = ResponseFuture<Result<(), Error>>;

    fn handle(&mut self, Send(app, topic, data): Send, _: &mut Self::Context) -> Self::Result {
        let state = self.state.clone();
        Box::pin(async move {
            let node = state.node().await?;
            let nodes =
                if state.apps.borrow().contains_key(&topic) { Vec::new() } else { state.nodes(app)? };
            state.apps.borrow_mut().insert(topic, app);
            node.send(topic, &nodes, &data).await.map_err(failed)
        })
    }
}

impl Handler<Leave> for Realtime {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, Leave(topic): Leave, _: &mut Self::Context) -> Self::Result {
        let state = self.state.clone();
        let left = async move { state.leave(topic).await };
        Box::pin(left.into_actor(self).map(|(), actor, ctx| actor.watch_if_unused(ctx)))
    }
}

impl Handler<Refresh> for Realtime {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Refresh, _: &mut Self::Context) -> Self::Result {
        let state = self.state.clone();
        let were_used = !state.apps.borrow().is_empty();
        let refreshed = async move {
            if let Err(error) = state.refresh().await {
                tracing::warn!(profile = %state.profile, error = error.message, "realtime channels stay as they were");
            }
        };
        Box::pin(refreshed.into_actor(self).map(move |(), actor, ctx| {
            // News of others do not put the end off.
            if were_used {
                actor.watch_if_unused(ctx);
            }
        }))
    }
}

impl Handler<NetworkChanged> for Realtime {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: NetworkChanged, _: &mut Self::Context) -> Self::Result {
        let state = self.state.clone();
        Box::pin(async move {
            if let Some(node) = state.node.get() {
                node.network_changed().await;
            }
        })
    }
}

impl Handler<Close> for Realtime {
    type Result = ();

    fn handle(&mut self, _: Close, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl State {
    /// The endpoint, opened by the first who asks.
    async fn node(self: &Rc<Self>) -> Result<&Node, Error> {
        let opened = self.node.get_or_try_init(async || {
            let (node, frames) = Node::start(self.reach.clone()).await?;
            tracing::info!(profile = %self.profile, node = %node.id(), "realtime channels are open");
            run_once("realtime frames", Self::deliver(Rc::downgrade(self), frames));
            Ok::<_, RealtimeError>(node)
        });
        let node = opened.await.map_err(failed)?;
        if self.closed.get() {
            node.close().await;
            return Err(failed(RealtimeError::Ended));
        }
        Ok(node)
    }

    /// Makes events of frames.
    async fn deliver(state: std::rc::Weak<Self>, mut frames: mpsc::Receiver<Frame>) {
        while let Some(Frame { topic, data }) = frames.recv().await {
            let Some(state) = state.upgrade() else { return };
            let app = state.apps.borrow().get(&topic).copied();
            // What comes after an app has left is not for it any more.
            let Some(app) = app else { continue };
            let told = event::WebxdcRealtimeData { msg_id: app.get(), data };
            state.db.emit(state.profile, event::Kind::WebxdcRealtimeData(told));
        }
    }

    fn nodes(&self, app: MessageId) -> Result<Vec<NodeAddress>, Error> {
        Ok(self.db.read(|view| Ok::<_, Failure>(realtime::nodes(view, self.profile, app)?))?)
    }

    async fn leave(&self, topic: Topic) {
        let joined = self.apps.borrow_mut().remove(&topic);
        if let (Some(app), Some(node)) = (joined, self.node.get()) {
            tracing::debug!(profile = %self.profile, msg = %app, "realtime channel left");
            node.leave(topic).await;
        }
    }

    async fn refresh(&self) -> Result<(), Error> {
        let Some(node) = self.node.get() else { return Ok(()) };
        let joined: Vec<_> = self.apps.borrow().iter().map(|(topic, app)| (*topic, *app)).collect();
        for (topic, app) in joined {
            let now = self.db.read(|view| Ok::<_, Failure>(realtime::topic(view, self.profile, app)?))?;
            if now == Some(topic) {
                node.join(topic, &self.nodes(app)?).await.map_err(failed)?;
            } else {
                self.leave(topic).await;
            }
        }
        Ok(())
    }

    async fn close(&self) {
        self.apps.borrow_mut().clear();
        if let Some(node) = self.node.get() {
            node.close().await;
            tracing::info!(profile = %self.profile, "realtime channels are closed");
        }
    }
}

fn failed(error: RealtimeError) -> Error {
    Error::failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::House;

    /// What others do to a channel.
    #[derive(Message)]
    #[rtype(result = "()")]
    struct Comes(Topic, MessageId);

    impl Handler<Comes> for Realtime {
        type Result = ();

        fn handle(&mut self, Comes(topic, app): Comes, _: &mut Self::Context) {
            self.state.apps.borrow_mut().insert(topic, app);
        }
    }

    async fn passes(seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    #[actix::test]
    async fn the_endpoint_closes_two_minutes_after_the_last_app_has_left_and_not_before() {
        let house = House::new();
        let profile = house.profile("alice@example.org").await;
        let actor = Realtime::new(house.hub.db.clone(), profile, Reach::Loopback).start();
        let (topic, app) = (Topic::generate(&mut rand::thread_rng()), MessageId::new(10));
        tokio::time::pause();
        actor.send(Comes(topic, app)).await.unwrap();
        // Longer than the time of the first look: an app is in.
        passes(200).await;
        assert!(actor.connected(), "an app is in a channel");
        actor.send(Leave(topic)).await.unwrap();
        passes(77).await;
        // An app comes back and leaves again; nodes of others are announced meanwhile.
        actor.send(Comes(topic, app)).await.unwrap();
        actor.send(Leave(topic)).await.unwrap();
        passes(60).await;
        actor.send(Refresh).await.unwrap();
        passes(59).await;
        assert!(actor.connected(), "119 seconds after the last has left");
        passes(2).await;
        assert!(!actor.connected(), "121 seconds after the last has left");
    }

    #[actix::test]
    async fn an_endpoint_that_nobody_joined_closes() {
        let house = House::new();
        let profile = house.profile("alice@example.org").await;
        let actor = Realtime::new(house.hub.db.clone(), profile, Reach::Loopback).start();
        tokio::time::pause();
        passes(119).await;
        assert!(actor.connected());
        passes(2).await;
        assert!(!actor.connected());
    }
}
