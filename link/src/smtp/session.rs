//! One SMTP session over async-smtp: its commands, its reader of replies, and its view of the extensions.
//!
//! `SmtpTransport::send` of the library writes each command by itself, stops reading at the first refusal, which leaves
//! the session useless, and takes a whole copy of the mail. So the commands of a transaction are written together
//! (RFC 2920), every reply is read, and the content goes past the library, piece by piece.

use std::time::Duration;

use async_smtp::{
    EmailAddress,
    authentication::{Credentials, Mechanism},
    commands::{
        AuthCommand, DataCommand, MailCommand, QuitCommand, RcptCommand, RsetCommand, StarttlsCommand,
    },
    extension::{Extension, MailBodyParameter, MailParameter, ServerInfo},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{
    content::DataWriter,
    stream::{SmtpError, Transport},
};
use crate::wire::{BoxedStream, IO_TIMEOUT};

/// Time for the reply to a whole mail: the server may run filters (RFC 5321 section 4.5.3.2.6).
const DATA_END_TIMEOUT: Duration = Duration::from_secs(300);
/// Size of the pieces in which a mail is written.
const PIECE: usize = 16 * 1024;
/// Longest address in an envelope.
const MAX_ADDRESS: usize = 512;

/// What became of one recipient of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// The server has taken over the mail for it.
    Accepted,
    /// Not now. Nothing was sent to it.
    Deferred(String),
    /// Never. Nothing was sent to it.
    Refused(String),
}

/// A connection to an SMTP server.
pub struct SmtpSession {
    transport: Transport,
    /// What the server can do; `None` if it does not say.
    server: Option<ServerInfo>,
    usable: bool,
    /// A refused transaction may still be open on the server.
    needs_reset: bool,
}

impl SmtpSession {
    /// Takes over a connected socket, reads the greeting and introduces the client. After STARTTLS there is no greeting.
    pub async fn open(stream: BoxedStream, expect_greeting: bool) -> Result<Self, SmtpError> {
        let (transport, reply) = Transport::open(stream, expect_greeting).await?;
        let server = ServerInfo::from_response(&readable(reply)).ok();
        Ok(Self { transport, server, usable: true, needs_reset: false })
    }

    /// Asks for STARTTLS and gives the socket back for the handshake. What the server sent ahead is dropped.
    pub async fn starttls(mut self) -> Result<BoxedStream, SmtpError> {
        if !self.offers(Extension::StartTls) {
            return Err(SmtpError::Protocol("server does not support STARTTLS"));
        }
        self.transport.commands(&StarttlsCommand.to_string()).await?;
        self.transport.reply(IO_TIMEOUT).await??;
        self.transport.into_stream()
    }

    /// Logs in with PLAIN or LOGIN.
    pub async fn login(&mut self, user: &str, password: &str) -> Result<(), SmtpError> {
        if user.contains('\0') || password.contains('\0') {
            return Err(SmtpError::Protocol("user name and password must not contain NUL"));
        }
        let lines = if self.offers(Extension::Authentication(Mechanism::Plain)) {
            let credentials = Credentials::new(user.to_string(), password.to_string());
            let command = AuthCommand::new(Mechanism::Plain, credentials, None);
            vec![command.map_err(|_| SmtpError::Protocol("the login cannot be written"))?.to_string()]
        } else if self.offers(Extension::Authentication(Mechanism::Login)) {
            // The library insists on the exact words of the questions, which differ between servers.
            let answer = |text: &str| format!("{}\r\n", STANDARD.encode(text));
            vec![format!("AUTH {}\r\n", Mechanism::Login), answer(user), answer(password)]
        } else {
            return Err(SmtpError::Protocol("the server offers no usable way to log in"));
        };
        for line in lines {
            // Past the library, which writes what it sends into a log.
            self.transport.send(line.as_bytes()).await?;
            self.transport.reply(IO_TIMEOUT).await??;
        }
        Ok(())
    }

    fn offers(&self, extension: Extension) -> bool {
        self.server.as_ref().is_some_and(|server| server.supports_feature(extension))
    }

    /// False when the session must not be used again.
    pub fn is_usable(&self) -> bool {
        self.usable
    }

    /// Sends one mail in one transaction, to those recipients that the server accepts. If it accepts none that counts by
    /// `matters`, nothing is sent. An error means that the mail went to nobody, and concerns all recipients.
    pub async fn send(
        &mut self,
        from: &str,
        recipients: &[String],
        mail: &Bytes,
        matters: impl Fn(&str) -> bool,
    ) -> Result<Vec<Receipt>, SmtpError> {
        if !is_envelope_address(from) || !recipients.iter().all(|to| is_envelope_address(to)) {
            return Err(SmtpError::Permanent("invalid address in the envelope".to_string()));
        }
        // Whatever happens on the way leaves the session in a state that only success or a clean refusal repairs.
        self.usable = false;
        let mut receipts = Vec::with_capacity(recipients.len());
        let data = self.envelope(from, recipients, &mut receipts).await?;
        let mut accepted =
            recipients.iter().zip(&receipts).filter(|(_, receipt)| **receipt == Receipt::Accepted);
        let worth_it = accepted.any(|(to, _)| matters(to));
        match data {
            Some(Ok(())) if worth_it => {}
            // The server waits for content: only closing the connection avoids a useless delivery.
            Some(Ok(())) => return Ok(unsent(receipts)),
            Some(Err(error)) => {
                (self.usable, self.needs_reset) = (true, true);
                return if worth_it { Err(error) } else { Ok(unsent(receipts)) };
            }
            None => {
                (self.usable, self.needs_reset) = (true, true);
                return Ok(unsent(receipts));
            }
        }
        self.content(mail).await?;
        let reply = self.transport.reply(DATA_END_TIMEOUT).await?;
        self.usable = true;
        reply?;
        Ok(receipts)
    }

    /// Sends MAIL, RCPT and DATA. Returns the answer to DATA, `None` if it was not asked for because nobody is left.
    async fn envelope(
        &mut self,
        from: &str,
        recipients: &[String],
        receipts: &mut Vec<Receipt>,
    ) -> Result<Option<Result<(), SmtpError>>, SmtpError> {
        let reset = std::mem::take(&mut self.needs_reset).then(|| RsetCommand.to_string());
        let mail = self.mail_command(from);
        let to: Vec<String> = recipients.iter().map(|to| rcpt_command(to)).collect();
        let data = DataCommand.to_string();
        let piped = self.offers(Extension::Pipelining);
        if piped {
            let all: Vec<&str> =
                reset.iter().chain([&mail]).chain(&to).chain([&data]).map(String::as_str).collect();
            self.transport.commands(&all.concat()).await?;
        }
        let before_mail = usize::from(reset.is_some());
        for (at, command) in reset.iter().chain([&mail]).enumerate() {
            if let Err(error) = self.exchange(command, piped).await? {
                // The server has an opinion about each recipient, too, and all of them say the same.
                self.skip(if piped { before_mail - at + to.len() + 1 } else { 0 }).await;
                return Err(error);
            }
        }
        for command in &to {
            let reply = match self.exchange(command, piped).await {
                Ok(reply) => reply,
                Err(lost) => return Err(worst(receipts, to.len()).unwrap_or(lost)),
            };
            receipts.push(match reply {
                Ok(_) => Receipt::Accepted,
                Err(SmtpError::Permanent(text)) => Receipt::Refused(text),
                Err(error) => Receipt::Deferred(error.to_string()),
            });
        }
        if !piped && !receipts.contains(&Receipt::Accepted) {
            return Ok(None);
        }
        match self.exchange(&data, piped).await {
            Ok(reply) => Ok(Some(reply.map(|_| ()))),
            // A server that refuses and hangs up has said why.
            Err(lost) => Err(worst(receipts, to.len()).unwrap_or(lost)),
        }
    }

    async fn exchange(
        &mut self,
        command: &str,
        piped: bool,
    ) -> Result<Result<Response, SmtpError>, SmtpError> {
        if !piped {
            self.transport.commands(command).await?;
        }
        self.transport.reply(IO_TIMEOUT).await
    }

    /// Reads replies whose content makes no difference. The session can go on if they all come.
    async fn skip(&mut self, replies: usize) {
        for last in (0..replies).rev() {
            match self.transport.reply(IO_TIMEOUT).await {
                // The server waits for content that it does not get.
                Ok(Ok(_)) if last == 0 => return,
                Ok(_) => {}
                Err(_) => return,
            }
        }
        (self.usable, self.needs_reset) = (true, true);
    }

    fn mail_command(&self, from: &str) -> String {
        let mut parameters = Vec::new();
        if self.offers(Extension::EightBitMime) {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        if self.offers(Extension::SmtpUtfEight) {
            parameters.push(MailParameter::SmtpUtfEight);
        }
        match EmailAddress::new(from.to_string()) {
            Ok(from) => MailCommand::new(Some(from), parameters).to_string(),
            // The library knows ASCII addresses only.
            Err(_) => MailCommand::new(None, parameters).to_string().replacen("<>", &format!("<{from}>"), 1),
        }
    }

    async fn content(&mut self, mail: &[u8]) -> Result<(), SmtpError> {
        let mut writer = DataWriter::default();
        let mut out = Vec::with_capacity(mail.len().min(PIECE) + 512);
        for piece in mail.chunks(PIECE) {
            writer.piece(piece, &mut out);
            if out.len() >= PIECE {
                self.transport.send(&out).await?;
                out.clear();
            }
        }
        writer.end(&mut out);
        self.transport.send(&out).await
    }

    /// Says good-bye without waiting for an answer.
    pub async fn quit(mut self) {
        // The server forgets nothing if this is lost.
        let _ = self.transport.send(QuitCommand.to_string().as_bytes()).await;
    }
}

fn rcpt_command(to: &str) -> String {
    match EmailAddress::new(to.to_string()) {
        Ok(to) => RcptCommand::new(to, Vec::new()).to_string(),
        Err(_) => format!("RCPT TO:<{to}>\r\n"),
    }
}

/// Nothing was sent, so those that were accepted are to be asked again.
fn unsent(receipts: Vec<Receipt>) -> Vec<Receipt> {
    let as_unsent = |receipt| match receipt {
        Receipt::Accepted => Receipt::Deferred("not sent, because all others were refused".to_string()),
        other => other,
    };
    receipts.into_iter().map(as_unsent).collect()
}

/// Why a server hung up that has turned everybody away; `None` if it took somebody, or was not asked about everybody.
fn worst(receipts: &[Receipt], asked: usize) -> Option<SmtpError> {
    if receipts.len() < asked || receipts.contains(&Receipt::Accepted) {
        return None;
    }
    let deferred = receipts.iter().find_map(|receipt| match receipt {
        Receipt::Deferred(text) => {
            Some(SmtpError::Temporary(text.trim_start_matches("transient: ").to_string()))
        }
        _ => None,
    });
    deferred.or_else(|| {
        receipts.iter().find_map(|receipt| match receipt {
            Receipt::Refused(text) => Some(SmtpError::Permanent(text.clone())),
            _ => None,
        })
    })
}

/// True if an address can stand in an envelope without changing the meaning of the command.
fn is_envelope_address(address: &str) -> bool {
    !address.is_empty()
        && address.len() <= MAX_ADDRESS
        && !address.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>'))
}

/// The reply to EHLO in the spelling that the library knows: upper case, `AUTH` without the `=` of old servers.
fn readable(mut reply: Response) -> Response {
    for line in reply.message.iter_mut().skip(1) {
        *line = line.to_ascii_uppercase().replacen("AUTH=", "AUTH ", 1);
    }
    if let Some(name) = reply.message.first_mut() {
        // What the server calls itself may be nothing, and is no extension.
        *name = format!("server {name}");
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_connection_says_nothing_about_those_who_were_not_refused() {
        let refused = || Receipt::Refused("550 no such user".to_string());
        let deferred = || Receipt::Deferred("451 later".to_string());
        assert!(worst(&[refused()], 2).is_none(), "the second one was not asked about");
        assert!(worst(&[refused(), Receipt::Accepted], 2).is_none());
        assert!(matches!(worst(&[refused(), deferred()], 2), Some(SmtpError::Temporary(_))));
        assert!(matches!(worst(&[refused(), refused()], 2), Some(SmtpError::Permanent(_))));
    }

    #[test]
    fn extensions_are_found_however_they_are_written() {
        let lines = ["", "PIPELINING", "AUTH=PLAIN", "auth login xoauth2", "8BITMIME"];
        let code = "250 x\r\n".parse::<Response>().unwrap().code;
        let server =
            ServerInfo::from_response(&readable(Response::new(code, lines.map(String::from).to_vec())));
        let features = server.unwrap().features;
        for found in [
            Extension::Pipelining,
            Extension::EightBitMime,
            Extension::Authentication(Mechanism::Plain),
            Extension::Authentication(Mechanism::Login),
        ] {
            assert!(features.contains(&found), "{found}");
        }
        assert!(!features.contains(&Extension::SmtpUtfEight) && !features.contains(&Extension::StartTls));
    }

    #[test]
    fn addresses_cannot_carry_commands() {
        assert!(is_envelope_address("a+b@example.org"));
        for bad in ["", "a@b>\r\nDATA", "a b@c", "<a@b"] {
            assert!(!is_envelope_address(bad), "{bad}");
        }
        assert_eq!(rcpt_command("ä@b"), "RCPT TO:<ä@b>\r\n");
        assert_eq!(rcpt_command("a@b"), "RCPT TO:<a@b>\r\n");
    }
}
