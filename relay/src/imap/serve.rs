//! The loop of one connection.

use std::sync::Arc;

use imap_codec::decode::Decoder;
use imap_codec::imap_types::auth::AuthenticateData;
use imap_codec::{AuthenticateDataCodec, IdleDoneCodec};
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use super::fetch::Fetch;
use super::read::{Incoming, Reader};
use super::session::{Next, Session};
use super::text::Status;
use super::view::News;
use crate::net::{Wire, WireError};
use crate::shared::Shared;

/// Queued text at which answers are written out although more commands are waiting.
const FLUSH_AT: usize = 64 * 1024;

/// Longest line of a SASL response.
const MAX_SASL_LINE: usize = 4096;

/// One connection.
struct Connection<'a> {
    wire: Wire,
    shared: &'a Arc<Shared>,
    tls: &'a TlsAcceptor,
    session: Session,
    bad: usize,
}

/// Whether the dialogue goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    Continue,
    Close,
}

/// Serves one connection until it ends.
pub(crate) async fn serve(wire: Wire, shared: &Arc<Shared>, tls: &TlsAcceptor) {
    let session = Session::new(Arc::clone(shared), wire.is_encrypted());
    let mut connection = Connection { wire, shared, tls, session, bad: 0 };
    match connection.run().await {
        Ok(()) | Err(WireError::Closed) => {}
        Err(WireError::Timeout) => connection.bye("Silent for too long"),
        Err(WireError::Endless) => connection.bye("Too much data"),
        Err(problem) => debug!(%problem, "IMAP connection ended"),
    }
    connection.wire.close().await;
}

impl Connection<'_> {
    async fn run(&mut self) -> Result<(), WireError> {
        let capabilities = self.session.capabilities();
        self.wire.reply.line(format_args!("* OK [CAPABILITY {capabilities}] {} ready", self.shared.host()));
        self.wire.flush().await?;
        let mut batch = 0;
        loop {
            let limits = &self.shared.config.limits;
            let mut reader = Reader {
                patience: self.session.patience(),
                wire: &mut self.wire,
                limits,
                address: self.session.address(),
            };
            let incoming = reader.command(&self.shared.log).await?;
            self.shared.lag().await;
            if self.answer(incoming).await? == Flow::Close {
                return Ok(());
            }
            batch += 1;
            let full = batch >= limits.pipelined_commands || self.wire.reply.text_len() >= FLUSH_AT;
            if full || !self.wire.has_line() {
                batch = 0;
                self.wire.flush().await?;
                tokio::task::consume_budget().await;
            }
        }
    }

    fn bye(&mut self, text: &str) {
        self.wire.reply.line(format_args!("* BYE {text}"));
    }

    async fn answer(&mut self, incoming: Incoming) -> Result<Flow, WireError> {
        match incoming {
            Incoming::Command(command) => {
                let tag = command.tag.as_ref().to_owned();
                let next = self.session.handle(command.body, &mut self.wire.reply);
                self.follow(&tag, next).await
            }
            Incoming::TooBig { tag } => {
                self.finish(tag.as_ref(), Status::no("[TOOBIG] Literal too large"));
                Ok(Flow::Continue)
            }
            Incoming::Faulty { tag: Some(tag), problem } => {
                Ok(self.finish(tag.as_ref(), Status::bad(problem)))
            }
            Incoming::Faulty { tag: None, problem } => Ok(self.finish("*", Status::bad(problem))),
        }
    }

    /// Writes the tagged answer. Too many faulty commands end the connection.
    fn finish(&mut self, tag: &str, status: Status) -> Flow {
        self.wire.reply.line(format_args!("{tag} {status}"));
        if status.is_bad() {
            self.bad += 1;
            if self.bad > self.shared.config.limits.bad_commands {
                self.bye("Too many faulty commands");
                return Flow::Close;
            }
        }
        Flow::Continue
    }

    async fn follow(&mut self, tag: &str, next: Next) -> Result<Flow, WireError> {
        match next {
            Next::Done(status) => {
                let status = self.saved(status).await;
                Ok(self.finish(tag, status))
            }
            Next::Gone => {
                self.bye("[UNAVAILABLE] The selected mailbox was deleted or replaced");
                Ok(Flow::Close)
            }
            Next::Close(status) => {
                if let Some(status) = status {
                    self.finish(tag, status);
                }
                Ok(Flow::Close)
            }
            Next::StartTls => {
                self.finish(tag, Status::ok("Begin TLS negotiation now"));
                self.wire.flush().await?;
                self.wire.upgrade(self.tls, self.shared.config.limits.unauthenticated_idle).await?;
                self.session.set_encrypted();
                Ok(Flow::Continue)
            }
            Next::Fetch(fetch) => self.fetch(tag, fetch).await,
            Next::Sasl => self.authenticate(tag).await,
            Next::Idle => self.idle(tag).await,
        }
    }

    /// Waits until the command's changes are on disk, if mail is kept there.
    async fn saved(&mut self, status: Status) -> Status {
        if !self.session.take_dirty() {
            return status;
        }
        match self.shared.store.settle().await {
            Ok(()) => status,
            Err(problem) => {
                debug!(%problem, "changes were not saved");
                Status::no("[SERVERBUG] The mail store has a problem")
            }
        }
    }

    /// Writes the answers of a FETCH so that no more than a bounded part of them is in memory.
    async fn fetch(&mut self, tag: &str, mut fetch: Fetch) -> Result<Flow, WireError> {
        let Some(account) = self.session.account() else { return Ok(Flow::Close) };
        loop {
            let more = fetch.render(&account, &mut self.wire.reply, FLUSH_AT);
            if !more {
                break;
            }
            self.wire.flush().await?;
        }
        let news = fetch.news();
        if self.session.sync(news, &mut self.wire.reply).is_err() {
            return Box::pin(self.follow(tag, Next::Gone)).await;
        }
        let status = self.saved(Status::ok("Fetch completed")).await;
        Ok(self.finish(tag, status))
    }

    /// Asks for the SASL response that did not come with the command.
    async fn authenticate(&mut self, tag: &str) -> Result<Flow, WireError> {
        self.wire.reply.line(format_args!("+ "));
        self.wire.flush().await?;
        let line = match self.wire.line(MAX_SASL_LINE, self.session.patience()).await {
            Ok(line) => line,
            Err(WireError::LineTooLong) => Vec::new(),
            Err(other) => return Err(other),
        };
        let next = match AuthenticateDataCodec::default().decode(&line) {
            Ok((_, AuthenticateData::Continue(response))) => self.session.plain(response.declassify()),
            Ok((_, AuthenticateData::Cancel)) => Next::Done(Status::bad("Authentication cancelled")),
            Err(_) => Next::Done(Status::bad("Cannot decode the response")),
        };
        // Boxed only to permit the recursion; logging in leads to no further step of this kind.
        Box::pin(self.follow(tag, next)).await
    }

    /// RFC 2177: reports changes as they happen until the client says `DONE`.
    async fn idle(&mut self, tag: &str) -> Result<Flow, WireError> {
        self.wire.reply.line(format_args!("+ idling"));
        let limits = &self.shared.config.limits;
        let end = Instant::now() + limits.authenticated_idle;
        let Some(account) = self.session.account() else {
            return Ok(self.finish(tag, Status::bad("Log in first")));
        };
        loop {
            let changed = account.changed().notified();
            tokio::pin!(changed);
            // From here on no ring of the bell is missed, so looking at the folder comes after.
            changed.as_mut().enable();
            if self.session.sync(News::All, &mut self.wire.reply).is_err() {
                return Box::pin(self.follow(tag, Next::Gone)).await;
            }
            self.wire.flush().await?;
            let silence = end.saturating_duration_since(Instant::now());
            tokio::select! {
                line = self.wire.line(limits.imap_line, silence) => {
                    let line = match line {
                        Err(WireError::LineTooLong) => Vec::new(),
                        other => other?,
                    };
                    let done = IdleDoneCodec::default().decode(&line).is_ok();
                    let status = if done { Status::ok("Idle completed") } else { Status::bad("Expected DONE") };
                    return Ok(self.finish(tag, status));
                }
                () = changed => {}
                () = sleep(limits.idle_keepalive) => self.wire.reply.line(format_args!("* OK Still here")),
            }
        }
    }
}
