//! `volary init`: a folder for profiles, with a configuration.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::host::{Host, Place};
use super::output;
use super::serve::settings::FILE;
use crate::process::failure::Failure;

#[derive(Debug, Args)]
#[command(after_help = "What is there already stays as it is.")]
pub(super) struct InitArgs {
    #[command(flatten)]
    place: Place,
    /// Where the configuration is written; without it `volary.toml` in the folder
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The configuration that is written. Everything in it is the default, or an example behind a `#`.
const TEMPLATE: &str = r##"# Configuration of `volary serve`. Keys are the names of its options, which `volary serve --help` explains. The command line
# and the environment (VOLARY_DATA, VOLARY_LOG, …) come before this file. SIGHUP makes a running host read it again: log,
# limits, certificate and key change, addresses do not.

# The folder of the profiles; needed only if this file is somewhere else.
#data = "/var/lib/volary"

# What is logged: error, warn, info, debug or trace, and more for single parts, like "info,volary_actors=debug".
#log = "info"

# /metrics (Prometheus) and /healthz, on a loopback address.
#metrics = "127.0.0.1:9464"

# The bus (gRPC) for programs that show a token (`volary token`). Programs of the same user need neither: they use `bus.sock`.
#listen = "127.0.0.1:7443"

# JSON-RPC over WebSocket, and the web pages that may connect.
#websocket = "127.0.0.1:7444"
#origin = ["https://chat.example.org"]

# Beyond this machine, listen and websocket need a certificate. "credential:NAME" names one of systemd's credentials.
#tls-certificate = "/etc/volary/certificate.pem"
#tls-key = "credential:tls-key"

# In-chat apps for browsers on this machine.
#apps = 7445

# What profiles may ask for; without a line there is no limit. What is received is never refused.
[limits]
#messages-per-minute = 120
#largest-file = 20000000
#attachment-bytes = 1000000000
#profiles = 1000
"##;

pub(super) async fn run(args: InitArgs) -> Result<(), Failure> {
    let folder = args.place.data;
    let at = |error: std::io::Error| format!("{}: {error}", folder.display());
    DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(at)?;
    // The database is made, or looked at.
    Host::open_or_make(&folder).await?.close().await;
    let config = args.config.unwrap_or_else(|| folder.join(FILE));
    let written = write(&config)?;
    if args.place.json {
        return output::json(&json!({"folder": folder, "config": config, "written": written}));
    }
    output::line(format!("{} is a folder for profiles", folder.display()))?;
    let stays = if written { "" } else { " was there and stays as it is" };
    output::line(format!("{}{stays}", config.display()))
}

/// Writes the configuration; false if there is one.
fn write(path: &Path) -> Result<bool, Failure> {
    let at = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(at)?;
    }
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(at(error).into()),
    };
    file.write_all(TEMPLATE.as_bytes()).map_err(at)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::serve::settings::File;
    use super::*;

    #[test]
    fn every_line_of_the_configuration_can_be_used() {
        File::parse(TEMPLATE).unwrap();
        let used: Vec<&str> = TEMPLATE
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
            .collect();
        let used = used.join("\n");
        assert!(used.contains("\nmessages-per-minute = 120\n") && used.contains("\ndata = "), "{used}");
        File::parse(&used).unwrap();
    }

    #[test]
    fn a_configuration_that_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("etc/volary.toml");
        assert!(write(&path).unwrap());
        fs::write(&path, "apps = 1\n").unwrap();
        assert!(!write(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "apps = 1\n");
    }
}
