//! The kinds of codes and how a text is recognised as one of them.

use url::Url;

use super::{
    AccountCode, AddressCode, BackupCode, Invite, LoginCode, QrError, account, backup, contact, invite,
};
use crate::{
    openpgp::Fingerprint,
    proxy::{self, ProxyUrl},
};

/// What a scanned, pasted or clicked text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// An invite to a chat, a group or a channel.
    Invite(Invite),
    /// Only a key fingerprint.
    Fingerprint(Fingerprint),
    /// A relay on which an account can be made.
    Account(AccountCode),
    /// The login of an existing account.
    Login(LoginCode),
    /// A proxy to go through.
    Proxy(ProxyUrl),
    /// Another device that offers to transfer a profile.
    Backup(BackupCode),
    /// The same, from a version that this engine does not understand.
    BackupTooNew,
    /// An e-mail address, perhaps with a draft.
    Address(AddressCode),
    /// Some other URL.
    Url(String),
    /// Anything else.
    Text(String),
}

/// Tells what `text` is. Surrounding white space does not count.
pub fn parse(text: &str) -> Result<Code, QrError> {
    let text = text.trim();
    if let Some(payload) = strip_scheme(text, invite::FPR_PREFIX) {
        return invite::parse_openpgp4fpr(payload);
    }
    for prefix in invite::LINK_PREFIXES {
        if let Some(payload) = text.strip_prefix(prefix) {
            return invite::parse_link(prefix, payload);
        }
    }
    if let Some(payload) = strip_scheme(text, "DCACCOUNT:") {
        return account::parse_account(payload).map(Code::Account);
    }
    if let Some(payload) = strip_scheme(text, "DCLOGIN:") {
        return account::parse_login(payload).map(Code::Login);
    }
    if strip_scheme(text, "https://t.me/socks").is_some() {
        return Ok(Code::Proxy(proxy::parse_telegram(text)?));
    }
    if text.starts_with("ss://") {
        return Ok(Code::Proxy(ProxyUrl::parse(text)?));
    }
    if strip_scheme(text, "DCBACKUP").is_some() {
        return backup::parse(text);
    }
    if let Some(code) = contact::parse(text) {
        return code.map(Code::Address);
    }
    match Url::parse(text) {
        Ok(url) if url.scheme() == "socks5" || proxy::looks_like_http_proxy(text) => {
            Ok(Code::Proxy(ProxyUrl::parse(text)?))
        }
        Ok(_) => Ok(Code::Url(text.to_owned())),
        Err(_) => Ok(Code::Text(text.to_owned())),
    }
}

/// Removes a prefix, without regard to the case of ASCII letters.
pub(super) fn strip_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then_some(tail)
}
