//! What the programs show: the chat list, the open chat, what is typed, how the host is. A rule: no I/O, no toolkit.
//!
//! [`Model::apply`] takes in what is new, the other methods what the user does. What follows from that for the host is read
//! with [`Model::opening`], and returned as [`Command`]s.

mod input;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use volary::ChatId;
use volary::handles::{ChatEntry, ChatSummary, MessageView};
use volary::proto::{ChatType, Connectivity, MessageState};

pub use self::input::{Input, MAX_INPUT};
use crate::exchange::{Command, Opening, Update};

/// The direction in which another chat is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The one above.
    Up,
    /// The one below.
    Down,
}

/// How the host is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// It is looked for.
    Looking,
    /// It answers.
    Reached,
    /// It has ended, and why that is thought.
    Away(String),
    /// It makes no sense to go on.
    Failed(String),
    /// The process is asked to end.
    End,
}

/// What is shown.
#[derive(Debug)]
pub struct Model {
    host: Host,
    profile: String,
    connectivity: Connectivity,
    why: Option<String>,
    chats: Vec<ChatEntry>,
    opening: Option<Opening>,
    openings: u64,
    messages: Vec<MessageView>,
    is_complete: bool,
    /// What was begun to be written, for each chat by itself.
    inputs: HashMap<ChatId, Input>,
    problem: Option<String>,
    /// The user looks at the program.
    attentive: bool,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            host: Host::Looking,
            profile: String::new(),
            connectivity: Connectivity::Unknown,
            why: None,
            chats: Vec::new(),
            opening: None,
            openings: 0,
            messages: Vec::new(),
            is_complete: false,
            inputs: HashMap::new(),
            problem: None,
            attentive: true,
        }
    }
}

impl Model {
    // What is new

    /// Takes in what is new.
    pub fn apply(&mut self, update: Update) {
        match update {
            Update::Reached { profile } => {
                self.host = Host::Reached;
                self.profile = profile;
            }
            Update::Chats(changes) => {
                changes.into_iter().for_each(|change| change.apply(&mut self.chats));
                if self.opening.is_some() && self.open_chat().is_none() {
                    self.close();
                }
            }
            Update::Messages { opening, is_complete, changes } => {
                // What belongs to a chat that was left meanwhile does not fit.
                if self.opening.is_some_and(|open| open.number == opening) {
                    changes.into_iter().for_each(|change| change.apply(&mut self.messages));
                    self.is_complete = is_complete;
                }
            }
            Update::Connectivity { state, why } => {
                self.connectivity = state;
                self.why = why;
            }
            Update::Problem(text) => self.problem = Some(text),
            Update::NotSent { chat, text, why } => self.take_back(chat, text, &why),
            Update::Away(why) => {
                self.host = Host::Away(why);
                self.connectivity = Connectivity::Unknown;
                self.why = None;
            }
            Update::Failed(why) => self.host = Host::Failed(why),
            Update::End => self.host = Host::End,
        }
        self.look();
    }

    /// A text that was not sent stands in the line again.
    fn take_back(&mut self, chat: ChatId, text: String, why: &str) {
        let input = self.inputs.entry(chat).or_default();
        let newer = input.text().to_owned();
        input.set(if newer.is_empty() { text } else { format!("{text}\n{newer}") });
        self.problem = Some(format!("not sent: {why}"));
    }

    /// The user looks at the program, or away.
    pub fn set_attentive(&mut self, attentive: bool) {
        self.attentive = attentive;
        self.look();
    }

    /// What is on the screen while the user looks is seen.
    fn look(&mut self) {
        let is_request = self.open_chat().is_some_and(|chat| chat.is_contact_request);
        let newest = self.messages.iter().rev().find(|message| is_new(message)).map(|message| message.id);
        let attentive = self.attentive;
        if let Some(opening) = &mut self.opening {
            opening.is_request = is_request;
            if attentive && newest.is_some() {
                opening.seen = newest;
            }
        }
    }

    // The chat list

    /// The chat list.
    pub fn chats(&self) -> &[ChatEntry] {
        &self.chats
    }

    /// The chat that is open, as the chat list has it.
    pub fn open_chat(&self) -> Option<&ChatSummary> {
        let open = self.opening?.chat;
        self.chats.iter().filter_map(ChatEntry::chat).find(|chat| chat.id == open)
    }

    /// Where the open chat is in the chat list.
    pub fn open_index(&self) -> Option<usize> {
        let open = self.opening?.chat;
        self.chats.iter().position(|entry| entry.id() == open)
    }

    /// Chooses the chat above or below the open one. At first the first or last one.
    pub fn choose(&mut self, step: Step) {
        let places: Vec<ChatId> = self.chats.iter().filter_map(ChatEntry::chat).map(|chat| chat.id).collect();
        let open = self.opening.and_then(|open| places.iter().position(|id| *id == open.chat));
        let place = match (open, step) {
            (None, Step::Down) => Some(0),
            (None, Step::Up) => places.len().checked_sub(1),
            (Some(place), Step::Down) => Some(place + 1),
            (Some(place), Step::Up) => place.checked_sub(1),
        };
        if let Some(chat) = place.and_then(|place| places.get(place)) {
            self.open(*chat);
        }
    }

    /// Opens a chat of the list.
    pub fn open(&mut self, chat: ChatId) {
        let is_there = self.chats.iter().filter_map(ChatEntry::chat).any(|there| there.id == chat);
        if !is_there || self.opening.is_some_and(|open| open.chat == chat) {
            return;
        }
        self.close();
        self.openings += 1;
        self.opening = Some(Opening { number: self.openings, chat, older: 0, seen: None, is_request: false });
        self.problem = None;
        self.look();
    }

    fn close(&mut self) {
        self.opening = None;
        self.messages.clear();
        self.is_complete = false;
    }

    /// Fresh messages of all chats that are not muted.
    pub fn fresh(&self) -> u32 {
        let chats = self.chats.iter().filter_map(ChatEntry::chat);
        chats.filter(|chat| !chat.is_muted).fold(0, |sum, chat| sum.saturating_add(chat.fresh))
    }

    // The open chat

    /// What the host has to be told about what the user looks at.
    pub fn opening(&self) -> Option<Opening> {
        self.opening
    }

    /// The messages of the open chat that are there, the oldest first.
    pub fn messages(&self) -> &[MessageView] {
        &self.messages
    }

    /// Whether the oldest message of the open chat is there.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The user wants to see older messages.
    pub fn show_older(&mut self) {
        if let Some(opening) = &mut self.opening
            && !self.is_complete
            && !self.messages.is_empty()
        {
            opening.older = opening.older.saturating_add(1);
        }
    }

    /// What is typed in the open chat.
    pub fn input(&self) -> Option<&Input> {
        static EMPTY: Input = Input::EMPTY;
        let chat = self.writable()?;
        Some(self.inputs.get(&chat).unwrap_or(&EMPTY))
    }

    /// The same, to type.
    pub fn input_mut(&mut self) -> Option<&mut Input> {
        let chat = self.writable()?;
        Some(self.inputs.entry(chat).or_default())
    }

    /// The open chat, if one can write there: not before a request is accepted.
    fn writable(&self) -> Option<ChatId> {
        self.open_chat().filter(|chat| can_write(chat)).map(|chat| chat.id)
    }

    /// The user has typed a text to its end.
    pub fn submit(&mut self) -> Option<Command> {
        let chat = self.writable()?;
        if self.inputs.get(&chat).is_none_or(|input| input.text().trim().is_empty()) {
            return None;
        }
        if self.host != Host::Reached {
            self.problem = Some("not sent: the host is not there".to_owned());
            return None;
        }
        let input = self.inputs.remove(&chat)?;
        self.problem = None;
        Some(Command::Send { chat, text: input.text().to_owned() })
    }

    /// The user accepts the contact request that is open.
    pub fn accept(&mut self) -> Option<Command> {
        let chat = self.open_chat().filter(|chat| chat.is_contact_request)?.id;
        self.problem = None;
        Some(Command::Accept { chat })
    }

    /// There is too much to do for one more command.
    pub fn refused(&mut self, command: Command) {
        const WHY: &str = "too much is waiting already";
        match command {
            Command::Send { chat, text } => self.take_back(chat, text, WHY),
            Command::Accept { .. } => self.problem = Some(WHY.to_owned()),
        }
    }

    // The whole

    /// The title: how much is fresh, and what is open.
    pub fn title(&self) -> String {
        let name = self.open_chat().map(|chat| chat.name.as_str()).unwrap_or("Volary");
        match self.fresh() {
            0 => name.to_owned(),
            fresh => format!("({fresh}) {name}"),
        }
    }

    /// Whose chats are shown.
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// How the host and the connections of the profile are.
    pub fn status(&self) -> String {
        match &self.host {
            Host::Looking => "starting".to_owned(),
            Host::Away(why) => format!("{why}; trying again"),
            Host::Failed(why) => why.clone(),
            Host::End => "ending".to_owned(),
            Host::Reached => {
                let state = match self.connectivity {
                    Connectivity::Unknown => "",
                    Connectivity::NotConnected => "not connected",
                    Connectivity::Connecting => "connecting",
                    Connectivity::Working => "updating",
                    Connectivity::Connected => "connected",
                };
                self.why.as_ref().map_or_else(|| state.to_owned(), |why| format!("{state}: {why}"))
            }
        }
    }

    /// Whether all is well with the host and the connections.
    pub fn is_well(&self) -> bool {
        self.host == Host::Reached
            && matches!(self.connectivity, Connectivity::Working | Connectivity::Connected)
    }

    /// The last thing that went wrong.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Why it makes no sense to go on.
    pub fn failure(&self) -> Option<&str> {
        match &self.host {
            Host::Failed(why) => Some(why),
            _ => None,
        }
    }

    /// Whether the process is asked to end.
    pub fn is_over(&self) -> bool {
        self.host == Host::End
    }
}

/// Whether one can write in a chat, as far as the chat list tells. The host has the last word.
fn can_write(chat: &ChatSummary) -> bool {
    let takes_part = match chat.kind {
        ChatType::Single | ChatType::Mailinglist => true,
        ChatType::Group | ChatType::OutBroadcast => chat.is_member,
        ChatType::InBroadcast => false,
    };
    takes_part && !chat.is_contact_request && !chat.is_device_chat
}

/// Whether a message of somebody else waits to be seen.
fn is_new(message: &MessageView) -> bool {
    matches!(message.state, MessageState::InFresh | MessageState::InNoticed)
}
