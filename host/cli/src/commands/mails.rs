//! `volary mails`: received mails of which nothing is shown, and why.

use std::io::{Write as _, stdout};

use chrono::DateTime;
use clap::Args;
use serde_json::json;
use volary_proto::{GetNotShownMails, NotShownMail, NotShownState};

use super::host::{Host, Place};
use super::output;
use crate::process::failure::{Failure, OutputError};
use crate::text::plain;

#[derive(Debug, Args)]
pub(super) struct MailsArgs {
    /// Lists received mails of which nothing is shown, newest first, and why
    #[arg(long, required = true)]
    not_shown: bool,
    #[command(flatten)]
    dropped: DroppedArgs,
}

#[derive(Debug, Args)]
pub(super) struct DroppedArgs {
    #[command(flatten)]
    place: Place,
    /// Only this profile
    #[arg(long, value_name = "N")]
    profile: Option<u32>,
    /// At most so many of each profile; 0 = all that are remembered
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: u32,
}

pub(super) async fn run(args: MailsArgs) -> Result<(), Failure> {
    dropped(args.dropped).await
}

/// The same under a name of its own.
pub(super) async fn dropped(args: DroppedArgs) -> Result<(), Failure> {
    let host = Host::open(&args.place.data).await?;
    let outcome = show(&host, &args).await;
    host.close().await;
    outcome
}

async fn show(host: &Host, args: &DroppedArgs) -> Result<(), Failure> {
    for profile in host.profiles(args.profile).await? {
        let mails = host.call(profile, GetNotShownMails { limit: args.limit }).await?.mails;
        if args.place.json {
            for mail in &mails {
                output::json(&as_json(profile, mail))?;
            }
            continue;
        }
        write_profile(profile, &mails).map_err(OutputError::from)?;
    }
    Ok(())
}

fn write_profile(profile: u32, mails: &[NotShownMail]) -> std::io::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "Profile {profile}: {} mails not shown", mails.len())?;
    for mail in mails {
        writeln!(out, "  {}", line(mail))?;
    }
    Ok(())
}

fn as_json(profile: u32, mail: &NotShownMail) -> serde_json::Value {
    json!({
        "profile": profile, "time": mail.time, "state": state(mail.state()), "reason": mail.text,
        "sender": mail.sender, "relay": mail.relay, "messageId": mail.message_id,
    })
}

/// Time, state, reason, and what finds the mail on a relay.
fn line(mail: &NotShownMail) -> String {
    let time = DateTime::from_timestamp(mail.time, 0).unwrap_or_default().format("%Y-%m-%d %H:%M:%S UTC");
    let (sender, id) = (plain(&mail.sender), plain(&mail.message_id));
    let relay = if mail.relay.is_empty() { "a relay".into() } else { plain(&mail.relay) };
    format!("{time}  {}: {}; from {sender} by {relay}, <{id}>", state(mail.state()), plain(&mail.text))
}

fn state(state: NotShownState) -> &'static str {
    match state {
        NotShownState::Kept => "kept, tried again when something changes",
        NotShownState::GivenUp => "given up",
        NotShownState::Dropped => "dropped",
        NotShownState::Skipped => "left on the relay",
        NotShownState::Hidden => "stored in a chat that is not shown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_what_became_of_it_why_and_which_mail() {
        let mail = NotShownMail {
            time: 86_400,
            relay: "_relay.test".to_owned(),
            message_id: "id\u{1b}@x".to_owned(),
            sender: "al…@x.test".to_owned(),
            text: "no known secret opens it".to_owned(),
            state: NotShownState::Kept.into(),
            ..Default::default()
        };
        let expected = "1970-01-02 00:00:00 UTC  kept, tried again when something changes: no known secret opens it; \
                        from al…@x.test by _relay.test, <id\u{fffd}@x>";
        assert_eq!(line(&mail), expected);
    }
}
