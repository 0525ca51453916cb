//! Databases of older releases: what they keep in other places is put where it is today.
//!
//! | before schema | difference |
//! |---|---|
//! | 140 or so | one relay: copies and folders on relays do not say on which |
//! | 132 | keys belong to addresses (`acpeerstates`), not to contacts |
//! | 131 or so | the login is in the settings |
//! | 100 or so | the own key that is used is marked in its row |
//!
//! What counts is which tables and columns are there, never the number.

use std::collections::{HashMap, HashSet};

use serde_json::json;
use volary_backup::database::Reader;
use volary_backup::reserved::LAST;
use volary_backup::tables;
use volary_mail::login::{Candidate, CertificateChecks, ConfiguredLogin, Endpoint, Security};

use crate::ground::error::{Failure, Outcome};
use crate::state::config::key;

/// The value of `prefer_encrypted` of an address whose last mail was not encrypted.
const RESET: i64 = 20;
/// Type of groups.
const GROUP: i64 = 120;
/// Id of the relay whose login is in the settings.
const FIRST_RELAY: i64 = 1;
/// The port of a login that names none.
const IMAP_PORT: u16 = 993;
const SMTP_PORT: u16 = 465;

/// What an older database keeps elsewhere; empty for one of today.
#[derive(Debug, Default)]
pub struct Older {
    /// The relay of all copies and folders, if rows do not name it.
    pub only_relay: Option<i64>,
    /// The relay whose login is in the settings.
    pub login: Option<tables::Transport>,
    /// Settings that had another default.
    pub settings: Vec<(&'static str, &'static str)>,
    /// Fingerprints by address; `None` if contacts have their keys themselves.
    keys: Option<HashMap<String, String>>,
    /// Groups with members whose key is not known.
    plain_groups: HashSet<i64>,
}

impl Older {
    /// Looks at what is there.
    pub fn look(reader: &Reader) -> Outcome<Self> {
        let mut found = Self::default();
        if reader.count("transports")? == 0 {
            found.login = login(reader)?;
        }
        if reader.count("imap_sync")? > 0 && !reader.has("imap_sync", "transport_id")? {
            found.only_relay =
                Some(reader.rows::<tables::Transport>(0, 1)?.first().map_or(FIRST_RELAY, |row| row.0));
        }
        if has_peer_states(reader)? {
            found.keys = Some(keys(reader)?);
            found.plain_groups = found.groups_without_keys(reader)?;
            // These releases sent copies to themselves unless somebody switched it off.
            if reader.config(key::BCC_SELF)?.is_none() {
                found.settings.push((key::BCC_SELF, "1"));
            }
        }
        Ok(found)
    }

    /// Whether keys belong to addresses.
    pub fn has_peer_states(&self) -> bool {
        self.keys.is_some()
    }

    /// Gives a contact the key of its address.
    pub fn contact(&self, row: &mut tables::Contact) {
        if let Some(fingerprint) = self.key_of(row) {
            row.fingerprint = fingerprint.to_owned();
        }
    }

    fn key_of(&self, row: &tables::Contact) -> Option<&String> {
        self.keys.as_ref()?.get(&row.addr.to_lowercase())
    }

    /// A group with members whose key is not known goes on in clear text.
    pub fn chat(&self, row: &mut tables::Chat) {
        if self.plain_groups.contains(&row.id) && row.r#type == GROUP {
            row.grpid.clear();
        }
    }

    fn groups_without_keys(&self, reader: &Reader) -> Outcome<HashSet<i64>> {
        let mut without = HashSet::new();
        reader.each::<tables::Contact, Failure>(|row| {
            if row.id > LAST && self.key_of(&row).is_none() {
                without.insert(row.id);
            }
            Ok(())
        })?;
        let mut groups = HashSet::new();
        reader.each::<tables::ChatContact, Failure>(|row| {
            if without.contains(&row.contact_id) && row.add_timestamp >= row.remove_timestamp {
                groups.insert(row.chat_id);
            }
            Ok(())
        })?;
        Ok(groups)
    }
}

/// The certificate that is known of an address: the best that is there.
pub fn key_of(row: tables::PeerState) -> Option<tables::PublicKey> {
    let verified = !row.verified_key.is_empty();
    if row.prefer_encrypted == RESET && !verified {
        return None;
    }
    let all = [
        (row.verified_key_fingerprint, row.verified_key),
        (row.public_key_fingerprint, row.public_key),
        (row.gossip_key_fingerprint, row.gossip_key),
    ];
    let (fingerprint, public_key) = all.into_iter().find(|(_, key)| !key.is_empty())?;
    Some(tables::PublicKey { fingerprint: fingerprint.to_uppercase(), public_key })
}

fn keys(reader: &Reader) -> Outcome<HashMap<String, String>> {
    let mut found = HashMap::new();
    reader.each::<tables::PeerState, Failure>(|row| {
        let addr = row.addr.to_lowercase();
        if let Some(key) = key_of(row).filter(|key| !key.fingerprint.is_empty()) {
            found.insert(addr, key.fingerprint);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Fingerprints of all certificates of contacts.
pub fn fingerprints(reader: &Reader) -> Outcome<HashSet<String>> {
    let mut found: HashSet<String> = HashSet::new();
    reader.each::<tables::PublicKey, Failure>(|row| {
        found.insert(row.fingerprint.to_uppercase());
        Ok(())
    })?;
    if has_peer_states(reader)? {
        found.extend(keys(reader)?.into_values());
    }
    Ok(found)
}

/// The own key that is used, as a transferable secret key.
pub fn own_key(reader: &Reader) -> Outcome<Option<Vec<u8>>> {
    let used = reader.config(key::KEY_ID)?;
    let mut found = None;
    reader.each::<tables::KeyPair, Failure>(|row| {
        let is_used = match &used {
            Some(used) => row.id.to_string() == used.trim(),
            None => row.is_default != 0,
        };
        if is_used {
            found = Some(row.private_key);
        }
        Ok(())
    })?;
    Ok(found)
}

fn has_peer_states(reader: &Reader) -> Outcome<bool> {
    Ok(!reader.has("contacts", "fingerprint")? && reader.has("acpeerstates", "addr")?)
}

/// The login that is in the settings, if it was ever found to work.
fn login(reader: &Reader) -> Outcome<Option<tables::Transport>> {
    let text = |name: &str| -> Outcome<String> { Ok(reader.config(name)?.unwrap_or_default()) };
    let number = |name: &str| -> Outcome<i64> { Ok(text(name)?.trim().parse().unwrap_or(0)) };
    if number("configured")? == 0 {
        return Ok(None);
    }
    let addr = match text("configured_addr")? {
        empty if empty.is_empty() => text("addr")?,
        addr => addr,
    };
    if addr.is_empty() {
        return Ok(None);
    }
    let servers = |protocol: &str, usual: u16| -> Outcome<Vec<Candidate>> {
        let host = text(&format!("configured_{protocol}_server"))?;
        if host.is_empty() {
            return Ok(Vec::new());
        }
        let port = u16::try_from(number(&format!("configured_{protocol}_port"))?).unwrap_or(0);
        let port = if port == 0 { usual } else { port };
        let security = security(number(&format!("configured_{protocol}_security"))?, port);
        let user = match text(&format!("configured_{protocol}_user"))? {
            empty if empty.is_empty() => addr.clone(),
            user => user,
        };
        Ok(vec![Candidate { connection: Endpoint { host, port, security }, user }])
    };
    let checks = reader.config("configured_imap_certificate_checks")?;
    let checks = checks.and_then(|text| text.trim().parse().ok()).and_then(CertificateChecks::from_number);
    let configured = ConfiguredLogin {
        addr: addr.clone(),
        imap: servers("mail", IMAP_PORT)?,
        imap_folder: None,
        imap_user: text("mail_user")?,
        imap_password: text("configured_mail_pw")?,
        smtp: servers("send", SMTP_PORT)?,
        smtp_user: text("send_user")?,
        smtp_password: text("configured_send_pw")?,
        certificate_checks: checks.unwrap_or(CertificateChecks::Strict),
        oauth2: false,
    };
    let entered = |protocol: &str| -> Outcome<serde_json::Value> {
        let of = |name: &str| format!("{protocol}_{name}");
        let security = match number(&of("security"))? {
            1 => "Ssl",
            2 => "Starttls",
            3 => "Plain",
            _ => "Automatic",
        };
        Ok(json!({
            "server": text(&of("server"))?,
            "port": u16::try_from(number(&of("port"))?).unwrap_or(0),
            "folder": "",
            "security": security,
            "user": text(&of("user"))?,
            "password": text(&of("pw"))?,
        }))
    };
    let checks = match number("imap_certificate_checks")? {
        1 => "Strict",
        2 | 3 => "AcceptInvalidCertificates",
        _ => "Automatic",
    };
    let entered = json!({
        "addr": addr, "imap": entered("mail")?, "smtp": entered("send")?, "certificate_checks": checks, "oauth2": false,
    });
    let written = serde_json::to_string(&configured);
    Ok(Some(tables::Transport {
        id: FIRST_RELAY,
        addr: addr.to_lowercase(),
        entered_param: entered.to_string(),
        configured_param: written.map_err(|error| Failure::Internal(error.to_string()))?,
        is_published: 1,
        ..tables::Transport::default()
    }))
}

/// How a connection was secured; by the port where no number says it.
fn security(number: i64, port: u16) -> Security {
    match (number, port) {
        (1, _) | (0, 993 | 465) => Security::Tls,
        (3, _) => Security::Plain,
        _ => Security::Starttls,
    }
}

#[cfg(test)]
mod tests {
    use volary_backup::database::Writer;

    use super::*;

    fn with_settings(settings: &[(&str, &str)]) -> Older {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let mut writer = Writer::create(&path).unwrap();
        for (name, value) in settings {
            writer.set(name, *value).unwrap();
        }
        writer.finish().unwrap();
        Older::look(&Reader::open(&path).unwrap()).unwrap()
    }

    #[test]
    fn a_login_in_the_settings_becomes_a_relay() {
        let found = with_settings(&[
            ("configured", "1"),
            ("configured_addr", "Alice@example.org"),
            ("addr", "other@example.org"),
            ("mail_pw", "entered"),
            ("configured_mail_server", "imap.example.org"),
            ("configured_mail_port", "993"),
            ("configured_mail_security", "1"),
            ("configured_mail_user", "alice"),
            ("configured_mail_pw", "secret"),
            ("configured_send_server", "smtp.example.org"),
            ("configured_send_port", "587"),
            ("configured_send_pw", "secret too"),
            ("configured_imap_certificate_checks", "2"),
        ]);
        let relay = found.login.unwrap();
        assert_eq!((relay.id, relay.addr.as_str()), (1, "alice@example.org"));
        let login: ConfiguredLogin = serde_json::from_str(&relay.configured_param).unwrap();
        let shown = format!("{login:?}");
        assert_eq!(
            shown,
            "***@example.org imap:[imap.example.org:993:tls] smtp:[smtp.example.org:587:starttls] cert_accept_invalid"
        );
        let users = (login.imap[0].user.as_str(), login.smtp[0].user.as_str());
        assert_eq!(users, ("alice", "Alice@example.org"));
        assert_eq!((login.imap_password.as_str(), login.smtp_password.as_str()), ("secret", "secret too"));
        let entered: serde_json::Value = serde_json::from_str(&relay.entered_param).unwrap();
        assert_eq!(entered["imap"]["password"], "entered");
    }

    #[test]
    fn a_login_that_was_never_found_to_work_is_none() {
        assert!(with_settings(&[("addr", "alice@example.org"), ("mail_pw", "x")]).login.is_none());
        assert!(with_settings(&[("configured", "1")]).login.is_none());
    }

    #[test]
    fn the_best_key_of_an_address_is_taken_and_none_after_mail_in_clear_text() {
        let state = tables::PeerState {
            addr: "bob@example.org".to_owned(),
            public_key: vec![1],
            public_key_fingerprint: "aa".to_owned(),
            gossip_key: vec![2],
            gossip_key_fingerprint: "bb".to_owned(),
            ..tables::PeerState::default()
        };
        let fingerprint = |row: tables::PeerState| key_of(row).map(|key| key.fingerprint);
        assert_eq!(fingerprint(state.clone()).as_deref(), Some("AA"));
        assert_eq!(
            fingerprint(tables::PeerState { public_key: Vec::new(), ..state.clone() }).as_deref(),
            Some("BB")
        );
        let plain = tables::PeerState { prefer_encrypted: RESET, ..state };
        assert_eq!(fingerprint(plain.clone()), None);
        let verified =
            tables::PeerState { verified_key: vec![3], verified_key_fingerprint: "CC".to_owned(), ..plain };
        assert_eq!(fingerprint(verified).as_deref(), Some("CC"));
        assert_eq!(fingerprint(tables::PeerState::default()), None);
    }
}
