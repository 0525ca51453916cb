//! The ends of the channels that the threads in the background have.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::exchange::{Command, Update};

/// Tells the thread that shows things. Cheap to clone.
#[derive(Clone)]
pub(super) struct Teller {
    updates: mpsc::Sender<Update>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Teller {
    pub(super) fn new(updates: mpsc::Sender<Update>, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { updates, wake }
    }

    /// Hands over an update, as soon as there is room for it.
    pub(super) async fn tell(&self, update: Update) {
        // Where nobody shows anything any more, all of this ends soon.
        if self.updates.send(update).await.is_ok() {
            (self.wake)();
        }
    }

    /// Waits until nobody shows anything any more.
    pub(super) async fn gone(&self) {
        self.updates.closed().await;
    }
}

/// Commands in their order.
pub(super) struct Orders {
    commands: mpsc::Receiver<Command>,
    /// The one that is being carried out.
    in_hand: Option<Command>,
}

impl Orders {
    pub(super) fn new(commands: mpsc::Receiver<Command>) -> Self {
        Self { commands, in_hand: None }
    }

    /// The next command. It is kept until it is [`done`](Self::done).
    pub(super) async fn next(&mut self) -> Option<Command> {
        self.in_hand = Some(self.commands.recv().await?);
        self.in_hand.clone()
    }

    /// The last command was carried out, or refused.
    pub(super) fn done(&mut self) {
        self.in_hand = None;
    }

    /// What was not carried out, or not to its end.
    pub(super) fn left(&mut self) -> Vec<Command> {
        let waiting = std::iter::from_fn(|| self.commands.try_recv().ok());
        self.in_hand.take().into_iter().chain(waiting).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_that_was_begun_is_not_forgotten() {
        let (sender, commands) = mpsc::channel(4);
        let mut orders = Orders::new(commands);
        let command = |number: u32| Command::Accept { chat: number.into() };
        for number in 10..13 {
            sender.send(command(number)).await.unwrap();
        }
        assert_eq!(orders.next().await, Some(command(10)));
        orders.done();
        assert_eq!(orders.next().await, Some(command(11)));
        assert_eq!(orders.left(), [command(11), command(12)]);
        assert_eq!(orders.left(), []);
        drop(sender);
        assert_eq!(orders.next().await, None);
    }
}
