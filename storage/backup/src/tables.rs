//! The tables whose rows mean something to both sides, as plain structs.
//!
//! What a column means is in its comment where its name does not say it. Columns that nobody reads are left to their
//! defaults.

use std::io::Read as _;

use rusqlite::types::ToSqlOutput;

use crate::column::{Column, MaybeText};

/// A row of a table.
pub trait Row: Sized {
    /// Name of the table.
    const TABLE: &'static str;
    /// Names of the columns.
    const COLUMNS: &'static [&'static str];
    /// Reads the columns, in their order, from one place on.
    fn read(row: &rusqlite::Row<'_>, from: usize) -> rusqlite::Result<Self>;
    /// What is written into the columns, in their order.
    fn values(&self) -> Vec<ToSqlOutput<'_>>;
}

macro_rules! rows {
    ($($(#[$meta:meta])* $name:ident = $table:literal { $($(#[$doc:meta])* $column:ident: $kind:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $($(#[$doc])* pub $column: $kind,)*
        }

        impl Row for $name {
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),*];

            fn read(row: &rusqlite::Row<'_>, from: usize) -> rusqlite::Result<Self> {
                let mut at = from;
                $(
                    let $column = <$kind as Column>::read(row.get_ref(at)?);
                    at += 1;
                )*
                let _ = at;
                Ok(Self { $($column),* })
            }

            fn values(&self) -> Vec<ToSqlOutput<'_>> {
                vec![$(self.$column.write()),*]
            }
        }
    )*};
}

rows! {
    /// A setting.
    Config = "config" {
        /// Its name.
        keyname: String,
        /// Its value.
        value: String,
    }

    /// An own key.
    KeyPair = "keypairs" {
        /// Compared with the setting `key_id`.
        id: i64,
        /// Transferable secret key, binary.
        private_key: Vec<u8>,
        /// Certificate, binary.
        public_key: Vec<u8>,
        /// Not read.
        is_default: i64,
        /// Not read.
        created: i64,
    }

    /// The certificate of a contact.
    PublicKey = "public_keys" {
        /// Upper-case hex.
        fingerprint: String,
        /// Certificate, binary.
        public_key: Vec<u8>,
    }

    /// What was known of the key of an address, before schema 132.
    PeerState = "acpeerstates" {
        /// The address.
        addr: String,
        /// 20: the last mail from it was not encrypted.
        prefer_encrypted: i64,
        /// Certificate that its mails brought, binary.
        public_key: Vec<u8>,
        /// Its fingerprint.
        public_key_fingerprint: String,
        /// Certificate that others passed on, binary.
        gossip_key: Vec<u8>,
        /// Its fingerprint.
        gossip_key_fingerprint: String,
        /// Certificate that was verified, binary.
        verified_key: Vec<u8>,
        /// Its fingerprint.
        verified_key_fingerprint: String,
    }

    /// An own relay.
    Transport = "transports" {
        /// Its id.
        id: i64,
        /// Own address there.
        addr: String,
        /// What the user entered, JSON.
        entered_param: String,
        /// What was found to work, JSON.
        configured_param: String,
        /// When it was set up.
        add_timestamp: i64,
        /// 1: contacts learn of it.
        is_published: i64,
        /// When it last brought a mail.
        last_rcvd_timestamp: i64,
    }

    /// When a former relay was removed.
    RemovedTransport = "removed_transports" {
        /// Its address.
        addr: String,
        /// When.
        remove_timestamp: i64,
    }

    /// A contact.
    Contact = "contacts" {
        /// Its id; ordinary ones start at 10.
        id: i64,
        /// Name that the user gave.
        name: String,
        /// Last seen address.
        addr: String,
        /// How it is known.
        origin: i64,
        /// 1: blocked.
        blocked: i64,
        /// When it was last seen.
        last_seen: i64,
        /// Parameters.
        param: String,
        /// Name that it gave itself.
        authname: String,
        /// When the own picture was last sent to it.
        selfavatar_sent: i64,
        /// Its signature.
        status: String,
        /// 1: a bot.
        is_bot: i64,
        /// Upper-case hex; empty for contacts without key.
        fingerprint: String,
        /// Contact that verified it.
        verifier: i64,
        /// Lower-case display name where it differs.
        name_normalized: MaybeText,
    }

    /// A chat.
    Chat = "chats" {
        /// Its id; ordinary ones start at 10.
        id: i64,
        /// What it is.
        r#type: i64,
        /// Its name.
        name: String,
        /// 0 normal, 1 hidden, 2 contact request.
        blocked: i64,
        /// Id of groups, channels and lists.
        grpid: String,
        /// Parameters.
        param: String,
        /// 0 normal, 1 archived, 2 pinned.
        archived: i64,
        /// When streaming the own location began.
        locations_send_begin: i64,
        /// When it ends; 0 if it is off.
        locations_send_until: i64,
        /// When positions were last sent.
        locations_last_sent: i64,
        /// When it was made.
        created_timestamp: i64,
        /// 0 not muted, -1 for ever, else until then.
        muted_until: i64,
        /// Seconds; 0 is off.
        ephemeral_timer: i64,
        /// Lower-case name where it differs.
        name_normalized: MaybeText,
    }

    /// A membership.
    ChatContact = "chats_contacts" {
        /// The chat.
        chat_id: i64,
        /// The contact.
        contact_id: i64,
        /// When it was added; a member unless it was removed later.
        add_timestamp: i64,
        /// When it was removed.
        remove_timestamp: i64,
    }

    /// The description of a chat.
    Description = "chats_descriptions" {
        /// The chat.
        chat_id: i64,
        /// The text.
        description: String,
    }

    /// The secret of a channel.
    Secret = "broadcast_secrets" {
        /// The chat.
        chat_id: i64,
        /// The secret.
        secret: String,
    }

    /// A message, also a hidden one or a tombstone.
    Message = "msgs" {
        /// Its id.
        id: i64,
        /// Message-ID without angle brackets.
        rfc724_mid: String,
        /// Chat; 3 for tombstones.
        chat_id: i64,
        /// Author.
        from_id: i64,
        /// First recipient, 2 for info lines.
        to_id: i64,
        /// Position in the chat.
        timestamp: i64,
        /// View type.
        r#type: i64,
        /// State.
        state: i64,
        /// Size of the attachment of incoming messages.
        bytes: i64,
        /// Text.
        txt: String,
        /// Not read by chatmail core; we mark messages here that wait to be sent.
        txt_raw: String,
        /// Parameters.
        param: String,
        /// Original of a saved copy.
        starred: i64,
        /// When the author sent it.
        timestamp_sent: i64,
        /// When it came.
        timestamp_rcvd: i64,
        /// 1: not shown.
        hidden: i64,
        /// Source of the full view.
        mime_headers: Vec<u8>,
        /// In-Reply-To. Chatmail core cannot answer a message without one if this is `NULL`.
        mime_in_reply_to: String,
        /// References.
        mime_references: String,
        /// Place that it points at.
        location_id: i64,
        /// Error of sending or receiving.
        error: String,
        /// Seconds until it disappears.
        ephemeral_timer: i64,
        /// When it disappears; 0 while the countdown has not started.
        ephemeral_timestamp: i64,
        /// 1: there is a full view.
        mime_modified: i64,
        /// Subject.
        subject: String,
        /// Whether its attachment is here.
        download_state: i64,
        /// Hops of the mail.
        hop_info: MaybeText,
        /// 1: `mime_headers` is compressed with Brotli.
        mime_compressed: i64,
        /// Lower-case text where it differs.
        txt_normalized: MaybeText,
        /// 1: copies on relays are to be deleted.
        deleted: i64,
        /// Message-ID of the pre-message.
        pre_rfc724_mid: String,
        /// 1: pinned.
        pinned: i64,
    }

    /// What of a message names its attachment.
    MessageFile = "msgs" {
        /// Its id.
        id: i64,
        /// Chat; 3 for tombstones.
        chat_id: i64,
        /// Parameters.
        param: String,
    }

    /// A read receipt.
    Receipt = "msgs_mdns" {
        /// The own message.
        msg_id: i64,
        /// Who read it.
        contact_id: i64,
        /// When the receipt was sent.
        timestamp_sent: i64,
    }

    /// An update of an app; its row id is its number.
    Update = "msgs_status_updates" {
        /// Its number.
        id: i64,
        /// The app.
        msg_id: i64,
        /// JSON.
        update_item: String,
        /// What tells its repetitions.
        uid: MaybeText,
    }

    /// Which app an update is for.
    UpdateOf = "msgs_status_updates" {
        /// The app.
        msg_id: i64,
    }

    /// A reaction.
    Reaction = "reactions" {
        /// The message.
        msg_id: i64,
        /// Who reacted.
        contact_id: i64,
        /// The emoji.
        reaction: String,
    }

    /// A reaction whose message is not here.
    PendingReaction = "pending_reactions" {
        /// Message-ID.
        rfc724_mid: String,
        /// Who reacted.
        contact_id: i64,
        /// The emoji.
        reaction: String,
        /// When.
        timestamp: i64,
    }

    /// A place.
    Location = "locations" {
        /// Its id.
        id: i64,
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// Metres.
        accuracy: f64,
        /// When.
        timestamp: i64,
        /// Chat, 0 for all.
        chat_id: i64,
        /// Who was there.
        from_id: i64,
        /// 1: a message points at it.
        independent: i64,
    }

    /// Label of a device message that was shown.
    DeviceLabel = "devmsglabels" {
        /// The label.
        label: String,
    }

    /// A secret of an own invite code.
    Token = "tokens" {
        /// 100 invite number, 110 authentication.
        namespc: i64,
        /// Id of the chat; empty for contact codes.
        foreign_key: String,
        /// The secret.
        token: String,
        /// When it was made.
        timestamp: i64,
    }

    /// When a key was last gossiped in a chat.
    Gossip = "gossip_timestamp" {
        /// The chat.
        chat_id: i64,
        /// Whose key.
        fingerprint: String,
        /// When.
        timestamp: i64,
    }

    /// A change for the other devices that waits to be sent.
    SyncItem = "multi_device_sync" {
        /// JSON.
        item: String,
    }

    /// A copy of a mail on a relay.
    ServerCopy = "imap" {
        /// Its id.
        id: i64,
        /// The relay.
        transport_id: i64,
        /// Message-ID.
        rfc724_mid: String,
        /// Folder.
        folder: String,
        /// Folder where it belongs; empty: to be deleted.
        target: String,
        /// UID.
        uid: i64,
        /// UIDVALIDITY.
        uidvalidity: i64,
    }

    /// A copy that is to be flagged as seen.
    SeenCopy = "imap_markseen" {
        /// Its id.
        id: i64,
    }

    /// How far a folder was fetched.
    FolderState = "imap_sync" {
        /// The relay.
        transport_id: i64,
        /// The folder.
        folder: String,
        /// UIDVALIDITY.
        uidvalidity: i64,
        /// First UID that was not looked at.
        uid_next: i64,
    }

    /// A post-message on a relay.
    AvailablePost = "available_post_msgs" {
        /// Message-ID.
        rfc724_mid: String,
    }

    /// A read receipt that waits to be sent.
    ReceiptJob = "smtp_mdns" {
        /// Not used.
        msg_id: i64,
        /// Whom it is for.
        from_id: i64,
        /// The message that was read.
        rfc724_mid: String,
        /// Tries so far.
        retries: i64,
    }
}

/// Largest source of a full view that is read.
const MAX_SOURCE: u64 = 32 << 20;

impl Message {
    /// The mail that the full view is made from; empty if there is none or it cannot be read.
    pub fn source(&self) -> Vec<u8> {
        if self.mime_compressed == 0 || self.mime_headers.is_empty() {
            return self.mime_headers.clone();
        }
        let mut source = Vec::new();
        let decompressed = brotli_decompressor::Decompressor::new(&self.mime_headers[..], 4096);
        match decompressed.take(MAX_SOURCE).read_to_end(&mut source) {
            Ok(_) => source,
            Err(_) => Vec::new(),
        }
    }
}
