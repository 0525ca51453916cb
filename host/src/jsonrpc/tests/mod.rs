//! The interface with a scripted engine behind it.

mod frames;
mod methods;
mod sessions;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::mpsc;
use volary_proto::{
    Answer, Done, Error, ErrorCode, Event, Id, Ids, MaybeText, Message, Request, Text, event, request,
};

use crate::bus::{Bus, EventSource};

/// An engine that answers by a simple script and remembers what it was asked.
#[derive(Clone, Default)]
pub(crate) struct Script {
    asked: Arc<Mutex<Vec<request::Kind>>>,
    events: Arc<Mutex<Option<mpsc::UnboundedReceiver<Event>>>>,
    blob_dir: Arc<Mutex<Option<String>>>,
}

impl Script {
    /// An engine whose events come from the given sender.
    pub(crate) fn with_events() -> (Self, mpsc::UnboundedSender<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let script = Self::default();
        *script.events.lock().unwrap() = Some(receiver);
        (script, sender)
    }

    /// Where attachments are.
    pub(crate) fn set_blob_dir(&self, path: &std::path::Path) {
        *self.blob_dir.lock().unwrap() = Some(path.to_string_lossy().into_owned());
    }

    /// Everything asked so far.
    pub(crate) fn asked(&self) -> Vec<request::Kind> {
        self.asked.lock().unwrap().clone()
    }
}

impl Bus for Script {
    type Events = ScriptEvents;

    fn call(&self, request: Request) -> impl Future<Output = Result<Answer, Error>> + Send + 'static {
        let script = self.clone();
        async move {
            let kind = request.kind.ok_or_else(|| Error::invalid("nothing asked"))?;
            script.asked.lock().unwrap().push(kind.clone());
            match kind {
                request::Kind::GetConfig(get) => Ok(Answer::new(MaybeText { text: Some(get.key) })),
                request::Kind::GetBlobDir(_) => {
                    Ok(Answer::new(MaybeText { text: script.blob_dir.lock().unwrap().clone() }))
                }
                request::Kind::SetConfig(_) => Ok(Answer::new(Done {})),
                request::Kind::SendMessage(_) => Ok(Answer::new(Id { id: 12 })),
                // Takes its time.
                request::Kind::Configure(_) => {
                    tokio::time::sleep(Duration::from_millis(600)).await;
                    Ok(Answer::new(Done {}))
                }
                request::Kind::GetMessage(get) => {
                    Ok(Answer::new(Message { id: get.msg_id, ..Default::default() }))
                }
                request::Kind::GetAllAccountIds(_) => Ok(Answer::new(Ids { ids: vec![1, 2] })),
                request::Kind::WaitNextMsgs(_) => {
                    tokio::time::sleep(Duration::from_secs(3600)).await;
                    Ok(Answer::new(Ids::default()))
                }
                request::Kind::GetMessageInfo(_) => {
                    let folder = script.blob_dir.lock().unwrap().clone().unwrap_or_default();
                    Ok(Answer::new(Text { text: format!("File: {folder}, name: a.jpg") }))
                }
                request::Kind::CheckQr(check) => Err(Error::failed(check.qr)),
                request::Kind::GetInfo(_) => panic!("scripted panic"),
                _ => Err(Error::new(
                    ErrorCode::NotFound,
                    format!("account with id {} not found", request.profile_id),
                )),
            }
        }
    }

    fn stop(&self) -> impl Future<Output = ()> + Send + 'static {
        std::future::ready(())
    }

    fn subscribe(&self) -> ScriptEvents {
        ScriptEvents { receiver: self.events.lock().unwrap().take() }
    }
}

/// The events of a script; without a sender none ever come.
pub(crate) struct ScriptEvents {
    receiver: Option<mpsc::UnboundedReceiver<Event>>,
}

impl EventSource for ScriptEvents {
    async fn next(&mut self) -> Option<Arc<Event>> {
        match &mut self.receiver {
            Some(receiver) => receiver.recv().await.map(Arc::new),
            None => std::future::pending().await,
        }
    }
}

/// A numbered event.
pub(crate) fn info(n: usize) -> Event {
    Event { profile_id: 0, kind: Some(event::Kind::Info(event::Info { msg: n.to_string() })) }
}

/// Events of a profile were lost.
pub(super) fn overflow(profile_id: u32, n: u64) -> Event {
    let kind = event::Kind::EventChannelOverflow(event::EventChannelOverflow { n });
    Event { profile_id, kind: Some(kind) }
}
