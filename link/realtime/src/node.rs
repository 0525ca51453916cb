//! The endpoint of one user on one device.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::sync::LazyLock;
use std::time::Duration;

use iroh::discovery::static_provider::StaticProvider;
use iroh::protocol::Router;
use iroh::{Endpoint, NodeAddr, RelayMap, RelayMode, RelayUrl};
use iroh_gossip::net::{GOSSIP_ALPN, Gossip, JoinOptions};
use iroh_gossip::proto::TopicId;
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;
use url::Url;
use volary_mail::webxdc::realtime::{MAX_FRAME_DATA, NodeAddress, NodeId, Topic};

use crate::RealtimeError;
use crate::channel::{Channel, Frame};

/// Longest gossip message. Part of the protocol: nodes that take less would end the link.
const MAX_MESSAGE: usize = 128 * 1024;
/// Gossip messages that wait for the loop of a topic; more are lost. Each may be as long as [`MAX_MESSAGE`].
const WAITING_MESSAGES: usize = 256;
/// Frames that wait for whoever takes them.
const WAITING_FRAMES: usize = 32;
/// How long the endpoint may take to find its relay.
const RELAY_DEADLINE: Duration = Duration::from_secs(30);
/// How long links may take to end in order.
const CLOSE_DEADLINE: Duration = Duration::from_secs(60);

/// How a node is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Through a relay, and directly where networks allow it.
    Relay(Url),
    /// For tests: through the loopback interface. Nodes of one process find each other, others need the address.
    Loopback,
}

/// Nodes of this process that are reached through the loopback interface.
static NEIGHBOURS: LazyLock<StaticProvider> = LazyLock::new(StaticProvider::new);

/// A node. See the [documentation of the crate](crate).
pub struct Node {
    reach: Reach,
    endpoint: Endpoint,
    gossip: Gossip,
    router: Router,
    frames: mpsc::Sender<Frame>,
    topics: Mutex<Topics>,
}

/// One lock for joining and leaving: two subscriptions of one topic would deliver each frame twice.
#[derive(Default)]
struct Topics {
    joined: HashMap<Topic, Channel>,
    /// Number of the last frame by topic. It goes on when a topic is left and joined again: who has seen a frame drops
    /// an equal one.
    sent: HashMap<Topic, i32>,
}

impl Node {
    /// Starts a node with a fresh key. What others send on its topics comes out of the receiver.
    pub async fn start(reach: Reach) -> Result<(Self, mpsc::Receiver<Frame>), RealtimeError> {
        let builder = Endpoint::builder().tls_x509().alpns(vec![GOSSIP_ALPN.to_vec()]).clear_discovery();
        let builder = match &reach {
            Reach::Relay(url) => {
                let map = RelayMap::from(RelayUrl::from(url.clone()));
                builder.relay_mode(RelayMode::Custom(map))
            }
            Reach::Loopback => builder
                .relay_mode(RelayMode::Disabled)
                .bind_addr_v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
                .bind_addr_v6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0))
                .add_discovery(|_| Some(NEIGHBOURS.clone())),
        };
        let failed = |error: String| RealtimeError::Start(error);
        let endpoint = builder.bind().await.map_err(|error| failed(error.to_string()))?;
        if reach == Reach::Loopback {
            NEIGHBOURS.add_node_info(loopback(&endpoint));
        }
        let gossip = Gossip::builder()
            .max_message_size(MAX_MESSAGE)
            .spawn(endpoint.clone())
            .await
            .map_err(|error| failed(error.to_string()))?;
        let router = Router::builder(endpoint.clone()).accept(GOSSIP_ALPN, gossip.clone()).spawn();
        let (frames, taken) = mpsc::channel(WAITING_FRAMES);
        let topics = Mutex::default();
        Ok((Self { reach, endpoint, gossip, router, frames, topics }, taken))
    }

    /// Its name.
    pub fn id(&self) -> NodeId {
        NodeId::new(*self.endpoint.node_id().as_bytes())
    }

    /// Where others find it, as soon as its relay has answered.
    pub async fn address(&self) -> Result<NodeAddress, RealtimeError> {
        let node = self.id();
        if self.reach == Reach::Loopback {
            let direct = loopback(&self.endpoint).direct_addresses.into_iter().collect();
            return Ok(NodeAddress { node, relay: None, direct });
        }
        let mut home = self.endpoint.home_relay();
        let relay = match timeout(RELAY_DEADLINE, home.initialized()).await {
            Ok(Ok(url)) => Some(Url::from(url)),
            Ok(Err(_)) | Err(_) => return Err(RealtimeError::Relay),
        };
        Ok(NodeAddress { node, relay, direct: Vec::new() })
    }

    /// Joins a topic through these nodes; in one that is joined, the nodes are added.
    pub async fn join(&self, topic: Topic, nodes: &[NodeAddress]) -> Result<(), RealtimeError> {
        let mut topics = self.topics.lock().await;
        self.join_locked(&mut topics, topic, nodes).await
    }

    async fn join_locked(
        &self,
        topics: &mut Topics,
        topic: Topic,
        nodes: &[NodeAddress],
    ) -> Result<(), RealtimeError> {
        let bootstrap = self.learn(nodes);
        if let Some(channel) = topics.joined.get(&topic).filter(|channel| channel.is_alive()) {
            return if bootstrap.is_empty() { Ok(()) } else { channel.dial(bootstrap).await };
        }
        let options =
            JoinOptions { subscription_capacity: WAITING_MESSAGES, ..JoinOptions::with_bootstrap(bootstrap) };
        let joined = self.gossip.subscribe_with_opts(TopicId::from_bytes(topic.bytes()), options);
        topics.joined.insert(topic, Channel::new(topic, joined, self.frames.clone()));
        Ok(())
    }

    /// Remembers how nodes are reached. Returns the names of those that make sense.
    fn learn(&self, nodes: &[NodeAddress]) -> Vec<iroh::NodeId> {
        let mut known = Vec::new();
        for address in nodes {
            let Ok(node) = iroh::NodeId::from_bytes(&address.node.bytes()) else { continue };
            if node == self.endpoint.node_id() {
                continue;
            }
            let relay = address.relay.clone().map(RelayUrl::from);
            let wanted = NodeAddr::from_parts(node, relay, address.direct.iter().copied());
            if !wanted.is_empty() && self.endpoint.add_node_addr(wanted).is_err() {
                continue;
            }
            known.push(node);
        }
        known
    }

    /// Sends data to all others in a topic; joins it if need be.
    pub async fn send(&self, topic: Topic, nodes: &[NodeAddress], data: &[u8]) -> Result<(), RealtimeError> {
        if data.len() > MAX_FRAME_DATA {
            return Err(RealtimeError::TooLong(data.len()));
        }
        let mut topics = self.topics.lock().await;
        if !topics.joined.get(&topic).is_some_and(Channel::is_alive) {
            self.join_locked(&mut topics, topic, nodes).await?;
        }
        let last = topics.sent.entry(topic).or_default();
        *last = last.wrapping_add(1);
        let number = *last;
        match topics.joined.get(&topic) {
            Some(channel) => channel.send(data, number, self.id()).await,
            None => Err(RealtimeError::Ended),
        }
    }

    /// Whether a topic is joined.
    pub async fn is_joined(&self, topic: Topic) -> bool {
        self.topics.lock().await.joined.contains_key(&topic)
    }

    /// Leaves a topic; nothing of it is received any more.
    pub async fn leave(&self, topic: Topic) {
        let mut topics = self.topics.lock().await;
        if let Some(channel) = topics.joined.remove(&topic) {
            channel.leave().await;
        }
    }

    /// The network of the device may have changed.
    pub async fn network_changed(&self) {
        self.endpoint.network_change().await;
    }

    /// Leaves all topics and ends all links; takes at most a minute.
    pub async fn close(&self) {
        let mut topics = self.topics.lock().await;
        for (_, channel) in topics.joined.drain() {
            channel.leave().await;
        }
        drop(topics);
        if self.reach == Reach::Loopback {
            NEIGHBOURS.remove_node_info(self.endpoint.node_id());
        }
        match timeout(CLOSE_DEADLINE, self.router.shutdown()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a realtime node did not end in order"),
            Err(_) => tracing::debug!("a realtime node did not end in time"),
        }
    }
}

/// The sockets of an endpoint that is bound to the loopback interface.
fn loopback(endpoint: &Endpoint) -> NodeAddr {
    let (v4, v6) = endpoint.bound_sockets();
    NodeAddr::from_parts(endpoint.node_id(), None, [Some(v4), v6].into_iter().flatten())
}
