//! How another client takes part in a demo that is left running.

use futures::future::select_all;
use volary_proto::GetChatSecurejoinQrCode;
use volary_proto::event::Kind;

use super::options::DemoError;
use super::person::{Person, Trouble};
use super::stage::{HOST, Stage};
use super::transcript::Transcript;

/// The address for the guest, with the length that the relay demands.
const GUEST: &str = "guest0001";

/// Shows a login for another client and an invite to write to.
pub(crate) async fn invite(stage: &Stage, transcript: &Transcript) -> Result<(), DemoError> {
    let host = &stage.people[0];
    let invite = host
        .call(GetChatSecurejoinQrCode { chat_id: None })
        .await
        .map_err(|trouble| DemoError::Claim { claim: format!("{host} invites guests"), trouble })?;
    transcript.heading("Take part with another client on this machine");
    transcript.note(
        "1. Add a profile there from this code (\"I already have a profile\", \"Scan QR code\"; paste it):",
    );
    transcript.code(&login(stage));
    transcript.note(&format!("2. Scan or open the invite of {host}, and write:"));
    transcript.code(&invite.text);
    transcript.note("Messages to anybody here appear below. Press Ctrl-C to end.");
    Ok(())
}

/// A login code with everything that a client cannot find out: address, servers, ports, unsigned certificate.
fn login(stage: &Stage) -> String {
    let domain = stage.relay.domains().first().map_or("", String::as_str);
    let (imap, smtp) = (stage.relay.imap_tls_port(), stage.relay.smtp_tls_port());
    let password = uuid::Uuid::new_v4().simple();
    format!(
        "dclogin:{GUEST}@{domain}?p={password}&v=1&ih={HOST}&ip={imap}&is=ssl&sh={HOST}&sp={smtp}&ss=ssl&ic=3"
    )
}

/// Shows all messages that come in.
pub(crate) async fn watch(stage: &Stage, transcript: &Transcript) {
    let watching = stage.people.iter().map(|person| Box::pin(watch_one(person, transcript)));
    select_all(watching).await;
}

/// Ends when the engine does.
async fn watch_one(person: &Person, transcript: &Transcript) {
    let incoming = |kind: &Kind| match kind {
        Kind::IncomingMsg(event) => Some(event.msg_id),
        _ => None,
    };
    person.inbox.forget();
    loop {
        match person.sees("message", incoming).await {
            Ok(seen) => match person.message(seen.value).await {
                Ok(message) => {
                    let from = message.sender.map(|sender| sender.display_name).unwrap_or_default();
                    transcript.hears(person, &from, &message.text);
                }
                Err(trouble) => tracing::warn!(%trouble, "a message cannot be shown"),
            },
            // Nobody wrote for a while.
            Err(Trouble::Unseen { .. }) => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::options::DemoOptions;
    use volary_mail::qr::{Code, LoginCode, parse};

    #[tokio::test]
    async fn guests_get_a_login_that_names_the_relay() {
        let options = DemoOptions::with_profiles(2);
        let stage = Stage::set_up(options, &Transcript::silent()).await.unwrap();
        let code = parse(&login(&stage)).unwrap();
        let Code::Login(LoginCode::V1 { address, imap, smtp, .. }) = code else { panic!("{code:?}") };
        assert_eq!(address, "guest0001@_demo.test");
        assert_eq!(imap.port, Some(stage.relay.imap_tls_port()));
        assert_eq!(smtp.port, Some(stage.relay.smtp_tls_port()));
        stage.tear_down().await;
    }
}
