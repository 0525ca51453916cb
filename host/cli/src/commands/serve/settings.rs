//! What `volary serve` is set up with: the command line before the environment before the file.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;
use thiserror::Error;
use volary::access::TlsFiles;
use volary::grpc::Listen;
use volary::limits::Limits;
use volary::websocket::Options;

use crate::process::failure::Failure;
use crate::process::systemd;

/// The configuration in the folder of the profiles.
pub(in crate::commands) const FILE: &str = "volary.toml";
/// Where profiles are unless anything says otherwise.
const DEFAULT_DATA: &str = "profiles";
/// Longest configuration file, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Why a configuration file cannot be used.
#[derive(Debug, Error)]
pub(in crate::commands) enum ConfigError {
    #[error("{path}: {error}")]
    File { path: PathBuf, error: std::io::Error },
    #[error("{path} is longer than a configuration can be")]
    TooLong { path: PathBuf },
    // The text of the error has line and column.
    #[error("{path}: {error}")]
    Form { path: PathBuf, error: Box<toml::de::Error> },
}

/// The options of `volary serve`. What is not given here comes from the environment, then from the file.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::commands) struct ServeArgs {
    /// Folder of the profiles; made if it does not exist. Without this, `data` of the file, else `profiles`
    #[arg(long, value_name = "DIR", env = "VOLARY_DATA", hide_env_values = true)]
    pub(super) data: Option<PathBuf>,
    /// Configuration file; without it `volary.toml` in the folder of the profiles, if it is there
    #[arg(long, value_name = "FILE", env = "VOLARY_CONFIG", hide_env_values = true)]
    pub(super) config: Option<PathBuf>,
    /// What is logged, in the form of RUST_LOG, which is asked after this and VOLARY_LOG
    #[arg(long, value_name = "FILTER", env = "VOLARY_LOG", hide_env_values = true)]
    pub(super) log: Option<String>,
    /// Speaks JSON-RPC on standard input and output; ends with the input
    #[arg(long)]
    pub(super) rpc: bool,
    /// Serves in-chat apps to browsers on this loopback port (0 = a free one); their list is at the address in `apps.url`
    #[arg(long, value_name = "PORT", env = "VOLARY_APPS", hide_env_values = true)]
    pub(super) apps: Option<u16>,
    /// Speaks JSON-RPC over WebSocket with clients that show a token (`volary token`), at the path /rpc
    #[arg(long, value_name = "IP:PORT", env = "VOLARY_WEBSOCKET", hide_env_values = true)]
    pub(super) websocket: Option<SocketAddr>,
    /// Lets web pages of this origin (like https://chat.example.org) connect; may be given several times
    #[arg(long, value_name = "ORIGIN", env = "VOLARY_ORIGIN", hide_env_values = true, value_delimiter = ',')]
    pub(super) origin: Vec<String>,
    /// Offers the bus (gRPC) to programs that show a token (`volary token`); those of this user use `bus.sock` in the folder
    #[arg(long, value_name = "IP:PORT", env = "VOLARY_LISTEN", hide_env_values = true)]
    pub(super) listen: Option<SocketAddr>,
    /// Certificate for WebSocket and bus, with those between it and its root, PEM; needed beyond this machine. `credential:NAME` is
    /// in the folder of credentials that systemd makes
    #[arg(long, value_name = "FILE", env = "VOLARY_TLS_CERTIFICATE", hide_env_values = true)]
    pub(super) tls_certificate: Option<PathBuf>,
    /// Private key of the certificate, PEM; may be a credential, too
    #[arg(long, value_name = "FILE", env = "VOLARY_TLS_KEY", hide_env_values = true)]
    pub(super) tls_key: Option<PathBuf>,
    /// Serves /metrics (Prometheus) and /healthz on this loopback address
    #[arg(long, value_name = "IP:PORT", env = "VOLARY_METRICS", hide_env_values = true)]
    pub(super) metrics: Option<SocketAddr>,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
}

/// What profiles may ask for.
#[derive(Clone, Copy, Debug, Default, Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::commands) struct LimitArgs {
    /// Messages that a profile may send in a minute
    #[arg(long, value_name = "N", env = "VOLARY_MESSAGES_PER_MINUTE", hide_env_values = true)]
    messages_per_minute: Option<u32>,
    /// Bytes of a file that may be sent
    #[arg(long, value_name = "BYTES", env = "VOLARY_LARGEST_FILE", hide_env_values = true)]
    largest_file: Option<u64>,
    /// Bytes of the attachments of a profile above which it sends no files
    #[arg(long, value_name = "BYTES", env = "VOLARY_ATTACHMENT_BYTES", hide_env_values = true)]
    attachment_bytes: Option<u64>,
    /// Profiles that the host may have
    #[arg(long, value_name = "N", env = "VOLARY_PROFILES", hide_env_values = true)]
    profiles: Option<u32>,
}

/// The file. Its keys are the names of the options.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::commands) struct File {
    data: Option<PathBuf>,
    log: Option<String>,
    apps: Option<u16>,
    websocket: Option<SocketAddr>,
    #[serde(default)]
    origin: Vec<String>,
    listen: Option<SocketAddr>,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    metrics: Option<SocketAddr>,
    #[serde(default)]
    limits: LimitArgs,
}

/// What holds, after everything was asked.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) data: PathBuf,
    /// What is logged; none = what RUST_LOG says, or what is usual.
    pub(super) log: Option<String>,
    pub(super) rpc: bool,
    pub(super) apps: Option<u16>,
    pub(super) websocket: Option<Options>,
    pub(super) listen: Option<Listen>,
    pub(super) metrics: Option<SocketAddr>,
    pub(super) limits: Limits,
}

impl ServeArgs {
    /// Asks the file for what neither the command line nor the environment has said.
    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        let file = match (&self.config, &self.data) {
            (Some(path), _) => File::read(path)?,
            (None, data) => {
                let folder = data.as_deref().unwrap_or(Path::new(DEFAULT_DATA));
                let path = folder.join(FILE);
                if path.exists() { File::read(&path)? } else { File::default() }
            }
        };
        let tls = tls(
            self.tls_certificate.as_ref().or(file.tls_certificate.as_ref()),
            self.tls_key.as_ref().or(file.tls_key.as_ref()),
        )?;
        let origins = if self.origin.is_empty() { &file.origin } else { &self.origin };
        let origins = origins.iter().map(|text| origin(text)).collect::<Result<Vec<_>, _>>()?;
        let websocket = self.websocket.or(file.websocket);
        if websocket.is_none() && !origins.is_empty() {
            return Err("an origin is given, but no address for WebSockets".into());
        }
        let rust_log = std::env::var_os("RUST_LOG").is_some_and(|filter| !filter.is_empty());
        let log = self.log.clone().or(file.log.filter(|_| !rust_log));
        Ok(Settings {
            data: self.data.clone().or(file.data).unwrap_or_else(|| DEFAULT_DATA.into()),
            log,
            rpc: self.rpc,
            apps: self.apps.or(file.apps),
            websocket: websocket.map(|address| Options { address, origins, tls: tls.clone() }),
            listen: self.listen.or(file.listen).map(|address| Listen { address, tls }),
            metrics: self.metrics.or(file.metrics),
            limits: self.limits.before(file.limits),
        })
    }
}

impl Settings {
    /// The keys whose new values a host that runs does not take over.
    pub(super) fn need_a_restart(&self, new: &Self) -> Vec<&'static str> {
        let lasting = |settings: &Self| {
            [
                ("data", format!("{:?}", settings.data)),
                ("apps", format!("{:?}", settings.apps)),
                ("websocket, origin or a path of TLS", format!("{:?}", settings.websocket)),
                ("listen or a path of TLS", format!("{:?}", settings.listen)),
                ("metrics", format!("{:?}", settings.metrics)),
            ]
        };
        let both = lasting(self).into_iter().zip(lasting(new));
        both.filter(|(old, new)| old != new).map(|((key, _), _)| key).collect()
    }
}

impl LimitArgs {
    fn before(self, file: Self) -> Limits {
        Limits {
            messages_per_minute: self.messages_per_minute.or(file.messages_per_minute),
            largest_file: self.largest_file.or(file.largest_file),
            attachment_bytes: self.attachment_bytes.or(file.attachment_bytes),
            profiles: self.profiles.or(file.profiles),
        }
    }
}

impl File {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let failed = |error| ConfigError::File { path: path.to_owned(), error };
        if fs::metadata(path).map_err(failed)?.len() > MAX_FILE {
            return Err(ConfigError::TooLong { path: path.to_owned() });
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        Self::parse(&text)
            .map_err(|error| ConfigError::Form { path: path.to_owned(), error: Box::new(error) })
    }

    /// Reads a configuration.
    pub(in crate::commands) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// An origin as browsers write it: without it, a page would be refused and nobody would know why.
fn origin(text: &str) -> Result<String, Failure> {
    let written = text.trim_end_matches('/').to_ascii_lowercase();
    match written.split_once("://") {
        Some((scheme, host))
            if !scheme.is_empty() && !host.is_empty() && !host.contains(['/', '?', '#', '*']) =>
        {
            Ok(written)
        }
        _ => {
            Err(format!("{text:?} is no origin: it is like https://chat.example.org, without a path").into())
        }
    }
}

fn tls(certificate: Option<&PathBuf>, key: Option<&PathBuf>) -> Result<Option<TlsFiles>, Failure> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            let (certificate, key) = (systemd::credential(certificate)?, systemd::credential(key)?);
            Ok(Some(TlsFiles { certificate, key }))
        }
        (None, None) => Ok(None),
        _ => Err("certificate and key belong together: one of them is missing".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(text: &str, change: impl FnOnce(&mut ServeArgs)) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), text).unwrap();
        let mut args = ServeArgs { data: Some(folder.path().to_owned()), ..ServeArgs::default() };
        change(&mut args);
        args.settings().map_err(|error| error.to_string())
    }

    #[test]
    fn what_an_option_says_comes_before_the_file() {
        let file =
            "websocket = \"127.0.0.1:7001\"\napps = 5\n[limits]\nmessages-per-minute = 60\nprofiles = 9\n";
        let settings = with_file(file, |args| {
            args.apps = Some(6);
            args.limits.profiles = Some(3);
        })
        .unwrap();
        assert_eq!(settings.apps, Some(6));
        assert_eq!(settings.websocket.unwrap().address, "127.0.0.1:7001".parse().unwrap());
        let limits = Limits { messages_per_minute: Some(60), profiles: Some(3), ..Limits::default() };
        assert_eq!(settings.limits, limits);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = with_file("apps = 5\n\nlogs = \"info\"\n", |_| {}).unwrap_err();
        assert!(error.contains("volary.toml") && error.contains("line 3"), "{error}");
        assert!(error.contains("unknown field `logs`"), "{error}");
        let error = with_file("[limits]\nmessages = 1\n", |_| {}).unwrap_err();
        assert!(error.contains("line 2"), "{error}");
        assert!(with_file("apps = \"many\"\n", |_| {}).unwrap_err().contains("line 1"));
    }

    #[test]
    fn a_file_that_was_named_has_to_be_there() {
        let error = with_file("", |args| args.config = Some("/nowhere/volary.toml".into())).unwrap_err();
        assert!(error.starts_with("/nowhere/volary.toml: "), "{error}");
    }

    #[test]
    fn what_needs_a_restart_is_told() {
        let read = |file: &str| {
            let args = |args: &mut ServeArgs| args.data = Some("profiles".into());
            let folder = tempfile::tempdir().unwrap();
            let config = folder.path().join(FILE);
            fs::write(&config, file).unwrap();
            with_file("", |all| {
                args(all);
                all.config = Some(config);
            })
            .unwrap()
        };
        let old = read("log = \"info\"\nlisten = \"127.0.0.1:1\"\n");
        assert!(old.need_a_restart(&read("listen = \"127.0.0.1:1\"\n[limits]\nprofiles = 1\n")).is_empty());
        let new = read("listen = \"127.0.0.1:2\"\nmetrics = \"127.0.0.1:3\"\n");
        assert_eq!(old.need_a_restart(&new), ["listen or a path of TLS", "metrics"]);
    }

    #[test]
    fn origins_are_what_browsers_write() {
        let file = |origin: &str| format!("websocket = \"127.0.0.1:0\"\norigin = [{origin:?}]\n");
        let read = |origin: &str| {
            with_file(&file(origin), |_| {}).map(|settings| settings.websocket.unwrap().origins.remove(0))
        };
        assert_eq!(read("https://Chat.example.org/").unwrap(), "https://chat.example.org");
        assert_eq!(read("http://localhost:3000").unwrap(), "http://localhost:3000");
        for wrong in ["chat.example.org", "https://chat.example.org/app", "*", "null", "https://"] {
            assert!(read(wrong).unwrap_err().contains("is no origin"), "{wrong}");
        }
    }

    #[test]
    fn a_certificate_needs_its_key() {
        let error = with_file("tls-certificate = \"cert.pem\"\n", |_| {}).unwrap_err();
        assert!(error.contains("belong together"), "{error}");
        assert!(with_file("origin = [\"https://a.test\"]\n", |_| {}).unwrap_err().contains("no address"));
    }
}
