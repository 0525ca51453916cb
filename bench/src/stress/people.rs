//! Makes profiles, acquaints them, forms pairs and groups.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;
use volary::proto::event::Kind;
use volary::proto::{
    AcceptChat, AddAccount, AddContactToChat, AddOrUpdateTransport, Call, CertificateChecks,
    CreateChatByContactId, CreateGroup, EnteredLoginParam, GetMessage, ImportVcard, MakeVcard, MessageData,
    SendMessage, Socket, VcardSource, vcard_source,
};
use volary::{Engine, EventStream};

use super::failure::Failure;
use super::figures::{Figures, Making};
use super::ledger::Line;
use super::options::Options;
use super::process::Reading;
use super::programs::{DOMAIN, Ports, RelayProcess};
use super::table::Display;

/// Profiles that log in, or chats that are formed, at the same time.
const AT_ONCE: usize = 16;
/// Points of the curve of memory over profiles.
const POINTS: u32 = 40;
/// Contact id of oneself.
const SELF: u32 = 1;

/// A member of a chat: the chat has another id for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Seat {
    pub(super) profile: u32,
    pub(super) chat: u32,
}

/// Everybody, and who talks to whom.
pub(super) struct People {
    pub(super) profiles: Vec<u32>,
    /// The number of a chat is its place here.
    pub(super) chats: Vec<Vec<Seat>>,
}

/// Carries out a call of a profile.
pub(super) async fn call<C: Call>(engine: &Engine, profile: u32, call: C) -> Result<C::Answer, Failure> {
    engine.call(profile, call).await.map_err(|error| Failure::Call { profile, call: C::NAME, error })
}

/// Says a line.
pub(super) async fn say(engine: &Engine, seat: Seat, line: Line) -> Result<(), Failure> {
    let text = format!("{line} and some words as people write them");
    let data = MessageData { text: Some(text), ..Default::default() };
    call(engine, seat.profile, SendMessage { chat_id: seat.chat, data: Some(data) }).await?;
    Ok(())
}

impl People {
    /// Makes all of them on a fresh relay.
    pub(super) async fn make(
        engine: &Engine,
        relay: &RelayProcess,
        options: &Options,
        display: &Display,
        figures: &mut Figures,
    ) -> Result<Self, Failure> {
        let begin = Instant::now();
        let profiles = log_in(engine, relay.ports, options.profiles, display, &mut figures.making).await?;
        figures.making.seconds = begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        let mut chats = pairs(engine, &profiles, display).await?;
        figures.making.pairs = chats.len();
        chats.extend(groups(engine, &profiles, chats.len(), options, display).await?);
        figures.making.groups = chats.len() - figures.making.pairs;
        figures.making.acquaint_seconds = begin.elapsed().as_secs_f64();
        display.made(figures);
        Ok(Self { profiles, chats })
    }
}

/// Makes that many profiles with an address each.
pub(super) async fn log_in(
    engine: &Engine,
    ports: Ports,
    count: u32,
    display: &Display,
    making: &mut Making,
) -> Result<Vec<u32>, Failure> {
    let bar = display.progress("profiles", count.into());
    making.memory.push((0, Reading::own()?.anonymous_kib));
    let new = |number| async move {
        let profile = call(engine, 0, AddAccount {}).await?.id;
        let param = Some(login(number, ports));
        call(engine, profile, AddOrUpdateTransport { param }).await?;
        Ok::<_, Failure>(profile)
    };
    let mut made = stream::iter(0..count).map(new).buffer_unordered(AT_ONCE);
    let mut profiles = Vec::new();
    while let Some(profile) = made.try_next().await? {
        profiles.push(profile);
        bar.inc(1);
        let done = profiles.len() as u32;
        if done.is_multiple_of(count.div_ceil(POINTS)) || done == count {
            making.memory.push((done, Reading::own()?.anonymous_kib));
        }
    }
    bar.finish_and_clear();
    profiles.sort_unstable();
    Ok(profiles)
}

fn login(number: u32, ports: Ports) -> EnteredLoginParam {
    EnteredLoginParam {
        addr: format!("user{number:05}@{DOMAIN}"),
        password: format!("password of {number}"),
        imap_server: Some("127.0.0.1".to_owned()),
        imap_port: Some(ports.imap),
        imap_security: Some(Socket::Ssl.into()),
        smtp_server: Some("127.0.0.1".to_owned()),
        smtp_port: Some(ports.smtp),
        smtp_security: Some(Socket::Ssl.into()),
        certificate_checks: Some(CertificateChecks::AcceptInvalidCertificates.into()),
        ..Default::default()
    }
}

/// The contact of `other` at `one`, with its key.
async fn acquaint(engine: &Engine, one: u32, other: u32) -> Result<u32, Failure> {
    let card = call(engine, other, MakeVcard { contact_ids: vec![SELF] }).await?.text;
    let source = Some(VcardSource { kind: Some(vcard_source::Kind::Text(card)) });
    let ids = call(engine, one, ImportVcard { source }).await?.ids;
    ids.first().copied().ok_or_else(|| Failure::Program("a card was imported as nobody".to_owned()))
}

async fn pairs(engine: &Engine, profiles: &[u32], display: &Display) -> Result<Vec<Vec<Seat>>, Failure> {
    let bar = display.progress("pairs", profiles.len() as u64 / 2);
    let seat = |one: u32, other: u32| async move {
        let contact_id = acquaint(engine, one, other).await?;
        let chat = call(engine, one, CreateChatByContactId { contact_id }).await?.id;
        Ok::<_, Failure>(Seat { profile: one, chat })
    };
    let chats: Vec<_> = stream::iter(profiles.chunks_exact(2))
        .map(|pair| {
            let (bar, (one, other)) = (&bar, (pair[0], pair[1]));
            async move {
                let seats = vec![seat(one, other).await?, seat(other, one).await?];
                bar.inc(1);
                Ok::<_, Failure>(seats)
            }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    bar.finish_and_clear();
    Ok(chats)
}

/// Whoever entered which group: (number of the chat, profile) → id of the chat.
type Entered = Arc<Mutex<HashMap<(usize, u32), u32>>>;

async fn groups(
    engine: &Engine,
    profiles: &[u32],
    first: usize,
    options: &Options,
    display: &Display,
) -> Result<Vec<Vec<Seat>>, Failure> {
    let members: Vec<&[u32]> = profiles.chunks_exact(options.group as usize).collect();
    let bar = display.progress("groups", members.len() as u64);
    let entered = Entered::default();
    let doorman = tokio::spawn(let_in(engine.clone(), engine.events(), entered.clone()));
    let patience = Duration::from_secs(options.patience);
    let chats = stream::iter(members.into_iter().enumerate())
        .map(|(number, members)| {
            let (bar, entered) = (&bar, &entered);
            async move {
                let seats = found(engine, first + number, members, entered, patience).await?;
                bar.inc(1);
                Ok::<_, Failure>(seats)
            }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await;
    doorman.abort();
    bar.finish_and_clear();
    chats
}

async fn found(
    engine: &Engine,
    number: usize,
    members: &[u32],
    entered: &Entered,
    patience: Duration,
) -> Result<Vec<Seat>, Failure> {
    let [founder, others @ ..] = members else { return Ok(Vec::new()) };
    let name = format!("Group {number}");
    let chat_id = call(engine, *founder, CreateGroup { name, unencrypted: false }).await?.id;
    for other in others {
        let contact_id = acquaint(engine, *founder, *other).await?;
        call(engine, *founder, AddContactToChat { chat_id, contact_id }).await?;
    }
    // Nobody hears of a group before its first message.
    let seat = Seat { profile: *founder, chat: chat_id };
    say(engine, seat, Line { chat: number, author: *founder, number: 0 }).await?;
    let end = Instant::now() + patience;
    let mut seats = vec![seat];
    for other in others {
        let chat = loop {
            let chat = entered.lock().get(&(number, *other)).copied();
            if let Some(chat) = chat {
                break chat;
            }
            if Instant::now() > end {
                let what = format!("profile {other} entering group {number}");
                return Err(Failure::Late { what, within: patience });
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        seats.push(Seat { profile: *other, chat });
    }
    Ok(seats)
}

/// Accepts every group that invites.
async fn let_in(engine: Engine, events: EventStream, entered: Entered) {
    while let Some(event) = events.next().await {
        let Some(Kind::IncomingMsg(new)) = &event.kind else { continue };
        let profile = event.profile_id;
        let Ok(message) = call(&engine, profile, GetMessage { msg_id: new.msg_id }).await else { continue };
        if let Ok(Line { chat, number: 0, .. }) = message.text.parse()
            && call(&engine, profile, AcceptChat { chat_id: new.chat_id }).await.is_ok()
        {
            entered.lock().insert((chat, profile), new.chat_id);
        }
    }
}
