//! Owners notice the end of what they own, also of what ended with a panic.

use std::any::Any;

use actix::{Message, Recipient};
use tokio::task::JoinError;

/// Held by what has an owner; when it is dropped, the owner gets the message. An actor that panics drops its fields.
pub struct Farewell<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    owner: Recipient<M>,
    message: Option<M>,
}

impl<M> Farewell<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    /// A farewell to this owner.
    pub fn new(owner: Recipient<M>, message: M) -> Self {
        Self { owner, message: Some(message) }
    }
}

impl<M> Drop for Farewell<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            // An owner that has ended has nothing to restart. The message never waits for a place.
            self.owner.do_send(message);
        }
    }
}

/// What the panic of a task said, for the log.
pub fn cause(error: JoinError) -> String {
    error.try_into_panic().map_or_else(|_| "cancelled".to_owned(), |panic| text_of(panic.as_ref()))
}

/// What a panic said.
pub fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}

/// Runs something once, as a task of its own: a panic in it reaches the log and nobody else.
pub fn run_once(name: &'static str, work: impl Future<Output = ()> + 'static) {
    let task = actix::spawn(work);
    actix::spawn(async move {
        if let Err(error) = task.await {
            tracing::error!(task = name, cause = cause(error), "a task failed");
        }
    });
}
