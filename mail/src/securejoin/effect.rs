//! What the rules of the handshake ask for.

use super::{GroupId, PendingJoin, StepMail, Target};
use crate::openpgp::Fingerprint;

/// The answer of a rule to a received mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// What to do, in this order.
    pub effects: Vec<Effect>,
    /// What becomes of the mail.
    pub fate: Fate,
}

impl Reaction {
    pub(super) fn new(fate: Fate, effects: Vec<Effect>) -> Self {
        Self { effects, fate }
    }

    pub(super) fn ignore(reason: Reason) -> Self {
        Self::new(Fate::Ignored(reason), vec![])
    }
}

/// What becomes of a received handshake mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is no handshake mail; its `Secure-Join` headers mean nothing.
    NotHandshake,
    /// It is done: remember its id, show nothing, delete it on all relays now.
    Done,
    /// It is understood, but own other devices need it: remember its id, show nothing, keep it as long as other mails.
    Observed,
    /// It has no effect: remember its id, show nothing, keep it as long as other mails. Log the reason.
    Ignored(Reason),
    /// It goes on as an ordinary message of a group or channel.
    Message,
    /// It is broken: hide it and log the reason as an error.
    Failed(Reason),
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Queue a mail.
    Send(StepMail),
    /// Store a join until it is answered.
    StorePending(PendingJoin),
    /// Forget the stored join with this id.
    DropPending(u64),
    /// Make sure that there is a chat with the contact, and let people see it; a contact request becomes accepted.
    ShowSingleChat {
        /// Fingerprint of the contact.
        fingerprint: Fingerprint,
    },
    /// Make sure that there is a chat with the contact. A new one is hidden, an existing one is left as it is.
    EnsureSingleChat {
        /// Fingerprint of the contact.
        fingerprint: Fingerprint,
    },
    /// Make sure that the chat one joins exists and is unblocked. A new group has no members yet; a new channel has its
    /// owner, not oneself. The name counts for new chats only.
    EnsureJoinedChat(Target),
    /// The contact is known in this way now.
    RaiseOrigin {
        /// Fingerprint of the contact.
        fingerprint: Fingerprint,
        /// How.
        origin: Origin,
    },
    /// The contact is verified directly now: [`super::Verification::Direct`].
    MarkVerified {
        /// Fingerprint of the contact.
        fingerprint: Fingerprint,
    },
    /// The next mails to all chats with this contact gossip keys again.
    ForgetGossip {
        /// Fingerprint of the contact.
        fingerprint: Fingerprint,
    },
    /// The next mail to this group gossips keys again.
    ForgetGroupGossip(GroupId),
    /// The group exists for others from now on: name and description count as set now.
    PromoteGroup(GroupId),
    /// Add the contact to the group or channel.
    AddMember {
        /// The group or channel.
        chat: GroupId,
        /// Fingerprint of the contact.
        fingerprint: Fingerprint,
    },
    /// Announce the member with the chat's own member-added mail, marked as step of the handshake: in a group to all
    /// members, in a channel to the new subscriber only.
    AnnounceMember {
        /// The group or channel.
        chat: GroupId,
        /// Fingerprint of the member.
        fingerprint: Fingerprint,
        /// Whether only the new subscriber gets it, encrypted to its key.
        to_member_only: bool,
    },
    /// Send the complete list of subscribers to the own other devices.
    SyncSubscribers(GroupId),
    /// Send the latest and the pinned messages of a channel again, to a new subscriber only.
    ResendHistory {
        /// The channel.
        chat: GroupId,
        /// Fingerprint of the subscriber.
        fingerprint: Fingerprint,
    },
    /// Show an info line.
    Info {
        /// In which chat.
        chat: JoinTarget,
        /// Which one.
        line: InfoLine,
    },
    /// Remove the line that tells people to wait, if it is still the newest message of the chat with the contact.
    RemoveWaitLine {
        /// Fingerprint of the contact.
        fingerprint: Fingerprint,
    },
    /// Notify the frontend how far an own join is: 400 when the proof is sent, 1000 when it is over.
    JoinerProgress {
        /// Fingerprint of the inviter.
        fingerprint: Fingerprint,
        /// 400 or 1000.
        progress: u16,
    },
    /// Notify the frontend that somebody joined by an own code.
    InviterProgress {
        /// Fingerprint of the joiner.
        fingerprint: Fingerprint,
        /// Into what.
        chat: InviterChat,
    },
    /// Notify the frontend that one cannot add members to a group one is not in.
    ErrorSelfNotInGroup,
    /// Log that another member's handshake changed the member list.
    LogUnrelatedJoin {
        /// Address of the new member.
        address: String,
    },
}

/// How a contact is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It joined a chat with oneself.
    ChatCreated,
    /// It joined a group of oneself.
    Invited,
    /// One joined it, or its group.
    Joined,
}

/// A chat as the joiner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinTarget {
    /// The chat with the contact that has this fingerprint.
    Single(Fingerprint),
    /// The group or channel.
    Chat(GroupId),
}

/// The lines that the handshake writes into chats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InfoLine {
    /// The connection is being established.
    Wait,
    /// The inviter invited one to the group, and has to answer.
    InvitedToGroup,
    /// The same for a channel.
    InvitedToChannel,
    /// The inviter answered and will add one to the group.
    InviterReplied,
}

/// Into what somebody joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InviterChat {
    /// The chat with the joiner.
    Single,
    /// A group.
    Group(GroupId),
    /// A channel.
    Channel(GroupId),
    /// Seen by another own device, which does not name the chat.
    ObservedSingle,
    /// The same for a group or channel.
    ObservedGroup,
}

/// Why a handshake mail has no effect. The texts are logged, and some are known to clients.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The visible sender is not the protected one.
    #[error("From header is forged.")]
    ForgedFrom,
    /// The shared secret of a join was used without a signature.
    #[error("Unsigned message is not allowed to be encrypted with this shared secret.")]
    SecretNeedsSignature,
    /// The shared secret of a join was used by somebody else than the inviter.
    #[error("This sender is not allowed to encrypt with this secret key.")]
    SecretOfOtherSender,
    /// A step that nobody knows.
    #[error("Invalid SecureJoin step: {0}.")]
    UnknownStep(String),
    /// A step that this role does not receive.
    #[error("Ignoring {0} message.")]
    WrongRole(&'static str),
    /// A request with an invite number that was not given out.
    #[error("Secure-join denied (bad invitenumber).")]
    BadInviteNumber,
    /// A key request with a token that was not given out.
    #[error("Secure-join denied (bad auth).")]
    BadAuth,
    /// A key request without token.
    #[error("Ignoring RequestPubkey message because of missing auth code.")]
    KeyRequestWithoutAuth,
    /// A request in clear text without key: it cannot be answered.
    #[error("Cannot answer SecureJoin request without Autocrypt key.")]
    NoAutocryptKey,
    /// The signed part does not name the own key as the receiver's.
    #[error("Step {0}: No self addr+pubkey gossip found.")]
    NoOwnGossip(&'static str),
    /// The proof names no fingerprint.
    #[error("Ignoring RequestWithAuth message because fingerprint is not provided.")]
    NoFingerprint,
    /// The proof names something that is no fingerprint.
    #[error("Ignoring RequestWithAuth message because of malformed fingerprint: {0}.")]
    MalformedFingerprint(String),
    /// The proof is not signed by the key it names.
    #[error("Ignoring RequestWithAuth message because the message is not encrypted.")]
    NotSignedByFingerprint,
    /// The proof has no token.
    #[error("Ignoring RequestWithAuth message because of missing auth code.")]
    NoAuth,
    /// The proof has a token that was not given out or was withdrawn.
    #[error("Ignoring RequestWithAuth message because of invalid auth code.")]
    InvalidAuth,
    /// The group or channel of the token is gone.
    #[error("Ignoring RequestWithAuth message because of unknown grpid {0}.")]
    UnknownGroup(String),
    /// The sender is another contact than the one with the named key.
    #[error("Ignoring RequestWithAuth message because of fingerprint mismatch.")]
    FingerprintMismatch,
    /// The joiner is blocked.
    #[error("Ignoring {0} message because sender is blocked.")]
    Blocked(&'static str),
    /// An answer that no join waits for.
    #[error("No pending join waits for this answer.")]
    NothingPending,
    /// A copy of an own mail that does not prove its receiver.
    #[error("Ignoring copy of an own handshake mail: {0}.")]
    BadCopy(&'static str),
}
