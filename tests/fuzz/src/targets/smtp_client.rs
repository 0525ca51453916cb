//! What an SMTP server replies, as the client reads it while it sends two mails.
//!
//! The first octet says how the session begins; the others are what the server says ([`Script::server`]).

use bytes::Bytes;
use volary_link::smtp::{Receipt, SmtpError, SmtpSession};
use volary_link::wire::BoxedStream;

use crate::script::{self, Script};

/// Sessions that have to change to TLS first.
const STARTTLS: u8 = 1;
/// Longest text of an error that is shown: as many lines as a reply may have.
const MAX_ERROR: usize = 128 * (4096 + 2) + 64;

/// A mail with everything that the end of a mail could be taken for, and its form on the wire.
const MAIL: &[u8] = b"Subject: x\r\n\r\n.\r\n..\nQUIT\r\nMAIL FROM:<x>\r\n.";
const ON_THE_WIRE: &[u8] = b"Subject: x\r\n\r\n..\r\n...\r\nQUIT\r\nMAIL FROM:<x>\r\n..\r\n.\r\n";

/// Plays the session.
pub fn run(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let server = Script::server(rest);
    let written = server.written();
    let mut sent = 0;
    if let Err(error) = script::run(session(Box::new(server), first & STARTTLS != 0, &mut sent)) {
        assert!(error.to_string().len() <= MAX_ERROR);
    }
    check_commands(&written.bytes(), sent);
}

async fn session(mut server: BoxedStream, starttls: bool, sent: &mut usize) -> Result<(), SmtpError> {
    if starttls {
        server = SmtpSession::open(server, true).await?.starttls().await?;
    }
    let mut session = SmtpSession::open(server, !starttls).await?;
    session.login("alice@example.org", "secret").await?;
    let to = ["bob@example.net", "carol@example.com"].map(str::to_owned);
    for _ in 0..3 {
        let result = session.send("alice@example.org", &to, &Bytes::from_static(MAIL), |_| true).await;
        let accepted = result.as_ref().is_ok_and(|receipts| receipts.contains(&Receipt::Accepted));
        *sent += usize::from(accepted);
        if !session.is_usable() {
            assert!(!accepted, "a mail that went well leaves a session that can go on");
            return result.map(|_| ());
        }
    }
    session.quit().await;
    Ok(())
}

/// The client sends its commands and whole mails, nothing else, and counts as sent only what it sent.
fn check_commands(written: &[u8], sent: usize) {
    const COMMANDS: [&[u8]; 8] = [
        b"EHLO ",
        b"STARTTLS\r",
        b"AUTH ",
        b"MAIL FROM:<alice@example.org>",
        b"RCPT TO:<",
        b"RSET\r",
        b"DATA\r",
        b"QUIT\r",
    ];
    // Answers to AUTH LOGIN.
    const CREDENTIALS: [&[u8]; 2] = [b"YWxpY2VAZXhhbXBsZS5vcmc=\r", b"c2VjcmV0\r"];
    let mut mails = 0;
    let mut rest = written;
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix(ON_THE_WIRE) {
            mails += 1;
            rest = behind;
            continue;
        }
        let end = rest.iter().position(|octet| *octet == b'\n').expect("commands are whole lines");
        let line = &rest[..end];
        let known = COMMANDS.iter().chain(&CREDENTIALS).any(|command| line.starts_with(command));
        assert!(known && line.ends_with(b"\r"), "{:?}", String::from_utf8_lossy(line));
        rest = &rest[end + 1..];
    }
    assert!(sent <= mails, "{sent} counted, {mails} sent");
}

/// Sessions that go well, with and without pipelining, and refusals.
pub fn seeds() -> Vec<Vec<u8>> {
    let greeting = "220 mail.example.org ESMTP\r\n";
    let piped = "250-mail.example.org\r\n250-PIPELINING\r\n250-SIZE 31457280\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n\
                 250-8BITMIME\r\n250 SMTPUTF8\r\n";
    let plain = "250-mail.example.org\r\n250 AUTH=LOGIN\r\n";
    let ok = "250 2.1.0 Ok\r\n";
    let go = "354 End data with <CR><LF>.<CR><LF>\r\n";
    let queued = "250 2.0.0 Ok: queued\r\n";
    let mail = [ok, ok, ok, go, "\0", queued].concat();
    let step_by_step = [ok, ok, ok, go, queued].join("\0");
    let refused = [ok, "550 5.1.1 no such user\r\n", ok, "554 no\r\n"].concat();
    let login = "235 2.7.0 welcome\r\n";
    let by_steps = ["334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n", login].join("\0");
    [
        (0, vec![greeting, piped, login, &mail, &mail, &mail]),
        (STARTTLS, vec![greeting, piped, "220 go\r\n", piped, login, &mail, &mail]),
        (0, vec![greeting, plain, &by_steps, &step_by_step, &step_by_step, &step_by_step]),
        (0, vec![greeting, piped, login, &refused, ok, &mail, "451-4.3.0 try\r\n451 later\r\n"]),
        (0, vec![greeting, piped, login, ok, ok, "550 5.5.0 hm\r\n", go]),
        (0, vec![greeting, piped, "535 5.7.8 no\r\n"]),
        (0, vec!["421 4.7.0 busy\r\n"]),
    ]
    .into_iter()
    .map(|(first, parts)| [&[first], parts.join("\0").as_bytes()].concat())
    .collect()
}
