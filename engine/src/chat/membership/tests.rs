//! Golden histories: A is ourselves or the author as each story says; times are Unix seconds.

use proptest::prelude::*;

use super::*;

const SELF: ContactId = ContactId::SELF;
const B: ContactId = ContactId::new(11);
const C: ContactId = ContactId::new(12);
const D: ContactId = ContactId::new(13);
const E: ContactId = ContactId::new(14);
const F: ContactId = ContactId::new(15);

fn rows(of: &[(ContactId, i64, i64)]) -> Rows {
    of.iter()
        .map(|(id, added, removed)| (*id, MemberRecord { added: *added, removed: *removed, quiet: false }))
        .collect()
}

fn members(rows: &Rows) -> Vec<ContactId> {
    current(rows).into_iter().collect()
}

/// A message with times; `now` is the sent time.
fn message<'a>(
    sender: ContactId,
    sent: i64,
    to: &'a [Option<ContactId>],
    past: &'a [Option<ContactId>],
    times: &'a [i64],
) -> Received<'a> {
    Received {
        sender,
        sent,
        now: sent,
        to,
        past,
        timestamps: Some(times),
        chat_message: true,
        ..Received::default()
    }
}

#[test]
fn normal_life_of_a_group() {
    let mut at_b = create(&message(B, 862, &[Some(SELF)], &[], &[862]));
    assert_eq!(at_b, rows(&[(SELF, 862, 0), (B, 862, 0)]));
    let adds = Received { added: Some(F), ..message(B, 869, &[Some(F), Some(SELF)], &[], &[869, 862]) };
    assert_eq!(apply(&mut at_b, &adds).added, BTreeSet::from([F]));
    let removes = Received { removed: Some(F), ..message(B, 883, &[Some(SELF)], &[Some(F)], &[862, 883]) };
    assert_eq!(apply(&mut at_b, &removes).removed, BTreeSet::from([F]));
    assert_eq!(at_b[&F], MemberRecord { added: 869, removed: 883, quiet: false });
}

#[test]
fn a_lost_removal_heals_with_the_next_message() {
    let mut list = rows(&[(SELF, 100, 0), (B, 100, 0), (C, 100, 0), (F, 100, 0)]);
    let second = Received {
        removed: Some(F),
        ..message(B, 210, &[Some(SELF)], &[Some(C), Some(F)], &[100, 200, 210])
    };
    let change = apply(&mut list, &second);
    assert_eq!(change.unexplained(&second), (vec![], vec![C]));
    let first = Received {
        removed: Some(C),
        ..message(B, 200, &[Some(F), Some(SELF)], &[Some(C)], &[100, 100, 200])
    };
    assert_eq!(apply(&mut list, &first), Change { updated: true, ..Change::default() });
    assert_eq!(members(&list), [SELF, B]);
}

#[test]
fn reordered_additions_end_in_the_same_list() {
    let mut list = rows(&[(SELF, 100, 0), (B, 100, 0)]);
    let adds_f = Received {
        added: Some(F),
        ..message(B, 103, &[Some(F), Some(C), Some(SELF)], &[], &[103, 101, 100])
    };
    let change = apply(&mut list, &adds_f);
    assert_eq!(change.unexplained(&adds_f), (vec![C], vec![]));
    let adds_c = Received { added: Some(C), ..message(B, 101, &[Some(C), Some(SELF)], &[], &[101, 100]) };
    assert!(apply(&mut list, &adds_c).added.is_empty());
}

#[test]
fn a_delayed_removal_does_not_undo_a_readdition() {
    let mut list = rows(&[(SELF, 100, 0), (B, 100, 0), (F, 100, 0)]);
    let third = Received {
        added: Some(E),
        ..message(B, 302, &[Some(E), Some(D), Some(SELF)], &[Some(F)], &[302, 301, 100, 300])
    };
    assert_eq!(apply(&mut list, &third).unexplained(&third), (vec![D], vec![F]));
    add_at(&mut list, F, 303);
    let delayed = Received { removed: Some(F), ..message(B, 300, &[Some(SELF)], &[Some(F)], &[100, 300]) };
    assert_eq!(apply(&mut list, &delayed), Change { updated: true, ..Change::default() });
    assert_eq!(members(&list), [SELF, B, D, E, F]);
}

#[test]
fn after_leaving_nobody_brings_us_back_by_accident() {
    let mut list = rows(&[(SELF, 100, 400), (C, 100, 0)]);
    apply(&mut list, &message(C, 4_000, &[Some(SELF)], &[], &[100]));
    assert_eq!(members(&list), [C]);
    apply(&mut list, &message(C, 4_100, &[Some(SELF)], &[], &[4_050]));
    assert_eq!(members(&list), [SELF, C]);
}

#[test]
fn a_non_member_changes_nothing_while_we_are_in() {
    let mut list = rows(&[(SELF, 100, 0), (B, 100, 500)]);
    assert!(!may_change(&list, B));
    let change = apply(&mut list, &message(B, 501, &[Some(F)], &[Some(SELF)], &[500, 501]));
    assert_eq!(change, Change::default());
    assert!(may_change(&rows(&[(SELF, 100, 500)]), F), "outside, anybody's data is accepted");
}

#[test]
fn an_addition_wins_a_tie() {
    let mut list = rows(&[(SELF, 1, 0), (B, 1, 0), (F, 600, 0)]);
    apply(&mut list, &message(B, 601, &[Some(SELF)], &[Some(F)], &[1, 600]));
    assert_eq!(members(&list), [SELF, B, F]);
    let mut list = rows(&[(SELF, 1, 0), (B, 1, 0), (F, 100, 600)]);
    apply(&mut list, &message(B, 601, &[Some(F), Some(SELF)], &[], &[600, 1]));
    assert_eq!(members(&list), [SELF, B, F]);
}

#[test]
fn a_stale_list_is_replaced_as_a_whole() {
    let mut list = rows(&[(SELF, 10, 0), (B, 10, 0), (C, 10, 0)]);
    let received = Received { stale: true, ..message(B, 9_000_000, &[Some(SELF), Some(F)], &[], &[10, 20]) };
    apply(&mut list, &received);
    assert_eq!(list, rows(&[(SELF, 0, 0), (B, 0, 0), (F, 0, 0)]));
    assert!(is_stale(0, 1_000, 1_000 + PAST_MEMBER_MEMORY));
    assert!(!is_stale(2_000, 1_000, 1_000 + PAST_MEMBER_MEMORY));
}

#[test]
fn a_wrong_number_of_times_voids_the_list() {
    let mut list = rows(&[(SELF, 10, 0), (B, 10, 0)]);
    apply(&mut list, &message(B, 20, &[Some(SELF), Some(F)], &[], &[10]));
    assert_eq!(members(&list), [SELF, B]);
    assert!(create(&message(B, 20, &[Some(SELF), Some(F)], &[], &[10])).is_empty());
}

#[test]
fn future_times_are_capped() {
    let mut list = rows(&[(SELF, 10, 0), (B, 10, 0)]);
    apply(&mut list, &message(B, 20, &[Some(SELF), Some(F)], &[], &[10, 32_503_680_000]));
    assert_eq!(list[&F].added, 20 + FUTURE_TOLERANCE);
}

#[test]
fn a_creating_message_without_times_lets_later_times_win() {
    let plain = Received { timestamps: None, ..message(B, 50, &[Some(SELF), Some(C)], &[], &[]) };
    assert_eq!(create(&plain), rows(&[(SELF, 0, 0), (B, 0, 0), (C, 0, 0)]));
}

#[test]
fn explicit_changes_of_old_peers_without_times() {
    let mut list = rows(&[(SELF, 10, 0), (B, 10, 0)]);
    let adds =
        Received { timestamps: None, added: Some(C), ..message(B, 50, &[Some(SELF), Some(C)], &[], &[]) };
    apply(&mut list, &adds);
    assert_eq!(members(&list), [SELF, B, C]);
    let removes = Received { timestamps: None, removed: Some(C), ..message(B, 40, &[Some(SELF)], &[], &[]) };
    apply(&mut list, &removes);
    assert_eq!(list[&C], MemberRecord { added: 50, removed: 51, quiet: false });
    let silent = Received { timestamps: None, ..message(B, 60, &[Some(SELF)], &[], &[]) };
    apply(&mut list, &silent);
    assert_eq!(members(&list), [SELF, B]);
}

#[derive(Clone, Debug)]
struct Snapshot {
    to: Vec<Option<ContactId>>,
    past: Vec<Option<ContactId>>,
    times: Vec<i64>,
}

fn snapshots() -> impl Strategy<Value = Vec<Snapshot>> {
    let one = proptest::collection::vec((20u32..26, 1i64..1_000, any::<bool>()), 0..6).prop_map(|rows| {
        let mut seen = BTreeSet::new();
        let rows: Vec<_> = rows.into_iter().filter(|(id, ..)| seen.insert(*id)).collect();
        let (past, to): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(.., removed)| *removed);
        Snapshot {
            times: to.iter().chain(&past).map(|(_, time, _)| *time).collect(),
            to: to.iter().map(|(id, ..)| Some(ContactId::new(*id))).collect(),
            past: past.iter().map(|(id, ..)| Some(ContactId::new(*id))).collect(),
        }
    });
    proptest::collection::vec(one, 1..6)
}

fn apply_all<'a>(snapshots: impl Iterator<Item = &'a Snapshot>) -> Vec<ContactId> {
    let mut list = rows(&[(SELF, 1, 0), (B, 1, 0)]);
    for snapshot in snapshots {
        apply(
            &mut list,
            &Received { now: 2_000, ..message(B, 1_500, &snapshot.to, &snapshot.past, &snapshot.times) },
        );
    }
    members(&list)
}

/// What is heard of one contact.
#[derive(Clone, Copy, Debug)]
enum Heard {
    /// Another own device has added and perhaps removed it before it knew that the group was announced.
    Quiet { added: i64, removed: i64 },
    /// A message of another own device lists it as a member.
    Member { since: i64 },
    /// A message of another own device lists it as a past one.
    Past { since: i64 },
}

fn heard() -> impl Strategy<Value = Vec<Heard>> {
    let time = 1..6_i64;
    let one = prop_oneof![
        (time.clone(), 0..6_i64).prop_map(|(added, removed)| Heard::Quiet { added, removed }),
        time.clone().prop_map(|since| Heard::Member { since }),
        time.prop_map(|since| Heard::Past { since }),
    ];
    proptest::collection::vec(one, 0..5)
}

fn after_all<'a>(heard: impl Iterator<Item = &'a Heard>) -> Vec<ContactId> {
    let mut list = rows(&[(SELF, 1, 0)]);
    for one in heard {
        match *one {
            Heard::Quiet { added, removed } => apply_quiet(&mut list, B, added, removed),
            Heard::Member { since } => {
                apply(&mut list, &message(SELF, 10, &[Some(B)], &[], &[since]));
            }
            Heard::Past { since } => {
                apply(&mut list, &message(SELF, 10, &[], &[Some(B)], &[since]));
            }
        }
    }
    members(&list)
}

#[test]
fn a_member_of_whom_others_were_told_is_not_removed_by_a_device_that_did_not_know() {
    let mut list = rows(&[(SELF, 1, 0)]);
    apply_quiet(&mut list, B, 2, 0);
    apply_quiet(&mut list, B, 2, 4);
    assert_eq!(members(&list), [SELF], "nobody was told");
    apply(&mut list, &message(SELF, 10, &[Some(B)], &[], &[2]));
    assert_eq!(members(&list), [SELF, B]);
    apply_quiet(&mut list, B, 2, 5);
    assert_eq!(members(&list), [SELF, B]);
    apply(&mut list, &message(SELF, 11, &[], &[Some(B)], &[6]));
    assert_eq!(members(&list), [SELF]);
    apply_quiet(&mut list, B, 7, 0);
    assert_eq!(members(&list), [SELF, B], "an addition counts by its time");
}

proptest! {
    #[test]
    fn any_order_of_messages_ends_in_the_same_list(snapshots in snapshots()) {
        prop_assert_eq!(apply_all(snapshots.iter()), apply_all(snapshots.iter().rev()));
    }

    #[test]
    fn what_was_done_before_an_announcement_and_what_members_were_told_come_in_any_order(heard in heard()) {
        prop_assert_eq!(after_all(heard.iter()), after_all(heard.iter().rev()));
    }

    #[test]
    fn a_repeated_message_changes_nothing(snapshots in snapshots()) {
        prop_assert_eq!(apply_all(snapshots.iter()), apply_all(snapshots.iter().flat_map(|one| [one, one])));
    }
}
