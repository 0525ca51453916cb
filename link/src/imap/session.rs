//! One IMAP session: commands out, responses in, every byte bounded.
//!
//! Own code instead of a client library, for what a process with ten thousands of sessions to servers of strangers
//! needs: the length of a literal is checked before memory is set aside for it (one that is too large is read past), a
//! response is scanned once however slowly it arrives, nesting and the number of responses are bounded, bodies are handed on without a copy, and a
//! waiting session owns no buffers.

use std::time::Duration;

use bytes::Bytes;

use super::{
    frame::{Frame, MAX_LINE, Scan},
    parse::{Code, FetchData, ParseError, QuotaResource, Response, Status, StatusLine, quote},
};
use crate::wire::{BoxedStream, IO_TIMEOUT, Wire, WireError};

/// Largest mail that is accepted, well above what relays transport.
pub const MAX_MAIL: usize = 160 * 1024 * 1024;
/// Largest block of prefetched header fields of one mail.
pub const MAX_HEADER: usize = 256 * 1024;
/// Largest response that is not a mail.
const MAX_SMALL_RESPONSE: usize = 1024 * 1024;
/// Most responses to one command.
const MAX_RESPONSES: usize = 200_000;
/// Time for the answer to `DONE`.
const DONE_TIMEOUT: Duration = Duration::from_secs(15);

/// Header fields that decide whether a mail is downloaded.
const PREFETCH_FIELDS: &str = "MESSAGE-ID DATE X-MICROSOFT-ORIGINAL-MESSAGE-ID FROM CONTENT-TYPE \
     SECURE-JOIN CHAT-VERSION CHAT-IS-POST-MESSAGE AUTOCRYPT-SETUP-MESSAGE";

/// Why an IMAP session failed.
#[derive(Debug, thiserror::Error)]
pub enum ImapError {
    /// The socket or the framing failed.
    #[error("{0}")]
    Wire(#[from] WireError),
    /// A response could not be understood.
    #[error("{0}")]
    Parse(#[from] ParseError),
    /// The server refused the command.
    #[error("no response: code: None, info: {0:?}")]
    No(Option<String>),
    /// The server did not understand the command.
    #[error("bad response: code: None, info: {0:?}")]
    Bad(Option<String>),
    /// The server said good-bye.
    #[error("connection closed by the server: {0}")]
    Bye(String),
    /// The server does something it must not do.
    #[error("{0}")]
    Protocol(&'static str),
}

/// Capabilities that make a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// `IDLE`.
    pub idle: bool,
    /// `ID`.
    pub id: bool,
    /// `QUOTA`.
    pub quota: bool,
    /// `METADATA`.
    pub metadata: bool,
    /// `XDELTAPUSH`: push tokens are accepted.
    pub push: bool,
}

impl Capabilities {
    fn from_words<S: AsRef<str>>(words: &[S]) -> Self {
        let has = |name: &str| words.iter().any(|word| word.as_ref().eq_ignore_ascii_case(name));
        Self {
            idle: has("IDLE"),
            id: has("ID"),
            quota: has("QUOTA"),
            metadata: has("METADATA"),
            push: has("XDELTAPUSH"),
        }
    }
}

/// Result of selecting a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// UIDVALIDITY.
    pub uidvalidity: u32,
    /// UIDNEXT, if the server tells.
    pub uid_next: Option<u32>,
}

/// Why waiting for new mail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdleEnd {
    /// Something changed in the folder.
    Changed,
    /// Nothing was heard for the whole time.
    Silence,
}

/// A mail as found in a FETCH response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// UID.
    pub uid: u32,
    /// All data of the response.
    pub data: FetchData,
}

/// Quota roots of a folder with their resources.
pub type QuotaRoots = Vec<(String, Vec<QuotaResource>)>;

/// A connection to an IMAP server.
pub struct ImapSession {
    wire: Wire,
    tag: u32,
    idle_tag: Option<String>,
    /// What the server can do.
    pub capabilities: Capabilities,
    /// Something arrived in the selected folder since this was last cleared.
    pub new_mail: bool,
}

impl ImapSession {
    /// Takes over a connected socket and reads the greeting. After STARTTLS there is none.
    pub async fn open(stream: BoxedStream, expect_greeting: bool) -> Result<Self, ImapError> {
        let mut session = Self {
            wire: Wire::new(stream),
            tag: 0,
            idle_tag: None,
            capabilities: Capabilities::default(),
            new_mail: false,
        };
        if expect_greeting {
            session.greeting().await?;
        }
        Ok(session)
    }

    async fn greeting(&mut self) -> Result<(), ImapError> {
        match self.read_response(MAX_SMALL_RESPONSE, IO_TIMEOUT).await? {
            Response::Status(StatusLine { status: Status::Ok | Status::PreAuth, .. }) => Ok(()),
            Response::Status(line) => Err(ImapError::Bye(line.text)),
            _ => Err(ImapError::Protocol("the greeting is not a greeting")),
        }
    }

    /// Asks for STARTTLS and gives the socket back for the handshake. What the server sent ahead is dropped.
    pub async fn starttls(mut self) -> Result<BoxedStream, ImapError> {
        self.command("STARTTLS", MAX_SMALL_RESPONSE, |_| {}).await?;
        Ok(self.wire.into_stream())
    }

    /// Logs in and learns the capabilities.
    pub async fn login(&mut self, user: &str, password: &str) -> Result<(), ImapError> {
        let (Some(user), Some(password)) = (quote(user), quote(password)) else {
            return Err(ImapError::Protocol("user name and password must not contain line ends"));
        };
        let mut words = None;
        let line = self
            .command(&format!("LOGIN {user} {password}"), MAX_SMALL_RESPONSE, |response| {
                if let Response::Capability(list) = response {
                    words = Some(list);
                }
            })
            .await?;
        if let Some(Code::Capability(list)) = line.code {
            words = Some(list);
        }
        if words.is_none() {
            self.command("CAPABILITY", MAX_SMALL_RESPONSE, |response| {
                if let Response::Capability(list) = response {
                    words = Some(list);
                }
            })
            .await?;
        }
        self.capabilities = Capabilities::from_words(&words.unwrap_or_default());
        Ok(())
    }

    /// Tells the server who we are. Returns what it says about itself.
    pub async fn id(&mut self, name: &str) -> Result<Vec<(String, String)>, ImapError> {
        let mut server = Vec::new();
        let name = quote(name).unwrap_or_default();
        self.command(&format!("ID (\"name\" {name})"), MAX_SMALL_RESPONSE, |response| {
            if let Response::Id(fields) = response {
                server = fields;
            }
        })
        .await?;
        Ok(server)
    }

    /// Selects a folder. `None`: there is no such folder.
    pub async fn select(&mut self, folder: &str) -> Result<Option<Selected>, ImapError> {
        let mut answer = SelectAnswer::default();
        let command = select_command(folder)?;
        match self.command(&command, MAX_SMALL_RESPONSE, |response| answer.take(&response)).await {
            Ok(_) => {}
            Err(ImapError::No(_)) => return Ok(None),
            Err(error) => return Err(error),
        }
        self.selected(answer, folder).await.map(Some)
    }

    async fn selected(&mut self, answer: SelectAnswer, folder: &str) -> Result<Selected, ImapError> {
        let uidvalidity = answer.uidvalidity.ok_or(ImapError::Protocol("no UIDVALIDITY in SELECT"))?;
        let mut uid_next = answer.uid_next;
        if uid_next.is_none() {
            let folder = quote(folder).ok_or(ImapError::Protocol("bad folder name"))?;
            let command = format!("STATUS {folder} (UIDNEXT)");
            let asked = self.command(&command, MAX_SMALL_RESPONSE, |response| {
                if let Response::FolderStatus(next) = response {
                    uid_next = next;
                }
            });
            match asked.await {
                Ok(_) | Err(ImapError::No(_) | ImapError::Bad(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.new_mail = false;
        Ok(Selected { uidvalidity, uid_next })
    }

    /// Fetches size and deciding header fields of the UIDs `first..=last`, ascending; on request also when the mails
    /// arrived.
    pub async fn fetch_headers(
        &mut self,
        first: u32,
        last: u32,
        arrival: bool,
    ) -> Result<Vec<Fetched>, ImapError> {
        let arrival = if arrival { " INTERNALDATE" } else { "" };
        let command = format!(
            "UID FETCH {first}:{last} (UID RFC822.SIZE{arrival} BODY.PEEK[HEADER.FIELDS ({PREFETCH_FIELDS})])"
        );
        let most = usize::try_from(last.saturating_sub(first)).unwrap_or(usize::MAX).saturating_add(1);
        let mut out = self.fetch(&command, MAX_HEADER, most).await?;
        out.retain(|mail| (first..=last).contains(&mail.uid) && mail.data.body.is_some());
        Ok(out)
    }

    /// Fetches whole mails with their flags, ascending. `limit` bounds the size of each.
    pub async fn fetch_mails(
        &mut self,
        set: &str,
        uids: &[u32],
        limit: usize,
    ) -> Result<Vec<Fetched>, ImapError> {
        let command = format!("UID FETCH {set} (FLAGS BODY.PEEK[])");
        let mut out = self.fetch(&command, limit.min(MAX_MAIL), uids.len()).await?;
        out.retain(|mail| uids.binary_search(&mail.uid).is_ok() && mail.data.body.is_some());
        Ok(out)
    }

    /// The lowest UID in `first..=last`, or the highest one of all for `None`.
    pub async fn find_uid(&mut self, range: Option<(u32, u32)>) -> Result<Option<u32>, ImapError> {
        let set = range.map_or("*".to_string(), |(first, last)| format!("{first}:{last}"));
        let (first, last) = range.unwrap_or((1, u32::MAX));
        let mut found: Option<u32> = None;
        self.command(&format!("UID FETCH {set} (UID)"), MAX_SMALL_RESPONSE, |response| {
            if let Response::Fetch(FetchData { uid: Some(uid), .. }) = response
                && (first..=last).contains(&uid)
            {
                found = Some(found.map_or(uid, |lowest| lowest.min(uid)));
            }
        })
        .await?;
        Ok(found)
    }

    /// When the newest mail of the folder arrived, by the clock of the server. `None` if there is none or it is not told.
    pub async fn newest_arrival(&mut self) -> Result<Option<i64>, ImapError> {
        let mut newest: Option<(u32, Option<i64>)> = None;
        self.command("UID FETCH * (UID INTERNALDATE)", MAX_SMALL_RESPONSE, |response| {
            if let Response::Fetch(FetchData { uid: Some(uid), arrived, .. }) = response {
                newest = newest.max(Some((uid, arrived)));
            }
        })
        .await?;
        Ok(newest.and_then(|(_, arrived)| arrived))
    }

    async fn fetch(&mut self, command: &str, limit: usize, most: usize) -> Result<Vec<Fetched>, ImapError> {
        let mut out: Vec<Fetched> = Vec::new();
        let mut unsolicited = false;
        self.command(command, limit + MAX_LINE, |response| {
            if let Response::Fetch(data) = response {
                match data.uid {
                    Some(uid) if data.body.is_some() && out.len() < most => out.push(Fetched { uid, data }),
                    // Changed flags of some mail: not what was asked for.
                    _ => unsolicited = true,
                }
            }
        })
        .await?;
        self.new_mail |= unsolicited;
        out.sort_by_key(|mail| mail.uid);
        out.dedup_by_key(|mail| mail.uid);
        Ok(out)
    }

    /// Stores `\Seen`.
    pub async fn mark_seen(&mut self, set: &str) -> Result<(), ImapError> {
        self.command(&format!("UID STORE {set} +FLAGS (\\Seen)"), MAX_SMALL_RESPONSE, |_| {}).await?;
        Ok(())
    }

    /// Marks mails for deletion; [`Self::close_and_select`] removes them.
    pub async fn mark_deleted(&mut self, set: &str) -> Result<(), ImapError> {
        self.command(&format!("UID STORE {set} +FLAGS (\\Deleted)"), MAX_SMALL_RESPONSE, |_| {}).await?;
        Ok(())
    }

    /// Removes the mails marked for deletion and selects the folder again, in one exchange.
    pub async fn close_and_select(&mut self, folder: &str) -> Result<Option<Selected>, ImapError> {
        let close = self.next_tag();
        let select = self.next_tag();
        let text = format!("{close} CLOSE\r\n{select} {}\r\n", select_command(folder)?);
        self.wire.write(text.as_bytes()).await?;
        let closed = match self.finish(&close, MAX_SMALL_RESPONSE, &mut |_| {}).await {
            // A refusal is followed by the answer to SELECT, anything else by nothing that is worth a wait.
            Ok(_) => Ok(()),
            Err(refusal @ (ImapError::No(_) | ImapError::Bad(_))) => Err(refusal),
            Err(error) => return Err(error),
        };
        let mut answer = SelectAnswer::default();
        let selected = self.finish(&select, MAX_SMALL_RESPONSE, &mut |response| answer.take(&response)).await;
        closed?;
        match selected {
            Ok(_) => self.selected(answer, folder).await.map(Some),
            Err(ImapError::No(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Fill level of the quota roots of a folder.
    pub async fn quota(&mut self, folder: &str) -> Result<QuotaRoots, ImapError> {
        let folder = quote(folder).ok_or(ImapError::Protocol("bad folder name"))?;
        let mut roots = Vec::new();
        let mut quotas: QuotaRoots = Vec::new();
        self.command(&format!("GETQUOTAROOT {folder}"), MAX_SMALL_RESPONSE, |response| match response {
            Response::QuotaRoot(names) => roots = names,
            Response::Quota(root, resources) => quotas.push((root, resources)),
            _ => {}
        })
        .await?;
        if roots.iter().any(|root| !quotas.iter().any(|(name, _)| name == root)) {
            return Err(ImapError::Protocol("a quota root has no quota"));
        }
        Ok(quotas)
    }

    /// Values of server annotations (RFC 5464).
    pub async fn metadata(&mut self, entries: &str) -> Result<Vec<(String, Option<Bytes>)>, ImapError> {
        let mut out = Vec::new();
        self.command(&format!("GETMETADATA \"\" ({entries})"), MAX_SMALL_RESPONSE, |response| {
            if let Response::Metadata(values) = response {
                out.extend(values);
            }
        })
        .await?;
        Ok(out)
    }

    /// Begins to wait for changes (RFC 2177).
    pub async fn idle_start(&mut self) -> Result<(), ImapError> {
        let tag = self.send("IDLE").await?;
        for _ in 0..MAX_RESPONSES {
            match self.read_response(MAX_SMALL_RESPONSE, IO_TIMEOUT).await? {
                Response::Continue => {
                    self.idle_tag = Some(tag);
                    return Ok(());
                }
                Response::Tagged(_, line) => return Err(refusal(line)),
                response => self.notice(&response)?,
            }
        }
        Err(ImapError::Protocol("too many responses"))
    }

    /// Waits until something changes or nothing was heard for `silence`. The future may be dropped at any time.
    pub async fn idle_wait(&mut self, silence: Duration) -> Result<IdleEnd, ImapError> {
        loop {
            let response = match self.read_response(MAX_SMALL_RESPONSE, silence).await {
                Err(ImapError::Wire(WireError::TimedOut)) => return Ok(IdleEnd::Silence),
                other => other?,
            };
            match response {
                // A keep-alive.
                Response::Status(StatusLine { status: Status::Ok, .. }) | Response::Continue => {}
                Response::Tagged(_, line) => return Err(refusal(line)),
                response => {
                    self.notice(&response)?;
                    return Ok(IdleEnd::Changed);
                }
            }
        }
    }

    /// Ends waiting, so that commands are possible again.
    pub async fn idle_done(&mut self) -> Result<(), ImapError> {
        let Some(tag) = self.idle_tag.take() else { return Ok(()) };
        self.wire.write(b"DONE\r\n").await?;
        tokio::time::timeout(DONE_TIMEOUT, self.finish(&tag, MAX_SMALL_RESPONSE, &mut |_| {}))
            .await
            .map_err(|_| ImapError::Wire(WireError::TimedOut))??;
        Ok(())
    }

    fn next_tag(&mut self) -> String {
        self.tag += 1;
        format!("A{:04}", self.tag)
    }

    async fn send(&mut self, command: &str) -> Result<String, ImapError> {
        let tag = self.next_tag();
        self.wire.write(format!("{tag} {command}\r\n").as_bytes()).await?;
        Ok(tag)
    }

    async fn command(
        &mut self,
        command: &str,
        limit: usize,
        mut visit: impl FnMut(Response),
    ) -> Result<StatusLine, ImapError> {
        let tag = self.send(command).await?;
        self.finish(&tag, limit, &mut visit).await
    }

    /// Reads up to the end of the command with `tag`.
    async fn finish(
        &mut self,
        tag: &str,
        limit: usize,
        visit: &mut impl FnMut(Response),
    ) -> Result<StatusLine, ImapError> {
        for _ in 0..MAX_RESPONSES {
            match self.read_or_skip(limit).await? {
                Response::Tagged(its, line) if its == tag => {
                    return if line.status == Status::Ok { Ok(line) } else { Err(refusal(line)) };
                }
                Response::Tagged(..) => return Err(ImapError::Protocol("answer to another command")),
                response => {
                    self.notice(&response)?;
                    visit(response);
                }
            }
        }
        Err(ImapError::Protocol("too many responses"))
    }

    /// Takes note of what a server may say at any time.
    fn notice(&mut self, response: &Response) -> Result<(), ImapError> {
        match response {
            Response::Exists(_) => self.new_mail = true,
            Response::Status(StatusLine { status: Status::Bye, text, .. }) => {
                return Err(ImapError::Bye(text.clone()));
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads one response. Dropping the future loses nothing.
    async fn read_response(&mut self, limit: usize, patience: Duration) -> Result<Response, ImapError> {
        let mut frame = Frame::default();
        loop {
            match frame.scan(self.wire.buffered(), limit)? {
                Scan::Complete(len) => return Ok(Response::parse(&self.wire.take(len))?),
                Scan::Excess { .. } => return Err(WireError::TooLong(limit).into()),
                Scan::Needs(more) => self.read_more(more, limit, patience).await?,
            }
        }
    }

    /// Reads one response; literals that are too large come out empty. A single mail that goes beyond all bounds must
    /// not keep those behind it from being seen.
    async fn read_or_skip(&mut self, limit: usize) -> Result<Response, ImapError> {
        let mut frame = Frame::default();
        loop {
            match frame.scan(self.wire.buffered(), limit)? {
                Scan::Complete(len) => return Ok(Response::parse(&self.wire.take(len))?),
                Scan::Excess { at, len, digits } => {
                    self.wire.fill_with_zeros(digits.0..digits.1);
                    self.wire.cut(at, len, IO_TIMEOUT).await?;
                }
                Scan::Needs(more) => self.read_more(more, limit, IO_TIMEOUT).await?,
            }
        }
    }

    async fn read_more(&mut self, more: usize, limit: usize, patience: Duration) -> Result<(), ImapError> {
        // Once a response has begun the rest must follow as fast as any other answer.
        let patience = if self.wire.buffered().is_empty() { patience } else { IO_TIMEOUT };
        Ok(self.wire.fill(more, limit + MAX_LINE, patience).await?)
    }
}

fn refusal(line: StatusLine) -> ImapError {
    let info = Some(line.text).filter(|text| !text.is_empty());
    match line.status {
        Status::Bad => ImapError::Bad(info),
        Status::Bye => ImapError::Bye(info.unwrap_or_default()),
        _ => ImapError::No(info),
    }
}

fn select_command(folder: &str) -> Result<String, ImapError> {
    Ok(format!("SELECT {}", quote(folder).ok_or(ImapError::Protocol("bad folder name"))?))
}

#[derive(Default)]
struct SelectAnswer {
    uidvalidity: Option<u32>,
    uid_next: Option<u32>,
}

impl SelectAnswer {
    fn take(&mut self, response: &Response) {
        if let Response::Status(line) = response {
            match line.code {
                Some(Code::UidValidity(number)) => self.uidvalidity = Some(number),
                Some(Code::UidNext(number)) => self.uid_next = Some(number),
                _ => {}
            }
        }
    }
}
