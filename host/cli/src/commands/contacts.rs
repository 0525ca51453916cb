//! `volary contacts`: who is verified, and who introduced whom.

use std::collections::HashMap;
use std::fmt;
use std::io::{Write as _, stdout};

use clap::Args;
use serde_json::json;
use volary_proto::{Contact, Error, GetConfig, GetContact, GetContacts};

use super::host::{Host, Place};
use super::output;
use crate::process::failure::{Failure, OutputError};
use crate::text::{Colours, plain};

/// Own contact id; as verifier it stands for direct verification.
const SELF: u32 = 1;
/// Flag of `GetContacts`: those without key instead of those with one.
const WITHOUT_KEY: u32 = 4;
/// Introductions are followed that far.
const MAX_CHAIN: usize = 100;

#[derive(Debug, Args)]
pub(super) struct ContactsArgs {
    #[command(flatten)]
    place: Place,
    /// Only this profile
    #[arg(long, value_name = "N")]
    profile: Option<u32>,
}

pub(super) async fn run(args: ContactsArgs) -> Result<(), Failure> {
    let host = Host::open(&args.place.data).await?;
    let outcome = show(&host, &args).await;
    host.close().await;
    outcome
}

async fn show(host: &Host, args: &ContactsArgs) -> Result<(), Failure> {
    let colours = Colours::wanted_on(&stdout());
    for profile in host.profiles(args.profile).await? {
        let me = host.call(profile, GetContact { contact_id: SELF }).await?;
        let own_name = host.call(profile, GetConfig { key: "displayname".to_owned() }).await?.text;
        let mut listed = host.call(profile, GetContacts::default()).await?.contacts;
        let without_key = GetContacts { flags: WITHOUT_KEY, query: None };
        listed.extend(host.call(profile, without_key).await?.contacts);
        if args.place.json {
            for contact in &listed {
                output::json(&json!({"profile": profile, "contact": contact}))?;
            }
            continue;
        }
        let known = with_introducers(host, profile, &listed).await?;
        let own_name = plain(own_name.as_deref().unwrap_or("no name"));
        let own_address = if me.address.is_empty() { "no relay yet".into() } else { plain(&me.address) };
        write_profile(&format!("Profile {profile}: {own_name} <{own_address}>"), &listed, &known, colours)?;
    }
    Ok(())
}

fn write_profile(
    head: &str,
    listed: &[Contact],
    known: &HashMap<u32, Contact>,
    colours: Colours,
) -> Result<(), OutputError> {
    let mut out = stdout().lock();
    writeln!(out, "{head}")?;
    if listed.is_empty() {
        writeln!(out, "  no contacts")?;
    }
    for contact in listed {
        let standing = Standing::of(contact, known);
        let mark = if contact.is_verified { colours.green("✓") } else { " ".into() };
        let (name, address) = (plain(&contact.display_name), plain(&contact.address));
        writeln!(out, "  {mark} {:>4}  {name} <{address}>  {}", contact.id, colours.dim(standing))?;
    }
    Ok(())
}

/// The contacts by id, together with their introducers, who need not be listed themselves.
async fn with_introducers(
    host: &Host,
    profile: u32,
    listed: &[Contact],
) -> Result<HashMap<u32, Contact>, Error> {
    let mut known: HashMap<u32, Contact> =
        listed.iter().cloned().map(|contact| (contact.id, contact)).collect();
    let mut wanted: Vec<u32> = listed.iter().filter_map(|contact| contact.verifier_id).collect();
    while let Some(contact_id) = wanted.pop() {
        if contact_id != SELF && !known.contains_key(&contact_id) {
            let introducer = host.call(profile, GetContact { contact_id }).await?;
            wanted.extend(introducer.verifier_id);
            known.insert(contact_id, introducer);
        }
    }
    Ok(known)
}

/// How a contact came to its green checkmark.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    NoKey,
    NotVerified,
    /// By an own handshake.
    Verified,
    /// The introducer, the introducer's introducer and so on, up to the one who was verified by an own handshake.
    Introduced(Vec<String>),
    /// Nobody remembers by whom.
    IntroducedBySomebody,
}

impl Standing {
    fn of(contact: &Contact, known: &HashMap<u32, Contact>) -> Self {
        match (contact.is_verified, contact.verifier_id) {
            (false, _) if !contact.is_key_contact => Self::NoKey,
            (false, _) => Self::NotVerified,
            (true, Some(SELF)) => Self::Verified,
            (true, _) => {
                let introducers = introducers(contact, known);
                if introducers.is_empty() {
                    Self::IntroducedBySomebody
                } else {
                    Self::Introduced(introducers)
                }
            }
        }
    }
}

fn introducers(contact: &Contact, known: &HashMap<u32, Contact>) -> Vec<String> {
    let mut chain = Vec::new();
    let mut next = contact.verifier_id.and_then(|id| known.get(&id));
    while let Some(introducer) = next
        && chain.len() < MAX_CHAIN
    {
        chain.push(plain(&introducer.display_name));
        next = introducer.verifier_id.and_then(|id| known.get(&id));
    }
    chain
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey => f.write_str("no key"),
            Self::NotVerified => f.write_str("not verified"),
            Self::Verified => f.write_str("verified"),
            Self::Introduced(by) => write!(f, "introduced by {}", by.join(" ← ")),
            Self::IntroducedBySomebody => f.write_str("introduced"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(contacts: &[(u32, &str, bool, Option<u32>)]) -> HashMap<u32, Contact> {
        let contact = |&(id, name, is_verified, verifier_id): &(u32, &str, bool, Option<u32>)| {
            let display_name = name.to_owned();
            (
                id,
                Contact {
                    id,
                    display_name,
                    is_key_contact: true,
                    is_verified,
                    verifier_id,
                    ..Default::default()
                },
            )
        };
        contacts.iter().map(contact).collect()
    }

    #[test]
    fn introductions_are_followed_up_to_the_contact_that_was_scanned() {
        let known = known(&[
            (10, "Bob", true, Some(SELF)),
            (11, "Carol", true, Some(10)),
            (12, "Dave", true, Some(11)),
            (13, "Eve", false, None),
        ]);
        assert_eq!(Standing::of(&known[&10], &known).to_string(), "verified");
        assert_eq!(Standing::of(&known[&11], &known).to_string(), "introduced by Bob");
        assert_eq!(Standing::of(&known[&12], &known).to_string(), "introduced by Carol ← Bob");
        assert_eq!(Standing::of(&known[&13], &known).to_string(), "not verified");
    }

    #[test]
    fn an_introducer_that_was_forgotten_leaves_the_checkmark() {
        let known = known(&[(11, "Carol", true, None)]);
        assert_eq!(Standing::of(&known[&11], &known), Standing::IntroducedBySomebody);
    }

    #[test]
    fn introductions_in_a_circle_come_to_an_end() {
        let known = known(&[(10, "Bob", true, Some(11)), (11, "Carol", true, Some(10))]);
        let Standing::Introduced(chain) = Standing::of(&known[&10], &known) else { panic!("not introduced") };
        assert_eq!(chain.len(), MAX_CHAIN);
    }
}
