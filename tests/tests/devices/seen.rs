//! What a device shows, in a form that is the same on devices which show the same: without ids, which each gives out
//! itself, without times, which depend on when it was online, and without the lines by which a device says how it learned
//! of something: the members of a group count, not who told of them first.

use std::collections::BTreeMap;

use volary_proto::{
    Contact, GetChatlistEntries, GetConfig, GetContact, GetContactIds, GetFullChat, GetMessage,
    GetMessageIds, INFO_CONTACT, Message, MessageState, SystemMessageType,
};
use volary_tests::Person;

/// Settings that devices share.
const SETTINGS: [&str; 4] = ["displayname", "selfstatus", "mdns_enabled", "force_encryption"];
/// Asks for the archive.
const ARCHIVED: u32 = 1;

/// Everything that a device shows, line by line.
pub async fn by(device: &Person) -> Vec<String> {
    let mut lines = Vec::new();
    for key in SETTINGS {
        let value = device.call(GetConfig { key: key.to_owned() }).await.text;
        lines.push(format!("setting {key}: {value:?}"));
    }
    for contact_id in device.call(GetContactIds { flags: 0, query: None }).await.ids {
        let contact = device.call(GetContact { contact_id }).await;
        lines.push(format!(
            "contact {} called {:?}, blocked: {}",
            contact.address, contact.name, contact.is_blocked
        ));
    }
    for flags in [None, Some(ARCHIVED)] {
        for chat_id in device.call(GetChatlistEntries { flags, ..Default::default() }).await.ids {
            // The archive itself, and what the engine has told on this device alone.
            if chat_id > 9 {
                chat(device, chat_id, &mut lines).await;
            }
        }
    }
    lines.sort();
    lines
}

async fn chat(device: &Person, chat_id: u32, lines: &mut Vec<String>) {
    let Ok(shown) = device.tries(GetFullChat { chat_id }).await else { return };
    if shown.is_device_chat {
        return;
    }
    let mut members = Vec::new();
    for contact_id in &shown.contact_ids {
        members.push(device.call(GetContact { contact_id: *contact_id }).await.address);
    }
    members.sort();
    let description = device.call(volary_proto::GetChatDescription { chat_id }).await.text;
    let name = format!("{} ({:?})", shown.name, shown.chat_type());
    lines.push(format!(
        "chat {name}: pinned {}, archived {}, silent {}, request {}, timer {}, description {description:?}, \
         new {}, members {members:?}",
        shown.pinned,
        shown.archived,
        shown.is_muted,
        shown.is_contact_request,
        shown.ephemeral_timer,
        shown.is_unpromoted
    ));
    let ids = device.call(GetMessageIds { chat_id, ..Default::default() }).await.ids;
    for msg_id in ids {
        if let Ok(shown) = device.tries(GetMessage { msg_id }).await
            && !is_of_one_device(&shown)
        {
            lines.push(format!("{name}: {}", message(device, &shown).await));
        }
    }
}

/// Lines of the engine itself, and those about members: who adds somebody who is added already is not mentioned.
fn is_of_one_device(shown: &Message) -> bool {
    let about_members = [SystemMessageType::MemberAddedToGroup, SystemMessageType::MemberRemovedFromGroup];
    shown.from_id == INFO_CONTACT || about_members.contains(&shown.system_message_type())
}

async fn message(device: &Person, shown: &Message) -> String {
    let sender = shown.sender.as_ref().map(|sender: &Contact| sender.address.clone()).unwrap_or_default();
    let mut reactions = BTreeMap::new();
    for (contact_id, emojis) in shown.reactions.iter().flat_map(|all| &all.reactions_by_contact) {
        let contact = device.call(GetContact { contact_id: *contact_id }).await;
        reactions.insert(contact.address, emojis.emojis.clone());
    }
    let quoted = shown.quote.is_some();
    let text = if shown.is_info { without_names(&shown.text) } else { shown.text.clone() };
    format!(
        "{:?} by {sender}, {}, info {}, edited {}, forwarded {}, pinned {}, saved {}, quotes {quoted}, file {:?}, {reactions:?}",
        text,
        state(shown),
        shown.is_info,
        shown.is_edited,
        shown.is_forwarded,
        shown.is_pinned,
        shown.saved_message_id.is_some(),
        shown.file_name,
    )
}

/// Lines about changes have the name that somebody had when they came.
fn without_names(text: &str) -> String {
    let mut words = text.split(' ').collect::<Vec<_>>();
    while let Some(at) = words.iter().position(|word| *word == "Friend") {
        words.drain(at..words.len().min(at + 2));
    }
    words.join(" ")
}

/// What is new here and what was only listed elsewhere is a matter of one device.
fn state(shown: &Message) -> &'static str {
    match shown.state() {
        MessageState::InFresh | MessageState::InNoticed => "unread",
        MessageState::InSeen => "read",
        MessageState::OutDelivered => "sent",
        MessageState::OutRead => "read by others",
        MessageState::OutFailed => "failed",
        _ => "waits",
    }
}

/// The lines that only one of two devices shows.
pub fn difference(one: &[String], other: &[String]) -> String {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for line in one {
        counts.entry(line).or_default().0 += 1;
    }
    for line in other {
        counts.entry(line).or_default().1 += 1;
    }
    let odd = counts.into_iter().filter(|(_, (here, there))| here != there);
    odd.map(|(line, (here, there))| format!("\n  {here} | {there}  {line}")).collect()
}
