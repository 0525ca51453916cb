//! The mails of the handshake, described for whoever builds and encrypts them.

use super::{GroupId, PendingJoin, Prefix, Step, Target, Token};
use crate::{
    address::Address,
    openpgp::{Fingerprint, SharedSecret},
};

/// Where a handshake mail goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipients {
    /// All these addresses in one mail. The header names none of them.
    Hidden(Vec<Address>),
    /// The sender of the mail that is answered, and only the address it was sent from. The header does not name it.
    HiddenSender,
    /// The contact with this key, at its address.
    Contact(Fingerprint),
    /// The contact with this key, at all addresses its key lists.
    AllRelaysOf(Fingerprint),
}

/// How a handshake mail is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all, and not signed.
    None,
    /// With the secret of the code.
    Symmetric {
        /// The shared secret.
        secret: SharedSecret,
        /// Whether the mail is signed. The first one is not: whoever found the code must not learn who joins.
        sign: bool,
    },
    /// To the own key and that with this fingerprint, signed.
    Public(Fingerprint),
}

/// A handshake mail to send. Group and channel members are announced by the chat's own mails instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepMail {
    /// Which step; its methods tell about profile data, compression and `Chat-Version`.
    pub step: Step,
    /// Where it goes.
    pub to: Recipients,
    /// How it is encrypted.
    pub encryption: Encryption,
    /// The `Secure-Join…` headers, in their order. In the protected part if there is one.
    pub headers: Vec<(&'static str, String)>,
    /// The text of the body.
    pub body: String,
    /// The subject, where it is not that of an ordinary chat message.
    pub subject: Option<&'static str>,
    /// Whether the own key is in an `Autocrypt` header.
    pub autocrypt: bool,
    /// Fingerprint of the key to gossip. It is there even though there is one recipient only, because it proves for
    /// whom the mail was signed.
    pub gossip: Option<Fingerprint>,
    /// Whether the own other devices get a copy, if there are any.
    pub self_copy: bool,
}

const SECURE_JOIN: &str = "Secure-Join";
const AUTH: &str = "Secure-Join-Auth";
const INVITE_NUMBER: &str = "Secure-Join-Invitenumber";
const FINGERPRINT: &str = "Secure-Join-Fingerprint";
const GROUP: &str = "Secure-Join-Group";

impl StepMail {
    /// v3: asks the inviter for the key.
    pub fn key_request(join: &PendingJoin) -> Self {
        let invite = &join.invite;
        Self {
            step: Step::KeyRequest,
            to: Recipients::Hidden(invite.addresses.clone()),
            encryption: Encryption::Symmetric { secret: join.secret(), sign: false },
            headers: vec![
                (SECURE_JOIN, Step::KeyRequest.header().to_owned()),
                (AUTH, invite.auth.as_str().to_owned()),
            ],
            body: SECURE_JOIN.to_owned(),
            subject: Some(SECURE_JOIN),
            autocrypt: false,
            gossip: None,
            self_copy: false,
        }
    }

    /// v3: answers with the own key, under the secret of the token that the request named.
    pub fn key(own_fingerprint: Fingerprint, auth: &Token) -> Self {
        Self {
            step: Step::Key,
            to: Recipients::HiddenSender,
            encryption: Encryption::Symmetric {
                secret: SharedSecret::own_invite(own_fingerprint, auth.as_str()),
                sign: true,
            },
            headers: vec![(SECURE_JOIN, Step::Key.header().to_owned()), (AUTH, auth.as_str().to_owned())],
            body: SECURE_JOIN.to_owned(),
            subject: Some(SECURE_JOIN),
            autocrypt: true,
            gossip: None,
            self_copy: false,
        }
    }

    /// v2: asks the inviter for the key, in clear text.
    pub fn request(join: &PendingJoin, invite_number: &Token) -> Self {
        let step = Step::Request(join.prefix());
        Self {
            step,
            to: Recipients::Contact(join.invite.fingerprint),
            encryption: Encryption::None,
            headers: vec![
                (SECURE_JOIN, step.header().to_owned()),
                (INVITE_NUMBER, invite_number.as_str().to_owned()),
            ],
            body: named_body(step),
            subject: None,
            autocrypt: true,
            gossip: None,
            self_copy: false,
        }
    }

    /// v2: answers with the own key, encrypted to that of the joiner.
    pub fn auth_required(prefix: Prefix, joiner: Fingerprint) -> Self {
        Self::to_key(Step::AuthRequired(prefix), Recipients::Contact(joiner), joiner, vec![])
    }

    /// Proves to the inviter that the code was seen.
    pub fn request_with_auth(join: &PendingJoin, own_fingerprint: Fingerprint) -> Self {
        let invite = &join.invite;
        let mut more =
            vec![(AUTH, invite.auth.as_str().to_owned()), (FINGERPRINT, own_fingerprint.to_string())];
        if let Target::Group { id, .. } = &invite.target {
            more.push((GROUP, GroupId::as_str(id).to_owned()));
        }
        let to = Recipients::AllRelaysOf(invite.fingerprint);
        let mut mail = Self::to_key(Step::RequestWithAuth(join.prefix()), to, invite.fingerprint, more);
        mail.self_copy = true;
        mail
    }

    /// Confirms that the joiner is a contact now.
    pub fn contact_confirm(joiner: Fingerprint) -> Self {
        let to = Recipients::AllRelaysOf(joiner);
        let mut mail = Self::to_key(Step::ContactConfirm, to, joiner, vec![]);
        mail.self_copy = true;
        mail
    }

    fn to_key(
        step: Step,
        to: Recipients,
        fingerprint: Fingerprint,
        more: Vec<(&'static str, String)>,
    ) -> Self {
        let mut headers = vec![(SECURE_JOIN, step.header().to_owned())];
        headers.extend(more);
        Self {
            step,
            to,
            encryption: Encryption::Public(fingerprint),
            headers,
            body: named_body(step),
            subject: None,
            autocrypt: true,
            gossip: Some(fingerprint),
            self_copy: false,
        }
    }
}

/// Relays let the clear-text request pass only with exactly this body.
fn named_body(step: Step) -> String {
    format!("{SECURE_JOIN}: {}", step.header())
}
