//! What the inviter accepts, and in which order it finds fault.

use super::*;
use crate::securejoin::inviter::{AuthFacts, ChatFacts, InviterFacts, VERIFYING_TOKEN_AGE, receive};

const NOW: i64 = 1_700_000_000;
const AUTH: &str = "authauthauthauthauthauth";

fn alice() -> Fingerprint {
    key(1)
}

fn bob() -> Fingerprint {
    key(2)
}

fn proof() -> HandshakeMessage {
    HandshakeMessage {
        step: Some("vc-request-with-auth".into()),
        auth: Some(AUTH.into()),
        fingerprint: Some(bob().to_string()),
        encrypted: true,
        signer: Some(bob()),
        gossips_own_key: true,
        ..Default::default()
    }
}

fn facts(scope: Scope, chat: Option<ChatFacts>) -> InviterFacts {
    InviterFacts {
        own_fingerprint: alice(),
        invite_number_known: false,
        auth: Some(AuthFacts { scope, created: NOW - 60 }),
        sender_blocked: false,
        sender_fingerprint: Some(bob()),
        chat,
    }
}

fn contact() -> InviterFacts {
    facts(Scope::Contact, None)
}

fn chat_id() -> GroupId {
    GroupId::parse("groupgroupgroupgroupgrou").unwrap()
}

fn group(chat: ChatFacts) -> InviterFacts {
    facts(Scope::Chat(chat_id()), Some(chat))
}

const FRESH_GROUP: ChatFacts =
    ChatFacts { channel: false, self_is_member: true, promoted: false, joiner_is_member: false };

fn reason(message: HandshakeMessage, facts: &InviterFacts) -> Reason {
    let reaction = receive(&message, facts, NOW);
    assert!(sent(&reaction.effects).is_empty());
    match reaction.fate {
        Fate::Ignored(reason) | Fate::Failed(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn proofs_are_checked_in_order() {
    let mut facts = facts(Scope::Chat(chat_id()), None);
    facts.sender_blocked = true;
    facts.sender_fingerprint = Some(key(9));
    facts.auth = None;
    let mut message =
        HandshakeMessage { encrypted: true, signer: Some(key(9)), step: proof().step, ..Default::default() };
    assert_eq!(reason(message.clone(), &facts), Reason::NoOwnGossip("RequestWithAuth"));
    message.gossips_own_key = true;
    assert_eq!(reason(message.clone(), &facts), Reason::NoFingerprint);
    message.fingerprint = Some("abc".into());
    assert!(matches!(reason(message.clone(), &facts), Reason::MalformedFingerprint(_)));
    message.fingerprint = Some(bob().to_string());
    assert_eq!(reason(message.clone(), &facts), Reason::NotSignedByFingerprint);
    message.signer = Some(bob());
    assert_eq!(reason(message.clone(), &facts), Reason::NoAuth);
    message.auth = Some(AUTH.into());
    assert_eq!(reason(message.clone(), &facts), Reason::InvalidAuth);
    facts.auth = contact().auth;
    facts.auth.as_mut().unwrap().scope = Scope::Chat(chat_id());
    assert_eq!(reason(message.clone(), &facts), Reason::UnknownGroup(chat_id().to_string()));
    facts.chat = Some(FRESH_GROUP);
    assert_eq!(reason(message.clone(), &facts), Reason::FingerprintMismatch);
    facts.sender_fingerprint = Some(bob());
    assert_eq!(reason(message.clone(), &facts), Reason::Blocked("RequestWithAuth"));
    facts.sender_blocked = false;
    assert_eq!(receive(&message, &facts, NOW).fate, Fate::Done);
}

#[test]
fn the_warning_that_clients_know() {
    assert_eq!(
        Reason::InvalidAuth.to_string(),
        "Ignoring RequestWithAuth message because of invalid auth code."
    );
}

#[test]
fn fingerprints_may_be_written_in_lower_case_with_blanks() {
    let message = HandshakeMessage { fingerprint: Some(bob().grouped().to_lowercase()), ..proof() };
    assert_eq!(receive(&message, &contact(), NOW).fate, Fate::Observed);
}

#[test]
fn contact_proofs_open_a_chat() {
    let reaction = receive(&proof(), &contact(), NOW);
    assert_eq!(sent(&reaction.effects)[0].step, Step::ContactConfirm);
    assert!(has(&reaction.effects, |e| *e == Effect::ShowSingleChat { fingerprint: bob() }));
    assert!(has(&reaction.effects, |e| *e == Effect::MarkVerified { fingerprint: bob() }));
    let progress = Effect::InviterProgress { fingerprint: bob(), chat: InviterChat::Single };
    assert_eq!(reaction.effects.last(), Some(&progress));
    assert_eq!(reaction.fate, Fate::Observed, "other own devices need the mail");
}

#[test]
fn the_token_decides_where_the_joiner_goes() {
    // The step says contact, the token says group.
    let reaction = receive(&proof(), &group(FRESH_GROUP), NOW);
    assert!(has(&reaction.effects, |e| *e == Effect::PromoteGroup(chat_id())));
    assert!(has(&reaction.effects, |e| matches!(e, Effect::AddMember { .. })));
    assert!(has(&reaction.effects, |e| matches!(e, Effect::AnnounceMember { to_member_only: false, .. })));
    assert!(!has(&reaction.effects, |e| matches!(e, Effect::ShowSingleChat { .. })));
    assert_eq!(reaction.fate, Fate::Done);
}

#[test]
fn members_are_announced_again() {
    let chat = ChatFacts { joiner_is_member: true, promoted: true, ..FRESH_GROUP };
    let reaction = receive(&proof(), &group(chat), NOW);
    assert!(!has(&reaction.effects, |e| matches!(e, Effect::AddMember { .. } | Effect::PromoteGroup(_))));
    assert!(has(&reaction.effects, |e| matches!(e, Effect::AnnounceMember { .. })));
}

#[test]
fn channels_tell_only_the_subscriber_and_send_their_history() {
    let chat = ChatFacts { channel: true, promoted: true, ..FRESH_GROUP };
    let reaction = receive(&proof(), &group(chat), NOW);
    let order: Vec<usize> = [
        |e: &Effect| matches!(e, Effect::AnnounceMember { to_member_only: true, .. }),
        |e: &Effect| matches!(e, Effect::SyncSubscribers(_)),
        |e: &Effect| matches!(e, Effect::ResendHistory { .. }),
        |e: &Effect| matches!(e, Effect::InviterProgress { chat: InviterChat::Channel(_), .. }),
    ]
    .iter()
    .map(|wanted| reaction.effects.iter().position(wanted).unwrap())
    .collect();
    assert!(order.is_sorted());
    assert!(!has(&reaction.effects, |e| matches!(e, Effect::RaiseOrigin { .. })));
}

#[test]
fn who_left_the_group_cannot_admit() {
    let chat = ChatFacts { self_is_member: false, ..FRESH_GROUP };
    let reaction = receive(&proof(), &group(chat), NOW);
    assert!(has(&reaction.effects, |e| *e == Effect::ErrorSelfNotInGroup));
    assert!(!has(&reaction.effects, |e| matches!(
        e,
        Effect::AddMember { .. } | Effect::AnnounceMember { .. } | Effect::InviterProgress { .. }
    )));
}

#[test]
fn blocking_hinders_the_join_and_not_the_mark() {
    let facts = InviterFacts { sender_blocked: true, ..contact() };
    let reaction = receive(&proof(), &facts, NOW);
    assert_eq!(reaction.effects, [Effect::MarkVerified { fingerprint: bob() }]);
}

#[test]
fn tokens_verify_for_seven_days() {
    for (age, verifies) in [(VERIFYING_TOKEN_AGE - 1, true), (VERIFYING_TOKEN_AGE, false)] {
        let mut facts = contact();
        facts.auth.as_mut().unwrap().created = NOW - age;
        let effects = receive(&proof(), &facts, NOW).effects;
        assert_eq!(has(&effects, |e| matches!(e, Effect::MarkVerified { .. })), verifies, "{age}");
    }
}

#[test]
fn unsigned_proofs_are_no_handshake_mails() {
    let message =
        HandshakeMessage { signer: None, matched_secret: Some(MatchedSecret::OwnInvite), ..proof() };
    assert_eq!(receive(&message, &contact(), NOW).fate, Fate::NotHandshake);
    let clear = HandshakeMessage { encrypted: false, signer: None, ..proof() };
    assert_eq!(receive(&clear, &contact(), NOW).fate, Fate::NotHandshake);
}

fn key_request() -> HandshakeMessage {
    HandshakeMessage {
        step: Some("vc-request-pubkey".into()),
        auth: Some(AUTH.into()),
        encrypted: true,
        matched_secret: Some(MatchedSecret::OwnInvite),
        ..Default::default()
    }
}

#[test]
fn key_requests_are_answered_under_the_secret_of_their_token() {
    let reaction = receive(&key_request(), &contact(), NOW);
    let [answer] = sent(&reaction.effects)[..] else { panic!("{reaction:?}") };
    assert_eq!(answer.step, Step::Key);
    assert_eq!(answer.to, Recipients::HiddenSender);
    let secret = crate::openpgp::SharedSecret::own_invite(alice(), AUTH);
    assert_eq!(answer.encryption, Encryption::Symmetric { secret, sign: true });
    assert!(answer.autocrypt && answer.gossip.is_none() && !answer.self_copy);
    assert!(!answer.step.carries_profile() && !answer.step.compresses());
}

#[test]
fn key_requests_are_refused() {
    let without = HandshakeMessage { auth: None, ..key_request() };
    assert_eq!(reason(without, &contact()), Reason::KeyRequestWithoutAuth);
    assert_eq!(reason(key_request(), &InviterFacts { auth: None, ..contact() }), Reason::BadAuth);
    let blocked = InviterFacts { sender_blocked: true, ..contact() };
    assert_eq!(reason(key_request(), &blocked), Reason::Blocked("RequestPubkey"));
    let forged = HandshakeMessage { forged_from: true, ..key_request() };
    assert_eq!(reason(forged, &contact()), Reason::ForgedFrom);
}

fn request() -> HandshakeMessage {
    HandshakeMessage {
        step: Some("vg-request".into()),
        invite_number: Some("invitenumberinvitenumber".into()),
        autocrypt: Some(bob()),
        ..Default::default()
    }
}

#[test]
fn clear_requests_are_answered_with_their_prefix() {
    let facts = InviterFacts { invite_number_known: true, ..contact() };
    let reaction = receive(&request(), &facts, NOW);
    assert_eq!(sent(&reaction.effects)[0].step, Step::AuthRequired(Prefix::Group));
    assert_eq!(sent(&reaction.effects)[0].gossip, Some(bob()));
    assert_eq!(reaction.fate, Fate::Done);
    let keyless = HandshakeMessage { autocrypt: None, ..request() };
    assert_eq!(reason(keyless, &facts), Reason::NoAutocryptKey);
    assert_eq!(reason(request(), &contact()), Reason::BadInviteNumber);
}

#[test]
fn unknown_and_obsolete_steps() {
    let step = |name: &str| HandshakeMessage { step: Some(name.into()), ..proof() };
    assert_eq!(
        reason(step("vb-request-with-auth"), &contact()),
        Reason::UnknownStep("vb-request-with-auth".into())
    );
    assert_eq!(receive(&step("vg-member-added-received"), &contact(), NOW).fate, Fate::Done);
}
