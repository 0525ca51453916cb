//! A program without `async`: its own threads, blocking calls and channels, as user interfaces have them.
//!
//! The thread that shows things owns what is shown. Another one waits for changes of a chat and sends them through a
//! channel; commands are calls that block for a moment. A runtime in the background carries both.
//!
//! `cargo run -p volary --example plain_threads`

use std::error::Error;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use tokio::runtime::Runtime;
use volary::handles::{Change, HostEvent, Login, MessageView};
use volary::proto::{CertificateChecks, Socket};
use volary::{Chat, Engine, Profile};
use volary_relay::{Relay, RelayConfig};

/// Changes that wait for the thread that shows them. While there are so many, the other thread waits, and then asks for
/// everything at once.
const WAITING: usize = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let folder = tempfile::tempdir()?;
    let relay = runtime.block_on(Relay::start(RelayConfig::for_domain("_relay.test")))?;
    let engine = runtime.block_on(Engine::start(folder.path()))?;
    let (alice, bob) =
        (person(&runtime, &engine, &relay, "aliceacct")?, person(&runtime, &engine, &relay, "bobbyacct")?);

    // Bob scans the invite of Alice.
    let mut events = runtime.block_on(alice.events())?;
    let from_bob = runtime.block_on(async { bob.join(alice.invite().await?).await })?;
    let joined = runtime.block_on(events.find(|event| match event {
        HostEvent::Joined { chat, .. } => Some(*chat),
        _ => None,
    }));
    let from_alice = alice.chat(joined.ok_or("the engine has stopped")?);

    let outcome = thread::scope(|threads| {
        let outcome = show(threads, &runtime, &from_alice, &from_bob);
        // Lists end with the engine, and with them the thread that follows one.
        runtime.block_on(engine.stop());
        outcome
    });
    runtime.block_on(relay.stop());
    outcome
}

/// What the thread that shows things does: it shows what comes until all is there, and answers.
fn show<'scope>(
    threads: &'scope thread::Scope<'scope, '_>,
    runtime: &'scope Runtime,
    from_alice: &Chat<Engine>,
    from_bob: &'scope Chat<Engine>,
) -> Result<(), Box<dyn Error>> {
    let changes = follow(threads, runtime, from_alice)?;
    // Another thread of the program writes.
    threads.spawn(|| {
        for text in ["one", "two", "three"] {
            if let Err(error) = runtime.block_on(from_bob.send_text(text)) {
                eprintln!("Bob cannot write: {error}");
            }
        }
    });
    let mut shown: Vec<MessageView> = Vec::new();
    while !shown.iter().any(|message| message.text == "three") {
        changes.recv()?.into_iter().for_each(|change| change.apply(&mut shown));
        println!("--- {} messages", shown.len());
        shown.iter().for_each(|message| println!("{}: {}", message.sender, message.text));
    }
    runtime
        .block_on(async { from_alice.send_text("I have read all of them").await?.wait_until_sent().await })?;
    Ok(())
}

/// The messages of a chat and how they change, through a channel.
fn follow<'scope>(
    threads: &'scope thread::Scope<'scope, '_>,
    runtime: &'scope Runtime,
    chat: &Chat<Engine>,
) -> Result<Receiver<Vec<Change<MessageView>>>, Box<dyn Error>> {
    let (sender, receiver) = sync_channel(WAITING);
    let mut timeline = runtime.block_on(chat.timeline(100))?;
    sender.send(vec![Change::Reset { items: timeline.items().to_vec() }])?;
    threads.spawn(move || {
        // Ends with the engine, or when nobody shows anything any more.
        while let Ok(Some(changes)) = runtime.block_on(timeline.changes()) {
            if sender.send(changes).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

fn person(
    runtime: &Runtime,
    engine: &Engine,
    relay: &Relay,
    name: &str,
) -> Result<Profile<Engine>, Box<dyn Error>> {
    let login = Login::new(format!("{name}@_relay.test"), "correct horse")
        .imap("127.0.0.1", relay.imap_tls_port(), Socket::Ssl)
        .smtp("127.0.0.1", relay.smtp_tls_port(), Socket::Ssl)
        .certificates(CertificateChecks::AcceptInvalidCertificates);
    let profile = runtime.block_on(engine.add_profile())?;
    runtime.block_on(profile.set_name(name))?;
    runtime.block_on(profile.log_in(login))?;
    Ok(profile)
}
