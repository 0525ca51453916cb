//! `volary profile`: makes, lists, sets up and removes profiles.

use std::io::{Read as _, stdin};

use clap::{Args, Subcommand};
use serde_json::json;
use volary_proto::{
    Account, AddAccount, AddOrUpdateTransport, AddTransportFromQr, BatchSetConfig, ConfigEntry,
    EnteredLoginParam, Error, GetAllAccounts, GetConfig, ListTransports, RemoveAccount, StartIo, account,
};

use super::host::{Host, Place};
use super::output;
use crate::process::failure::Failure;
use crate::text::plain;

/// Most profiles that are made by one command.
const MAX_COUNT: i64 = 10_000;
/// The setting that is the name of a profile.
const NAME: &str = "displayname";
/// Longest password that is read from standard input, in bytes.
const MAX_PASSWORD: u64 = 1024;

#[derive(Debug, Args)]
pub(super) struct ProfileArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes profiles and prints their numbers
    Add {
        #[command(flatten)]
        place: Place,
        /// Name that others see
        #[arg(long)]
        name: Option<String>,
        /// Makes an address on a relay: `dcaccount:example.org`, or the text of another such code
        #[arg(long, value_name = "CODE", conflicts_with = "login")]
        relay: Option<String>,
        /// Logs in with an address that exists; the password is read from standard input
        #[arg(long, value_name = "ADDRESS", conflicts_with = "count")]
        login: Option<String>,
        /// Marks them as bots
        #[arg(long)]
        bot: bool,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=MAX_COUNT))]
        count: u32,
    },
    /// Lists profiles with their names and addresses
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Changes settings of a profile (docs/settings.md lists them)
    Set {
        #[command(flatten)]
        place: Place,
        /// The profile
        profile: u32,
        /// What to set; without a value the default comes back
        #[arg(value_name = "NAME[=VALUE]", required = true)]
        settings: Vec<String>,
    },
    /// Deletes a profile with its messages, attachments and keys
    Remove {
        #[command(flatten)]
        place: Place,
        /// The profile
        profile: u32,
        /// Says that it is meant: nothing brings it back
        #[arg(long, required = true)]
        yes: bool,
    },
}

pub(super) async fn run(args: ProfileArgs) -> Result<(), Failure> {
    match args.command {
        Command::Add { place, name, relay, login, bot, count } => {
            let login = login.map(with_password).transpose()?;
            let host = Host::open_or_make(&place.data).await?;
            let new = New { name, relay, login, bot };
            let outcome = add(&host, &place, &new, count).await;
            host.close().await;
            outcome
        }
        Command::List { place } => {
            let host = Host::open(&place.data).await?;
            let outcome = list(&host, &place).await;
            host.close().await;
            outcome
        }
        Command::Set { place, profile, settings } => {
            let host = Host::open(&place.data).await?;
            let outcome = set(&host, profile, &settings).await;
            host.close().await;
            outcome
        }
        Command::Remove { place, profile, yes: _ } => {
            let host = Host::open(&place.data).await?;
            let outcome = remove(&host, profile).await;
            host.close().await;
            outcome
        }
    }
}

/// What profiles are made with.
struct New {
    name: Option<String>,
    relay: Option<String>,
    login: Option<EnteredLoginParam>,
    bot: bool,
}

async fn add(host: &Host, place: &Place, new: &New, count: u32) -> Result<(), Failure> {
    for _ in 0..count {
        let profile = host.call(0, AddAccount {}).await?.id;
        if let Err(error) = set_up(host, profile, new).await {
            // What could not be set up is not left lying around.
            host.call(0, RemoveAccount { account_id: profile }).await.ok();
            return Err(error.into());
        }
        let addresses = addresses(host, profile).await?;
        if place.json {
            output::json(&json!({"profile": profile, "addresses": addresses}))?;
        } else {
            output::line(format!("{profile} {}", addresses.join(" ")).trim_end())?;
        }
    }
    Ok(())
}

async fn set_up(host: &Host, profile: u32, new: &New) -> Result<(), Error> {
    let mut entries = Vec::new();
    entries.extend(new.name.clone().map(|name| ConfigEntry { key: NAME.to_owned(), value: Some(name) }));
    if new.bot {
        entries.push(ConfigEntry { key: "bot".to_owned(), value: Some("1".to_owned()) });
    }
    if !entries.is_empty() {
        host.call(profile, BatchSetConfig { entries }).await?;
    }
    if let Some(code) = &new.relay {
        host.call(profile, AddTransportFromQr { qr: code.clone() }).await?;
    }
    if let Some(login) = &new.login {
        host.call(profile, AddOrUpdateTransport { param: Some(login.clone()) }).await?;
    }
    if let Host::There(..) = host
        && (new.relay.is_some() || new.login.is_some())
    {
        // Those that a host finds at its start are connected, too.
        host.call(profile, StartIo {}).await?;
    }
    Ok(())
}

/// An address with the password from standard input.
pub(super) fn with_password(addr: String) -> Result<EnteredLoginParam, Failure> {
    let mut password = String::new();
    stdin().take(MAX_PASSWORD).read_to_string(&mut password)?;
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    if password.is_empty() {
        return Err("no password on standard input".into());
    }
    Ok(EnteredLoginParam { addr, password, ..Default::default() })
}

/// Addresses of a profile, the one that it sends from first.
pub(super) async fn addresses(host: &Host, profile: u32) -> Result<Vec<String>, Error> {
    let relays = host.call(profile, ListTransports {}).await?.transports;
    Ok(relays.into_iter().map(|relay| relay.addr).collect())
}

async fn list(host: &Host, place: &Place) -> Result<(), Failure> {
    let accounts = host.call(0, GetAllAccounts {}).await?.accounts;
    for account in accounts {
        let (profile, mut name) = identity(&account);
        if name.is_none() {
            // Profiles without a relay are listed without their names.
            name = host.call(profile, GetConfig { key: NAME.to_owned() }).await?.text;
        }
        let addresses = addresses(host, profile).await?;
        if place.json {
            output::json(&json!({"profile": profile, "name": name, "addresses": addresses}))?;
        } else {
            let addresses =
                if addresses.is_empty() { "no relay yet".to_owned() } else { addresses.join(", ") };
            let name = name.map_or_else(|| "no name".to_owned(), |name| plain(&name));
            output::line(format!("{profile:>4}  {name} <{}>", plain(&addresses)))?;
        }
    }
    Ok(())
}

fn identity(account: &Account) -> (u32, Option<String>) {
    match &account.kind {
        Some(account::Kind::Configured(configured)) => (configured.id, configured.display_name.clone()),
        Some(account::Kind::Unconfigured(unconfigured)) => (unconfigured.id, None),
        None => (0, None),
    }
}

async fn set(host: &Host, profile: u32, settings: &[String]) -> Result<(), Failure> {
    let profile = host.profile(Some(profile)).await?;
    Ok(host.call(profile, BatchSetConfig { entries: entries(settings) }).await.map(|_| ())?)
}

fn entries(settings: &[String]) -> Vec<ConfigEntry> {
    let entry = |setting: &String| match setting.split_once('=') {
        Some((key, value)) => ConfigEntry { key: key.to_owned(), value: Some(value.to_owned()) },
        None => ConfigEntry { key: setting.clone(), value: None },
    };
    settings.iter().map(entry).collect()
}

async fn remove(host: &Host, profile: u32) -> Result<(), Failure> {
    let profile = host.profile(Some(profile)).await?;
    Ok(host.call(0, RemoveAccount { account_id: profile }).await.map(|_| ())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_has_a_value_or_gets_its_default_back() {
        let read = entries(&["displayname=A = B".to_owned(), "selfstatus".to_owned(), "x=".to_owned()]);
        let read: Vec<_> = read.iter().map(|entry| (entry.key.as_str(), entry.value.as_deref())).collect();
        assert_eq!(read, [("displayname", Some("A = B")), ("selfstatus", None), ("x", Some(""))]);
    }
}
