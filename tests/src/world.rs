//! Relay, engine and files of one test.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use volary::{Engine, EngineOptions};
use volary_proto::{
    AddAccount, AddOrUpdateTransport, CertificateChecks, EnteredLoginParam, SetConfig, Socket,
    StartIoForAllAccounts,
};
use volary_relay::{AccountRules, Relay, RelayConfig};

use crate::clock::WallClock;
use crate::door::Door;
use crate::line::Line;
use crate::log::Logs;
use crate::person::Person;

/// Domain of those who do not ask for another one. The underscore tells clients that its certificate is self-signed.
const DOMAIN: &str = "_one.test";
/// A second domain of the same relay, for profiles with two addresses.
const SECOND_DOMAIN: &str = "_two.test";
/// Host of the relay: no name needs to be resolved.
pub(crate) const HOST: &str = "127.0.0.1";
/// Password of everybody.
const PASSWORD: &str = "correct horse";

/// One relay, one engine, and the people in it.
pub struct World {
    /// The relay of all addresses.
    pub relay: Relay,
    /// The engine of all profiles.
    pub engine: Engine,
    logs: Logs,
    files: TempDir,
}

/// Where a relay listens for one transport.
#[derive(Clone, Copy)]
struct Ports {
    imap: u16,
    smtp: u16,
    socket: Socket,
}

/// Realtime channels stay on this machine.
fn options(dir: PathBuf) -> EngineOptions {
    EngineOptions { on_loopback: true, ..EngineOptions::new(dir) }
}

impl World {
    /// An empty world.
    pub async fn new() -> Self {
        Self::with_clock(WallClock::default()).await
    }

    /// An empty world in which a test sets the time.
    pub async fn with_clock(clock: WallClock) -> Self {
        let files = tempfile::tempdir().expect("a folder for files");
        let relay = World::relay().await;
        let options = EngineOptions { clock: Arc::new(clock), ..options(files.path().join("engine")) };
        let engine = Engine::start(options).await.expect("the engine starts");
        let logs = Logs::default();
        logs.keep(engine.events());
        Self { relay, engine, logs, files }
    }

    /// A relay for people with any name.
    pub async fn relay() -> Relay {
        let config = RelayConfig {
            domains: vec![DOMAIN.to_owned(), SECOND_DOMAIN.to_owned()],
            accounts: AccountRules::relaxed(),
            ..RelayConfig::default()
        };
        Relay::start(config).await.expect("the relay starts")
    }

    /// Somebody new with an address on the relay.
    pub async fn person(&self, name: &str) -> Person {
        let person = self.newcomer(name).await;
        person.logs_in(&self.login(name)).await;
        person
    }

    /// Somebody new who reaches the relay through a door.
    pub async fn person_behind(&self, door: &Door, name: &str) -> Person {
        let person = self.newcomer(name).await;
        person.logs_in(&login(name, DOMAIN, door.into())).await;
        person
    }

    /// Somebody new with two addresses, each behind a door of its own.
    pub async fn person_behind_two(&self, first: &Door, second: &Door, name: &str) -> Person {
        let person = self.person_behind(first, name).await;
        person.logs_in(&login(name, SECOND_DOMAIN, second.into())).await;
        person
    }

    /// Somebody new who reaches the relay over a line.
    pub async fn person_on(&self, line: &Line, name: &str) -> Person {
        let person = self.newcomer(name).await;
        let ports = Ports { imap: line.imap.port(), smtp: line.smtp.port(), socket: Socket::Plain };
        person.logs_in(&login(name, DOMAIN, ports)).await;
        person
    }

    /// How somebody of that name logs in directly.
    pub fn login(&self, name: &str) -> EnteredLoginParam {
        login_at(&self.relay, name)
    }

    /// A door to the relay.
    pub async fn door(&self) -> Door {
        Door::open(&self.relay).await
    }

    /// A line to the relay.
    pub async fn line(&self) -> Line {
        Line::to(&self.relay).await
    }

    /// A file to send.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, bytes).expect("the file is written");
        path
    }

    /// Folder of the engine.
    pub fn dir(&self) -> &Path {
        self.engine.dir()
    }

    /// Takes the relay off the network.
    pub async fn relay_goes_down(&self) {
        self.relay.set_down(true).await;
    }

    /// Puts the relay back on the network.
    pub async fn relay_comes_up(&self) {
        self.relay.set_down(false).await;
    }

    /// Stops the engine and starts it again on the same folder, connected.
    pub async fn restarts_engine<const N: usize>(self, people: [Person; N]) -> (Self, [Person; N]) {
        self.restarts_engine_after(people, async |_, _| {}).await
    }

    /// The same; `meanwhile` happens while the folder is free.
    pub async fn restarts_engine_after<const N: usize>(
        self,
        people: [Person; N],
        meanwhile: impl AsyncFnOnce(&Relay, &Path),
    ) -> (Self, [Person; N]) {
        let Self { relay, engine, files, .. } = self;
        let dir = engine.dir().to_owned();
        engine.stop().await;
        let known = people.map(|person| (person.name.clone(), person.address.clone(), person.profile));
        // The folder is free when the last handle is gone.
        drop(engine);
        meanwhile(&relay, &dir).await;
        let engine = Engine::start(options(dir)).await.expect("the engine starts again");
        let logs = Logs::default();
        logs.keep(engine.events());
        engine.call(0, StartIoForAllAccounts {}).await.expect("all profiles connect");
        let people = known.map(|(name, address, profile)| {
            Person::new(&name, &address, profile, engine.clone(), logs.of(profile))
        });
        (Self { relay, engine, logs, files }, people)
    }

    /// Ends everything in order.
    pub async fn ends(self) {
        self.engine.stop().await;
        self.relay.stop().await;
    }

    /// Somebody new in another engine, with an address on the relay.
    pub async fn person_at(&self, engine: &Engine, name: &str) -> Person {
        Person::settles_at(engine, name, &self.login(name)).await
    }

    /// Somebody new without an address.
    pub async fn newcomer(&self, name: &str) -> Person {
        let profile = self.engine.call(0, AddAccount {}).await.expect("a profile is added").id;
        let log = self.logs.of(profile);
        let person = Person::new(name, &address(name, DOMAIN), profile, self.engine.clone(), log);
        person.is_named(name).await;
        person
    }
}

impl Person {
    /// Somebody new in any engine, with that login.
    pub async fn settles_at(engine: &Engine, name: &str, login: &EnteredLoginParam) -> Self {
        let profile = engine.call(0, AddAccount {}).await.expect("a profile is added").id;
        let person = Self::known_in(engine, name, &login.addr, profile);
        person.is_named(name).await;
        person.logs_in(login).await;
        person
    }

    /// Somebody who exists in an engine already.
    pub fn known_in(engine: &Engine, name: &str, address: &str, profile: u32) -> Self {
        let logs = Logs::default();
        logs.keep(engine.events());
        Self::new(name, address, profile, engine.clone(), logs.of(profile))
    }

    async fn is_named(&self, name: &str) {
        self.call(SetConfig { key: "displayname".to_owned(), value: Some(name.to_owned()) }).await;
    }

    /// Adds or changes a transport and connects.
    pub async fn logs_in(&self, login: &EnteredLoginParam) {
        self.call(AddOrUpdateTransport { param: Some(login.clone()) }).await;
    }
}

impl From<&Door> for Ports {
    fn from(door: &Door) -> Self {
        Self { imap: door.imap_port(), smtp: door.smtp_port(), socket: Socket::Ssl }
    }
}

/// How somebody of that name logs in at a relay.
pub fn login_at(relay: &Relay, name: &str) -> EnteredLoginParam {
    let ports = Ports { imap: relay.imap_tls_port(), smtp: relay.smtp_tls_port(), socket: Socket::Ssl };
    login(name, DOMAIN, ports)
}

fn address(name: &str, domain: &str) -> String {
    format!("{}@{domain}", name.to_lowercase())
}

fn login(name: &str, domain: &str, ports: Ports) -> EnteredLoginParam {
    EnteredLoginParam {
        addr: address(name, domain),
        password: PASSWORD.to_owned(),
        imap_server: Some(HOST.to_owned()),
        imap_port: Some(ports.imap.into()),
        imap_security: Some(ports.socket.into()),
        smtp_server: Some(HOST.to_owned()),
        smtp_port: Some(ports.smtp.into()),
        smtp_security: Some(ports.socket.into()),
        certificate_checks: Some(CertificateChecks::AcceptInvalidCertificates.into()),
        ..Default::default()
    }
}
