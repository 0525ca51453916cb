//! The relay between the two people: the embedded one, or Dovecot and Postfix of the lab.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use volary_mail::message::read::parse_outer;
use volary_proto::{CertificateChecks, EnteredLoginParam, Socket};
use volary_relay::Relay;
use volary_tests::{World, login_at};

/// Which relay: `embedded` (as without it) or `lab`.
const RELAY: &str = "VOLARY_CRASH_RELAY";
/// Where the lab keeps its relays, as `tests/lab/relay` has it.
const LAB_DIR: &str = "VOLARY_LAB_DIR";
const DEFAULT_LAB_DIR: &str = "/tmp/volary-lab";
/// The relay of the lab that is never switched off by other tests.
const LAB_DOMAIN: &str = "_lab.test";

/// Where the mail goes.
pub enum Post {
    /// A relay in this process.
    Embedded(Relay),
    /// Dovecot and Postfix.
    Lab(Lab),
}

/// One relay of the lab, with addresses of this run.
pub struct Lab {
    mail: PathBuf,
    run: u32,
    /// Message-IDs of files that were read before.
    read: Mutex<BTreeMap<String, String>>,
}

impl Post {
    /// The relay that the environment asks for.
    pub async fn from_environment() -> Self {
        match std::env::var(RELAY).as_deref() {
            Err(_) | Ok("embedded") => Self::Embedded(World::relay().await),
            Ok("lab") => {
                let lab = std::env::var(LAB_DIR).unwrap_or_else(|_| DEFAULT_LAB_DIR.to_owned());
                let mail = Path::new(&lab).join(LAB_DOMAIN).join("mail");
                assert!(mail.is_dir(), "no lab in {lab}: tests/lab/relay up");
                Self::Lab(Lab { mail, run: std::process::id(), read: Mutex::default() })
            }
            Ok(other) => panic!("{RELAY}={other}: neither embedded nor lab"),
        }
    }

    /// How somebody logs in.
    pub fn login(&self, name: &str) -> EnteredLoginParam {
        match self {
            Self::Embedded(relay) => login_at(relay, name),
            Self::Lab(lab) => EnteredLoginParam {
                addr: format!("crash{}{}@{LAB_DOMAIN}", lab.run, name.to_lowercase()),
                password: "correct horse".to_owned(),
                imap_server: Some(LAB_DOMAIN.to_owned()),
                imap_port: Some(993),
                imap_security: Some(Socket::Ssl.into()),
                smtp_server: Some(LAB_DOMAIN.to_owned()),
                smtp_port: Some(465),
                smtp_security: Some(Socket::Ssl.into()),
                certificate_checks: Some(CertificateChecks::Automatic.into()),
                ..Default::default()
            },
        }
    }

    /// Pause between two messages of one person: no relay takes them much faster for long.
    pub fn pause(&self) -> Duration {
        match self {
            Self::Embedded(_) => Duration::from_millis(15),
            Self::Lab(_) => Duration::from_millis(60),
        }
    }

    /// Message-IDs of the mails in a mailbox.
    pub fn mailbox(&self, address: &str) -> BTreeSet<String> {
        match self {
            Self::Embedded(relay) => {
                let mails = relay.mailbox(address).unwrap_or_default();
                mails.iter().filter_map(|mail| message_id(&mail.raw)).collect()
            }
            Self::Lab(lab) => lab.mailbox(address),
        }
    }

    /// Ends the relay, if it is in this process.
    pub async fn ends(self) {
        if let Self::Embedded(relay) = self {
            relay.stop().await;
        }
    }
}

impl Lab {
    fn mailbox(&self, address: &str) -> BTreeSet<String> {
        let folder = self.mail.join(address);
        // Files go from `new` to `cur`: in this order none is missed.
        ["new", "cur"].iter().flat_map(|part| self.files(&folder.join(part))).collect()
    }

    fn files(&self, folder: &Path) -> BTreeSet<String> {
        let Ok(entries) = std::fs::read_dir(folder) else { return BTreeSet::new() };
        let mut found = BTreeSet::new();
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // Behind the colon stand flags, which change.
            let key = name.split(':').next().unwrap_or_default().to_owned();
            if let Some(known) = self.read.lock().get(&key) {
                found.insert(known.clone());
            } else if let Some(id) = std::fs::read(entry.path()).ok().and_then(|raw| message_id(&raw)) {
                self.read.lock().insert(key, id.clone());
                found.insert(id);
            }
        }
        found
    }
}

fn message_id(raw: &[u8]) -> Option<String> {
    parse_outer(raw).ok()?.message_id.map(|id| id.as_str().to_owned())
}
