//! A complete mail: checks, cleaning, delivery.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use chrono::DateTime;
use mail_parser::parsers::MessageStream;
use tracing::{debug, info};

use super::filter;
use crate::header::Header;
use crate::shared::Shared;
use crate::store::{Delivery, now};

/// Header fields that reveal too much about the sender and are taken out.
const REMOVED: [&[u8]; 4] = [b"Received", b"X-Originating-IP", b"X-Mailer", b"User-Agent"];

/// What replaces every subject, since an encrypted mail has its real one inside.
const SUBJECT: &[u8] = b"Subject: [...]\r\n";

/// An answer to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) text: Cow<'static, str>,
}

impl Answer {
    pub(crate) fn new(code: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, text: text.into() }
    }
}

/// Sender and recipients of a mail, all canonical and local.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    pub(crate) sender: String,
    pub(crate) recipients: Vec<String>,
}

/// Checks a mail and delivers it to its recipients.
pub(crate) fn submit(shared: &Shared, envelope: &Envelope, raw: Vec<u8>) -> Answer {
    let refusal = check(shared, envelope, &raw);
    if let Some(answer) = refusal {
        shared.counters.refused.fetch_add(1, Relaxed);
        info!(code = answer.code, size = raw.len(), "mail refused");
        return answer;
    }
    let mail: Arc<[u8]> = clean(raw).into();
    shared.counters.accepted.fetch_add(1, Relaxed);
    let mut undelivered = Vec::new();
    for recipient in &envelope.recipients {
        match shared.store.deliver(recipient, &mail) {
            Delivery::Stored => {
                shared.counters.delivered.fetch_add(1, Relaxed);
                shared.counters.bytes.fetch_add(mail.len() as u64, Relaxed);
            }
            failure => undelivered.push((recipient.as_str(), failure)),
        }
    }
    debug!(
        recipients = envelope.recipients.len(),
        failed = undelivered.len(),
        size = mail.len(),
        "mail delivered"
    );
    if !undelivered.is_empty() {
        bounce(shared, &envelope.sender, &mail, &undelivered);
    }
    Answer::new(250, "2.0.0 Ok: queued")
}

fn check(shared: &Shared, envelope: &Envelope, raw: &[u8]) -> Option<Answer> {
    let Some(from) = from_address(raw) else {
        return Some(Answer::new(500, "Invalid FROM header: no usable address"));
    };
    if !from.eq_ignore_ascii_case(&envelope.sender) {
        let printable: String = from.chars().filter(|c| !c.is_control()).take(256).collect();
        return Some(Answer::new(500, format!("Invalid FROM <{printable}> for <{}>", envelope.sender)));
    }
    if !shared.config.allow_unencrypted && !filter::may_pass(raw) {
        return Some(Answer::new(523, "Encryption Needed: Invalid Unencrypted Mail"));
    }
    None
}

/// The address of the only From field.
fn from_address(raw: &[u8]) -> Option<String> {
    let header = Header::read(raw);
    let mut fields = header.named(raw, "From");
    let field = fields.next()?;
    if fields.next().is_some() {
        return None;
    }
    // The parser wants a line end behind the value.
    let mut value = field.value(raw).to_vec();
    value.extend_from_slice(b"\r\n");
    let parsed = MessageStream::new(&value).parse_address();
    let mut addresses = parsed.as_address()?.iter();
    let address = addresses.next()?.address()?.to_owned();
    addresses.next().is_none().then_some(address)
}

/// Takes out what [`REMOVED`] names and replaces the subject.
fn clean(raw: Vec<u8>) -> Vec<u8> {
    let header = Header::read(&raw);
    let mut out = Vec::with_capacity(raw.len() + SUBJECT.len());
    let mut copied = 0;
    for field in &header.fields {
        let subject = field.is(&raw, b"Subject");
        if !subject && !REMOVED.iter().any(|name| field.is(&raw, name)) {
            continue;
        }
        out.extend_from_slice(raw.get(copied..field.whole.start).unwrap_or_default());
        if subject {
            out.extend_from_slice(SUBJECT);
        }
        copied = field.whole.end;
    }
    out.extend_from_slice(raw.get(copied..).unwrap_or_default());
    out
}

/// Notifies the sender which recipients did not get the mail (RFC 3464).
fn bounce(shared: &Shared, sender: &str, mail: &[u8], failed: &[(&str, Delivery)]) {
    let host = shared.host();
    let mut report = String::new();
    let mut text = String::new();
    for (address, failure) in failed {
        let (status, reason) = match failure {
            Delivery::OverQuota => ("5.2.2", "mailbox is full"),
            _ => ("5.1.1", "no such user here"),
        };
        text.push_str(&format!("<{address}>: {reason}\r\n"));
        report.push_str(&format!(
            "\r\nFinal-Recipient: rfc822; {address}\r\nAction: failed\r\nStatus: {status}\r\n\
             Diagnostic-Code: smtp; 550 {status} {reason}\r\n"
        ));
    }
    let time = now();
    let date = DateTime::from_timestamp(time, 0).unwrap_or_default().to_rfc2822();
    let id: u64 = rand::random();
    let boundary = format!("report-{id:016x}");
    let header = mail.get(..Header::read(mail).body).unwrap_or_default();
    let mut bounce = format!(
        "From: <mailer-daemon@{host}>\r\nTo: <{sender}>\r\nDate: {date}\r\nMessage-ID: <{id:016x}@{host}>\r\n\
         Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"{boundary}\"\r\n\r\n\
         --{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         The mail could not be delivered.\r\n\r\n{text}\r\n\
         --{boundary}\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; {host}\r\n{report}\r\n\
         --{boundary}\r\nContent-Type: text/rfc822-headers\r\n\r\n"
    )
    .into_bytes();
    bounce.extend_from_slice(header);
    bounce.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    // A bounce that cannot be delivered is dropped, so that bounces never travel in circles.
    shared.store.deliver(sender, &bounce.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_from_address_is_found_in_all_usual_forms() {
        for (field, expected) in [
            ("From: <a@x.org>", Some("a@x.org")),
            ("FROM: \"B, C\" <a@x.org>", Some("a@x.org")),
            ("From: a@x.org", Some("a@x.org")),
            ("From:\r\n <a@x.org>", Some("a@x.org")),
            ("From: <a@x.org>, <b@x.org>", None),
            ("From: <a@x.org>\r\nFrom: <b@x.org>", None),
            ("From:", None),
            ("To: <a@x.org>", None),
        ] {
            let mail = format!("{field}\r\n\r\nbody\r\n");
            assert_eq!(from_address(mail.as_bytes()).as_deref(), expected, "{field}");
        }
    }

    #[test]
    fn revealing_fields_are_taken_out() {
        let mail = b"Received: from\r\n here\r\nFrom: <a@x>\r\nSubject: secret\r\n plan\r\nUser-Agent: y\r\n\r\nSubject: z\r\n";
        assert_eq!(
            String::from_utf8(clean(mail.to_vec())).unwrap(),
            "From: <a@x>\r\nSubject: [...]\r\n\r\nSubject: z\r\n"
        );
    }
}
