//! An engine with a runtime: frames in and out.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use futures::FutureExt as _;
use parking_lot::RwLock;
use prost::Message as _;
use thiserror::Error;
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use volary::{Engine, EventStream, StartError};
use volary_proto::{
    Error, FrameAnswer, FrameFromHost, FrameToHost, Mode, Outcome, Request, frame_from_host, outcome,
};

/// Longest frame that is taken.
pub(crate) const MAX_FRAME: usize = 16 << 20;
/// Requests whose answers were not received yet.
pub(crate) const MAX_UNDER_WAY: usize = 1_000;
/// How long tasks may still run at the end.
const LAST_TASKS: Duration = Duration::from_secs(5);

/// Why something was not done.
#[derive(Debug, Error)]
pub(crate) enum Refused {
    /// The engine does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// There are no threads.
    #[error("the threads of the host cannot be started: {0}")]
    Threads(std::io::Error),
    /// The bytes are no frame.
    #[error("not a frame: {0}")]
    NoFrame(#[from] prost::DecodeError),
    /// The frame asks nothing.
    #[error("the frame carries no request")]
    NothingAsked,
    /// The frame is longer than any that is taken.
    #[error("a frame has at most {max} bytes", max = MAX_FRAME)]
    TooLong,
    /// Answers have to be received first.
    #[error("{max} answers wait to be received", max = MAX_UNDER_WAY)]
    Busy,
    /// The host was closed.
    #[error("the host was closed")]
    Closed,
}

/// A host. It can be used from any number of threads.
pub(crate) struct Host {
    running: RwLock<Option<Running>>,
    closed: watch::Sender<bool>,
}

struct Running {
    runtime: Runtime,
    engine: Engine,
    places: Arc<Semaphore>,
    answers: mpsc::UnboundedSender<Answered>,
    inbox: Mutex<Inbox>,
}

/// An answer, which keeps its place until it is received.
struct Answered {
    frame: FrameFromHost,
    _place: OwnedSemaphorePermit,
}

/// What can be received.
struct Inbox {
    answers: mpsc::UnboundedReceiver<Answered>,
    events: EventStream,
}

impl Host {
    /// Opens the folder.
    pub(crate) fn open(folder: &Path) -> Result<Self, Refused> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("volary-host")
            .enable_all()
            .build()
            .map_err(Refused::Threads)?;
        let engine = runtime.block_on(Engine::start(folder))?;
        let (answers, received) = mpsc::unbounded_channel();
        let inbox = Mutex::new(Inbox { answers: received, events: engine.events() });
        let places = Arc::new(Semaphore::new(MAX_UNDER_WAY));
        let running = Running { runtime, engine, places, answers, inbox };
        Ok(Self { running: RwLock::new(Some(running)), closed: watch::Sender::new(false) })
    }

    /// Takes a request. Its answer is received later.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<(), Refused> {
        if bytes.len() > MAX_FRAME {
            return Err(Refused::TooLong);
        }
        let frame = FrameToHost::decode(bytes)?;
        let request = frame.request.ok_or(Refused::NothingAsked)?;
        let running = self.running.read();
        let running = running.as_ref().ok_or(Refused::Closed)?;
        let place = running.places.clone().try_acquire_owned().map_err(|_| Refused::Busy)?;
        let (engine, answers) = (running.engine.clone(), running.answers.clone());
        let changes = request.mode() == Some(Mode::Command);
        let mut work = Box::pin(async move {
            let outcome = answer(&engine, request).await;
            let answer = FrameAnswer { id: frame.id, outcome: Some(outcome) };
            let frame = FrameFromHost { kind: Some(frame_from_host::Kind::Answer(answer)) };
            // Nobody receives any more when the host was closed.
            let _ = answers.send(Answered { frame, _place: place });
        });
        // The first step of a command puts it into the mailbox of its owner. It is taken here, so that commands keep the
        // order of their frames.
        let _inside = running.runtime.enter();
        if !changes || work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            running.runtime.spawn(work);
        }
        Ok(())
    }

    /// Waits for an answer or event; `None` when there is none in time.
    pub(crate) fn receive(&self, patience: Duration) -> Result<Option<Vec<u8>>, Refused> {
        let running = self.running.read();
        let running = running.as_ref().ok_or(Refused::Closed)?;
        let mut closed = self.closed.subscribe();
        running.runtime.block_on(async {
            let next = async { running.inbox.lock().await.next().await };
            tokio::select! {
                biased;
                _ = closed.wait_for(|closed| *closed) => Err(Refused::Closed),
                frame = next => frame.map(|frame| Some(frame.encode_to_vec())).ok_or(Refused::Closed),
                () = tokio::time::sleep(patience) => Ok(None),
            }
        })
    }

    /// Stops the engine, after those who receive were woken. What was not received is lost.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
        // Waits until nobody is inside of the functions above.
        let Some(Running { runtime, engine, inbox, .. }) = self.running.write().take() else { return };
        runtime.block_on(engine.stop());
        drop((engine, inbox));
        // Requests that are still under way hold the engine, and it the folder.
        runtime.shutdown_timeout(LAST_TASKS);
    }
}

/// A host that nobody closed: the engine must not run without somebody who can stop it.
impl Drop for Host {
    fn drop(&mut self) {
        self.close();
    }
}

async fn answer(engine: &Engine, request: Request) -> Outcome {
    // A fault that ends the task would leave a program waiting for ever.
    let asked = AssertUnwindSafe(engine.request(request)).catch_unwind();
    let answer = asked.await.unwrap_or_else(|_| {
        tracing::error!("a request ended with a panic");
        Err(Error::internal("a fault of the engine; its log says more"))
    });
    let kind = match answer {
        Ok(answer) => outcome::Kind::Answer(answer),
        Err(error) => outcome::Kind::Error(error),
    };
    Outcome { kind: Some(kind) }
}

impl Inbox {
    /// Dropping the future before it is ready loses nothing.
    async fn next(&mut self) -> Option<FrameFromHost> {
        tokio::select! {
            answered = self.answers.recv() => answered.map(|answered| answered.frame),
            event = self.events.next() => {
                let event = Arc::unwrap_or_clone(event?);
                Some(FrameFromHost { kind: Some(frame_from_host::Kind::Event(event)) })
            }
        }
    }
}
