//! One topic that a node has joined: its sender, and the loop that receives.

use bytes::Bytes;
use futures::StreamExt as _;
use iroh_gossip::net::{Event, GossipEvent, GossipReceiver, GossipSender, GossipTopic};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use volary_mail::webxdc::realtime::{NodeId, Topic, data_len, frame};

use crate::RealtimeError;

/// Data that somebody sent on a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The topic.
    pub topic: Topic,
    /// What the app of the other side passed in.
    pub data: Bytes,
}

pub(crate) struct Channel {
    sender: GossipSender,
    receives: JoinHandle<()>,
}

impl Channel {
    /// Begins to receive.
    pub fn new(topic: Topic, joined: GossipTopic, frames: mpsc::Sender<Frame>) -> Self {
        let (sender, receiver) = joined.split();
        Self { sender, receives: tokio::spawn(receive(topic, receiver, frames)) }
    }

    /// Connects to more nodes, whose addresses the endpoint knows.
    pub async fn dial(&self, nodes: Vec<iroh::NodeId>) -> Result<(), RealtimeError> {
        self.sender.join_peers(nodes).await.map_err(|_| RealtimeError::Ended)
    }

    /// Sends a frame.
    pub async fn send(&self, data: &[u8], number: i32, own: NodeId) -> Result<(), RealtimeError> {
        let frame = Bytes::from(frame(data, number, own));
        self.sender.broadcast(frame).await.map_err(|_| RealtimeError::Ended)
    }

    /// Whether its loop has not ended.
    pub fn is_alive(&self) -> bool {
        !self.receives.is_finished()
    }

    /// Leaves the topic. Nothing is received when this returns.
    pub async fn leave(self) {
        let Self { sender, receives } = self;
        drop(sender);
        receives.abort();
        // It ends as cancelled.
        let _ = receives.await;
    }
}

async fn receive(topic: Topic, mut receiver: GossipReceiver, frames: mpsc::Sender<Frame>) {
    while let Some(event) = receiver.next().await {
        match event {
            Ok(Event::Gossip(GossipEvent::Received(message))) => {
                // Anybody in the topic can send what is no frame.
                let Some(len) = data_len(&message.content) else {
                    tracing::debug!(bytes = message.content.len(), "a realtime frame is too short");
                    continue;
                };
                let data = message.content.slice(..len);
                if frames.send(Frame { topic, data }).await.is_err() {
                    return;
                }
            }
            Ok(Event::Gossip(GossipEvent::NeighborUp(node))) => {
                tracing::debug!(node = %node.fmt_short(), "a realtime node is connected");
            }
            Ok(Event::Gossip(GossipEvent::NeighborDown(node))) => {
                tracing::debug!(node = %node.fmt_short(), "a realtime node is gone");
            }
            Ok(Event::Gossip(GossipEvent::Joined(nodes))) => {
                tracing::debug!(nodes = nodes.len(), "a realtime channel is connected");
            }
            Ok(Event::Lagged) => {
                tracing::warn!("realtime frames came faster than they were taken, some are lost")
            }
            Err(error) => {
                tracing::warn!(%error, "a realtime channel has ended");
                return;
            }
        }
    }
}
