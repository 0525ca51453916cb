//! Names of origins. Each instance has two, which nobody can guess who has not seen them: that of the page around the
//! app, and below it that of the app itself.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Bytes of the secret from which names are made.
const SECRET_BYTES: usize = 32;
/// Hexadecimal digits of a name: 160 bits, and short enough for a label of a host.
const NAME_DIGITS: usize = 40;
/// File of the secret, in the folder of the engine.
const SECRET_FILE: &str = "apps.secret";
/// What all hosts end with. Browsers connect such names to this machine, without asking anybody.
const LOCALHOST: &str = ".localhost";
/// Label of an app below the name of its frame.
const APP: &str = "app.";

/// Makes names. They stay the same as long as the folder lives, so that what an app keeps in the browser is still there
/// when it is opened again.
pub struct Names {
    secret: [u8; SECRET_BYTES],
}

/// What a host stands for.
#[derive(Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// The list of apps, or the page around an app, by its name.
    Page(&'a str),
    /// An app, by the name of its frame.
    App(&'a str),
}

impl Names {
    /// The names of a folder; its secret is made if there is none.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let path = folder.join(SECRET_FILE);
        match fs::File::open(&path) {
            Ok(mut file) => {
                let mut secret = [0; SECRET_BYTES];
                file.read_exact(&mut secret)?;
                Ok(Self { secret })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secret: [u8; SECRET_BYTES] = rand::random();
                // Whole or not at all: a kill in between must not leave half a secret.
                let fresh = folder.join("apps.secret.new");
                let mut file =
                    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
                file.write_all(&secret)?;
                file.sync_all()?;
                fs::rename(&fresh, &path)?;
                Ok(Self { secret })
            }
            Err(error) => Err(error),
        }
    }

    /// The name of the list of apps.
    pub fn list(&self) -> String {
        self.name("list", 0, 0)
    }

    /// The name of an instance. Ids are never used again, and so are names.
    pub fn instance(&self, profile: u32, message: u32) -> String {
        self.name("instance", profile, message)
    }

    fn name(&self, kind: &str, profile: u32, message: u32) -> String {
        let of = format!("{kind} {profile} {message}");
        let mut name = blake3::keyed_hash(&self.secret, of.as_bytes()).to_hex().to_string();
        name.truncate(NAME_DIGITS);
        name
    }
}

/// The host of the page with this name.
pub fn page_host(name: &str, port: u16) -> String {
    format!("{name}{LOCALHOST}:{port}")
}

/// The host of the app with this name.
pub fn app_host(name: &str, port: u16) -> String {
    format!("{APP}{name}{LOCALHOST}:{port}")
}

/// What a `Host` field stands for at this port; anything but our names is refused, so that no foreign name can be made to
/// lead here.
pub fn parse(host: &str, port: u16) -> Option<Host<'_>> {
    let (host, named) = host.rsplit_once(':')?;
    if named.parse() != Ok(port) {
        return None;
    }
    let labels = host.strip_suffix(LOCALHOST)?;
    let (name, is_app) = match labels.strip_prefix(APP) {
        Some(name) => (name, true),
        None => (labels, false),
    };
    let fits =
        name.len() == NAME_DIGITS && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    fits.then_some(if is_app { Host::App(name) } else { Host::Page(name) })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn names_outlive_a_restart_and_differ_by_folder_profile_and_message() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let names = Names::of(one.path()).unwrap();
        let name = names.instance(1, 10);
        assert_eq!(Names::of(one.path()).unwrap().instance(1, 10), name);
        let others = [
            names.instance(1, 11),
            names.instance(11, 0),
            names.instance(2, 10),
            names.list(),
            Names::of(other.path()).unwrap().instance(1, 10),
        ];
        assert!(!others.contains(&name));
        let mode = fs::metadata(one.path().join(SECRET_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn only_our_hosts_are_answered() {
        let name = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(parse(&page_host(name, 81), 81), Some(Host::Page(name)));
        assert_eq!(parse(&app_host(name, 81), 81), Some(Host::App(name)));
        let foreign = [
            "localhost:81".to_owned(),
            "127.0.0.1:81".to_owned(),
            format!("{name}.localhost"),
            format!("{name}.localhost:82"),
            format!("{name}.localhost.evil.test:81"),
            format!("{name}.evil.test:81"),
            format!("x.app.{name}.localhost:81"),
            format!("{}.localhost:81", &name[1..]),
            format!("{}.localhost:81", name.to_uppercase()),
        ];
        for host in foreign {
            assert_eq!(parse(&host, 81), None, "{host}");
        }
    }
}
