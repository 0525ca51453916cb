//! Two profiles on a relay inside this program: Bob joins Alice by her invite and writes to her; the program listens to
//! Alice alone, prints what she receives, and ends.
//!
//! `cargo run -p volary --example two_profiles`

use std::error::Error;

use volary::Engine;
use volary::proto::event::Kind;
use volary::proto::{
    AddAccount, AddOrUpdateTransport, CertificateChecks, EnteredLoginParam, GetChatSecurejoinQrCode,
    GetMessage, MessageData, SecureJoin, SendMessage, Socket,
};
use volary_relay::{Relay, RelayConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let relay = Relay::start(RelayConfig::for_domain("_relay.test")).await?;
    // One engine hosts all profiles of a folder.
    let folder = tempfile::tempdir()?;
    let engine = Engine::start(folder.path()).await?;
    let alice = log_in(&engine, &relay, "aliceacct@_relay.test").await?;
    let bob = log_in(&engine, &relay, "bobbyacct@_relay.test").await?;

    // A stream has the events from here on, so it begins before what it is meant to see. This one has Alice's only;
    // `engine.events()` has those of all profiles.
    let events = engine.events_of(alice);

    // Alice shows an invite. Bob scans it: their engines exchange keys, and each gets a chat with the other.
    let invite = engine.call(alice, GetChatSecurejoinQrCode { chat_id: None }).await?.text;
    let chat_id = engine.call(bob, SecureJoin { qr: invite, ..Default::default() }).await?.id;

    while let Some(event) = events.next().await {
        match &event.kind {
            // The handshake is done: from now on Bob can write. He names the chat by his own id of it.
            Some(Kind::SecurejoinInviterProgress(joined)) if joined.progress == 1000 => {
                let data = MessageData { text: Some("Hi Alice, Bob here.".to_owned()), ..Default::default() };
                let sent = engine.call(bob, SendMessage { chat_id, data: Some(data) }).await?;
                println!("Bob has written message {}", sent.id);
            }
            // An event names what is new; a query gives it.
            Some(Kind::IncomingMsg(new)) => {
                let message = engine.call(alice, GetMessage { msg_id: new.msg_id }).await?;
                let from = message.sender.map(|sender| sender.display_name).unwrap_or_default();
                println!("Alice has received, from {from}: {}", message.text);
                break;
            }
            _ => {}
        }
    }

    engine.stop().await;
    relay.stop().await;
    Ok(())
}

/// Makes a profile, gives it an address on the relay, and connects it.
async fn log_in(engine: &Engine, relay: &Relay, address: &str) -> Result<u32, Box<dyn Error>> {
    // Profile 0 stands for the process as a whole.
    let profile = engine.call(0, AddAccount {}).await?.id;
    let param = EnteredLoginParam {
        addr: address.to_owned(),
        // The relay makes an account at the first login.
        password: "correct horse".to_owned(),
        // On a public chatmail relay servers and ports are found by the domain.
        imap_server: Some("127.0.0.1".to_owned()),
        imap_port: Some(relay.imap_tls_port().into()),
        imap_security: Some(Socket::Ssl.into()),
        smtp_server: Some("127.0.0.1".to_owned()),
        smtp_port: Some(relay.smtp_tls_port().into()),
        smtp_security: Some(Socket::Ssl.into()),
        // The relay has signed its certificate itself.
        certificate_checks: Some(CertificateChecks::AcceptInvalidCertificates.into()),
        ..Default::default()
    };
    engine.call(profile, AddOrUpdateTransport { param: Some(param) }).await?;
    Ok(profile)
}
