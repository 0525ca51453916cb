//! What the joiner sends first, and which answers it believes.

use super::*;
use crate::{
    address::Address,
    qr::{Invite, Target},
    securejoin::joiner::{JoinError, StartFacts, Waiting, receive, start},
};

fn invite(target: Target) -> Invite {
    Invite {
        fingerprint: key(1),
        addresses: vec![
            Address::parse("alice@one.example").unwrap(),
            Address::parse("a@two.example").unwrap(),
        ],
        inviter_name: "Alice".into(),
        target,
        invite_number: Some(token("invitenumberinvitenumber")),
        auth: token("authauthauthauthauthauth"),
        v3: true,
    }
}

fn id() -> GroupId {
    GroupId::parse("groupgroupgroupgroupgrou").unwrap()
}

fn group() -> Target {
    Target::Group { id: id(), name: "Choir".into() }
}

fn channel() -> Target {
    Target::Channel { id: id(), name: "News".into() }
}

const STRANGER: StartFacts<'static> = StartFacts {
    own_fingerprint: Fingerprint::V4([2; 20]),
    has_own_address: true,
    already_member: false,
    key_addresses: None,
};

#[test]
fn the_first_request_goes_to_all_addresses_and_names_nobody() {
    let effects = start(&invite(Target::Contact), &STRANGER).unwrap();
    let [mail] = sent(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(mail.step, Step::KeyRequest);
    assert_eq!(mail.to, Recipients::Hidden(invite(Target::Contact).addresses));
    assert!(matches!(mail.encryption, Encryption::Symmetric { sign: false, .. }));
    assert!(!mail.autocrypt && mail.gossip.is_none() && !mail.self_copy);
    assert_eq!(mail.body, "Secure-Join");
    let names: Vec<_> = mail.headers.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["Secure-Join", "Secure-Join-Auth"]);
}

#[test]
fn chats_of_the_three_kinds_of_codes() {
    let contact = start(&invite(Target::Contact), &STRANGER).unwrap();
    assert_eq!(contact[0], Effect::ShowSingleChat { fingerprint: key(1) });
    let wait = Effect::Info { chat: JoinTarget::Single(key(1)), line: InfoLine::Wait };
    assert!(contact.contains(&wait));

    let joined = start(&invite(group()), &STRANGER).unwrap();
    assert_eq!(joined[0], Effect::EnsureSingleChat { fingerprint: key(1) });
    assert!(joined.contains(&Effect::RaiseOrigin { fingerprint: key(1), origin: Origin::Joined }));
    assert!(joined.contains(&Effect::EnsureJoinedChat(group())));
    let line = Effect::Info { chat: JoinTarget::Chat(id()), line: InfoLine::InvitedToGroup };
    assert_eq!(joined.last(), Some(&line));

    let subscribed = start(&invite(channel()), &STRANGER).unwrap();
    assert!(!has(&subscribed, |e| matches!(e, Effect::RaiseOrigin { .. })));
    let line = Effect::Info { chat: JoinTarget::Chat(id()), line: InfoLine::InvitedToChannel };
    assert_eq!(subscribed.last(), Some(&line));
}

#[test]
fn the_shortcut_needs_a_key_that_lists_all_addresses() {
    let invite = invite(group());
    for (listed, step) in [
        (invite.addresses.clone(), Step::RequestWithAuth(Prefix::Group)),
        (vec![invite.addresses[0].clone()], Step::KeyRequest),
        (vec![], Step::KeyRequest),
    ] {
        let effects = start(&invite, &StartFacts { key_addresses: Some(&listed), ..STRANGER }).unwrap();
        assert_eq!(sent(&effects)[0].step, step);
        let pending = has(&effects, |e| matches!(e, Effect::StorePending(_)));
        assert_eq!(pending, step == Step::KeyRequest);
        assert_eq!(has(&effects, |e| matches!(e, Effect::JoinerProgress { progress: 400, .. })), !pending);
    }
}

#[test]
fn the_proof_names_the_group_but_not_the_channel() {
    let listed = invite(Target::Contact).addresses;
    for (target, named) in [(Target::Contact, false), (group(), true), (channel(), false)] {
        let facts = StartFacts { key_addresses: Some(&listed), ..STRANGER };
        let effects = start(&invite(target), &facts).unwrap();
        let proof = sent(&effects)[0];
        assert_eq!(proof.headers.iter().any(|(name, _)| *name == "Secure-Join-Group"), named);
        assert_eq!(proof.gossip, Some(key(1)));
        assert!(proof.self_copy && proof.step.carries_profile());
        let fingerprint = ("Secure-Join-Fingerprint", "02".repeat(20));
        assert!(proof.headers.contains(&fingerprint));
    }
}

#[test]
fn older_codes_need_an_own_address() {
    let old = Invite { v3: false, ..invite(group()) };
    let effects = start(&old, &STRANGER).unwrap();
    let request = sent(&effects)[0];
    assert_eq!(request.step, Step::Request(Prefix::Group));
    assert_eq!(request.body, "Secure-Join: vg-request");
    assert_eq!(request.encryption, Encryption::None);
    assert!(
        !request.headers.iter().any(|(name, _)| *name == "Secure-Join-Auth"),
        "the secret never leaves in clear"
    );
    let homeless = StartFacts { has_own_address: false, ..STRANGER };
    assert_eq!(start(&old, &homeless), Err(JoinError::NoOwnAddress));
    assert!(start(&invite(group()), &homeless).is_ok());
}

fn waiting(id: u64, target: Target) -> Waiting {
    Waiting { id, join: PendingJoin { invite: invite(target) }, contact_exists: true }
}

fn answer(step: &str) -> HandshakeMessage {
    HandshakeMessage {
        step: Some(step.into()),
        encrypted: true,
        signer: Some(key(1)),
        gossips_own_key: true,
        ..Default::default()
    }
}

#[test]
fn answers_of_either_version_serve_every_join_of_the_inviter() {
    let other = Waiting {
        join: PendingJoin { invite: Invite { fingerprint: key(7), ..invite(group()) } },
        ..waiting(3, group())
    };
    let gone = Waiting { contact_exists: false, ..waiting(4, group()) };
    let stored = [waiting(1, Target::Contact), waiting(2, group()), other, gone];
    for step in ["vc-pubkey", "vc-auth-required", "vg-auth-required"] {
        let reaction = receive(&answer(step), &stored, key(2));
        assert_eq!(reaction.fate, Fate::Done);
        assert_eq!(sent(&reaction.effects).len(), 2);
        let dropped: Vec<_> = reaction
            .effects
            .iter()
            .filter_map(|e| if let Effect::DropPending(id) = e { Some(*id) } else { None })
            .collect();
        assert_eq!(dropped, [1, 2]);
        let replied = Effect::Info { chat: JoinTarget::Chat(id()), line: InfoLine::InviterReplied };
        assert_eq!(reaction.effects.iter().filter(|e| **e == replied).count(), 1);
    }
}

#[test]
fn answers_nobody_waits_for_stay_for_other_devices() {
    let reaction = receive(&answer("vc-pubkey"), &[], key(2));
    assert_eq!(reaction, Reaction { effects: vec![], fate: Fate::Ignored(Reason::NothingPending) });
}

#[test]
fn answers_of_others_have_no_effect() {
    let foreign = HandshakeMessage { signer: Some(key(7)), ..answer("vc-pubkey") };
    let reaction = receive(&foreign, &[waiting(1, group())], key(2));
    assert_eq!(reaction.fate, Fate::Ignored(Reason::NothingPending));
    let stolen = HandshakeMessage { matched_secret: Some(MatchedSecret::PendingJoin(key(1))), ..foreign };
    assert_eq!(
        receive(&stolen, &[waiting(1, group())], key(2)).fate,
        Fate::Failed(Reason::SecretOfOtherSender)
    );
}

#[test]
fn signed_steps_prove_for_whom_they_were_signed() {
    for step in ["vc-auth-required", "vc-contact-confirm", "vg-member-added"] {
        let message = HandshakeMessage { gossips_own_key: false, member_added_is_self: true, ..answer(step) };
        let reaction = receive(&message, &[waiting(1, group())], key(2));
        assert!(matches!(reaction.fate, Fate::Ignored(Reason::NoOwnGossip(_))), "{step}");
        assert!(reaction.effects.is_empty());
    }
}

#[test]
fn the_end_of_a_join() {
    let done = Effect::JoinerProgress { fingerprint: key(1), progress: 1000 };
    let confirm = receive(&answer("vc-contact-confirm"), &[], key(2));
    assert_eq!(confirm, Reaction { effects: vec![done.clone()], fate: Fate::Observed });
    let own = HandshakeMessage {
        member_added: Some("bob@x.example".into()),
        member_added_is_self: true,
        ..answer("vg-member-added")
    };
    assert_eq!(receive(&own, &[], key(2)), Reaction { effects: vec![done], fate: Fate::Message });
    let other = HandshakeMessage { member_added: Some("c@x.example".into()), ..answer("vg-member-added") };
    let logged = Effect::LogUnrelatedJoin { address: "c@x.example".into() };
    assert_eq!(receive(&other, &[], key(2)), Reaction { effects: vec![logged], fate: Fate::Message });
}

#[test]
fn joins_survive_a_restart() {
    for target in [Target::Contact, group(), channel()] {
        for number in [None, Some(token("invitenumberinvitenumber"))] {
            let invite = Invite { invite_number: number, v3: false, ..invite(target.clone()) };
            let join = PendingJoin { invite };
            assert_eq!(PendingJoin::from_bytes(&join.to_bytes()).unwrap(), join);
        }
    }
    assert!(PendingJoin::from_bytes(&[]).is_err());
    assert!(PendingJoin::from_bytes(b"\xff\xff").is_err());
}

proptest::proptest! {
    #[test]
    fn any_record_is_survived(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = PendingJoin::from_bytes(&bytes);
    }

    #[test]
    fn any_claims_are_survived(
        step in "v[cgb]-(request|request-with-auth|pubkey|request-pubkey|auth-required|contact-confirm|member-added|.{0,5})",
        bits: u8, text in ".{0,60}",
    ) {
        let message = HandshakeMessage {
            step: Some(step),
            encrypted: bits & 1 != 0,
            signer: (bits & 2 != 0).then(|| key(1)),
            auth: (bits & 4 != 0).then(|| text.clone()),
            fingerprint: (bits & 8 != 0).then(|| text.clone()),
            invite_number: (bits & 16 != 0).then_some(text),
            gossips_own_key: bits & 32 != 0,
            ..Default::default()
        };
        let reaction = receive(&message, &[waiting(1, group())], key(2));
        // Only signed and encrypted mails move a join.
        if bits & 3 != 3 {
            proptest::prop_assert!(reaction.effects.is_empty());
        }
    }
}
