//! What is written, as prost messages. Numbers of fields are never used for anything else.

use prost::{Message, Oneof};

/// The form of the files that this release writes.
pub(crate) const FORM: u32 = 1;

/// `backup.key`: what turns the passphrase into the keys.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct KeyFile {
    /// Form of all files in the folder.
    #[prost(uint32, tag = "1")]
    pub(crate) form: u32,
    /// Salt of Argon2id.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) salt: Vec<u8>,
    /// Memory of Argon2id in KiB.
    #[prost(uint32, tag = "3")]
    pub(crate) memory_kib: u32,
    /// Passes of Argon2id.
    #[prost(uint32, tag = "4")]
    pub(crate) passes: u32,
    /// Lanes of Argon2id.
    #[prost(uint32, tag = "5")]
    pub(crate) lanes: u32,
    /// The main key, sealed with what Argon2id makes of the passphrase.
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) sealed: Vec<u8>,
}

/// The index of a pack: its chunks in the order in which they lie there.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PackIndex {
    /// The chunks.
    #[prost(message, repeated, tag = "1")]
    pub(crate) slots: Vec<Slot>,
}

/// A chunk in a pack.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Slot {
    /// Its id.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) id: Vec<u8>,
    /// Its length, sealed.
    #[prost(uint32, tag = "2")]
    pub(crate) length: u32,
}

/// One backup: which profiles, and of which chunks each is made.
#[derive(Clone, PartialEq, Message)]
pub struct SnapshotRecord {
    /// Form of the record.
    #[prost(uint32, tag = "1")]
    pub form: u32,
    /// When it was begun, Unix seconds.
    #[prost(int64, tag = "2")]
    pub created: i64,
    /// Version of the schema of the rows.
    #[prost(uint32, tag = "3")]
    pub schema: u32,
    /// Release that wrote it.
    #[prost(string, tag = "4")]
    pub release: String,
    /// The profiles.
    #[prost(message, repeated, tag = "5")]
    pub profiles: Vec<ProfileRecord>,
    /// Only chosen profiles of the host are in it.
    #[prost(bool, tag = "6")]
    pub chosen: bool,
    /// Id of the profile that was selected; 0 for none of these.
    #[prost(uint32, tag = "7")]
    pub selected: u32,
    /// Bytes that were written for this backup, packs as they lie on the disk.
    #[prost(uint64, tag = "8")]
    pub written: u64,
    /// Names of all packs that were there, 16 bytes each: when one of them is missing later, the next backup looks closer.
    #[prost(bytes = "vec", tag = "9")]
    pub packs: Vec<u8>,
}

/// A profile in a backup.
#[derive(Clone, PartialEq, Message)]
pub struct ProfileRecord {
    /// Its id in the host.
    #[prost(uint32, tag = "1")]
    pub id: u32,
    /// Name of its folder, which no other profile has.
    #[prost(string, tag = "2")]
    pub uuid: String,
    /// Its display name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Its first address.
    #[prost(string, tag = "4")]
    pub address: String,
    /// Messages, shown or hidden.
    #[prost(uint64, tag = "5")]
    pub messages: u64,
    /// Rows.
    #[prost(uint64, tag = "6")]
    pub rows: u64,
    /// Bytes of keys and values.
    #[prost(uint64, tag = "7")]
    pub row_bytes: u64,
    /// Attachments.
    #[prost(uint64, tag = "8")]
    pub files: u64,
    /// Bytes of the attachments.
    #[prost(uint64, tag = "9")]
    pub file_bytes: u64,
    /// Ids of the chunks of the stream, one after the other.
    #[prost(bytes = "vec", tag = "10")]
    pub chunks: Vec<u8>,
    /// BLAKE3 hash of the stream.
    #[prost(bytes = "vec", tag = "11")]
    pub whole: Vec<u8>,
    /// Attachments that the rows name and that were not there, or not whole, when the backup was made.
    #[prost(string, repeated, tag = "12")]
    pub missing: Vec<String>,
    /// When its snapshot was taken, Unix seconds.
    #[prost(int64, tag = "13")]
    pub taken: i64,
    /// The chunk with which its attachments begin, which come last: what is needed of them is known from there on.
    #[prost(uint32, tag = "14")]
    pub attachments_from: u32,
}

impl ProfileRecord {
    /// How it is named in errors and lists.
    pub fn label(&self) -> String {
        match (self.name.is_empty(), self.address.is_empty()) {
            (false, false) => format!("{} ({} <{}>)", self.id, self.name, self.address),
            (true, false) => format!("{} (<{}>)", self.id, self.address),
            (false, true) => format!("{} ({})", self.id, self.name),
            (true, true) => self.id.to_string(),
        }
    }
}

/// An entry of the stream of a profile.
#[derive(Clone, PartialEq, Message)]
pub struct Entry {
    /// What it is.
    #[prost(oneof = "entry::Item", tags = "1, 2, 3, 4")]
    pub item: Option<entry::Item>,
}

/// What entries are.
pub mod entry {
    use super::{Due, FileEntry, Oneof, Row};

    /// What an entry is.
    #[derive(Clone, PartialEq, Oneof)]
    pub enum Item {
        /// A row of the profile.
        #[prost(message, tag = "1")]
        Row(Row),
        /// The row about the profile in a table of the host; the key is the name of the table.
        #[prost(message, tag = "2")]
        OfHost(Row),
        /// Something that becomes due.
        #[prost(message, tag = "3")]
        Due(Due),
        /// An attachment.
        #[prost(message, tag = "4")]
        File(FileEntry),
    }
}

/// A row.
#[derive(Clone, PartialEq, Message)]
pub struct Row {
    /// The key without the id of the profile.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The value.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// Something that becomes due.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Due {
    /// When, Unix seconds.
    #[prost(int64, tag = "1")]
    pub time: i64,
    /// What, as it is stored.
    #[prost(uint32, tag = "2")]
    pub kind: u32,
    /// What it is about.
    #[prost(uint64, tag = "3")]
    pub id: u64,
}

/// An attachment.
#[derive(Clone, PartialEq, Message)]
pub struct FileEntry {
    /// Its name, which begins with 31 hexadecimal digits of the BLAKE3 hash of its content.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its length.
    #[prost(uint64, tag = "2")]
    pub length: u64,
    /// Id of the chunk that holds its `FileRecord`.
    #[prost(bytes = "vec", tag = "3")]
    pub id: Vec<u8>,
}

/// Of which chunks an attachment is made.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct FileRecord {
    /// Its name.
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    /// Its length.
    #[prost(uint64, tag = "2")]
    pub(crate) length: u64,
    /// Ids of its chunks, one after the other.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) chunks: Vec<u8>,
}
