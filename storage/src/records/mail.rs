//! Mail that is known, queued or expected; secrets of handshakes; deadlines.

use super::field::record;
use super::number::numbers;
use crate::{ChatId, ContactId, MessageId};

numbers! {
    /// What is known about a Message-ID.
    pub enum KnownMail {
        /// Nothing but what is wanted of its copies on relays.
        #[default]
        Nothing = 0,
        /// Shown or hidden message.
        Message = 1,
        /// Must never be shown (again).
        Tombstone = 2,
        /// The pre-message of a split attachment.
        PreMessage = 3,
        /// A post-message that waits on a relay.
        Available = 4,
    }
}

record! {
    /// What is known about a Message-ID.
    #[derive(Copy)]
    pub struct KnownMailRecord {
        /// What it is.
        pub kind: KnownMail = 1,
        /// The message, if there is one.
        pub message: Option<MessageId> = 2,
        /// When it became known.
        pub time: i64 = 3,
        /// The relay copies should be deleted.
        pub delete: bool = 4,
        /// The relay copies should be flagged as seen.
        pub seen: bool = 5,
        /// Timer in seconds that a message had which was removed.
        pub timer: u32 = 6,
        /// Not before this time should the relay copies be deleted.
        pub delete_from: i64 = 7,
    }
}

record! {
    /// A copy of a mail on a relay.
    pub struct ServerCopyRecord {
        /// Message-ID without angle brackets.
        pub mid: String = 1,
    }
}

record! {
    /// A message that was deleted a short time ago.
    #[derive(Copy)]
    pub struct ForgottenRecord {
        /// When it was deleted.
        pub time: i64 = 1,
        /// Its author.
        pub from: ContactId = 2,
    }
}

record! {
    /// What a relay still has to do with a copy.
    #[derive(Copy)]
    pub struct FlagRecord {
        /// Delete it; else flag it as seen.
        pub delete: bool = 1,
        /// Not before this time.
        pub not_before: i64 = 2,
    }
}

numbers! {
    /// What is queued, and how it is protected.
    pub enum JobKind {
        /// The message itself (with pre- and post-message if it is large).
        #[default]
        Message = 1,
        /// Only for the contacts named in the record.
        Directed = 2,
        /// Encrypted with a password instead of keys.
        Password = 3,
        /// Clear text (first step of the legacy handshake).
        Clear = 4,
        /// Announces the relay list to the contacts named in the record, unsigned.
        KeyUpdate = 5,
    }
}

record! {
    /// A mail that waits to be sent; it is rendered when a relay is about to take it.
    pub struct OutboxRecord {
        /// What it is.
        pub kind: JobKind = 1,
        /// The message, hidden ones included.
        pub message: MessageId = 2,
        /// Contacts to send to, in place of the members of the chat.
        pub contacts: Vec<ContactId> = 3,
        /// Addresses to send to, in place of the relays of the contacts.
        pub addrs: Vec<String> = 4,
        /// Secret of a mail of kind [`JobKind::Password`]: fingerprint of the inviter, `/`, auth token.
        pub password: String = 5,
        /// Sign a mail of kind [`JobKind::Password`] and attach the own certificate.
        pub signed: bool = 6,
        /// Tries so far.
        pub tries: u32 = 7,
        /// Not before this time.
        pub not_before: i64 = 8,
        /// Gossip the keys of all recipients, whatever the gossip period says.
        pub gossip: bool = 9,
        /// Recipients that need no mail of it any more, because they have got it or were refused; empty before anybody has.
        pub done: Vec<String> = 10,
        /// Do not compress the encrypted part.
        pub uncompressed: bool = 11,
        /// The pre-message of a split attachment was sent.
        pub pre_sent: bool = 12,
        /// Send no copy to own devices.
        pub no_self_copy: bool = 13,
        /// Chat of the message, if it is in one: within a chat mails leave in order.
        pub chat: Option<ChatId> = 14,
        /// It waits because no relay was reachable, not because one refused it for now.
        pub unreachable: bool = 15,
        /// Tries that ended with a fault of our own.
        pub faults: u32 = 16,
        /// Why it is not sent now though it is queued: faults of our own. Empty: it is sent. What is behind it goes on.
        pub held: String = 17,
        /// Why the last try failed; empty before one has.
        pub last_error: String = 18,
    }
}

record! {
    /// A read receipt that waits to be sent.
    pub struct ReceiptJobRecord {
        /// Message-ID of the message that was read.
        pub mid: String = 1,
        /// Tries so far.
        pub tries: u32 = 2,
        /// Not before this time.
        pub not_before: i64 = 3,
    }
}

numbers! {
    /// What a secret of an own invite code is for.
    pub enum TokenKind {
        /// Invite number.
        #[default]
        Invite = 1,
        /// Auth token.
        Auth = 2,
    }
}

record! {
    /// A secret of an own invite code.
    pub struct TokenRecord {
        /// What it is for.
        pub namespace: TokenKind = 1,
        /// Empty for contact codes, else the group or channel id.
        pub scope: String = 2,
        /// The secret.
        pub value: String = 3,
        /// When it was made.
        pub created: i64 = 4,
    }
}

record! {
    /// A handshake that we started as joiner and that waits for the inviter.
    pub struct JoinRecord {
        /// The inviter.
        pub contact: ContactId = 1,
        /// Serialised state of the handshake.
        pub state: Vec<u8> = 2,
        /// Auth token of the code.
        pub password: String = 3,
        /// Fingerprint of the inviter.
        pub fingerprint: String = 4,
        /// The group or channel that is joined, if it is one.
        pub chat: Option<ChatId> = 5,
    }
}

record! {
    /// Something that is due at a time.
    #[derive(Copy)]
    pub struct DeadlineRecord {}
}
