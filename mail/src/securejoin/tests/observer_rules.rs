//! What own devices conclude from copies of own mails.

use super::*;
use crate::securejoin::observer::{ObserverFacts, receive};

fn copy(step: &str) -> HandshakeMessage {
    HandshakeMessage { step: Some(step.into()), encrypted: true, signer: Some(key(1)), ..Default::default() }
}

fn facts() -> ObserverFacts {
    ObserverFacts {
        own_fingerprint: key(1),
        recipient: Some(key(2)),
        recipient_blocked: false,
        gossiped: Some(key(2)),
    }
}

#[test]
fn joins_served_elsewhere_are_known_here() {
    let confirm = receive(&copy("vc-contact-confirm"), &facts());
    let mark = Effect::MarkVerified { fingerprint: key(2) };
    let single = Effect::InviterProgress { fingerprint: key(2), chat: InviterChat::ObservedSingle };
    assert_eq!(confirm, Reaction { effects: vec![mark.clone(), single], fate: Fate::Observed });

    let added = HandshakeMessage { member_added: Some("b@x.example".into()), ..copy("vg-member-added") };
    let group = Effect::InviterProgress { fingerprint: key(2), chat: InviterChat::ObservedGroup };
    assert_eq!(
        receive(&added, &facts()),
        Reaction { effects: vec![mark.clone(), group], fate: Fate::Message }
    );

    let proof = receive(&copy("vg-request-with-auth"), &facts());
    assert_eq!(proof, Reaction { effects: vec![mark], fate: Fate::Observed });
}

#[test]
fn copies_that_prove_nothing_are_ignored() {
    let ignored = |message: &HandshakeMessage, facts: &ObserverFacts| {
        let reaction = receive(message, facts);
        assert!(reaction.effects.is_empty());
        matches!(reaction.fate, Fate::Ignored(_))
    };
    let confirm = copy("vc-contact-confirm");
    assert!(ignored(&HandshakeMessage { signer: Some(key(3)), ..confirm.clone() }, &facts()));
    assert!(ignored(&confirm, &ObserverFacts { gossiped: None, ..facts() }));
    assert!(ignored(&confirm, &ObserverFacts { gossiped: Some(key(4)), ..facts() }));
    assert!(ignored(&confirm, &ObserverFacts { recipient_blocked: true, ..facts() }));
    assert!(ignored(&copy("vc-pubkey"), &facts()));
    let added = HandshakeMessage { member_added: Some("b@x.example".into()), ..copy("vg-member-added") };
    let blocked = ObserverFacts { recipient_blocked: true, ..facts() };
    assert_eq!(receive(&added, &blocked).fate, Fate::Message, "membership stays the same everywhere");
}
