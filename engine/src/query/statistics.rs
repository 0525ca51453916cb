//! The statistics of a profile as they would be sent, for its user to look at. Volary sends none.

use serde_json::{Map, Value, json};
use volary_storage::records::{ChatType, ContactRecord};

use super::contacts;
use super::look::Look;
use crate::ground::error::Outcome;
use crate::ground::ids::ContactId;
use crate::ground::version::API_VERSION;
use crate::state::statistics::{self, FollowedInvite, Invited, KINDS, SOURCES, UI_PATHS};
use crate::state::{chats, config, contacts as people, keys, transports};

/// The whole as JSON with line breaks. Without a key of its own a profile has no facts about one.
pub fn json(look: &Look<'_>) -> Outcome<String> {
    let (view, profile) = (look.view, look.profile);
    let record = statistics::load(view, profile)?;
    let mut all = Map::new();
    let mut put = |name: &str, value: Value| all.insert(name.to_owned(), value);
    put("core_version", json!(API_VERSION));
    put("number_of_transports", json!(transports::all(view, profile)?.len()));
    if let Some(key) = keys::own(view, look.keys, profile)? {
        put("key_create_timestamps", json!([key.created_at()]));
        put("number_of_keys", json!(1));
        put("key_version", json!(key.version()));
        put("key_algorithm", json!(key.algorithm()));
        put("pubkey_size", json!(key.public_len()));
    }
    put("stats_id", json!(config::get(view, profile, config::key::STATS_ID)?));
    // Relays for encrypted mail alone; which ones they are nobody learns.
    put("is_chatmail", json!(config::flag(view, profile, config::key::FORCE_ENCRYPTION)?));
    put("contact_stats", Value::Array(contact_stats(look)?));
    put("message_stats", message_stats(look)?);
    put("securejoin_sources", counts(&SOURCES, &record.sources));
    put("securejoin_uipaths", counts(&UI_PATHS, &record.ui_paths));
    put(
        "securejoin_invites",
        record.invites.iter().map(|number| invite(FollowedInvite::of(*number))).collect(),
    );
    put("sending_enabled_timestamps", json!(statistics::switches(view, profile, true)?));
    put("sending_disabled_timestamps", json!(statistics::switches(view, profile, false)?));
    Ok(serde_json::to_string_pretty(&Value::Object(all)).unwrap_or_default())
}

fn counts(names: &[&str], counts: &[u32]) -> Value {
    let each = names.iter().enumerate();
    let each = each.map(|(at, name)| ((*name).to_owned(), json!(counts.get(at).copied().unwrap_or(0))));
    Value::Object(each.collect())
}

fn invite(invite: FollowedInvite) -> Value {
    let kind = match invite.kind {
        Invited::Contact => "contact",
        Invited::Group => "group",
        Invited::Channel => "broadcast",
    };
    json!({ "already_existed": invite.already_existed, "type": kind })
}

fn message_stats(look: &Look<'_>) -> Outcome<Value> {
    let sent = statistics::sent(look.view, look.profile)?;
    let each = KINDS.iter().zip(sent).map(|((_, name), sent)| {
        let counts = json!({
            "encrypted": sent.encrypted,
            "unencrypted": sent.unencrypted,
            "only_to_self": sent.only_to_self,
        });
        ((*name).to_owned(), counts)
    });
    Ok(Value::Object(each.collect()))
}

/// Without names and addresses, in an order that tells nothing.
fn contact_stats(look: &Look<'_>) -> Outcome<Vec<Value>> {
    let old = config::number(look.view, look.profile, config::key::STATS_LAST_OLD_CONTACT_ID)?;
    let mut ids = contacts::list(look, 0, None)?;
    ids.extend(contacts::list(look, contacts::WITHOUT_KEY, None)?);
    let mut all = Vec::new();
    for id in ids {
        if let Some(record) = people::load(look.view, look.profile, id)? {
            all.push((record.last_seen, contact(look, id, &record, old)?));
        }
    }
    all.sort_by_key(|(seen, _)| *seen);
    Ok(all.into_iter().map(|(_, value)| value).collect())
}

/// What is true of few is only there where it is true.
fn contact(look: &Look<'_>, id: ContactId, record: &ContactRecord, old: i64) -> Outcome<Value> {
    let mut facts = Map::new();
    facts.insert("encrypted".to_owned(), json!(!record.fingerprint.is_empty()));
    facts.insert("last_seen".to_owned(), json!(record.last_seen));
    let has_chat = match chats::single_of(look.view, look.profile, id)? {
        Some(chat) => chats::load(look.view, look.profile, chat)?
            .is_some_and(|chat| chat.chat_type == ChatType::Single && !chat.deleted),
        None => false,
    };
    for (name, is_so) in
        [("bot", record.is_bot), ("direct_chat", has_chat), ("new", i64::from(id.get()) > old)]
    {
        if is_so {
            facts.insert(name.to_owned(), json!(true));
        }
    }
    Ok(Value::Object(facts))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::chat::{groups, own_settings};
    use crate::ground::ids::ContactId;
    use crate::query::look::look;
    use crate::state::statistics::{FollowedInvite, Invited, invite_followed};
    use crate::testing::{Desk, PROFILE};

    fn shown(desk: &Desk) -> Value {
        serde_json::from_str(&look(&desk.db, PROFILE, super::json).unwrap()).unwrap()
    }

    async fn switch(desk: &Desk, on: bool) {
        let value = Some(u8::from(on).to_string());
        desk.change(move |tx| own_settings::store(tx, "stats_sending", value)).await;
    }

    #[tokio::test]
    async fn the_user_sees_what_would_be_sent_and_nothing_is_counted_before_it_is_wanted() {
        let desk = Desk::new().await;
        let (anna, _) = desk.knows(&["anna@x.test"]).await;
        let (chat, own) = (desk.chat_with(anna).await, desk.chat_with(ContactId::SELF).await);
        let invite = FollowedInvite { kind: Invited::Group, already_existed: true };
        desk.says(chat, "before").await;
        desk.change(move |tx| Ok(invite_followed(tx, 5, 1, invite)?)).await;
        let before = shown(&desk);
        assert_eq!(before["stats_id"], Value::Null);
        assert_eq!(before["message_stats"]["Single"]["encrypted"], 0);
        assert_eq!(before["securejoin_sources"]["scan"], 0);

        let began = desk.now();
        switch(&desk, true).await;
        switch(&desk, true).await;
        let group = desk.change(|tx| groups::create(tx, "Round")).await;
        for (chat, text) in [(chat, "one"), (chat, "two"), (own, "note"), (group, "alone")] {
            desk.says(chat, text).await;
        }
        desk.change(move |tx| Ok(invite_followed(tx, 5, 1, invite)?)).await;
        desk.change(move |tx| Ok(invite_followed(tx, 99, 99, invite)?)).await;
        desk.waits(60);
        let ended = desk.now();
        switch(&desk, false).await;
        desk.says(chat, "after").await;

        let seen = shown(&desk);
        let name = seen["stats_id"].as_str().unwrap();
        assert!(name.len() == 25 && name.bytes().all(|letter| letter.is_ascii_lowercase()), "{name}");
        let single = &seen["message_stats"]["Single"];
        assert_eq!((&single["encrypted"], &single["only_to_self"]), (&2.into(), &1.into()), "{single}");
        assert_eq!(seen["message_stats"]["Group"]["only_to_self"], 1);
        assert_eq!(seen["message_stats"]["OutBroadcast"]["unencrypted"], 0);
        assert_eq!(
            (&seen["securejoin_sources"]["scan"], &seen["securejoin_sources"]["unknown"]),
            (&1.into(), &1.into())
        );
        assert_eq!(
            (&seen["securejoin_uipaths"]["qr_icon"], &seen["securejoin_uipaths"]["other"]),
            (&1.into(), &1.into())
        );
        let invites = seen["securejoin_invites"].as_array().unwrap();
        assert_eq!(invites.len(), 2);
        assert_eq!((&invites[0]["type"], &invites[0]["already_existed"]), (&"group".into(), &true.into()));
        assert_eq!(seen["sending_enabled_timestamps"], serde_json::json!([began]));
        assert_eq!(seen["sending_disabled_timestamps"], serde_json::json!([ended]));
        let [contact] = seen["contact_stats"].as_array().unwrap().as_slice() else { panic!("one contact") };
        assert_eq!((&contact["encrypted"], &contact["direct_chat"]), (&true.into(), &true.into()));
        assert!(contact.get("new").is_none() && contact.get("bot").is_none(), "{contact}");
        assert_eq!(seen["key_version"], 4);
        let text = seen.to_string();
        assert!(!text.contains("anna") && !text.contains("x.test"), "{text}");
    }
}
