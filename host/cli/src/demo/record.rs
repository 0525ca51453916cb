//! What was claimed and checked, and how long messages took.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use volary_proto::{MessageData, SendMessage};

use super::options::DemoError;
use super::person::{Seat, Trouble};
use super::transcript::Transcript;

/// Filled while the story goes on.
#[derive(Default)]
pub(super) struct Record {
    pub(super) claims: AtomicUsize,
    pub(super) messages: AtomicUsize,
    pub(super) latencies: Mutex<Vec<Duration>>,
}

/// A message that was sent and received.
pub(super) struct Delivered {
    /// The sender's id of it.
    pub(super) sent: u32,
    /// The receivers' ids, in the order in which they were given.
    pub(super) received: Vec<u32>,
}

impl Record {
    /// Shows a claim when everything that it says was checked.
    pub(super) async fn claim<T>(
        &self,
        transcript: &Transcript,
        claim: String,
        check: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, DemoError> {
        match check.await {
            Ok(checked) => {
                self.claims.fetch_add(1, Relaxed);
                transcript.claim(&claim);
                Ok(checked)
            }
            Err(trouble) => Err(DemoError::Claim { claim, trouble }),
        }
    }

    /// Sends a message, waits until all others have it, and compares.
    pub(super) async fn deliver(
        &self,
        from: Seat<'_>,
        to: &[Seat<'_>],
        data: MessageData,
    ) -> Result<Delivered, Trouble> {
        let text = data.text.clone().unwrap_or_default();
        let begin = Instant::now();
        let sent = from.person.call(SendMessage { chat_id: from.chat, data: Some(data) }).await?.id;
        self.messages.fetch_add(1, Relaxed);
        let mut received = Vec::new();
        for seat in to {
            let seen = seat.receives().await?;
            self.latencies.lock().push(seen.at.duration_since(begin));
            let message = seen.value;
            if message.text != text {
                let (other, who) = (&message.text, seat.person);
                return Err(Trouble::Differs(format!("{who} received {other:?} instead of {text:?}")));
            }
            if !message.show_padlock {
                return Err(Trouble::Differs(format!("{} received it unencrypted", seat.person)));
            }
            received.push(message.id);
        }
        Ok(Delivered { sent, received })
    }

    /// The same for a text, which is shown.
    pub(super) async fn say(
        &self,
        transcript: &Transcript,
        from: Seat<'_>,
        to: &[Seat<'_>],
        text: &str,
    ) -> Result<Delivered, Trouble> {
        let data = MessageData { text: Some(text.to_owned()), ..Default::default() };
        let delivered = self.deliver(from, to, data).await?;
        transcript.says(from.person, text);
        Ok(delivered)
    }
}
