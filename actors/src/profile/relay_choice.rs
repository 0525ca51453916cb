//! Relays that a profile takes by itself: the fastest of a list when it has none, further ones while it is idle.

use std::rc::Rc;

use actix::Addr;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use rand::seq::SliceRandom as _;
use volary_engine::commands::{relay_choice as choice, relays};
use volary_engine::ground::error::{Failure, Outcome};
use volary_engine::state::config;
use volary_link::reach::reaches;
use volary_mail::securejoin::Invite;
use volary_proto::v1::Error;

use super::shared::Shared;
use super::transports::{Trial, exclusively, try_and_store};
use super::{Profile, io};

/// What public relays serve besides mail, and what networks rarely block.
const PROBED_PORT: u16 = 443;

/// Makes an account on the relay that answers first, the relays of an invite among them.
pub async fn first(
    shared: &Rc<Shared>,
    profile: &Addr<Profile>,
    invite: Option<&Invite>,
) -> Result<(), Error> {
    let setting = shared.db.look(|view| config::get(view, shared.id, config::key::AUTORELAY_HOSTS))?;
    let hosts = choice::candidates(&setting.unwrap_or_default(), invite);
    exclusively(shared, profile, fastest(shared, hosts)).await
}

async fn fastest(shared: &Rc<Shared>, hosts: Vec<String>) -> Result<(), String> {
    let proxy = shared.db.read(|view| io::proxy(view, shared.id)).map_err(|error| error.to_string())?;
    let network = &shared.hub.network;
    let mut answers: FuturesUnordered<_> = hosts
        .into_iter()
        .map(|host| {
            let proxy = proxy.as_deref();
            async move { reaches(network, proxy, &host, PROBED_PORT).await.then_some(host) }
        })
        .collect();
    let mut refusal = None;
    while let Some(answer) = answers.next().await {
        let Some(host) = answer else { continue };
        tracing::info!(profile = %shared.id, relay = host, "a relay answered and is tried");
        match try_new(shared, &host, true).await {
            Ok(()) => {
                let switched = shared.db.transact(shared.id, choice::switch_on).await;
                return switched.map(|_| ()).map_err(|error| error.to_string());
            }
            Err(reason) => {
                refusal.get_or_insert(reason);
            }
        }
    }
    Err(refusal
        .unwrap_or_else(|| "No relay can be reached. Please check your internet connection.".to_owned()))
}

async fn try_new(shared: &Rc<Shared>, host: &str, is_shown: bool) -> Result<(), String> {
    let login = relays::drawn_login(host).map_err(|error| error.message)?;
    try_and_store(shared, Trial::drawn(login, is_shown)).await
}

/// Nothing is under way: the time for a further relay, if one is wanted.
pub async fn add_more(shared: Rc<Shared>, profile: Addr<Profile>) {
    if shared.choosing_relay.replace(true) {
        return;
    }
    match add_some(&shared).await {
        Ok(true) => io::reconnect(&shared, &profile).await,
        Ok(false) => {}
        Err(error) => tracing::error!(profile = %shared.id, %error, "no relay can be added"),
    }
    shared.choosing_relay.set(false);
}

/// One round. Tells whether a relay was added.
async fn add_some(shared: &Rc<Shared>) -> Outcome<bool> {
    // Read first and alone: most profiles want none.
    if !shared.db.look(|view| config::flag(view, shared.id, config::key::AUTORELAY))? {
        return Ok(false);
    }
    let load = || shared.db.look(|view| choice::Choice::load(view, shared.id));
    if !load()?.is_due(shared.db.now()) {
        return Ok(false);
    }
    shared.db.transact(shared.id, choice::begin).await?;
    let mut added = false;
    for _ in 0..choice::TRIES {
        let hosts = match load()?.next(shared.db.now()) {
            choice::Next::OneOf(hosts) if shared.io.get() => hosts,
            choice::Next::OneOf(_) | choice::Next::Nothing => break,
            choice::Next::Finish => {
                shared.db.transact(shared.id, choice::finish).await?;
                break;
            }
        };
        let Some(host) = hosts.choose(&mut rand::thread_rng()).cloned() else { break };
        let noted = host.clone();
        shared.db.transact(shared.id, move |tx| Ok::<_, Failure>(choice::note_try(tx, &noted)?)).await?;
        match try_new(shared, &host, false).await {
            Ok(()) => {
                tracing::info!(profile = %shared.id, relay = host, "a relay was added");
                added = true;
            }
            Err(reason) => {
                tracing::info!(profile = %shared.id, relay = host, reason, "a relay was not added")
            }
        }
    }
    Ok(added)
}
