//! Texts of info messages: who did what, in the words of the default texts.

use volary_storage::{StoreError, View};

use crate::ground::ids::ContactId;
use crate::ground::ids::ProfileId;
use crate::ground::texts::{Texts, id as text};
use crate::state::contacts;

/// Fills a pair of texts: `number` if we are the actor, else `number + 1` with the actor's name as last value.
pub fn by_actor(
    view: &impl View,
    texts: &Texts,
    profile: ProfileId,
    number: u32,
    actor: ContactId,
    values: &[&str],
) -> Result<String, StoreError> {
    if actor == ContactId::SELF {
        return Ok(texts.fill(number, values));
    }
    let name = contacts::name_of(view, texts, profile, actor)?;
    let mut all = values.to_vec();
    all.push(&name);
    Ok(texts.fill(number + 1, &all))
}

/// "Member X added by Y."; without an actor "Member X added."
pub fn member_added(
    view: &impl View,
    texts: &Texts,
    profile: ProfileId,
    who: ContactId,
    actor: Option<ContactId>,
) -> Result<String, StoreError> {
    let name = |contact| contacts::name_of(view, texts, profile, contact);
    match (who, actor) {
        (ContactId::SELF, None) => Ok(texts.get(text::ADDED)),
        (ContactId::SELF, Some(actor)) => Ok(texts.fill(text::ADDED_BY, &[&name(actor)?])),
        (who, None) => Ok(texts.fill(text::MEMBER_ADDED, &[&name(who)?])),
        (who, Some(actor)) => by_actor(view, texts, profile, text::MEMBER_ADDED_SELF, actor, &[&name(who)?]),
    }
}

/// "Member X removed by Y."; without an actor "Member X removed."; "Group left by X." if X is the actor.
pub fn member_removed(
    view: &impl View,
    texts: &Texts,
    profile: ProfileId,
    who: ContactId,
    actor: Option<ContactId>,
) -> Result<String, StoreError> {
    let name = |contact| contacts::name_of(view, texts, profile, contact);
    match (who, actor) {
        (who, Some(actor)) if who == actor => by_actor(view, texts, profile, text::LEFT_SELF, actor, &[]),
        (ContactId::SELF, None) => Ok(texts.get(text::REMOVED)),
        (ContactId::SELF, Some(actor)) => Ok(texts.fill(text::REMOVED_BY, &[&name(actor)?])),
        (who, None) => Ok(texts.fill(text::MEMBER_REMOVED, &[&name(who)?])),
        (who, Some(actor)) => {
            by_actor(view, texts, profile, text::MEMBER_REMOVED_SELF, actor, &[&name(who)?])
        }
    }
}
