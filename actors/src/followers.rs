//! Frontends that have a chat open list its messages again at each event.
//!
//! Mails that come together could be taken in faster than a frontend asks: its first list would show all of them, and the
//! further events would bring nothing new, so that a view which scrolls by what is new stays where it was. Therefore a mail
//! waits until the message before it was listed ([`SETTLE`] longer, because a change has several events), at most for
//! [`PATIENCE`].
//!
//! Nobody says which chats are open. A chat counts as open until a message in it was not listed in time, and again when
//! it is listed. Where no chat of a profile was ever listed (bots do not), its mails do not wait any more at all.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;
use volary_engine::ground::ids::{ChatId, ProfileId};

/// So long a mail waits for a frontend to list the message before it.
pub const PATIENCE: Duration = Duration::from_millis(500);
/// So long after that it still waits, while the frontend fetches the other events of the message before.
pub const SETTLE: Duration = Duration::from_millis(10);
/// A chat that was not listed in time is tried again after that.
const FORGET: Duration = Duration::from_secs(600);
/// Chats that are remembered; beyond that those that nobody follows are forgotten.
const MAX_CHATS: usize = 4096;
/// Mails that come together and each wait for the one before; more than that are a backlog, which nobody reads along.
pub const MAX_TOGETHER: usize = 32;

/// What frontends do with the messages that come in. Cheap to clone: all clones are the same.
#[derive(Clone, Default)]
pub struct Followers {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Whether there was ever a frontend.
    any: AtomicBool,
    known: Mutex<Known>,
    /// Some chat was listed.
    listed: Notify,
}

#[derive(Default)]
struct Known {
    chats: HashMap<(ProfileId, ChatId), Standing>,
    profiles: HashMap<ProfileId, Conduct>,
}

/// What becomes of a message that came in. No entry: there is nothing to wait for.
#[derive(Clone, Copy)]
enum Standing {
    /// It is visible since then.
    Shown(Instant),
    /// It was listed then.
    Listed(Instant),
    /// It was not listed in time.
    Unattended(Instant),
}

/// What the frontends of a profile do. No entry: that is not known yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Conduct {
    /// Chats were listed.
    Lists,
    /// A message came in, and no chat was listed so far.
    Silent,
}

impl Followers {
    /// There is a frontend from now on.
    pub fn join(&self) {
        self.shared.any.store(true, Ordering::Release);
    }

    fn nobody(&self) -> bool {
        !self.shared.any.load(Ordering::Acquire)
    }

    /// A message has come in and is announced.
    pub fn shown(&self, profile: ProfileId, chat: ChatId) {
        if self.nobody() {
            return;
        }
        let mut known = self.shared.known.lock();
        if known.profiles.get(&profile) == Some(&Conduct::Silent) {
            return;
        }
        match known.chats.get(&(profile, chat)) {
            Some(Standing::Shown(_)) => return,
            Some(Standing::Unattended(since)) if since.elapsed() < FORGET => return,
            _ => {}
        }
        if known.chats.len() >= MAX_CHATS {
            known.chats.retain(|_, standing| matches!(standing, Standing::Shown(_)));
        }
        known.chats.insert((profile, chat), Standing::Shown(Instant::now()));
    }

    /// The messages of a chat were listed, as they were at `asked` or later.
    pub fn listed(&self, profile: ProfileId, chat: ChatId, asked: Instant) {
        if self.nobody() {
            return;
        }
        let mut known = self.shared.known.lock();
        known.profiles.insert(profile, Conduct::Lists);
        match known.chats.get(&(profile, chat)) {
            Some(Standing::Shown(since)) if *since <= asked => {
                known.chats.insert((profile, chat), Standing::Listed(Instant::now()));
                self.shared.listed.notify_waiters();
            }
            Some(Standing::Unattended(_)) => {
                known.chats.remove(&(profile, chat));
            }
            Some(Standing::Shown(_) | Standing::Listed(_)) | None => {}
        }
    }

    /// Waits until a frontend that has the chat open knows the message that came in before.
    pub async fn caught_up(&self, profile: ProfileId, chat: ChatId) {
        if self.nobody() {
            return;
        }
        loop {
            let mut listed = std::pin::pin!(self.shared.listed.notified());
            listed.as_mut().enable();
            let Some(left) = self.left(profile, chat) else { return };
            // Either way it is looked at again.
            tokio::time::timeout(left, listed).await.ok();
        }
    }

    /// How long there still is to wait.
    fn left(&self, profile: ProfileId, chat: ChatId) -> Option<Duration> {
        let mut known = self.shared.known.lock();
        let (since, limit) = match *known.chats.get(&(profile, chat))? {
            Standing::Shown(since) => (since, PATIENCE),
            Standing::Listed(since) => (since, SETTLE),
            Standing::Unattended(_) => return None,
        };
        let left = limit.checked_sub(since.elapsed()).filter(|left| !left.is_zero());
        if left.is_some() {
            return left;
        }
        if limit == SETTLE {
            known.chats.remove(&(profile, chat));
        } else {
            known.is_left(profile, chat);
        }
        None
    }
}

impl Known {
    /// Nobody has listed a chat in time.
    fn is_left(&mut self, profile: ProfileId, chat: ChatId) {
        tracing::debug!(%profile, %chat, "nobody follows the chat, its mails do not wait for a frontend");
        if *self.profiles.entry(profile).or_insert(Conduct::Silent) == Conduct::Silent {
            self.chats.retain(|(of, _), _| *of != profile);
        } else {
            self.chats.insert((profile, chat), Standing::Unattended(Instant::now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: ProfileId = ProfileId::new(1);
    const CHAT: ChatId = ChatId::new(10);
    const OTHER: ChatId = ChatId::new(11);

    fn with_a_frontend() -> Followers {
        let followers = Followers::default();
        followers.join();
        followers
    }

    /// What is left of the patience at least when a mail begins to wait right after the message was shown. On a busy machine
    /// some of it has passed by then.
    const ALL_OF_IT: Duration = PATIENCE.saturating_sub(Duration::from_millis(200));

    /// How long a mail waits now.
    async fn waits(followers: &Followers, chat: ChatId) -> Duration {
        let begin = Instant::now();
        followers.caught_up(ALICE, chat).await;
        begin.elapsed()
    }

    #[tokio::test]
    async fn the_next_mail_waits_until_the_open_chat_is_listed() {
        let followers = with_a_frontend();
        followers.shown(ALICE, CHAT);
        let frontend = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            followers.listed(ALICE, OTHER, Instant::now());
            tokio::time::sleep(Duration::from_millis(30)).await;
            followers.listed(ALICE, CHAT, Instant::now());
        };
        let (waited, ()) = futures::join!(waits(&followers, CHAT), frontend);
        assert!(waited >= Duration::from_millis(60) + SETTLE, "{waited:?}");
        assert!(waited < PATIENCE, "{waited:?}");
        assert!(waits(&followers, CHAT).await < SETTLE, "nothing new is shown");
    }

    #[tokio::test]
    async fn a_chat_that_is_not_open_holds_up_one_mail_and_no_further_until_it_is_listed() {
        let followers = with_a_frontend();
        followers.listed(ALICE, OTHER, Instant::now());
        followers.shown(ALICE, CHAT);
        assert!(waits(&followers, CHAT).await >= ALL_OF_IT);
        followers.shown(ALICE, CHAT);
        assert!(waits(&followers, CHAT).await < PATIENCE / 2);
        followers.listed(ALICE, CHAT, Instant::now());
        followers.shown(ALICE, CHAT);
        assert!(waits(&followers, CHAT).await >= ALL_OF_IT, "it was opened again");
    }

    #[tokio::test]
    async fn a_profile_whose_chats_nobody_lists_holds_up_one_mail_in_all() {
        let followers = with_a_frontend();
        followers.shown(ALICE, CHAT);
        followers.shown(ALICE, OTHER);
        assert!(waits(&followers, CHAT).await >= ALL_OF_IT);
        assert!(waits(&followers, OTHER).await < PATIENCE / 2);
        followers.shown(ALICE, OTHER);
        assert!(waits(&followers, OTHER).await < PATIENCE / 2);
    }

    #[tokio::test]
    async fn a_list_that_was_made_before_the_message_came_does_not_count() {
        let followers = with_a_frontend();
        let asked = Instant::now();
        tokio::time::sleep(Duration::from_millis(1)).await;
        followers.shown(ALICE, CHAT);
        followers.listed(ALICE, CHAT, asked);
        assert!(waits(&followers, CHAT).await >= ALL_OF_IT);
    }

    #[tokio::test]
    async fn without_a_frontend_nothing_waits() {
        let followers = Followers::default();
        followers.shown(ALICE, CHAT);
        assert!(waits(&followers, CHAT).await < PATIENCE / 2);
    }
}
