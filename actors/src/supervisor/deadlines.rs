//! The deadline queue: one task for all profiles that sleeps until the next row of the deadline table is due.

use std::time::Duration;

use volary_storage::records::ChatRecord;

use crate::chat::requests;
use crate::db::Db;
use crate::error::{Failure, Outcome};
use crate::events::Events as _;
use crate::state::deadlines::{self, Deadline, kind};
use crate::state::{chats, messages};
use crate::wake::Effects;

/// Rows handled before looking again.
const BATCH: usize = 256;
/// Longest sleep: the clock may be set while we sleep.
const MAX_SLEEP: Duration = Duration::from_secs(600);

/// Handles deadlines for ever.
pub async fn run(db: Db) {
    let mut added = db.wakes().register_deadlines();
    loop {
        let next = match handle_due(&db).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "deadlines cannot be handled");
                Some(db.now() + 10)
            }
        };
        let sleep = next.map_or(MAX_SLEEP, |time| {
            let seconds = u64::try_from(time - db.now()).unwrap_or(0);
            Duration::from_secs(seconds).min(MAX_SLEEP)
        });
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            added = added.recv() => if added.is_none() { return },
        }
    }
}

/// Handles what is due and returns when the next one is.
async fn handle_due(db: &Db) -> Outcome<Option<i64>> {
    loop {
        let rows = db.read(|view| deadlines::first(view, BATCH))?;
        let now = db.now();
        let due: Vec<Deadline> = rows.iter().copied().take_while(|row| row.time <= now).collect();
        if due.is_empty() {
            return Ok(rows.first().map(|row| row.time));
        }
        for row in due {
            handle(db, row).await?;
        }
    }
}

async fn handle(db: &Db, row: Deadline) -> Outcome<()> {
    db.transact(row.profile, move |tx| {
        deadlines::remove(tx, row)?;
        match row.kind {
            kind::MESSAGE_EXPIRES => expire(tx, u32::try_from(row.id).unwrap_or(0)),
            kind::RETRY_SENDING => {
                tx.effects().merge(Effects { outbox: true, ..Effects::default() });
                Ok(())
            }
            kind::MUTE_ENDS => unmute(tx, u32::try_from(row.id).unwrap_or(0)),
            _ => Ok(()),
        }
    })
    .await?;
    Ok(())
}

/// A message with a timer disappears here and on the relays. Mail that is still queued is
/// sent all the same and forgotten then.
fn expire(tx: &mut crate::db::Tx<'_, '_>, id: u32) -> Outcome<()> {
    let Some(record) = messages::load(tx.store, tx.profile, id)? else { return Ok(()) };
    if record.expires == 0 || record.expires > tx.now {
        return Ok(());
    }
    if crate::state::outbox::is_queued(tx.store, tx.profile, id)? {
        messages::hide(tx, id)?;
        tx.msg_deleted(record.chat, id);
        tx.msgs_changed(record.chat, 0);
        return Ok(());
    }
    requests::forget_messages(tx, &[(id, record.chat)])
}

fn unmute(tx: &mut crate::db::Tx<'_, '_>, chat: u32) -> Outcome<()> {
    let now = tx.now;
    let ended = |record: &ChatRecord| record.muted_until > 0 && record.muted_until <= now;
    let changed = chats::update(tx, chat, |record| {
        if ended(record) {
            record.muted_until = 0;
        }
    })?;
    if changed {
        tx.chat_modified(chat);
        tx.chatlist_item_changed(Some(chat));
    }
    Ok::<_, Failure>(())
}
