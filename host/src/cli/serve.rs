//! `volary serve`: keeps all profiles of a folder connected.

use volary_proto::event::Kind;
use volary_proto::{Event, GetAllAccountIds, StartIoForAllAccounts};

use super::process::Signals;
use super::{Failure, ServeArgs};
use crate::jsonrpc::{self, End};
use crate::{Engine, EventStream, memory};

pub(super) async fn run(args: ServeArgs) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let engine = Engine::start(args.data).await?;
    let events = tokio::spawn(log_events(engine.events()));
    let profiles = engine.call(0, GetAllAccountIds {}).await?.ids.len();
    engine.call(0, StartIoForAllAccounts {}).await?;
    tracing::info!(profiles, dir = %engine.dir().display(), "serving");

    tokio::select! {
        end = jsonrpc::serve_stdio(engine.clone()), if args.rpc => match end? {
            End::InputClosed => tracing::info!("the client has closed its side"),
            End::OutputClosed => tracing::info!("the client reads no more answers"),
        },
        () = signals.any() => tracing::info!("asked to end"),
        () = memory::return_when_at_rest() => {}
    }
    engine.stop().await;
    // The stream ends with the engine.
    events.await?;
    Ok(())
}

/// What happens goes to the log; texts of messages do not.
async fn log_events(events: EventStream) {
    while let Some(Event { profile_id: profile, kind: Some(kind) }) = events.next().await {
        match kind {
            Kind::Error(error) => tracing::error!(profile, "{}", error.msg),
            Kind::Warning(warning) => tracing::warn!(profile, "{}", warning.msg),
            Kind::Info(info) => tracing::debug!(profile, "{}", info.msg),
            Kind::ImapConnected(_) => tracing::info!(profile, "connected for receiving"),
            Kind::SmtpConnected(_) => tracing::info!(profile, "connected for sending"),
            Kind::IncomingMsg(new) => {
                tracing::info!(profile, chat = new.chat_id, message = new.msg_id, "received")
            }
            Kind::MsgDelivered(sent) => {
                tracing::info!(profile, chat = sent.chat_id, message = sent.msg_id, "sent")
            }
            Kind::MsgFailed(failed) => {
                tracing::warn!(profile, chat = failed.chat_id, message = failed.msg_id, "cannot be sent")
            }
            Kind::MsgRead(read) => {
                tracing::info!(profile, chat = read.chat_id, message = read.msg_id, "was read")
            }
            Kind::SecurejoinInviterProgress(joined) => {
                tracing::info!(
                    profile,
                    contact = joined.contact_id,
                    chat = joined.chat_id,
                    "joined by invite"
                )
            }
            Kind::EventChannelOverflow(lost) => {
                tracing::warn!(lost = lost.n, "events were not logged in time")
            }
            _ => {}
        }
    }
}
