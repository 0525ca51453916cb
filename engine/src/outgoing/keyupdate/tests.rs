use volary_mail::message::parse_outer;
use volary_mail::openpgp::{SecretKey, decrypt};
use volary_proto::v1::event;
use volary_storage::records::{ChatType, KnownMail};

use super::*;
use crate::ground::ids::TransportId;
use crate::outgoing::complete;
use crate::testing::{Desk, PROFILE, START};

fn queue_of(desk: &Desk) -> Vec<(u64, OutboxRecord)> {
    desk.db.look(|view| outbox::entries(view, PROFILE, usize::MAX)).unwrap()
}

fn due(desk: &Desk) -> Option<i64> {
    desk.db.look(|view| deadlines::single(view, PROFILE, Kind::KeyUpdate, 0)).unwrap()
}

fn told(desk: &Desk) -> Option<String> {
    desk.db.look(|view| config::stored(view, PROFILE, config::key::KEYUPDATE_BASELINE)).unwrap()
}

async fn schedules(desk: &Desk) -> Option<i64> {
    desk.change(|tx| Ok(schedule(tx)?)).await;
    due(desk)
}

#[tokio::test]
async fn a_changed_list_has_to_rest_before_it_is_told() {
    let desk = Desk::new().await;
    assert_eq!(schedules(&desk).await, Some(START + 30));
    desk.waits(20);
    desk.gets_address("me@two.test").await;
    assert_eq!(schedules(&desk).await, Some(START + 50));
    let rows = desk.db.look(|view| deadlines::of_profile(view, PROFILE)).unwrap();
    assert_eq!(rows.len(), 1, "the earlier deadline is gone");

    desk.change(announce).await;
    assert_eq!(told(&desk).as_deref(), Some("me@one.test me@two.test"));
    assert_eq!(schedules(&desk).await, None, "nothing is news any more");
}

#[tokio::test]
async fn the_wait_is_a_setting_and_ends_with_io() {
    let desk = Desk::new().await;
    desk.change(|tx| Ok(config::set(tx, config::key::KEYUPDATE_DEBOUNCE, Some("3"))?)).await;
    assert_eq!(schedules(&desk).await, Some(START + 3));
    desk.change(|tx| Ok(cancel(tx)?)).await;
    assert_eq!(due(&desk), None);
}

#[tokio::test]
async fn those_who_plausibly_hold_our_key_are_told() {
    let desk = Desk::new().await;
    let (friend, _) = desk.knows(&["friend@x.test"]).await;
    let (silent, _) = desk.knows(&["silent@x.test"]).await;
    let (stranger, _) = desk.knows(&["stranger@x.test"]).await;
    let (blocked, _) = desk.knows(&["blocked@x.test"]).await;
    let (member, _) = desk.knows(&["member@x.test"]).await;
    let (former, _) = desk.knows(&["former@x.test"]).await;
    desk.knows(&["card@x.test"]).await;

    let chat = desk.chat_with(friend).await;
    desk.says(chat, "hi").await;
    desk.chat_with(silent).await;
    let chat = desk.chat_with(stranger).await;
    desk.says(chat, "a request").await;
    desk.change(move |tx| Ok(chats::update(tx, chat, |record| record.blocked = Block::Request)?)).await;
    let chat = desk.chat_with(blocked).await;
    desk.says(chat, "hi").await;
    desk.change(move |tx| Ok(contacts::update(tx, blocked, |record| record.blocked = true)?)).await;
    let group = desk
        .change(move |tx| {
            let record = ChatRecord { chat_type: ChatType::Group, encrypted: true, ..Default::default() };
            let group = chats::create(tx, record)?;
            members::add(tx, group, member, tx.now)?;
            members::add(tx, group, former, tx.now)?;
            members::mark_removed(tx, group, former, tx.now)?;
            Ok(group)
        })
        .await;
    assert_eq!(desk.db.look(|view| audience(view, PROFILE)).unwrap(), [friend]);
    desk.says(group, "hello everybody").await;
    assert_eq!(desk.db.look(|view| audience(view, PROFILE)).unwrap(), [friend, member]);
}

#[tokio::test]
async fn with_nobody_to_tell_the_list_counts_as_told() {
    let desk = Desk::new().await;
    desk.change(announce).await;
    assert_eq!(told(&desk).as_deref(), Some("me@one.test"));
    assert_eq!(queue_of(&desk), []);
}

/// Opens the payload of an announcement; it must not be signed.
fn opened(mail: &Mail, key: &SecretKey) -> String {
    let outer = parse_outer(&mail.raw).unwrap();
    let opened = decrypt(outer.ciphertext().unwrap(), std::slice::from_ref(key), []).unwrap();
    assert!(!opened.is_signed());
    String::from_utf8(opened.payload).unwrap()
}

#[tokio::test]
async fn one_mail_reaches_all_relays_of_all_contacts_and_leaves_no_trace() {
    let desk = Desk::new().await;
    let (anna, anna_key) = desk.knows(&["anna@x.test", "anna@y.test"]).await;
    let (ben, ben_key) = desk.knows(&["ben@x.test"]).await;
    for contact in [anna, ben] {
        let chat = desk.chat_with(contact).await;
        desk.says(chat, "hi").await;
    }
    desk.change(|tx| Ok(config::set(tx, config::key::BCC_SELF, Some("1"))?)).await;
    desk.change(|tx| Ok(config::set(tx, config::key::DISPLAYNAME, Some("Somebody"))?)).await;
    desk.gets_address("me@two.test").await;
    desk.events().await;
    desk.change(announce).await;

    let queue = queue_of(&desk);
    let [(sequence, job)] = queue.as_slice() else { panic!("one mail: {queue:?}") };
    let context = Context {
        keys: desk.db.keys(),
        texts: desk.db.texts(),
        profile: PROFILE,
        blob_dir: desk.dir.path(),
        from: "me@two.test",
        now: desk.now(),
    };
    let rendered = desk.db.read(|view| crate::outgoing::render::render(view, &context, job));
    let rendered = rendered.unwrap().unwrap();
    let [mail] = rendered.mails.as_slice() else { panic!("one mail") };
    assert_eq!(mail.recipients, ["anna@x.test", "anna@y.test", "ben@x.test"]);
    for key in [&anna_key, &ben_key] {
        let payload = opened(mail, key);
        assert!(payload.contains("Subject: Keyupdate"), "{payload}");
        assert!(payload.contains("Autocrypt: addr=me@two.test"), "{payload}");
        assert!(!payload.contains("Chat-Version") && !payload.contains("Somebody"), "{payload}");
    }

    let (sequence, job) = (*sequence, job.clone());
    let mid = desk.db.look(|view| messages::load(view, PROFILE, job.message)).unwrap().unwrap().mid;
    let message = job.message;
    desk.change(move |tx| {
        Ok(complete::sent(tx, sequence, &job, TransportId::new(1), &complete::Traces::default())?)
    })
    .await;
    assert!(!desk.has(message) && queue_of(&desk).is_empty());
    let known = desk.db.look(|view| messages::known(view, PROFILE, &mid)).unwrap().unwrap();
    assert_eq!(known.kind, KnownMail::Tombstone);
    let shown: Vec<event::Kind> = desk.events().await;
    assert_eq!(shown, []);
}

#[tokio::test]
async fn an_announcement_that_cannot_be_sent_is_dropped_silently() {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    desk.says(chat, "hi").await;
    desk.change(announce).await;
    desk.events().await;
    let (sequence, job) = queue_of(&desk).remove(0);
    let message = job.message;
    desk.change(move |tx| Ok(complete::failed(tx, sequence, &job, "refused")?)).await;
    assert!(!desk.has(message) && queue_of(&desk).is_empty());
    assert_eq!(desk.events().await, []);
}

#[tokio::test]
async fn many_contacts_share_several_mails() {
    let desk = Desk::new().await;
    desk.change(|tx| {
        let record = ChatRecord { chat_type: ChatType::Group, encrypted: true, ..Default::default() };
        let group = chats::create(tx, record)?;
        for number in 0..CONTACTS_PER_MAIL + 1 {
            let (addr, fingerprint) = (format!("m{number}@x.test"), format!("{number:040X}"));
            let seen = contacts::Seen { addr: &addr, fingerprint: &fingerprint, ..Default::default() };
            let contact = contacts::add_or_lookup(tx, seen)?;
            members::add(tx, group, contact, tx.now)?;
            let certificate = volary_storage::records::CertificateRecord::default();
            tx.store.put(
                &volary_storage::tables::CERTIFICATES,
                &(PROFILE, fingerprint.as_str()),
                &certificate,
            )?;
        }
        let message = MessageRecord { chat: group, mid: compose::new_mid(), ..Default::default() };
        messages::insert(tx, &message)?;
        Ok(())
    })
    .await;
    desk.change(announce).await;
    let sizes: Vec<usize> = queue_of(&desk).iter().map(|(_, job)| job.contacts.len()).collect();
    assert_eq!(sizes, [CONTACTS_PER_MAIL, 1]);
}
