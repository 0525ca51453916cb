//! One client: lines in, answers out, every request in a task of its own.

use std::{panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use futures::{
    FutureExt,
    future::{self, Either},
};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, BufReader},
    sync::{Semaphore, watch},
};
use volary_proto::{
    Answer, Error, Event, GetMessage, Id as AnswerId, Message, Mode, Request, SendMessage, request,
};

use super::{
    events::EventQueue,
    frame::{self, FAILED, Failure, Id, PARSE_ERROR},
    method::Action,
    methods,
    output::Output,
};
use crate::bus::Bus;

/// Longest line that is read; attachments travel inside lines.
const MAX_LINE_BYTES: usize = 512 << 20;
/// Most requests under way. Waiting ones count, so this is generous.
const MAX_REQUESTS: usize = 100_000;
/// How long requests may still be answered after the client has closed its side: longer than a login at a relay that
/// does not answer.
const LAST_ANSWERS: Duration = Duration::from_secs(60);
/// The same for requests that wait for something to happen, perhaps for ever.
const LAST_POLLS: Duration = Duration::from_millis(150);
/// How long the client may then take to read the answers.
const LAST_READING: Duration = Duration::from_secs(5);
/// Bytes of a line on their way through [`call`].
const ONE_ANSWER: usize = 64 << 10;
/// Longest sleep that is accepted, in seconds.
const MAX_SLEEP: f64 = 10.0 * 365.0 * 86_400.0;

/// Why a session is over.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// The client has closed its side, or cannot be read from any more.
    InputClosed,
    /// The client does not read answers any more.
    OutputClosed,
}

/// Serves a client until either side closes.
pub async fn serve<B, R, W>(bus: B, input: R, writer: W) -> End
where
    B: Bus,
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Send + 'static,
{
    let session = Session::new(bus, writer);
    session.run(session.read(input)).await
}

/// Carries out one line and returns the line that answers it, however long that takes; both are without line end.
pub async fn call<B: Bus>(bus: B, mut line: Vec<u8>) -> Vec<u8> {
    line.retain(|byte| *byte != b'\n');
    if line.is_empty() {
        return Vec::new();
    }
    line.push(b'\n');
    let (writer, answers) = tokio::io::duplex(ONE_ANSWER);
    // A session ends soon after its input, and what waits for somebody (a second device, say) then has no answer any more.
    let (_open, silence) = tokio::io::duplex(1);
    let input = BufReader::new((&line[..]).chain(silence));
    let (mut answer, mut answers) = (Vec::new(), BufReader::new(answers));
    tokio::select! {
        _ = serve(bus, input, writer) => {}
        _ = answers.read_until(b'\n', &mut answer) => {}
    }
    while answer.last() == Some(&b'\n') {
        answer.pop();
    }
    answer
}

/// What requests of one client share.
pub(super) struct Session<B: Bus> {
    bus: B,
    events: Arc<EventQueue<B::Events>>,
    output: Output,
    under_way: Arc<Semaphore>,
    /// A permit for each that will be answered without anything else having to happen.
    due: Arc<Semaphore>,
    /// Becomes true at the end: then nobody waits for an answer any more.
    over: watch::Sender<bool>,
}

impl<B: Bus> Session<B> {
    pub(super) fn new(bus: B, writer: impl AsyncWrite + Send + 'static) -> Self {
        let events = Arc::new(EventQueue::new(bus.subscribe()));
        let permits = || Arc::new(Semaphore::new(MAX_REQUESTS));
        let (output, over) = (Output::new(writer), watch::Sender::new(false));
        Self { bus, events, output, under_way: permits(), due: permits(), over }
    }

    /// Writes answers until `reading` has come to its end or the client takes no more.
    pub(super) async fn run(&self, reading: impl Future<Output = ()>) -> End {
        let writing = std::pin::pin!(self.output.write_rest());
        let reading_and_last_answers = async {
            reading.await;
            let all_answered = self.due.acquire_many(MAX_REQUESTS as u32);
            if tokio::time::timeout(LAST_ANSWERS, all_answered).await.is_err() {
                tracing::warn!("some requests take too long to be answered before the end");
            }
            let all_ended = self.under_way.acquire_many(MAX_REQUESTS as u32);
            tokio::time::timeout(LAST_POLLS, all_ended).await.ok();
            tokio::time::timeout(LAST_READING, self.output.drained()).await.ok();
        };
        let end = tokio::select! {
            () = reading_and_last_answers => End::InputClosed,
            () = writing => End::OutputClosed,
        };
        self.output.close();
        self.over.send_replace(true);
        end
    }

    /// Reads lines and starts what they ask for, in their order.
    pub(super) async fn read<R: AsyncBufRead + Unpin>(&self, mut input: R) {
        let mut line = Vec::new();
        loop {
            self.output.ready().await;
            match read_line(&mut input, &mut line).await {
                Ok(Line::Complete) => self.accept(&line).await,
                Ok(Line::TooLong) => {
                    let failure =
                        Failure::new(PARSE_ERROR, format!("line longer than {MAX_LINE_BYTES} bytes"));
                    self.output.put(frame::refusal(&Id::Null, &failure));
                }
                Ok(Line::End) => return,
                Err(error) => {
                    tracing::error!("cannot read requests: {error}");
                    return;
                }
            }
            line.clear();
            line.shrink_to(1 << 16);
        }
    }

    /// Decodes a line and starts it.
    async fn accept(&self, line: &[u8]) {
        let call = match frame::parse(line) {
            Ok(call) => call,
            Err((id, failure)) => return self.output.put(frame::refusal(&id, &failure)),
        };
        let action = methods::find(&call.method)
            .ok_or_else(Failure::method_not_found)
            .and_then(|method| method.action(call.params));
        match action {
            Ok(action) => self.start(call.id, action).await,
            Err(failure) => self.output.put(frame::refusal(&call.id, &failure)),
        }
    }

    /// Gives the action a task of its own, unless it is done at once. What changes something takes its first step here,
    /// which puts it into the mailbox of its owner: so commands keep the order of their lines. Questions that may take
    /// their time hold up no line behind them.
    async fn start(&self, id: Id, action: Action) {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&self.under_way).acquire_owned().await else { return };
        let waits = matches!(action, Action::Sleep(_) | Action::NextEvent | Action::NextEvents);
        let changes = !waits && !is_query(&action);
        let begin_here = waits || changes || is_brief(&action);
        // There are as many of both, so that this one is there.
        let due =
            if waits || is_open_ended(&action) { None } else { self.due.clone().try_acquire_owned().ok() };
        let (bus, events, output) = (self.bus.clone(), Arc::clone(&self.events), self.output.clone());
        let mut over = self.over.subscribe();
        let work = async move {
            let carried_out = AssertUnwindSafe(carry_out(bus, events, &id, action)).catch_unwind();
            let answered = if changes {
                carried_out.await
            } else {
                // A poll that outlives its client would take events and memory for nobody. What was ordered is done.
                let end = pin!(over.wait_for(|over| *over));
                match future::select(pin!(carried_out), end).await {
                    Either::Left((answered, _)) => answered,
                    Either::Right(_) => return,
                }
            };
            let line = answered.unwrap_or_else(|_| {
                tracing::error!("a request ended in a panic");
                frame::refusal(&id, &Failure::new(FAILED, "internal error"))
            });
            output.put(line);
            drop((permit, due));
        };
        let mut work = Box::pin(work);
        if begin_here && futures::poll!(&mut work).is_ready() {
            return;
        }
        tokio::spawn(work);
    }
}

fn is_query(action: &Action) -> bool {
    match action {
        Action::Call(request) | Action::CallAndShow(request) => request.mode() == Some(Mode::Query),
        Action::Sleep(_) | Action::NextEvent | Action::NextEvents => false,
    }
}

/// Whether a request is answered only when something happens, perhaps never.
fn is_open_ended(action: &Action) -> bool {
    use request::Kind;
    let Action::Call(Request { kind: Some(kind), .. }) = action else { return false };
    matches!(
        kind,
        Kind::WaitNextMsgs(_)
            | Kind::WaitForAllWorkDone(_)
            | Kind::ProvideBackup(_)
            | Kind::GetBackup(_)
            | Kind::GetBackupQr(_)
            | Kind::GetBackupQrSvg(_)
            | Kind::BackgroundFetch(_)
    )
}

/// Whether a question is answered from a few rows, in less time than another thread takes to wake up.
fn is_brief(action: &Action) -> bool {
    use request::Kind;
    let Action::Call(Request { kind: Some(kind), .. }) = action else { return false };
    matches!(
        kind,
        Kind::CheckEmailValidity(_)
            | Kind::GetAllAccountIds(_)
            | Kind::GetBasicChat(_)
            | Kind::GetChatEphemeralTimer(_)
            | Kind::GetConfig(_)
            | Kind::GetContact(_)
            | Kind::GetMessage(_)
            | Kind::GetSelectedAccountId(_)
            | Kind::GetSystemInfo(_)
            | Kind::IsChatMuted(_)
            | Kind::IsConfigured(_)
    )
}

/// Does what a call asks for and writes the line that answers it.
async fn carry_out<B: Bus>(bus: B, events: Arc<EventQueue<B::Events>>, id: &Id, action: Action) -> Vec<u8> {
    match action {
        Action::Call(request) => answer(id, bus.call(request).await),
        Action::CallAndShow(request) => answer(id, call_and_show(&bus, request).await),
        Action::Sleep(seconds) => match duration(seconds) {
            Some(duration) => {
                tokio::time::sleep(duration).await;
                frame::answer(id, &())
            }
            None => frame::refusal(id, &Failure::new(FAILED, format!("cannot sleep {seconds} seconds"))),
        },
        Action::NextEvent => match events.next(id).await {
            Some(event) => frame::answer(id, &*event),
            None => frame::refusal(id, &Failure::new(FAILED, "event channel is closed")),
        },
        Action::NextEvents => {
            let batch = events.next_batch(id).await;
            frame::answer(id, &batch.iter().map(|event| &**event).collect::<Vec<&Event>>())
        }
    }
}

fn duration(seconds: f64) -> Option<Duration> {
    (0.0..=MAX_SLEEP).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

fn answer<T: serde::Serialize>(id: &Id, result: Result<T, Error>) -> Vec<u8> {
    match result {
        Ok(result) => frame::answer(id, &result),
        Err(error) => frame::refusal(id, &Failure::new(FAILED, error.message)),
    }
}

/// Sends a message and loads it.
async fn call_and_show<B: Bus>(bus: &B, request: Request) -> Result<(u32, Message), Error> {
    let profile_id = request.profile_id;
    let AnswerId { id: msg_id } = bus.call(request).await?.take::<SendMessage>()?;
    let shown: Answer = bus.call(Request::new(profile_id, GetMessage { msg_id })).await?;
    Ok((msg_id, shown.take::<GetMessage>()?))
}

enum Line {
    Complete,
    TooLong,
    End,
}

/// Reads up to a line end or the end of input. Of a line that is too long the rest is skipped.
async fn read_line<R: AsyncBufRead + Unpin>(input: &mut R, line: &mut Vec<u8>) -> std::io::Result<Line> {
    let mut too_long = false;
    loop {
        let available = input.fill_buf().await?;
        if available.is_empty() {
            return Ok(match (too_long, line.is_empty()) {
                (true, _) => Line::TooLong,
                (false, true) => Line::End,
                (false, false) => Line::Complete,
            });
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = &available[..end.unwrap_or(available.len())];
        too_long |= line.len() + part.len() > MAX_LINE_BYTES;
        if !too_long {
            line.extend_from_slice(part);
        }
        let used = end.map_or(available.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(if too_long { Line::TooLong } else { Line::Complete });
        }
    }
}
