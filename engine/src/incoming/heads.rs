//! Which mails are wanted, judged by their headers alone.

use volary_mail::message::MessageId as Mid;
use volary_mail::message::read::address_list::parse_addresses;
use volary_mail::message::read::header_block::HeaderBlock;
use volary_mail::message::read::report::{is_delivery_status, is_mailer_daemon};
use volary_proto::v1::{RelayHead, RelayHeadAction};
use volary_storage::{StoreError, View};

use super::fate::Reason;
use super::report;
use crate::ground::error::Outcome;
use crate::ground::ids::{ProfileId, TransportId};
use crate::state::copies::{self, Place};
use crate::state::messages::Standing;
use crate::state::{config, contacts, messages, transports};

/// What the headers of a mail say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Message-ID, if there is one.
    pub mid: Option<String>,
    /// Address of the only sender.
    pub from: Option<String>,
    /// It is PGP/MIME encrypted.
    pub encrypted: bool,
    /// It has a `Secure-Join` header.
    pub handshake: bool,
    /// It is the file of a split message.
    pub post_message: bool,
    /// It is a delivery status.
    pub delivery_status: bool,
}

/// A mail that was left on its relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Message-ID, or a made-up one.
    pub mid: String,
    /// The visible sender, shortened.
    pub sender: String,
    /// Why.
    pub reason: Reason,
}

impl Skipped {
    /// The mail with this header and place.
    pub fn new(head: &Head, place: Place, reason: Reason) -> Self {
        let made_up = || format!("UID{}.{}@{}", place.uid_validity, place.uid, place.transport);
        let sender = head.from.as_deref().map(report::short_addr).unwrap_or_default();
        Self { mid: head.mid.clone().unwrap_or_else(made_up), sender, reason }
    }
}

/// Reads the header fields that were fetched.
pub fn read(header: &[u8]) -> Head {
    let (block, _) = HeaderBlock::parse(header);
    let id = block.last("X-Microsoft-Original-Message-ID").or_else(|| block.last("Message-ID"));
    let from = block.last("From").map(|value| parse_addresses(&value)).unwrap_or_default();
    let content_type = block.last("Content-Type").unwrap_or_default().trim_start().to_ascii_lowercase();
    Head {
        mid: id.and_then(|value| Mid::parse(&value)).map(|id| id.as_str().to_owned()),
        from: match from.as_slice() {
            [one] if !one.address.is_empty() => Some(one.address.clone()),
            _ => None,
        },
        encrypted: content_type.starts_with("multipart/encrypted"),
        handshake: block.has("Secure-Join"),
        delivery_status: is_delivery_status(&content_type),
        post_message: block.has("Chat-Is-Post-Message"),
    }
}

/// A single-device profile under forced encryption deletes what it has downloaded.
pub fn deletes_after_download(view: &impl View, profile: ProfileId) -> Result<bool, StoreError> {
    Ok(!config::flag(view, profile, config::key::BCC_SELF)?
        && config::flag(view, profile, config::key::FORCE_ENCRYPTION)?)
}

/// The settings that decide, read once for a window of headers.
pub struct Judge {
    profile: ProfileId,
    now: i64,
    forced: bool,
    deletes: bool,
    limit: u64,
    bot: bool,
    /// Mail that came to the relay no later than this is from before the profile used the folder.
    ignored_until: i64,
}

impl Judge {
    /// Reads the settings.
    pub fn new(
        view: &impl View,
        profile: ProfileId,
        transport: TransportId,
        now: i64,
    ) -> Result<Self, StoreError> {
        let ignored_until =
            transports::load(view, profile, transport)?.map_or(0, |record| record.ignored_until);
        let limit = config::number(view, profile, config::key::DOWNLOAD_LIMIT)?;
        Ok(Self {
            profile,
            now,
            forced: config::flag(view, profile, config::key::FORCE_ENCRYPTION)?,
            deletes: deletes_after_download(view, profile)?,
            limit: u64::try_from(limit).unwrap_or(0),
            bot: config::flag(view, profile, config::key::BOT)?,
            ignored_until,
        })
    }

    /// What the relay connection has to do with a mail, and why, if it is new and not wanted.
    pub fn action(
        &self,
        view: &impl View,
        raw: &RelayHead,
        head: &Head,
    ) -> Outcome<(RelayHeadAction, Option<Reason>)> {
        let skip = (RelayHeadAction::Skip, None);
        if raw.unwanted_flag {
            return Ok(skip);
        }
        if let Some(action) = self.known(view, head)? {
            return Ok((action, None));
        }
        // Known only of mail in a renumbered folder, which is looked through from its beginning.
        if raw.arrived != 0 && raw.arrived <= self.ignored_until {
            return Ok(skip);
        }
        // Reports may name nobody as their sender.
        let from = match &head.from {
            Some(from) => from.as_str(),
            None if head.delivery_status => "",
            None => return Ok((RelayHeadAction::Skip, Some(Reason::NoSender))),
        };
        let daemon = head.delivery_status || is_mailer_daemon(from);
        let senders = contacts::all_by_addr(view, self.profile, from)?;
        let blocked = !senders.is_empty() && senders.iter().all(|(_, contact)| contact.blocked);
        // Only when it is opened it shows whether an encrypted mail belongs to a group that one is in.
        if blocked && !daemon && !head.encrypted {
            return Ok((RelayHeadAction::Skip, Some(Reason::Blocked)));
        }
        if self.forced && !head.encrypted && !head.handshake && !daemon {
            return Ok((RelayHeadAction::Skip, Some(Reason::Unencrypted)));
        }
        let over_limit = self.limit != 0 && u64::from(raw.size) > self.limit;
        let action = match (head.post_message, over_limit) {
            // The message that announces it is shown.
            (true, true) => RelayHeadAction::Skip,
            (true, false) if self.bot => RelayHeadAction::Download,
            (true, false) | (false, true) => RelayHeadAction::DownloadLater,
            (false, false) => RelayHeadAction::Download,
        };
        Ok((action, None))
    }

    /// What to do with a mail whose Message-ID is known; `None` if it has to be looked at.
    fn known(&self, view: &impl View, head: &Head) -> Outcome<Option<RelayHeadAction>> {
        let Some(mid) = &head.mid else { return Ok(None) };
        let Some(known) = messages::known(view, self.profile, mid)? else { return Ok(None) };
        let standing = messages::standing(view, self.profile, mid, head.post_message)?;
        // The file of a message that is still incomplete is wanted, within the limit. Copies of a mail that was never
        // here can be wanted away, but that they count as seen is no reason to pass it by.
        let unwanted = standing == Standing::Unknown && known.delete;
        if standing.is_open() && !unwanted {
            return Ok(None);
        }
        if copies::are_unwanted(&known, self.now) || self.deletes {
            return Ok(Some(RelayHeadAction::Delete));
        }
        let own = match &head.from {
            Some(from) => transports::is_own_addr(view, self.profile, from)?,
            None => false,
        };
        Ok(Some(if own || known.seen { RelayHeadAction::SkipAndMarkSeen } else { RelayHeadAction::Skip }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_tell_what_a_mail_is() {
        let head = read(
            b"From: Alice <Alice@Example.org>\r\nMessage-ID: <one@localhost>\r\n\
              Content-Type: Multipart/Encrypted; protocol=\"application/pgp-encrypted\"\r\n\
              Chat-Is-Post-Message: 1\r\n\r\n",
        );
        assert_eq!(head.mid.as_deref(), Some("one@localhost"));
        assert_eq!(head.from.as_deref(), Some("alice@example.org"));
        assert!(head.encrypted && head.post_message && !head.handshake);
    }

    #[test]
    fn several_senders_are_no_sender() {
        assert_eq!(read(b"From: a@b.c, d@e.f\r\n\r\n").from, None);
        assert_eq!(read(b"\xff\xfe").mid, None);
    }

    // A mail from before the first visit is distinguished from one that was missed by the clock of the relay.
    #[tokio::test]
    async fn of_a_renumbered_folder_only_mail_from_before_the_first_visit_is_left_alone() {
        use crate::state::transports;
        use crate::testing::{Desk, PROFILE};
        let desk = Desk::new().await;
        let id = desk.db.look(|view| transports::all(view, PROFILE)).unwrap()[0].0;
        desk.change(move |tx| Ok(transports::update(tx, id, |record| record.ignored_until = 5_000)?)).await;
        let head = Head { from: Some("anna@x.test".to_owned()), encrypted: true, ..Head::default() };
        let action = |arrived| {
            let raw = RelayHead { uid: 1, size: 100, arrived, ..RelayHead::default() };
            desk.db
                .read(|view| Judge::new(view, PROFILE, id, desk.now())?.action(view, &raw, &head))
                .unwrap()
                .0
        };
        assert_eq!(action(5_000), RelayHeadAction::Skip);
        assert_eq!(action(5_001), RelayHeadAction::Download);
        assert_eq!(action(0), RelayHeadAction::Download, "new mail, whose arrival is not asked for");
    }

    // A receipt of another own device may come before the message that it is about.
    #[tokio::test]
    async fn a_mail_of_which_only_copies_were_spoken_is_fetched_unless_they_are_to_be_deleted() {
        use crate::state::{copies, transports};
        use crate::testing::{Desk, PROFILE};
        let desk = Desk::new().await;
        let id = desk.db.look(|view| transports::all(view, PROFILE)).unwrap()[0].0;
        desk.change(|tx| {
            copies::want_seen(tx, "seen@x")?;
            Ok(copies::want_deleted(tx, "deleted@x")?)
        })
        .await;
        let action = |mid: &str| {
            let head = Head {
                mid: Some(mid.to_owned()),
                from: Some("anna@x.test".to_owned()),
                encrypted: true,
                ..Head::default()
            };
            let raw = RelayHead { uid: 1, size: 100, ..RelayHead::default() };
            desk.db
                .read(|view| Judge::new(view, PROFILE, id, desk.now())?.action(view, &raw, &head))
                .unwrap()
                .0
        };
        assert_eq!(action("seen@x"), RelayHeadAction::Download);
        assert_eq!(action("deleted@x"), RelayHeadAction::Delete);
    }
}
