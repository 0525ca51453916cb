//! `volary chats` and `volary messages`: what is there.

use chrono::DateTime;
use clap::Args;
use volary_proto::{
    ChatListItemFetchResult, GetBasicChat, GetChatlistEntries, GetChatlistItems, GetMessageIds, GetMessages,
    LAST_RESERVED_ID, Message, MessageLoadResult, MessageState, SELF_CONTACT, chat_list_item_fetch_result,
    message_load_result,
};

use super::host::{Host, One};
use super::output;
use crate::process::failure::Failure;
use crate::text::plain;

#[derive(Debug, Args)]
pub(super) struct ChatsArgs {
    #[command(flatten)]
    one: One,
    /// Only chats whose names contain this
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Those in the archive
    #[arg(long)]
    archived: bool,
}

#[derive(Debug, Args)]
pub(super) struct MessagesArgs {
    #[command(flatten)]
    one: One,
    /// The chat, as `volary chats` lists it
    #[arg(value_name = "CHAT")]
    chat: u32,
    /// At most so many, the newest; 0 = all
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

pub(super) async fn chats(args: ChatsArgs) -> Result<(), Failure> {
    let host = Host::open(&args.one.place.data).await?;
    let outcome = list_chats(&host, &args).await;
    host.close().await;
    outcome
}

async fn list_chats(host: &Host, args: &ChatsArgs) -> Result<(), Failure> {
    /// Those of the archive only.
    const ARCHIVED: u32 = 1;
    let profile = host.profile(args.one.profile).await?;
    let flags = args.archived.then_some(ARCHIVED);
    let entries = GetChatlistEntries { flags, query: args.search.clone(), contact_id: None };
    let chat_ids = host.call(profile, entries).await?.ids;
    let items = host.call(profile, GetChatlistItems { chat_ids }).await?;
    for (id, item) in items {
        if args.one.place.json {
            output::json(&item)?;
        } else if id > LAST_RESERVED_ID {
            output::line(line_of_chat(id, &item))?;
        }
    }
    Ok(())
}

fn line_of_chat(id: u32, item: &ChatListItemFetchResult) -> String {
    match &item.kind {
        Some(chat_list_item_fetch_result::Kind::ChatListItem(item)) => {
            let fresh = match item.fresh_message_counter {
                0 => String::new(),
                fresh => format!(" ({fresh} new)"),
            };
            let request = if item.is_contact_request { " (request)" } else { "" };
            let before = if item.summary_text1.is_empty() { "" } else { ": " };
            let summary = format!("{}{before}{}", item.summary_text1, item.summary_text2);
            format!("{id:>4}  {}{fresh}{request}  {}", plain(&item.name), plain(&summary))
        }
        _ => format!("{id:>4}  cannot be shown"),
    }
}

pub(super) async fn messages(args: MessagesArgs) -> Result<(), Failure> {
    let host = Host::open(&args.one.place.data).await?;
    let outcome = list_messages(&host, &args).await;
    host.close().await;
    outcome
}

async fn list_messages(host: &Host, args: &MessagesArgs) -> Result<(), Failure> {
    let profile = host.profile(args.one.profile).await?;
    // A chat that is not there has no messages: that is not what was meant.
    host.call(profile, GetBasicChat { chat_id: args.chat }).await?;
    let mut ids = host.call(profile, GetMessageIds { chat_id: args.chat, ..Default::default() }).await?.ids;
    if args.limit > 0 {
        ids.drain(..ids.len().saturating_sub(args.limit));
    }
    show(host, profile, &ids, Whose::All, args.one.place.json).await
}

/// Which messages are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    All,
    /// Not the own ones.
    Others,
}

/// Messages in the order of their ids in the list.
pub(super) async fn show(
    host: &Host,
    profile: u32,
    ids: &[u32],
    whose: Whose,
    json: bool,
) -> Result<(), Failure> {
    /// Messages that are loaded together.
    const TOGETHER: usize = 100;
    for msg_ids in ids.chunks(TOGETHER) {
        let messages = host.call(profile, GetMessages { msg_ids: msg_ids.to_vec() }).await?;
        for (id, message) in messages {
            match &message {
                MessageLoadResult { kind: Some(message_load_result::Kind::Message(message)) }
                    if whose == Whose::Others && message.from_id == SELF_CONTACT => {}
                MessageLoadResult { kind: Some(message_load_result::Kind::Message(message)) } if !json => {
                    output::line(line_of_message(message))?;
                }
                _ if json => output::json(&message)?,
                _ => output::line(format!("{id:>5}  cannot be shown"))?,
            }
        }
    }
    Ok(())
}

fn line_of_message(message: &Message) -> String {
    let time = DateTime::from_timestamp(message.timestamp, 0).unwrap_or_default().format("%Y-%m-%d %H:%M");
    let state = match message.state() {
        MessageState::InFresh => " *",
        MessageState::OutPending => " …",
        MessageState::OutFailed => " ✗",
        MessageState::OutDelivered => " ✓",
        MessageState::OutRead => " ✓✓",
        _ => "",
    };
    let sender = message.sender.as_ref().map_or_else(String::new, |sender| plain(&sender.display_name));
    let file = match &message.file_name {
        Some(name) => format!(" [{}, {} bytes]", plain(name), message.file_bytes),
        None => String::new(),
    };
    let lines = message.text.lines().map(plain).collect::<Vec<_>>().join("\n       ");
    format!("{:>5}  {time}  {sender}{state}:{file} {lines}", message.id)
}

#[cfg(test)]
mod tests {
    use volary_proto::Contact;

    use super::*;

    #[test]
    fn a_line_shows_who_wrote_what_and_texts_cannot_draw() {
        let message = Message {
            id: 12,
            text: "one\ntwo\u{1b}[2J".to_owned(),
            state: MessageState::OutRead.into(),
            file_name: Some("a.jpg".to_owned()),
            file_bytes: 5,
            sender: Some(Contact { display_name: "Bob".to_owned(), ..Contact::default() }),
            ..Message::default()
        };
        let expected = "   12  1970-01-01 00:00  Bob ✓✓: [a.jpg, 5 bytes] one\n       two\u{fffd}[2J";
        assert_eq!(line_of_message(&message), expected);
    }
}
