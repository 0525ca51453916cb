//! Files that frontends bring and fetch. What a frontend brings gets a reference, which stands for its path in requests;
//! paths of the host become references for frontends on other machines.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};
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
const MAX_FILES: usize = 1000;
/// How long a file is kept.
const KEPT: Duration = Duration::from_secs(3600);
/// Longest name of a file, in bytes.
const MAX_NAME: usize = 200;
/// Random bytes of a reference: who knows it may use the file.
const ID_BYTES: usize = 16;
/// Bytes of a part that is sent.
const PART: usize = 64 << 10;

/// The files of a host.
pub struct Files {
    /// The folder of the profiles.
    host: PathBuf,
    uploads: PathBuf,
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
        Ok(Self { host: host.to_owned(), uploads })
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
        self.forget_old().await?;
        let id = hex::encode(rand::random::<[u8; ID_BYTES]>());
        let folder = self.uploads.join(&id);
        let Some(first) = parts.next().await.transpose()? else {
            return Err(Status::invalid_argument("a file has at least one part"));
        };
        let name = usable(&first.name);
        let written = async {
            DirBuilder::new().mode(0o700).create(&folder).map_err(failed)?;
            let mut file = File::create(folder.join(&name)).await.map_err(failed)?;
            let mut next = Some(first);
            let mut size = 0;
            while let Some(part) = next {
                size += part.data.len() as u64;
                if size > MAX_UPLOAD {
                    return Err(Status::out_of_range(format!("a file has at most {MAX_UPLOAD} bytes")));
                }
                file.write_all(&part.data).await.map_err(failed)?;
                next = parts.next().await.transpose()?;
            }
            file.flush().await.map_err(failed)
        };
        match written.await {
            Ok(()) => Ok(format!("{UPLOAD}{id}/{name}")),
            Err(status) => {
                tokio::fs::remove_dir_all(&folder).await.ok();
                Err(status)
            }
        }
    }

    /// Deletes what has been here for long; fails if there is too much else.
    async fn forget_old(&self) -> Result<(), Status> {
        let mut left = 0;
        let mut entries = tokio::fs::read_dir(&self.uploads).await.map_err(failed)?;
        while let Some(entry) = entries.next_entry().await.map_err(failed)? {
            let changed = entry.metadata().await.and_then(|about| about.modified());
            let age = changed.ok().and_then(|changed| SystemTime::now().duration_since(changed).ok());
            if age.is_some_and(|age| age > KEPT) {
                tokio::fs::remove_dir_all(entry.path()).await.ok();
            } else {
                left += 1;
            }
        }
        if left < MAX_FILES {
            Ok(())
        } else {
            Err(Status::resource_exhausted("too many uploads wait to be used"))
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
        let mut file = File::open(&path).await.map_err(|_| missing())?;
        let about = file.metadata().await.map_err(failed)?;
        if !about.is_file() {
            return Err(missing());
        }
        file.seek(io::SeekFrom::Start(offset)).await.map_err(failed)?;
        Ok(Reading { file, size: about.len(), begun: false })
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.uploads).ok();
    }
}

/// A file on its way to a frontend.
pub struct Reading {
    file: File,
    size: u64,
    begun: bool,
}

impl Reading {
    /// The next part; none at the end.
    pub async fn next(&mut self) -> Result<Option<DownloadPart>, Status> {
        let mut data = vec![0; PART];
        let read = self.file.read(&mut data).await.map_err(failed)?;
        data.truncate(read);
        let size = if self.begun { 0 } else { self.size };
        // Of an empty file there is one part, too.
        let more = read > 0 || !self.begun;
        self.begun = true;
        Ok(more.then(|| DownloadPart { size, data: Bytes::from(data) }))
    }
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
