//! What an update changes beside the log: names, a line in the chat, a notification.

use super::Update;
use crate::message::text::bidi::strip_bidi;

/// Key of [`Update::notify`] that means everybody.
pub const EVERYBODY: &str = "*";

/// What updates have set on an instance so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels {
    /// Name of the open document; empty for none.
    pub document: String,
    /// Time of the update that set it.
    pub document_at: i64,
    /// Short status; empty for none.
    pub summary: String,
    /// Time of the update that set it.
    pub summary_at: i64,
}

impl Labels {
    /// Takes over what an update sets, unless something newer is set. Tells whether anything changed.
    pub fn apply(&mut self, update: &Update, at: i64) -> bool {
        let mut changed = false;
        if let Some(document) = &update.document
            && at >= self.document_at
        {
            changed |= self.document != *document;
            (self.document, self.document_at) = (document.clone(), at);
        }
        if let Some(summary) = &update.summary
            && at >= self.summary_at
        {
            let summary = strip_bidi(summary);
            changed |= self.summary != summary;
            (self.summary, self.summary_at) = (summary, at);
        }
        changed
    }
}

/// How an update came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Made on this device for an app that is not sent yet.
    Draft,
    /// Made on this device, or on another one of the same user.
    Own,
    /// In the same mail as its app.
    WithApp,
    /// For an app of which only the announcement is here.
    BeforeApp,
    /// From another member.
    Member,
}

impl Arrival {
    /// Whether its text becomes a line in the chat. What comes with an app, or before it, is no news.
    pub fn may_inform(self) -> bool {
        matches!(self, Self::Own | Self::Member)
    }

    /// Whether frontends learn that there is an update: only where the app can run.
    pub fn may_run(self) -> bool {
        self != Self::BeforeApp
    }
}

/// The last line of the chat, as far as an update may replace it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastLine {
    /// It is a text of the same instance.
    pub is_of_instance: bool,
    /// It is by the same sender.
    pub is_by_sender: bool,
}

/// What becomes of the text of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// Nothing.
    None,
    /// The last line gets this text and the time of the update; its link stays.
    Replace(&'a str),
    /// A new line.
    New {
        /// Its text, which may be empty.
        text: &'a str,
        /// Where it leads to inside the app.
        href: Option<&'a str>,
    },
}

/// Decides what becomes of the text of an update. `last` is the last line of the chat that is not hidden.
pub fn line<'a>(update: &'a Update, arrival: Arrival, last: Option<LastLine>) -> Line<'a> {
    let Some(text) = update.info.as_deref().filter(|_| arrival.may_inform()) else { return Line::None };
    let is_follow_up = last.is_some_and(|last| last.is_of_instance && last.is_by_sender);
    match update.href.as_deref() {
        None if is_follow_up => Line::Replace(text),
        href => Line::New { text, href },
    }
}

/// The user and chat that an update may notify.
#[derive(Debug, Clone, Copy)]
pub struct Listener<'a> {
    /// Address of the user inside the app.
    pub self_addr: &'a str,
    /// Whether the chat is muted: then only a text for this very user notifies.
    pub is_muted: bool,
    /// Whether the chat waits to be accepted: strangers notify nobody.
    pub is_request: bool,
}

/// The text that notifies the user, if any. Own updates notify nobody, on no device.
pub fn notification<'a>(update: &'a Update, arrival: Arrival, listener: Listener<'_>) -> Option<&'a str> {
    if arrival != Arrival::Member || listener.is_request {
        return None;
    }
    let texts = update.notify.as_ref()?;
    let for_all = || texts.get(EVERYBODY).filter(|_| !listener.is_muted);
    texts.get(listener.self_addr).or_else(for_all).map(String::as_str)
}
