//! `volary relay`: the embedded relay alone.

use std::io::Write as _;

use volary_relay::{Relay, RelayConfig};

use super::process::Signals;
use super::{Failure, RelayArgs};

pub(super) async fn run(args: RelayArgs) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let cert_out = args.cert_out.clone();
    let relay = Relay::start(config(args)).await?;
    if let Some(path) = cert_out
        && let Err(error) = tokio::fs::write(&path, relay.certificate_pem()).await
    {
        relay.stop().await;
        return Err(format!("cannot write {}: {error}", path.display()).into());
    }
    show(&relay)?;
    signals.any().await;
    let stats = relay.stats();
    relay.stop().await;
    tracing::info!(
        accounts = stats.accounts,
        accepted = stats.messages_accepted,
        refused = stats.messages_refused,
        delivered = stats.messages_delivered,
        "relay has ended"
    );
    Ok(())
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
        Some(super::Ports([imap_tls_port, imap_starttls_port, smtp_tls_port, smtp_starttls_port])) => {
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
