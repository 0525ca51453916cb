//! From host names to addresses, and what worked before. One memory for the whole process.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::time::timeout;

use volary_mail::login::{Candidate, Protocol};

/// Longest time for a question to the resolver of the system.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(60);
/// A result older than this is refreshed in the background when it is used.
const REFRESH_AFTER: Duration = Duration::from_secs(60);
/// A failed question is not repeated earlier than this, however many connections ask.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// What worked is remembered for this long, in seconds.
pub const HISTORY_LIFE: i64 = 30 * 24 * 3600;
/// Most addresses tried for one host.
pub const MAX_ADDRESSES: usize = 10;
/// Most remembered addresses taken into account.
const MAX_CACHED: usize = 50;
/// Most hosts remembered.
const MAX_HOSTS: usize = 10_000;
/// Most remembered connections.
const MAX_HISTORY: usize = 20_000;

/// A connection that worked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    /// Host name.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Protocol spoken.
    pub protocol: Protocol,
    /// Address.
    pub ip: IpAddr,
}

/// When a route last worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Success {
    /// Unix time.
    pub at: i64,
    /// The certificate was checked, so the address did belong to the host.
    pub strict: bool,
}

/// Resolver with memory.
#[derive(Debug, Default)]
pub struct Resolver {
    hosts: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Host>>>>,
    history: Mutex<HashMap<Route, Success>>,
}

#[derive(Debug, Default)]
struct Host {
    addresses: Vec<IpAddr>,
    asked: Option<Instant>,
}

impl Resolver {
    /// Addresses to try for a host, best first. Remembered ones are used only when the certificate will be checked.
    pub async fn addresses(
        self: &Arc<Self>,
        host: &str,
        port: u16,
        protocol: Protocol,
        strict: bool,
        now: i64,
    ) -> Vec<IpAddr> {
        if let Ok(ip) = host.parse() {
            return vec![ip];
        }
        let resolved = self.resolve(host).await;
        let history = self.history.lock();
        let last_use = |ip: &IpAddr| {
            let route = Route { host: host.to_string(), port, protocol, ip: *ip };
            history.get(&route).map(|success| success.at)
        };
        let mut remembered: Vec<(IpAddr, i64)> = Vec::new();
        if strict {
            for (route, success) in history.iter() {
                if route.host == host && success.strict && success.at.saturating_add(HISTORY_LIFE) >= now {
                    let at = last_use(&route.ip).unwrap_or(i64::MIN).max(success.at);
                    remembered.push((route.ip, at));
                }
            }
            remembered.sort_by_key(|(ip, at)| (std::cmp::Reverse(*at), *ip));
        }
        merge(resolved, last_use, remembered.into_iter().map(|(ip, _)| ip).take(MAX_CACHED))
    }

    /// Asks the system, with a memory: a known result is returned at once and refreshed in the background. Empty if
    /// the system knows nothing.
    async fn resolve(self: &Arc<Self>, host: &str) -> Vec<IpAddr> {
        let entry = {
            let mut hosts = self.hosts.lock();
            if hosts.len() >= MAX_HOSTS && !hosts.contains_key(host) {
                make_room(&mut hosts);
            }
            hosts.entry(host.to_string()).or_default().clone()
        };
        // Simultaneous questions for the same host wait here for the first one.
        let mut known = entry.lock().await;
        if known.addresses.is_empty() {
            if known.asked.is_none_or(|at| at.elapsed() > RETRY_AFTER) {
                let found = lookup(host).await;
                known.asked = Some(Instant::now());
                known.addresses = found.unwrap_or_default();
            }
        } else if known.asked.is_none_or(|at| at.elapsed() > REFRESH_AFTER) {
            known.asked = Some(Instant::now());
            let (entry, host) = (entry.clone(), host.to_string());
            tokio::spawn(async move {
                if let Ok(addresses) = lookup(&host).await {
                    entry.lock().await.addresses = addresses;
                }
            });
        }
        known.addresses.clone()
    }

    /// A connection over this route stands.
    pub fn remember(&self, route: Route, success: Success) {
        let mut history = self.history.lock();
        if history.len() >= MAX_HISTORY && !history.contains_key(&route) {
            let oldest = success.at.saturating_sub(HISTORY_LIFE);
            history.retain(|_, known| known.at >= oldest);
            if history.len() >= MAX_HISTORY {
                let least = history.iter().min_by_key(|(_, known)| known.at).map(|(route, _)| route.clone());
                least.map(|route| history.remove(&route));
            }
        }
        history.insert(route, success);
    }

    /// Everything that worked, for storing it.
    pub fn history(&self) -> Vec<(Route, Success)> {
        self.history.lock().iter().map(|(route, success)| (route.clone(), *success)).collect()
    }

    /// Candidates in the order in which they are tried: what worked last comes first.
    pub fn by_experience(&self, protocol: Protocol, candidates: &[Candidate]) -> Vec<Candidate> {
        let history = self.history.lock();
        let last_use = |candidate: &Candidate| {
            let endpoint = &candidate.connection;
            history
                .iter()
                .filter(|(route, _)| {
                    route.protocol == protocol && route.port == endpoint.port && route.host == endpoint.host
                })
                .map(|(_, success)| success.at)
                .max()
        };
        let mut sorted = candidates.to_vec();
        sorted.sort_by_cached_key(|candidate| std::cmp::Reverse(last_use(candidate)));
        sorted
    }

    /// Results of the resolver may be wrong now.
    pub(super) fn forget_lookups(&self) {
        self.hosts.lock().clear();
    }

    /// Whether the system was asked for this host, and the answer is still used.
    pub fn remembers(&self, host: &str) -> bool {
        self.hosts.lock().contains_key(host)
    }
}

/// Removes one entry, whichever.
pub(super) fn make_room<K: Clone + Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>) {
    if let Some(key) = map.keys().next().cloned() {
        map.remove(&key);
    }
}

async fn lookup(host: &str) -> io::Result<Vec<IpAddr>> {
    let found = timeout(LOOKUP_TIMEOUT, tokio::net::lookup_host((host, 0)))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "timed out"))??;
    let mut addresses = Vec::new();
    for address in found.take(MAX_CACHED) {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    Ok(addresses)
}

/// First two results of the resolver, then what is remembered, then the other results.
fn merge(
    mut resolved: Vec<IpAddr>,
    last_use: impl Fn(&IpAddr) -> Option<i64>,
    remembered: impl Iterator<Item = IpAddr>,
) -> Vec<IpAddr> {
    resolved.sort_by_cached_key(|ip| std::cmp::Reverse(last_use(ip)));
    let rest = resolved.split_off(resolved.len().min(2));
    let mut out: Vec<IpAddr> = Vec::new();
    for ip in resolved.into_iter().chain(remembered).chain(rest) {
        if !out.contains(&ip) && out.len() < MAX_ADDRESSES {
            out.push(ip);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use volary_mail::login::{Endpoint, Security};

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn remembered_addresses_come_after_the_first_two_results() {
        let merged = merge(vec![ip(1), ip(2), ip(3), ip(4)], |_| None, [ip(9), ip(2)].into_iter());
        assert_eq!(merged, [ip(1), ip(2), ip(9), ip(3), ip(4)]);
    }

    #[test]
    fn the_address_that_worked_last_comes_first() {
        let merged = merge(vec![ip(1), ip(2), ip(3)], |a| (*a == ip(3)).then_some(5), std::iter::empty());
        assert_eq!(merged, [ip(3), ip(1), ip(2)]);
    }

    #[tokio::test]
    async fn without_certificate_checks_nothing_remembered_is_used() {
        let resolver = Arc::new(Resolver::default());
        let route =
            Route { host: "no-such-host.invalid".into(), port: 993, protocol: Protocol::Imap, ip: ip(7) };
        resolver.remember(route, Success { at: 100, strict: true });
        assert_eq!(resolver.addresses("no-such-host.invalid", 993, Protocol::Imap, true, 200).await, [ip(7)]);
        assert!(resolver.addresses("no-such-host.invalid", 993, Protocol::Imap, false, 200).await.is_empty());
        let late = 200 + HISTORY_LIFE;
        assert!(resolver.addresses("no-such-host.invalid", 993, Protocol::Imap, true, late).await.is_empty());
    }

    #[tokio::test]
    async fn many_questions_about_an_unknown_host_ask_the_system_once() {
        let resolver = Arc::new(Resolver::default());
        let questions = (0..200).map(|_| resolver.resolve("no-such-host.invalid"));
        assert!(futures::future::join_all(questions).await.iter().all(Vec::is_empty));
        let entry = resolver.hosts.lock()["no-such-host.invalid"].clone();
        let first = entry.lock().await.asked;
        assert!(resolver.resolve("no-such-host.invalid").await.is_empty());
        assert_eq!(entry.lock().await.asked, first, "the failure is remembered for a while");
    }

    #[test]
    fn a_full_history_forgets_what_is_oldest_and_nothing_else() {
        let resolver = Resolver::default();
        let route =
            |port: usize| Route { host: format!("h{port}"), port: 993, protocol: Protocol::Imap, ip: ip(1) };
        let known = |port: usize| resolver.history.lock().contains_key(&route(port));
        let success = |at: usize| Success { at: i64::try_from(at).unwrap() + HISTORY_LIFE, strict: true };
        for port in 0..MAX_HISTORY {
            resolver.remember(route(port), success(port));
        }
        resolver.remember(route(5), success(MAX_HISTORY));
        assert!(known(0), "a route that is known already needs no room");
        resolver.remember(route(MAX_HISTORY), success(MAX_HISTORY));
        assert_eq!(resolver.history.lock().len(), MAX_HISTORY);
        assert!(!known(0) && known(1) && known(MAX_HISTORY));
        // A month later most of it is of no use any more.
        let late = Success { at: success(MAX_HISTORY - 10).at + HISTORY_LIFE, strict: true };
        resolver.remember(route(MAX_HISTORY + 1), late);
        assert!(known(MAX_HISTORY + 1) && known(MAX_HISTORY) && known(5) && !known(6));
    }

    #[tokio::test]
    async fn a_changed_network_asks_for_addresses_again() {
        let network = crate::Network::with_defaults().unwrap();
        network.resolver().resolve("no-such-host.invalid").await;
        assert!(network.resolver().remembers("no-such-host.invalid"));
        network.changed();
        assert!(!network.resolver().remembers("no-such-host.invalid"));
    }

    #[test]
    fn the_candidate_that_worked_comes_first() {
        let candidate = |host: &str| Candidate {
            connection: Endpoint { host: host.into(), port: 993, security: Security::Tls },
            user: "u".into(),
        };
        let resolver = Resolver::default();
        let route = Route { host: "b".into(), port: 993, protocol: Protocol::Imap, ip: ip(1) };
        resolver.remember(route, Success { at: 1, strict: true });
        let order = resolver.by_experience(Protocol::Imap, &[candidate("a"), candidate("b"), candidate("c")]);
        let hosts: Vec<_> = order.iter().map(|c| c.connection.host.as_str()).collect();
        assert_eq!(hosts, ["b", "a", "c"]);
    }
}
