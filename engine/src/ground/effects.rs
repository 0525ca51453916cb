//! Effects: what a committed change asks the actors of its profile to do.

/// What a change brought that received mails may wait for, see [`crate::incoming::quarantine`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unlocked {
    /// A shared secret.
    pub secrets: bool,
    /// A certificate.
    pub keys: bool,
    /// A group, or a member of one.
    pub groups: bool,
    /// An in-chat app, or the announcement of one.
    pub apps: bool,
    /// A damaged certificate was replaced.
    pub repaired: bool,
    /// The profile was started: faults may be mended.
    pub start: bool,
}

impl Unlocked {
    /// Everything is tried.
    pub const ALL: Self =
        Self { secrets: true, keys: true, groups: true, apps: true, repaired: true, start: true };

    /// Whether there is anything.
    pub fn any(self) -> bool {
        self != Self::default()
    }

    /// Adds what `other` brought.
    pub fn merge(&mut self, other: Self) {
        self.secrets |= other.secrets;
        self.keys |= other.keys;
        self.groups |= other.groups;
        self.apps |= other.apps;
        self.repaired |= other.repaired;
        self.start |= other.start;
    }
}

/// What has to happen after a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// There is something new to send.
    pub outbox: bool,
    /// Relay copies have to be flagged or deleted.
    pub flags: bool,
    /// A message has to be downloaded.
    pub downloads: bool,
    /// The transports or the own key changed.
    pub transports: bool,
    /// Messages were added, that many: waiting bots look again.
    pub messages: u32,
    /// Mails that wait may be opened now.
    pub unlocked: Unlocked,
    /// What is known of realtime channels changed, or whether they are allowed.
    pub realtime: bool,
    /// A deadline was added that may be the next one.
    pub deadline: Option<i64>,
}

impl Effects {
    /// Adds what `other` asks for.
    pub fn merge(&mut self, other: Self) {
        self.outbox |= other.outbox;
        self.flags |= other.flags;
        self.downloads |= other.downloads;
        self.transports |= other.transports;
        self.realtime |= other.realtime;
        self.messages += other.messages;
        self.unlocked.merge(other.unlocked);
        self.deadline = match (self.deadline, other.deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
}
