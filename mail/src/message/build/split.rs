//! Large files travel apart from their text, so that receivers can read the text and decide on the download.

use rand::Rng;

use super::{Body, Outgoing, Stage};
use crate::message::bounds::PRE_MESSAGE_THRESHOLD;
use crate::message::ids::MessageId;

/// Splits a message with a large file into a pre-message and a post-message, to be sent in this order.
///
/// A message without large file comes back whole. Only for mail that will be encrypted. The post-message keeps the
/// id of the message, the pre-message gets a new one.
pub fn split_large(outgoing: Outgoing, rng: &mut impl Rng) -> Vec<Outgoing> {
    let large = match &outgoing.body {
        Body::Chat(chat) => chat.file.as_ref().filter(|file| file.bytes.len() > PRE_MESSAGE_THRESHOLD),
        _ => None,
    };
    let Some(file) = large else {
        return vec![outgoing];
    };
    let stage = Stage::Pre { post_id: outgoing.message_id.clone(), metadata: file.metadata.clone() };
    let mut pre = Outgoing { message_id: MessageId::generate(rng), stage, ..without_files(&outgoing) };
    if pre.references == [outgoing.message_id.clone()] {
        pre.references = vec![pre.message_id.clone()];
    }
    let post = Outgoing { stage: Stage::Post, gossip: Vec::new(), ..outgoing };
    vec![pre, post]
}

/// A copy without the bytes that only the post-message carries.
fn without_files(outgoing: &Outgoing) -> Outgoing {
    let body = match &outgoing.body {
        Body::Chat(chat) => Body::Chat(Box::new(super::ChatBody {
            forwarded: chat.forwarded,
            quote: chat.quote.clone(),
            text: chat.text.clone(),
            status: chat.status.clone(),
            html: chat.html.clone(),
            ..Default::default()
        })),
        other => other.clone(),
    };
    Outgoing {
        from: outgoing.from.clone(),
        sender: outgoing.sender.clone(),
        to: outgoing.to.clone(),
        message_id: outgoing.message_id.clone(),
        in_reply_to: outgoing.in_reply_to.clone(),
        references: outgoing.references.clone(),
        date: outgoing.date,
        subject: outgoing.subject.clone(),
        auto_submitted: outgoing.auto_submitted,
        autocrypt: outgoing.autocrypt.clone(),
        gossip: outgoing.gossip.clone(),
        headers: outgoing.headers.clone(),
        stage: outgoing.stage.clone(),
        body,
    }
}
