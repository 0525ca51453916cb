//! `volary mails`: received mails of which nothing is shown, and why.

use std::io::{Write as _, stdout};
use std::path::PathBuf;

use chrono::DateTime;
use clap::Args;
use volary::Engine;
use volary_proto::{GetNotShownMails, NotShownMail, NotShownState};

use super::folder;
use crate::process::failure::{Failure, OutputError};
use crate::text::plain;

#[derive(Debug, Args)]
pub(super) struct MailsArgs {
    /// Folder of the profiles; no other process may be using it
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Lists received mails of which nothing is shown, newest first, and why
    #[arg(long, required = true)]
    not_shown: bool,
    /// Only this profile
    #[arg(long, value_name = "N")]
    profile: Option<u32>,
    /// At most so many of each profile; 0 = all that are remembered
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: u32,
}

pub(super) async fn run(args: MailsArgs) -> Result<(), Failure> {
    let engine = folder::open(&args.data).await?;
    let outcome = show(&engine, args.profile, args.limit).await;
    engine.stop().await;
    outcome
}

async fn show(engine: &Engine, only: Option<u32>, limit: u32) -> Result<(), Failure> {
    for profile in folder::profiles(engine, only).await? {
        let mails = engine.call(profile, GetNotShownMails { limit }).await?.mails;
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
