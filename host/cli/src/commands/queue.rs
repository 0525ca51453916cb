//! `volary queue`: what waits to be sent. It shows no texts, and addresses shortened.

use chrono::DateTime;
use clap::Args;
use serde_json::json;
use volary_proto::{GetSendQueue, QueuedMail};

use super::host::{Host, Place};
use super::output;
use crate::process::failure::Failure;
use crate::text::{plain, shortened};

#[derive(Debug, Args)]
pub(super) struct QueueArgs {
    #[command(flatten)]
    place: Place,
    /// Only this profile
    #[arg(long, value_name = "N")]
    profile: Option<u32>,
    /// At most so many of each profile, the oldest; 0 = all
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: u32,
}

pub(super) async fn run(args: QueueArgs) -> Result<(), Failure> {
    let host = Host::open(&args.place.data).await?;
    let outcome = show(&host, &args).await;
    host.close().await;
    outcome
}

async fn show(host: &Host, args: &QueueArgs) -> Result<(), Failure> {
    let mut waiting = 0;
    for profile in host.profiles(args.profile).await? {
        let mails = host.call(profile, GetSendQueue { limit: args.limit }).await?.mails;
        waiting += mails.len();
        for mail in &mails {
            if args.place.json {
                output::json(&as_json(profile, mail))?;
            } else {
                output::line(line(profile, mail))?;
            }
        }
    }
    if waiting == 0 && !args.place.json {
        output::line("nothing waits to be sent")?;
    }
    Ok(())
}

fn as_json(profile: u32, mail: &QueuedMail) -> serde_json::Value {
    json!({
        "profile": profile, "chat": mail.chat_id, "message": mail.message_id, "since": mail.since,
        "tries": mail.tries, "notBefore": mail.not_before, "lastError": told(mail), "state": state(mail),
    })
}

fn line(profile: u32, mail: &QueuedMail) -> String {
    let chat = mail.chat_id.map_or_else(|| "no chat".to_owned(), |chat| format!("chat {chat}"));
    let since = DateTime::from_timestamp(mail.since, 0).unwrap_or_default().format("%Y-%m-%d %H:%M:%S UTC");
    let error = told(mail);
    let error = if error.is_empty() { error } else { format!("; {error}") };
    format!(
        "profile {profile}, {chat}, message {}: since {since}, {} tries, {}{error}",
        mail.message_id,
        mail.tries,
        state(mail)
    )
}

/// The last error as it may be shown to whoever operates the host.
fn told(mail: &QueuedMail) -> String {
    shortened(&plain(&mail.last_error))
}

fn state(mail: &QueuedMail) -> &'static str {
    match mail {
        QueuedMail { held: true, .. } => "held until the next start",
        QueuedMail { unreachable: true, .. } => "no relay can be reached",
        QueuedMail { tries: 0, .. } => "goes when its turn comes",
        _ => "put off by the relay",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_profile_chat_tries_and_error_and_no_address() {
        let mail = QueuedMail {
            message_id: 12,
            chat_id: Some(10),
            since: 86_400,
            tries: 2,
            last_error: "451 <somebody@x.test>: later\u{1b}".to_owned(),
            ..QueuedMail::default()
        };
        let expected = "profile 3, chat 10, message 12: since 1970-01-02 00:00:00 UTC, 2 tries, put off by the relay; \
                        451 <so…@x.test>: later\u{fffd}";
        assert_eq!(line(3, &mail), expected);
        assert_eq!(as_json(3, &mail)["lastError"], "451 <so…@x.test>: later\u{fffd}");
        let handshake = QueuedMail { unreachable: true, ..QueuedMail::default() };
        assert!(line(1, &handshake).ends_with(
            "no chat, message 0: since 1970-01-01 00:00:00 UTC, 0 tries, no relay can be reached"
        ));
    }
}
