//! A bot that sends every text back.
//!
//! ```sh
//! cargo run -p volary --example echo_bot -- dcaccount:example.org      # on a relay, until Ctrl-C
//! cargo run -p volary --example echo_bot                               # on a relay inside this program, with a visitor
//! ```
//!
//! `--folder DIR` keeps the profile for the next start, `--messages N` ends after N answers.

use std::error::Error;
use std::path::PathBuf;

use volary::handles::{HostEvent, JoinProgress, Login};
use volary::proto::{CertificateChecks, Socket};
use volary::{Engine, Profile};
use volary_relay::{Relay, RelayConfig};

/// Answers to the visitor, where nobody says how many.
const TO_THE_VISITOR: usize = 3;

struct Options {
    code: Option<String>,
    folder: Option<PathBuf>,
    messages: Option<usize>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let temporary = tempfile::tempdir()?;
    let folder = options.folder.as_deref().unwrap_or(temporary.path());
    let engine = Engine::start(folder).await?;
    let outcome = run(&engine, &options).await;
    engine.stop().await;
    outcome
}

async fn run(engine: &Engine, options: &Options) -> Result<(), Box<dyn Error>> {
    // The profile of the last start, or a new one.
    let bot = match engine.profiles().await?.into_iter().next() {
        Some(bot) => bot,
        None => engine.add_profile().await?,
    };
    bot.set_bot(true).await?;
    bot.set_name("Echo").await?;
    let Some(code) = &options.code else {
        let relay = Relay::start(RelayConfig::for_domain("_relay.test")).await?;
        bot.log_in(login(&relay, "echobotty")).await?;
        let visitor = engine.add_profile().await?;
        visitor.log_in(login(&relay, "visitor01")).await?;
        let messages = options.messages.unwrap_or(TO_THE_VISITOR);
        let invite = bot.invite().await?;
        let outcome = tokio::try_join!(answer(&bot, Some(messages)), visit(&visitor, invite, messages));
        relay.stop().await;
        return outcome.map(drop);
    };
    if bot.is_configured().await? {
        bot.connect().await?;
    } else {
        bot.add_relay(code).await?;
    }
    println!("Write to me: {}", bot.invite().await?);
    tokio::select! {
        answered = answer(&bot, options.messages) => answered,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

/// Sends texts back. A message that was not answered when the bot was killed comes again.
async fn answer(bot: &Profile<Engine>, limit: Option<usize>) -> Result<(), Box<dyn Error>> {
    let mut inbox = bot.inbox().await?;
    let mut answered = 0;
    while limit.is_none_or(|limit| answered < limit) {
        let Some(message) = inbox.next().await? else { return Ok(()) };
        // Notes about the chat are not written by people, and two bots would never end.
        if message.info.is_some() || message.is_bot {
            continue;
        }
        println!("{} writes: {}", message.sender, message.text);
        let answer = bot.chat(message.chat).send_text(message.text).await?;
        bot.message(message.id).mark_seen().await?;
        answered += 1;
        if limit == Some(answered) {
            inbox.done().await?;
            answer.wait_until_sent().await?;
        }
    }
    Ok(())
}

/// Somebody who writes to the bot, and reads what comes back.
async fn visit(visitor: &Profile<Engine>, invite: String, messages: usize) -> Result<(), Box<dyn Error>> {
    let mut events = visitor.events().await?;
    let chat = visitor.join(invite).await?;
    let joined = |event: &HostEvent| match event {
        HostEvent::Joining { progress: JoinProgress::Done, .. } => Some(()),
        _ => None,
    };
    events.find(joined).await.ok_or("the engine has stopped")?;
    for number in 1..=messages {
        chat.send_text(format!("hello, the {number}.")).await?;
        let incoming = |event: &HostEvent| match event {
            HostEvent::Incoming { message, .. } => Some(*message),
            _ => None,
        };
        let message = events.find(incoming).await.ok_or("the engine has stopped")?;
        println!("The bot answers: {}", visitor.message(message).load().await?.text);
    }
    Ok(())
}

fn login(relay: &Relay, name: &str) -> Login {
    // The relay makes an account at the first login, and has signed its certificate itself.
    Login::new(format!("{name}@_relay.test"), "correct horse")
        .imap("127.0.0.1", relay.imap_tls_port(), Socket::Ssl)
        .smtp("127.0.0.1", relay.smtp_tls_port(), Socket::Ssl)
        .certificates(CertificateChecks::AcceptInvalidCertificates)
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options { code: None, folder: None, messages: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--folder" => options.folder = Some(value()?.into()),
            "--messages" => options.messages = Some(value()?.parse()?),
            code if code.starts_with("dcaccount:") || code.starts_with("dclogin:") => {
                options.code = Some(argument);
            }
            _ => return Err(format!("{argument}: not a code of a relay").into()),
        }
    }
    Ok(options)
}
