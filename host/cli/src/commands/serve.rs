//! `volary serve`: keeps all profiles of a folder connected.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use clap::Args;
use volary::access::{TlsFiles, Tokens};
use volary::apps::Apps;
use volary::control::Control;
use volary::event_log::EventLog;
use volary::grpc::{Grpc, GrpcError, Listen};
use volary::jsonrpc::{self, End};
use volary::websocket::{Options, WebSockets};
use volary::{Engine, memory};
use volary_proto::{GetAllAccountIds, StartIoForAllAccounts};

use crate::process::event_log;
use crate::process::failure::Failure;
use crate::process::options;
use crate::process::signals::Signals;

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Folder of the profiles; made if it does not exist
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Speaks JSON-RPC on standard input and output; ends with the input
    #[arg(long)]
    rpc: bool,
    /// Serves in-chat apps to browsers on this loopback port (0 = a free one); their list is at the address in `apps.url`
    #[arg(long, value_name = "PORT")]
    apps: Option<u16>,
    /// Speaks JSON-RPC over WebSocket with clients that show a token (`volary token`), at the path /rpc
    #[arg(long, value_name = "IP:PORT")]
    websocket: Option<SocketAddr>,
    /// Lets web pages of this origin (like https://chat.example.org) connect; may be given several times
    #[arg(long, value_name = "ORIGIN", requires = "websocket")]
    origin: Vec<String>,
    /// Offers the bus (gRPC) to programs that show a token (`volary token`); those of this user use `bus.sock` in the folder
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
    /// Certificate for WebSocket and bus, with those between it and its root, PEM; needed beyond this machine
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
}

impl ServeArgs {
    fn tls(&self) -> Option<TlsFiles> {
        let (certificate, key) = (self.tls_certificate.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { certificate, key })
    }

    fn websocket(&self) -> Option<Options> {
        Some(Options { address: self.websocket?, origins: self.origin.clone(), tls: self.tls() })
    }

    fn listen(&self) -> Option<Listen> {
        Some(Listen { address: self.listen?, tls: self.tls() })
    }
}

pub(super) async fn run(args: ServeArgs) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let (websocket, listen) = (args.websocket(), args.listen());
    let engine = Engine::start(options::for_folder(args.data)).await?;
    let mut log = EventLog::of(&engine)?;
    let events = tokio::spawn(event_log::write(engine.events()));
    // Before the connections: a frontend that comes early gets what they bring.
    let bus = bus(&engine, &log, listen).await?;
    let profiles = engine.call(0, GetAllAccountIds {}).await?.ids.len();
    engine.call(0, StartIoForAllAccounts {}).await?;
    tracing::info!(profiles, folder = %engine.dir().display(), pid = std::process::id(), "serving");
    if profiles == 0 && !args.rpc {
        tracing::warn!(
            "the folder has no profiles: make some with `volary profile add` or volary-rpc-server"
        );
    }

    let control = serve_control(&engine);
    let apps = match args.apps {
        Some(port) => Some(Served::start(&engine, port).await?),
        None => None,
    };
    let clients = match websocket {
        Some(options) => Some(WebSockets::start(engine.clone(), Tokens::of(engine.dir()), options).await?),
        None => None,
    };

    tokio::select! {
        end = jsonrpc::serve_stdio(engine.clone()), if args.rpc => match end? {
            End::InputClosed => tracing::info!("the client has closed its side: stopping"),
            End::OutputClosed => tracing::info!("the client reads no more answers: stopping"),
        },
        () = signals.end() => tracing::info!("asked to end: stopping"),
        () = memory::return_when_at_rest() => {}
    }
    drop((apps, clients, control));
    let stopping = async {
        bus.stop().await;
        engine.stop().await;
        log.closed().await;
    };
    tokio::select! {
        () = stopping => tracing::info!("stopped: all connections are closed, everything is stored"),
        again = Signals::end_again() => {
            again?;
            tracing::warn!("asked twice: ended before all connections were closed; nothing that was stored is lost");
            return Ok(());
        }
    }
    // The stream ends with the engine.
    events.await?;
    Ok(())
}

/// Serves the control socket. Profiles run without it, too.
pub(crate) fn serve_control(engine: &Engine) -> Option<Control> {
    match Control::serve(engine.clone()) {
        Ok(control) => Some(control),
        Err(error) => {
            tracing::warn!(%error, "the control socket cannot be served: `volary backup` has to wait until this process ends");
            None
        }
    }
}

/// Offers the bus: on the socket in the folder, and on an address if one is given.
async fn bus(engine: &Engine, log: &EventLog, listen: Option<Listen>) -> Result<Grpc<Engine>, Failure> {
    let mut bus = Grpc::new(engine.clone(), log.clone(), engine.dir())?;
    match bus.on_socket() {
        Ok(_) => {}
        // Whoever starts a host in such a folder may want other interfaces only.
        Err(error @ GrpcError::OpenFolder(_)) => tracing::warn!("{error}"),
        Err(error) => return Err(error.into()),
    }
    if let Some(listen) = listen {
        bus.on_address(listen, Tokens::of(engine.dir())).await?;
    }
    Ok(bus)
}

/// Served apps, and the file that holds the address of their list.
struct Served {
    apps: Apps,
    address: PathBuf,
}

impl Served {
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

impl Drop for Served {
    fn drop(&mut self) {
        self.apps.stop();
        let _ = fs::remove_file(&self.address);
    }
}
