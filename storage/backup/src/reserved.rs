//! Rows that stand for something else than they say; without them chatmail core cannot use the database.

use crate::BackupError;
use crate::database::Writer;

/// Ids up to this one are special in every table of contacts, chats and messages.
pub const LAST: i64 = 9;
/// The chat of tombstones.
pub const TRASH: i64 = 3;
/// Origin of the special contacts.
const INTERNAL: i64 = 262_144;

const CONTACTS: [&str; 9] = ["self", "info", "rsvd", "rsvd", "device", "rsvd", "rsvd", "rsvd", "rsvd"];
const CHATS: [(&str, i64); 9] = [
    ("deaddrop", 120),
    ("rsvd", 120),
    ("trash", 120),
    ("msgs_in_creation", 120),
    ("starred", 120),
    ("archivedlink", 120),
    ("rsvd", 100),
    ("rsvd", 100),
    ("rsvd", 100),
];
const MESSAGES: [&str; 9] = ["marker1", "rsvd", "rsvd", "rsvd", "rsvd", "rsvd", "rsvd", "rsvd", "daymarker"];

pub(crate) fn write(writer: &mut Writer) -> Result<(), BackupError> {
    for (id, name) in (1..).zip(CONTACTS) {
        writer
            .execute(&format!("INSERT INTO contacts (id,name,origin) VALUES ({id},'{name}',{INTERNAL})"))?;
    }
    for (id, (name, kind)) in (1..).zip(CHATS) {
        writer.execute(&format!("INSERT INTO chats (id,type,name) VALUES ({id},{kind},'{name}')"))?;
    }
    for (id, text) in (1..).zip(MESSAGES) {
        writer.execute(&format!("INSERT INTO msgs (id,txt) VALUES ({id},'{text}')"))?;
    }
    Ok(())
}
