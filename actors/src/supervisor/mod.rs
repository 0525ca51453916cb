//! Supervisor: one actor for the process. It keeps the registry of profiles, starts their actors on the arbiters, and
//! starts again what failed: profiles, the deadline queue, housekeeping.
//!
//! | file | holds |
//! |---|---|
//! | [`registry`] | requests to the process as a whole |
//! | [`reconnect`] | when something that failed or was lost is tried again |
//! | [`deadlines`] | the deadline queue, a child actor |
//! | [`housekeeping`] | cleaning up, a child actor |
//! | [`fan_in`] | while one relay of a profile downloads a mail, the others wait |
//! | `clock_set` | notices that the clock was set |

mod adoption;
mod clock_set;
pub mod deadlines;
pub mod fan_in;
pub mod housekeeping;
pub mod reconnect;
pub mod registry;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::time::{Instant, SystemTime};

use actix::{Actor, Addr, Arbiter, AsyncContext as _, Context, Handler, Message, ResponseFuture};
use volary_proto::v1::{Answer, Done, Error, ErrorCode, Request, StartIo, request};

use self::deadlines::DeadlineQueue;
use self::housekeeping::{Due, Housekeeping};
use self::reconnect::revival::Revival;
use crate::hub::Hub;
use crate::mailbox::{Mailbox, Places, takes_from_places};
use crate::profile::{self, End, Parts, Profile, ProfileEnded};
use crate::watch::{Farewell, run_once};
use volary_engine::commands::process;
use volary_engine::ground::db::blob_dir;
use volary_engine::ground::ids::ProfileId;
use volary_engine::state::profiles;
use volary_engine::vault;

/// Requests that wait for the supervisor; who sends more waits.
pub const MAILBOX: usize = 1024;

/// The actor. See the module documentation.
pub struct Supervisor {
    hub: Hub,
    arbiters: Vec<Arbiter>,
    profiles: HashMap<ProfileId, Running>,
    /// Profiles whose I/O is wanted, and how often their actors failed lately.
    online: HashMap<ProfileId, Revival>,
    /// Profiles that are being removed: nothing starts their actors any more.
    leaving: HashSet<ProfileId>,
    children: HashMap<Child, Revival>,
    cleaning: Due,
    /// Number of the last actor of a profile.
    lives: u64,
    /// The engine ends: no actor is started any more.
    stopping: bool,
}

/// A running actor of a profile.
struct Running {
    mailbox: Mailbox<Profile>,
    life: u64,
}

/// Actors of the process that always run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Child {
    /// The deadline queue.
    Deadlines,
    /// Housekeeping.
    Housekeeping,
}

/// A child has ended, which it never does in order.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct ChildEnded(pub Child);

impl Supervisor {
    /// A supervisor that spreads profiles over `arbiters`.
    pub fn new(hub: Hub, arbiters: Vec<Arbiter>) -> Self {
        Self {
            hub,
            arbiters,
            profiles: HashMap::new(),
            online: HashMap::new(),
            leaving: HashSet::new(),
            children: HashMap::new(),
            cleaning: Due::default(),
            lives: 0,
            stopping: false,
        }
    }

    fn start_child(&mut self, child: Child, ctx: &Context<Self>) {
        let farewell = Farewell::new(ctx.address().recipient(), ChildEnded(child));
        let (hub, cleaning) = (self.hub.clone(), self.cleaning.clone());
        match child {
            Child::Deadlines => {
                DeadlineQueue::new(hub, cleaning, farewell).start();
            }
            Child::Housekeeping => {
                Housekeeping::new(hub, cleaning, farewell).start();
            }
        }
    }

    /// Remembers whether I/O of a profile is wanted, so that it comes back after a failure.
    fn note(&mut self, id: ProfileId, kind: Option<&request::Kind>) {
        match kind {
            Some(request::Kind::StartIo(_)) => {
                self.online.entry(id).or_insert_with(|| Revival::new(Instant::now()));
            }
            Some(request::Kind::StopIo(_)) => {
                self.online.remove(&id);
            }
            _ => {}
        }
    }

    /// Starts I/O again after a failure, if it is still wanted.
    fn revive(&mut self, id: ProfileId, ctx: &Context<Self>) {
        if !self.online.contains_key(&id) {
            return;
        }
        match self.profile(id, ctx) {
            Ok(profile) => {
                profile.addr.do_send(Request {
                    profile_id: id.get(),
                    kind: Some(request::Kind::StartIo(StartIo {})),
                });
            }
            Err(error) => tracing::error!(profile = %id, %error, "the profile cannot be started again"),
        }
    }

    /// The actor of a profile; started if it does not run (any more). All actors of a profile share one arbiter.
    fn profile(&mut self, id: ProfileId, ctx: &Context<Self>) -> Result<Mailbox<Profile>, Error> {
        if self.stopping {
            return Err(Error::new(ErrorCode::Cancelled, "the engine is stopping"));
        }
        let missing = || Error::not_found(format!("account with id {id} not found"));
        if self.leaving.contains(&id) {
            return Err(missing());
        }
        if let Some(running) = self.profiles.get(&id).filter(|running| running.mailbox.addr.connected()) {
            return Ok(running.mailbox.clone());
        }
        let record = self.hub.db.look(|view| profiles::load(view, id))?.ok_or_else(missing)?;
        self.lives += 1;
        let life = self.lives;
        let places = Places::new(profile::MAILBOX, "profile");
        let parts = Parts {
            id,
            places: places.clone(),
            hub: self.hub.clone(),
            blob_dir: blob_dir(self.hub.db.dir(), &record.uuid),
            farewell: Farewell::new(ctx.address().recipient(), ProfileEnded { id, life }),
        };
        let arbiter = &self.arbiters[id.get() as usize % self.arbiters.len()];
        let addr = Profile::start_in_arbiter(&arbiter.handle(), move |_| Profile::new(parts));
        let mailbox = Mailbox { addr, places };
        self.profiles.insert(id, Running { mailbox: mailbox.clone(), life });
        self.count();
        tracing::debug!(profile = %id, "profile started");
        Ok(mailbox)
    }

    fn exists(&self, id: ProfileId) -> bool {
        self.hub.db.look(|view| profiles::load(view, id)).is_ok_and(|record| record.is_some())
    }

    fn count(&self) {
        metrics::gauge!("volary_profiles_running").set(self.profiles.len() as f64);
    }

    /// Removes a profile. From here on it is not found, though its rows are still there.
    fn remove(&mut self, id: ProfileId, ctx: &Context<Self>) -> ResponseFuture<Result<Answer, Error>> {
        let known = self.hub.db.look(|view| profiles::load(view, id));
        let refused = match known {
            Ok(Some(_)) if self.leaving.insert(id) => None,
            Ok(_) => Some(Error::not_found(format!("no account with id {id}"))),
            Err(error) => Some(error.into()),
        };
        if let Some(error) = refused {
            return Box::pin(std::future::ready(Err(error)));
        }
        tracing::info!(profile = %id, "profile is removed");
        let ended = self.end(Some(id));
        let (hub, supervisor) = (self.hub.clone(), ctx.address());
        Box::pin(async move {
            ended.await;
            let removed = registry::remove(&hub, id).await;
            hub.wakes.unregister(id);
            // If it failed, the profile is still there; else its row is gone.
            supervisor.do_send(Left(id));
            removed.map(|()| Answer::new(Done {}))
        })
    }

    /// Ends the actor of a profile, or all of them.
    fn end(&mut self, id: Option<ProfileId>) -> ResponseFuture<()> {
        let ended: Vec<Addr<Profile>> = match id {
            Some(id) => {
                self.online.remove(&id);
                self.profiles.remove(&id).map(|running| running.mailbox.addr).into_iter().collect()
            }
            None => {
                self.online.clear();
                self.profiles.drain().map(|(_, running)| running.mailbox.addr).collect()
            }
        };
        self.count();
        Box::pin(async move {
            for addr in ended {
                // An actor that is gone already has nothing to finish.
                let _ = addr.send(End).await;
            }
        })
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // The senders keep to the places.
        ctx.set_mailbox_capacity(0);
        for child in [Child::Deadlines, Child::Housekeeping] {
            self.children.insert(child, Revival::new(Instant::now()));
            self.start_child(child, ctx);
        }
        let db = self.hub.db.clone();
        // Asked for here, before any request can begin another import.
        let interrupted = process::interrupted_imports(&db).unwrap_or_else(|error| {
            tracing::error!(%error, "interrupted imports are looked for at the next start");
            Vec::new()
        });
        let started = SystemTime::now();
        run_once("removals", async move {
            if let Err(error) = process::remove_left_files(&db, started) {
                tracing::warn!(%error, "what is left of offers to second devices stays");
            }
            if let Err(error) = process::finish_imports(&db, interrupted).await {
                tracing::error!(%error, "what is left of an interrupted import cannot be removed");
            }
            if let Err(error) = process::finish_removals(&db).await {
                tracing::error!(%error, "what is left of removed profiles cannot be removed");
            }
            if let Err(error) = vault::abandon(&db).await {
                tracing::error!(%error, "what is left of a restore that did not end cannot be removed");
            }
        });
    }
}

takes_from_places!(Supervisor: Request);

impl Handler<ChildEnded> for Supervisor {
    type Result = ();

    fn handle(&mut self, ended: ChildEnded, ctx: &mut Self::Context) {
        let ChildEnded(child) = ended;
        let now = Instant::now();
        let pause = self.children.entry(child).or_insert_with(|| Revival::new(now)).failed(now);
        tracing::error!(?child, ?pause, "a child actor failed and is started again");
        ctx.run_later(pause, move |supervisor, ctx| supervisor.start_child(child, ctx));
    }
}

impl Handler<ProfileEnded> for Supervisor {
    type Result = ();

    fn handle(&mut self, ended: ProfileEnded, ctx: &mut Self::Context) {
        let ProfileEnded { id, life } = ended;
        // One that ended in order is not there any more; a command may have started another one in its place.
        let failed = self.profiles.get(&id).is_some_and(|running| running.life == life);
        if failed {
            self.profiles.remove(&id);
            self.count();
        }
        let Some(online) = self.online.get_mut(&id) else {
            if failed {
                tracing::error!(profile = %id, "the profile failed");
            } else {
                tracing::debug!(profile = %id, "profile ended");
            }
            return;
        };
        let pause = online.failed(Instant::now());
        tracing::error!(profile = %id, ?pause, "the profile failed and is started again");
        ctx.run_later(pause, move |supervisor, ctx| supervisor.revive(id, ctx));
    }
}

/// The removal of a profile is over.
#[derive(Message)]
#[rtype(result = "()")]
struct Left(ProfileId);

impl Handler<Left> for Supervisor {
    type Result = ();

    fn handle(&mut self, left: Left, _: &mut Self::Context) {
        self.leaving.remove(&left.0);
    }
}

/// Asks for the actors of profiles that run now.
#[derive(Message)]
#[rtype(result = "Vec<Addr<Profile>>")]
pub struct GetRunning;

impl Handler<GetRunning> for Supervisor {
    type Result = actix::MessageResult<GetRunning>;

    fn handle(&mut self, _: GetRunning, _: &mut Self::Context) -> Self::Result {
        let running = self.profiles.values().map(|running| &running.mailbox.addr);
        actix::MessageResult(running.filter(|addr| addr.connected()).cloned().collect())
    }
}

/// Ends the actors of all profiles for good: the engine stops.
#[derive(Message)]
#[rtype(result = "()")]
pub struct EndProfiles;

impl Handler<EndProfiles> for Supervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: EndProfiles, _: &mut Self::Context) -> Self::Result {
        self.stopping = true;
        let profiles: Vec<ProfileId> = self.profiles.keys().copied().collect();
        let (ended, wakes) = (self.end(None), self.hub.wakes.clone());
        Box::pin(async move {
            ended.await;
            for id in profiles {
                wakes.unregister(id);
            }
        })
    }
}

impl Handler<Request> for Supervisor {
    type Result = ResponseFuture<Result<Answer, Error>>;

    fn handle(&mut self, request: Request, ctx: &mut Self::Context) -> Self::Result {
        let id = ProfileId::new(request.profile_id);
        if id == ProfileId::PROCESS {
            if let Some(request::Kind::RemoveAccount(call)) = &request.kind {
                return self.remove(ProfileId::new(call.account_id), ctx);
            }
            if matches!(request.kind, Some(request::Kind::MaybeNetwork(_))) {
                // Before the connections are notified: names may have other addresses now.
                self.hub.network.changed();
            }
            let (hub, supervisor) = (self.hub.clone(), ctx.address());
            return Box::pin(async move { registry::request(&hub, &supervisor, request).await });
        }
        let asked = self.profile(id, ctx).and_then(|profile| match &request.kind {
            // What is copied changes a chat of the other profile; one that is not there refuses in its own words.
            Some(request::Kind::ForwardMessagesToAccount(call))
                if self.exists(ProfileId::new(call.account_id)) =>
            {
                self.profile(ProfileId::new(call.account_id), ctx)
            }
            _ => Ok(profile),
        });
        match asked {
            Ok(profile) => {
                self.note(id, request.kind.as_ref());
                let answer = profile.send(request);
                Box::pin(async move {
                    answer
                        .await
                        .unwrap_or_else(|_| Err(Error::internal("the profile ended before it answered")))
                })
            }
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}
