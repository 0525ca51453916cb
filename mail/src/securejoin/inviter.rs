//! The rules of whoever shows the code.

use super::{
    Effect, Fate, GroupId, HandshakeMessage, InviterChat, Origin, Prefix, Reaction, Reason, Scope, Step,
    StepMail, Token, message::Reading,
};
use crate::openpgp::{BadFingerprint, Fingerprint};

/// Seconds for which a token proves more than that the code was seen: that people met. Older ones still let join, but
/// do not verify, because codes wander.
pub const VERIFYING_TOKEN_AGE: i64 = 7 * 24 * 60 * 60;

/// What the inviter knows, looked up for one received mail.
#[derive(Debug, Clone)]
pub struct InviterFacts {
    /// Fingerprint of the own key.
    pub own_fingerprint: Fingerprint,
    /// Whether the mail's invite number was given out, for whatever.
    pub invite_number_known: bool,
    /// What is stored with the mail's auth token, if it was given out.
    pub auth: Option<AuthFacts>,
    /// Whether the sender is blocked: the contact with its key, or any with its address if it did not sign.
    pub sender_blocked: bool,
    /// Fingerprint of the contact that the mail was attributed to.
    pub sender_fingerprint: Option<Fingerprint>,
    /// The group or channel that the auth token belongs to, if it exists.
    pub chat: Option<ChatFacts>,
}

/// What is stored with an auth token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthFacts {
    /// What it lets into.
    pub scope: Scope,
    /// When it was made (Unix seconds).
    pub created: i64,
}

/// A group or channel that somebody wants to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatFacts {
    /// Whether it is a channel.
    pub channel: bool,
    /// Whether one is a member oneself.
    pub self_is_member: bool,
    /// Whether others know of it already.
    pub promoted: bool,
    /// Whether the joiner is a member already.
    pub joiner_is_member: bool,
}

/// Answers a mail to the inviter.
pub fn receive(message: &HandshakeMessage, facts: &InviterFacts, now: i64) -> Reaction {
    match message.read() {
        Reading::None => Reaction::new(Fate::NotHandshake, vec![]),
        Reading::Rejected(reason) => Reaction::ignore(reason),
        Reading::Unknown(step) => Reaction::ignore(Reason::UnknownStep(step)),
        Reading::Step(Step::KeyRequest) => answer_key_request(message, facts),
        Reading::Step(Step::Request(prefix)) => answer_request(message, facts, prefix),
        Reading::Step(Step::RequestWithAuth(_)) => answer_proof(message, facts, now),
        Reading::Step(Step::Obsolete) => Reaction::new(Fate::Done, vec![]),
        Reading::Step(other) => Reaction::ignore(Reason::WrongRole(other.header())),
    }
}

fn answer_key_request(message: &HandshakeMessage, facts: &InviterFacts) -> Reaction {
    let Some(auth) = &message.auth else { return Reaction::ignore(Reason::KeyRequestWithoutAuth) };
    let Some(token) = Token::parse(auth).filter(|_| facts.auth.is_some()) else {
        return Reaction::ignore(Reason::BadAuth);
    };
    if facts.sender_blocked {
        return Reaction::ignore(Reason::Blocked("RequestPubkey"));
    }
    Reaction::new(Fate::Done, vec![Effect::Send(StepMail::key(facts.own_fingerprint, &token))])
}

fn answer_request(message: &HandshakeMessage, facts: &InviterFacts, prefix: Prefix) -> Reaction {
    if !facts.invite_number_known {
        return Reaction::ignore(Reason::BadInviteNumber);
    }
    if facts.sender_blocked {
        return Reaction::ignore(Reason::Blocked("Request"));
    }
    let Some(joiner) = message.autocrypt else {
        return Reaction::new(Fate::Failed(Reason::NoAutocryptKey), vec![]);
    };
    Reaction::new(
        Fate::Done,
        vec![
            Effect::EnsureSingleChat { fingerprint: joiner },
            Effect::Send(StepMail::auth_required(prefix, joiner)),
        ],
    )
}

fn answer_proof(message: &HandshakeMessage, facts: &InviterFacts, now: i64) -> Reaction {
    let (joiner, auth) = match check_proof(message, facts) {
        Ok(checked) => checked,
        Err(Reason::MalformedFingerprint(text)) => {
            return Reaction::new(Fate::Failed(Reason::MalformedFingerprint(text)), vec![]);
        }
        Err(reason) => return Reaction::ignore(reason),
    };
    let mut effects = Vec::new();
    // Whom one has met stays true, also for people one does not want to hear from.
    if now.saturating_sub(auth.created) < VERIFYING_TOKEN_AGE {
        effects.push(Effect::MarkVerified { fingerprint: joiner });
    }
    if facts.sender_blocked {
        return Reaction::new(Fate::Ignored(Reason::Blocked("RequestWithAuth")), effects);
    }
    effects.push(Effect::ForgetGossip { fingerprint: joiner });
    match (&auth.scope, facts.chat) {
        (Scope::Chat(id), Some(chat)) => {
            admit_member(&mut effects, id, chat, joiner);
            Reaction::new(Fate::Done, effects)
        }
        _ => {
            effects.extend([
                Effect::ShowSingleChat { fingerprint: joiner },
                Effect::RaiseOrigin { fingerprint: joiner, origin: Origin::ChatCreated },
                Effect::Send(StepMail::contact_confirm(joiner)),
                Effect::InviterProgress { fingerprint: joiner, chat: InviterChat::Single },
            ]);
            // The own other devices learn the joiner's key from this mail.
            Reaction::new(Fate::Observed, effects)
        }
    }
}

/// The checks of the proof, in their order. Whether the joiner is blocked is left to the caller.
fn check_proof<'a>(
    message: &HandshakeMessage,
    facts: &'a InviterFacts,
) -> Result<(Fingerprint, &'a AuthFacts), Reason> {
    if !message.gossips_own_key {
        return Err(Reason::NoOwnGossip("RequestWithAuth"));
    }
    let written = message.fingerprint.as_deref().ok_or(Reason::NoFingerprint)?;
    let joiner: Fingerprint =
        written.parse().map_err(|error: BadFingerprint| Reason::MalformedFingerprint(error.to_string()))?;
    if message.signer != Some(joiner) {
        return Err(Reason::NotSignedByFingerprint);
    }
    if message.auth.is_none() {
        return Err(Reason::NoAuth);
    }
    let auth = facts.auth.as_ref().ok_or(Reason::InvalidAuth)?;
    if let (Scope::Chat(id), None) = (&auth.scope, facts.chat) {
        return Err(Reason::UnknownGroup(id.to_string()));
    }
    if facts.sender_fingerprint != Some(joiner) {
        return Err(Reason::FingerprintMismatch);
    }
    Ok((joiner, auth))
}

fn admit_member(effects: &mut Vec<Effect>, id: &GroupId, chat: ChatFacts, joiner: Fingerprint) {
    if !chat.self_is_member {
        effects.push(Effect::ErrorSelfNotInGroup);
        return;
    }
    if !chat.channel {
        effects.push(Effect::ForgetGroupGossip(id.clone()));
        effects.push(Effect::RaiseOrigin { fingerprint: joiner, origin: Origin::Invited });
    }
    if !chat.promoted {
        effects.push(Effect::PromoteGroup(id.clone()));
    }
    if !chat.joiner_is_member {
        effects.push(Effect::AddMember { chat: id.clone(), fingerprint: joiner });
    }
    // Also when the joiner is a member already: it may have missed the announcement.
    effects.push(Effect::AnnounceMember {
        chat: id.clone(),
        fingerprint: joiner,
        to_member_only: chat.channel,
    });
    let joined = if chat.channel {
        effects.push(Effect::SyncSubscribers(id.clone()));
        effects.push(Effect::ResendHistory { chat: id.clone(), fingerprint: joiner });
        InviterChat::Channel(id.clone())
    } else {
        InviterChat::Group(id.clone())
    };
    effects.push(Effect::InviterProgress { fingerprint: joiner, chat: joined });
}
