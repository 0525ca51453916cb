//! A join that waits for the inviter's answer, in memory and as a record.

use prost::Message;

use super::{GroupId, Invite, Prefix, Target, Token};
use crate::{address::Address, openpgp::SharedSecret};

/// A join that was started and not yet answered. It never expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingJoin {
    /// The invite that was scanned.
    pub invite: Invite,
}

/// Why a stored record is no pending join.
#[derive(Debug, thiserror::Error)]
pub enum BadPendingJoin {
    /// It is no record of this kind.
    #[error("unreadable record: {0}")]
    Record(#[from] prost::DecodeError),
    /// A field has no usable value.
    #[error("unusable {0}")]
    Field(&'static str),
}

/// The record. Field numbers are never used again for something else.
#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(string, tag = "1")]
    fingerprint: String,
    #[prost(string, repeated, tag = "2")]
    addresses: Vec<String>,
    #[prost(string, tag = "3")]
    inviter_name: String,
    /// 0 contact, 1 group, 2 channel.
    #[prost(uint32, tag = "4")]
    target: u32,
    #[prost(string, tag = "5")]
    group_id: String,
    #[prost(string, tag = "6")]
    group_name: String,
    #[prost(string, optional, tag = "7")]
    invite_number: Option<String>,
    #[prost(string, tag = "8")]
    auth: String,
    #[prost(bool, tag = "9")]
    v3: bool,
}

impl PendingJoin {
    /// Which names the steps of this join have.
    pub(super) fn prefix(&self) -> Prefix {
        match self.invite.target {
            Target::Contact => Prefix::Contact,
            Target::Group { .. } | Target::Channel { .. } => Prefix::Group,
        }
    }

    /// The secret that request and answer are encrypted with. Only the inviter's key may sign under it.
    pub fn secret(&self) -> SharedSecret {
        SharedSecret::scanned_invite(self.invite.fingerprint, self.invite.auth.as_str())
    }

    /// The record to store.
    pub fn to_bytes(&self) -> Vec<u8> {
        let invite = &self.invite;
        let (target, id, name) = match &invite.target {
            Target::Contact => (0, "", ""),
            Target::Group { id, name } => (1, id.as_str(), name.as_str()),
            Target::Channel { id, name } => (2, id.as_str(), name.as_str()),
        };
        Record {
            fingerprint: invite.fingerprint.to_string(),
            addresses: invite.addresses.iter().map(ToString::to_string).collect(),
            inviter_name: invite.inviter_name.clone(),
            target,
            group_id: id.to_owned(),
            group_name: name.to_owned(),
            invite_number: invite.invite_number.as_ref().map(|n| n.as_str().to_owned()),
            auth: invite.auth.as_str().to_owned(),
            v3: invite.v3,
        }
        .encode_to_vec()
    }

    /// Reads a stored record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadPendingJoin> {
        use BadPendingJoin::Field;
        let record = Record::decode(bytes)?;
        let id = || GroupId::parse(&record.group_id).ok_or(Field("group id"));
        let target = match record.target {
            0 => Target::Contact,
            1 => Target::Group { id: id()?, name: record.group_name.clone() },
            2 => Target::Channel { id: id()?, name: record.group_name.clone() },
            _ => return Err(Field("target")),
        };
        let addresses: Vec<Address> = record
            .addresses
            .iter()
            .map(|a| Address::parse(a).map_err(|_| Field("address")))
            .collect::<Result<_, _>>()?;
        if addresses.is_empty() {
            return Err(Field("address"));
        }
        Ok(Self {
            invite: Invite {
                fingerprint: record.fingerprint.parse().map_err(|_| Field("fingerprint"))?,
                addresses,
                inviter_name: record.inviter_name,
                target,
                invite_number: match &record.invite_number {
                    None => None,
                    Some(number) => Some(Token::parse(number).ok_or(Field("invite number"))?),
                },
                auth: Token::parse(&record.auth).ok_or(Field("auth token"))?,
                v3: record.v3,
            },
        })
    }
}
