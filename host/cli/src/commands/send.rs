//! `volary send`: writes a message.

use std::io::{Read, stdin};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use volary_proto::event::Kind;
use volary_proto::{CreateChatByContactId, CreateContact, MessageData, SendMessage};

use super::host::{File, Host, One};
use super::output;
use crate::process::failure::Failure;

/// Longest text that is read from standard input, in bytes.
const MAX_TEXT: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(super) struct SendArgs {
    #[command(flatten)]
    one: One,
    /// The chat, as `volary chats` lists it
    #[arg(long, value_name = "ID", required_unless_present = "to")]
    chat: Option<u32>,
    /// The chat with this address, which must have been met before
    #[arg(long, value_name = "ADDRESS", conflicts_with = "chat")]
    to: Option<String>,
    /// Attaches a file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Waits until the relay has taken the message
    #[arg(long)]
    wait: bool,
    /// The text; without it, or as `-`, it is read from standard input
    text: Option<String>,
}

pub(super) async fn run(args: SendArgs) -> Result<(), Failure> {
    let text = text(&args)?;
    let host = Host::open(&args.one.place.data).await?;
    let outcome = send(&host, &args, text).await;
    host.close().await;
    outcome
}

fn text(args: &SendArgs) -> Result<Option<String>, Failure> {
    Ok(match args.text.as_deref() {
        Some("-") => Some(read(stdin())?),
        None if args.file.is_none() => Some(read(stdin())?),
        Some("") if args.file.is_none() => return Err("the text is empty".into()),
        text => text.map(str::to_owned),
    })
}

/// The text that comes from standard input.
fn read(input: impl Read) -> Result<String, Failure> {
    let mut text = String::new();
    let failed = |error| format!("standard input: {error}");
    input.take(MAX_TEXT + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_TEXT {
        return Err(format!("the text on standard input has more than {MAX_TEXT} bytes").into());
    }
    let text = text.trim_end();
    if text.is_empty() { Err("there is no text on standard input".into()) } else { Ok(text.to_owned()) }
}

async fn send(host: &Host, args: &SendArgs, text: Option<String>) -> Result<(), Failure> {
    let profile = host.profile(args.one.profile).await?;
    let file = match &args.file {
        Some(path) => Some(host.file(path).await?),
        None => None,
    };
    let chat_id = match (args.chat, &args.to) {
        (Some(chat), _) => chat,
        (None, address) => {
            let email = address.clone().unwrap_or_default();
            let contact_id = host.call(profile, CreateContact { email, name: None }).await?.id;
            host.call(profile, CreateChatByContactId { contact_id }).await?.id
        }
    };
    let mut events = host.events().await?;
    let data = MessageData { text, file: file.as_ref().map(File::text), ..MessageData::default() };
    let message = host.call(profile, SendMessage { chat_id, data: Some(data) }).await?.id;
    drop(file);
    if args.wait {
        host.connect(profile).await?;
        loop {
            let event = events.next().await?;
            match &event.kind {
                Some(Kind::MsgDelivered(sent)) if (event.profile_id, sent.msg_id) == (profile, message) => {
                    break;
                }
                Some(Kind::MsgFailed(failed)) if (event.profile_id, failed.msg_id) == (profile, message) => {
                    return Err(
                        format!("message {message} cannot be sent; `volary messages` shows it").into()
                    );
                }
                _ => {}
            }
        }
    }
    if args.one.place.json {
        output::json(&json!({"message": message, "chat": chat_id}))
    } else {
        output::line(message.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_as_a_whole_or_not_at_all() {
        assert_eq!(read(&b"one\ntwo \n\n"[..]).unwrap(), "one\ntwo");
        let longest = "x".repeat(usize::try_from(MAX_TEXT).unwrap());
        assert_eq!(read(longest.as_bytes()).unwrap(), longest);
        let longer = format!("{longest}y");
        assert!(read(longer.as_bytes()).unwrap_err().to_string().contains("more than 1048576 bytes"));
        assert!(read(&b" \n"[..]).unwrap_err().to_string().contains("no text"));
        assert!(read(&b"\xff"[..]).unwrap_err().to_string().starts_with("standard input: "));
    }
}
