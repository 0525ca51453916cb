//! Invites as they are written and read: codes with the inviter's key fingerprint, addresses and a secret.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Code, QrError};
use crate::address::Address;
use crate::openpgp::Fingerprint;
use crate::securejoin::{GroupId, Invite, Target, Token};

/// Prefix of the link form that is generated.
const LINK_PREFIX: &str = "https://i.delta.chat/#";
/// The prefixes that are read; some programs drop the slash.
pub(super) const LINK_PREFIXES: [&str; 2] = [LINK_PREFIX, "https://i.delta.chat#"];
/// Prefix of the other form.
pub(super) const FPR_PREFIX: &str = "OPENPGP4FPR:";

/// Addresses that an invite names at most when it is written.
pub const MAX_ADDRESSES: usize = 5;
/// Addresses that are kept of a scanned invite; the rest is checked and dropped.
const MAX_ADDRESSES_READ: usize = 32;
/// Longest inviter name (characters) in a contact invite.
const NAME_LIMIT: usize = 25;
/// Longest inviter name in a group or channel invite, which has two names to carry.
const SHORT_NAME_LIMIT: usize = 16;

/// Everything but letters, digits, `.` and `_` is encoded, so that messengers never cut a link.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_');

impl Invite {
    /// The form that is shown and shared: `https://i.delta.chat/#…`, long names cut.
    pub fn link(&self) -> String {
        format!("{LINK_PREFIX}{}&{}", self.fingerprint, self.params())
    }

    /// The form of older codes: `OPENPGP4FPR:…#…`, with the same parameters as the link.
    pub fn openpgp4fpr(&self) -> String {
        format!("{FPR_PREFIX}{}#{}", self.fingerprint, self.params())
    }

    fn params(&self) -> String {
        let mut params: Vec<String> = Vec::with_capacity(8);
        if self.v3 {
            params.push("v=3".to_owned());
        }
        let (number_key, name_limit) = match &self.target {
            Target::Contact => ("i", NAME_LIMIT),
            Target::Group { id, .. } => {
                params.push(format!("x={id}"));
                ("i", SHORT_NAME_LIMIT)
            }
            Target::Channel { id, .. } => {
                params.push(format!("x={id}"));
                ("j", SHORT_NAME_LIMIT)
            }
        };
        if let Some(number) = &self.invite_number {
            params.push(format!("{number_key}={}", number.as_str()));
        }
        params.push(format!("s={}", self.auth.as_str()));
        let mut addresses = self
            .addresses
            .iter()
            .take(MAX_ADDRESSES)
            .map(|a| utf8_percent_encode(a.as_str(), ENCODED).to_string());
        if let Some(first) = addresses.next() {
            params.push(format!("a={first}"));
        }
        let rest: Vec<String> = addresses.collect();
        if !rest.is_empty() {
            params.push(format!("r={}", rest.join(",")));
        }
        params.push(format!("n={}", encode_name(&self.inviter_name, name_limit)));
        match &self.target {
            Target::Contact => {}
            Target::Group { name, .. } => params.push(format!("g={}", encode_name(name, NAME_LIMIT))),
            Target::Channel { name, .. } => params.push(format!("b={}", encode_name(name, NAME_LIMIT))),
        }
        params.join("&")
    }
}

/// Cuts a name to `limit` characters (the last one becomes `_`) and encodes it with `+` for blanks.
fn encode_name(name: &str, limit: usize) -> String {
    let encode = |text: &str| utf8_percent_encode(text, ENCODED).to_string().replace("%20", "+");
    if name.chars().count() <= limit {
        return encode(name);
    }
    let cut: String = name.chars().take(limit - 1).collect();
    format!("{}_", encode(&cut))
}

/// Undoes [`encode_name`]; a final `_` is shown as an ellipsis.
fn decode_name(key: &'static str, value: &str) -> Result<String, QrError> {
    let spaced = value.replace('+', "%20");
    let name = percent_decode_str(&spaced)
        .decode_utf8()
        .map_err(|error| QrError::Param { name: key, error })?
        .into_owned();
    Ok(match name.strip_suffix('_') {
        Some(cut) => format!("{cut}…"),
        None => name,
    })
}

fn decode_address(value: &str) -> Result<Address, QrError> {
    let decoded = percent_decode_str(value).decode_utf8()?;
    Address::parse(&decoded).map_err(|_| QrError::Address)
}

/// The raw parameters; of equal keys the last one counts.
#[derive(Default)]
struct Params<'a> {
    address: Option<&'a str>,
    relays: Option<&'a str>,
    name: Option<&'a str>,
    group: Option<&'a str>,
    channel: Option<&'a str>,
    id: Option<&'a str>,
    number: Option<&'a str>,
    channel_number: Option<&'a str>,
    auth: Option<&'a str>,
    version: Option<&'a str>,
}

impl<'a> Params<'a> {
    fn read(fragment: &'a str) -> Self {
        let mut params = Self::default();
        for (key, value) in fragment.split('&').filter_map(|part| part.split_once('=')) {
            let slot = match key {
                "a" => &mut params.address,
                "r" => &mut params.relays,
                "n" => &mut params.name,
                "g" => &mut params.group,
                "b" => &mut params.channel,
                "x" => &mut params.id,
                "i" => &mut params.number,
                "j" => &mut params.channel_number,
                "s" => &mut params.auth,
                "v" => &mut params.version,
                _ => continue,
            };
            *slot = Some(value);
        }
        params
    }

    fn addresses(&self) -> Result<Vec<Address>, QrError> {
        let mut addresses = Vec::new();
        for part in self.address.into_iter().chain(self.relays.into_iter().flat_map(|r| r.split(','))) {
            let address = decode_address(part)?;
            if addresses.len() < MAX_ADDRESSES_READ && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(addresses)
    }
}

/// Reads what follows `OPENPGP4FPR:`: an invite, or only a fingerprint.
pub(super) fn parse_openpgp4fpr(payload: &str) -> Result<Code, QrError> {
    let (fpr, fragment) =
        payload.split_once('#').or_else(|| payload.split_once("%23")).unwrap_or((payload, ""));
    parse_parts(fpr, fragment)
        .map_err(|source| QrError::Invite { form: "OPENPGP4FPR", source: Box::new(source) })
}

/// Reads what follows the `prefix` of the link form. Its first `&` stands for the `#` of the other form.
pub(super) fn parse_link(prefix: &'static str, payload: &str) -> Result<Code, QrError> {
    // The first `&` becomes a `#`, and a `#` that already stood before it would win.
    let (fpr, fragment) = match (payload.find('#'), payload.find('&')) {
        (Some(hash), Some(and)) if hash < and => {
            (&payload[..hash], payload[hash + 1..].replacen('&', "#", 1))
        }
        (_, Some(and)) => (&payload[..and], payload[and + 1..].to_owned()),
        (Some(hash), None) => (&payload[..hash], payload[hash + 1..].to_owned()),
        (None, None) => {
            let (fpr, fragment) = payload.split_once("%23").unwrap_or((payload, ""));
            (fpr, fragment.to_owned())
        }
    };
    parse_parts(fpr, &fragment).map_err(|source| QrError::Invite { form: prefix, source: Box::new(source) })
}

fn parse_parts(fpr: &str, fragment: &str) -> Result<Code, QrError> {
    let fingerprint: Fingerprint = fpr.parse()?;
    let params = Params::read(fragment);
    let addresses = params.addresses()?;
    let inviter_name = params.name.map(|n| decode_name("n", n)).transpose()?;
    let group = params.group.map(|n| decode_name("g", n)).transpose()?;
    let channel = params.channel.map(|n| decode_name("b", n)).transpose()?;
    let Some(auth) = params.auth.and_then(Token::parse).filter(|_| !addresses.is_empty()) else {
        return Ok(Code::Fingerprint(fingerprint));
    };
    let invite_number = params.number.or(params.channel_number).and_then(Token::parse);
    let target = match (params.id.and_then(GroupId::parse), group, channel) {
        (Some(id), Some(name), _) => Target::Group { id, name },
        (Some(id), None, Some(name)) => Target::Channel { id, name },
        _ => Target::Contact,
    };
    Ok(Code::Invite(Invite {
        fingerprint,
        addresses,
        inviter_name: inviter_name.unwrap_or_default(),
        target,
        v3: params.version == Some("3") || invite_number.is_none(),
        invite_number,
        auth,
    }))
}
