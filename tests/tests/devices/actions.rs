//! What a user does on one device.

use rand::Rng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use volary_proto::mute_duration::{Forever, Kind as Muted, NotMuted};
use volary_proto::{
    AcceptChat, AddContactToChat, ChangeContactName, ChatType, ChatVisibility, DeleteMessages,
    DeleteMessagesForAll, Error, ErrorCode, ForwardMessages, FullChat, GetBlockedContacts, GetChatContacts,
    GetChatlistEntries, GetFullChat, GetMessage, GetMessageIds, MarknoticedChat, MarkseenMsgs, Message,
    MessageData, MuteDuration, RemoveContactFromChat, SaveMessages, SendEditRequest, SendMessage,
    SendReaction, SetChatDescription, SetChatEphemeralTimer, SetChatMuteDuration, SetChatName,
    SetChatVisibility, SetConfig, SetPinnedMessageState,
};
use volary_tests::{Chat, Person};

/// One thing that a user may do.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    Say,
    Answer,
    Edit,
    React,
    Read,
    Notice,
    DeleteHere,
    DeleteEverywhere,
    Save,
    Forward,
    PinMessage,
    Pin,
    Archive,
    Silence,
    NameContact,
    NameSelf,
    Status,
    Receipts,
    Found,
    OpenChannel,
    NameChat,
    Describe,
    Add,
    Remove,
    Timer,
    Block,
    DeleteChat,
}

impl Action {
    /// Actions by how often they happen.
    const WEIGHTS: [(Self, u32); 27] = [
        (Self::Say, 22),
        (Self::Answer, 3),
        (Self::Edit, 6),
        (Self::React, 7),
        (Self::Read, 10),
        (Self::Notice, 2),
        (Self::DeleteHere, 3),
        (Self::DeleteEverywhere, 3),
        (Self::Save, 3),
        (Self::Forward, 2),
        (Self::PinMessage, 4),
        (Self::Pin, 6),
        (Self::Archive, 1),
        (Self::Silence, 4),
        (Self::NameContact, 4),
        (Self::NameSelf, 3),
        (Self::Status, 3),
        (Self::Receipts, 2),
        (Self::Found, 3),
        (Self::OpenChannel, 1),
        (Self::NameChat, 4),
        (Self::Describe, 3),
        (Self::Add, 4),
        (Self::Remove, 3),
        (Self::Timer, 3),
        (Self::Block, 2),
        (Self::DeleteChat, 1),
    ];
}

/// What happens in a story.
pub struct Kinds {
    /// Names of actions; all if there is none.
    pub only: Vec<String>,
}

impl Kinds {
    /// Any of them.
    pub fn any(&self, rng: &mut ChaCha8Rng) -> Action {
        let weight = |(action, weight): &(Action, u32)| {
            let named = self.only.is_empty() || self.only.contains(&format!("{action:?}"));
            if named { *weight } else { 0 }
        };
        Action::WEIGHTS.choose_weighted(rng, weight).expect("there are some").0
    }
}

/// Does it on a device; `number` makes texts unlike others. What cannot be done is left: a chat or message may be gone by
/// what another device has told meanwhile.
pub async fn done(device: &Person, action: Action, rng: &mut ChaCha8Rng, people: &[Person], number: u64) {
    tracing::debug!(profile = device.profile, ?action, number, "acts");
    if let Err(error) = tried(device, action, rng, people, number).await {
        assert_ne!(error.code(), ErrorCode::Internal, "{device} cannot do {action:?}: {error}");
        tracing::debug!(profile = device.profile, %error, "cannot act");
    }
}

async fn tried(
    device: &Person,
    action: Action,
    rng: &mut ChaCha8Rng,
    people: &[Person],
    number: u64,
) -> Result<(), Error> {
    match action {
        Action::NameSelf => sets(device, "displayname", &format!("Ada {number}")).await,
        Action::Status => sets(device, "selfstatus", &format!("status {number}")).await,
        Action::Receipts => sets(device, "mdns_enabled", if rng.r#gen() { "1" } else { "0" }).await,
        Action::Found => {
            let group = device.founds(&format!("Group {number}")).await;
            if rng.r#gen() {
                let contact_id = id_of(device, &people[0]).await;
                device.tries(AddContactToChat { chat_id: group.id, contact_id }).await?;
            }
            Ok(())
        }
        Action::OpenChannel => {
            device.opens_channel(&format!("Channel {number}")).await;
            Ok(())
        }
        Action::NameContact => {
            let contact_id = id_of(device, people.choose(rng).expect("somebody")).await;
            device.tries(ChangeContactName { contact_id, name: format!("Friend {number}") }).await.map(|_| ())
        }
        Action::Block => blocks(device, rng, people).await,
        _ => match any_chat(device, rng).await? {
            Some(chat) => in_chat(&chat, action, rng, people, number).await,
            None => Ok(()),
        },
    }
}

async fn sets(device: &Person, key: &str, value: &str) -> Result<(), Error> {
    device.tries(SetConfig { key: key.to_owned(), value: Some(value.to_owned()) }).await.map(|_| ())
}

async fn blocks(device: &Person, rng: &mut ChaCha8Rng, people: &[Person]) -> Result<(), Error> {
    let contact_id = id_of(device, people.choose(rng).expect("somebody")).await;
    let blocked = device.tries(volary_proto::GetContact { contact_id }).await?.is_blocked;
    if blocked {
        device.tries(volary_proto::UnblockContact { contact_id }).await?;
    } else if rng.gen_bool(0.3) {
        device.tries(volary_proto::BlockContact { contact_id }).await?;
    }
    Ok(())
}

/// The contact that a friend is, also while it is blocked.
async fn id_of(device: &Person, friend: &Person) -> u32 {
    if let Some(known) = device.contact(friend).await {
        return known.id;
    }
    let blocked = device.call(GetBlockedContacts {}).await.contacts;
    let found = blocked.iter().find(|contact| contact.address == friend.address);
    found.expect("every friend is known").id
}

/// What somebody wrote into a chat. A message may disappear meanwhile.
async fn messages_of(chat: &Chat) -> Result<Vec<Message>, Error> {
    let ids = chat.person.tries(GetMessageIds { chat_id: chat.id, ..Default::default() }).await?.ids;
    let mut found = Vec::new();
    for msg_id in ids {
        found.extend(chat.person.tries(GetMessage { msg_id }).await.ok().filter(|message| !message.is_info));
    }
    Ok(found)
}

/// Any chat that is listed, but for what the engine tells.
async fn any_chat(device: &Person, rng: &mut ChaCha8Rng) -> Result<Option<Chat>, Error> {
    let mut ids = device.call(GetChatlistEntries::default()).await.ids;
    ids.shuffle(rng);
    for id in ids {
        if id > 9 && !device.tries(GetFullChat { chat_id: id }).await?.is_device_chat {
            return Ok(Some(Chat { person: device.clone(), id }));
        }
    }
    Ok(None)
}

async fn in_chat(
    chat: &Chat,
    action: Action,
    rng: &mut ChaCha8Rng,
    people: &[Person],
    number: u64,
) -> Result<(), Error> {
    let (device, chat_id) = (&chat.person, chat.id);
    let shown = device.tries(GetFullChat { chat_id }).await?;
    tracing::debug!(
        profile = device.profile,
        chat_id,
        name = shown.name,
        new = shown.is_unpromoted,
        "in a chat"
    );
    if shown.is_contact_request {
        device.tries(AcceptChat { chat_id }).await?;
    }
    match action {
        Action::Say if shown.can_send => {
            let text = Some(format!("{device} says {number}"));
            sends(device, chat_id, MessageData { text, ..Default::default() }).await?;
        }
        Action::Pin => {
            let visibility =
                if shown.pinned { ChatVisibility::Normal } else { ChatVisibility::Pinned }.into();
            device.tries(SetChatVisibility { chat_id, visibility }).await?;
        }
        Action::Archive => {
            let visibility = ChatVisibility::Archived.into();
            device.tries(SetChatVisibility { chat_id, visibility }).await?;
        }
        Action::Silence => {
            let kind = if rng.r#gen() { Muted::Forever(Forever {}) } else { Muted::NotMuted(NotMuted {}) };
            let duration = Some(MuteDuration { kind: Some(kind) });
            device.tries(SetChatMuteDuration { chat_id, duration }).await?;
        }
        Action::Notice => drop(device.tries(MarknoticedChat { chat_id }).await?),
        Action::Timer if shown.can_send && !shown.is_self_talk => {
            let seconds = *[0, 604_800, 31_536_000].choose(rng).expect("three");
            device.tries(SetChatEphemeralTimer { chat_id, seconds }).await?;
        }
        Action::DeleteChat if !shown.is_self_talk => {
            device.tries(volary_proto::DeleteChat { chat_id }).await?;
        }
        Action::NameChat | Action::Describe | Action::Add | Action::Remove => {
            if shown.chat_type() == ChatType::Group && shown.self_in_group {
                of_group(chat, action, rng, people, number).await?;
            }
        }
        _ => {
            let messages = messages_of(chat).await?;
            if let Some(message) = messages.choose(rng) {
                with_message(chat, &shown, message, action, rng, number).await?;
            }
        }
    }
    Ok(())
}

async fn sends(device: &Person, chat_id: u32, data: MessageData) -> Result<(), Error> {
    device.tries(SendMessage { chat_id, data: Some(data) }).await.map(|_| ())
}

async fn of_group(
    chat: &Chat,
    action: Action,
    rng: &mut ChaCha8Rng,
    people: &[Person],
    number: u64,
) -> Result<(), Error> {
    let (device, chat_id) = (&chat.person, chat.id);
    let contact_id = id_of(device, people.choose(rng).expect("somebody")).await;
    match action {
        Action::NameChat => {
            device.tries(SetChatName { chat_id, name: format!("Group {number}") }).await?;
        }
        Action::Describe => {
            let description = format!("description {number}");
            device.tries(SetChatDescription { chat_id, description }).await?;
        }
        Action::Add => {
            device.tries(AddContactToChat { chat_id, contact_id }).await?;
        }
        _ => {
            if device.tries(GetChatContacts { chat_id }).await?.ids.contains(&contact_id) {
                device.tries(RemoveContactFromChat { chat_id, contact_id }).await?;
            }
        }
    }
    Ok(())
}

async fn with_message(
    chat: &Chat,
    shown: &FullChat,
    message: &Message,
    action: Action,
    rng: &mut ChaCha8Rng,
    number: u64,
) -> Result<(), Error> {
    let (device, chat_id) = (&chat.person, chat.id);
    let msg_id = message.id;
    let own = message.from_id == 1;
    let msg_ids = vec![msg_id];
    match action {
        Action::Answer if shown.can_send => {
            let text = Some(format!("answer {number}"));
            let data = MessageData { text, quoted_message_id: Some(msg_id), ..Default::default() };
            sends(device, chat_id, data).await?;
        }
        // A message that is still on its way cannot be edited by everybody.
        Action::Edit if own && !message.is_forwarded && !shown.is_self_talk && shown.can_send => {
            let text = format!("edited {number}");
            device.tries(SendEditRequest { msg_id, text }).await?;
        }
        Action::React if shown.can_send => {
            let emojis = ["👍", "❤️", ""];
            let emoji = *emojis.choose(rng).expect("three");
            let reactions = if emoji.is_empty() { Vec::new() } else { vec![emoji.to_owned()] };
            device.tries(SendReaction { msg_id, reactions }).await?;
        }
        Action::Read if !own => drop(device.tries(MarkseenMsgs { msg_ids }).await?),
        Action::DeleteHere => drop(device.tries(DeleteMessages { msg_ids }).await?),
        Action::DeleteEverywhere if own && !shown.is_self_talk && shown.can_send => {
            device.tries(DeleteMessagesForAll { msg_ids }).await?;
        }
        Action::Save if message.saved_message_id.is_none() && message.original_msg_id.is_none() => {
            device.tries(SaveMessages { msg_ids }).await?;
        }
        Action::PinMessage if shown.can_send && !shown.is_self_talk => {
            device.tries(SetPinnedMessageState { msg_id, pinned: !message.is_pinned }).await?;
        }
        Action::Forward if shown.can_send => {
            device.tries(ForwardMessages { msg_ids, chat_id }).await?;
        }
        _ => {}
    }
    Ok(())
}
