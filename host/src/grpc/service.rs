//! What a frontend can call.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use futures::stream::unfold;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tonic::{Request, Response, Status, Streaming};
use volary_grpc::bus_server::Bus as BusService;
use volary_grpc::{
    DownloadPart, DownloadRequest, EventsItem, EventsRequest, FileReference, UploadPart, events_item, status,
};
use volary_proto::{Answer, ErrorCode, GetBlobDir, answer, request};

use super::admit::Caller;
use super::deadline;
use super::files::{Files, Reading};
use crate::access;
use crate::bus::Bus;
use crate::event_log::{Entry, EventLog, Follow, Gap, Item, Position, Subscription};

/// Pause between looks whether the token of a frontend that listens is still valid.
const LOOK: Duration = Duration::from_secs(20);

/// Most profiles that a frontend names when it listens. One that wants more listens to all of them.
pub const MAX_PROFILES: usize = 10_000;

/// The bus of one host.
pub struct Service<B> {
    bus: B,
    log: EventLog,
    files: Arc<Files>,
    stopped: watch::Receiver<bool>,
}

impl<B: Bus + Sync> Service<B> {
    pub fn new(bus: B, log: EventLog, files: Arc<Files>, stopped: watch::Receiver<bool>) -> Self {
        Self { bus, log, files, stopped }
    }

    /// Puts paths into the place of references, and refuses what the caller may not do.
    fn admit(&self, caller: &Caller, request: &mut volary_proto::Request) -> Result<(), Status> {
        if let Some(kind) = &mut request.kind {
            if caller.is_remote() && (access::writes_files(kind) || is_about_folders(kind)) {
                return Err(Status::permission_denied(
                    "files of the host are not reached from here: Download",
                ));
            }
            for path in access::files_of(kind) {
                if Files::is_upload(path) {
                    self.files.resolve(path)?;
                } else if caller.is_remote() && !path.is_empty() {
                    return Err(Status::permission_denied(
                        "files of the host are not reached from here: Upload",
                    ));
                }
            }
        }
        caller.access.check_rights(request).map_err(|error| match error.code() {
            ErrorCode::Failed => Status::permission_denied(error.message),
            _ => status(&error),
        })
    }

    async fn carry_out(&self, caller: &Caller, mut request: volary_proto::Request) -> Result<Answer, Status> {
        self.admit(caller, &mut request)?;
        let lists_profiles = matches!(request.kind, Some(request::Kind::GetAllAccountIds(_)));
        let tells_file = matches!(request.kind, Some(request::Kind::GetMessageInfo(_)));
        let files = request.kind.as_mut().map(access::files_of).unwrap_or_default();
        let brought: Vec<String> = files.into_iter().map(|path| path.clone()).collect();
        let answer = self.bus.call(request).await.map_err(|mut error| {
            if caller.is_remote() {
                self.files.hide_in(&mut error.message);
            }
            status(&error)
        })?;
        brought.iter().for_each(|path| self.files.was_used(path));
        let mut answer = caller.access.narrow_answer(lists_profiles, answer);
        if caller.is_remote() {
            access::paths_of_answer(&mut answer, &mut |path| self.files.hide(path));
            if let (true, Some(answer::Kind::Text(told))) = (tells_file, &mut answer.kind) {
                self.files.hide_in(&mut told.text);
            }
        }
        Ok(answer)
    }
}

/// Questions about folders of the host.
fn is_about_folders(kind: &request::Kind) -> bool {
    matches!(kind, request::Kind::GetBlobDir(_) | request::Kind::GetStickerFolder(_))
}

type Items<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl<B: Bus + Sync> BusService for Service<B> {
    async fn call(&self, call: Request<volary_proto::Request>) -> Result<Response<Answer>, Status> {
        let (caller, deadline) = (caller(&call)?, deadline::of(&call));
        let answer = deadline::within(deadline, self.carry_out(&caller, call.into_inner())).await?;
        Ok(Response::new(answer))
    }

    type EventsStream = Items<EventsItem>;

    async fn events(&self, call: Request<EventsRequest>) -> Result<Response<Self::EventsStream>, Status> {
        let (caller, deadline) = (caller(&call)?, deadline::of(&call));
        let asked = call.into_inner();
        let from = match asked.after {
            None => Position::Now,
            Some(number) => Position::After { log: asked.log, number },
        };
        if asked.profiles.len() > MAX_PROFILES {
            let text =
                format!("at most {MAX_PROFILES} profiles can be named; without any, events of all come");
            return Err(status(&volary_proto::Error::invalid(text)));
        }
        let profiles = caller.access.profiles_of(asked.profiles).map_err(|error| status(&error))?;
        let subscription = self.log.follow(Follow { profiles, from });
        let listening = Listening {
            subscription,
            caller,
            files: self.files.clone(),
            stopped: self.stopped.clone(),
            look: Instant::now() + LOOK,
            deadline,
            begun: false,
        };
        let items = unfold(Some(listening), async |listening| {
            let mut listening = listening?;
            match listening.next().await? {
                Ok(item) => Some((Ok(item), Some(listening))),
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(Response::new(Box::pin(items)))
    }

    async fn upload(&self, call: Request<Streaming<UploadPart>>) -> Result<Response<FileReference>, Status> {
        if caller(&call)?.access.read_only {
            return Err(Status::permission_denied("not allowed: this token only reads"));
        }
        let deadline = deadline::of(&call);
        let reference = deadline::within(deadline, self.files.take(call.into_inner())).await?;
        Ok(Response::new(FileReference { reference }))
    }

    type DownloadStream = Items<DownloadPart>;

    async fn download(
        &self,
        call: Request<DownloadRequest>,
    ) -> Result<Response<Self::DownloadStream>, Status> {
        let caller = caller(&call)?;
        let DownloadRequest { profile_id, reference, offset } = call.into_inner();
        let asked = volary_proto::Request::new(profile_id, GetBlobDir {});
        caller.access.check_rights(&asked).map_err(|error| status(&error))?;
        let answer = self.bus.call(asked).await.map_err(|error| status(&error))?;
        let blobs = answer.take::<GetBlobDir>().map_err(|error| Status::internal(error.to_string()))?;
        let blobs = PathBuf::from(blobs.text.unwrap_or_default());
        let reading = self.files.open(&reference, &blobs, offset).await?;
        let parts = unfold(Some(reading), async |reading: Option<Reading>| {
            let mut reading = reading?;
            match reading.next().await.transpose()? {
                Ok(part) => Some((Ok(part), Some(reading))),
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(Response::new(Box::pin(parts)))
    }
}

/// Who calls, as it was found out when the call came in.
fn caller<T>(call: &Request<T>) -> Result<Caller, Status> {
    let caller = call.extensions().get::<Caller>();
    caller.cloned().ok_or_else(|| Status::internal("nobody has asked who calls"))
}

/// A frontend that listens.
struct Listening {
    subscription: Subscription,
    caller: Caller,
    files: Arc<Files>,
    stopped: watch::Receiver<bool>,
    /// When its token is looked at again.
    look: Instant,
    deadline: Instant,
    begun: bool,
}

impl Listening {
    async fn next(&mut self) -> Option<Result<EventsItem, Status>> {
        if !self.begun {
            self.begun = true;
            let (log, number) = self.subscription.began();
            let kind = events_item::Kind::Started(events_item::Started { log });
            return Some(Ok(EventsItem { number, kind: Some(kind) }));
        }
        loop {
            let mut stopped = self.stopped.clone();
            tokio::select! {
                biased;
                () = async { drop(stopped.wait_for(|stopped| *stopped).await) } => {
                    return Some(Err(Status::unavailable("the host stops")));
                }
                () = sleep_until(self.deadline) => return Some(Err(deadline::passed())),
                () = sleep_until(self.look) => {
                    self.look = Instant::now() + LOOK;
                    if !self.caller.is_still_welcome() {
                        return Some(Err(Status::unauthenticated("the token is not valid any more")));
                    }
                }
                entry = self.subscription.next() => {
                    let Some(entry) = entry else { return Some(Err(Status::unavailable("the host stops"))) };
                    return Some(Ok(self.item(&entry)));
                }
            }
        }
    }

    fn item(&self, entry: &Entry) -> EventsItem {
        let kind = match &entry.item {
            Item::Event(event) => {
                let mut event = volary_proto::Event::clone(event);
                if self.caller.is_remote() {
                    access::paths_of_event(&mut event, &mut |path| self.files.hide_file(path));
                    access::texts_of_event(&mut event, &mut |text| self.files.hide_in(text));
                }
                events_item::Kind::Event(event)
            }
            Item::Gap(Gap::All) => {
                events_item::Kind::Gap(events_item::Gap { all: true, profiles: Vec::new() })
            }
            Item::Gap(Gap::Of(profiles)) => {
                let profiles = profiles.iter().copied().filter(|id| self.caller.access.has(*id)).collect();
                events_item::Kind::Gap(events_item::Gap { all: false, profiles })
            }
            Item::Reached => events_item::Kind::Reached(events_item::Reached {}),
        };
        EventsItem { number: entry.number, kind: Some(kind) }
    }
}
