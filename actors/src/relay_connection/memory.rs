//! What the network learned, kept over restarts of the process: keys of hosts, and the routes that worked.

use std::collections::HashMap;

use volary_storage::records::{HostKeyRecord, RouteRecord};
use volary_storage::tables::{HOST_KEYS, ROUTES};
use volary_storage::{StoreError, View, WriteTx};

use volary_link::resolve::HISTORY_LIFE;
use volary_link::tls::KeyHash;
use volary_link::{Network, Route, Success};
use volary_mail::login::Protocol;

fn number(protocol: Protocol) -> u32 {
    match protocol {
        Protocol::Imap => 1,
        Protocol::Smtp => 2,
    }
}

fn protocol(number: u32) -> Option<Protocol> {
    match number {
        1 => Some(Protocol::Imap),
        2 => Some(Protocol::Smtp),
        _ => None,
    }
}

/// Brings what is stored back to mind. What is too old is left out; a time in the future becomes now.
pub fn load(view: &impl View, network: &Network, now: i64) -> Result<(), StoreError> {
    let oldest = now.saturating_sub(HISTORY_LIFE);
    for row in view.scan_prefix(&ROUTES, &())? {
        let ((host, port, kind, ip), record) = row?;
        let (Ok(port), Some(protocol), Ok(ip)) = (u16::try_from(port), protocol(kind), ip.parse()) else {
            continue;
        };
        if record.time >= oldest {
            let success = Success { at: record.time.min(now), strict: record.strict };
            network.resolver().remember(Route { host, port, protocol, ip }, success);
        }
    }
    for row in view.scan_prefix(&HOST_KEYS, &())? {
        let (host, record) = row?;
        if let (Ok(key), true) = (KeyHash::try_from(record.hash.as_slice()), record.time >= oldest) {
            network.tls().keys().remember(&host, key);
        }
    }
    Ok(())
}

/// Stores what is in mind, in place of what was stored; what is too old is forgotten.
pub fn save(tx: &mut WriteTx<'_>, network: &Network, now: i64) -> Result<(), StoreError> {
    let oldest = now.saturating_sub(HISTORY_LIFE);
    // A key was last seen when its host was last reached with the certificate checked.
    let mut seen: HashMap<String, i64> = HashMap::new();
    tx.remove_prefix(&ROUTES, &())?;
    for (route, success) in network.resolver().history() {
        let time = success.at.min(now);
        if time < oldest {
            continue;
        }
        if success.strict {
            let last = seen.entry(route.host.clone()).or_insert(time);
            *last = time.max(*last);
        }
        let key = (route.host, u32::from(route.port), number(route.protocol), route.ip.to_string());
        tx.put(&ROUTES, &key, &RouteRecord { time, strict: success.strict })?;
    }
    tx.remove_prefix(&HOST_KEYS, &())?;
    for (host, hash) in network.tls().keys().all() {
        if let Some(time) = seen.get(&host) {
            tx.put(&HOST_KEYS, &host, &HostKeyRecord { hash: hash.to_vec(), time: *time })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use volary_storage::{Options, Store};

    use super::*;

    const NOW: i64 = 1_750_000_000;

    fn route(host: &str, protocol: Protocol) -> Route {
        Route { host: host.to_owned(), port: 993, protocol, ip: [192, 0, 2, 7].into() }
    }

    async fn stored(store: &Store, network: &std::sync::Arc<Network>, now: i64) {
        let network = network.clone();
        store.write(move |tx| save(tx, &network, now)).await.unwrap();
    }

    fn recalled(store: &Store, now: i64) -> std::sync::Arc<Network> {
        let network = Network::with_defaults().unwrap();
        store.read(|view| load(view, &network, now)).unwrap();
        network
    }

    #[tokio::test]
    async fn what_worked_is_known_after_a_restart_for_a_month() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Options::default()).unwrap();
        let network = Network::with_defaults().unwrap();
        let (checked, unchecked) = (route("a.test", Protocol::Imap), route("b.test", Protocol::Smtp));
        network.resolver().remember(checked.clone(), Success { at: NOW, strict: true });
        network.resolver().remember(unchecked.clone(), Success { at: NOW - 5, strict: false });
        network.tls().keys().remember("a.test", [7; 32]);
        network.tls().keys().remember("never-reached.test", [8; 32]);
        stored(&store, &network, NOW).await;

        let later = recalled(&store, NOW + HISTORY_LIFE);
        assert_eq!(later.resolver().history(), [(checked.clone(), Success { at: NOW, strict: true })]);
        assert_eq!(later.tls().keys().all(), [("a.test".to_owned(), [7; 32])]);
        let much_later = recalled(&store, NOW + HISTORY_LIFE + 1);
        assert!(much_later.resolver().history().is_empty() && much_later.tls().keys().all().is_empty());

        // A clock that was ahead of the time.
        let back = recalled(&store, NOW - 100);
        assert!(back.resolver().history().contains(&(unchecked, Success { at: NOW - 100, strict: false })));
        stored(&store, &much_later, NOW).await;
        assert!(recalled(&store, NOW).resolver().history().is_empty(), "what is forgotten is not kept");
    }
}
