//! What an IMAP server answers, as the client reads it in the course of a whole session.
//!
//! The first octet says how the session begins; the others are what the server says ([`Script::server`]).

use bytes::BytesMut;
use volary_link::guard::imap::ImapFraming;
use volary_link::guard::{Framing as _, Step};
use volary_link::imap::{ALL_ENTRIES, Fetched, ImapError, ImapSession, ServerInfo};
use volary_link::wire::BoxedStream;

use crate::people::NOW;
use crate::script::{self, Script};

/// Sessions that have to change to TLS first. (The handshake is left out: what is behind it is the same.)
const STARTTLS: u8 = 1;
/// Only single responses are read, not a session.
const SINGLE: u8 = 2;

/// Largest block of header fields that is accepted.
const MAX_HEADERS: usize = 256 << 10;
/// Largest mail that is asked for.
const MAX_MAIL: usize = 16 << 10;

/// Plays the session, or reads the responses.
pub fn run(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    if first & SINGLE != 0 {
        return responses(rest);
    }
    let server = Script::server(rest);
    let written = server.written();
    // However a session ends, its end is told as an error and is none of the tests' business.
    let _ = script::run(session(Box::new(server), first & STARTTLS != 0));
    check_commands(&written.bytes());
}

/// What the library gets to see does not depend on how it arrives, and the library survives it.
fn responses(data: &[u8]) {
    let whole = passed([data].into_iter());
    let in_pieces = passed(data.chunks(7));
    assert_eq!(whole, in_pieces);
}

/// The responses that pass the guard, up to the first that ends the session.
fn passed<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<BytesMut> {
    const LIMIT: usize = 4096;
    let (mut framing, mut input, mut out) = (ImapFraming::new(LIMIT), BytesMut::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match framing.next(&mut input) {
                Ok(Step::Response(response)) => out.push(response),
                Ok(Step::Needs(_)) => break,
                Err(_) => return out,
            }
        }
    }
    out
}

async fn session(mut server: BoxedStream, starttls: bool) -> Result<(), ImapError> {
    if starttls {
        server = ImapSession::open(server, true).await?.starttls().await?;
    }
    let mut session = ImapSession::open(server, !starttls).await?;
    session.login("alice@example.org", "se\"cret").await?;
    if session.capabilities.id {
        refused(session.id("Volary").await)?;
    }
    if session.capabilities.metadata {
        let entries = refused(session.metadata(ALL_ENTRIES).await)?.unwrap_or_default();
        let mut info = ServerInfo::default();
        info.update(entries, NOW);
        assert!(info.max_smtp_recipients != Some(0));
        assert!(info.turn.is_some() || info.refresh_at > NOW);
    }
    session.select("INBOX").await?;
    let heads = refused(session.fetch_headers(5, 500, true).await)?.unwrap_or_default();
    check_mails(&heads, |uid| (5..=500).contains(&uid), MAX_HEADERS);
    let wanted = [5, 6, 9];
    let mails = refused(session.fetch_mails("5:6,9", &wanted, MAX_MAIL).await)?.unwrap_or_default();
    check_mails(&mails, |uid| wanted.contains(&uid), MAX_MAIL);
    refused(session.find_uid(None).await)?;
    let found = refused(session.find_uid(Some((5, 9))).await)?.flatten();
    assert!(found.is_none_or(|uid| (5..=9).contains(&uid)));
    refused(session.mark_seen("5").await)?;
    refused(session.mark_deleted("6").await)?;
    session.close_and_select("INBOX").await?;
    if session.capabilities.quota {
        refused(session.quota("INBOX").await)?;
    }
    for _ in 0..3 {
        session.idle_start().await?;
        session.idle_wait(std::time::Duration::from_secs(60)).await?;
        session.idle_done().await?;
    }
    Ok(())
}

/// After a refusal the session goes on.
fn refused<T>(result: Result<T, ImapError>) -> Result<Option<T>, ImapError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(ImapError::No(_) | ImapError::Bad(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Only what was asked for, each once, in order, and not larger than permitted.
fn check_mails(mails: &[Fetched], wanted: impl Fn(u32) -> bool, limit: usize) {
    assert!(mails.is_sorted_by(|one, next| one.uid < next.uid));
    for mail in mails {
        assert!(wanted(mail.uid), "nobody asked for {}", mail.uid);
        let body = mail.data.body.as_ref().expect("mails without content are left out");
        assert!(body.len() <= limit + (64 << 10), "{} octets", body.len());
    }
}

/// Whatever a server says, it cannot make the client send anything but its commands.
fn check_commands(written: &[u8]) {
    const WORDS: [&str; 14] = [
        "STARTTLS",
        "LOGIN",
        "CAPABILITY",
        "ID",
        "GETMETADATA",
        "SELECT",
        "STATUS",
        "UID",
        "CLOSE",
        "GETQUOTAROOT",
        "IDLE",
        "LOGOUT",
        "NOOP",
        "GETQUOTA",
    ];
    let text = std::str::from_utf8(written).expect("commands are ASCII");
    assert!(text.is_empty() || text.ends_with("\r\n"));
    for line in text.split_terminator("\r\n").filter(|line| *line != "DONE") {
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
        let mut words = line.split(' ');
        let (tag, word) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        assert!(tag.starts_with('A') && WORDS.contains(&word), "{line:?}");
    }
}

/// A whole session with mails, its refusals, and single responses.
pub fn seeds() -> Vec<Vec<u8>> {
    let header = "From: <bob@example.net>\r\nMessage-ID: <own@localhost>\r\n\r\n";
    let mail = "From: bob@example.net\r\n\r\nHello {5}\r\n";
    let select =
        "* 3 EXISTS\r\n* FLAGS (\\Seen \\Deleted)\r\n* OK [UIDVALIDITY 5] ok\r\n* OK [UIDNEXT 10] ok\r\n";
    let head = |uid: u32| {
        format!(
            "* 1 FETCH (UID {uid} RFC822.SIZE {} BODY[HEADER.FIELDS (MESSAGE-ID \"DATE\" FROM)] {{{}}}\r\n{header})\r\n",
            mail.len(),
            header.len()
        )
    };
    let body =
        |uid: u32| format!("* 1 FETCH (UID {uid} FLAGS (\\Seen $x) BODY[] {{{}}}\r\n{mail})\r\n", mail.len());
    let ok = "\u{1} OK done\r\n";
    let session = [
        "* OK [CAPABILITY IMAP4rev1] ready\r\n".to_owned(),
        "\u{1} OK [CAPABILITY IMAP4rev1 IDLE ID QUOTA METADATA XDELTAPUSH] Logged in\r\n".to_owned(),
        format!("* ID (\"name\" \"Dovecot\" \"x\" NIL)\r\n{ok}"),
        format!(
            "* METADATA \"\" (/shared/comment NIL /shared/vendor/deltachat/turn \"turn.example.org:3478:2000000000:pa\\\"ss\" \
             /shared/vendor/deltachat/maxsmtprecipients {{2}}\r\n50 /shared/admin {{3}}\r\nx y)\r\n{ok}"
        ),
        format!("{select}{ok}"),
        format!("{}{}* 2 EXPUNGE\r\n{ok}", head(5), head(6)),
        format!("{}{}{ok}", body(5), body(9)),
        format!("* 3 FETCH (UID 9)\r\n{ok}"),
        format!("* 3 FETCH (UID 5)\r\n{ok}"),
        ok.to_owned(),
        ok.to_owned(),
        format!("\u{2} OK closed\r\n{select}{ok}"),
        format!("* QUOTAROOT INBOX \"User quota\"\r\n* QUOTA \"User quota\" (STORAGE 0 512000)\r\n{ok}"),
        "+ idling\r\n".to_owned(),
        "* OK Still here\r\n* 4 EXISTS\r\n".to_owned(),
        ok.to_owned(),
        "+ idling\r\n".to_owned(),
        "* 1 FETCH (FLAGS (\\Seen))\r\n".to_owned(),
        ok.to_owned(),
        "+ idling\r\n".to_owned(),
        "* BYE shutting down\r\n".to_owned(),
    ];
    let flat = session.concat();
    let mut seeds = vec![seed(0, &session.join("\0"))];
    let tls = [&session[..1], &["\u{1} OK go\r\n".to_owned()], &session[1..]].concat();
    seeds.push(seed(STARTTLS, &tls.join("\0")));
    let mut without = session.to_vec();
    without[1] = "\u{1} OK in\r\n\0* CAPABILITY IMAP4rev1 IDLE\r\n\u{1} OK done\r\n".into();
    without[4] =
        format!("* 0 EXISTS\r\n* OK [UIDVALIDITY 5] ok\r\n{ok}\0* STATUS \"INBOX\" (UIDNEXT 5)\r\n{ok}");
    without.drain(2..4);
    seeds.push(seed(0, &without.join("\0")));
    let huge = format!("* 1 FETCH (UID 6 BODY[] {{90000}}\r\n{})\r\n{ok}", "x".repeat(9_000));
    for (at, answer) in
        [(1, "\u{1} NO [AUTHENTICATIONFAILED] no\r\n"), (5, "\u{1} NO no\r\n"), (6, huge.as_str())]
    {
        let mut refusal = session.clone();
        refusal[at] = answer.to_owned();
        seeds.push(seed(0, &refusal.join("\0")));
    }
    seeds.push(seed(SINGLE, &flat.replace('\u{1}', "A0001")));
    seeds.extend(session.iter().map(|answer| seed(SINGLE, &answer.replace('\u{1}', "A0001"))));
    seeds
}

fn seed(first: u8, script: &str) -> Vec<u8> {
    [&[first], script.as_bytes()].concat()
}
