//! Subscriptions: what they cost, and how long a change takes from the request that asks for it to who listens.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use tokio::time::{sleep, timeout};
use tonic::Streaming;
use volary::grpc::Remote;
use volary::proto::event::Kind;
use volary::proto::{Event, SetConfig};
use volary::{Engine, EventStream};
use volary_grpc::{EventsItem, EventsRequest, events_item};

use super::figures::{Cost, Times};
use super::host::{Host, call};
use super::{CHANGES, SETTLE};
use crate::stress::failure::{Failure, PATIENCE};
use crate::stress::people;
use crate::stress::process::Reading;

/// Any number without a common factor with that of the profiles visits all of them in a mixed order.
const STRIDE: usize = 7919;

/// A frontend that listens to one profile.
pub(super) struct Frontend {
    profile: u32,
    items: Streaming<EventsItem>,
    /// One for each connection, which ends without it.
    _remote: Remote,
}

/// Frontends, and what they cost.
pub(super) struct Frontends {
    pub(super) streams: Vec<Frontend>,
    pub(super) cost: Cost,
}

/// A frontend for each profile, so many on each connection.
pub(super) async fn subscribe(host: &Host, of_connection: usize) -> Result<Frontends, Failure> {
    sleep(SETTLE).await;
    let (host_before, own_before) = (host.reading()?, Reading::own()?);
    let mut streams = Vec::new();
    for profiles in host.profiles.chunks(of_connection) {
        let remote = host.connect().await?;
        for profile in profiles {
            let asked = EventsRequest { profiles: vec![*profile], ..EventsRequest::default() };
            let items = remote.follow(asked).await;
            let items = items.map_err(|error| Failure::Call { profile: *profile, call: "Events", error })?;
            let mut frontend = Frontend { profile: *profile, items, _remote: remote.clone() };
            frontend.begins().await?;
            streams.push(frontend);
        }
    }
    sleep(SETTLE).await;
    let (host_after, own_after) = (host.reading()?, Reading::own()?);
    let count = streams.len() as f64;
    let per = |before: u64, after: u64| after.saturating_sub(before) as f64 / count;
    let cost = Cost {
        host_kib: per(host_before.anonymous_kib, host_after.anonymous_kib),
        frontend_kib: per(own_before.anonymous_kib, own_after.anonymous_kib),
        host_descriptors: per(host_before.descriptors, host_after.descriptors),
    };
    Ok(Frontends { streams, cost })
}

impl Frontend {
    async fn next(&mut self) -> Result<EventsItem, Failure> {
        let late = || Failure::Late {
            what: format!("an event for the frontend of profile {}", self.profile),
            within: PATIENCE,
        };
        let item = timeout(PATIENCE, self.items.message()).await.map_err(|_| late())?;
        let ended = |why: String| Failure::Program(format!("the events of {} ended: {why}", self.profile));
        item.map_err(|status| ended(status.to_string()))?.ok_or_else(|| ended(String::new()))
    }

    async fn begins(&mut self) -> Result<(), Failure> {
        match self.next().await?.kind {
            Some(events_item::Kind::Started(_)) => Ok(()),
            other => Err(Failure::Program(format!("a stream begins with {other:?}"))),
        }
    }

    /// Waits for the event of a change.
    async fn hears(&mut self) -> Result<(), Failure> {
        loop {
            match self.next().await?.kind {
                Some(events_item::Kind::Event(event)) if is_change(&event) => return Ok(()),
                Some(events_item::Kind::Gap(gap)) => {
                    return Err(Failure::Program(format!("profile {} misses events: {gap:?}", self.profile)));
                }
                _ => {}
            }
        }
    }
}

/// Changes one after the other, while all listen.
pub(super) async fn changes(host: &Host, frontends: &mut [Frontend]) -> Result<Times, Failure> {
    let remote = host.connect().await?;
    let mut took = Vec::with_capacity(CHANGES);
    for number in 0..CHANGES {
        let frontend = &mut frontends[number * STRIDE % host.profiles.len()];
        took.push(changed(&remote, frontend, number).await?);
    }
    Ok(Times::of(took))
}

/// A change in each profile, all at the same time.
pub(super) async fn changes_at_once(host: &Host, frontends: &mut [Frontend]) -> Result<Times, Failure> {
    let remote = host.connect().await?;
    let all = frontends.iter_mut().map(|frontend| changed(&remote, frontend, CHANGES));
    Ok(Times::of(try_join_all(all).await?))
}

/// How long it takes from the request until the frontend has heard of the change. It may hear before the request is
/// answered.
async fn changed(remote: &Remote, frontend: &mut Frontend, number: usize) -> Result<Duration, Failure> {
    let profile = frontend.profile;
    let begin = Instant::now();
    let hearing = async {
        frontend.hears().await?;
        Ok::<_, Failure>(begin.elapsed())
    };
    let (_, took) = futures::try_join!(call(remote, profile, change(number)), hearing)?;
    Ok(took)
}

/// A subscription of each profile, and KiB of each.
pub(super) fn subscribe_in_process(
    engine: &Engine,
    profiles: &[u32],
) -> Result<(f64, Vec<EventStream>), Failure> {
    let before = Reading::own()?.anonymous_kib;
    let streams: Vec<_> = profiles.iter().map(|profile| engine.events_of(*profile)).collect();
    let more = Reading::own()?.anonymous_kib.saturating_sub(before);
    Ok((more as f64 / streams.len() as f64, streams))
}

/// As [`changes`], without a socket.
pub(super) async fn changes_in_process(
    engine: &Engine,
    profiles: &[u32],
    streams: &mut [EventStream],
) -> Result<Times, Failure> {
    let mut took = Vec::with_capacity(CHANGES);
    for number in 0..CHANGES {
        let at = number * STRIDE % profiles.len();
        let begin = Instant::now();
        let hearing = async {
            while let Some(event) = streams[at].next().await {
                if is_change(&event) {
                    return Ok(begin.elapsed());
                }
            }
            Err(Failure::Program("the engine has ended".to_owned()))
        };
        let (_, after) = futures::try_join!(people::call(engine, profiles[at], change(number)), hearing)?;
        took.push(after);
    }
    Ok(Times::of(took))
}

fn change(number: usize) -> SetConfig {
    SetConfig { key: "displayname".to_owned(), value: Some(format!("Name {number}")) }
}

fn is_change(event: &Event) -> bool {
    matches!(event.kind, Some(Kind::AccountsItemChanged(_)))
}
