//! Putting a sticker that came with a message into the collection.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use volary_proto::Error;
use volary_storage::records::ViewType;
use volary_storage::{BlobName, Blobs};

use crate::ground::db::Db;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{MessageId, ProfileId};
use crate::ground::work::Lane;
use crate::query::look::look;
use crate::query::{messages, stickers};

/// Longest name of a pack, in bytes; file systems take no more.
const MAX_NAME: usize = 255;

/// Copies the picture of a message into a pack, which is made if it is new.
pub async fn save(db: &Db, profile: ProfileId, message: MessageId, pack: String) -> Result<(), Error> {
    check_name(&pack)?;
    let (blobs, blob, target) = look(db, profile, |look| {
        let record = messages::record(look, message)?;
        if record.view_type != ViewType::Sticker {
            return Err(Failure::refused(format!("message {message} is not a sticker")));
        }
        let blob: BlobName =
            record.blob.parse().map_err(|_| Failure::refused("sticker is not downloaded yet"))?;
        let name = stickers::file_name(message.get(), blob.as_str());
        Ok((Blobs::new(&look.blob_dir), blob, stickers::folder(look).join(&pack).join(name)))
    })?;
    Ok(db.work(Lane::Interactive, move || store(&blobs, &blob, &target)).await?)
}

/// A pack is one folder in the collection, whatever it is called.
fn check_name(pack: &str) -> Outcome<()> {
    let strange = |letter: char| letter.is_control() || "/\\:*?\"<>|".contains(letter);
    if pack.is_empty() || pack.len() > MAX_NAME || [".", ".."].contains(&pack) || pack.chars().any(strange) {
        return Err(Failure::refused("illegal characters in collection name"));
    }
    Ok(())
}

/// Whoever lists the pack meanwhile, or after a kill, sees the whole picture or none.
fn store(blobs: &Blobs, blob: &BlobName, target: &PathBuf) -> Outcome<()> {
    let failed = || Failure::file("sticker cannot be saved");
    let pack = target.parent().unwrap_or(target);
    fs::create_dir_all(pack).map_err(failed())?;
    if target.exists() {
        return Err(Failure::refused(io::Error::from(ErrorKind::AlreadyExists).to_string()));
    }
    let mut part = target.clone().into_os_string();
    part.push(".part");
    let copy = || {
        let mut file = File::create(&part)?;
        io::copy(&mut blobs.open(blob)?, &mut file)?;
        file.sync_all()?;
        fs::rename(&part, target)
    };
    copy().map_err(|error| {
        drop(fs::remove_file(&part));
        failed()(error)
    })
}

#[cfg(test)]
mod tests {
    use volary_storage::records::MessageRecord;

    use super::*;
    use crate::chat::compose::new_mid;
    use crate::ground::db::blob_dir;
    use crate::ground::ids::ContactId;
    use crate::query::stickers::{made_folder, packs};
    use crate::state::messages;
    use crate::testing::{Desk, PROFILE};

    async fn sticker(desk: &Desk, view_type: ViewType) -> MessageId {
        let chat = desk.chat_with(ContactId::SELF).await;
        let blob = Blobs::new(blob_dir(desk.dir.path(), "profile")).put(b"a picture", "webp").unwrap();
        let record =
            MessageRecord { chat, view_type, mid: new_mid(), blob: blob.to_string(), ..Default::default() };
        desk.change(move |tx| Ok(messages::insert(tx, &record)?)).await
    }

    fn listed(desk: &Desk) -> Vec<(String, Vec<String>)> {
        let found = look(&desk.db, PROFILE, packs).unwrap();
        found.entries.into_iter().map(|(pack, files)| (pack, files.texts)).collect()
    }

    #[tokio::test]
    async fn a_saved_sticker_is_listed_in_its_pack() {
        let desk = Desk::new().await;
        assert_eq!(listed(&desk), []);
        let id = sticker(&desk, ViewType::Sticker).await;
        save(&desk.db, PROFILE, id, "foxes & bears".to_owned()).await.unwrap();
        let folder = look(&desk.db, PROFILE, made_folder).unwrap();
        let file = format!("{folder}/foxes & bears/{id}.webp");
        assert_eq!(fs::read(&file).unwrap(), b"a picture");
        for (name, content) in
            [("bears/b.PNG", "b"), ("bears/a.gif", "a"), ("bears/notes.txt", "no"), ("top.png", "no")]
        {
            let path = PathBuf::from(&folder).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::create_dir(format!("{folder}/nothing yet")).unwrap();
        let bears = ["a.gif", "b.PNG"].map(|name| format!("{folder}/bears/{name}"));
        assert_eq!(
            listed(&desk),
            [("bears".to_owned(), bears.to_vec()), ("foxes & bears".to_owned(), vec![file])]
        );
        let again = save(&desk.db, PROFILE, id, "foxes & bears".to_owned()).await.unwrap_err();
        assert!(again.message.contains("exists"), "{again}");
    }

    #[tokio::test]
    async fn only_stickers_are_saved_and_only_into_packs() {
        let desk = Desk::new().await;
        let picture = sticker(&desk, ViewType::Image).await;
        let refused = save(&desk.db, PROFILE, picture, "foxes".to_owned()).await.unwrap_err();
        assert_eq!(refused.message, format!("message {picture} is not a sticker"));
        let id = sticker(&desk, ViewType::Sticker).await;
        for name in ["", ".", "..", "../up", "/etc", "a/b", "a\\b", "a\0b", "c:", &"x".repeat(256)] {
            let refused = save(&desk.db, PROFILE, id, name.to_owned()).await.unwrap_err();
            assert_eq!(refused.message, "illegal characters in collection name", "{name:?}");
        }
        assert_eq!(listed(&desk), []);
    }
}
