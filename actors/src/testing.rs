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
use volary_mail::login::{CertificateChecks, ConfiguredLogin};

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
        let configured = serde_json::to_string(&login).unwrap();
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

/// Waits until something is the case.
pub async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("waited in vain");
}
