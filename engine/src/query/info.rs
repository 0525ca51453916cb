//! Facts for logs, about the engine and about a profile, and what takes space on the disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use volary_mail::address::domain_of;
use volary_storage::View as _;
use volary_storage::records::Block;
use volary_storage::tables::{CHAT_MESSAGES, CONTACTS, KEYS};

use super::look::Look;
use crate::ground::error::Outcome;
use crate::ground::ids::TransportId;
use crate::ground::settings::{self, Form, Mark};
use crate::ground::sizes::size;
use crate::ground::version::API_VERSION;
use crate::state::{chats, transports};
use volary_mail::login::{Candidate, ConfiguredLogin, Security};

/// What stands for a setting that is not set.
const UNSET: &str = "<unset>";

/// Facts about the engine.
pub fn system() -> BTreeMap<String, String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let debug = if cfg!(debug_assertions) { "On" } else { "Off" };
    [
        ("arch", (usize::BITS).to_string()),
        ("num_cpus", cores.to_string()),
        ("deltachat_core_version", format!("v{API_VERSION}")),
        ("engine", format!("volary {}", env!("CARGO_PKG_VERSION"))),
        ("debug_assertions", debug.to_owned()),
        ("level", "awesome".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Facts about a profile.
pub fn profile(look: &Look<'_>, dir: &Path) -> Outcome<BTreeMap<String, String>> {
    let mut facts: BTreeMap<&str, String> = BTreeMap::new();
    for setting in settings::marked(Mark::Info) {
        let value = super::config::get(look, setting.key)?;
        let unset = match setting.form {
            Form::Text | Form::Picture => UNSET,
            _ => "0",
        };
        facts.insert(setting.key, value.unwrap_or_else(|| unset.to_owned()));
    }
    facts.insert("blobdir", look.blob_dir.to_string_lossy().into_owned());
    facts.insert("database_dir", dir.to_string_lossy().into_owned());
    facts.insert("journal_mode", "group commit".to_owned());
    let (mut requests, mut messages) = (0, 0);
    let all = chats::all(look.view, look.profile)?;
    for (chat, record) in &all {
        let count = look.view.count_prefix(&CHAT_MESSAGES, &(look.profile, *chat))?;
        match record.blocked {
            Block::Request => requests += count,
            Block::Not | Block::Yes => messages += count,
        }
    }
    facts.insert("number_of_chats", all.len().to_string());
    facts.insert("number_of_chat_messages", messages.to_string());
    facts.insert("messages_in_contact_requests", requests.to_string());
    facts.insert("number_of_contacts", look.view.count_prefix(&CONTACTS, &look.profile)?.to_string());
    let keys = u32::from(look.view.contains(&KEYS, &look.profile)?);
    facts.insert("private_key_count", keys.to_string());
    facts.insert("used_transport_settings", transports_line(look)?);
    let mut out = system();
    out.extend(facts.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Ok(out)
}

/// Servers of all transports without anything that names the user.
fn transports_line(look: &Look<'_>) -> Outcome<String> {
    let all = transports::all(look.view, look.profile)?;
    if all.is_empty() {
        return Ok("Not configured".to_owned());
    }
    let lines: Vec<String> = all
        .iter()
        .map(|(id, record)| {
            let login: Option<ConfiguredLogin> = serde_json::from_str(&record.configured).ok();
            transport_line(*id, domain_of(&record.addr), login.as_ref())
        })
        .collect();
    Ok(lines.join(","))
}

fn transport_line(id: TransportId, domain: &str, login: Option<&ConfiguredLogin>) -> String {
    let servers = |list: &[Candidate]| {
        let names: Vec<String> = list
            .iter()
            .map(|one| {
                format!(
                    "{}:{}:{}",
                    one.connection.host,
                    one.connection.port,
                    security_name(one.connection.security)
                )
            })
            .collect();
        names.join(", ")
    };
    let (imap, smtp, checks) = match login {
        Some(login) => {
            let checks = match login.certificate_checks.is_strict(false) {
                true => "cert_strict",
                false => "cert_accept_invalid_certificates",
            };
            (servers(&login.imap), servers(&login.smtp), checks)
        }
        None => (String::new(), String::new(), "cert_automatic"),
    };
    format!("{id}: ***@{domain} imap:[{imap}] smtp:[{smtp}] {checks}")
}

fn security_name(security: Security) -> &'static str {
    match security {
        Security::Tls => "tls",
        Security::Starttls => "starttls",
        Security::Plain => "plain",
    }
}

/// Bytes that the attachments take.
pub fn blob_bytes(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
}

/// What takes space, for people. `database` is shared by all profiles.
pub fn storage_report(look: &Look<'_>, database: u64) -> Outcome<String> {
    let chats = chats::all(look.view, look.profile)?;
    let mut messages = 0;
    for (chat, _) in &chats {
        messages += look.view.count_prefix(&CHAT_MESSAGES, &(look.profile, *chat))?;
    }
    Ok(format!(
        "Storage Usage:\n[Blob Directory Size]: {}\n[Database Size]: {} (all profiles)\n[Chats]: {}\n[Messages]: {messages}\n",
        size(blob_bytes(&look.blob_dir)),
        size(database),
        chats.len(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_says_what_clients_look_for() {
        let facts = system();
        assert_eq!(facts["deltachat_core_version"], format!("v{API_VERSION}"));
        assert_eq!(facts["level"], "awesome");
        assert!(facts.contains_key("arch"));
    }

    #[test]
    fn a_transport_without_servers_is_listed_without_its_user() {
        assert_eq!(
            transport_line(TransportId::new(1), "x.test", None),
            "1: ***@x.test imap:[] smtp:[] cert_automatic"
        );
    }
}
