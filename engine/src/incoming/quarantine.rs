//! Mails that cannot be taken in now: how many are kept, how long, and when one is tried again.

use volary_storage::records::{QuarantineRecord, WaitKind};

use super::fate::Wait;
use crate::ground::effects::Unlocked;

/// Most mails kept for a profile.
pub const MAX_MAILS: usize = 500;
/// Most mails with updates of apps that are not here yet, among them.
pub const MAX_UPDATES: usize = 100;
/// Most bytes of mails kept for a profile.
pub const MAX_BYTES: u64 = 64 << 20;
/// A mail that waits for something is kept that long, in seconds.
pub const MAX_AGE: i64 = 14 * 24 * 3600;
/// A mail that waits for us to be mended is kept that long, in seconds: an upgrade may take its time.
pub const MAX_AGE_OF_FAULTS: i64 = 90 * 24 * 3600;

/// Whether a mail that waits for this is worth another try. A fault is tried with every start, and when a damaged
/// certificate was replaced.
pub fn serves(unlocked: Unlocked, waits: &Wait) -> bool {
    match waits {
        Wait::Secret => unlocked.secrets,
        Wait::Signer(_) => unlocked.keys,
        Wait::Group(_) => unlocked.groups,
        Wait::App(_) => unlocked.apps,
        Wait::Fault(_) => unlocked.start || unlocked.repaired,
    }
}

/// What a row waits for.
pub fn wait_of(record: &QuarantineRecord) -> Wait {
    match record.wait {
        WaitKind::Secret => Wait::Secret,
        WaitKind::Signer => Wait::Signer(record.waits_for.clone()),
        WaitKind::Group => Wait::Group(record.waits_for.first().cloned().unwrap_or_default()),
        WaitKind::App => Wait::App(record.waits_for.first().cloned().unwrap_or_default()),
        WaitKind::Fault | WaitKind::Other(_) => Wait::Fault(record.detail.clone()),
    }
}

/// Whether our own fault holds a mail back, as far as this version can tell.
fn is_ours(record: &QuarantineRecord) -> bool {
    matches!(record.wait, WaitKind::Fault | WaitKind::Other(_))
}

/// Writes what a mail waits for into its row.
pub fn set_wait(record: &mut QuarantineRecord, waits: &Wait) {
    record.waits_for.clear();
    record.detail.clear();
    record.wait = match waits {
        Wait::Secret => WaitKind::Secret,
        Wait::Signer(fingerprints) => {
            record.waits_for.clone_from(fingerprints);
            WaitKind::Signer
        }
        Wait::Group(id) => {
            record.waits_for.push(id.clone());
            WaitKind::Group
        }
        Wait::App(mid) => {
            record.waits_for.push(mid.clone());
            WaitKind::App
        }
        Wait::Fault(detail) => {
            record.detail.clone_from(detail);
            WaitKind::Fault
        }
    };
}

/// Whether a mail was kept long enough.
pub fn is_over(record: &QuarantineRecord, now: i64) -> bool {
    let age = if is_ours(record) { MAX_AGE_OF_FAULTS } else { MAX_AGE };
    // A clock that was set back makes nothing older.
    now.saturating_sub(record.first_seen) > age
}

/// How much would be missed. A mail gives way to its like and to what weighs more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// Updates of an app; whoever sends the app again sends them again, too.
    Updates,
    /// What waits for others.
    Message,
    /// What our own fault holds back; no stranger can push it out.
    Fault,
}

fn weight(record: &QuarantineRecord) -> Weight {
    match record.wait {
        _ if is_ours(record) => Weight::Fault,
        WaitKind::App => Weight::Updates,
        _ => Weight::Message,
    }
}

/// Which rows have to go so that one of `bytes` more fits that waits for this: the lightest first, and of equal ones
/// the oldest. `None`: there is no space.
pub fn make_room(rows: &[(u64, QuarantineRecord)], bytes: u64, waits: &Wait) -> Option<Vec<u64>> {
    let newcomer = match waits {
        Wait::Fault(_) => Weight::Fault,
        Wait::App(_) => Weight::Updates,
        Wait::Secret | Wait::Signer(_) | Wait::Group(_) => Weight::Message,
    };
    let updates = rows.iter().filter(|(_, row)| weight(row) == Weight::Updates).count();
    let mut mails = rows.len() + 1;
    let mut total = rows.iter().map(|(_, row)| row.bytes).sum::<u64>().saturating_add(bytes);
    // Updates give way to updates alone, so that each that goes makes space among them.
    let mut too_many =
        if newcomer == Weight::Updates { (updates + 1).saturating_sub(MAX_UPDATES) } else { 0 };
    let (mut lighter, heavier): (Vec<_>, Vec<_>) = rows.iter().partition(|(_, row)| weight(row) <= newcomer);
    lighter.sort_by_key(|(_, row)| weight(row));
    let mut evicted = Vec::new();
    for (sequence, row) in lighter {
        if mails <= MAX_MAILS && total <= MAX_BYTES && too_many == 0 {
            break;
        }
        mails -= 1;
        too_many = too_many.saturating_sub(1);
        total = total.saturating_sub(row.bytes);
        evicted.push(*sequence);
    }
    let fits = mails <= MAX_MAILS && total <= MAX_BYTES;
    (fits || heavier.is_empty()).then_some(evicted)
}

/// What copies of one mail on several relays have in common: everything behind the header.
pub fn digest(raw: &[u8]) -> String {
    let end = memchr::memmem::find(raw, b"\r\n\r\n").or_else(|| memchr::memmem::find(raw, b"\n\n"));
    let body = end.and_then(|end| raw.get(end..)).unwrap_or(raw);
    blake3::hash(body).to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(wait: WaitKind, bytes: u64) -> QuarantineRecord {
        QuarantineRecord { wait, bytes, first_seen: 1_000_000, ..Default::default() }
    }

    fn fault() -> Wait {
        Wait::Fault(String::new())
    }

    #[test]
    fn a_mail_is_tried_when_what_it_waits_for_may_be_there() {
        let secret = Unlocked { secrets: true, ..Unlocked::default() };
        assert!(serves(secret, &Wait::Secret) && !serves(secret, &Wait::Group("g".to_owned())));
        assert!(!serves(Unlocked { groups: true, keys: true, ..secret }, &Wait::Fault(String::new())));
        for waits in [
            Wait::Secret,
            Wait::Signer(Vec::new()),
            Wait::Group(String::new()),
            Wait::App(String::new()),
            Wait::Fault(String::new()),
        ] {
            assert!(serves(Unlocked::ALL, &waits) && !serves(Unlocked::default(), &waits));
        }
    }

    #[test]
    fn what_a_mail_waits_for_is_read_as_it_was_written() {
        for waits in [
            Wait::Secret,
            Wait::Signer(vec!["AA".to_owned(), "BB".to_owned()]),
            Wait::Group("abc".to_owned()),
            Wait::App("app@x".to_owned()),
            Wait::Fault("no key".to_owned()),
        ] {
            let mut record = row(WaitKind::Signer, 1);
            record.waits_for.push("old".to_owned());
            set_wait(&mut record, &waits);
            assert_eq!(wait_of(&record), waits);
        }
    }

    #[test]
    fn the_oldest_go_first_and_faults_last() {
        let mut rows: Vec<_> = (0..MAX_MAILS as u64).map(|at| (at, row(WaitKind::Secret, 10))).collect();
        assert_eq!(make_room(&rows, 10, &Wait::Secret), Some(vec![0]));
        rows[0].1.wait = WaitKind::Fault;
        assert_eq!(make_room(&rows, 10, &Wait::Secret), Some(vec![1]));
        rows.truncate(3);
        assert_eq!(make_room(&rows, 10, &Wait::Secret), Some(Vec::new()));
        assert_eq!(make_room(&rows, MAX_BYTES - 20, &Wait::Secret), Some(vec![1]));
        assert_eq!(make_room(&rows, MAX_BYTES, &fault()), Some(vec![1, 2, 0]));
        assert_eq!(make_room(&[], u64::MAX, &Wait::Secret), Some(Vec::new()));
    }

    #[test]
    fn a_stranger_does_not_push_out_what_a_fault_holds_back() {
        let rows: Vec<_> = (0..3).map(|at| (at, row(WaitKind::Fault, 10))).collect();
        assert_eq!(make_room(&rows, MAX_BYTES, &Wait::Secret), None);
        let full: Vec<_> = (0..MAX_MAILS as u64).map(|at| (at, row(WaitKind::Fault, 10))).collect();
        assert_eq!(make_room(&full, 10, &Wait::Secret), None);
        assert_eq!(make_room(&full, 10, &fault()), Some(vec![0]));
    }

    #[test]
    fn updates_of_apps_give_way_first_and_push_out_their_like_alone() {
        let updates = || Wait::App("app@x".to_owned());
        let mut rows: Vec<_> = (0..MAX_UPDATES as u64).map(|at| (at + 1, row(WaitKind::App, 10))).collect();
        rows.insert(0, (0, row(WaitKind::Secret, 10)));
        assert_eq!(make_room(&rows, 10, &updates()), Some(vec![1]));
        rows.pop();
        assert_eq!(make_room(&rows, 10, &updates()), Some(Vec::new()));
        assert_eq!(make_room(&rows, MAX_BYTES - 990, &Wait::Secret), Some(vec![1]));
        let full: Vec<_> = (0..MAX_MAILS as u64).map(|at| (at, row(WaitKind::Secret, 10))).collect();
        assert_eq!(make_room(&full, 10, &updates()), None);
    }

    #[test]
    fn a_mail_is_given_up_late_and_a_fault_later() {
        let waiting = row(WaitKind::Secret, 1);
        assert!(!is_over(&waiting, 1_000_000 + MAX_AGE) && is_over(&waiting, 1_000_001 + MAX_AGE));
        let fault = row(WaitKind::Fault, 1);
        assert!(!is_over(&fault, 1_000_001 + MAX_AGE) && is_over(&fault, 1_000_001 + MAX_AGE_OF_FAULTS));
        assert!(!is_over(&waiting, 0), "a clock that was set back");
    }

    #[test]
    fn copies_of_several_relays_are_known_as_one_mail() {
        let one = b"Received: a\r\nFrom: x\r\n\r\nbody";
        assert_eq!(digest(one), digest(b"Received: b\r\n\r\nbody"));
        assert_ne!(digest(one), digest(b"Received: a\r\nFrom: x\r\n\r\nother"));
        assert_ne!(digest(b"no header"), digest(b"none"));
    }
}
