//! What mails tell about realtime channels of in-chat apps: the topic of an instance, the address of a node.

use volary_mail::message::ParsedMessage;
use volary_mail::webxdc::realtime::{NodeAddress, Topic};
use volary_proto::v1::event;
use volary_storage::records::{ChatType, MessageRecord, ViewType};

use super::contacts::People;
use super::fate::{Copies, Fate, Reason};
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::events::Events as _;
use crate::ground::ids::MessageId;
use crate::state::{chats, members, messages, realtime};
use crate::webxdc::realtime::is_enabled;

/// The mail of an instance, whole: its channel has a topic from now on.
pub fn topic(
    tx: &mut Tx<'_, '_>,
    parsed: &ParsedMessage,
    instance: MessageId,
    record: &MessageRecord,
) -> Outcome<()> {
    if record.view_type != ViewType::Webxdc || !parsed.has_padlock() {
        return Ok(());
    }
    let Some(value) = &parsed.iroh_gossip_topic else { return Ok(()) };
    let Some(topic) = Topic::parse(value) else {
        tx.warning("Ignoring a malformed realtime topic of an app");
        return Ok(());
    };
    if !realtime::bind(tx, instance, topic)? {
        tx.warning("Ignoring the realtime topic of an app: it belongs to another one");
    }
    Ok(())
}

/// Somebody announces where an instance is reached. `None`: the instance is not known, so that a copy of the mail that
/// comes after the instance has to be looked at again.
pub fn address(tx: &mut Tx<'_, '_>, parsed: &ParsedMessage, who: &People) -> Outcome<Option<Fate>> {
    let refused = |reason: &str| Some(Fate::NotShown(Reason::Refused(reason.to_owned())));
    if !is_enabled(tx.store, tx.profile)? {
        return Ok(refused("realtime channels of apps are switched off"));
    }
    let address = parsed.iroh_node_addr.as_deref().and_then(NodeAddress::parse);
    let (Some(address), true) = (address, parsed.has_padlock()) else {
        return Ok(refused("its realtime address cannot be read"));
    };
    let Some(target) = &parsed.in_reply_to else { return Ok(refused("its realtime address is for no app")) };
    let Some((instance, app)) = messages::by_mid(tx.store, tx.profile, target.as_str())? else {
        return Ok(None);
    };
    if app.view_type != ViewType::Webxdc {
        return Ok(if app.announced_type == ViewType::Webxdc {
            None
        } else {
            refused("its realtime address is for a message that is no app")
        });
    }
    let chat = chats::load(tx.store, tx.profile, app.chat)?.unwrap_or_default();
    let may = who.outgoing
        || (chat.chat_type == ChatType::InBroadcast && app.from == who.sender)
        || members::is_member(tx.store, tx.profile, app.chat, who.sender)?;
    if !may {
        return Ok(refused("the author of its realtime address is no member of the chat"));
    }
    let told = event::WebxdcRealtimeAdvertisementReceived { msg_id: instance.get() };
    tx.tell(event::Kind::WebxdcRealtimeAdvertisementReceived(told));
    if realtime::topic(tx.store, tx.profile, instance)?.is_some() {
        realtime::add_node(tx, instance, &address)?;
    }
    Ok(Some(Copies::Seen.into()))
}

#[cfg(test)]
mod tests {
    use volary_mail::message::MessageId as Mid;
    use volary_mail::webxdc::realtime::MAX_NODES;
    use volary_storage::records::MessageState;

    use super::*;
    use crate::chat::features;
    use crate::ground::ids::{ChatId, ContactId};
    use crate::state::outbox;
    use crate::testing::{Desk, PROFILE};
    use crate::webxdc::realtime::advertise;

    const RELAY: &str = "https://relay.example.org./";

    fn json(node: u8, relay: &str) -> String {
        let node = hex(node);
        format!(r#"{{"node_id":"{node}","relay_url":{relay},"direct_addresses":["10.0.0.1:99"]}}"#)
    }

    fn hex(node: u8) -> String {
        format!("{node:02x}").repeat(32)
    }

    /// An app of a contact, in its chat.
    async fn app(desk: &Desk, from: ContactId, chat: ChatId) -> (MessageId, MessageRecord) {
        let record =
            MessageRecord { chat, from, state: MessageState::InSeen, sort: desk.now(), ..Default::default() };
        let id = desk.puts(record).await;
        desk.change(move |tx| Ok(messages::update(tx, id, |record| record.view_type = ViewType::Webxdc)?))
            .await;
        let record = desk.db.look(|view| messages::load(view, PROFILE, id)).unwrap().unwrap();
        desk.events().await;
        (id, record)
    }

    fn mail(topic: Option<&str>, address: Option<String>, app: &str) -> ParsedMessage {
        ParsedMessage {
            decrypted: true,
            signed: true,
            iroh_gossip_topic: topic.map(str::to_owned),
            iroh_node_addr: address,
            in_reply_to: Mid::parse(app),
            ..Default::default()
        }
    }

    async fn binds(desk: &Desk, app: &(MessageId, MessageRecord), topic: &str) -> Option<String> {
        let (id, record) = app.clone();
        let mail = mail(Some(topic), None, "");
        desk.change(move |tx| super::topic(tx, &mail, id, &record)).await;
        bound(desk, id)
    }

    fn bound(desk: &Desk, id: MessageId) -> Option<String> {
        desk.db.look(|view| realtime::topic(view, PROFILE, id)).unwrap().map(|topic| topic.to_string())
    }

    async fn announces(desk: &Desk, from: ContactId, mail: ParsedMessage) -> Option<Fate> {
        let who = People { sender: from, outgoing: from == ContactId::SELF, ..Default::default() };
        desk.change(move |tx| address(tx, &mail, &who)).await
    }

    fn nodes(desk: &Desk, id: MessageId) -> Vec<String> {
        let found = desk.db.look(|view| realtime::nodes(view, PROFILE, id)).unwrap();
        found.into_iter().map(|address| address.to_json()).collect()
    }

    async fn told(desk: &Desk) -> usize {
        let events = desk.events().await.into_iter();
        events.filter(|kind| matches!(kind, event::Kind::WebxdcRealtimeAdvertisementReceived(_))).count()
    }

    fn topic_of(character: char) -> String {
        format!("{}a", character.to_string().repeat(51))
    }

    #[tokio::test]
    async fn a_topic_is_bound_once_and_nobody_takes_it_over() {
        let desk = Desk::new().await;
        let (bob, _) = desk.knows(&["bob@two.test"]).await;
        let chat = desk.chat_with(bob).await;
        let (first, second) = (app(&desk, bob, chat).await, app(&desk, bob, chat).await);
        for bad in [String::new(), "a".repeat(51), "a".repeat(10_000), "!".repeat(52)] {
            assert_eq!(binds(&desk, &first, &bad).await, None);
        }
        let (b, c) = (topic_of('b'), topic_of('c'));
        assert_eq!(binds(&desk, &first, &b.to_uppercase()).await, Some(b.clone()));
        assert_eq!(binds(&desk, &second, &b).await, None, "it belongs to the first");
        assert_eq!(binds(&desk, &first, &c).await, Some(c), "its own app may get another one");
        assert_eq!(binds(&desk, &second, &b).await, Some(b.clone()), "and then it is free");
        let id = second.0;
        desk.change(move |tx| Ok(messages::erase(tx, id)?)).await;
        assert_eq!(binds(&desk, &first, &b).await, Some(b), "a deleted app has none");
    }

    #[tokio::test]
    async fn a_topic_outside_of_the_encryption_or_of_no_app_is_not_looked_at() {
        let desk = Desk::new().await;
        let (bob, _) = desk.knows(&["bob@two.test"]).await;
        let chat = desk.chat_with(bob).await;
        let (id, record) = app(&desk, bob, chat).await;
        let clear = ParsedMessage { signed: false, ..mail(Some(&topic_of('b')), None, "") };
        let whole = record.clone();
        desk.change(move |tx| super::topic(tx, &clear, id, &whole)).await;
        let announced =
            MessageRecord { view_type: ViewType::Text, announced_type: ViewType::Webxdc, ..record };
        let pre = mail(Some(&topic_of('b')), None, "");
        desk.change(move |tx| super::topic(tx, &pre, id, &announced)).await;
        assert_eq!(bound(&desk, id), None);
    }

    #[tokio::test]
    async fn an_address_of_a_member_is_kept_without_its_sockets() {
        let desk = Desk::new().await;
        let (bob, _) = desk.knows(&["bob@two.test"]).await;
        let chat = desk.chat_with(bob).await;
        let instance = app(&desk, bob, chat).await;
        binds(&desk, &instance, &topic_of('b')).await;
        let (id, mid) = (instance.0, instance.1.mid);
        let with_relay = json(1, &format!("\"{RELAY}\""));
        let fate = announces(&desk, bob, mail(None, Some(with_relay), &mid)).await;
        assert_eq!((fate, told(&desk).await), (Some(Copies::Seen.into()), 1));
        // What is known of its relay stays when somebody knows less.
        announces(&desk, bob, mail(None, Some(json(1, "null")), &mid)).await;
        let expected = format!(r#"{{"node_id":"{}","relay_url":"{RELAY}","direct_addresses":[]}}"#, hex(1));
        assert_eq!(nodes(&desk, id), [expected]);
        for node in 2..=MAX_NODES as u8 + 1 {
            desk.waits(1);
            announces(&desk, bob, mail(None, Some(json(node, "null")), &mid)).await;
        }
        let kept = nodes(&desk, id);
        assert_eq!(kept.len(), MAX_NODES);
        assert!(!kept.iter().any(|node| node.contains(&hex(1))), "the oldest goes");
    }

    #[tokio::test]
    async fn an_address_is_refused_from_strangers_and_looked_at_again_when_its_app_is_here() {
        let desk = Desk::new().await;
        let (bob, _) = desk.knows(&["bob@two.test"]).await;
        let (eve, _) = desk.knows(&["eve@two.test"]).await;
        let chat = desk.chat_with(bob).await;
        let instance = app(&desk, bob, chat).await;
        binds(&desk, &instance, &topic_of('b')).await;
        let text = desk.says(chat, "no app").await;
        let text = desk.db.look(|view| messages::load(view, PROFILE, text)).unwrap().unwrap().mid;
        let mid = instance.1.mid.clone();
        let good = || Some(json(1, "null"));
        let refused = |fate: Option<Fate>| matches!(fate, Some(Fate::NotShown(Reason::Refused(_))));
        assert!(refused(announces(&desk, eve, mail(None, good(), &mid)).await));
        assert!(refused(announces(&desk, bob, mail(None, Some("{}".to_owned()), &mid)).await));
        assert!(refused(announces(&desk, bob, mail(None, good(), "")).await));
        assert!(refused(announces(&desk, bob, mail(None, good(), &text)).await));
        let clear = ParsedMessage { decrypted: false, ..mail(None, good(), &mid) };
        assert!(refused(announces(&desk, bob, clear).await));
        assert_eq!(announces(&desk, bob, mail(None, good(), "unknown@x")).await, None);
        desk.change(|tx| Ok(crate::state::config::set(tx, "webxdc_realtime_enabled", Some("0"))?)).await;
        assert!(refused(announces(&desk, bob, mail(None, good(), &mid)).await));
        assert_eq!((told(&desk).await, nodes(&desk, instance.0).len()), (0, 0));
    }

    #[tokio::test]
    async fn an_app_keeps_its_topic_when_it_is_sent_again_and_only_the_newest_address_is_queued() {
        let desk = Desk::new().await;
        let (bob, _) = desk.knows(&["bob@two.test"]).await;
        let chat = desk.chat_with(bob).await;
        let (id, _) = app(&desk, ContactId::SELF, chat).await;
        desk.change(move |tx| features::resend(tx, &[id])).await;
        let topic = bound(&desk, id);
        assert!(topic.is_some());
        desk.change(move |tx| features::resend(tx, &[id])).await;
        assert_eq!(bound(&desk, id), topic);
        for node in 1..=3 {
            let address = NodeAddress::parse(&json(node, "null")).unwrap();
            desk.change(move |tx| advertise(tx, id, &address)).await;
        }
        let queued = desk.db.look(|view| outbox::entries(view, PROFILE, 10)).unwrap();
        let mut addresses = Vec::new();
        for (_, job) in queued {
            let record = desk.db.look(|view| messages::load(view, PROFILE, job.message)).unwrap().unwrap();
            addresses.extend(record.headers.into_iter().map(|header| header.value));
            assert!(record.hidden || record.view_type == ViewType::Webxdc);
        }
        assert_eq!(addresses.len(), 1);
        assert!(addresses[0].contains(&hex(3)));
    }
}
