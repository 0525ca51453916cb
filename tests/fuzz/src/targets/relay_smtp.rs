//! What an SMTP client sends to the embedded relay.
//!
//! The first octet says whether the client is logged in and whether the relay takes mail in clear; the others are what
//! it sends.

use volary_mail::message::{parse_outer, render_unencrypted};
use volary_relay::Relay;

use crate::script::{self, Script};
use crate::targets::relay_imap::relay;
use crate::{mails, people};

/// The client begins logged in.
const READY: u8 = 1;
/// The relay takes mail that is not encrypted.
const CLEAR: u8 = 2;

const ALICE: &str = "alice@_relay.test";
const BOB: &str = "bob@_relay.test";
/// Both log in with the password `secret`.
const LOG_IN_ALICE: &str = "EHLO x\r\nAUTH PLAIN AGFsaWNlQF9yZWxheS50ZXN0AHNlY3JldA==\r\n";
const LOG_IN_BOB: &str = "EHLO x\r\nAUTH PLAIN AGJvYkBfcmVsYXkudGVzdABzZWNyZXQ=\r\n";

/// Octets of the answers to one line.
const MAX_ANSWER: usize = 1024;

/// Serves the client.
pub fn run(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let sent = if first & READY != 0 { [LOG_IN_ALICE.as_bytes(), rest].concat() } else { rest.to_vec() };
    script::run(async {
        let relay = relay(first & CLEAR != 0);
        answers(&relay, LOG_IN_ALICE.as_bytes()).await;
        answers(&relay, LOG_IN_BOB.as_bytes()).await;
        let said = answers(&relay, &sent).await;
        check_answers(&said, &sent);
        let mut delivered = 0;
        for mail in [ALICE, BOB].iter().flat_map(|who| relay.mailbox(who).expect("an account")) {
            delivered += 1;
            // A bounce has a few lines for each recipient.
            assert!(mail.raw.len() <= 32 * sent.len() + 2048);
            check_mail(&mail.raw, first & CLEAR != 0);
        }
        let accepted = said.windows(7).filter(|answer| answer.starts_with(b"250 2.0")).count();
        // To both, and one bounce for all others.
        assert!(delivered <= 3 * accepted, "{delivered} delivered, {accepted} accepted");
    });
}

async fn answers(relay: &Relay, sent: &[u8]) -> Vec<u8> {
    let client = Script::client(sent);
    let written = client.written();
    relay.serve_smtp(client).await.unwrap();
    written.bytes()
}

/// Lines with a code, and no more of them than lines were sent.
fn check_answers(said: &[u8], sent: &[u8]) {
    assert!(said.ends_with(b"\r\n"));
    for line in said.split_inclusive(|octet| *octet == b'\n') {
        let text = String::from_utf8_lossy(line);
        assert!(line.ends_with(b"\r\n") && !line[..line.len() - 2].contains(&b'\r'), "{text:?}");
        assert!(line.len() >= 6 && line[..3].iter().all(u8::is_ascii_digit), "{text:?}");
        assert!((b'2'..=b'5').contains(&line[0]) && matches!(line[3], b' ' | b'-'), "{text:?}");
    }
    let lines = sent.iter().filter(|octet| **octet == b'\n').count();
    assert!(said.len() <= (lines + 3) * MAX_ANSWER + sent.len());
}

/// Stored mail has proper line ends, and is said to be encrypted, opens a contact exchange, or is the relay's own.
fn check_mail(raw: &[u8], allow_unencrypted: bool) {
    let mut before = 0;
    for octet in raw {
        assert_eq!(*octet == b'\n', before == b'\r', "{:?}", String::from_utf8_lossy(raw));
        before = *octet;
    }
    if allow_unencrypted {
        return;
    }
    let outer = parse_outer(raw).expect("a mail");
    let step = outer.header("secure-join");
    let opens_contact = step.is_some_and(|step| matches!(step.trim(), "vc-request" | "vg-request"));
    let bounce = outer.from.as_ref().is_some_and(|from| from.address.starts_with("mailer-daemon@"));
    // The relay's reader is more lenient about where parts begin than the engine's, so only the type is looked at.
    let encrypted = raw.to_ascii_lowercase().windows(9).any(|word| word == b"encrypted");
    assert!(encrypted || opens_contact || bounce, "{}", String::from_utf8_lossy(raw));
}

/// A client that sends every kind of mail, and one command of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let envelope = "MAIL FROM:<alice@_relay.test> BODY=8BITMIME\r\nRCPT TO:<bob@_relay.test>\r\nRCPT TO:<Alice+x@_relay.test>\r\nDATA\r\n";
    for mail in mails::all().iter().take(10) {
        for (first, mail) in
            [(READY, people::mail(mail)), (READY | CLEAR, render_unencrypted(mail, &mut people::rng()))]
        {
            let mail = addressed(&mail);
            seeds.push([&[first], envelope.as_bytes(), &mail, b"\r\n.\r\nQUIT\r\n"].concat());
        }
    }
    seeds.extend(COMMANDS.iter().map(|sent| [&[0], sent.as_bytes()].concat()));
    seeds.extend(COMMANDS.iter().map(|sent| [&[READY | CLEAR], sent.as_bytes()].concat()));
    seeds
}

/// The mail from and to the people of the relay, with dots doubled.
fn addressed(mail: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(mail);
    let text = text.replace("alice@example.org", ALICE).replace("bob@example.net", BOB);
    text.replace("\r\n.", "\r\n..").into_bytes()
}

const COMMANDS: [&str; 10] = [
    "EHLO [127.0.0.1]\r\nAUTH LOGIN\r\nYWxpY2VAX3JlbGF5LnRlc3Q=\r\nc2VjcmV0\r\nNOOP\r\nRSET\r\nVRFY x\r\nHELP\r\nQUIT\r\n",
    "EHLO x\r\nAUTH PLAIN\r\nAGFsaWNlQF9yZWxheS50ZXN0AHNlY3JldA==\r\nAUTH PLAIN =\r\n",
    "HELO x\r\nSTARTTLS\r\nLHLO x\r\nAUTH XOAUTH2 x\r\nAUTH LOGIN *\r\n",
    "MAIL FROM:<alice@_relay.test> SIZE=99999999999\r\nRCPT TO:<bob@_relay.test>\r\nDATA\r\n",
    "MAIL FROM:<bob@_relay.test>\r\nRCPT TO:<bob@_relay.test>\r\nMAIL FROM:<>\r\nRSET\r\n",
    "MAIL FROM:<alice@_relay.test>\r\nRCPT TO:<nobody@_relay.test>\r\nRCPT TO:<x@example.org>\r\nDATA\r\nx\r\n.\r\n",
    "MAIL FROM:<alice@_relay.test>\r\nRCPT TO:<bob@_relay.test> NOTIFY=NEVER\r\nDATA\r\n.\r\n",
    "MAIL FROM:<alice@_relay.test>\r\nRCPT TO:<bob@_relay.test>\r\nDATA\r\nFrom: x\n.\nMAIL FROM:<x>\r\n.\r\n",
    "MAIL FROM:<alice@_relay.test>\r\nRCPT TO:<bob@_relay.test>\r\nDATA\r\nFrom: alice@_relay.test\r\n\r\n..\r\n.\r\nNOOP\r\n",
    "BDAT 5 LAST\r\nEXPN x\r\nETRN x\r\nNONSENSE\r\n\r\n",
];
