//! Contacts: objects, lists, contact cards, fingerprints for people.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use volary_mail::address::{Address, normalise};
use volary_mail::openpgp::Certificate;
use volary_mail::vcard::{self, Card};
use volary_proto::v1::{Contact, ContactFreshness, ContactMap, VcardContact};
use volary_storage::View as _;
use volary_storage::records::{Block, ContactOrigin, ContactRecord};
use volary_storage::tables::CONTACTS;

use super::color;
use super::look::Look;
use crate::ground::artwork;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::ContactId;
use volary_mail::securejoin::Verification;

use crate::ground::texts::id as text;
use crate::state::contacts::{self, RECENTLY_SEEN, display_name};
use crate::state::{chats, config, keys, transports, verification};

/// Flag of contact lists: with ourselves.
const WITH_SELF: u32 = 2;
/// Flag of contact lists: those without key instead of those with one.
pub const WITHOUT_KEY: u32 = 4;
/// From this origin on a contact is listed.
const KNOWN: ContactOrigin = ContactOrigin::ReplyTo;
/// A contact from which nothing came for that many seconds (60 days) counts as old.
const OLD: i64 = 60 * 24 * 3600;
/// Larger pictures do not go into contact cards, in bytes.
const MAX_CARD_PICTURE: u64 = 1 << 20;
/// Larger card files are not read, in bytes.
pub const MAX_CARD_FILE: u64 = 4 << 20;

/// How a contact is named in errors.
pub fn label(contact: ContactId) -> String {
    match contact {
        ContactId::NONE => "Contact#Undefined".to_owned(),
        ContactId::SELF => "Contact#Self".to_owned(),
        ContactId::INFO => "Contact#Info".to_owned(),
        ContactId::DEVICE => "Contact#Device".to_owned(),
        id => format!("Contact#{id}"),
    }
}

/// The refusal for an unknown contact.
pub fn not_found(contact: ContactId) -> Failure {
    Failure::refused(format!("contact {} not found", label(contact)))
}

/// Any contact, special ones included.
pub fn record(look: &Look<'_>, contact: ContactId) -> Outcome<ContactRecord> {
    contacts::load_any(look.view, look.texts, look.profile, contact)?.ok_or_else(|| not_found(contact))
}

/// What the colour of a contact is made from.
pub fn color_of(record: &ContactRecord, contact: ContactId) -> String {
    match (record.fingerprint.as_str(), contact) {
        ("", ContactId::SELF) => color::KEYLESS_SELF.to_owned(),
        ("", _) => color::of(&record.addr.to_lowercase()),
        (fingerprint, _) => color::of(fingerprint),
    }
}

/// When something last came from a contact, in coarse steps.
pub fn freshness(record: &ContactRecord, contact: ContactId, now: i64) -> ContactFreshness {
    let silence = now.saturating_sub(record.last_seen);
    if contact.is_special() || record.fingerprint.is_empty() {
        ContactFreshness::Normal
    } else if record.last_seen != 0 && silence <= RECENTLY_SEEN {
        ContactFreshness::RecentlySeen
    } else if silence >= OLD {
        ContactFreshness::Old
    } else {
        ContactFreshness::Normal
    }
}

/// Path of the picture of a contact.
pub fn picture(look: &Look<'_>, id: ContactId, record: &ContactRecord) -> Option<String> {
    match id {
        ContactId::DEVICE => look.shared(artwork::Shared::Device),
        _ => look.path(&record.avatar),
    }
}

/// The name with the address behind it; the address alone for who has no name.
fn name_and_addr(record: &ContactRecord) -> String {
    match display_name(record) {
        name if name == record.addr => record.addr.clone(),
        name => format!("{name} ({})", record.addr),
    }
}

/// A contact as clients see it.
pub fn contact(look: &Look<'_>, id: ContactId) -> Outcome<Contact> {
    let found = record(look, id)?;
    view(look, id, found)
}

fn view(look: &Look<'_>, id: ContactId, record: ContactRecord) -> Outcome<Contact> {
    let is_self = id == ContactId::SELF;
    let (is_verified, verifier_id) = verified(look, id, &record)?;
    let freshness = freshness(&record, id, look.now);
    Ok(Contact {
        color: color_of(&record, id),
        display_name: display_name(&record).to_owned(),
        id: id.get(),
        profile_image: picture(look, id, &record),
        is_blocked: record.blocked,
        is_key_contact: is_self || !record.fingerprint.is_empty(),
        e2ee_avail: is_self || keys::has_certificate(look.view, look.profile, &record.fingerprint)?,
        last_seen: record.last_seen,
        name_and_addr: name_and_addr(&record),
        was_seen_recently: freshness == ContactFreshness::RecentlySeen,
        freshness: freshness.into(),
        is_bot: record.is_bot,
        is_verified,
        verifier_id: verifier_id.map(ContactId::get),
        address: record.addr,
        auth_name: record.auth_name,
        status: record.status,
        name: record.name,
    })
}

fn verified(look: &Look<'_>, id: ContactId, record: &ContactRecord) -> Outcome<(bool, Option<ContactId>)> {
    if id == ContactId::SELF {
        return Ok((true, None));
    }
    Ok(match verification::of(record, id) {
        Verification::None => (false, None),
        Verification::Direct => (true, Some(ContactId::SELF)),
        Verification::Introduced => (true, None),
        Verification::IntroducedBy(by) => {
            let known = contacts::load(look.view, look.profile, by)?.is_some();
            (true, known.then_some(by))
        }
    })
}

/// Several contacts in the order of the ids; one that is unknown fails all.
pub fn by_ids(look: &Look<'_>, ids: &[ContactId]) -> Outcome<ContactMap> {
    ids.iter().map(|id| Ok((id.get(), contact(look, *id)?))).collect()
}

/// Contacts the user knows, in the order of the contact list.
pub fn list(look: &Look<'_>, flags: u32, query: Option<&str>) -> Outcome<Vec<ContactId>> {
    let query = query.unwrap_or_default().trim().to_lowercase();
    let by_address = Address::parse(&query).is_ok();
    let everybody = by_address || config::flag(look.view, look.profile, config::key::BOT)?;
    let own = transports::own_addrs(look.view, look.profile)?;
    let mut found = Vec::new();
    for row in look.view.scan_prefix(&CONTACTS, &look.profile)? {
        let ((_, id), record) = row?;
        let kind = record.fingerprint.is_empty() == (flags & WITHOUT_KEY != 0);
        let known = everybody || record.origin >= KNOWN;
        if !id.is_special()
            && kind
            && known
            && !record.blocked
            && matches(&record, &query)
            && !own.contains(&record.addr)
        {
            found.push((id, record.origin >= ContactOrigin::CreateChat, record.last_seen));
        }
    }
    found.sort_by_key(|(id, chatted, seen)| std::cmp::Reverse((*chatted, *seen, *id)));
    let mut listed: Vec<ContactId> = found.into_iter().map(|(id, ..)| id).collect();
    if flags & WITH_SELF != 0 && self_matches(look, &query)? {
        listed.push(ContactId::SELF);
    }
    Ok(listed)
}

fn matches(record: &ContactRecord, query: &str) -> bool {
    query.is_empty()
        || display_name(record).to_lowercase().contains(query)
        || record.addr.to_lowercase() == query
}

fn self_matches(look: &Look<'_>, query: &str) -> Outcome<bool> {
    let own = record(look, ContactId::SELF)?;
    Ok([&own.name, &own.auth_name, &own.addr].iter().any(|text| text.to_lowercase().contains(query)))
}

/// Contacts that the user blocked.
pub fn blocked(look: &Look<'_>) -> Outcome<Vec<Contact>> {
    let mut found = Vec::new();
    for row in look.view.scan_prefix(&CONTACTS, &look.profile)? {
        let ((_, id), record) = row?;
        if record.blocked {
            found.push(view(look, id, record)?);
        }
    }
    found.sort_by_key(|contact| std::cmp::Reverse((contact.last_seen, contact.id)));
    Ok(found)
}

/// The contact of an address that is most likely meant.
pub fn lookup(look: &Look<'_>, addr: &str) -> Outcome<Option<ContactId>> {
    let addr = normalise(addr);
    if transports::is_own_addr(look.view, look.profile, &addr)? {
        return Ok(Some(ContactId::SELF));
    }
    let mut best = None;
    for (id, record) in contacts::all_by_addr(look.view, look.profile, &addr)? {
        if record.blocked {
            continue;
        }
        let chat = match chats::single_of(look.view, look.profile, id)? {
            Some(chat) => chats::load(look.view, look.profile, chat)?,
            None => None,
        };
        let open = chat.is_some_and(|chat| chat.blocked != Block::Yes);
        best = best.max(Some((open, record.last_seen, !record.fingerprint.is_empty(), id)));
    }
    Ok(best.map(|(.., id)| id))
}

/// Fingerprints for people, and where mail to the contact goes.
pub fn encryption_info(look: &Look<'_>, contact: ContactId) -> Outcome<String> {
    if contact.is_special() {
        return Err(Failure::refused("Can not provide encryption info for special contact"));
    }
    let found = contacts::load(look.view, look.profile, contact)?.ok_or_else(|| not_found(contact))?;
    if found.fingerprint.is_empty() {
        return Ok(look.texts.get(text::NO_ENCRYPTION));
    }
    let own = record(look, ContactId::SELF)?;
    let mut info =
        format!("{}\n{}:", look.texts.get(text::MESSAGES_E2EE), look.texts.get(text::FINGERPRINTS));
    // By address, so that both people read the fingerprints in the same order when they compare them.
    let mut people = [&own, &found];
    people.sort_by_key(|person| person.addr.to_lowercase());
    for person in people {
        let fingerprint = grouped(&person.fingerprint);
        info.push_str(&format!("\n\n{} ({}):\n{fingerprint}", display_name(person), person.addr));
    }
    let relays = keys::relays_of(look.view, look.profile, &found.fingerprint)?;
    if !relays.is_empty() {
        info.push_str(&format!("\n\nRelays:\n{}", relays.join("\n")));
    }
    Ok(info)
}

/// A fingerprint in groups, or as it is stored if it is none.
pub fn grouped(fingerprint: &str) -> String {
    keys::parse_fingerprint(fingerprint).map_or_else(|| fingerprint.to_owned(), |parsed| parsed.grouped())
}

/// Contact cards of contacts.
pub fn make_vcard(look: &Look<'_>, ids: &[ContactId]) -> Outcome<String> {
    let cards = ids.iter().map(|id| card(look, *id)).collect::<Outcome<Vec<Card>>>()?;
    Ok(vcard::format(&cards, look.now))
}

fn card(look: &Look<'_>, contact: ContactId) -> Outcome<Card> {
    let record = record(look, contact)?;
    let certificate = if contact == ContactId::SELF {
        keys::own_certificate(look.view, look.keys, look.profile)?
    } else {
        keys::certificate(look.view, look.keys, look.profile, &record.fingerprint)?
    };
    let picture = look.blob(&record.avatar, MAX_CARD_PICTURE).map(|bytes| STANDARD.encode(bytes));
    Ok(Card {
        address: record.addr,
        name: record.auth_name,
        key: certificate.map(|certificate| certificate.to_base64()),
        picture,
        status: Some(record.status).filter(|status| !status.is_empty()),
        timestamp: None,
    })
}

/// A card as clients see it.
pub fn card_view(card: Card) -> VcardContact {
    let key = card.key.as_deref().and_then(|key| Certificate::from_base64(key).ok());
    let identity = key.map_or_else(|| card.address.to_lowercase(), |key| key.fingerprint().to_string());
    VcardContact {
        display_name: card.display_name().to_owned(),
        color: color::of(&identity),
        addr: card.address,
        key: card.key,
        profile_image: card.picture,
        timestamp: card.timestamp,
    }
}

/// The cards of a card file.
pub fn cards_in(bytes: &[u8]) -> Vec<VcardContact> {
    vcard::parse(&String::from_utf8_lossy(bytes)).into_iter().map(card_view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_contact(last_seen: i64) -> ContactRecord {
        ContactRecord { fingerprint: "AA".to_owned(), last_seen, ..Default::default() }
    }

    #[test]
    fn freshness_counts_for_contacts_with_a_key() {
        let now = 100 * 24 * 3600;
        let day = 24 * 3600;
        assert_eq!(
            freshness(&key_contact(now - 600), ContactId::new(10), now),
            ContactFreshness::RecentlySeen
        );
        assert_eq!(freshness(&key_contact(now - 601), ContactId::new(10), now), ContactFreshness::Normal);
        assert_eq!(
            freshness(&key_contact(now - 59 * day), ContactId::new(10), now),
            ContactFreshness::Normal
        );
        assert_eq!(freshness(&key_contact(now - 60 * day), ContactId::new(10), now), ContactFreshness::Old);
        assert_eq!(freshness(&key_contact(0), ContactId::new(10), now), ContactFreshness::Old);
        assert_eq!(freshness(&key_contact(0), ContactId::SELF, now), ContactFreshness::Normal);
        assert_eq!(freshness(&ContactRecord::default(), ContactId::new(10), now), ContactFreshness::Normal);
    }

    #[test]
    fn the_colour_of_a_key_contact_does_not_depend_on_its_address() {
        let mut contact = key_contact(0);
        let before = color_of(&contact, ContactId::new(10));
        contact.addr = "other@example.org".to_owned();
        assert_eq!(color_of(&contact, ContactId::new(10)), before);
        assert_eq!(color_of(&ContactRecord::default(), ContactId::SELF), "#808080");
    }

    #[test]
    fn queries_find_parts_of_names_and_whole_addresses() {
        let contact = ContactRecord {
            name: "Zoë Müller".to_owned(),
            addr: "zoe@example.org".to_owned(),
            ..Default::default()
        };
        assert!(matches(&contact, "mü"));
        assert!(matches(&contact, "zoe@example.org"));
        assert!(!matches(&contact, "zoe@example"));
        assert!(matches(&contact, ""));
    }
}
