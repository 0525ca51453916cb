//! Messages for bots.

use std::collections::VecDeque;

use volary_engine::ground::ids::MessageId;
use volary_proto::{GetConfig, GetNextMsgs, SetConfig};

use super::error::CallError;
use super::event::HostEvent;
use super::events::Events;
use super::link::Link;
use super::message;
use super::views::MessageView;
use crate::bus::Bus;

/// The setting that holds the newest message that was handled.
const HANDLED: &str = "last_msg_id";
/// Messages that are loaded together.
const TOGETHER: usize = 100;

/// The messages of others, each once, also those that came while the program was away.
///
/// A message counts as handled when the next one is asked for, or with [`done`](Self::done). After a crash in between it
/// comes again.
pub struct Inbox<B: Bus> {
    link: Link<B>,
    events: Events<B>,
    waiting: VecDeque<MessageView>,
    given: Option<MessageId>,
}

impl<B: Bus> Inbox<B> {
    pub(super) async fn of(link: Link<B>) -> Result<Self, CallError> {
        let events = Events::of_profile(&link).await?;
        if link.call(GetConfig { key: HANDLED.to_owned() }).await?.text.is_none() {
            // Nothing was handled yet. Otherwise only the newest would be given.
            handled(&link, MessageId::NONE).await?;
        }
        Ok(Self { link, events, waiting: VecDeque::new(), given: None })
    }

    /// Waits for the next message; `None` after the host has stopped. The one before counts as handled.
    pub async fn next(&mut self) -> Result<Option<MessageView>, CallError> {
        self.done().await?;
        loop {
            if let Some(message) = self.waiting.pop_front() {
                self.given = Some(message.id);
                return Ok(Some(message));
            }
            if self.load().await? {
                continue;
            }
            let something_new = |event: &HostEvent| match event {
                HostEvent::Incoming { .. } | HostEvent::MessagesChanged { .. } | HostEvent::Lost { .. } => {
                    Some(())
                }
                _ => None,
            };
            if self.events.find(something_new).await.is_none() {
                return Ok(None);
            }
        }
    }

    /// The message that was given last is handled. Programs that end after it call this.
    pub async fn done(&mut self) -> Result<(), CallError> {
        if let Some(message) = self.given {
            handled(&self.link, message).await?;
            self.given = None;
        }
        Ok(())
    }

    /// Loads what is there; whether there was anything.
    async fn load(&mut self) -> Result<bool, CallError> {
        let mut ids = self.link.call(GetNextMsgs {}).await?.ids;
        ids.truncate(TOGETHER);
        let Some(last) = ids.last().copied() else { return Ok(false) };
        let messages = message::load(&self.link, &ids).await?;
        self.waiting.extend(messages.into_iter().filter(MessageView::is_incoming));
        if self.waiting.is_empty() {
            // Own messages only: they need not be looked at again.
            handled(&self.link, last.into()).await?;
        }
        Ok(true)
    }
}

async fn handled<B: Bus>(link: &Link<B>, message: MessageId) -> Result<(), CallError> {
    let call = SetConfig { key: HANDLED.to_owned(), value: Some(message.to_string()) };
    link.call(call).await.map(drop)
}
