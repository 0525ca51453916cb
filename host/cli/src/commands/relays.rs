//! `volary relay add|list|default|remove`: the relays of a profile. (`volary relay` alone runs the embedded one.)

use clap::Subcommand;
use volary_proto::{AddOrUpdateTransport, AddTransportFromQr, DeleteTransport, SetConfig};

use super::host::{Host, One};
use super::{output, profile};
use crate::process::failure::Failure;

/// The setting that names the address to send from.
const DEFAULT: &str = "configured_addr";

#[derive(Debug, Subcommand)]
pub(super) enum RelaysCommand {
    /// Gives a profile one more relay
    Add {
        #[command(flatten)]
        one: One,
        /// `dcaccount:example.org` or another such code, or an address whose password is read from standard input
        #[arg(value_name = "CODE|ADDRESS")]
        code: String,
    },
    /// Lists the addresses of a profile
    List {
        #[command(flatten)]
        one: One,
    },
    /// Sends from this address from now on
    Default {
        #[command(flatten)]
        one: One,
        /// One of the addresses of the profile
        address: String,
    },
    /// Takes a relay away from a profile
    Remove {
        #[command(flatten)]
        one: One,
        /// Its address
        address: String,
    },
}

impl RelaysCommand {
    fn one(&self) -> &One {
        match self {
            Self::Add { one, .. }
            | Self::List { one }
            | Self::Default { one, .. }
            | Self::Remove { one, .. } => one,
        }
    }
}

pub(super) async fn run(command: RelaysCommand) -> Result<(), Failure> {
    let one = command.one().clone();
    let host = Host::open(&one.place.data).await?;
    let outcome = carry_out(&host, &one, command).await;
    host.close().await;
    outcome
}

async fn carry_out(host: &Host, one: &One, command: RelaysCommand) -> Result<(), Failure> {
    let profile = host.profile(one.profile).await?;
    match command {
        RelaysCommand::Add { code, .. } if is_code(&code) => {
            host.call(profile, AddTransportFromQr { qr: code }).await?;
        }
        RelaysCommand::Add { code, .. } if !code.contains('@') => {
            return Err(format!("{code:?} is neither the code of a relay nor an address").into());
        }
        RelaysCommand::Add { code: address, .. } => {
            let param = Some(profile::with_password(address)?);
            host.call(profile, AddOrUpdateTransport { param }).await?;
        }
        RelaysCommand::List { .. } => {}
        RelaysCommand::Default { address, .. } => {
            host.call(profile, SetConfig { key: DEFAULT.to_owned(), value: Some(address) }).await?;
        }
        RelaysCommand::Remove { address, .. } => {
            host.call(profile, DeleteTransport { addr: address }).await?;
        }
    }
    let addresses = profile::addresses(host, profile).await?;
    if one.place.json { output::json(&addresses) } else { addresses.iter().try_for_each(output::line) }
}

/// Whether a text is a code of a relay, and no address.
fn is_code(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| scheme.chars().all(|letter| letter.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_addresses_are_told_apart() {
        assert!(is_code("dcaccount:example.org") && is_code("https://example.org/new"));
        assert!(!is_code("alice@example.org") && !is_code("a.b@example.org:x"));
    }
}
