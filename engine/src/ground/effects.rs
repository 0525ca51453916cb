//! Effects: what a committed change asks the actors of its profile to do.

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
        self.messages += other.messages;
        self.deadline = match (self.deadline, other.deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
}
