//! Whole handshakes.

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::{
    world::{ALICE, BOB, Network, World},
    *,
};
use crate::{address::Address, qr::Target};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Contact,
    Group,
    Channel,
}

const KINDS: [Kind; 3] = [Kind::Contact, Kind::Group, Kind::Channel];

fn world(seed: u64) -> World {
    World::new(ChaCha20Rng::seed_from_u64(seed))
}

fn target(world: &mut World, kind: Kind) -> Target {
    match kind {
        Kind::Contact => Target::Contact,
        Kind::Group => Target::Group { id: world.create_chat(false), name: "Choir".into() },
        Kind::Channel => Target::Channel { id: world.create_chat(true), name: "News".into() },
    }
}

/// Whether both sides have what the code promised.
fn assert_joined(world: &World, target: &Target) {
    let (alice, bob) = (&world.devices[ALICE], &world.devices[BOB]);
    assert!(bob.verified.contains(&alice.key) && alice.verified.contains(&bob.key));
    assert!(bob.joiner_progress.contains(&1000));
    assert!(alice.joined_by.iter().any(|(joiner, _)| *joiner == bob.key));
    match target {
        Target::Contact => {
            assert!(alice.visible_chats.contains(&bob.key) && bob.visible_chats.contains(&alice.key));
        }
        Target::Group { id, .. } | Target::Channel { id, .. } => {
            assert!(alice.chats[id].promoted);
            assert!(alice.chats[id].members.contains(&bob.key));
            assert!(bob.chats[id].members.contains(&bob.key) && bob.chats[id].members.contains(&alice.key));
            assert!(!alice.visible_chats.contains(&bob.key), "a group join opens no chat with the joiner");
        }
    }
}

#[test]
fn four_mails_of_the_third_version() {
    for kind in KINDS {
        let mut world = world(1);
        let target = target(&mut world, kind);
        let invite = world.invite(target.clone());
        world.scan(&invite);
        world.run(Network::default());
        assert_joined(&world, &target);
        let (prefix, last) = match kind {
            Kind::Contact => (Prefix::Contact, Step::ContactConfirm),
            _ => (Prefix::Group, Step::MemberAdded),
        };
        assert_eq!(world.sent, [Step::KeyRequest, Step::Key, Step::RequestWithAuth(prefix), last]);
        assert_eq!(world.devices[BOB].joiner_progress, [400, 1000]);
        assert!(world.devices[BOB].pending.is_empty());
        assert!(world.devices[BOB].reasons.is_empty() && world.devices[ALICE].reasons.is_empty());
    }
}

#[test]
fn four_mails_when_one_side_knows_only_the_second_version() {
    for kind in KINDS {
        for old in [ALICE, BOB] {
            let mut world = world(2);
            world.devices[old].legacy = true;
            let target = target(&mut world, kind);
            let invite = world.invite(target.clone());
            assert_eq!(invite.v3, old == BOB);
            world.scan(&invite);
            world.run(Network::default());
            assert_joined(&world, &target);
            let (prefix, last) = match kind {
                Kind::Contact => (Prefix::Contact, Step::ContactConfirm),
                _ => (Prefix::Group, Step::MemberAdded),
            };
            let steps =
                [Step::Request(prefix), Step::AuthRequired(prefix), Step::RequestWithAuth(prefix), last];
            assert_eq!(world.sent, steps);
        }
    }
}

#[test]
fn a_known_key_makes_it_two_mails() {
    let mut world = world(3);
    let first = world.invite(Target::Contact);
    world.scan(&first);
    world.run(Network::default());
    world.sent.clear();
    let second = world.invite(Target::Contact);
    world.scan(&second);
    assert_eq!(world.devices[BOB].joiner_progress, [400, 1000, 400]);
    world.run(Network::default());
    assert_eq!(world.sent, [Step::RequestWithAuth(Prefix::Contact), Step::ContactConfirm]);
    assert!(world.devices[BOB].lines.is_empty());
}

#[test]
fn a_key_without_a_new_address_is_asked_for_again() {
    let mut world = world(4);
    let first = world.invite(Target::Contact);
    world.scan(&first);
    world.run(Network::default());
    world.devices[ALICE].addresses.insert(0, Address::parse("alice@new.example").unwrap());
    world.sent.clear();
    let second = world.invite(Target::Contact);
    world.scan(&second);
    world.run(Network::default());
    assert_eq!(world.sent.len(), 4);
    let alice = world.devices[ALICE].key;
    assert_eq!(world.devices[BOB].keys[&alice].len(), 2);
}

#[test]
fn members_who_scan_again_send_nothing() {
    let mut world = world(5);
    let target = target(&mut world, Kind::Group);
    let invite = world.invite(target);
    world.scan(&invite);
    world.run(Network::default());
    world.sent.clear();
    world.scan(&invite);
    assert!(world.sent.is_empty());
    assert_eq!(world.devices[BOB].joiner_progress.last(), Some(&1000));
}

#[test]
fn one_answer_serves_all_joins_with_the_same_inviter() {
    let mut world = world(6);
    let (one, two) = (target(&mut world, Kind::Group), target(&mut world, Kind::Group));
    for target in [&one, &two] {
        let invite = world.invite(target.clone());
        world.scan(&invite);
    }
    world.run(Network::default());
    assert_joined(&world, &one);
    assert_joined(&world, &two);
    let proofs = world.sent.iter().filter(|step| matches!(step, Step::RequestWithAuth(_))).count();
    assert_eq!(proofs, 2);
    assert!(world.devices[BOB].pending.is_empty());
}

#[test]
fn withdrawn_codes_are_never_answered() {
    for legacy in [false, true] {
        let mut world = world(7);
        world.devices[ALICE].legacy = legacy;
        let invite = world.invite(Target::Contact);
        world.devices[ALICE].tokens.withdraw(&Scope::Contact);
        world.scan(&invite);
        world.run(Network::default());
        assert_eq!(world.sent.len(), 1);
        assert_eq!(world.devices[BOB].pending.len(), 1, "the join waits");
        assert!(!world.devices[BOB].verified.contains(&world.devices[ALICE].key));
    }
}

#[test]
fn a_withdrawn_code_with_a_known_key_has_no_valid_auth() {
    let mut world = world(8);
    let first = world.invite(Target::Contact);
    world.scan(&first);
    world.run(Network::default());
    let second = world.invite(Target::Contact);
    world.devices[ALICE].tokens.withdraw(&Scope::Contact);
    world.scan(&second);
    world.run(Network::default());
    assert_eq!(world.devices[ALICE].reasons, [Reason::InvalidAuth]);
}

#[test]
fn old_codes_join_and_verify_one_side_only() {
    let mut world = world(9);
    let invite = world.invite(Target::Contact);
    world.now += 8 * 24 * 3600;
    world.scan(&invite);
    world.run(Network::default());
    let (alice, bob) = (&world.devices[ALICE], &world.devices[BOB]);
    assert!(bob.verified.contains(&alice.key));
    assert!(!alice.verified.contains(&bob.key));
    assert!(alice.visible_chats.contains(&bob.key));
}

#[test]
fn blocked_joiners_hear_nothing() {
    let mut world = world(10);
    let bob = world.devices[BOB].key;
    world.devices[ALICE].blocked.insert(bob);
    let invite = world.invite(Target::Contact);
    world.scan(&invite);
    world.run(Network::default());
    assert_eq!(world.sent, [Step::KeyRequest]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Mails that come twice or in another order change nothing.
    #[test]
    fn repeated_and_reordered_mails_are_harmless(
        seed: u64, kind in 0..3usize, old in 0..4usize, scans in 1..4usize, repeats in 0..60u32,
    ) {
        let mut world = world(seed);
        if old < 2 {
            world.devices[old].legacy = true;
        }
        let target = target(&mut world, KINDS[kind]);
        for _ in 0..scans {
            let invite = world.invite(target.clone());
            world.scan(&invite);
        }
        world.run(Network { loss: 0, repeats, reorders: true });
        assert_joined(&world, &target);
        prop_assert!(world.devices[BOB].pending.is_empty());
        prop_assert!(world.devices[BOB].lines.iter().all(|(_, line)| *line != InfoLine::Wait));
    }

    /// Lost mails leave the join waiting; nobody ends up half joined, and scanning again gets through.
    #[test]
    fn lost_mails_are_made_good_by_scanning_again(seed: u64, kind in 0..3usize, old in 0..4usize, loss in 1..100u32) {
        let mut world = world(seed);
        if old < 2 {
            world.devices[old].legacy = true;
        }
        let target = target(&mut world, KINDS[kind]);
        let invite = world.invite(target.clone());
        world.scan(&invite);
        world.run(Network { loss, repeats: 30, reorders: true });
        let (alice, bob) = (&world.devices[ALICE], &world.devices[BOB]);
        if alice.verified.contains(&bob.key) {
            prop_assert!(bob.verified.contains(&alice.key), "the proof was sent before it was accepted");
        }
        prop_assert_eq!(bob.pending.is_empty(), bob.joiner_progress.contains(&400));
        world.scan(&invite);
        world.run(Network::default());
        assert_joined(&world, &target);
    }
}
