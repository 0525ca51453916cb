//! The sticker collection of a profile: packs are folders of pictures, which the user may fill with a file manager, too.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use volary_mail::message::filename::blob_extension;
use volary_proto::v1::{TextLists, Texts};

use super::look::Look;
use crate::ground::error::{Failure, Outcome};

/// Pictures with these extensions are stickers.
const EXTENSIONS: [&str; 3] = ["png", "webp", "gif"];
/// No more packs are listed, and no more stickers of one pack.
const MAX_LISTED: usize = 10_000;

/// The folder of the packs. It lies beside the attachments, so that it goes with the profile.
pub fn folder(look: &Look<'_>) -> PathBuf {
    look.blob_dir.with_file_name("stickers")
}

/// The same, made if it is not there yet: clients open it in a file manager.
pub fn made_folder(look: &Look<'_>) -> Outcome<String> {
    let folder = folder(look);
    fs::create_dir_all(&folder).map_err(Failure::file("folder of the stickers cannot be made"))?;
    Ok(folder.to_string_lossy().into_owned())
}

/// The stickers by pack, both in the order of their names; a pack without stickers is left out.
pub fn packs(look: &Look<'_>) -> Outcome<TextLists> {
    let unreadable = || Failure::file("stickers cannot be listed");
    let folder = folder(look);
    if !folder.exists() {
        return Ok(TextLists::default());
    }
    let mut entries = BTreeMap::new();
    for pack in fs::read_dir(&folder).map_err(unreadable())?.take(MAX_LISTED) {
        let pack = pack.map_err(unreadable())?;
        if !pack.path().is_dir() {
            continue;
        }
        let mut texts = Vec::new();
        for file in fs::read_dir(pack.path()).map_err(unreadable())?.take(MAX_LISTED) {
            let path = file.map_err(unreadable())?.path();
            if is_sticker(&path) {
                texts.push(path.to_string_lossy().into_owned());
            }
        }
        if !texts.is_empty() {
            texts.sort_unstable();
            entries.insert(pack.file_name().to_string_lossy().into_owned(), Texts { texts });
        }
    }
    Ok(TextLists { entries })
}

fn is_sticker(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str())) && path.is_file()
}

/// The file under which a sticker is kept, by its message and the name of its attachment.
pub fn file_name(message: u32, blob: &str) -> String {
    let extension = blob_extension(blob).unwrap_or_else(|| "png".to_owned());
    format!("{message}.{}", extension.trim_start_matches('.'))
}
