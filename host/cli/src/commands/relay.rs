//! `volary relay`: the embedded relay alone; with a command behind it, the relays of a profile.

use std::io::{ErrorKind, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use volary_relay::{Relay, RelayConfig, RelayError};

use super::relays::{self, RelaysCommand};
use crate::process::failure::Failure;
use crate::process::signals::Signals;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct RelayArgs {
    #[command(subcommand)]
    command: Option<RelaysCommand>,
    /// Domain whose addresses live here; may be given several times
    #[arg(long = "domain", value_name = "DOMAIN", default_value = "_relay.test")]
    domains: Vec<String>,
    /// Address to listen on
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    /// Ports for IMAP over TLS, IMAP with STARTTLS, SMTP over TLS, SMTP with STARTTLS; 0 = a free one, as without this
    #[arg(long, value_name = "A,B,C,D", conflicts_with = "standard_ports")]
    ports: Option<Ports>,
    /// Listens on 993, 143, 465 and 587
    #[arg(long)]
    standard_ports: bool,
    /// Keeps mail in this folder, as Maildir; otherwise it is gone at the end
    #[arg(long, value_name = "DIR")]
    maildir: Option<PathBuf>,
    /// Accepts mail that is not end-to-end encrypted
    #[arg(long)]
    allow_unencrypted: bool,
    /// Writes the relay's certificate to this file
    #[arg(long, value_name = "FILE")]
    cert_out: Option<PathBuf>,
}

/// Four ports of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ports([u16; 4]);

impl FromStr for Ports {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected four port numbers, like 993,143,465,587";
        let ports: Result<Vec<u16>, _> = text.split(',').map(|port| port.trim().parse()).collect();
        ports.ok().and_then(|ports| ports.try_into().ok()).map(Self).ok_or(EXPECTED)
    }
}

impl RelayArgs {
    /// It runs until it is interrupted.
    pub(super) fn runs_a_relay(&self) -> bool {
        self.command.is_none()
    }
}

pub(super) async fn run(mut args: RelayArgs) -> Result<(), Failure> {
    if let Some(command) = args.command.take() {
        return relays::run(command).await;
    }
    let mut signals = Signals::new()?;
    let cert_out = args.cert_out.clone();
    if let Some(folder) = &args.maildir
        && folder.exists()
        && !folder.is_dir()
    {
        return Err(format!("--maildir {} is not a folder", folder.display()).into());
    }
    let relay = Relay::start(config(args)).await.map_err(explained)?;
    if let Some(path) = cert_out
        && let Err(error) = tokio::fs::write(&path, relay.certificate_pem()).await
    {
        relay.stop().await;
        return Err(format!("cannot write {}: {error}", path.display()).into());
    }
    // A script may have read the port that it needs and closed its side.
    if let Err(error) = show(&relay) {
        tracing::warn!(%error, "standard output is closed; the relay goes on");
    }
    signals.end().await;
    let stats = relay.stats();
    relay.stop().await;
    tracing::info!(
        accounts = stats.accounts,
        accepted = stats.messages_accepted,
        refused = stats.messages_refused,
        delivered = stats.messages_delivered,
        "stopped"
    );
    Ok(())
}

/// Says what helps where the system only refuses.
fn explained(error: RelayError) -> Failure {
    match &error {
        RelayError::Bind { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
            format!("{error}; ports below 1024 are for root, --ports names others").into()
        }
        RelayError::Bind { source, .. } if source.kind() == ErrorKind::AddrInUse => {
            format!("{error}; --ports names others, without it free ones are used").into()
        }
        _ => error.into(),
    }
}

fn config(args: RelayArgs) -> RelayConfig {
    let config = RelayConfig {
        domains: args.domains,
        bind: args.bind,
        allow_unencrypted: args.allow_unencrypted,
        maildir: args.maildir,
        ..RelayConfig::default()
    };
    match args.ports {
        Some(Ports([imap_tls_port, imap_starttls_port, smtp_tls_port, smtp_starttls_port])) => {
            RelayConfig { imap_tls_port, imap_starttls_port, smtp_tls_port, smtp_starttls_port, ..config }
        }
        None if args.standard_ports => config.with_standard_ports(),
        None => config,
    }
}

/// Where the relay is, in a form that scripts can read.
fn show(relay: &Relay) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "domains {}", relay.domains().join(" "))?;
    writeln!(out, "imap tls {}", relay.imap_tls_port())?;
    writeln!(out, "imap starttls {}", relay.imap_starttls_port())?;
    writeln!(out, "smtp tls {}", relay.smtp_tls_port())?;
    writeln!(out, "smtp starttls {}", relay.smtp_starttls_port())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_four_numbers() {
        assert_eq!("993, 143,465,587".parse(), Ok(Ports([993, 143, 465, 587])));
        assert!("993,143,465".parse::<Ports>().is_err());
        assert!("993,143,465,65536".parse::<Ports>().is_err());
    }
}
