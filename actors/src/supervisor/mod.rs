//! Supervisor: one actor for the process. It keeps the registry of profiles, starts their actors on the arbiters,
//! starts them again when they fail, and runs the deadline queue.

mod clock_set;
pub mod deadlines;
pub mod housekeeping;
pub mod registry;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Arbiter, AsyncContext as _, Context, Handler, ResponseFuture, WrapFuture as _};
use volary_proto::v1::{Answer, Error, Request, StartIo, request};

use crate::db::{Db, blob_dir};
use crate::pool::Pool;
use crate::profile::{End, Parts, Profile};
use crate::relay_connection::Crowds;
use volary_link::Network;

/// The actor. See the module documentation.
pub struct Supervisor {
    db: Db,
    pool: Pool,
    network: Arc<Network>,
    crowds: Arc<Crowds>,
    arbiters: Vec<Arbiter>,
    profiles: HashMap<u32, Addr<Profile>>,
    online: HashMap<u32, Revival>,
}

/// A profile whose I/O is wanted, and how often its actor failed lately.
#[derive(Clone, Copy)]
struct Revival {
    failures: u32,
    not_before: Instant,
}

/// Actors of profiles are looked after that often.
const WATCH: Duration = Duration::from_secs(2);
/// Longest wait before an actor that fails again and again is started once more.
const MAX_REVIVAL_WAIT: Duration = Duration::from_secs(300);

impl Supervisor {
    /// A supervisor that spreads profiles over `arbiters`.
    pub fn new(db: Db, pool: Pool, network: Arc<Network>, arbiters: Vec<Arbiter>) -> Self {
        Self {
            db,
            pool,
            network,
            crowds: Arc::default(),
            arbiters,
            profiles: HashMap::new(),
            online: HashMap::new(),
        }
    }

    /// Remembers whether I/O of a profile is wanted, so that it comes back after a failure.
    fn note(&mut self, id: u32, kind: Option<&request::Kind>) {
        match kind {
            Some(request::Kind::StartIo(_)) => {
                self.online.entry(id).or_insert(Revival { failures: 0, not_before: Instant::now() });
            }
            Some(request::Kind::StopIo(_)) => {
                self.online.remove(&id);
            }
            _ => {}
        }
    }

    /// Starts the actors again that failed while their I/O was wanted; each failure doubles the wait.
    fn revive(&mut self) {
        let now = Instant::now();
        let failed: Vec<u32> = self
            .online
            .iter()
            .filter(|(id, revival)| {
                self.profiles.get(id).is_some_and(|addr| !addr.connected()) && revival.not_before <= now
            })
            .map(|(id, _)| *id)
            .collect();
        for id in failed {
            if let Some(revival) = self.online.get_mut(&id) {
                revival.failures += 1;
                revival.not_before = now + MAX_REVIVAL_WAIT.min(WATCH * (1 << revival.failures.min(8)));
            }
            tracing::error!(profile = id, "the profile failed and is started again");
            if let Ok(profile) = self.profile(id) {
                profile.do_send(Request { profile_id: id, kind: Some(request::Kind::StartIo(StartIo {})) });
            }
        }
    }

    /// The actor of a profile; started if it does not run (any more). All actors of a profile share one arbiter.
    fn profile(&mut self, id: u32) -> Result<Addr<Profile>, Error> {
        if let Some(addr) = self.profiles.get(&id).filter(|addr| addr.connected()) {
            return Ok(addr.clone());
        }
        let record = self.db.look(|view| registry::load(view, id))?;
        let record = record.ok_or_else(|| Error::not_found(format!("account with id {id} not found")))?;
        let parts = Parts {
            id,
            db: self.db.clone(),
            pool: self.pool.clone(),
            network: self.network.clone(),
            crowds: self.crowds.clone(),
            blob_dir: blob_dir(self.db.dir(), &record.uuid),
        };
        let arbiter = &self.arbiters[id as usize % self.arbiters.len()];
        let addr = Profile::start_in_arbiter(&arbiter.handle(), move |_| Profile::new(parts));
        self.profiles.insert(id, addr.clone());
        Ok(addr)
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1024);
        let queue = deadlines::run(self.db.clone(), self.network.clone());
        ctx.spawn(queue.into_actor(self));
        let db = self.db.clone();
        let removals = async move {
            if let Err(error) = registry::finish_removals(&db).await {
                tracing::error!(%error, "what is left of removed profiles cannot be removed");
            }
        };
        ctx.spawn(removals.into_actor(self));
        ctx.run_interval(WATCH, |supervisor, _| supervisor.revive());
    }
}

/// Asks for the actors of profiles that run now.
#[derive(actix::Message)]
#[rtype(result = "Vec<Addr<Profile>>")]
pub struct GetRunning;

impl Handler<GetRunning> for Supervisor {
    type Result = actix::MessageResult<GetRunning>;

    fn handle(&mut self, _: GetRunning, _: &mut Self::Context) -> Self::Result {
        actix::MessageResult(self.profiles.values().filter(|addr| addr.connected()).cloned().collect())
    }
}

/// Ends the actor of a profile, or of all profiles.
#[derive(actix::Message)]
#[rtype(result = "()")]
pub struct EndProfile(pub Option<u32>);

impl Handler<EndProfile> for Supervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, end: EndProfile, _: &mut Self::Context) -> Self::Result {
        let ended: Vec<(u32, Addr<Profile>)> = match end.0 {
            Some(id) => {
                self.online.remove(&id);
                self.profiles.remove(&id).map(|addr| (id, addr)).into_iter().collect()
            }
            None => {
                self.online.clear();
                self.profiles.drain().collect()
            }
        };
        let db = self.db.clone();
        Box::pin(async move {
            for (id, addr) in ended {
                // An actor that is gone already needs no farewell.
                let _ = addr.send(End).await;
                db.wakes().unregister(id);
            }
        })
    }
}

impl Handler<Request> for Supervisor {
    type Result = ResponseFuture<Result<Answer, Error>>;

    fn handle(&mut self, request: Request, ctx: &mut Self::Context) -> Self::Result {
        let id = request.profile_id;
        if id == 0 {
            if matches!(request.kind, Some(volary_proto::v1::request::Kind::MaybeNetwork(_))) {
                // Before the connections are told: names may have other addresses now.
                self.network.changed();
            }
            let (db, supervisor) = (self.db.clone(), ctx.address());
            return Box::pin(async move { registry::request(&db, &supervisor, request).await });
        }
        self.note(id, request.kind.as_ref());
        match self.profile(id) {
            Ok(profile) => {
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
