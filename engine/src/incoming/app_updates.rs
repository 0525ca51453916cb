//! Updates of in-chat apps that a mail brings: which instance they are for, and whether their author may make them.

use volary_mail::message::ParsedMessage;
use volary_mail::message::read::SplitRole;
use volary_mail::webxdc::update::effects::Arrival;
use volary_mail::webxdc::update::{Update, batch};
use volary_storage::MAX_VALUE_BYTES;
use volary_storage::records::{ChatType, KnownMail, MessageRecord, ViewType};

use super::contacts::People;
use super::fate::{Copies, Fate, Reason, Wait};
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::events::Events as _;
use crate::ground::ids::MessageId;
use crate::state::{chats, members, messages};
use crate::webxdc::apply::{Source, apply};

/// Longest update that is stored, in bytes.
const MAX_UPDATE_BYTES: usize = MAX_VALUE_BYTES - 4096;
/// How many times longer an update may be when it is written anew: `1e15` becomes `1000000000000000.0`.
const GROWTH: usize = 8;

/// A mail with nothing but updates, received at that time.
pub fn alone(tx: &mut Tx<'_, '_>, received: i64, parsed: &ParsedMessage, who: &People) -> Outcome<Fate> {
    let target = match &parsed.in_reply_to {
        Some(id) => messages::by_mid(tx.store, tx.profile, id.as_str())?,
        None => None,
    };
    let Some((instance, app)) = target else { return without_app(tx, parsed) };
    if let Some(reason) = refusal(tx, parsed, who, &app)? {
        return Ok(Fate::NotShown(Reason::Refused(reason.to_owned())));
    }
    let arrival = match (app.view_type == ViewType::Webxdc, who.outgoing) {
        (false, _) => Arrival::BeforeApp,
        (true, true) => Arrival::Own,
        (true, false) => Arrival::Member,
    };
    let at = parsed.sent_at(received).min(tx.now).max(app.sort);
    match take(tx, instance, parsed, Source { from: who.sender, at, arrival })? {
        Ok(()) => Ok(Copies::Seen.into()),
        Err(reason) => Ok(Fate::NotShown(Reason::Refused(reason))),
    }
}

/// The app is not here: its mail may be on its way, unless it was here and is deleted.
fn without_app(tx: &Tx<'_, '_>, parsed: &ParsedMessage) -> Outcome<Fate> {
    let mid = parsed.in_reply_to.as_ref().filter(|_| parsed.has_padlock());
    let Some(mid) = mid.map(|mid| mid.as_str()) else { return Ok(Fate::NotShown(Reason::NoChat)) };
    let known = messages::known(tx.store, tx.profile, mid)?;
    if known.is_some_and(|known| known.kind != KnownMail::Nothing) {
        return Ok(Fate::NotShown(Reason::NoChat));
    }
    Ok(Fate::Waits(Wait::App(mid.to_owned())))
}

/// Why updates for this message are not taken from this mail.
fn refusal(
    tx: &Tx<'_, '_>,
    parsed: &ParsedMessage,
    who: &People,
    app: &MessageRecord,
) -> Outcome<Option<&'static str>> {
    if !is_app(app) {
        return Ok(Some("its updates are for a message that is no app"));
    }
    if app.encrypted && !parsed.has_padlock() {
        return Ok(Some("its updates are not encrypted, as their app is"));
    }
    let chat = chats::load(tx.store, tx.profile, app.chat)?.unwrap_or_default();
    let may = who.outgoing
        || chat.chat_type == ChatType::MailingList
        || (chat.chat_type == ChatType::InBroadcast && app.from == who.sender)
        || members::is_member(tx.store, tx.profile, app.chat, who.sender)?;
    Ok((!may).then_some("the author of its updates is no member of the chat"))
}

/// A message that carries an app, or announces one.
pub fn is_app(record: &MessageRecord) -> bool {
    record.view_type == ViewType::Webxdc || record.announced_type == ViewType::Webxdc
}

/// Updates beside a message that is shown: with their app, or for another one. What is wrong with them takes nothing
/// away from the message.
pub fn beside(
    tx: &mut Tx<'_, '_>,
    received: i64,
    parsed: &ParsedMessage,
    who: &People,
    stored: Option<(MessageId, &MessageRecord)>,
) -> Outcome<()> {
    if parsed.status_update_json.is_none() || matches!(parsed.split, SplitRole::Pre { .. }) {
        return Ok(());
    }
    if let Some((instance, app)) = stored.filter(|(_, record)| record.view_type == ViewType::Webxdc) {
        let source = Source { from: who.sender, at: app.sort, arrival: Arrival::WithApp };
        if let Err(reason) = take(tx, instance, parsed, source)? {
            tx.warning(format!("Ignoring the updates of an app: {reason}"));
        }
        return Ok(());
    }
    // The message beside them is shown now; updates of an app that comes later are gone.
    match alone(tx, received, parsed, who)? {
        Fate::Taken(_) => {}
        Fate::NotShown(reason) => tx.warning(format!("Ignoring updates of an app: {reason}")),
        Fate::Waits(wait) => tx.warning(format!("Ignoring updates of an app: {wait}")),
    }
    Ok(())
}

/// Applies all updates of a mail, or none of them with the reason.
fn take(
    tx: &mut Tx<'_, '_>,
    instance: MessageId,
    parsed: &ParsedMessage,
    source: Source,
) -> Outcome<Result<(), String>> {
    let updates = match batch::parse(parsed.status_update_json.as_deref().unwrap_or_default()) {
        Ok(updates) => updates,
        Err(error) => return Ok(Err(error.to_string())),
    };
    // Written anew an update may grow, though never by more than numbers do.
    let json = parsed.status_update_json.as_deref().unwrap_or_default();
    if json.len() > MAX_UPDATE_BYTES / GROWTH && updates.iter().any(is_too_long) {
        return Ok(Err("one of its updates is too long".to_owned()));
    }
    for update in &updates {
        apply(tx, instance, update, source)?;
    }
    Ok(Ok(()))
}

fn is_too_long(update: &Update) -> bool {
    update.to_wire().len() > MAX_UPDATE_BYTES
}

#[cfg(test)]
mod tests {
    use volary_mail::message::MessageId as Mid;
    use volary_storage::records::MessageState;

    use super::*;
    use crate::ground::ids::{ChatId, ContactId};
    use crate::state::apps;
    use crate::testing::{Desk, PROFILE};

    /// An app of the user in that chat, and its Message-ID.
    async fn app(desk: &Desk, chat: ChatId) -> (MessageId, String) {
        let record = MessageRecord {
            chat,
            from: ContactId::SELF,
            state: MessageState::OutDelivered,
            sort: desk.now(),
            ..Default::default()
        };
        let id = desk.puts(record).await;
        desk.change(move |tx| Ok(messages::update(tx, id, |record| record.view_type = ViewType::Webxdc)?))
            .await;
        (id, desk.db.look(|view| messages::load(view, PROFILE, id)).unwrap().unwrap().mid)
    }

    fn update(app: &str) -> ParsedMessage {
        ParsedMessage {
            decrypted: true,
            signed: true,
            in_reply_to: Mid::parse(app),
            status_update_json: Some(r#"{"updates":[{"payload":1,"uid":"one"}]}"#.to_owned()),
            ..Default::default()
        }
    }

    async fn arrives(desk: &Desk, from: ContactId, mail: ParsedMessage) -> Fate {
        let who = People { sender: from, outgoing: from == ContactId::SELF, ..Default::default() };
        let now = desk.now();
        desk.change(move |tx| alone(tx, now, &mail, &who)).await
    }

    fn received(desk: &Desk, id: MessageId) -> i64 {
        desk.db.look(|view| messages::load(view, PROFILE, id)).unwrap().unwrap().received
    }

    #[tokio::test]
    async fn updates_of_strangers_in_clear_text_or_for_a_text_are_refused_with_the_reason() {
        let desk = Desk::new().await;
        let (bob, _) = desk.knows(&["bob@two.test"]).await;
        let (eve, _) = desk.knows(&["eve@two.test"]).await;
        let chat = desk.chat_with(bob).await;
        let (id, mid) = app(&desk, chat).await;
        let text = desk.says(chat, "no app").await;
        let text = desk.db.look(|view| messages::load(view, PROFILE, text)).unwrap().unwrap().mid;
        let clear = ParsedMessage { decrypted: false, ..update(&mid) };
        for (from, mail, reason) in [
            (eve, update(&mid), "the author of its updates is no member of the chat"),
            (bob, clear, "its updates are not encrypted, as their app is"),
            (bob, update(&text), "its updates are for a message that is no app"),
        ] {
            let fate = arrives(&desk, from, mail).await;
            assert_eq!(fate, Fate::NotShown(Reason::Refused(reason.to_owned())));
        }
        assert!(desk.db.look(|view| apps::load(view, PROFILE, id)).unwrap().is_none(), "nothing is stored");
        assert_eq!(arrives(&desk, bob, update(&mid)).await, Copies::Seen.into());
        // Late for an app that is gone: it does not wait.
        desk.change(move |tx| Ok(messages::erase(tx, id)?)).await;
        let late = ParsedMessage {
            status_update_json: Some(r#"{"updates":[{"payload":2}]}"#.to_owned()),
            ..update(&mid)
        };
        assert_eq!(arrives(&desk, bob, late).await, Fate::NotShown(Reason::NoChat));
    }

    #[tokio::test]
    async fn an_app_that_is_used_is_as_young_as_its_last_update_also_if_that_is_known() {
        let desk = Desk::new().await;
        let (bob, _) = desk.knows(&["bob@two.test"]).await;
        let chat = desk.chat_with(bob).await;
        let (id, mid) = app(&desk, chat).await;
        for _ in 0..2 {
            desk.waits(1_000);
            let sent = ParsedMessage { date: Some(desk.now()), ..update(&mid) };
            assert_eq!(arrives(&desk, bob, sent).await, Copies::Seen.into());
            assert_eq!(received(&desk, id), desk.now());
        }
    }
}
