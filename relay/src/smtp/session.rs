//! One SMTP connection (RFC 5321).

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use smtp_proto::request::receiver::{DataReceiver, DummyDataReceiver};
use smtp_proto::{AUTH_LOGIN, AUTH_PLAIN, Error as SyntaxError, MailFrom, RcptTo, Request};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info};

use super::submission::{Answer, Envelope, submit};
use crate::net::{Protocol, Wire, WireError};
use crate::shared::{Shared, SmtpFault};
use crate::store::{Lease, LoginError};

/// Bytes read at once while a mail comes in.
const DATA_CHUNK: usize = 64 * 1024;

/// How many times the permitted size a mail may have before the connection is cut instead of read to its end.
const OVERSIZE_FACTOR: usize = 4;

/// State of one connection.
struct Session<'a> {
    wire: Wire,
    shared: &'a Arc<Shared>,
    tls: &'a TlsAcceptor,
    greeted: bool,
    lease: Option<Lease>,
    envelope: Option<Envelope>,
    bad: usize,
    failed_logins: usize,
    connected: Instant,
}

/// Whether the dialogue goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    Continue,
    Close,
}

/// Serves one connection until it ends.
pub(crate) async fn serve(wire: Wire, shared: &Arc<Shared>, tls: &TlsAcceptor) {
    let mut session = Session {
        wire,
        shared,
        tls,
        greeted: false,
        lease: None,
        envelope: None,
        bad: 0,
        failed_logins: 0,
        connected: Instant::now(),
    };
    match session.run().await {
        Ok(()) | Err(WireError::Closed) => {}
        Err(WireError::Timeout) => {
            session.say(421, "4.4.2 Timeout, closing connection");
        }
        Err(problem) => debug!(%problem, "SMTP connection ended"),
    }
    session.wire.close().await;
}

impl Session<'_> {
    async fn run(&mut self) -> Result<(), WireError> {
        let greeting = format!("{} ESMTP", self.shared.host());
        self.say(220, greeting);
        self.wire.flush().await?;
        let mut batch = 0;
        loop {
            let line = match self.wire.line(self.shared.config.limits.smtp_line, self.patience()).await {
                Ok(line) => Some(line),
                Err(WireError::LineTooLong) => None,
                Err(other) => return Err(other),
            };
            self.shared.lag().await;
            let flow = match line {
                Some(line) => {
                    let address = self.lease.as_ref().map(|lease| lease.account.address());
                    self.shared.log.record(Protocol::Smtp, address, &line);
                    self.command(&line).await?
                }
                None => self.fault(500, "5.5.2 Line too long"),
            };
            if flow == Flow::Close {
                return Ok(());
            }
            batch += 1;
            if batch >= self.shared.config.limits.pipelined_commands || !self.wire.has_line() {
                batch = 0;
                self.wire.flush().await?;
                tokio::task::consume_budget().await;
            }
        }
    }

    /// How long to wait for the next command: before login, what remains of the time to log in.
    fn patience(&self) -> Duration {
        let limits = &self.shared.config.limits;
        if self.lease.is_some() {
            limits.authenticated_idle
        } else {
            limits.unauthenticated_idle.saturating_sub(self.connected.elapsed())
        }
    }

    fn say(&mut self, code: u16, text: impl Into<Cow<'static, str>>) -> Flow {
        self.wire.reply.line(format_args!("{code} {}", text.into()));
        Flow::Continue
    }

    /// Answers a faulty command; too many of them end the connection.
    fn fault(&mut self, code: u16, text: impl Into<Cow<'static, str>>) -> Flow {
        self.bad += 1;
        if self.bad > self.shared.config.limits.bad_commands {
            self.say(421, "4.7.0 Too many errors, closing connection");
            return Flow::Close;
        }
        self.say(code, text)
    }

    async fn command(&mut self, line: &[u8]) -> Result<Flow, WireError> {
        let request = match Request::parse(&mut line.iter()) {
            Ok(request) => request,
            Err(problem) => return Ok(self.syntax_error(&problem)),
        };
        Ok(match request {
            Request::Ehlo { host } => self.ehlo(&host),
            Request::Helo { .. } | Request::Lhlo { .. } => self.helo(),
            Request::StartTls => return self.start_tls().await,
            Request::Auth { mechanism, initial_response } => {
                return self.auth(mechanism, initial_response.as_ref()).await;
            }
            Request::Mail { from } => self.mail(&from),
            Request::Rcpt { to } => self.rcpt(&to),
            Request::Data => return self.data().await,
            Request::Rset => {
                self.envelope = None;
                self.say(250, "2.0.0 Ok")
            }
            Request::Noop { .. } => self.say(250, "2.0.0 Ok"),
            Request::Vrfy { .. } => self.say(252, "2.0.0 Send some mail to find out"),
            Request::Help { .. } => self.say(214, "2.0.0 RFC 5321"),
            Request::Quit => {
                self.say(221, "2.0.0 Bye");
                Flow::Close
            }
            _ => self.fault(502, "5.5.1 Command not implemented"),
        })
    }

    fn syntax_error(&mut self, problem: &SyntaxError) -> Flow {
        match problem {
            SyntaxError::UnknownCommand => self.fault(500, "5.5.1 Command unrecognized"),
            SyntaxError::InvalidSenderAddress => self.fault(553, "5.1.7 Bad sender address syntax"),
            SyntaxError::InvalidRecipientAddress => self.fault(553, "5.1.3 Bad recipient address syntax"),
            SyntaxError::SyntaxError { syntax } => self.fault(501, format!("5.5.4 Syntax: {syntax}")),
            SyntaxError::InvalidParameter { param } => {
                self.fault(501, format!("5.5.4 Bad parameter {param}"))
            }
            SyntaxError::UnsupportedParameter { .. } => self.fault(555, "5.5.4 Unsupported parameter"),
            _ => self.fault(500, "5.5.2 Syntax error"),
        }
    }

    fn ehlo(&mut self, client: &str) -> Flow {
        if client.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
            return self.fault(501, "5.5.4 Invalid host name");
        }
        self.greeted = true;
        self.envelope = None;
        let host = self.shared.host().to_owned();
        let size = self.shared.config.limits.message;
        self.wire.reply.line(format_args!("250-{host}"));
        self.wire.reply.line(format_args!("250-PIPELINING"));
        self.wire.reply.line(format_args!("250-SIZE {size}"));
        if self.wire.is_encrypted() {
            self.wire.reply.line(format_args!("250-AUTH PLAIN LOGIN"));
        } else {
            self.wire.reply.line(format_args!("250-STARTTLS"));
        }
        self.wire.reply.line(format_args!("250-ENHANCEDSTATUSCODES"));
        self.wire.reply.line(format_args!("250-8BITMIME"));
        self.wire.reply.line(format_args!("250 SMTPUTF8"));
        Flow::Continue
    }

    fn helo(&mut self) -> Flow {
        self.greeted = true;
        self.envelope = None;
        let host = self.shared.host().to_owned();
        self.say(250, host)
    }

    async fn start_tls(&mut self) -> Result<Flow, WireError> {
        if self.wire.is_encrypted() {
            return Ok(self.fault(503, "5.5.1 TLS is already active"));
        }
        self.say(220, "2.0.0 Ready to start TLS");
        self.wire.flush().await?;
        self.wire.upgrade(self.tls, self.shared.config.limits.unauthenticated_idle).await?;
        self.greeted = false;
        self.envelope = None;
        Ok(Flow::Continue)
    }

    async fn auth(&mut self, mechanism: u64, initial: &str) -> Result<Flow, WireError> {
        if !self.wire.is_encrypted() {
            return Ok(self.fault(530, "5.7.0 Must issue a STARTTLS command first"));
        }
        if self.lease.is_some() {
            return Ok(self.fault(503, "5.5.1 Already authenticated"));
        }
        if !self.greeted {
            return Ok(self.fault(503, "5.5.1 Send EHLO first"));
        }
        let first = Some(initial).filter(|text| !text.is_empty());
        let credentials = match mechanism {
            AUTH_PLAIN => self.plain(first).await?,
            AUTH_LOGIN => self.login_mechanism(first).await?,
            _ => return Ok(self.fault(504, "5.5.4 Mechanism not supported, use PLAIN")),
        };
        let Some((user, password)) = credentials else {
            return Ok(self.fault(501, "5.5.2 Cannot decode the credentials"));
        };
        Ok(self.log_in(&user, &password))
    }

    /// RFC 4616: authorization identity, user and password, divided by NUL.
    async fn plain(&mut self, first: Option<&str>) -> Result<Option<(String, Vec<u8>)>, WireError> {
        let Some(response) = self.sasl_response(first, "").await? else { return Ok(None) };
        let mut parts = response.splitn(3, |byte| *byte == 0);
        let (Some(_), Some(user), Some(password)) = (parts.next(), parts.next(), parts.next()) else {
            return Ok(None);
        };
        Ok(String::from_utf8(user.to_vec()).ok().map(|user| (user, password.to_vec())))
    }

    async fn login_mechanism(&mut self, first: Option<&str>) -> Result<Option<(String, Vec<u8>)>, WireError> {
        let Some(user) = self.sasl_response(first, "VXNlcm5hbWU6").await? else { return Ok(None) };
        let Some(password) = self.sasl_response(None, "UGFzc3dvcmQ6").await? else { return Ok(None) };
        Ok(String::from_utf8(user).ok().map(|user| (user, password)))
    }

    /// The client's next response, decoded; `None` if it is not base64 or a cancellation.
    async fn sasl_response(
        &mut self,
        given: Option<&str>,
        prompt: &str,
    ) -> Result<Option<Vec<u8>>, WireError> {
        if let Some(text) = given {
            return Ok(if text == "=" { Some(Vec::new()) } else { STANDARD.decode(text.trim()).ok() });
        }
        self.wire.reply.line(format_args!("334 {prompt}"));
        self.wire.flush().await?;
        let line = match self.wire.line(self.shared.config.limits.smtp_line, self.patience()).await {
            Err(WireError::LineTooLong) => return Ok(None),
            other => other?,
        };
        Ok(STANDARD.decode(line.trim_ascii()).ok())
    }

    fn log_in(&mut self, user: &str, password: &[u8]) -> Flow {
        let refused = self.shared.faults.read().refuse_login;
        let result = if refused { Err(LoginError::Refused) } else { self.shared.store.login(user, password) };
        match result {
            Ok(account) => match account.lease(self.shared.config.limits.sessions_per_account) {
                Some(lease) => {
                    self.lease = Some(lease);
                    self.say(235, "2.7.0 Authentication successful")
                }
                None => {
                    self.say(421, "4.7.0 Too many connections of this account");
                    Flow::Close
                }
            },
            Err(LoginError::Full) => self.fault(454, "4.7.0 No new accounts at the moment"),
            Err(LoginError::Refused) => {
                self.failed_logins += 1;
                info!(attempts = self.failed_logins, "SMTP login failed");
                self.say(535, "5.7.8 Error: authentication failed");
                if self.failed_logins >= self.shared.config.limits.failed_logins {
                    Flow::Close
                } else {
                    Flow::Continue
                }
            }
        }
    }

    fn mail(&mut self, from: &MailFrom<Cow<'_, str>>) -> Flow {
        if !self.greeted {
            return self.fault(503, "5.5.1 Send EHLO first");
        }
        if self.lease.is_none() {
            return self.fault(530, "5.7.0 Authentication required");
        }
        if self.envelope.is_some() {
            return self.fault(503, "5.5.1 Nested MAIL command");
        }
        if from.size > self.shared.config.limits.message {
            return self.say(552, "5.3.4 Message exceeds maximum size");
        }
        self.envelope = Some(Envelope { sender: from.address.to_ascii_lowercase(), recipients: Vec::new() });
        self.say(250, "2.1.0 Ok")
    }

    fn rcpt(&mut self, to: &RcptTo<Cow<'_, str>>) -> Flow {
        let limits = &self.shared.config.limits;
        let Some(lease) = &self.lease else { return self.fault(530, "5.7.0 Authentication required") };
        let Some(envelope) = &mut self.envelope else {
            return self.fault(503, "5.5.1 Need MAIL command first");
        };
        let faults = self.shared.faults.read().clone();
        let concerned = to.address.to_ascii_lowercase().contains(&faults.rcpt_only.to_ascii_lowercase());
        if let (Some(SmtpFault { code, text }), true) = (faults.rcpt, concerned) {
            return self.say(code, text);
        }
        if envelope.sender != lease.account.address() {
            return self.say(553, "5.7.1 Sender address rejected: not owned by user");
        }
        if envelope.recipients.len() >= limits.recipients {
            return self.say(452, "4.5.3 Too many recipients");
        }
        let Some(recipient) = canonical_recipient(&to.address) else {
            return self.fault(553, "5.1.3 Bad recipient address syntax");
        };
        let local = recipient.rsplit_once('@').is_some_and(|(_, domain)| self.shared.store.is_local(domain));
        if !local {
            return self
                .say(550, "5.1.2 Recipient address rejected: this relay delivers to its own domains only");
        }
        // Each recipient gets the mail once. The list is bounded, so looking through it is too.
        if !envelope.recipients.contains(&recipient) {
            envelope.recipients.push(recipient);
        }
        self.say(250, "2.1.5 Ok")
    }

    async fn data(&mut self) -> Result<Flow, WireError> {
        let Some(envelope) = self.envelope.take_if(|envelope| !envelope.recipients.is_empty()) else {
            return Ok(self.fault(554, "5.5.1 No valid recipients"));
        };
        if let Some(rate) = &self.shared.rate
            && !rate.lock().admit(&envelope.sender, Instant::now())
        {
            return Ok(self.say(450, format!("4.7.1: Too much mail from <{}>", envelope.sender)));
        }
        self.say(354, "End data with <CR><LF>.<CR><LF>");
        self.wire.flush().await?;
        let Some(mail) = self.receive().await? else {
            self.shared.counters.refused.fetch_add(1, Relaxed);
            return Ok(self.say(552, "5.3.4 Message exceeds maximum size"));
        };
        if has_bare_line_end(&mail) {
            self.say(521, "5.5.2 Error: bare <LF> or <CR> received");
            return Ok(Flow::Close);
        }
        let (fault, hang_up) = {
            let faults = self.shared.faults.read();
            (faults.data.clone(), faults.hang_up_after_data)
        };
        if let Some(SmtpFault { code, text }) = fault {
            return Ok(self.say(code, text));
        }
        let mut answer = submit(self.shared, &envelope, mail);
        if let Err(problem) = self.shared.store.settle().await {
            debug!(%problem, "mail was not saved");
            answer = Answer::new(451, "4.3.0 The mail store has a problem");
        }
        if hang_up {
            return Ok(Flow::Close);
        }
        Ok(self.say(answer.code, answer.text))
    }

    /// The content of a mail, dots unstuffed; `None` if it is larger than permitted.
    async fn receive(&mut self) -> Result<Option<Vec<u8>>, WireError> {
        let limit = self.shared.config.limits.message;
        let patience = self.patience();
        let mut mail = Vec::new();
        let mut receiver = DataReceiver::new();
        // The command line in front counts as a line end: a lone dot may be the first thing sent.
        receiver.ingest(&mut b"\r\n".iter(), &mut mail);
        mail.clear();
        loop {
            let chunk = self.wire.chunk(DATA_CHUNK, patience).await?;
            let mut bytes = chunk.iter();
            if receiver.ingest(&mut bytes, &mut mail) {
                self.wire.unread(bytes.as_slice());
                return Ok((mail.len() <= limit).then_some(mail));
            }
            if mail.len() > limit {
                break;
            }
        }
        drop(mail);
        let mut rest = DummyDataReceiver::new_data(&receiver);
        let mut skipped = limit;
        while skipped < limit.saturating_mul(OVERSIZE_FACTOR) {
            let chunk = self.wire.chunk(DATA_CHUNK, patience).await?;
            skipped += chunk.len();
            let mut bytes = chunk.iter();
            if rest.ingest(&mut bytes) {
                self.wire.unread(bytes.as_slice());
                return Ok(None);
            }
        }
        Err(WireError::Endless)
    }
}

/// Lower-cased, without the detail behind a `+`.
fn canonical_recipient(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let local = local.split('+').next().filter(|local| !local.is_empty())?;
    Some(format!("{}@{}", local.to_ascii_lowercase(), domain.to_ascii_lowercase()))
}

/// CR and LF must come in pairs (RFC 5321, section 2.3.8); anything else could mean another mail to someone else.
fn has_bare_line_end(mail: &[u8]) -> bool {
    let mut previous = 0;
    for byte in mail {
        if (*byte == b'\n') != (previous == b'\r') {
            return true;
        }
        previous = *byte;
    }
    previous == b'\r'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_canonical() {
        assert_eq!(canonical_recipient("Bob+tag@X.org").as_deref(), Some("bob@x.org"));
        for address in ["bob", "@x", "+tag@x", ""] {
            assert_eq!(canonical_recipient(address), None, "{address}");
        }
    }

    #[test]
    fn lone_line_ends_are_seen() {
        for good in ["", "a", "a\r\nb\r\n", "\r\n"] {
            assert!(!has_bare_line_end(good.as_bytes()), "{good:?}");
        }
        for bad in ["\n", "\r", "a\nb", "a\rb", "a\r\n\n", "\r\r\n", "a\r"] {
            assert!(has_bare_line_end(bad.as_bytes()), "{bad:?}");
        }
    }
}
