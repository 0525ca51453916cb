//! Files of clients: copied among the attachments, and what kind of message they make.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use volary_mail::message::content::{self, dimensions};
use volary_mail::message::filename::{blob_extension, name_for_sending, sanitise};
use volary_mail::message::view_type::{OCTET_STREAM, ViewType as Kind, by_file_name};
use volary_mail::webxdc::MIME_TYPE;
use volary_proto::v1::event;
use volary_storage::Blobs;
use volary_storage::records::ViewType;

use super::images::{self, Quality, Ready};
use crate::chat::compose::NewFile;
use crate::ground::artwork;
use crate::ground::db::Db;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::ProfileId;
use crate::ground::work::Lane;
use crate::outgoing::headers;
use crate::query::contacts::MAX_CARD_FILE;
use crate::query::look::look;
use crate::state::config;

/// What is said before the cause when a file could not be copied.
pub const NOT_COPIED: &str = "Copying new blobfile failed";
/// Larger files are no pictures, in bytes.
const MAX_PICTURE: u64 = 100 << 20;

/// A file that was copied, and the view type it makes.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// The file.
    pub file: NewFile,
    /// The view type that it makes.
    pub view_type: ViewType,
}

/// Folder of the attachments of a profile, and the limits of its pictures.
pub fn place(db: &Db, profile: ProfileId) -> Result<(Blobs, Quality), volary_proto::Error> {
    look(db, profile, |look| {
        let setting = config::number(look.view, profile, config::key::MEDIA_QUALITY)?;
        Ok((Blobs::new(&look.blob_dir), Quality::of(setting)))
    })
}

fn copying(error: io::Error) -> Failure {
    Failure::refused(format!("{NOT_COPIED}: {error}"))
}

/// Emits that there is a new file among the attachments.
pub fn tell(db: &Db, profile: ProfileId, blob: &str) {
    let file = format!("$BLOBDIR/{blob}");
    db.emit(profile, event::Kind::NewBlobFile(event::NewBlobFile { file }));
}

/// Copies a file as it is and returns its blob name.
pub async fn copy(db: &Db, profile: ProfileId, path: String) -> Result<String, volary_proto::Error> {
    let (blobs, _) = place(db, profile)?;
    let name = db
        .work(Lane::Interactive, move || {
            let extension = blob_extension(&path).unwrap_or_default();
            let name = blobs.put_file(Path::new(&path), &extension).map_err(copying)?;
            Ok(name.as_str().to_owned())
        })
        .await?;
    tell(db, profile, &name);
    Ok(name)
}

/// Stores a text as a file and returns its blob name.
pub async fn put_text(db: &Db, profile: ProfileId, text: String) -> Result<String, volary_proto::Error> {
    let (blobs, _) = place(db, profile)?;
    let put = move || Ok(blobs.put(text.as_bytes(), "html").map_err(copying)?.as_str().to_owned());
    Ok(db.work(Lane::Interactive, put).await?)
}

/// The name under which a file is sent that was asked to be shown as `wanted`.
pub fn name_to_send(wanted: ViewType, name: &str, now: i64) -> String {
    name_for_sending(headers::view_type(wanted), name, now)
}

/// Stores the picture that welcomes the user.
pub async fn put_welcome(db: &Db, profile: ProfileId, now: i64) -> Outcome<NewFile> {
    let (blobs, _) = place(db, profile).map_err(|error| Failure::refused(error.message))?;
    let put = move || Ok(blobs.put(artwork::WELCOME, "png").map_err(copying)?.as_str().to_owned());
    let (width, height) = artwork::WELCOME_SIZE;
    Ok(NewFile {
        blob: db.work(Lane::Interactive, put).await?,
        name: name_for_sending(Kind::Image, "welcome.png", now),
        mime_type: "image/png".to_owned(),
        bytes: artwork::WELCOME.len() as u64,
        width,
        height,
    })
}

/// Copies the attachment of a message. `wanted` is the view type asked for; it is corrected by what the file is.
pub async fn take(
    db: &Db,
    profile: ProfileId,
    path: String,
    name: Option<String>,
    wanted: ViewType,
) -> Result<Taken, volary_proto::Error> {
    let (blobs, quality) = place(db, profile)?;
    let name = sanitise(name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&path));
    let taken = db
        .work(Lane::Interactive, move || take_file(&blobs, Path::new(&path), name, wanted, quality))
        .await?;
    tell(db, profile, &taken.file.blob);
    Ok(taken)
}

/// Copies the app of a draft. Whether it is one is looked at when the draft is sent.
pub async fn take_app(
    db: &Db,
    profile: ProfileId,
    path: String,
    name: String,
) -> Result<Taken, volary_proto::Error> {
    let (blobs, _) = place(db, profile)?;
    let name = sanitise(&name);
    let copy = move || {
        let path = Path::new(&path);
        let bytes = fs::metadata(path).map_err(copying)?.len();
        let blob = blobs.put_file(path, &blob_extension(&name).unwrap_or_default()).map_err(copying)?;
        let mime_type = MIME_TYPE.to_owned();
        let file = NewFile { blob: blob.as_str().to_owned(), name, mime_type, bytes, ..Default::default() };
        Ok(Taken { file, view_type: ViewType::Webxdc })
    };
    let taken = db.work(Lane::Interactive, copy).await?;
    tell(db, profile, &taken.file.blob);
    Ok(taken)
}

fn take_file(blobs: &Blobs, path: &Path, name: String, wanted: ViewType, quality: Quality) -> Outcome<Taken> {
    // Before anything is copied: what cannot be read has no kind.
    let bytes = fs::metadata(path).map_err(copying)?.len();
    let mut name = name;
    let mut kind = kind_of(path, &name, bytes, wanted)?;
    let (mut width, mut height) = (0, 0);
    let picture = match kind {
        ViewType::Image | ViewType::Gif | ViewType::Sticker => Some(read(path, bytes, MAX_PICTURE)?),
        _ => None,
    };
    let mut recoded = None;
    if let Some(content) = &picture {
        if wanted == ViewType::Image && kind == ViewType::Image {
            match images::for_message(content, quality) {
                Ok(ready) => {
                    (width, height) = (ready.width, ready.height);
                    recoded = ready.recoded;
                }
                Err(error) if content.windows(4).any(|window| window == b"Exif") => {
                    return Err(Failure::refused(format!("Failed to recode image: {error}")));
                }
                Err(_) => kind = ViewType::File,
            }
        } else {
            (width, height) = dimensions(content).unwrap_or((0, 0));
        }
    }
    let mut size = bytes;
    let blob = match &recoded {
        Some(recoded) => {
            size = recoded.bytes.len() as u64;
            name = with_extension(&name, recoded.extension);
            blobs.put(&recoded.bytes, recoded.extension).map_err(copying)?
        }
        None => blobs.put_file(path, &blob_extension(&name).unwrap_or_default()).map_err(copying)?,
    };
    let mime = match by_file_name(&name) {
        // The name says so, and the content is none.
        Some((Kind::Image, _)) if kind == ViewType::File => OCTET_STREAM,
        found => found.map_or(OCTET_STREAM, |(_, mime)| mime),
    };
    let file = NewFile {
        blob: blob.as_str().to_owned(),
        name,
        mime_type: mime.to_owned(),
        bytes: size,
        width,
        height,
    };
    Ok(Taken { file, view_type: kind })
}

fn read(path: &Path, bytes: u64, limit: u64) -> Outcome<Vec<u8>> {
    if bytes > limit {
        return Ok(Vec::new());
    }
    let mut content = Vec::new();
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut content)).map_err(copying)?;
    Ok(content)
}

fn with_extension(name: &str, extension: &str) -> String {
    match by_file_name(&format!("x.{extension}")).map(|(_, mime)| mime) {
        mime if mime.is_some() && by_file_name(name).map(|(_, mime)| mime) == mime => name.to_owned(),
        _ => PathBuf::from(name).with_extension(extension).to_string_lossy().into_owned(),
    }
}

/// The view type that a file makes.
fn kind_of(path: &Path, name: &str, bytes: u64, wanted: ViewType) -> Outcome<ViewType> {
    let by_name = by_file_name(name).map(|(kind, _)| kind);
    Ok(match wanted {
        ViewType::File | ViewType::Image => match by_name {
            Some(Kind::Image) if is_picture(path, bytes)? => ViewType::Image,
            Some(Kind::Image) => ViewType::File,
            Some(Kind::Webxdc) if is_webxdc(path) => ViewType::Webxdc,
            Some(Kind::Webxdc) => ViewType::File,
            Some(Kind::Vcard) if is_one_card(path, bytes)? => ViewType::Vcard,
            Some(Kind::Gif) => ViewType::Gif,
            Some(Kind::Video) => ViewType::Video,
            Some(Kind::Audio) => ViewType::Audio,
            None if wanted == ViewType::Image && is_picture(path, bytes)? => ViewType::Image,
            _ => ViewType::File,
        },
        ViewType::Webxdc if !is_webxdc(path) => {
            return Err(Failure::refused(format!("{} is not a valid webxdc file", path.display())));
        }
        ViewType::Vcard if !is_one_card(path, bytes)? => ViewType::File,
        other => other,
    })
}

fn is_picture(path: &Path, bytes: u64) -> Outcome<bool> {
    Ok(dimensions(&read(path, bytes, MAX_PICTURE)?).is_some())
}

fn is_webxdc(path: &Path) -> bool {
    File::open(path).is_ok_and(content::is_webxdc)
}

fn is_one_card(path: &Path, bytes: u64) -> Outcome<bool> {
    Ok(content::is_one_contact(&read(path, bytes, MAX_CARD_FILE)?))
}

/// Copies a picture, scaled to the size of an avatar, and returns its blob name.
pub async fn avatar(db: &Db, profile: ProfileId, path: String) -> Result<String, volary_proto::Error> {
    let (blobs, quality) = place(db, profile)?;
    let name = db
        .work(Lane::Interactive, move || {
            let path = Path::new(&path);
            let bytes = fs::metadata(path).map_err(copying)?.len();
            let content = read(path, bytes, MAX_PICTURE)?;
            let Ready { recoded, .. } = images::for_avatar(&content, quality)
                .map_err(|error| Failure::refused(format!("Failed to recode image: {error}")))?;
            let name = match recoded {
                Some(recoded) => blobs.put(&recoded.bytes, recoded.extension),
                None => blobs.put(&content, &blob_extension(&path.to_string_lossy()).unwrap_or_default()),
            };
            Ok(name.map_err(copying)?.as_str().to_owned())
        })
        .await?;
    tell(db, profile, &name);
    Ok(name)
}

/// Copies an attachment out, to a file that does not exist yet.
pub async fn save(
    db: &Db,
    profile: ProfileId,
    blob: String,
    path: String,
) -> Result<(), volary_proto::Error> {
    let (blobs, _) = place(db, profile)?;
    let copy = move || {
        let name = blob.parse().map_err(|_| Failure::refused("No file"))?;
        let mut from = blobs.open(&name).map_err(|error| Failure::refused(error.to_string()))?;
        let mut to = File::options()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|error| Failure::refused(error.to_string()))?;
        io::copy(&mut from, &mut to).map_err(Failure::file("attachment cannot be saved"))?;
        Ok(())
    };
    Ok(db.work(Lane::Interactive, copy).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        (dir, path)
    }

    fn kind(name: &str, content: &[u8], wanted: ViewType) -> Outcome<ViewType> {
        let (_dir, path) = file(name, content);
        kind_of(&path, name, content.len() as u64, wanted)
    }

    fn picture() -> Vec<u8> {
        let mut bytes = Vec::new();
        image::DynamicImage::new_rgb8(3, 2)
            .write_to(&mut io::Cursor::new(&mut bytes), image::ImageFormat::Png)
            .unwrap();
        bytes
    }

    #[test]
    fn the_file_decides_what_a_message_is() {
        let card = b"BEGIN:VCARD\nEMAIL:a@b.c\nEND:VCARD\n";
        for (name, content, wanted, expected) in [
            ("a.png", picture().as_slice(), ViewType::File, ViewType::Image),
            ("a.png", b"no picture", ViewType::Image, ViewType::File),
            ("a", picture().as_slice(), ViewType::Image, ViewType::Image),
            ("a", picture().as_slice(), ViewType::File, ViewType::File),
            ("a.mp3", b"x", ViewType::File, ViewType::Audio),
            ("a.mp4", b"x", ViewType::File, ViewType::Video),
            ("a.gif", b"x", ViewType::Image, ViewType::Gif),
            ("a.xdc", b"no archive", ViewType::File, ViewType::File),
            ("a.vcf", card, ViewType::File, ViewType::Vcard),
            ("a.vcf", b"garbage", ViewType::Vcard, ViewType::File),
            ("a.ogg", b"x", ViewType::Voice, ViewType::Voice),
            ("a.unknown", b"x", ViewType::File, ViewType::File),
        ] {
            assert_eq!(kind(name, content, wanted).unwrap(), expected, "{name}");
        }
        let refused = kind("a.xdc", b"no archive", ViewType::Webxdc).unwrap_err().to_string();
        assert!(refused.ends_with("a.xdc is not a valid webxdc file"), "{refused}");
    }

    #[test]
    fn an_archive_with_a_start_page_is_an_app() {
        let mut archive = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        archive.start_file("index.html", zip::write::SimpleFileOptions::default()).unwrap();
        let content = archive.finish().unwrap().into_inner();
        assert_eq!(kind("a.xdc", &content, ViewType::File).unwrap(), ViewType::Webxdc);
    }

    #[test]
    fn a_file_that_turns_out_to_be_a_picture_is_taken_byte_for_byte() {
        let (dir, path) = file("a.png", &picture());
        let blobs = Blobs::new(dir.path().join("blobs"));
        let taken = take_file(&blobs, &path, "b.png".to_owned(), ViewType::File, Quality::of(0)).unwrap();
        assert_eq!((taken.view_type, taken.file.width, taken.file.height), (ViewType::Image, 3, 2));
        assert_eq!(fs::read(blobs.dir().join(&taken.file.blob)).unwrap(), picture());
        assert_eq!((taken.file.name.as_str(), taken.file.mime_type.as_str()), ("b.png", "image/png"));
    }

    #[test]
    fn a_text_that_is_named_like_a_picture_is_a_file_of_no_type() {
        let (dir, path) = file("a.png", b"just words");
        let blobs = Blobs::new(dir.path().join("blobs"));
        let taken = take_file(&blobs, &path, "a.png".to_owned(), ViewType::File, Quality::of(0)).unwrap();
        assert_eq!((taken.view_type, taken.file.mime_type.as_str()), (ViewType::File, OCTET_STREAM));
    }

    #[test]
    fn a_missing_file_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(dir.path().join("blobs"));
        let missing = dir.path().join("none");
        let refused =
            take_file(&blobs, &missing, "none".to_owned(), ViewType::File, Quality::of(0)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "Copying new blobfile failed: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn the_extension_follows_the_format() {
        assert_eq!(with_extension("a.png", "jpg"), "a.jpg");
        assert_eq!(with_extension("a.JPEG", "jpg"), "a.JPEG");
        assert_eq!(with_extension("a", "jpg"), "a.jpg");
    }
}
