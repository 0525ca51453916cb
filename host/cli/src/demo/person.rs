//! A person: one profile with its calls and events.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use volary::Engine;
use volary_proto::event::Kind;
use volary_proto::{
    AcceptChat, Call, Contact, GetChatContacts, GetChatlistEntries, GetContact, GetContactsByIds,
    GetFullChat, GetMessage, LookupContactIdByAddr, Message,
};

use super::events::{Inbox, Seen};

/// Own contact id; as verifier it stands for direct verification.
pub(super) const SELF: u32 = 1;

/// First names; whoever comes later gets a number.
const NAMES: [&str; 10] =
    ["Alice", "Bob", "Carol", "Dave", "Erin", "Frank", "Grace", "Heidi", "Ivan", "Judy"];
/// Length of the part before the `@`, as chatmail relays demand.
const LOCAL_PART: usize = 9;

/// What happened instead of something that was claimed.
#[derive(Debug, Error)]
pub enum Trouble {
    /// The engine refused a call.
    #[error("{who}: {call} failed: {error}")]
    Call {
        /// Whose call.
        who: String,
        /// Which call.
        call: &'static str,
        /// Why.
        error: volary_proto::Error,
    },
    /// An event did not come in time.
    #[error("{who} saw no {what} within {:.1} s{}", .patience.as_secs_f64(), because(.problem))]
    Unseen {
        /// Who waited.
        who: String,
        /// For what.
        what: String,
        /// How long.
        patience: Duration,
        /// The last warning of the profile.
        problem: Option<String>,
    },
    /// A query answers something else.
    #[error("{0}")]
    Differs(String),
    /// A file cannot be used.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Trouble {
    /// Names the file in what the system says about it.
    pub(super) fn with_file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { path: path.to_owned(), source }
    }
}

fn because(problem: &Option<String>) -> String {
    problem.as_ref().map(|problem| format!(" (its last warning: {problem})")).unwrap_or_default()
}

/// A profile of the demo.
pub(super) struct Person {
    /// Counted from 0.
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) address: String,
    pub(super) password: String,
    pub(super) profile: u32,
    pub(super) inbox: Arc<Inbox>,
    engine: Engine,
    patience: Duration,
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A person in a chat: chats have another id for everybody.
#[derive(Clone, Copy)]
pub(super) struct Seat<'a> {
    pub(super) person: &'a Person,
    pub(super) chat: u32,
}

impl Person {
    /// The person with this number, not yet known to any relay.
    pub(super) fn new(number: usize, profile: u32, domain: &str, engine: Engine, patience: Duration) -> Self {
        let (name, local) = match NAMES.get(number) {
            Some(name) => ((*name).to_owned(), name.to_lowercase()),
            None => (format!("Person {}", number + 1), "demo".to_owned()),
        };
        let digits = LOCAL_PART.saturating_sub(local.len());
        Self {
            number,
            name,
            address: format!("{local}{:0digits$}@{domain}", number + 1),
            password: uuid::Uuid::new_v4().simple().to_string(),
            profile,
            inbox: Arc::default(),
            engine,
            patience,
        }
    }

    /// Carries out a call of this profile.
    pub(super) async fn call<C: Call>(&self, call: C) -> Result<C::Answer, Trouble> {
        let answer = self.engine.call(self.profile, call).await;
        answer.map_err(|error| Trouble::Call { who: self.name.clone(), call: C::NAME, error })
    }

    /// Waits for an event.
    pub(super) async fn sees<T>(
        &self,
        what: &str,
        pick: impl FnMut(&Kind) -> Option<T>,
    ) -> Result<Seen<T>, Trouble> {
        self.inbox.next(self.patience, pick).await.ok_or_else(|| self.unseen(what))
    }

    /// Waits until queries tell something.
    pub(super) async fn finds<T>(
        &self,
        what: &str,
        look: impl AsyncFnMut() -> Result<Option<T>, Trouble>,
    ) -> Result<T, Trouble> {
        self.inbox.until(self.patience, look).await.unwrap_or_else(|| Err(self.unseen(what)))
    }

    fn unseen(&self, what: &str) -> Trouble {
        let problem = self.inbox.last_problem();
        Trouble::Unseen { who: self.name.clone(), what: what.to_owned(), patience: self.patience, problem }
    }

    pub(super) async fn message(&self, msg_id: u32) -> Result<Message, Trouble> {
        self.call(GetMessage { msg_id }).await
    }

    pub(super) async fn contact(&self, contact_id: u32) -> Result<Contact, Trouble> {
        self.call(GetContact { contact_id }).await
    }

    /// The contact with an address that has a key.
    pub(super) async fn contact_with(&self, address: &str) -> Result<Option<Contact>, Trouble> {
        match self.call(LookupContactIdByAddr { addr: address.to_owned() }).await?.id {
            Some(id) => Ok(Some(self.contact(id).await?)),
            None => Ok(None),
        }
    }

    /// The other one in a chat of two.
    pub(super) async fn partner(&self, chat_id: u32) -> Result<Contact, Trouble> {
        match self.call(GetChatContacts { chat_id }).await?.ids[..] {
            [contact] => self.contact(contact).await,
            _ => Err(Trouble::Differs(format!("the chat of {self} has not exactly one contact"))),
        }
    }

    /// Waits for the group of that name and takes it, if it asks.
    pub(super) async fn enters_group(&self, name: &str) -> Result<Seat<'_>, Trouble> {
        let chat = self
            .finds("group", async || {
                let call = GetChatlistEntries { query: Some(name.to_owned()), ..Default::default() };
                Ok(self.call(call).await?.ids.first().copied())
            })
            .await?;
        if self.call(GetFullChat { chat_id: chat }).await?.is_contact_request {
            self.call(AcceptChat { chat_id: chat }).await?;
        }
        Ok(Seat { person: self, chat })
    }
}

impl Seat<'_> {
    /// Addresses of all members.
    pub(super) async fn members(&self) -> Result<BTreeSet<String>, Trouble> {
        let contact_ids = self.person.call(GetChatContacts { chat_id: self.chat }).await?.ids;
        let contacts = self.person.call(GetContactsByIds { contact_ids }).await?;
        Ok(contacts.into_iter().map(|(_, contact)| contact.address).collect())
    }

    /// Waits for the next message that somebody else wrote. Notes about the chat are none.
    pub(super) async fn receives(&self) -> Result<Seen<Message>, Trouble> {
        let chat = self.chat;
        let incoming = |kind: &Kind| match kind {
            Kind::IncomingMsg(event) if event.chat_id == chat => Some(event.msg_id),
            _ => None,
        };
        loop {
            let seen = self.person.sees("new message", incoming).await?;
            let value = self.person.message(seen.value).await?;
            if !value.is_info {
                return Ok(Seen { value, at: seen.at });
            }
        }
    }
}
