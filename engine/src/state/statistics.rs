//! What is counted for statistics. Nothing is counted before the user wants it.

use rand::Rng as _;
use volary_storage::records::{ChatType, MessageRecord, MessageState, StatisticsRecord};
use volary_storage::tables::{COUNTERS, MESSAGES, STATISTICS, STATISTICS_SWITCHES};
use volary_storage::{StoreError, View};

use super::{chats, config, members};
use crate::ground::db::Tx;
use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId};

/// Times of switching on, and of switching off, that are kept; the oldest go.
const MAX_SWITCHES: usize = 1_000;
/// Invites that are kept; the oldest go.
const MAX_INVITES: usize = 1_000;
/// Letters of the random name.
const NAME_LETTERS: usize = 25;
/// Kinds of chats whose messages are counted, in the order of the counts.
pub const KINDS: [(ChatType, &str); 3] =
    [(ChatType::Single, "Single"), (ChatType::Group, "Group"), (ChatType::OutBroadcast, "OutBroadcast")];

/// Own messages of one kind of chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Encrypted, to somebody.
    pub encrypted: u32,
    /// In clear text, to somebody.
    pub unencrypted: u32,
    /// In chats without anybody else.
    pub only_to_self: u32,
}

/// What an invite that was followed was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invited {
    /// A contact.
    Contact,
    /// A group.
    Group,
    /// A channel.
    Channel,
}

/// An invite that was followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowedInvite {
    /// Whom or what it was for.
    pub kind: Invited,
    /// Whether the contact or the chat was there before.
    pub already_existed: bool,
}

/// Set in the number of an invite to what was known already.
const EXISTED: u32 = 4;

impl FollowedInvite {
    fn number(self) -> u32 {
        let kind = match self.kind {
            Invited::Contact => 0,
            Invited::Group => 1,
            Invited::Channel => 2,
        };
        kind + if self.already_existed { EXISTED } else { 0 }
    }

    /// The invite of a stored number.
    pub fn of(number: u32) -> Self {
        let kind = match number % EXISTED {
            1 => Invited::Group,
            2 => Invited::Channel,
            _ => Invited::Contact,
        };
        Self { kind, already_existed: number >= EXISTED }
    }
}

/// What was counted so far.
pub fn load(view: &impl View, profile: ProfileId) -> Result<StatisticsRecord, StoreError> {
    Ok(view.get(&STATISTICS, &profile)?.unwrap_or_default())
}

/// Whether the user wants statistics.
pub fn wanted(view: &impl View, profile: ProfileId) -> Result<bool, StoreError> {
    config::flag(view, profile, config::key::STATS_SENDING)
}

/// The setting was set: a name is drawn and the time noted, and counting begins or ends.
pub fn switched(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    let profile = tx.profile;
    let on = wanted(tx.store, profile)?;
    let mut record = load(tx.store, profile)?;
    let counters = tx.store.get(&COUNTERS, &profile)?.unwrap_or_default();
    if config::get(tx.store, profile, config::key::STATS_LAST_OLD_CONTACT_ID)?.is_none() {
        let last = counters.contact.get().to_string();
        config::set(tx, config::key::STATS_LAST_OLD_CONTACT_ID, Some(&last))?;
    }
    if config::get(tx.store, profile, config::key::STATS_ID)?.is_none() {
        let mut rng = rand::thread_rng();
        let name: String = (0..NAME_LETTERS).map(|_| char::from(rng.gen_range(b'a'..=b'z'))).collect();
        config::set(tx, config::key::STATS_ID, Some(&name))?;
    }
    if on == (record.counted_from != 0) {
        return Ok(());
    }
    if on {
        record.counted_from = counters.message.next().get();
    } else {
        record.messages = flat(&sent(tx.store, profile)?);
        record.counted_from = 0;
    }
    tx.store.put(&STATISTICS, &profile, &record)?;
    let row = |time| (profile, time, u32::from(on));
    tx.store.set(&STATISTICS_SWITCHES, &row(tx.now))?;
    let times = switches(tx.store, profile, on)?;
    for time in times.iter().take(times.len().saturating_sub(MAX_SWITCHES)) {
        tx.store.unset(&STATISTICS_SWITCHES, &row(*time))?;
    }
    Ok(())
}

/// When statistics were switched on, or off, the oldest first.
pub fn switches(view: &impl View, profile: ProfileId, on: bool) -> Result<Vec<i64>, StoreError> {
    let mut times = Vec::new();
    for key in view.scan_prefix(&STATISTICS_SWITCHES, &profile)?.keys() {
        let (_, time, to) = key?;
        if (to == 1) == on {
            times.push(time);
        }
    }
    Ok(times)
}

/// An invite was followed.
pub fn invite_followed(
    tx: &mut Tx<'_, '_>,
    source: u32,
    ui_path: u32,
    invite: FollowedInvite,
) -> Result<(), StoreError> {
    if !wanted(tx.store, tx.profile)? {
        return Ok(());
    }
    let mut record = load(tx.store, tx.profile)?;
    count(&mut record.sources, source, SOURCES.len());
    count(&mut record.ui_paths, ui_path, UI_PATHS.len());
    record.invites.push(invite.number());
    let surplus = record.invites.len().saturating_sub(MAX_INVITES);
    record.invites.drain(..surplus);
    tx.store.put(&STATISTICS, &tx.profile, &record)
}

/// Names of the sources of invites, by their numbers.
pub const SOURCES: [&str; 6] =
    ["unknown", "external_link", "internal_link", "clipboard", "image_loaded", "scan"];
/// Names of the ways through the user interface, by their numbers.
pub const UI_PATHS: [&str; 3] = ["other", "qr_icon", "new_contact"];

fn count(counts: &mut Vec<u32>, of: u32, kinds: usize) {
    counts.resize(kinds, 0);
    let of = if (of as usize) < kinds { of as usize } else { 0 };
    if let Some(count) = counts.get_mut(of) {
        *count = count.saturating_add(1);
    }
}

fn flat(sent: &[Sent; KINDS.len()]) -> Vec<u32> {
    sent.iter().flat_map(|sent| [sent.encrypted, sent.unencrypted, sent.only_to_self]).collect()
}

/// Own messages that were sent while statistics were on, by kind of chat.
pub fn sent(view: &impl View, profile: ProfileId) -> Result<[Sent; KINDS.len()], StoreError> {
    let record = load(view, profile)?;
    let mut all = [Sent::default(); KINDS.len()];
    for (sent, counts) in all.iter_mut().zip(record.messages.chunks(3)) {
        if let [encrypted, unencrypted, only_to_self] = *counts {
            *sent = Sent { encrypted, unencrypted, only_to_self };
        }
    }
    if record.counted_from == 0 {
        return Ok(all);
    }
    let first = MessageId::new(record.counted_from);
    let mut chats = std::collections::BTreeMap::new();
    for row in view.range(&MESSAGES, (profile, first)..)? {
        let ((owner, _), message) = row?;
        if owner != profile {
            break;
        }
        if !is_counted(&message) {
            continue;
        }
        let known = match chats.get(&message.chat) {
            Some(known) => *known,
            None => *chats.entry(message.chat).or_insert(chat(view, profile, message.chat)?),
        };
        let Some((kind, alone)) = known else { continue };
        let Some(sent) = all.get_mut(kind) else { continue };
        let count = match (alone, message.encrypted) {
            (true, _) => &mut sent.only_to_self,
            (false, true) => &mut sent.encrypted,
            (false, false) => &mut sent.unencrypted,
        };
        *count = count.saturating_add(1);
    }
    Ok(all)
}

fn is_counted(message: &MessageRecord) -> bool {
    message.from == ContactId::SELF && !message.hidden && message.state != MessageState::OutDraft
}

/// Which kind of chat it is, and whether nobody else is in it.
fn chat(view: &impl View, profile: ProfileId, chat: ChatId) -> Result<Option<(usize, bool)>, StoreError> {
    let Some(record) = chats::load(view, profile, chat)? else { return Ok(None) };
    let Some(kind) = KINDS.iter().position(|(kind, _)| *kind == record.chat_type) else { return Ok(None) };
    let others = |members: Vec<ContactId>| members.iter().any(|member| *member != ContactId::SELF);
    let alone = match record.chat_type {
        ChatType::Single => record.contact == ContactId::SELF,
        _ => !others(members::current(view, profile, chat)?),
    };
    Ok(Some((kind, alone)))
}
