//! What a host offers to other programs.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use volary::Engine;
use volary::access::Tokens;
use volary::apps::Apps;
use volary::control::Control;
use volary::event_log::EventLog;
use volary::grpc::{Grpc, GrpcError, LogLevel};
use volary::websocket::WebSockets;

use super::metrics::{Host, Metrics, Recorder, Source};
use super::settings::Settings;
use super::{Opened, serve_control};
use crate::process::failure::Failure;
use crate::process::log::Level;

/// Everything that other programs reach.
pub(super) struct Interfaces {
    bus: Grpc<Engine>,
    control: Option<Control>,
    apps: Option<ServedApps>,
    clients: Option<WebSockets>,
    metrics: Option<Metrics>,
}

impl Interfaces {
    /// Starts all that the settings name.
    pub(super) async fn start(
        engine: &Engine,
        log: &EventLog,
        settings: &Settings,
        socket: Opened,
        level: Level,
        recorder: Recorder,
    ) -> Result<Self, Failure> {
        let bus = bus(engine, log, settings, socket, level.clone()).await?;
        let control = serve_control(engine);
        let apps = match settings.apps {
            Some(port) => Some(ServedApps::start(engine, port).await?),
            None => None,
        };
        let clients = match settings.websocket.clone() {
            Some(options) => {
                Some(WebSockets::start(engine.clone(), Tokens::of(engine.dir()), options).await?)
            }
            None => None,
        };
        let metrics = match settings.metrics {
            Some(address) => {
                let source = Source { engine: engine.clone(), recorder, host: Host::new(level) };
                Some(Metrics::start(address, source).await?)
            }
            None => None,
        };
        Ok(Self { bus, control, apps, clients, metrics })
    }

    /// Reads again what can change while they run. Addresses cannot.
    pub(super) fn reload(&self) {
        let bus = self.bus.reload_tls();
        let clients = self.clients.as_ref().map_or(Ok(()), WebSockets::reload_tls);
        for error in [bus.err(), clients.err()].into_iter().flatten() {
            tracing::error!(%error, "the certificate stays as it is");
        }
    }

    /// Ends all but the bus.
    pub(super) fn close(self) -> Grpc<Engine> {
        let Self { bus, control, apps, clients, metrics } = self;
        drop((apps, clients, control, metrics));
        bus
    }
}

/// Offers the bus: on the socket in the folder, and on an address if one is given.
async fn bus(
    engine: &Engine,
    log: &EventLog,
    settings: &Settings,
    socket: Opened,
    level: Level,
) -> Result<Grpc<Engine>, Failure> {
    let mut bus = Grpc::new(engine.clone(), log.clone(), engine.dir())?.with_log_level(level);
    match socket {
        Some(socket) => bus.on_opened_socket(socket)?,
        None => match bus.on_socket() {
            Ok(_) => {}
            // Whoever starts a host in such a folder may want other interfaces only.
            Err(error @ GrpcError::OpenFolder(_)) => tracing::warn!("{error}"),
            Err(error) => return Err(error.into()),
        },
    }
    if let Some(listen) = settings.listen.clone() {
        bus.on_address(listen, Tokens::of(engine.dir())).await?;
    }
    Ok(bus)
}

impl LogLevel for Level {
    fn filter(&self) -> String {
        Level::filter(self)
    }

    fn set(&self, filter: &str) -> Result<(), String> {
        Level::set(self, filter)
    }
}

/// Served apps, and the file that holds the address of their list.
struct ServedApps {
    apps: Apps,
    address: PathBuf,
}

impl ServedApps {
    async fn start(engine: &Engine, port: u16) -> Result<Self, Failure> {
        let apps = Apps::start(engine.clone(), port).await?;
        let address = engine.dir().join("apps.url");
        // Whoever knows the address can open the apps of all profiles.
        let _ = fs::remove_file(&address);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&address)?;
        writeln!(file, "{}", apps.list_url())?;
        tracing::info!(file = %address.display(), "in-chat apps are served; the file holds the address of their list");
        Ok(Self { apps, address })
    }
}

impl Drop for ServedApps {
    fn drop(&mut self) {
        self.apps.stop();
        let _ = fs::remove_file(&self.address);
    }
}
