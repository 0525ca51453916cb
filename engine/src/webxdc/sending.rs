//! Updates of this device on their way to others.
//!
//! They gather in a range of numbers of their instance. At most one mail with updates of an instance is queued; the next
//! takes what has gathered when that one has left. The first go at once, further ones keep to the interval.

use rand::thread_rng;
use volary_mail::webxdc::update::effects::Arrival;
use volary_mail::webxdc::update::sending::{Progress, Way, paid_until, way};
use volary_mail::webxdc::update::{Update, batch};
use volary_storage::records::{MessageRecord, MessageState, ViewType};
use volary_storage::{StoreError, View};

use super::apply::{Source, apply};
use super::map;
use crate::chat::compose::{self, SystemMessage};
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ContactId, MessageId, ProfileId};
use crate::ground::intent::Intent;
use crate::query::convert;
use crate::state::{apps, deadlines, messages, outbox};

/// An app on this device sends an update.
pub fn send(tx: &mut Tx<'_, '_>, instance: MessageId, text: &str) -> Outcome<()> {
    let Some(app) = messages::load(tx.store, tx.profile, instance)? else {
        return Err(Failure::refused(format!(
            "Failed to load message Msg#{instance} from the database: Message Msg#{instance} does not exist"
        )));
    };
    if app.view_type != ViewType::Webxdc {
        return Err(Failure::refused(format!(
            "send_webxdc_status_update: message Msg#{instance} is not a webxdc message, but a {} message.",
            convert::view_name(app.view_type)
        )));
    }
    if map::is_map(tx.store, tx.profile, instance)? {
        return map::take(tx, instance, text);
    }
    let update =
        Update::from_app(text, &mut thread_rng()).map_err(|error| Failure::refused(error.to_string()))?;
    compose::check_can_send(tx.store, tx.profile, app.chat)?;
    let is_draft = app.state == MessageState::OutDraft;
    let arrival = if is_draft { Arrival::Draft } else { Arrival::Own };
    let at = if is_draft { tx.now } else { compose::bottom(tx, app.chat)? };
    let serial = apply(tx, instance, &update, Source { from: ContactId::SELF, at, arrival })?;
    if let (Some(serial), false) = (serial, is_draft) {
        apps::update(tx, instance, |record| {
            if record.unsent_first == 0 {
                record.unsent_first = serial;
            }
            record.unsent_last = serial;
        })?;
        proceed(tx, instance)?;
    }
    Ok(())
}

/// All updates of an instance that is sent again go with it, and once more after it: for those who have it already and
/// missed some.
pub fn again(tx: &mut Tx<'_, '_>, instance: MessageId) -> Outcome<()> {
    let Some((first, last)) = apps::ends(tx.store, tx.profile, instance)? else { return Ok(()) };
    apps::update(tx, instance, |record| {
        record.with_app = last;
        (record.unsent_first, record.unsent_last) = (first, last);
    })?;
    proceed(tx, instance)
}

/// Queues the next mail with updates of an instance, or sees to it that this is done in time.
pub fn proceed(tx: &mut Tx<'_, '_>, instance: MessageId) -> Outcome<()> {
    let Some(record) = apps::load(tx.store, tx.profile, instance)? else { return Ok(()) };
    let Some(app) = messages::load(tx.store, tx.profile, instance)? else { return Ok(()) };
    // What is queued brings the rest on its way when it leaves.
    let is_waiting = match record.mail {
        Some(mail) => outbox::is_queued(tx.store, tx.profile, mail)?,
        None => false,
    };
    if record.unsent_first == 0 || is_waiting {
        return Ok(());
    }
    let (paid, now) = (record.paid_until.saturating_mul(1000), tx.now.saturating_mul(1000));
    match way(progress(tx.store, tx.profile, instance, &app)?, paid, now) {
        Way::WithInstance | Way::AfterInstance => Ok(()),
        Way::OwnMail { not_before } if not_before > now => {
            let time = not_before.div_euclid(1000);
            Ok(deadlines::set_single(tx, time, deadlines::Kind::AppUpdates, instance.into())?)
        }
        Way::OwnMail { .. } => queue(tx, instance, &app),
    }
}

fn progress(
    view: &impl View,
    profile: ProfileId,
    instance: MessageId,
    app: &MessageRecord,
) -> Result<Progress, StoreError> {
    Ok(match app.state {
        MessageState::OutDraft => Progress::Draft,
        MessageState::OutFailed => Progress::Failed,
        _ if outbox::is_queued(view, profile, instance)? => Progress::Queued,
        _ => Progress::OnItsWay,
    })
}

/// Queues one mail with as many updates as it takes.
fn queue(tx: &mut Tx<'_, '_>, instance: MessageId, app: &MessageRecord) -> Outcome<()> {
    let Some(record) = apps::load(tx.store, tx.profile, instance)? else { return Ok(()) };
    let (mut serials, mut lengths, mut total) = (Vec::new(), Vec::new(), 0);
    for row in apps::range(tx.store, tx.profile, instance, record.unsent_first, record.unsent_last)? {
        let (serial, json) = row?;
        serials.push(serial);
        lengths.push(json.len());
        total += json.len();
        if total >= 2 * batch::BATCH_BYTES {
            break;
        }
    }
    let taken = batch::next_mail(lengths);
    let last = taken.checked_sub(1).and_then(|at| serials.get(at)).copied();
    let mut mail = None;
    if let Some(last) = last {
        let intent = Intent::AppUpdates { target: app.mid.clone(), first: record.unsent_first, last };
        let id = compose::send_system(tx, app.chat, SystemMessage { intent, ..Default::default() })?;
        if outbox::is_queued(tx.store, tx.profile, id)? {
            mail = Some(id);
        } else {
            // There is nobody to tell.
            messages::bury(tx, id, false)?;
        }
        tracing::debug!(
            profile = %tx.profile, chat = %app.chat, msg = %instance, count = taken, "updates of an app are queued"
        );
    }
    let now = tx.now.saturating_mul(1000);
    apps::update(tx, instance, |record| {
        record.unsent_first = match last {
            Some(last) if last < record.unsent_last => last + 1,
            _ => 0,
        };
        record.mail = mail;
        record.paid_until = paid_until(record.paid_until.saturating_mul(1000), now).div_euclid(1000);
    })?;
    proceed(tx, instance)
}
