//! How far a folder has been looked through, and which orders the relay has not got yet. Pure.
//!
//! The invariant that makes a crash harmless: [`Progress::settled`] never passes a UID whose mail the profile has not
//! taken over. It is the only value that is stored.

use std::collections::BTreeSet;

use volary_link::imap::{MAX_RESPONSES, Selected};

/// UIDs looked at in one prefetch.
pub const WINDOW: u32 = 500;
/// Most mails in one batch of downloads.
pub const MAX_BATCH_MAILS: usize = 50;
/// Most bytes in one batch of downloads; a larger mail is a batch of its own.
pub const MAX_BATCH_BYTES: u64 = 1024 * 1024;

/// So many deleted mails are remembered. Orders to delete a mail come at most a batch or two after it is gone.
const MAX_GONE: usize = 4 * MAX_BATCH_MAILS;

/// UIDs covered by one question for the next mail in a folder of many mails. The answer names every mail of the range,
/// and a longer answer than [`MAX_RESPONSES`] ends the session; the other half is left to whatever else the server has
/// to say.
pub const MAX_STRETCH: u32 = MAX_RESPONSES as u32 / 2;

/// State of the watched folder.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    uidvalidity: u32,
    next_scan: u32,
    server_next: u32,
    rescan_below: u32,
    unsettled: BTreeSet<u32>,
    /// Mails to flag as seen.
    pub seen: BTreeSet<u32>,
    /// Mails to delete.
    pub delete: BTreeSet<u32>,
    /// The last of those that were deleted.
    gone: BTreeSet<u32>,
}

/// What a SELECT means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing new.
    Same,
    /// There are UIDs that were not looked at.
    NewMail,
    /// The folder is seen for the first time; older mail is ignored.
    First,
    /// The folder is seen for the first time, and another device of the user watches it already: it is looked at from its
    /// beginning for what came since.
    Joined,
    /// UIDs known so far are void: the whole folder is looked at anew, because mail may have come between the last
    /// look and the renumbering. Known mail is recognised by its Message-ID.
    Reset,
}

impl Progress {
    /// State as it was stored: UIDVALIDITY, first unsettled UID and the end of a second look, all 0 at first; the last is not
    /// 0 where another device watches the folder already.
    pub fn new(uidvalidity: u32, uid_next: u32, rescan_below: u32) -> Self {
        Self { uidvalidity, next_scan: uid_next, rescan_below, ..Self::default() }
    }

    /// UIDVALIDITY of the folder.
    pub fn uidvalidity(&self) -> u32 {
        self.uidvalidity
    }

    /// First UID that is not settled.
    pub fn settled(&self) -> u32 {
        self.unsettled.first().copied().unwrap_or(self.next_scan)
    }

    /// Whether the next window belongs to a second look at a renumbered folder.
    pub fn rescans(&self) -> bool {
        self.next_scan < self.rescan_below
    }

    /// UIDs below this one are looked at once more; 0 if the folder was never renumbered.
    pub fn rescan_below(&self) -> u32 {
        self.rescan_below
    }

    /// A new connection: what was wanted but not handed over is looked at again.
    pub fn reconnected(&mut self) {
        self.next_scan = self.settled();
        self.unsettled.clear();
    }

    /// The folder was selected. `uid_next` is the server's value.
    pub fn selected(&mut self, selected: Selected, uid_next: u32) -> Change {
        self.server_next = uid_next;
        if selected.uidvalidity == self.uidvalidity {
            return match uid_next.cmp(&self.next_scan) {
                std::cmp::Ordering::Equal => Change::Same,
                std::cmp::Ordering::Greater => Change::NewMail,
                std::cmp::Ordering::Less => {
                    self.scan_anew(selected.uidvalidity, uid_next);
                    Change::Reset
                }
            };
        }
        if self.uidvalidity != 0 || self.rescan_below != 0 {
            let change = if self.uidvalidity == 0 { Change::Joined } else { Change::Reset };
            self.scan_anew(selected.uidvalidity, uid_next);
            return change;
        }
        *self = Self {
            uidvalidity: selected.uidvalidity,
            next_scan: uid_next,
            server_next: uid_next,
            ..Self::default()
        };
        Change::First
    }

    fn scan_anew(&mut self, uidvalidity: u32, uid_next: u32) {
        *self = Self {
            uidvalidity,
            next_scan: 1,
            server_next: uid_next,
            rescan_below: uid_next,
            ..Self::default()
        };
    }

    /// The next UIDs to look at.
    pub fn window(&self) -> (u32, u32) {
        let first = self.next_scan.max(1);
        (first, first.saturating_add(WINDOW - 1))
    }

    /// The window `first..=last` was looked at: `found` are all its UIDs, `wanted` those to be downloaded. Returns true
    /// if the next window may hold mails too.
    pub fn scanned(&mut self, last: u32, found: &[u32], wanted: &[u32]) -> bool {
        self.unsettled.extend(wanted);
        let beyond_found = found.iter().max().map_or(0, |uid| uid.saturating_add(1));
        let known_empty = self.server_next.min(last.saturating_add(1));
        self.next_scan = self.next_scan.max(beyond_found).max(known_empty);
        self.next_scan < self.server_next || beyond_found > last
    }

    /// These mails were deleted.
    pub fn deleted(&mut self, uids: &BTreeSet<u32>) {
        self.delete.retain(|uid| !uids.contains(uid));
        self.gone.extend(uids);
        while self.gone.len() > MAX_GONE {
            self.gone.pop_first();
        }
    }

    /// Whether a mail is known to be deleted, or belongs to a folder that is.
    pub fn is_gone(&self, uidvalidity: u32, uid: u32) -> bool {
        uidvalidity != self.uidvalidity || self.gone.contains(&uid)
    }

    /// UIDs below `uid` are known to be gone.
    pub fn skip_to(&mut self, uid: u32) {
        self.next_scan = self.next_scan.max(uid);
    }

    /// A range of UIDs that is worth a cheap question before windows are fetched one by one: all that is left, or part
    /// of it if the folder has so many mails (`exists`, unknown for `None`) that the answer may be too long.
    pub fn gap(&self, exists: Option<u32>) -> Option<(u32, u32)> {
        let (first, last) = self.window();
        let end = self.server_next.saturating_sub(1);
        let is_short = exists.is_some_and(|mails| mails <= MAX_STRETCH);
        let reach = if is_short { end } else { end.min(first.saturating_add(MAX_STRETCH - 1)) };
        (last < end).then_some((first, reach))
    }

    /// Whether UIDs are left that were not looked at.
    pub fn has_more(&self) -> bool {
        self.next_scan < self.server_next
    }

    /// These mails were handed over to the profile (or turned out to be gone).
    pub fn handed_over(&mut self, uids: &[u32]) {
        for uid in uids {
            self.unsettled.remove(uid);
        }
    }
}

/// Cuts mails into batches of bounded number and bytes, keeping their order.
pub fn batches(mails: &[(u32, u32)]) -> Vec<Vec<u32>> {
    let mut out: Vec<Vec<u32>> = Vec::new();
    let mut bytes = u64::MAX;
    for &(uid, size) in mails {
        let fits = bytes.saturating_add(u64::from(size)) <= MAX_BATCH_BYTES;
        match out.last_mut() {
            Some(batch) if fits && batch.len() < MAX_BATCH_MAILS => {
                batch.push(uid);
                bytes += u64::from(size);
            }
            _ => {
                out.push(vec![uid]);
                bytes = u64::from(size);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn selected(uidvalidity: u32) -> Selected {
        Selected { uidvalidity, uid_next: None }
    }

    #[test]
    fn mail_from_before_the_first_visit_is_ignored() {
        let mut progress = Progress::new(0, 0, 0);
        assert_eq!(progress.selected(selected(7), 120), Change::First);
        assert_eq!((progress.uidvalidity(), progress.settled()), (7, 120));
        assert_eq!(progress.selected(selected(7), 120), Change::Same);
    }

    #[test]
    fn what_another_device_watches_is_looked_at_from_its_beginning() {
        let mut progress = Progress::new(0, 0, 1);
        assert_eq!(progress.selected(selected(7), 120), Change::Joined);
        assert_eq!((progress.settled(), progress.rescan_below(), progress.rescans()), (1, 120, true));
        assert!(!progress.scanned(500, &[3], &[]));
        assert_eq!(progress.selected(selected(7), 120), Change::Same);
    }

    #[test]
    fn new_mail_is_what_the_server_counted_on() {
        let mut progress = Progress::new(7, 120, 0);
        assert_eq!(progress.selected(selected(7), 130), Change::NewMail);
        assert_eq!(progress.window(), (120, 619));
        assert!(!progress.scanned(619, &[121, 125], &[125]));
        assert_eq!(progress.settled(), 125);
        progress.handed_over(&[125]);
        assert_eq!(progress.settled(), 130);
    }

    #[test]
    fn a_new_uidvalidity_or_a_smaller_uidnext_makes_everything_be_looked_at_anew() {
        let mut progress = Progress::new(7, 120, 0);
        progress.delete.insert(5);
        assert_eq!(progress.selected(selected(8), 3), Change::Reset);
        assert!(progress.delete.is_empty());
        assert_eq!((progress.settled(), progress.rescan_below(), progress.rescans()), (1, 3, true));
        progress.scanned(500, &[1, 2], &[]);
        assert_eq!((progress.settled(), progress.rescans()), (3, false));
        assert_eq!(progress.selected(selected(8), 2), Change::Reset);
        assert_eq!((progress.settled(), progress.rescan_below()), (1, 2));
    }

    #[test]
    fn the_last_deleted_mails_are_remembered_as_long_as_their_numbers_hold() {
        let mut progress = Progress::new(7, 120, 0);
        progress.delete.extend([5, 6, 9]);
        progress.deleted(&BTreeSet::from([5, 6]));
        assert_eq!(progress.delete, BTreeSet::from([9]));
        assert!(progress.is_gone(7, 5) && !progress.is_gone(7, 9) && progress.is_gone(6, 9));
        progress.deleted(&(1_000..1_000 + MAX_GONE as u32).collect());
        assert!(!progress.is_gone(7, 5) && progress.is_gone(7, 1_000));
        progress.selected(selected(8), 3);
        assert!(!progress.is_gone(8, 1_000));
    }

    #[test]
    fn after_a_lost_connection_unfinished_downloads_are_looked_at_again() {
        let mut progress = Progress::new(7, 10, 0);
        progress.selected(selected(7), 20);
        progress.scanned(509, &[10, 11, 12], &[10, 11, 12]);
        progress.handed_over(&[10]);
        progress.reconnected();
        assert_eq!(progress.window().0, 11);
    }

    #[test]
    fn windows_go_on_up_to_the_uidnext_of_the_server() {
        let mut progress = Progress::new(7, 1, 0);
        progress.selected(selected(7), 1200);
        let mut firsts = Vec::new();
        loop {
            let (first, last) = progress.window();
            firsts.push(first);
            if !progress.scanned(last, &[], &[]) {
                break;
            }
        }
        assert_eq!(firsts, [1, 501, 1001]);
        assert_eq!(progress.settled(), 1200);
    }

    #[test]
    fn a_question_about_a_folder_of_many_mails_has_a_bounded_answer() {
        let mut progress = Progress::new(7, 1, 0);
        progress.selected(selected(7), 700_000);
        assert_eq!(progress.gap(Some(100_000)), Some((1, 699_999)), "no answer can be too long");
        for exists in [Some(100_001), None] {
            assert_eq!(progress.gap(exists), Some((1, 100_000)));
        }
        progress.skip_to(699_400);
        assert_eq!(progress.gap(None), Some((699_400, 699_999)));
        progress.skip_to(699_500);
        assert_eq!((progress.gap(None), progress.has_more()), (None, true), "one window is left");
        progress.skip_to(700_000);
        assert!(!progress.has_more());
    }

    #[test]
    fn a_large_mail_is_a_batch_of_its_own() {
        assert_eq!(batches(&[(1, 10), (2, 5_000_000), (3, 10), (4, 10)]), [vec![1], vec![2], vec![3, 4]]);
        assert!(batches(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn a_crash_never_skips_a_mail(
            found in prop::collection::btree_set(1u32..400, 0..40),
            wanted_share in 0usize..4,
            handed in 0usize..40,
        ) {
            let mut progress = Progress::new(7, 1, 0);
            progress.selected(selected(7), 400);
            let found: Vec<u32> = found.into_iter().collect();
            let wanted: Vec<u32> = found.iter().copied().filter(|uid| *uid as usize % 4 >= wanted_share).collect();
            progress.scanned(500, &found, &wanted);
            let (done, open) = wanted.split_at(handed.min(wanted.len()));
            progress.handed_over(done);
            // What is stored now is where a restarted process begins.
            prop_assert!(open.iter().all(|uid| *uid >= progress.settled()));
            if open.is_empty() { prop_assert_eq!(progress.settled(), 400); }
        }

        #[test]
        fn batches_hold_every_mail_once_and_in_order(mails in prop::collection::vec((any::<u32>(), 0u32..3_000_000), 0..300)) {
            let flat: Vec<u32> = batches(&mails).concat();
            prop_assert_eq!(flat, mails.iter().map(|(uid, _)| *uid).collect::<Vec<_>>());
            prop_assert!(batches(&mails).iter().all(|batch| batch.len() <= MAX_BATCH_MAILS && !batch.is_empty()));
        }
    }
}
