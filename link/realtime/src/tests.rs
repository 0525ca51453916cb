use std::time::Duration;

use bytes::Bytes;
use iroh::Endpoint;
use iroh_gossip::net::{GOSSIP_ALPN, Gossip};
use iroh_gossip::proto::TopicId;
use rand::thread_rng;
use tokio::sync::mpsc::Receiver;
use tokio::time::{sleep, timeout};
use volary_mail::webxdc::realtime::{MAX_FRAME_DATA, NodeAddress, Topic};

use super::*;

const DEADLINE: Duration = Duration::from_secs(60);

/// A node with what it has received.
struct Peer {
    node: Node,
    frames: Receiver<Frame>,
}

impl Peer {
    async fn new() -> Self {
        let (node, frames) = Node::start(Reach::Loopback).await.unwrap();
        Self { node, frames }
    }

    async fn address(&self) -> [NodeAddress; 1] {
        [self.node.address().await.unwrap()]
    }

    async fn next(&mut self) -> Frame {
        timeout(DEADLINE, self.frames.recv()).await.expect("a frame comes").unwrap()
    }

    /// The next data but greetings.
    async fn data(&mut self) -> Bytes {
        loop {
            let frame = self.next().await;
            if frame.data != Bytes::from_static(HELLO) {
                return frame.data;
            }
        }
    }

    async fn sends(&self, topic: Topic, data: &[u8]) {
        self.node.send(topic, &[], data).await.unwrap();
    }
}

const HELLO: &[u8] = b"hello";

/// Both greet until both have heard the other: what is sent before they are connected is lost.
async fn meet(topic: Topic, one: &mut Peer, two: &mut Peer) {
    async fn hears(peer: &mut Peer, topic: Topic) -> bool {
        matches!(timeout(Duration::from_millis(50), peer.frames.recv()).await, Ok(Some(frame)) if frame.topic == topic)
    }
    let greeting = async {
        let (mut one_heard, mut two_heard) = (false, false);
        while !(one_heard && two_heard) {
            one.sends(topic, HELLO).await;
            two.sends(topic, HELLO).await;
            one_heard |= hears(one, topic).await;
            two_heard |= hears(two, topic).await;
        }
    };
    timeout(DEADLINE, greeting).await.expect("two nodes meet");
}

async fn joined(topic: Topic) -> (Peer, Peer) {
    let (mut one, mut two) = (Peer::new().await, Peer::new().await);
    one.node.join(topic, &[]).await.unwrap();
    two.node.join(topic, &one.address().await).await.unwrap();
    meet(topic, &mut one, &mut two).await;
    (one, two)
}

fn topic() -> Topic {
    Topic::generate(&mut thread_rng())
}

#[tokio::test]
async fn frames_go_both_ways_in_order_and_equal_ones_stay_distinct() {
    let topic = topic();
    let (mut one, mut two) = joined(topic).await;
    let large = vec![7; MAX_FRAME_DATA];
    for data in [b"same".as_slice(), b"same", b"same", b"", &large, b"after"] {
        one.sends(topic, data).await;
    }
    for expected in [b"same".as_slice(), b"same", b"same", b"", &large, b"after"] {
        assert_eq!(two.data().await, Bytes::copy_from_slice(expected));
    }
    two.sends(topic, b"back").await;
    assert_eq!(one.data().await, Bytes::from_static(b"back"));
    one.node.close().await;
    two.node.close().await;
}

#[tokio::test]
async fn a_frame_that_is_too_long_is_refused_and_the_link_stays() {
    let topic = topic();
    let (one, mut two) = joined(topic).await;
    let refusal = one.node.send(topic, &[], &vec![0; MAX_FRAME_DATA + 1]).await;
    assert!(matches!(refusal, Err(RealtimeError::TooLong(128_001))));
    one.sends(topic, b"small").await;
    assert_eq!(two.data().await, Bytes::from_static(b"small"));
}

#[tokio::test]
async fn several_topics_at_once_keep_apart_and_joining_twice_delivers_once() {
    let topics = [topic(), topic(), topic()];
    let (mut one, mut two) = joined(topics[0]).await;
    for topic in &topics[1..] {
        one.node.join(*topic, &[]).await.unwrap();
        let address = one.address().await;
        let (first, second) =
            tokio::join!(two.node.join(*topic, &address), two.node.send(*topic, &address, HELLO));
        first.unwrap();
        second.unwrap();
        meet(*topic, &mut one, &mut two).await;
    }
    for (number, topic) in topics.iter().enumerate() {
        one.sends(*topic, &[number as u8]).await;
    }
    one.sends(topics[0], b"end").await;
    let mut got = Vec::new();
    while got.len() < topics.len() + 1 {
        let frame = two.next().await;
        if frame.data != Bytes::from_static(HELLO) {
            got.push((topics.iter().position(|topic| *topic == frame.topic).unwrap(), frame.data));
        }
    }
    got.sort();
    let single = |number: u8| (usize::from(number), Bytes::copy_from_slice(&[number]));
    assert_eq!(got, [single(0), (0, Bytes::from_static(b"end")), single(1), single(2)]);
}

#[tokio::test]
async fn who_leaves_gets_nothing_and_can_come_back() {
    let topic = topic();
    let (mut one, mut two) = joined(topic).await;
    two.node.leave(topic).await;
    two.node.leave(topic).await;
    assert!(!two.node.is_joined(topic).await);
    while two.frames.try_recv().is_ok() {}
    one.sends(topic, b"not heard").await;
    sleep(Duration::from_millis(300)).await;
    assert!(two.frames.try_recv().is_err());
    two.node.join(topic, &one.address().await).await.unwrap();
    meet(topic, &mut one, &mut two).await;
    two.sends(topic, b"again").await;
    assert_eq!(one.data().await, Bytes::from_static(b"again"));
    one.sends(topic, b"welcome").await;
    assert_eq!(two.data().await, Bytes::from_static(b"welcome"));
}

#[tokio::test]
async fn what_is_no_frame_does_not_end_the_channel() {
    let topic = topic();
    let mut one = Peer::new().await;
    one.node.join(topic, &[]).await.unwrap();
    let [address] = one.address().await;
    let endpoint = Endpoint::builder()
        .tls_x509()
        .alpns(vec![GOSSIP_ALPN.to_vec()])
        .relay_mode(iroh::RelayMode::Disabled)
        .bind_addr_v4("127.0.0.1:0".parse().unwrap())
        .bind()
        .await
        .unwrap();
    let node = iroh::NodeId::from_bytes(&address.node.bytes()).unwrap();
    endpoint.add_node_addr(iroh::NodeAddr::from_parts(node, None, address.direct)).unwrap();
    let gossip = Gossip::builder().max_message_size(128 * 1024).spawn(endpoint).await.unwrap();
    let stranger = gossip.subscribe_and_join(TopicId::from_bytes(topic.bytes()), vec![node]);
    let stranger = timeout(DEADLINE, stranger).await.expect("the stranger is connected").unwrap();
    for length in [0, 35, 36] {
        stranger.broadcast(Bytes::from(vec![1; length])).await.unwrap();
    }
    let mut last = vec![9; 40];
    last[..4].copy_from_slice(b"data");
    stranger.broadcast(Bytes::from(last)).await.unwrap();
    assert_eq!(one.next().await.data, Bytes::new());
    assert_eq!(one.next().await.data, Bytes::from_static(b"data"));
}
