use volary_storage::records::HeaderRecord;

use super::*;
use crate::chat::{announcing, features, groups};
use crate::ground::ids::MessageId;
use crate::testing::{Desk, PROFILE};

fn rendered(desk: &Desk, message: MessageId) -> Outcome<Option<Rendered>> {
    let context = Context {
        keys: desk.db.keys(),
        texts: desk.db.texts(),
        profile: PROFILE,
        blob_dir: desk.dir.path(),
        from: "me@one.test",
        now: desk.now(),
    };
    let job = OutboxRecord { kind: JobKind::Message, message, ..Default::default() };
    desk.db.read(|view| render(view, &context, &job))
}

fn intent(desk: &Desk, message: MessageId) -> Intent {
    let record = desk.db.look(|view| messages::load(view, PROFILE, message)).unwrap().unwrap();
    Intent::of(&record).unwrap()
}

#[tokio::test]
async fn what_is_not_understood_is_not_sent_as_something_else() {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    let message = desk.says(chat, "hello").await;
    assert_eq!(rendered(&desk, message).unwrap().unwrap().mails.len(), 1);
    desk.change(move |tx| {
        let part = HeaderRecord { name: "Chat-New-Thing".to_owned(), value: "1".to_owned() };
        Ok(messages::update(tx, message, |record| record.headers.push(part))?)
    })
    .await;
    let refused = rendered(&desk, message).err().unwrap();
    assert!(matches!(refused, Failure::Internal(_)), "{refused}");
    assert_eq!(
        refused.to_string(),
        "internal error: a message to be sent has an unknown part \"Chat-New-Thing\""
    );
}

#[tokio::test]
async fn what_a_command_means_is_what_its_row_says() {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    let message = desk.says(chat, "hello").await;
    let target = desk.db.look(|view| messages::load(view, PROFILE, message)).unwrap().unwrap().mid;
    let reaction = desk.change(move |tx| features::react(tx, message, "👍")).await;
    assert_eq!(intent(&desk, reaction), Intent::Reaction { target: target.clone() });
    desk.change(move |tx| features::edit(tx, message, "hello again")).await;
    let edit = reaction.next();
    assert_eq!(intent(&desk, edit), Intent::Edit { target, old_text: "hello".to_owned() });
    desk.change(move |tx| groups::set_timer(tx, chat, 60)).await;
    let timer = edit.next();
    assert!(matches!(intent(&desk, timer), Intent::TimerChanged { seconds: Some(_) }));
    for id in [reaction, edit, timer] {
        assert_eq!(rendered(&desk, id).unwrap().unwrap().mails.len(), 1);
    }
}

#[tokio::test]
async fn a_mail_that_waited_says_what_was_changed_and_not_what_became_of_it() {
    use volary_mail::message::ChatHeader;
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let group = desk
        .change(move |tx| {
            let group = groups::create(tx, "One")?;
            groups::add_member(tx, group, anna)?;
            announcing::promote(tx, group)?;
            Ok(group)
        })
        .await;
    desk.waits(5);
    desk.change(move |tx| groups::set_timer(tx, group, 60)).await;
    let timer = desk.newest(group);
    desk.change(move |tx| groups::rename(tx, group, "Two")).await;
    let (name, time) = (desk.newest(group), desk.now());
    desk.waits(5);
    desk.change(move |tx| groups::set_timer(tx, group, 0)).await;
    desk.change(move |tx| groups::rename(tx, group, "Three")).await;
    let headers = |id| {
        let record = desk.message(id);
        let context = Context {
            keys: desk.db.keys(),
            texts: desk.db.texts(),
            profile: PROFILE,
            blob_dir: desk.dir.path(),
            from: "me@one.test",
            now: desk.now(),
        };
        let chat = desk.db.look(|view| chats::load(view, PROFILE, group)).unwrap().unwrap();
        desk.db
            .read(|view| headers::of(view, &context, &record, &Intent::of(&record).unwrap(), &chat))
            .unwrap()
    };
    assert!(headers(timer).contains(&ChatHeader::EphemeralTimer(60)));
    let renamed = headers(name);
    assert!(renamed.contains(&ChatHeader::GroupName("Two".to_owned())));
    assert!(renamed.contains(&ChatHeader::GroupNameTimestamp(time)));
}

#[tokio::test]
async fn changes_go_to_a_relay_that_was_just_removed_too() {
    use crate::commands::relays;
    use crate::state::transports;
    let desk = Desk::new().await;
    desk.change(|tx| Ok(config::set(tx, config::key::BCC_SELF, Some("1"))?)).await;
    for addr in ["me@two.test", "me@three.test"] {
        desk.gets_address(addr).await;
    }
    relays::delete(&desk.db, PROFILE, "me@two.test".to_owned()).await.unwrap();
    desk.change(crate::sync::share::gather).await;
    let told = |desk: &Desk| {
        let queued = desk.db.look(|view| crate::state::outbox::entries(view, PROFILE, 100)).unwrap();
        rendered(desk, queued[0].1.message).unwrap().unwrap().mails[0].recipients.clone()
    };
    assert_eq!(told(&desk), ["me@two.test", "me@three.test", "me@one.test"]);
    // A message does not.
    let chat = desk.chat_with(ContactId::SELF).await;
    let note = desk.says(chat, "note").await;
    let mails = rendered(&desk, note).unwrap().unwrap().mails;
    assert_eq!(mails[0].recipients, ["me@three.test", "me@one.test"]);
    // Nor do later changes.
    desk.change(|tx| {
        let (_, row) = crate::state::outbox::entries(tx.store, PROFILE, 100)?[0].clone();
        let sequence = crate::state::outbox::entries(tx.store, PROFILE, 100)?[0].0;
        crate::state::outbox::remove(tx, sequence)?;
        Ok(queue::done(tx, row.message)?)
    })
    .await;
    desk.waits(2 * 86_400);
    desk.change(|tx| {
        let relays = crate::sync::relays::state(tx.store, PROFILE)?;
        queue::push(tx, &volary_mail::sync::Change::Transports(relays))?;
        crate::sync::share::gather(tx)
    })
    .await;
    assert_eq!(told(&desk), ["me@three.test", "me@one.test"]);
    assert_eq!(desk.db.look(|view| transports::removals(view, PROFILE)).unwrap().len(), 1);
}
