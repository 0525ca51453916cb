//! The rules of whoever scans the code.

use super::{
    Effect, Fate, HandshakeMessage, InfoLine, Invite, JoinTarget, Origin, PendingJoin, Reaction, Reason,
    Step, StepMail, Target, message::Reading,
};
use crate::{address::Address, openpgp::Fingerprint};

/// Why a join cannot be started.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum JoinError {
    /// The clear-text request names its sender, and there is no address yet. (Encrypted requests are queued instead.)
    #[error("Failed to create send jobs: No self addr configured")]
    NoOwnAddress,
    /// A code without invite number of an inviter that knows only the older handshake.
    #[error("Unsupported QR type")]
    NoInviteNumber,
}

/// What the joiner knows when a code is scanned.
#[derive(Debug, Clone, Copy)]
pub struct StartFacts<'a> {
    /// Fingerprint of the own key.
    pub own_fingerprint: Fingerprint,
    /// Whether there is an own address.
    pub has_own_address: bool,
    /// Whether one is a member of the group or channel of the code already.
    pub already_member: bool,
    /// The addresses that the stored key with the fingerprint of the code lists. `None` if there is no such key, or it
    /// has no list.
    pub key_addresses: Option<&'a [Address]>,
}

/// Starts a join.
pub fn start(invite: &Invite, facts: &StartFacts<'_>) -> Result<Vec<Effect>, JoinError> {
    let inviter = invite.fingerprint;
    let join = PendingJoin { invite: invite.clone() };
    let mut effects = Vec::new();
    if facts.already_member && invite.target != Target::Contact {
        effects.extend([
            Effect::EnsureSingleChat { fingerprint: inviter },
            Effect::EnsureJoinedChat(invite.target.clone()),
            Effect::JoinerProgress { fingerprint: inviter, progress: 1000 },
        ]);
        return Ok(effects);
    }
    let first = first_mail(&join, facts)?;
    effects.push(match invite.target {
        Target::Contact => Effect::ShowSingleChat { fingerprint: inviter },
        Target::Group { .. } | Target::Channel { .. } => Effect::EnsureSingleChat { fingerprint: inviter },
    });
    if !matches!(invite.target, Target::Channel { .. }) {
        effects.push(Effect::RaiseOrigin { fingerprint: inviter, origin: Origin::Joined });
    }
    let shortcut = matches!(first.step, Step::RequestWithAuth(_));
    effects.push(Effect::Send(first));
    if shortcut {
        effects.push(verified(inviter));
        effects.push(Effect::JoinerProgress { fingerprint: inviter, progress: 400 });
    } else {
        effects.push(Effect::StorePending(join));
    }
    match &invite.target {
        Target::Contact if shortcut => {}
        Target::Contact => {
            effects.push(Effect::Info { chat: JoinTarget::Single(inviter), line: InfoLine::Wait });
        }
        Target::Group { id, .. } | Target::Channel { id, .. } => {
            effects.push(Effect::EnsureJoinedChat(invite.target.clone()));
            let line = match invite.target {
                Target::Channel { .. } => InfoLine::InvitedToChannel,
                _ => InfoLine::InvitedToGroup,
            };
            effects.push(Effect::Info { chat: JoinTarget::Chat(id.clone()), line });
        }
    }
    Ok(effects)
}

fn first_mail(join: &PendingJoin, facts: &StartFacts<'_>) -> Result<StepMail, JoinError> {
    let invite = &join.invite;
    // A key that misses an address of the code is out of date: the full handshake brings the new one.
    let suitable = facts
        .key_addresses
        .is_some_and(|listed| invite.addresses.iter().all(|address| listed.contains(address)));
    if suitable {
        return Ok(StepMail::request_with_auth(join, facts.own_fingerprint));
    }
    if invite.v3 {
        return Ok(StepMail::key_request(join));
    }
    let number = invite.invite_number.as_ref().ok_or(JoinError::NoInviteNumber)?;
    if !facts.has_own_address {
        return Err(JoinError::NoOwnAddress);
    }
    Ok(StepMail::request(join, number))
}

fn verified(fingerprint: Fingerprint) -> Effect {
    Effect::MarkVerified { fingerprint }
}

/// A stored join, and whether it can still go on.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The id under which it is stored.
    pub id: u64,
    /// The join.
    pub join: PendingJoin,
    /// Whether the inviter is still a contact.
    pub contact_exists: bool,
}

/// Answers a mail to the joiner. `waiting` holds the stored joins whose fingerprint is that of the signer; more do no
/// harm.
pub fn receive(message: &HandshakeMessage, waiting: &[Waiting], own_fingerprint: Fingerprint) -> Reaction {
    let step = match message.read() {
        Reading::None => return Reaction::new(Fate::NotHandshake, vec![]),
        Reading::Rejected(reason) => return Reaction::new(Fate::Failed(reason), vec![]),
        Reading::Unknown(step) => return Reaction::ignore(Reason::UnknownStep(step)),
        Reading::Step(step) => step,
    };
    let Some(signer) = message.signer else { return Reaction::ignore(Reason::WrongRole(step.header())) };
    let checks_gossip = matches!(step, Step::AuthRequired(_) | Step::ContactConfirm | Step::MemberAdded);
    if checks_gossip && !message.gossips_own_key {
        return Reaction::ignore(Reason::NoOwnGossip(step.header()));
    }
    match step {
        Step::Key | Step::AuthRequired(_) => prove(signer, waiting, own_fingerprint),
        Step::ContactConfirm => Reaction::new(
            Fate::Observed,
            vec![Effect::JoinerProgress { fingerprint: signer, progress: 1000 }],
        ),
        Step::MemberAdded => Reaction::new(Fate::Message, member_added(message, signer)),
        Step::Obsolete => Reaction::new(Fate::Done, vec![]),
        other => Reaction::ignore(Reason::WrongRole(other.header())),
    }
}

/// The inviter's key is known: one answer serves every join that waits for this inviter.
fn prove(signer: Fingerprint, waiting: &[Waiting], own_fingerprint: Fingerprint) -> Reaction {
    let mut effects = Vec::new();
    for entry in waiting.iter().filter(|w| w.contact_exists && w.join.invite.fingerprint == signer) {
        let fingerprint = signer;
        effects.extend([
            Effect::RemoveWaitLine { fingerprint },
            Effect::Send(StepMail::request_with_auth(&entry.join, own_fingerprint)),
            Effect::DropPending(entry.id),
            verified(fingerprint),
        ]);
        if let Target::Group { id, .. } = &entry.join.invite.target {
            effects.push(Effect::Info { chat: JoinTarget::Chat(id.clone()), line: InfoLine::InviterReplied });
        }
        effects.push(Effect::JoinerProgress { fingerprint, progress: 400 });
    }
    if effects.is_empty() {
        // Left on the relay: another own device may have started the join.
        Reaction::ignore(Reason::NothingPending)
    } else {
        Reaction::new(Fate::Done, effects)
    }
}

fn member_added(message: &HandshakeMessage, signer: Fingerprint) -> Vec<Effect> {
    if message.member_added_is_self {
        return vec![Effect::JoinerProgress { fingerprint: signer, progress: 1000 }];
    }
    message.member_added.iter().map(|address| Effect::LogUnrelatedJoin { address: address.clone() }).collect()
}
