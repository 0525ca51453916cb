//! Received mails of which nothing is shown, and why.

use volary_proto::v1::{NotShownMail, NotShownMails};
use volary_storage::records::NotShownRecord;

use super::convert;
use super::look::Look;
use crate::ground::error::Outcome;
use crate::state::not_shown;

/// The newest, newest first; 0: all that are remembered.
pub fn mails(look: &Look<'_>, limit: u32) -> Outcome<NotShownMails> {
    let limit = if limit == 0 { usize::MAX } else { limit as usize };
    let mails = not_shown::newest(look.view, look.profile, limit)?;
    Ok(NotShownMails { mails: mails.into_iter().map(view).collect() })
}

fn view(record: NotShownRecord) -> NotShownMail {
    NotShownMail {
        time: record.time,
        relay: record.relay,
        message_id: record.mid,
        sender: record.sender,
        reason: convert::not_shown_reason(record.reason).into(),
        text: record.text,
        state: convert::not_shown_state(record.state).into(),
    }
}
