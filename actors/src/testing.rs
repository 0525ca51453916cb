//! What tests of actors stand on: a hub over a fresh database, and profiles in it.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor as _, Addr, Arbiter};
use tempfile::TempDir;
use volary_proto::v1::{AddPseudoTransport, Answer, Error, Request, request};
use volary_storage::{Options, Store};

use crate::hub::Hub;
use crate::pool::Pool;
use crate::profile::Profile;
use crate::supervisor::{GetRunning, Supervisor, reconnect};
use volary_engine::commands::process;
use volary_engine::ground::clock::SystemClock;
use volary_engine::ground::ids::ProfileId;
use volary_engine::state::transports;
use volary_link::configure::{FoundServers, try_transport};
use volary_link::{Network, Route, Success, unix_now};
use volary_mail::login::{
    CertificateChecks, ConfiguredLogin, EnteredImap, EnteredLogin, EnteredSecurity, EnteredSmtp, Protocol,
};
use volary_relay::{AccountRules, Relay, RelayConfig};

/// Longest time that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running supervisor.
pub struct House {
    pub hub: Hub,
    pub supervisor: Addr<Supervisor>,
    _dir: TempDir,
}

impl House {
    /// Without profiles.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Options::default()).unwrap();
        let pool = Pool::new(2).unwrap();
        let network = reconnect::network().unwrap();
        let hub = Hub::new(store, dir.path().to_owned(), Arc::new(SystemClock), pool, network);
        let supervisor = Supervisor::new(hub.clone(), vec![Arbiter::new()]).start();
        Self { hub, supervisor, _dir: dir }
    }

    /// A new profile with a transport whose connection has nobody to talk to.
    pub async fn profile(&self, addr: &str) -> ProfileId {
        let id = process::add(&self.hub.db).await.unwrap();
        self.gets_transport(id, addr).await;
        id
    }

    /// One more transport, like the first.
    pub async fn gets_transport(&self, profile: ProfileId, addr: &str) {
        self.asks(profile, AddPseudoTransport { addr: addr.to_owned() }).await.unwrap();
        let login = ConfiguredLogin {
            addr: addr.to_owned(),
            imap: Vec::new(),
            imap_folder: None,
            imap_user: String::new(),
            imap_password: String::new(),
            smtp: Vec::new(),
            smtp_user: String::new(),
            smtp_password: String::new(),
            certificate_checks: CertificateChecks::Automatic,
            oauth2: false,
        };
        self.logs_in(profile, &login).await;
    }

    /// The newest transport of a profile logs in like that.
    pub async fn logs_in(&self, profile: ProfileId, login: &ConfiguredLogin) {
        let configured = serde_json::to_string(login).unwrap();
        let stored = self.hub.db.transact(profile, move |tx| {
            let newest = transports::all(tx.store, tx.profile)?.last().unwrap().0;
            transports::update(tx, newest, |record| record.configured = configured)
        });
        stored.await.unwrap();
    }

    /// Sends a request.
    pub async fn asks(&self, profile: ProfileId, kind: impl Into<request::Kind>) -> Result<Answer, Error> {
        self.supervisor.send(Request::new(profile.get(), kind)).await.unwrap()
    }

    /// The actors of profiles that run.
    pub async fn running(&self) -> Vec<Addr<Profile>> {
        self.supervisor.send(GetRunning).await.unwrap()
    }
}

/// An embedded relay that takes everything.
pub async fn relay(domain: &str) -> Relay {
    let config = RelayConfig {
        allow_unencrypted: true,
        accounts: AccountRules::relaxed(),
        ..RelayConfig::for_domain(domain)
    };
    Relay::start(config).await.unwrap()
}

/// Makes the domains of a relay, unknown to any name server, lead to the relay.
pub fn leads_to(network: &Network, relay: &Relay) {
    let ports = [
        (relay.imap_tls_port(), Protocol::Imap),
        (relay.imap_starttls_port(), Protocol::Imap),
        (relay.smtp_tls_port(), Protocol::Smtp),
        (relay.smtp_starttls_port(), Protocol::Smtp),
    ];
    for host in relay.domains() {
        for (port, protocol) in ports {
            let route = Route { host: host.clone(), port, protocol, ip: [127, 0, 0, 1].into() };
            network.resolver().remember(route, Success { at: unix_now(), strict: true });
        }
    }
}

/// What a user enters to log in at a relay.
pub fn entered(relay: &Relay, user: &str, starttls: bool) -> EnteredLogin {
    let (imap_port, smtp_port, security) = match starttls {
        true => (relay.imap_starttls_port(), relay.smtp_starttls_port(), EnteredSecurity::Starttls),
        false => (relay.imap_tls_port(), relay.smtp_tls_port(), EnteredSecurity::Ssl),
    };
    let host = relay.domains()[0].clone();
    EnteredLogin {
        addr: format!("{user}@{host}"),
        imap: EnteredImap {
            server: host.clone(),
            port: imap_port,
            security,
            password: "long enough".into(),
            ..EnteredImap::default()
        },
        smtp: EnteredSmtp { server: host, port: smtp_port, security, ..EnteredSmtp::default() },
        ..EnteredLogin::default()
    }
}

/// Finds out how to log in.
pub async fn configured(network: &Network, entered: &EnteredLogin) -> Result<ConfiguredLogin, String> {
    let mut steps = Vec::new();
    let result =
        try_transport(network, entered, &FoundServers::default(), None, |step| steps.push(step)).await;
    if result.is_ok() {
        assert_eq!(steps, [500, 550, 600, 850, 900]);
    }
    result.map(|tried| tried.login).map_err(|error| error.to_string())
}

/// Waits until something is the case.
pub async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("waited in vain");
}
