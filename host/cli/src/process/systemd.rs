//! What a service manager agrees with its services on: readiness, watchdog, sockets that it has opened, credentials. All of
//! it is asked of the environment, so that nothing happens where no service manager started the process.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::process::failure::Failure;

/// What values begin with that name a credential of the service.
const CREDENTIAL: &str = "credential:";
/// The first socket that a service manager hands over.
const FIRST_SOCKET: i32 = 3;

/// Says something to the service manager, like `READY=1`. Without one, nothing happens.
pub(crate) fn notify(state: &str) {
    let Some(address) = env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(&address, state) {
        tracing::warn!(%error, state, "the service manager cannot be notified");
    }
}

/// Says that the configuration is being read again; `READY=1` ends it.
pub(crate) fn notify_of_reloading() {
    let now = clock_gettime(ClockId::Monotonic);
    // It is never negative.
    let microseconds = now.tv_sec.unsigned_abs() * 1_000_000 + now.tv_nsec.unsigned_abs() / 1_000;
    notify(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
}

fn send(address: &OsStr, state: &str) -> io::Result<()> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(address)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(|_| ())
}

/// How often the service manager wants a sign of life at least.
pub(crate) fn watchdog() -> Option<Duration> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    number("WATCHDOG_USEC").filter(|time| *time > 0 && ours).map(Duration::from_micros)
}

/// The socket that the service manager listens on for this process. To be called once.
pub(crate) fn listener() -> Result<Option<UnixListener>, Failure> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    match (number("LISTEN_PID"), number("LISTEN_FDS")) {
        (Some(pid), Some(1)) if pid == std::process::id() => {}
        (Some(pid), Some(count)) if pid == std::process::id() && count > 0 => {
            return Err(format!(
                "the service manager hands over {count} sockets; only that of the bus is expected"
            )
            .into());
        }
        _ => return Ok(None),
    }
    // SAFETY: LISTEN_PID says that the variables are meant for this process, and by that agreement number 3 is an open
    // descriptor that nobody else in the process owns; this function is called once.
    #[allow(unsafe_code)]
    let socket = unsafe { OwnedFd::from_raw_fd(FIRST_SOCKET) };
    let listener = UnixListener::from(socket);
    listener
        .local_addr()
        .map_err(|error| format!("what the service manager hands over is no Unix socket: {error}"))?;
    listener.set_nonblocking(true)?;
    Ok(Some(listener))
}

/// The file that a value names: `credential:NAME` is in the folder of credentials, which the service manager made for this
/// service alone.
pub(crate) fn credential(value: &Path) -> Result<PathBuf, Failure> {
    let Some(name) = value.to_str().and_then(|text| text.strip_prefix(CREDENTIAL)) else {
        return Ok(value.to_owned());
    };
    if name.is_empty() || name.starts_with('.') || name.contains('/') {
        return Err(format!("{name:?} is no name of a credential").into());
    }
    match env::var_os("CREDENTIALS_DIRECTORY") {
        Some(folder) => Ok(Path::new(&folder).join(name)),
        None => Err(format!("there is no credential {name:?}: CREDENTIALS_DIRECTORY is not set").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_manager_hears_by_path_and_by_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str(), "READY=1").unwrap();
        let mut heard = [0; 64];
        let length = socket.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"READY=1");

        let name = format!("volary-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        send(OsStr::new(&format!("@{name}")), "STOPPING=1").unwrap();
        let length = socket.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"STOPPING=1");
    }

    #[test]
    fn a_credential_does_not_leave_its_folder() {
        assert_eq!(credential(Path::new("/etc/key.pem")).unwrap(), Path::new("/etc/key.pem"));
        for name in ["credential:../../etc/shadow", "credential:", "credential:a/b"] {
            assert!(credential(Path::new(name)).unwrap_err().to_string().contains("no name of a credential"));
        }
    }
}
