//! `volary-stress backup`: everybody talks, and the host is backed up meanwhile.
//!
//! In the first half of the talk nothing else happens; in the second half one full backup follows the other, each into a
//! new folder, so that there is one at any time. Then it is quiet: three more backups into one folder show what a host costs
//! that has not changed, and one of which some profiles have. The first backup of the talk and the last one are restored and compared message by message: the
//! one with what the profiles had said by then, without a gap, the other with everything.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::sleep;
use volary::Engine;
use volary::proto::message_load_result::Kind as Loaded;
use volary::proto::{
    CreateGroup, CreateHostBackup, GetAllAccountIds, GetChatlistEntries, GetMessageIds, GetMessages,
    HostBackup, Message, MessageData, Passphrase, RestoreHostBackup, SendMessage, VerifyHostBackups,
};

use super::failure::Failure;
use super::figures::{Figures, Latency, Talk};
use super::options::BackupOptions;
use super::people::{People, call};
use super::process::Reading;
use super::programs::{RelayProcess, beside};
use super::table::Display;
use super::talk::{self, Meanwhile};

/// Messages that are compared at once.
const COMPARED_AT_ONCE: usize = 500;
/// Bytes of a file, and how many messages have one.
const FILE_BYTES: u32 = 64 << 10;
const ONE_FILE_IN: u32 = 10;

/// A run.
#[derive(Debug, Serialize)]
pub(super) struct BackupFigures {
    version: &'static str,
    cores: usize,
    profiles: u32,
    rate: u32,
    /// Backups that were made while everybody talked.
    during_talk: Vec<Made>,
    /// The first backup when it is quiet.
    quiet: Made,
    /// CPU time of the process meanwhile, in seconds.
    quiet_cpu_seconds: f64,
    /// The next one, with nothing new.
    unchanged: Made,
    /// One after some profiles changed.
    some_changed: Made,
    verify_seconds: f64,
    restore_seconds: f64,
    /// Bytes of rows and attachments in the last backup.
    content_bytes: u64,
    latency_without: Latency,
    latency_meanwhile: Latency,
    /// Of the backup during the talk, with the profiles at its end.
    compared_with_gap: Compared,
    /// Of the last backup.
    compared: Compared,
    talk: Talk,
}

/// A backup.
#[derive(Debug, Serialize)]
struct Made {
    seconds: f64,
    bytes: u64,
    changed: u32,
}

/// What the comparison found.
#[derive(Debug, Default, Serialize)]
struct Compared {
    profiles: u64,
    messages: u64,
    /// Not there though a later one is, or not the same.
    differing: u64,
}

impl BackupFigures {
    /// Whether nothing was lost or changed.
    pub(super) fn is_flawless(&self) -> bool {
        let same = |compared: &Compared| compared.differing == 0 && compared.messages > 0;
        let profiles = u64::from(self.profiles);
        let talk = &self.talk;
        let heard = talk.heard.is_none() && talk.stored.is_none() && talk.received == talk.expected;
        heard
            && same(&self.compared)
            && self.compared_with_gap.differing == 0
            && self.compared.profiles == profiles
            && self.compared_with_gap.profiles == profiles
    }
}

pub(super) async fn run(asked: &BackupOptions) -> Result<BackupFigures, Failure> {
    let options = &asked.options;
    let volary = beside(options.volary.as_deref())?;
    let temporary = tempfile::tempdir()?;
    let folder = options.data.clone().unwrap_or_else(|| temporary.path().join("profiles"));
    let display = Display::new();
    let relay = RelayProcess::start(&volary).await?;
    let engine = Engine::start(&folder).await?;
    let people = People::make(&engine, &relay, options, &display, &mut Figures::new(options)).await?;

    fill(&engine, &people, asked.fill, temporary.path()).await?;

    let half = Duration::from_secs(options.seconds.into()) / 2;
    let meanwhile = Meanwhile::spawn(back_up_repeatedly(engine.clone(), temporary.path().to_owned(), half));
    let played = talk::play_with(&engine, &relay, &people, options, &display, Some(meanwhile)).await?;
    let target = temporary.path().join("quiet");
    let before = Reading::own()?.cpu_s;
    let quiet = make(&engine, &target).await?;
    let quiet_cpu_seconds = Reading::own()?.cpu_s - before;
    let unchanged = make(&engine, &target).await?;
    for profile in people.profiles.iter().take(asked.changed as usize) {
        note(&engine, *profile, 1, None).await?;
    }
    let (some_changed, last) = make_shown(&engine, &target).await?;
    let begin = Instant::now();
    verify(&engine, &target).await?;
    let verify_seconds = begin.elapsed().as_secs_f64();

    let begin = Instant::now();
    let restored = restore(&target, &temporary.path().join("restored")).await?;
    let restore_seconds = begin.elapsed().as_secs_f64();
    let compared = compare(&engine, &restored).await?;
    restored.stop().await;
    let early = restore(&temporary.path().join("talk-0"), &temporary.path().join("restored-early")).await?;
    let compared_with_gap = compare(&engine, &early).await?;
    early.stop().await;
    engine.stop().await;
    relay.stop().await;

    let figures = BackupFigures {
        version: env!("CARGO_PKG_VERSION"),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        profiles: options.profiles,
        rate: options.rate,
        during_talk: played.made,
        quiet,
        quiet_cpu_seconds,
        unchanged,
        some_changed,
        verify_seconds,
        restore_seconds,
        content_bytes: last.profiles.iter().map(|profile| profile.row_bytes + profile.file_bytes).sum(),
        latency_without: played.without,
        latency_meanwhile: played.meanwhile,
        compared_with_gap,
        compared,
        talk: played.talk,
    };
    show(&display, &figures);
    let json = options.report.with_extension("json");
    std::fs::write(&json, serde_json::to_string_pretty(&figures)?)?;
    display.line(&format!("Report: {}", json.display()));
    Ok(figures)
}

/// Gives each profile messages in a chat with itself.
async fn fill(engine: &Engine, people: &People, messages: u32, folder: &Path) -> Result<(), Failure> {
    let file = folder.join("picture.bin");
    for profile in &people.profiles {
        // No two profiles have the same one.
        let content: Vec<u8> = (0..FILE_BYTES).map(|at| (at.wrapping_mul(*profile) >> 7) as u8).collect();
        std::fs::write(&file, content)?;
        note(engine, *profile, messages, Some(&file)).await?;
    }
    Ok(())
}

/// Says something in a new group of one.
async fn note(engine: &Engine, profile: u32, messages: u32, file: Option<&Path>) -> Result<(), Failure> {
    let group = CreateGroup { name: "notes".to_owned(), unencrypted: false };
    let chat_id = call(engine, profile, group).await?.id;
    for number in 0..messages {
        let text = Some(format!("note {number} with some words as people write them down for later"));
        let file = file.filter(|_| number % ONE_FILE_IN == 0).map(text_of);
        let data = MessageData { text, file, ..Default::default() };
        call(engine, profile, SendMessage { chat_id, data: Some(data) }).await?;
    }
    Ok(())
}

/// Makes full backups one after the other in the second half of the talk.
async fn back_up_repeatedly(
    engine: Engine,
    folder: PathBuf,
    half: Duration,
) -> Result<Vec<(Instant, Instant, u64, u32)>, Failure> {
    sleep(half).await;
    let (begin, mut made) = (Instant::now(), Vec::new());
    while made.is_empty() || begin.elapsed() < half {
        let started = Instant::now();
        let backup = create(&engine, &folder.join(format!("talk-{}", made.len()))).await?;
        made.push((started, Instant::now(), backup.written, backup.changed));
    }
    Ok(made)
}

impl From<(Instant, Instant, u64, u32)> for Made {
    fn from((begin, end, bytes, changed): (Instant, Instant, u64, u32)) -> Self {
        Self { seconds: end.duration_since(begin).as_secs_f64(), bytes, changed }
    }
}

fn passphrase() -> Option<Passphrase> {
    Some(Passphrase { text: "a passphrase of the stress run".to_owned() })
}

fn text_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

async fn create(engine: &Engine, target: &Path) -> Result<HostBackup, Failure> {
    let asked =
        CreateHostBackup { target: text_of(target), passphrase: passphrase(), profiles: Vec::new(), keep: 0 };
    call(engine, 0, asked).await
}

async fn make_shown(engine: &Engine, target: &Path) -> Result<(Made, HostBackup), Failure> {
    let begin = Instant::now();
    let backup = create(engine, target).await?;
    Ok((Made::from((begin, Instant::now(), backup.written, backup.changed)), backup))
}

async fn make(engine: &Engine, target: &Path) -> Result<Made, Failure> {
    Ok(make_shown(engine, target).await?.0)
}

async fn verify(engine: &Engine, target: &Path) -> Result<(), Failure> {
    let asked = VerifyHostBackups { target: text_of(target), passphrase: passphrase(), snapshot: None };
    match call(engine, 0, asked).await?.damage.first() {
        None => Ok(()),
        Some(damage) => Err(Failure::Program(damage.clone())),
    }
}

/// An engine on a new folder with everything that the newest backup holds.
async fn restore(target: &Path, folder: &Path) -> Result<Engine, Failure> {
    let engine = Engine::start(folder).await?;
    let asked = RestoreHostBackup {
        target: text_of(target),
        passphrase: passphrase(),
        snapshot: None,
        profiles: Vec::new(),
    };
    call(&engine, 0, asked).await?;
    Ok(engine)
}

/// Compares what was restored with the profiles that it was taken from. What these have heard since then is left out: it
/// has higher ids than everything that was there.
async fn compare(live: &Engine, restored: &Engine) -> Result<Compared, Failure> {
    let mut compared = Compared::default();
    for profile in call(restored, 0, GetAllAccountIds {}).await?.ids {
        let (here, there) = (messages(restored, profile).await?, messages(live, profile).await?);
        let last = here.iter().map(|message| message.id).max().unwrap_or_default();
        let expected: Vec<&Message> = there.iter().filter(|message| message.id <= last).collect();
        compared.profiles += 1;
        compared.messages += here.len() as u64;
        compared.differing += here.len().abs_diff(expected.len()) as u64;
        let differs = |(one, other): &(&Message, &&Message)| !is_same(one, other);
        compared.differing += here.iter().zip(&expected).filter(differs).count() as u64;
    }
    Ok(compared)
}

/// States go on after the backup; what was said does not change.
fn is_same(one: &Message, other: &Message) -> bool {
    let content = |message: &Message| {
        (
            message.id,
            message.chat_id,
            message.from_id,
            message.timestamp,
            message.text.clone(),
            message.file_name.clone(),
        )
    };
    content(one) == content(other)
}

/// All messages of a profile, by id.
async fn messages(engine: &Engine, profile: u32) -> Result<Vec<Message>, Failure> {
    let mut found = Vec::new();
    for chat_id in call(engine, profile, GetChatlistEntries::default()).await?.ids {
        let ids = call(engine, profile, GetMessageIds { chat_id, ..Default::default() }).await?.ids;
        for ids in ids.chunks(COMPARED_AT_ONCE) {
            for (_, result) in call(engine, profile, GetMessages { msg_ids: ids.to_vec() }).await? {
                if let Some(Loaded::Message(message)) = result.kind {
                    found.push(message);
                }
            }
        }
    }
    found.sort_by_key(|message| message.id);
    Ok(found)
}

fn show(display: &Display, figures: &BackupFigures) {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let of = |made: &Made| {
        format!("{:.2} s, {:.1} MiB, {} profiles changed", made.seconds, mib(made.bytes), made.changed)
    };
    display.title("Backup");
    for (number, made) in figures.during_talk.iter().enumerate() {
        display.row(&format!("full, while they talk ({})", number + 1), &of(made), None);
    }
    display.row("full, when it is quiet", &of(&figures.quiet), None);
    display.row("CPU of that one", &format!("{:.2} s", figures.quiet_cpu_seconds), None);
    display.row("nothing new", &of(&figures.unchanged), None);
    display.row("some profiles changed", &of(&figures.some_changed), None);
    display.row("rows and attachments", &format!("{:.1} MiB", mib(figures.content_bytes)), None);
    display.row(
        "verify, restore",
        &format!("{:.2} s, {:.2} s", figures.verify_seconds, figures.restore_seconds),
        None,
    );
    for (name, latency) in
        [("latency without", &figures.latency_without), ("latency meanwhile", &figures.latency_meanwhile)]
    {
        let times = format!("half within {:.0} ms, 99 % within {:.0} ms", latency.p50, latency.p99);
        display.row(name, &times, None);
    }
    for (name, compared) in [
        ("restored, taken while they talk", &figures.compared_with_gap),
        ("restored, taken last", &figures.compared),
    ] {
        let text = format!(
            "{} messages of {} profiles, {} differ",
            compared.messages, compared.profiles, compared.differing
        );
        display.row(name, &text, Some(compared.differing == 0));
    }
    let talk = &figures.talk;
    let heard = format!("{} of {} received", talk.received, talk.expected);
    display.row(
        "messages of the talk",
        &heard,
        Some(talk.received == talk.expected && talk.stored.is_none()),
    );
}
