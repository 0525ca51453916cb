//! What an IMAP client sends to the embedded relay.
//!
//! The first octet says whether the client is logged in and has a folder open; the others are what it sends.

use bytes::BytesMut;
use volary_link::guard::imap::ImapFraming;
use volary_link::guard::{Framing as _, Step};
use volary_link::wire::WireError;
use volary_mail::message::render_unencrypted;
use volary_relay::{AccountRules, Relay, RelayConfig};

use crate::script::{self, Script};
use crate::{mails, people};

/// The client begins with an open inbox.
const READY: u8 = 1;

const ALICE: &str = "alice@_relay.test";
const LOG_IN: &str = "p1 LOGIN alice@_relay.test secret\r\n";
const OPEN: &str = "p1 LOGIN alice@_relay.test secret\r\np2 SELECT INBOX\r\n";

/// Largest response that is looked at.
const MAX_RESPONSE: usize = 64 << 20;

/// Serves the client.
pub fn run(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let sent = if first & READY != 0 { [OPEN.as_bytes(), rest].concat() } else { rest.to_vec() };
    script::run(async {
        let relay = relay(false);
        answers(&relay, LOG_IN.as_bytes()).await;
        let inbox = inbox();
        let stored: usize = inbox.iter().map(Vec::len).sum();
        for mail in inbox {
            assert!(relay.inject(ALICE, mail));
        }
        let said = answers(&relay, &sent).await;
        // Every octet of a request may ask for everything that lies there, but for no more.
        assert!(said.len() <= (sent.len() + 16) * (stored + sent.len() + 1024), "{} octets", said.len());
        check_answers(&said);
        check_folders(&relay);
    });
}

/// A relay without ports that takes short names and, if told so, any mail.
pub fn relay(allow_unencrypted: bool) -> Relay {
    let accounts = AccountRules::relaxed();
    Relay::without_listeners(RelayConfig { accounts, allow_unencrypted, ..RelayConfig::default() }).unwrap()
}

async fn answers(relay: &Relay, sent: &[u8]) -> Vec<u8> {
    let client = Script::client(sent);
    let written = client.written();
    relay.serve_imap(client).await.unwrap();
    written.bytes()
}

fn inbox() -> [Vec<u8>; 3] {
    let clear = render_unencrypted(&people::text("Hello"), &mut people::rng());
    let nested =
        b"From: a@b.org\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{5}\r\n--b\r\n\
                   Content-Type: message/rfc822\r\n\r\nSubject: \"x\"\r\n\r\ny\r\n--b--\r\n";
    [people::frame(&people::text("Hi"), "-----BEGIN PGP MESSAGE-----"), clear, nested.to_vec()]
}

/// The client of this product can read every answer.
fn check_answers(said: &[u8]) {
    let (mut framing, mut input) = (ImapFraming::new(MAX_RESPONSE), BytesMut::from(said));
    loop {
        match framing.next(&mut input) {
            Ok(Step::Response(answer)) => check_answer(&answer),
            Ok(Step::Needs(_)) => {
                assert!(input.is_empty() && !framing.has_begun(), "an answer without an end");
                return;
            }
            Err(WireError::Unreadable) => {
                assert!(is_beyond_the_client(&String::from_utf8_lossy(said)));
                return;
            }
            // More than the client would read, not wrong.
            Err(_) => return,
        }
    }
}

/// The tag is the client's own, and this client might choose another; what it is said is known.
fn check_answer(answer: &[u8]) {
    assert!(answer.ends_with(b"\r\n"), "{:?}", String::from_utf8_lossy(answer));
    if !answer.starts_with(b"* ") && !answer.starts_with(b"+ ") {
        let text = String::from_utf8_lossy(answer);
        let status = text.split([' ', '\r']).nth(1).unwrap_or_default();
        assert!(["OK", "NO", "BAD"].contains(&status), "{text:?}");
    }
}

/// What the client of this product never asks for: the structure of a mail, which may be nested deeper than it reads,
/// and header fields whose names need quotes.
fn is_beyond_the_client(answer: &str) -> bool {
    let answer = answer.to_ascii_uppercase();
    let structure = answer.contains("BODY (") || answer.contains("BODYSTRUCTURE");
    let odd_name = |fields: &str| fields.split(')').next().unwrap_or_default().contains('"');
    structure || answer.split("HEADER.FIELDS").skip(1).any(odd_name)
}

/// UIDs ascend in every folder.
fn check_folders(relay: &Relay) {
    for (name, count) in relay.folders(ALICE) {
        let messages = relay.folder(ALICE, &name).expect("a folder that is listed");
        assert_eq!(messages.len(), count);
        assert!(messages.is_sorted_by(|one, next| one.uid < next.uid));
    }
}

/// The dialogues of clients, and one command of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let dialogue = [
        "a1 CAPABILITY\r\na2 LOGIN \"alice@_relay.test\" {6+}\r\nsecret\r\na3 ID (\"name\" \"x\")\r\n\
         a4 GETMETADATA \"\" (/shared/comment /shared/vendor/deltachat/maxsmtprecipients)\r\na5 GETQUOTAROOT \"INBOX\"\r\n\
         a6 SELECT \"INBOX\"\r\na7 UID FETCH 1:500 (UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID FROM)])\r\n\
         a8 UID FETCH 1,3 (FLAGS BODY.PEEK[])\r\na9 UID STORE 1 +FLAGS (\\Deleted)\r\na10 CLOSE\r\na11 SELECT INBOX\r\n\
         a12 IDLE\r\nDONE\r\na13 LOGOUT\r\n",
        "a1 AUTHENTICATE PLAIN\r\nAGFsaWNlQF9yZWxheS50ZXN0AHNlY3JldA==\r\na2 NAMESPACE\r\na3 NOOP\r\n",
        "a1 AUTHENTICATE PLAIN AGFsaWNlQF9yZWxheS50ZXN0AHNlY3JldA==\r\na2 LOGIN {5}\r\nx\r\na3 STARTTLS\r\n",
    ];
    let mut seeds: Vec<Vec<u8>> = dialogue.iter().map(|sent| seed(0, sent.as_bytes())).collect();
    seeds.extend(COMMANDS.iter().map(|command| seed(READY, format!("x {command}\r\n").as_bytes())));
    for mail in mails::all().iter().take(8) {
        let mail = people::frame(mail, "-----BEGIN PGP MESSAGE-----");
        let mut append = format!("x APPEND INBOX (\\Seen) {{{}+}}\r\n", mail.len()).into_bytes();
        append.extend_from_slice(&mail);
        append.extend_from_slice(b"\r\ny FETCH 4 (ENVELOPE BODYSTRUCTURE BODY[1.MIME] BODY[TEXT]<0.10>)\r\n");
        seeds.push(seed(READY, &append));
    }
    seeds
}

fn seed(first: u8, sent: &[u8]) -> Vec<u8> {
    [&[first], sent].concat()
}

const COMMANDS: [&str; 34] = [
    "FETCH 1:* ALL",
    "FETCH 1:* FULL",
    "FETCH 3 (UID FLAGS INTERNALDATE ENVELOPE BODYSTRUCTURE)",
    "FETCH 3 (BODY[2.1.HEADER] BODY[2.TEXT] BODY[1.MIME] BODY[HEADER.FIELDS.NOT (FROM)] RFC822 RFC822.HEADER RFC822.TEXT)",
    "UID FETCH *:4294967295 (BODY.PEEK[]<5.10>)",
    "STORE 1:2 FLAGS.SILENT (\\Seen $x)",
    "STORE 2 -FLAGS (\\Seen)",
    "SEARCH ALL",
    "SEARCH CHARSET UTF-8 OR (SEEN NOT DELETED) (FROM \"alice\" SINCE 1-Jan-2020 LARGER 5)",
    "UID SEARCH UID 1:3 HEADER Message-ID own BODY x TEXT y SUBJECT z",
    "COPY 1:2 Trash\r\ny STATUS Trash (MESSAGES UIDNEXT UIDVALIDITY UNSEEN RECENT)",
    "CREATE a/b\r\ny RENAME a/b c\r\nz LIST \"\" *\r\nw DELETE c",
    "CREATE \"x{5}\"\r\ny LIST \"\" \"%\"\r\nz MOVE 1 \"x{5}\"",
    "UID MOVE 2 INBOX",
    "EXPUNGE",
    "STORE 1 +FLAGS (\\Deleted)\r\ny UID EXPUNGE 1:*",
    "EXAMINE INBOX\r\ny UNSELECT",
    "LIST \"\" \"*\"",
    "LSUB \"\" %\r\ny SUBSCRIBE INBOX\r\nz UNSUBSCRIBE INBOX",
    "LIST \"\" \"\"",
    "SETMETADATA INBOX (/private/devicetoken \"abc\")",
    "SETMETADATA INBOX (/private/devicetoken {3+}\r\nabc)",
    "GETMETADATA (DEPTH infinity) INBOX /private/devicetoken",
    "GETQUOTA \"User quota\"",
    "SETQUOTA \"User quota\" (STORAGE 5)",
    "ENABLE CONDSTORE",
    "IDLE\r\nnonsense",
    "CHECK\r\ny CLOSE",
    "APPEND INBOX \"01-Jan-2020 00:00:00 +0000\" {5+}\r\nx\r\n\r\ny",
    "RENAME INBOX old\r\ny SELECT old\r\nz DELETE old",
    "UID FETCH 1:3,2,* FLAGS",
    "FETCH 1 (BODY[9.9.9] BODY[0] BODY[1]<99999.1>)",
    "NONSENSE",
    "LOGIN a b",
];
