//! Events as lines of the log, with profile and, where the event names it, relay. Texts of messages are not among them,
//! addresses are shortened.

use volary::EventStream;
use volary_proto::Event;
use volary_proto::event::Kind;

use crate::text::{domain, plain, shortened};

/// Logs what happens until the engine stops.
pub(crate) async fn write(events: EventStream) {
    while let Some(event) = events.next().await {
        line(&event);
    }
}

/// The text of an event as a line of the log.
macro_rules! text_line {
    ($level:ident, $profile:ident, $text:expr $(, $fields:ident)*) => {
        tracing::$level!(target: "volary::events", $profile, $($fields,)* "{}", shortened(&plain($text)))
    };
}

/// An event without a text as a line of the log.
macro_rules! event_line {
    ($level:ident, $($fields:tt)*) => {
        tracing::$level!(target: "volary::events", $($fields)*)
    };
}

fn line(event: &Event) {
    let profile = event.profile_id;
    let Some(kind) = &event.kind else { return };
    match kind {
        Kind::Error(error) => text_line!(error, profile, &error.msg),
        Kind::ErrorSelfNotInGroup(error) => text_line!(error, profile, &error.msg),
        Kind::Warning(warning) => text_line!(warn, profile, &warning.msg),
        Kind::Info(info) => text_line!(debug, profile, &info.msg),
        // These texts name the login.
        Kind::ImapConnected(connected) => {
            let relay = domain(&connected.msg);
            text_line!(info, profile, &connected.msg, relay);
        }
        Kind::SmtpConnected(connected) => {
            let relay = domain(&connected.msg);
            text_line!(info, profile, &connected.msg, relay);
        }
        Kind::IncomingMsg(new) => {
            event_line!(info, profile, chat = new.chat_id, msg = new.msg_id, "received");
        }
        Kind::MsgDelivered(sent) => {
            event_line!(info, profile, chat = sent.chat_id, msg = sent.msg_id, "sent");
        }
        Kind::MsgFailed(failed) => {
            event_line!(warn, profile, chat = failed.chat_id, msg = failed.msg_id, "cannot be sent");
        }
        Kind::MsgRead(read) => {
            event_line!(info, profile, chat = read.chat_id, msg = read.msg_id, "was read");
        }
        Kind::SecurejoinInviterProgress(joined) => {
            let (contact, chat) = (joined.contact_id, joined.chat_id);
            event_line!(info, profile, contact, chat, progress = joined.progress, "joined by invite");
        }
        Kind::EventChannelOverflow(lost) => {
            event_line!(warn, profile, lost = lost.n, "events were not logged in time");
        }
        _ => {}
    }
}
