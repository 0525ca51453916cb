//! One SMTP session.
//!
//! Own code instead of a client library for three things: replies of strangers are bounded in length and number, MAIL,
//! RCPT and DATA go out in one write when the server allows pipelining (RFC 2920), and all replies of such a group are
//! read, so that the session survives a refused mail.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::reply::{
    DataWriter, Extensions, MAX_REPLY_LINES, Outcome, Reply, is_envelope_address, parse_line,
};
use crate::wire::{BoxedStream, IO_TIMEOUT, Wire, WireError};

/// Longest line of a reply, generous against RFC 5321 section 4.5.3.1.5.
const MAX_REPLY_LINE: usize = 4096;
/// Time for the reply to a whole mail: the server may run filters (RFC 5321 section 4.5.3.2.6).
const DATA_END_TIMEOUT: Duration = Duration::from_secs(300);
/// Size of the pieces in which a mail is written.
const PIECE: usize = 16 * 1024;

/// Why an SMTP command failed.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// The socket failed.
    #[error("{0}")]
    Wire(#[from] WireError),
    /// A 4xx reply.
    #[error("transient: {0}")]
    Temporary(String),
    /// A 5xx reply.
    #[error("permanent: {0}")]
    Permanent(String),
    /// The server does something it must not do.
    #[error("{0}")]
    Protocol(&'static str),
}

/// A connection to an SMTP server.
pub struct SmtpSession {
    wire: Wire,
    extensions: Extensions,
    usable: bool,
    /// A refused transaction may still be open on the server.
    needs_reset: bool,
}

impl SmtpSession {
    /// Takes over a connected socket, reads the greeting and introduces the client. After STARTTLS there is no greeting.
    pub async fn open(stream: BoxedStream, expect_greeting: bool) -> Result<Self, SmtpError> {
        let mut session = Self {
            wire: Wire::new(stream),
            extensions: Extensions::default(),
            usable: true,
            needs_reset: false,
        };
        if expect_greeting && session.accepted(IO_TIMEOUT).await?.code != 220 {
            return Err(SmtpError::Protocol("the greeting is not a greeting"));
        }
        // A fixed literal: the name of the device is nobody's business.
        let reply = session.command("EHLO [127.0.0.1]").await?;
        session.extensions = Extensions::from_reply(&reply);
        Ok(session)
    }

    /// Asks for STARTTLS and gives the socket back for the handshake. What the server sent ahead is dropped.
    pub async fn starttls(mut self) -> Result<BoxedStream, SmtpError> {
        if !self.extensions.starttls {
            return Err(SmtpError::Protocol("server does not support STARTTLS"));
        }
        self.command("STARTTLS").await?;
        Ok(self.wire.into_stream())
    }

    /// Logs in with PLAIN or LOGIN.
    pub async fn login(&mut self, user: &str, password: &str) -> Result<(), SmtpError> {
        if user.contains('\0') || password.contains('\0') {
            return Err(SmtpError::Protocol("user name and password must not contain NUL"));
        }
        if self.extensions.auth_plain {
            let token = STANDARD.encode(format!("\0{user}\0{password}"));
            self.command(&format!("AUTH PLAIN {token}")).await?;
        } else if self.extensions.auth_login {
            self.command("AUTH LOGIN").await?;
            self.command(&STANDARD.encode(user)).await?;
            self.command(&STANDARD.encode(password)).await?;
        } else {
            return Err(SmtpError::Protocol("the server offers no usable way to log in"));
        }
        Ok(())
    }

    /// False when the session must not be used again.
    pub fn is_usable(&self) -> bool {
        self.usable
    }

    /// Sends one mail in one transaction. All recipients are accepted, or none.
    pub async fn send(&mut self, from: &str, recipients: &[String], mail: &Bytes) -> Result<(), SmtpError> {
        if !is_envelope_address(from) || !recipients.iter().all(|to| is_envelope_address(to)) {
            return Err(SmtpError::Permanent("invalid address in the envelope".to_string()));
        }
        // Whatever happens on the way leaves the session in a state that only success or a clean refusal repairs.
        self.usable = false;
        self.envelope(from, recipients).await?;
        self.content(mail).await?;
        let reply = self.reply(DATA_END_TIMEOUT).await?;
        self.usable = true;
        check(reply).map(|_| ())
    }

    async fn envelope(&mut self, from: &str, recipients: &[String]) -> Result<(), SmtpError> {
        let mut commands = Vec::with_capacity(recipients.len() + 3);
        if std::mem::take(&mut self.needs_reset) {
            commands.push("RSET\r\n".to_string());
        }
        commands.push(format!("MAIL FROM:<{from}>{}{}\r\n", self.body_parameter(), self.utf8_parameter()));
        commands.extend(recipients.iter().map(|to| format!("RCPT TO:<{to}>\r\n")));
        commands.push("DATA\r\n".to_string());
        let refusal = if self.extensions.pipelining {
            self.wire.write(commands.concat().as_bytes()).await?;
            let mut refusal = None;
            for number in 1..=commands.len() {
                let result = match self.reply(IO_TIMEOUT).await {
                    Ok(reply) => check(reply),
                    // A server that refuses and hangs up has said why.
                    Err(error) => return Err(refusal.unwrap_or(error)),
                };
                if number == commands.len() && result.is_ok() && refusal.is_some() {
                    // The server waits for content though a recipient was refused: only closing the connection avoids
                    // a partial delivery.
                    return refusal.map_or(Ok(()), Err);
                }
                refusal = refusal.or(result.err());
            }
            refusal
        } else {
            let mut refusal = None;
            for command in &commands {
                self.wire.write(command.as_bytes()).await?;
                refusal = check(self.reply(IO_TIMEOUT).await?).err();
                if refusal.is_some() {
                    break;
                }
            }
            refusal
        };
        self.needs_reset = refusal.is_some();
        self.usable = refusal.is_some();
        refusal.map_or(Ok(()), Err)
    }

    fn body_parameter(&self) -> &'static str {
        if self.extensions.eight_bit { " BODY=8BITMIME" } else { "" }
    }

    fn utf8_parameter(&self) -> &'static str {
        if self.extensions.utf8 { " SMTPUTF8" } else { "" }
    }

    async fn content(&mut self, mail: &[u8]) -> Result<(), SmtpError> {
        let mut writer = DataWriter::default();
        let mut out = Vec::with_capacity(mail.len().min(PIECE) + 512);
        for piece in mail.chunks(PIECE) {
            writer.piece(piece, &mut out);
            if out.len() >= PIECE {
                self.wire.write(&out).await?;
                out.clear();
            }
        }
        writer.end(&mut out);
        Ok(self.wire.write(&out).await?)
    }

    /// Says good-bye without waiting for an answer.
    pub async fn quit(mut self) {
        // The server forgets nothing if this is lost.
        let _ = self.wire.write(b"QUIT\r\n").await;
    }

    async fn command(&mut self, command: &str) -> Result<Reply, SmtpError> {
        self.wire.write(format!("{command}\r\n").as_bytes()).await?;
        self.accepted(IO_TIMEOUT).await
    }

    async fn accepted(&mut self, patience: Duration) -> Result<Reply, SmtpError> {
        check(self.reply(patience).await?)
    }

    async fn reply(&mut self, patience: Duration) -> Result<Reply, SmtpError> {
        let mut reply: Option<Reply> = None;
        for _ in 0..MAX_REPLY_LINES {
            let line = self.wire.read_line(MAX_REPLY_LINE, patience).await?;
            let (code, last, text) = parse_line(&line).ok_or(SmtpError::Protocol("unparsable reply"))?;
            let reply = reply.get_or_insert_with(|| Reply { code, lines: Vec::new() });
            if reply.code != code {
                return Err(SmtpError::Protocol("reply with two codes"));
            }
            reply.lines.push(text);
            if last {
                return Ok(reply.clone());
            }
        }
        Err(SmtpError::Protocol("reply with too many lines"))
    }
}

fn check(reply: Reply) -> Result<Reply, SmtpError> {
    match reply.outcome() {
        Outcome::Accepted => Ok(reply),
        Outcome::Temporary(text) => Err(SmtpError::Temporary(text)),
        Outcome::Permanent(text) => Err(SmtpError::Permanent(text)),
    }
}
