//! The rules of own devices that see a copy of a handshake mail which another own device sent.

use super::{Effect, Fate, HandshakeMessage, InviterChat, Reaction, Reason, Step, message::Reading};
use crate::openpgp::Fingerprint;

/// What is known of the receiver of the mail.
#[derive(Debug, Clone)]
pub struct ObserverFacts {
    /// Fingerprint of the own key.
    pub own_fingerprint: Fingerprint,
    /// Fingerprint of the contact that the first `To` address belongs to.
    pub recipient: Option<Fingerprint>,
    /// Whether that contact is blocked.
    pub recipient_blocked: bool,
    /// Fingerprint of the key that the mail gossips for that address.
    pub gossiped: Option<Fingerprint>,
}

/// Draws conclusions from a copy of an own mail.
pub fn receive(message: &HandshakeMessage, facts: &ObserverFacts) -> Reaction {
    let step = match message.read() {
        Reading::None => return Reaction::new(Fate::NotHandshake, vec![]),
        Reading::Rejected(reason) => return Reaction::ignore(reason),
        Reading::Unknown(step) => return Reaction::ignore(Reason::UnknownStep(step)),
        Reading::Step(step) => step,
    };
    if !matches!(step, Step::RequestWithAuth(_) | Step::ContactConfirm | Step::MemberAdded) {
        return Reaction::ignore(Reason::WrongRole(step.header()));
    }
    if message.signer != Some(facts.own_fingerprint) {
        return Reaction::ignore(Reason::BadCopy("not signed by the own key"));
    }
    let Some(gossiped) = facts.gossiped else {
        return Reaction::ignore(Reason::BadCopy("no key gossiped for the recipient"));
    };
    if facts.recipient != Some(gossiped) {
        return Reaction::ignore(Reason::BadCopy("the gossiped key is not that of the recipient"));
    }
    // Membership must stay the same on all devices, whoever is blocked.
    if facts.recipient_blocked && step != Step::MemberAdded {
        return Reaction::ignore(Reason::Blocked(step.header()));
    }
    let mut effects = vec![Effect::MarkVerified { fingerprint: gossiped }];
    if matches!(step, Step::ContactConfirm | Step::MemberAdded) {
        let chat = match message.member_added {
            None => InviterChat::ObservedSingle,
            Some(_) => InviterChat::ObservedGroup,
        };
        effects.push(Effect::InviterProgress { fingerprint: gossiped, chat });
    }
    let fate = if step == Step::MemberAdded { Fate::Message } else { Fate::Observed };
    Reaction::new(fate, effects)
}
