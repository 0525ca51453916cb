//! What a session takes from the responses of the library. Pure.

use async_imap::imap_proto::{
    AttributeValue, Capability, MailboxDatum, Outcome, Response, ResponseCode, Status, StatusAttribute,
    rfc2087::QuotaResourceName,
};
use bytes::Bytes;

use super::session::{Capabilities, ImapError, QuotaRoots};
use crate::guard::imap::literal_of;

/// Data of one mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchData {
    /// UID.
    pub uid: Option<u32>,
    /// When it arrived, by the clock of the server.
    pub arrived: Option<i64>,
    /// Size in bytes.
    pub size: Option<u32>,
    /// `\Seen` is among the flags.
    pub seen: bool,
    /// `\Deleted` is among the flags.
    pub deleted: bool,
    /// `\Draft` is among the flags.
    pub draft: bool,
    /// Content of the only body section that was asked for.
    pub body: Option<Bytes>,
}

/// One resource of a quota root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaResource {
    /// Name, for example `STORAGE`.
    pub name: String,
    /// Amount in use.
    pub usage: u64,
    /// Limit.
    pub limit: u64,
}

impl FetchData {
    /// Reads a FETCH response whose literals were set aside.
    pub(super) fn read(attributes: &[AttributeValue<'_>], literals: &[Bytes]) -> Self {
        let mut data = Self::default();
        for attribute in attributes {
            match attribute {
                AttributeValue::Uid(uid) => data.uid = Some(*uid),
                AttributeValue::InternalDate(date) => data.arrived = date_time(date),
                AttributeValue::Rfc822Size(size) => data.size = Some(*size),
                AttributeValue::Flags(flags) => {
                    let has = |name: &str| flags.iter().any(|flag| flag.eq_ignore_ascii_case(name));
                    data.seen |= has("\\Seen");
                    data.deleted |= has("\\Deleted");
                    data.draft |= has("\\Draft");
                }
                AttributeValue::BodySection { data: body, .. } | AttributeValue::Rfc822(body) => {
                    data.body = body.as_deref().map(|body| literal_of(body, literals));
                }
                _ => {}
            }
        }
        data
    }
}

/// `date-time` of RFC 9051 §9: `17-Jul-1996 02:44:25 -0700`, the day padded with a space or not.
fn date_time(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_str(text.trim(), "%d-%b-%Y %H:%M:%S %z").ok().map(|time| time.timestamp())
}

impl Capabilities {
    /// Reads the words of a CAPABILITY response or code.
    pub(super) fn read(words: &[Capability<'_>]) -> Self {
        let has = |name: &str| {
            words.iter().any(|word| matches!(word, Capability::Atom(atom) if atom.eq_ignore_ascii_case(name)))
        };
        Self {
            idle: has("IDLE"),
            id: has("ID"),
            quota: has("QUOTA"),
            metadata: has("METADATA"),
            push: has("XDELTAPUSH"),
        }
    }
}

/// What SELECT says about a folder.
#[derive(Default)]
pub(super) struct SelectAnswer {
    pub uidvalidity: Option<u32>,
    pub uid_next: Option<u32>,
}

impl SelectAnswer {
    /// Takes note of a response to SELECT.
    pub fn take(&mut self, response: &Response<'_>) {
        if let Response::Data { outcome, .. } = response {
            match outcome.code {
                Some(ResponseCode::UidValidity(number)) => self.uidvalidity = Some(number),
                Some(ResponseCode::UidNext(number)) => self.uid_next = Some(number),
                _ => {}
            }
        }
    }
}

/// UIDNEXT of a STATUS response.
pub(super) fn status_uid_next(response: &Response<'_>) -> Option<u32> {
    let Response::MailboxData(MailboxDatum::Status { status, .. }) = response else { return None };
    status.iter().find_map(|item| match item {
        StatusAttribute::UidNext(next) => Some(*next),
        _ => None,
    })
}

/// Quota roots of a folder, and their fill levels.
#[derive(Default)]
pub(super) struct QuotaAnswer {
    pub roots: Vec<String>,
    pub quotas: QuotaRoots,
}

impl QuotaAnswer {
    /// Takes note of a response to GETQUOTAROOT.
    pub fn take(&mut self, response: &Response<'_>) {
        match response {
            Response::QuotaRoot(root) => {
                self.roots = root.quota_root_names.iter().map(ToString::to_string).collect();
            }
            Response::Quota(quota) => {
                let resource = |name: &QuotaResourceName<'_>| match name {
                    QuotaResourceName::Storage => "STORAGE".to_string(),
                    QuotaResourceName::Message => "MESSAGE".to_string(),
                    QuotaResourceName::Atom(name) => name.to_string(),
                };
                let resources = quota.resources.iter().map(|found| QuotaResource {
                    name: resource(&found.name),
                    usage: found.usage,
                    limit: found.limit,
                });
                self.quotas.push((quota.root_name.to_string(), resources.collect()));
            }
            _ => {}
        }
    }
}

/// Entries and values of a METADATA response; `None` means "not set".
pub(super) fn metadata(response: &Response<'_>) -> Vec<(String, Option<Bytes>)> {
    let Response::MailboxData(MailboxDatum::MetadataSolicited { values, .. }) = response else {
        return Vec::new();
    };
    values.iter().map(|found| (found.entry.clone(), found.value.clone().map(Bytes::from))).collect()
}

/// A status other than OK as an error, in the words of the server.
pub(super) fn refusal(status: &Status, outcome: &Outcome<'_>) -> ImapError {
    let text = format!("code: {:?}, info: {:?}", outcome.code, outcome.information);
    match status {
        Status::Bad => ImapError::Bad(text),
        Status::Bye => ImapError::Bye(outcome.information.as_deref().unwrap_or_default().to_string()),
        _ => ImapError::No(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetched(response: &[u8], literals: &[Bytes]) -> FetchData {
        match Response::parse(response).unwrap().1 {
            Response::Fetch(_, attributes) => FetchData::read(&attributes, literals),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn everything_asked_for_is_found() {
        let response = b"* 1 FETCH (UID 7 FLAGS (\\SEEN \\Draft $x) RFC822.SIZE 12 \
            INTERNALDATE \" 7-Nov-2026 10:00:00 +0100\" BODY[] {2}\r\n\x000)\r\n";
        let data = fetched(response, &[Bytes::from_static(b"hello")]);
        assert_eq!((data.uid, data.size, data.arrived), (Some(7), Some(12), Some(1_794_042_000)));
        assert!(data.seen && data.draft && !data.deleted);
        assert_eq!(data.body.unwrap(), "hello");
    }

    #[test]
    fn a_body_may_be_a_quoted_string_or_nothing() {
        assert_eq!(fetched(b"* 1 FETCH (BODY[] \"short\")\r\n", &[]).body.unwrap(), "short");
        assert_eq!(fetched(b"* 1 FETCH (UID 1 BODY[] NIL)\r\n", &[]).body, None);
        assert_eq!(fetched(b"* 1 FETCH (INTERNALDATE \"?\")\r\n", &[]).arrived, None);
    }
}
