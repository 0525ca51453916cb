//! Everybody talks: messages at a rate, in chats and by authors drawn by chance, all of them checked.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval, sleep};
use volary::proto::event::Kind;
use volary::proto::message_load_result::Kind as Loaded;
use volary::proto::{GetConnectivity, GetMessage, GetMessageIds, GetMessages, StartIoForAllAccounts};
use volary::{Engine, EventStream};

use super::failure::Failure;
use super::figures::{Latency, Sample, Talk};
use super::idle::CONNECTED;
use super::ledger::{Faults, Line, Page};
use super::options::Options;
use super::people::{People, Seat, call, say};
use super::process::Reading;
use super::programs::RelayProcess;
use super::table::Display;

/// Most messages that are being handed to the engine.
const HANDING_OVER: usize = 1000;
/// Messages that are compared at once.
const COMPARED_AT_ONCE: usize = 500;

/// What is known of the conversation while it goes on.
struct Conversation {
    chats: Vec<Chat>,
    /// Where a profile's chat is: (number of the chat, place of the seat).
    places: HashMap<Seat, (usize, usize)>,
    said: AtomicU64,
    refused: AtomicU64,
    expected: AtomicU64,
    received: AtomicU64,
    /// When a line was said, by (chat, author, number).
    begun: Mutex<HashMap<(usize, u32, u32), Instant>>,
    /// When each line was said that was heard, and how long that took.
    latencies: Mutex<Vec<(Instant, Duration)>>,
    last: Mutex<Instant>,
}

struct Chat {
    seats: Vec<Seat>,
    /// How many lines each seat has said. One at a time: the order of numbers is the order of sending.
    said: Vec<tokio::sync::Mutex<u32>>,
    /// What each seat has heard.
    pages: Mutex<Vec<Page>>,
}

impl Conversation {
    fn new(people: &People) -> Self {
        let mut places = HashMap::new();
        for (number, seats) in people.chats.iter().enumerate() {
            places.extend(seats.iter().enumerate().map(|(place, seat)| (*seat, (number, place))));
        }
        let chat = |seats: &Vec<Seat>| Chat {
            seats: seats.clone(),
            said: seats.iter().map(|_| tokio::sync::Mutex::new(0)).collect(),
            pages: Mutex::new(vec![Page::default(); seats.len()]),
        };
        Self {
            chats: people.chats.iter().map(chat).collect(),
            places,
            said: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            expected: AtomicU64::new(0),
            received: AtomicU64::new(0),
            begun: Mutex::default(),
            latencies: Mutex::default(),
            last: Mutex::new(Instant::now()),
        }
    }

    /// The member at `place` says its next line.
    async fn say(&self, engine: &Engine, number: usize, place: usize) {
        let Some(chat) = self.chats.get(number) else { return };
        let (Some(seat), Some(said)) = (chat.seats.get(place), chat.said.get(place)) else { return };
        let mut said = said.lock().await;
        let line = Line { chat: number, author: seat.profile, number: *said + 1 };
        self.begun.lock().insert((number, line.author, line.number), Instant::now());
        // Counted before it is on its way, since it may arrive before the call returns.
        let others = chat.seats.len() as u64 - 1;
        self.expected.fetch_add(others, Relaxed);
        match say(engine, *seat, line).await {
            Ok(()) => {
                *said += 1;
                self.said.fetch_add(1, Relaxed);
            }
            Err(failure) => {
                tracing::warn!(%failure, "a message was refused");
                self.expected.fetch_sub(others, Relaxed);
                self.refused.fetch_add(1, Relaxed);
            }
        }
    }

    /// A text came in.
    fn hears(&self, seat: Seat, text: &str, at: Instant) {
        let Some((number, place)) = self.places.get(&seat).copied() else { return };
        let Ok(line) = text.parse::<Line>() else { return };
        if line.number == 0 {
            return;
        }
        if let Some(begun) = self.begun.lock().get(&(line.chat, line.author, line.number)) {
            self.latencies.lock().push((*begun, at.duration_since(*begun)));
        }
        if let Some(chat) = self.chats.get(number)
            && let Some(page) = chat.pages.lock().get_mut(place)
        {
            page.hears(number, line);
        }
        self.received.fetch_add(1, Relaxed);
        *self.last.lock() = Instant::now();
    }

    fn waiting(&self) -> u64 {
        self.expected.load(Relaxed).saturating_sub(self.received.load(Relaxed))
    }

    /// How many lines each member of a chat has said.
    async fn said_in(&self, chat: &Chat) -> HashMap<u32, u32> {
        let mut said = HashMap::new();
        for (seat, count) in chat.seats.iter().zip(&chat.said) {
            said.insert(seat.profile, *count.lock().await);
        }
        said
    }

    /// What is wrong with what was heard.
    async fn heard(&self) -> Faults {
        let mut faults = Faults::default();
        for chat in &self.chats {
            let said = self.said_in(chat).await;
            let pages = chat.pages.lock().clone();
            for (seat, page) in chat.seats.iter().zip(pages) {
                let mut by_others = said.clone();
                by_others.remove(&seat.profile);
                faults = faults.and(page.faults(&by_others));
            }
        }
        faults
    }

    /// What is wrong with what the chats hold, and how many messages that are.
    async fn stored(&self, engine: &Engine, display: &Display) -> Result<(Faults, u64), Failure> {
        let bar = display.progress("chats compared", self.places.len() as u64);
        let (mut faults, mut compared) = (Faults::default(), 0);
        for (number, chat) in self.chats.iter().enumerate() {
            let said = self.said_in(chat).await;
            for seat in &chat.seats {
                let page = stored_page(engine, number, *seat).await?;
                faults = faults.and(page.faults(&said));
                compared += page.heard();
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        Ok((faults, compared))
    }
}

async fn stored_page(engine: &Engine, number: usize, seat: Seat) -> Result<Page, Failure> {
    let list = GetMessageIds { chat_id: seat.chat, info_only: false, add_daymarker: false };
    let ids = call(engine, seat.profile, list).await?.ids;
    let mut page = Page::default();
    for ids in ids.chunks(COMPARED_AT_ONCE) {
        let loaded = call(engine, seat.profile, GetMessages { msg_ids: ids.to_vec() }).await?;
        for (_, result) in loaded {
            if let Some(Loaded::Message(message)) = result.kind
                && let Ok(line) = message.text.parse::<Line>()
                && line.number > 0
            {
                page.hears(number, line);
            }
        }
    }
    Ok(page)
}

/// When something began and ended that is done while they talk, the bytes that it wrote, and how many profiles it
/// touched.
pub(super) type Done = (Instant, Instant, u64, u32);

/// What is done while they talk.
pub(super) struct Meanwhile(tokio::task::JoinHandle<Result<Vec<Done>, Failure>>);

impl Meanwhile {
    /// Begins it.
    pub(super) fn spawn(work: impl Future<Output = Result<Vec<Done>, Failure>> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

/// A talk while which something was done.
pub(super) struct Played<M> {
    pub(super) talk: Talk,
    pub(super) made: Vec<M>,
    /// Times of lines that were said when it was not being done, and when it was.
    pub(super) without: Latency,
    pub(super) meanwhile: Latency,
}

/// The whole act.
pub(super) async fn play(
    engine: &Engine,
    relay: &RelayProcess,
    people: &People,
    options: &Options,
    display: &Display,
) -> Result<Talk, Failure> {
    Ok(play_with::<Done>(engine, relay, people, options, display, None).await?.talk)
}

/// The same, while something else is done.
pub(super) async fn play_with<M: From<Done>>(
    engine: &Engine,
    relay: &RelayProcess,
    people: &People,
    options: &Options,
    display: &Display,
    meanwhile: Option<Meanwhile>,
) -> Result<Played<M>, Failure> {
    let patience = Duration::from_secs(options.patience);
    call(engine, 0, StartIoForAllAccounts {}).await?;
    until_connected(engine, people, patience).await?;
    let conversation = Arc::new(Conversation::new(people));
    let listener = tokio::spawn(listen(engine.clone(), engine.events(), conversation.clone()));
    let relay_reading = || relay.pid().and_then(|pid| Reading::of(pid).ok()).unwrap_or_default();
    let (before, relay_before, begin) = (Reading::own()?, relay_reading(), Instant::now());
    let speaker = tokio::spawn(speak(engine.clone(), conversation.clone(), Pace::of(options)));
    let mut talk = Talk::default();
    sample(&conversation, &speaker, begin, patience, display, &mut talk.samples).await?;
    let (after, relay_after) = (Reading::own()?, relay_reading());

    talk.said = conversation.said.load(Relaxed);
    talk.refused = conversation.refused.load(Relaxed);
    talk.expected = conversation.expected.load(Relaxed);
    talk.received = conversation.received.load(Relaxed);
    talk.seconds = conversation.last.lock().duration_since(begin).as_secs_f64();
    let each = |cpu_s: f64| if talk.received > 0 { cpu_s * 1000.0 / talk.received as f64 } else { 0.0 };
    talk.cpu_ms_per_received = each(after.cpu_s - before.cpu_s);
    talk.relay_cpu_ms_per_received = each(relay_after.cpu_s - relay_before.cpu_s);
    let done = match meanwhile {
        Some(Meanwhile(task)) => {
            task.await.map_err(|_| Failure::Program("what was done meanwhile panicked".to_owned()))??
        }
        None => Vec::new(),
    };
    let times = std::mem::take(&mut *conversation.latencies.lock());
    let (while_done, without): (Vec<_>, Vec<_>) =
        times.iter().partition(|(said, _)| done.iter().any(|(begin, end, ..)| (*begin..*end).contains(said)));
    let of = |times: &[(Instant, Duration)]| Latency::of(times.iter().map(|(_, time)| *time).collect());
    talk.latency = of(&times);
    talk.heard = conversation.heard().await;
    (talk.stored, talk.stored_compared) = conversation.stored(engine, display).await?;
    listener.abort();
    let made = done.into_iter().map(M::from).collect();
    Ok(Played { talk, made, without: of(&without), meanwhile: of(&while_done) })
}

async fn until_connected(engine: &Engine, people: &People, patience: Duration) -> Result<(), Failure> {
    let end = Instant::now() + patience;
    for profile in &people.profiles {
        while call(engine, *profile, GetConnectivity {}).await?.value < CONNECTED {
            if Instant::now() > end {
                return Err(Failure::Late { what: "connecting all profiles".to_owned(), within: patience });
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
    Ok(())
}

struct Pace {
    rate: u32,
    seconds: u32,
    seed: u64,
}

impl Pace {
    fn of(options: &Options) -> Self {
        Self { rate: options.rate, seconds: options.seconds, seed: options.seed }
    }
}

/// Says `rate` lines a second. Lines that the engine takes slower than that are said later, none is left out.
async fn speak(engine: Engine, conversation: Arc<Conversation>, pace: Pace) {
    let mut rng = ChaCha8Rng::seed_from_u64(pace.seed);
    let mut ticks = interval(Duration::from_secs(1) / pace.rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let places = Arc::new(Semaphore::new(HANDING_OVER));
    for _ in 0..u64::from(pace.rate) * u64::from(pace.seconds) {
        ticks.tick().await;
        let number = rng.gen_range(0..conversation.chats.len());
        let seats = conversation.chats.get(number).map_or(1, |chat| chat.seats.len());
        let place = rng.gen_range(0..seats);
        let Ok(permit) = places.clone().acquire_owned().await else { return };
        let (engine, conversation) = (engine.clone(), conversation.clone());
        tokio::spawn(async move {
            conversation.say(&engine, number, place).await;
            drop(permit);
        });
    }
    // All handed over.
    let _ = places.acquire_many(HANDING_OVER as u32).await;
}

async fn listen(engine: Engine, events: EventStream, conversation: Arc<Conversation>) {
    while let Some(event) = events.next().await {
        let (profile, at) = (event.profile_id, Instant::now());
        match &event.kind {
            Some(Kind::IncomingMsg(new)) => {
                if let Ok(message) = call(&engine, profile, GetMessage { msg_id: new.msg_id }).await {
                    conversation.hears(Seat { profile, chat: new.chat_id }, &message.text, at);
                }
            }
            Some(Kind::MsgFailed(failed)) => {
                tracing::warn!(profile, msg = failed.msg_id, "a message was given up");
                conversation.refused.fetch_add(1, Relaxed);
            }
            Some(Kind::EventChannelOverflow(lost)) => {
                tracing::warn!(lost = lost.n, "events came faster than they were read");
            }
            _ => {}
        }
    }
}

/// A sample a second until everything that was said has arrived, or nothing arrives any more.
async fn sample(
    conversation: &Conversation,
    speaker: &tokio::task::JoinHandle<()>,
    begin: Instant,
    patience: Duration,
    display: &Display,
    samples: &mut Vec<Sample>,
) -> Result<(), Failure> {
    let mut live = display.live();
    let (mut said, mut received) = (0, 0);
    loop {
        sleep(Duration::from_secs(1)).await;
        let now = (conversation.said.load(Relaxed), conversation.received.load(Relaxed));
        let sample = Sample {
            seconds: begin.elapsed().as_secs_f64(),
            said: now.0 - said,
            received: now.1 - received,
            waiting: conversation.waiting(),
            process: Reading::own()?,
        };
        (said, received) = now;
        live.show(&sample, said, received);
        samples.push(sample);
        let last = *conversation.last.lock();
        if speaker.is_finished() && (sample.waiting == 0 || last.elapsed() > patience) {
            live.end();
            return Ok(());
        }
    }
}
