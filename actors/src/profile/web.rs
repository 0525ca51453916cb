//! What a profile asks of web servers, always through its proxy: documents for its clients, new accounts, the servers of
//! a mail domain. And the servers for media that its relays know.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use volary_engine::commands::relays;
use volary_engine::ground::error::Failure;
use volary_engine::state::{config, transports};
use volary_link::autoconfig::find_servers;
use volary_link::http::{self, Method, Request, Response};
use volary_link::{Manner, unix_now};
use volary_mail::address::{Address, shortened};
use volary_mail::autoconfig::FoundServers;
use volary_mail::calls::ice;
use volary_mail::login::{ConfiguredLogin, EnteredLogin, Protocol};
use volary_mail::proxy::ProxyUrl;
use volary_mail::qr::read_new_account;
use volary_proto::v1::{Error, HttpResponse};

use super::io;
use super::shared::Shared;
use crate::watch::run_once;

/// Largest document for a client.
const MAX_DOCUMENT: usize = 32 * 1024 * 1024;
/// Longest time for one.
const DOCUMENT_DEADLINE: Duration = Duration::from_secs(180);
/// Largest answer about a new account.
const MAX_ACCOUNT: usize = 16 * 1024;
/// Longest time for one.
const ACCOUNT_DEADLINE: Duration = Duration::from_secs(60);

/// Gets a document for a client. One that is known is given at once, and refreshed in the background when it is old.
pub async fn document(shared: &Rc<Shared>, url: &str) -> Result<HttpResponse, Error> {
    let url = http::normalised(url).map_err(failed)?;
    let known = shared.web_cache.borrow_mut().get(&url, unix_now());
    let document = match known {
        None => get(shared, &url).await?,
        Some(known) => {
            if known.is_stale {
                let shared = shared.clone();
                let refresh = async move {
                    if let Err(error) = get(&shared, &url).await {
                        tracing::debug!(profile = %shared.id, error = error.message, "a document stays as it was");
                    }
                };
                run_once("refresh", refresh);
            }
            known.document
        }
    };
    Ok(HttpResponse {
        blob: document.body.clone(),
        mimetype: document.mime.clone(),
        encoding: document.charset.clone(),
    })
}

async fn get(shared: &Rc<Shared>, url: &str) -> Result<Rc<Response>, Error> {
    let proxy = proxy(shared)?;
    let request = Request {
        method: Method::Get,
        url,
        strict: true,
        https_only: false,
        max_body: MAX_DOCUMENT,
        deadline: DOCUMENT_DEADLINE,
    };
    let answer = http::fetch(&shared.hub.network, proxy.as_deref(), &request).await;
    let document = Rc::new(answer.and_then(Response::success).map_err(failed)?);
    shared.web_cache.borrow_mut().put(document.clone(), unix_now());
    Ok(document)
}

/// Has a web address make a new account.
pub async fn new_account(shared: &Shared, url: &str) -> Result<EnteredLogin, Error> {
    let proxy = proxy(shared)?;
    let request = Request {
        method: Method::Post,
        url,
        strict: true,
        https_only: true,
        max_body: MAX_ACCOUNT,
        deadline: ACCOUNT_DEADLINE,
    };
    let answer = http::fetch(&shared.hub.network, proxy.as_deref(), &request).await.map_err(failed)?;
    let (address, password) = read_new_account(answer.is_success, &answer.body).map_err(failed)?;
    tracing::info!(profile = %shared.id, addr = shortened(address.as_str()), "a web address gave a new account");
    Ok(relays::new_login(&address, password))
}

/// Asks the domain of an address for its servers, unless the user has entered something about them.
pub async fn servers(
    shared: &Shared,
    entered: &EnteredLogin,
    how: &Manner,
    progress: impl FnMut(u32),
) -> FoundServers {
    let Ok(address) = Address::parse_exact(&entered.addr) else { return FoundServers::default() };
    if entered.names_servers() {
        return FoundServers::default();
    }
    let search = find_servers(&shared.hub.network, &address, how, progress).await;
    let addr = shortened(&entered.addr);
    for (url, reason) in &search.failures {
        // The first address names the user.
        let place = url.split('?').next().unwrap_or_default();
        tracing::debug!(profile = %shared.id, addr, place, reason, "no server settings here");
    }
    match search.source.as_deref().and_then(|url| url.split('?').next()) {
        Some(place) => {
            let (imap, smtp) = (search.servers.imap.len(), search.servers.smtp.len());
            tracing::info!(profile = %shared.id, addr, place, imap, smtp, "server settings found");
        }
        None => tracing::info!(profile = %shared.id, addr, "no server settings found, they are guessed"),
    }
    search.servers
}

/// Servers for media, as JSON: those that the relays of the profile know, else those of the settings.
pub async fn ice_servers(shared: &Shared) -> Result<String, Error> {
    let (transports, setting) = shared.db.read(|view| {
        let setting = config::get(view, shared.id, config::key::ICE_SERVERS)?.unwrap_or_default();
        Ok::<_, Failure>((transports::all(view, shared.id)?, setting))
    })?;
    let network = &shared.hub.network;
    let logins = transports
        .iter()
        .filter_map(|(_, record)| serde_json::from_str::<ConfiguredLogin>(&record.configured).ok());
    let hosts: BTreeSet<String> =
        logins.flat_map(|login| login.imap).map(|candidate| candidate.connection.host).collect();
    let infos: Vec<_> = hosts.iter().filter_map(|host| network.server_info(host)).collect();
    let entries = infos.iter().filter_map(|info| info.turn.as_deref());
    let now = unix_now();
    let servers = ice::choose(entries, &ice::from_setting(&setting), now);
    // No certificate shows that a remembered address still belongs to the host, so none is used.
    let resolved = servers.into_iter().map(|server| async move {
        let addresses =
            network.resolver().addresses(&server.host, server.port, Protocol::Imap, false, now).await;
        (server, addresses)
    });
    Ok(ice::to_json(&futures::future::join_all(resolved).await))
}

fn proxy(shared: &Shared) -> Result<Option<Arc<ProxyUrl>>, Error> {
    Ok(shared.db.read(|view| io::proxy(view, shared.id))?)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::failed(error.to_string())
}
