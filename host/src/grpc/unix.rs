//! The Unix socket in the folder of the profiles: for the programs of one user.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as Probe;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::guard::Guarded;
use super::{GrpcError, MAX_CONNECTIONS, SOCKET};
use crate::places::Places;
use crate::seldom::Seldom;

/// Longest path that the system takes for a socket, with something to spare.
const MAX_PATH: usize = 100;
/// Pause after a connection could not be accepted.
const AFTER_TROUBLE: Duration = Duration::from_millis(100);

/// A socket that is removed with this value.
pub struct Socket {
    path: PathBuf,
    /// The file that was made here: another one is not removed.
    inode: u64,
}

impl Socket {
    /// Listens in a folder that only its owner can write to. What another process has left behind is removed.
    pub fn bind(folder: &Path) -> Result<(Self, UnixListener), GrpcError> {
        let path = folder.join(SOCKET);
        let failed = |error| GrpcError::File { path: path.clone(), error };
        let about = fs::metadata(folder).map_err(failed)?;
        if about.mode() & 0o022 != 0 {
            return Err(GrpcError::OpenFolder(folder.to_owned()));
        }
        match fs::symlink_metadata(&path) {
            Ok(there) if !there.file_type().is_socket() => return Err(GrpcError::NoSocket(path)),
            Ok(_) if reachable(&path, |path| Probe::connect(path)).is_ok() => {
                return Err(GrpcError::InUse(path));
            }
            Ok(_) => fs::remove_file(&path).map_err(failed)?,
            Err(_) => {}
        }
        let listener = reachable(&path, |path| UnixListener::bind(path)).map_err(failed)?;
        // Until here the rights are those of the process; `accept` asks each caller who he is.
        fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(failed)?;
        let inode = fs::symlink_metadata(&path).map_err(failed)?.ino();
        Ok((Self { path, inode }, listener))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|there| there.ino() == self.inode) {
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Connects to a socket. While many others wait for their turn, this waits, too.
pub async fn connect(path: PathBuf) -> io::Result<UnixStream> {
    let connecting = tokio::task::spawn_blocking(move || reachable(&path, |path| Probe::connect(path)));
    let stream = connecting.await.map_err(io::Error::other)??;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// Does something with a socket, also if its path is longer than the system takes for one.
fn reachable<T>(path: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= MAX_PATH {
        return act(path);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return act(path) };
    let folder = File::open(folder)?;
    act(&Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name))
}

/// Accepts connections of this user, and of root, for ever.
pub async fn accept(listener: UnixListener, connections: mpsc::Sender<Guarded<UnixStream>>) {
    let places = Places::new(MAX_CONNECTIONS);
    let (refused, trouble) = (Seldom::default(), Seldom::default());
    let own = rustix::process::geteuid().as_raw();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => match stream.peer_cred().map(|peer| peer.uid()) {
                Ok(user) if user == own || user == 0 => {
                    let place = places.take().await;
                    if connections.send(Guarded::new(stream, place)).await.is_err() {
                        return;
                    }
                }
                other => {
                    if let Some(times) = refused.now() {
                        tracing::warn!(user = ?other, times, "a program of another user was refused");
                    }
                }
            },
            Err(error) => {
                if let Some(times) = trouble.now() {
                    tracing::warn!(%error, times, "a connection cannot be accepted");
                }
                tokio::time::sleep(AFTER_TROUBLE).await;
            }
        }
    }
}
