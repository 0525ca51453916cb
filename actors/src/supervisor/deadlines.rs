//! The deadline queue: one task for all profiles that sleeps until the next row of the deadline table is due.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use volary_storage::records::ChatRecord;

use super::{clock_set, housekeeping, registry};
use crate::chat::{aging, requests};
use crate::db::{Db, Tx};
use crate::error::{Failure, Outcome};
use crate::events::Events as _;
use crate::profile::send::keyupdate;
use crate::relay_connection::Network;
use crate::state::deadlines::{self, Deadline, kind};
use crate::state::{chats, contacts, messages};
use crate::wake::Effects;

/// Rows handled before looking again.
const BATCH: usize = 256;
/// Longest sleep: the clock may be set while we sleep.
const MAX_SLEEP: Duration = Duration::from_secs(30);

/// Handles deadlines for ever.
pub async fn run(db: Db, network: Arc<Network>) {
    let mut added = db.wakes().register_deadlines();
    let (cleaning, due) = mpsc::unbounded_channel();
    actix::spawn(housekeeping::run(db.clone(), network, due));
    let mut queue = Queue { started: db.now(), set: None, db: db.clone(), cleaning };
    let mut clock = clock_set::Watch::new(db.now());
    // It may have been set back while this process did not run.
    queue.mend().await;
    let mut was_set = false;
    loop {
        was_set |= clock.was_set(db.now());
        if std::mem::take(&mut was_set) {
            queue.clock_was_set().await;
        }
        let next = match queue.handle_due().await {
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
            wake = wake(&db, &mut added, next, &mut clock) => match wake {
                Some(Wake::Earlier) => {}
                Some(Wake::ClockWasSet) => was_set = true,
                None => return,
            },
        }
    }
}

/// Why the queue looks again before the next deadline.
enum Wake {
    /// One was added that comes before it.
    Earlier,
    /// One was added by a clock that was set.
    ClockWasSet,
}

/// Waits until an added deadline is a reason to look. `None` when none can be added any more.
async fn wake(
    db: &Db,
    added: &mut mpsc::UnboundedReceiver<i64>,
    next: Option<i64>,
    clock: &mut clock_set::Watch,
) -> Option<Wake> {
    while let Some(time) = added.recv().await {
        // Also a clock that is wrong only for a moment leaves deadlines behind.
        if clock.was_set(db.now()) {
            return Some(Wake::ClockWasSet);
        }
        if next.is_none_or(|next| time < next) {
            return Some(Wake::Earlier);
        }
    }
    None
}

struct Queue {
    db: Db,
    started: i64,
    /// When the clock was last found to be set, by its new time.
    set: Option<i64>,
    cleaning: mpsc::UnboundedSender<u32>,
}

impl Queue {
    /// The clock was set. What removes things by their age waits for a while: the clock may be put right soon.
    async fn clock_was_set(&mut self) {
        let now = self.db.now();
        tracing::warn!(now, "the clock was set, or the machine slept");
        self.started = now;
        self.set = Some(now);
        self.mend().await;
    }

    async fn mend(&self) {
        match clock_set::mend(&self.db).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "deadlines of a clock that was ahead are mended"),
            Err(error) => tracing::error!(%error, "deadlines cannot be mended"),
        }
    }

    /// Handles what is due and returns when the next one is.
    async fn handle_due(&self) -> Outcome<Option<i64>> {
        loop {
            let rows = self.db.read(|view| deadlines::first(view, BATCH))?;
            let now = self.db.now();
            let due: Vec<Deadline> = rows.iter().copied().take_while(|row| row.time <= now).collect();
            if due.is_empty() {
                return Ok(rows.first().map(|row| row.time));
            }
            for row in due {
                self.handle(row).await?;
            }
        }
    }

    async fn handle(&self, row: Deadline) -> Outcome<()> {
        let quiet = Quiet { housekeeping: self.started, aging: self.set };
        // Every deadline is a row less, so none has to wait for space.
        let clean = self.db.transact_freeing(row.profile, move |tx| handle(tx, row, quiet)).await?.value;
        if clean {
            // The receiver lives as long as the actor system does.
            let _ = self.cleaning.send(row.profile);
        }
        Ok(())
    }
}

/// Since when what removes things by their age waits for a quiet time.
#[derive(Clone, Copy)]
struct Quiet {
    housekeeping: i64,
    aging: Option<i64>,
}

/// Handles a deadline; whether housekeeping has to be done.
fn handle(tx: &mut Tx<'_, '_>, row: Deadline, quiet: Quiet) -> Outcome<bool> {
    deadlines::remove(tx, row)?;
    let id = u32::try_from(row.id).unwrap_or(0);
    if registry::load(tx.store, row.profile)?.is_none() {
        return Ok(false);
    }
    match row.kind {
        kind::MESSAGE_EXPIRES => expire(tx, id)?,
        kind::RETRY_SENDING => tx.effects().merge(Effects { outbox: true, ..Effects::default() }),
        kind::MUTE_ENDS => unmute(tx, id)?,
        kind::KEY_UPDATE => keyupdate::announce(tx)?,
        kind::RECENTLY_SEEN_ENDS => contacts::recently_seen_ends(tx, id)?,
        kind::DELETE_OLD if quiet.aging.is_some_and(|set| tx.now < set + housekeeping::QUIET) => {
            deadlines::set_single(tx, tx.now + housekeeping::QUIET, kind::DELETE_OLD, 0)?;
        }
        kind::DELETE_OLD => aging::delete_old(tx)?,
        kind::CHAT_DELETED => chats::erase_some(tx, id)?,
        kind::HOUSEKEEPING if tx.now < quiet.housekeeping + housekeeping::QUIET => {
            let time = housekeeping::first_time(row.profile, quiet.housekeeping);
            deadlines::set_single(tx, time, kind::HOUSEKEEPING, 0)?;
        }
        kind::HOUSEKEEPING => {
            housekeeping::again(tx)?;
            return Ok(true);
        }
        _ => {}
    }
    Ok(false)
}

/// A message with a timer disappears here and on the relays. Mail that is still queued is
/// sent all the same and forgotten then.
fn expire(tx: &mut Tx<'_, '_>, id: u32) -> Outcome<()> {
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

fn unmute(tx: &mut Tx<'_, '_>, chat: u32) -> Outcome<()> {
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

#[cfg(test)]
mod tests;
