//! Files that frontends bring and fetch. What a frontend brings gets a reference, which stands for its path in requests;
//! paths of the host become references for frontends on other machines.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tonic::{Code, Status};
use volary_engine::ground::artwork;
use volary_grpc::{DownloadPart, UploadPart};

use super::GrpcError;

/// The folder of what frontends have brought, in the folder of the profiles.
const FOLDER: &str = "uploads";
/// What references to such files begin with.
const UPLOAD: &str = "upload:";
/// What references to files of the host begin with.
const BLOB: &str = "blob:";
/// Longest file that is taken, in bytes.
pub const MAX_UPLOAD: u64 = 1 << 30;
/// Most files that are kept.
pub const MAX_FILES: usize = 1000;
/// How long a file is kept.
const KEPT: Duration = Duration::from_secs(3600);
/// Bytes of the disk that files leave free. The engine, which needs less to be free, goes on when they find no place.
pub const LEFT_FREE: u64 = 64 << 20;
/// Longest name of a file, in bytes.
const MAX_NAME: usize = 200;
/// Random bytes of a reference: who knows it may use the file.
const ID_BYTES: usize = 16;
/// Bytes of a part that is sent.
pub(super) const PART: usize = 64 << 10;

/// The files of a host.
pub struct Files {
    /// The folder of the profiles.
    host: PathBuf,
    uploads: PathBuf,
    /// Folders of what was used in a request that was carried out.
    used: Mutex<HashSet<String>>,
}

impl Files {
    /// Forgets what was brought to an earlier process.
    pub fn new(host: &Path) -> Result<Self, GrpcError> {
        let uploads = host.join(FOLDER);
        let failed = |error| GrpcError::File { path: uploads.clone(), error };
        match fs::remove_dir_all(&uploads) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => DirBuilder::new().mode(0o700).create(&uploads).map_err(failed)?,
        }
        Ok(Self { host: host.to_owned(), uploads, used: Mutex::default() })
    }

    /// Whether a path is a reference to something that a frontend has brought.
    pub fn is_upload(path: &str) -> bool {
        path.starts_with(UPLOAD)
    }

    /// Puts the path of the file into the place of its reference.
    pub fn resolve(&self, reference: &mut String) -> Result<(), Status> {
        let unknown = || Status::not_found("there is no such upload; uploads are kept for an hour");
        let (id, name) = reference
            .strip_prefix(UPLOAD)
            .and_then(|rest| rest.split_once('/'))
            .filter(|(id, name)| is_id(id) && usable(name) == *name)
            .ok_or_else(unknown)?;
        let path = self.uploads.join(id).join(name);
        if !path.is_file() {
            return Err(unknown());
        }
        *reference = path.to_string_lossy().into_owned();
        Ok(())
    }

    /// Notes that a request with this path was carried out: what was brought for it makes room when others need it.
    pub fn was_used(&self, path: &str) {
        let below = Path::new(path).strip_prefix(&self.uploads);
        if let Some(Component::Normal(id)) = below.ok().and_then(|below| below.components().next()) {
            self.used.lock().insert(id.to_string_lossy().into_owned());
        }
    }

    /// Puts references into the place of paths in a text that names files of the host.
    pub fn hide_in(&self, text: &mut String) {
        /// A folder of so few letters may be anything.
        const SHORT: usize = 4;
        let host = self.host.to_string_lossy();
        if host.len() > SHORT && text.contains(&*host) {
            *text = text.replace(&format!("{host}/"), BLOB).replace(&*host, "…");
        }
    }

    /// Puts a reference into the place of the path of a file of the host; of other files only the name is told.
    pub fn hide_file(&self, path: &mut String) {
        self.hide(path);
        if path.starts_with('/') {
            *path = path.rsplit('/').next().unwrap_or_default().to_owned();
        }
    }

    /// Puts a reference into the place of a path of the host.
    pub fn hide(&self, path: &mut String) {
        let below = Path::new(path.as_str()).strip_prefix(&self.host);
        if let Ok(below) = below {
            *path = format!("{BLOB}{}", below.display());
        }
    }

    /// Takes a file.
    pub async fn take(
        &self,
        mut parts: impl Stream<Item = Result<UploadPart, Status>> + Unpin,
    ) -> Result<String, Status> {
        self.make_room().await?;
        let id = hex::encode(rand::random::<[u8; ID_BYTES]>());
        let folder = self.uploads.join(&id);
        let Some(first) = parts.next().await.transpose()? else {
            return Err(Status::invalid_argument("a file has at least one part"));
        };
        let name = usable(&first.name);
        DirBuilder::new().mode(0o700).create(&folder).map_err(failed)?;
        let unfinished = Unfinished(Some(folder.clone()));
        let path = folder.join(&name);
        File::create(&path).map_err(failed)?;
        let mut next = Some(first);
        let mut size = 0;
        while let Some(part) = next {
            size += part.data.len() as u64;
            if size > MAX_UPLOAD {
                return Err(Status::out_of_range(format!("a file has at most {MAX_UPLOAD} bytes")));
            }
            self.has_space()?;
            append(path.clone(), part.data).await.map_err(failed)?;
            next = parts.next().await.transpose()?;
        }
        unfinished.finished();
        Ok(format!("{UPLOAD}{id}/{name}"))
    }

    /// Removes a file that was brought to the host of a folder, on the machine of that host.
    pub fn discard(host: &Path, reference: &str) {
        let id = reference.strip_prefix(UPLOAD).and_then(|rest| rest.split('/').next());
        if let Some(id) = id.filter(|id| is_id(id)) {
            fs::remove_dir_all(host.join(FOLDER).join(id)).ok();
        }
    }

    /// Deletes what has been here for long and, where that is not enough, what was used, the oldest first. Fails if there
    /// is too much else.
    async fn make_room(&self) -> Result<(), Status> {
        let mut there = Vec::new();
        let mut entries = tokio::fs::read_dir(&self.uploads).await.map_err(failed)?;
        while let Some(entry) = entries.next_entry().await.map_err(failed)? {
            let changed = entry.metadata().await.and_then(|about| about.modified());
            let age = changed.ok().and_then(|changed| SystemTime::now().duration_since(changed).ok());
            there.push((age.unwrap_or_default(), entry.file_name().to_string_lossy().into_owned()));
        }
        there.sort_unstable_by(|one, other| other.cmp(one));
        let mut left = there.len();
        for (age, id) in there {
            if age <= KEPT && (left < MAX_FILES || !self.used.lock().contains(&id)) {
                continue;
            }
            tokio::fs::remove_dir_all(self.uploads.join(&id)).await.ok();
            self.used.lock().remove(&id);
            left -= 1;
        }
        if left < MAX_FILES {
            Ok(())
        } else {
            Err(Status::resource_exhausted("too many uploads wait to be used"))
        }
    }

    /// Fails while the disk is nearly full.
    fn has_space(&self) -> Result<(), Status> {
        // Where the system does not say, a write does.
        let free = rustix::fs::statvfs(&self.uploads).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        if free.unwrap_or(u64::MAX) >= LEFT_FREE {
            Ok(())
        } else {
            Err(Status::resource_exhausted("the disk of the host is nearly full"))
        }
    }

    /// Opens a file of a profile, or one that all profiles share.
    pub async fn open(&self, reference: &str, blobs: &Path, offset: u64) -> Result<Reading, Status> {
        let missing = || Status::not_found("there is no such file");
        let path = match reference.strip_prefix(BLOB) {
            Some(below) => self.host.join(below),
            None => PathBuf::from(reference),
        };
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::RootDir);
        if !path.components().all(plain) {
            return Err(missing());
        }
        // Beside its attachments a profile has its stickers.
        let own = blobs.parent().unwrap_or(blobs);
        let pictures = [artwork::Shared::SavedMessages, artwork::Shared::Device];
        let shared = pictures.iter().any(|picture| picture.path(&self.host) == path);
        let path = tokio::fs::canonicalize(&path).await.map_err(|_| missing())?;
        if !shared && !path.starts_with(own) {
            return Err(missing());
        }
        let about = tokio::fs::metadata(&path).await.map_err(|_| missing())?;
        if !about.is_file() {
            return Err(missing());
        }
        Ok(Reading { path, offset: offset.min(about.len()), size: about.len(), begun: false })
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.uploads).ok();
    }
}

/// The folder of a file that is not there as a whole yet; it goes when the call fails, is cancelled or takes too long.
struct Unfinished(Option<PathBuf>);

impl Unfinished {
    fn finished(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(folder) = &self.0 {
            fs::remove_dir_all(folder).ok();
        }
    }
}

/// Adds a part to a file. While the next one is waited for the file is closed: who is slow costs no descriptor.
async fn append(path: PathBuf, data: Bytes) -> io::Result<()> {
    let appending = spawn_blocking(move || OpenOptions::new().append(true).open(path)?.write_all(&data));
    appending.await.map_err(io::Error::other)?
}

/// A file on its way to a frontend. While a part is on its way the file is closed.
pub struct Reading {
    path: PathBuf,
    offset: u64,
    size: u64,
    begun: bool,
}

impl Reading {
    /// The next part; none at the end.
    pub async fn next(&mut self) -> Result<Option<DownloadPart>, Status> {
        let (path, offset) = (self.path.clone(), self.offset);
        let reading = spawn_blocking(move || read_part(&path, offset));
        let data = reading.await.map_err(io::Error::other).flatten().map_err(failed)?;
        let read = data.len();
        self.offset += read as u64;
        let size = if self.begun { 0 } else { self.size };
        // Of an empty file there is one part, too.
        let more = read > 0 || !self.begun;
        self.begun = true;
        Ok(more.then(|| DownloadPart { size, data: Bytes::from(data) }))
    }
}

/// A part from an offset on; of less than [`PART`] bytes at the end.
fn read_part(path: &Path, offset: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let (mut data, mut filled) = (vec![0; PART], 0);
    while filled < PART {
        match file.read_at(&mut data[filled..], offset + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    data.truncate(filled);
    Ok(data)
}

#[allow(clippy::needless_pass_by_value)]
fn failed(error: io::Error) -> Status {
    tracing::warn!(%error, "a file of a frontend cannot be read or written");
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::ResourceExhausted,
        _ => Code::Internal,
    };
    // What the system says may name paths.
    Status::new(code, format!("the file cannot be read or written: {}", error.kind()))
}

fn is_id(text: &str) -> bool {
    text.len() == 2 * ID_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A name that is no path and does no harm.
fn usable(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut name: String = last.chars().filter(|letter| !letter.is_control()).collect();
    while name.len() > MAX_NAME {
        name.remove(0);
    }
    let name = name.trim_start_matches('.');
    if name.is_empty() { "file".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_uploads_are_no_paths() {
        assert_eq!(usable("photo.jpg"), "photo.jpg");
        assert_eq!(usable("../../etc/passwd"), "passwd");
        assert_eq!(usable("C:\\x\\y.png"), "y.png");
        assert_eq!(usable(".."), "file");
        assert_eq!(usable(""), "file");
        assert!(usable(&format!("{}.jpg", "x".repeat(500))).ends_with("xx.jpg"));
    }

    #[tokio::test]
    async fn what_was_used_makes_room_and_what_was_not_stays() {
        let host = tempfile::tempdir().unwrap();
        let files = Files::new(host.path()).unwrap();
        let brings = async || {
            let part = UploadPart { name: "a.txt".to_owned(), data: Bytes::from_static(b"x") };
            files.take(futures::stream::iter([Ok(part)])).await
        };
        let mut first = brings().await.unwrap();
        let mut second = brings().await.unwrap();
        for _ in 2..MAX_FILES {
            brings().await.unwrap();
        }
        assert_eq!(brings().await.unwrap_err().code(), Code::ResourceExhausted, "nothing was used yet");
        let mut path = second.clone();
        files.resolve(&mut path).unwrap();
        files.was_used(&path);
        brings().await.unwrap();
        assert!(files.resolve(&mut second).is_err(), "it made room");
        files.resolve(&mut first).unwrap();
        assert_eq!(brings().await.unwrap_err().code(), Code::ResourceExhausted);
    }

    #[test]
    fn paths_in_texts_and_of_files_elsewhere_are_not_told() {
        let host = tempfile::tempdir().unwrap();
        let files = Files::new(host.path()).unwrap();
        let mut text = format!("the disk is full: 5 bytes are free for {}", host.path().display());
        files.hide_in(&mut text);
        assert_eq!(text, "the disk is full: 5 bytes are free for …");
        let mut text = format!("File: {}/uuid/a.jpg, name: a.jpg", host.path().display());
        files.hide_in(&mut text);
        assert_eq!(text, "File: blob:uuid/a.jpg, name: a.jpg");
        let hidden = |path: &str| {
            let mut path = path.to_owned();
            files.hide_file(&mut path);
            path
        };
        assert_eq!(hidden("/home/alice/backup.tar"), "backup.tar");
        assert_eq!(hidden(&host.path().join("a/b.tar").to_string_lossy()), "blob:a/b.tar");
        assert_eq!(hidden("$BLOBDIR/a.jpg"), "$BLOBDIR/a.jpg");
    }

    #[test]
    fn only_what_was_brought_is_found() {
        let host = tempfile::tempdir().unwrap();
        let files = Files::new(host.path()).unwrap();
        fs::write(host.path().join("secret"), "x").unwrap();
        let id = "0".repeat(32);
        for reference in [
            "/etc/passwd",
            "upload:",
            "upload:../secret",
            "upload:x/secret",
            &format!("upload:{id}/../../secret"),
        ] {
            assert!(files.resolve(&mut reference.to_owned()).is_err(), "{reference}");
        }
        fs::create_dir(files.uploads.join(&id)).unwrap();
        fs::write(files.uploads.join(&id).join("a.txt"), "x").unwrap();
        let mut reference = format!("upload:{id}/a.txt");
        files.resolve(&mut reference).unwrap();
        assert_eq!(fs::read_to_string(reference).unwrap(), "x");
    }
}
