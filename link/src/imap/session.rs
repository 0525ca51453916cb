//! One IMAP session over async-imap: commands out, responses in.
//!
//! The library reads and decodes every response; a guard below it bounds what it gets to see (see [`crate::guard`]).
//! Commands go out past the library, because its own ones take a refusal of FETCH or STORE for an empty answer, cannot
//! be sent together, and log passwords. The connection object of the library exists only while an answer is read: a
//! session that waits owns no buffer.

use std::time::Duration;

use async_imap::{
    Client,
    imap_proto::{MailboxDatum, Outcome, Response, ResponseCode, Status},
};
use bytes::Bytes;

use super::data::{self, FetchData, QuotaAnswer, QuotaResource, SelectAnswer, refusal};
use crate::{
    guard::{
        Guard,
        imap::{ImapFraming, MAX_LINE},
    },
    wire::{BoxedStream, IO_TIMEOUT, WireError},
};

/// Largest mail that is accepted, well above what relays transport.
pub const MAX_MAIL: usize = 160 * 1024 * 1024;
/// Largest block of prefetched header fields of one mail.
pub const MAX_HEADER: usize = 256 * 1024;
/// Largest response that is not a mail.
const MAX_SMALL_RESPONSE: usize = 1024 * 1024;
/// Most responses to one command.
pub const MAX_RESPONSES: usize = 200_000;
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
    /// The server refused the command.
    #[error("no response: {0}")]
    No(String),
    /// The server did not understand the command.
    #[error("bad response: {0}")]
    Bad(String),
    /// The server said good-bye.
    #[error("connection closed by the server: {0}")]
    Bye(String),
    /// The server does something it must not do.
    #[error("{0}")]
    Protocol(&'static str),
}

impl ImapError {
    /// The server answered NO or BAD: the command was not carried out, the session goes on.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::No(_) | Self::Bad(_))
    }
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

/// Result of selecting a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// UIDVALIDITY.
    pub uidvalidity: u32,
    /// UIDNEXT, if the server reports it.
    pub uid_next: Option<u32>,
}

/// A folder that is seen for the first time. Mail from before is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstVisit {
    /// UIDVALIDITY.
    pub uidvalidity: u32,
    /// UID of the next mail.
    pub uid_next: u32,
    /// When the newest mail in it arrived, by the clock of the relay; 0 if there is none.
    pub newest_arrival: i64,
}

/// Why waiting for new mail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdleEnd {
    /// Something changed in the folder.
    Changed,
    /// Nothing was received for the whole time.
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
    /// Gone when the session broke.
    guard: Option<Guard<ImapFraming>>,
    tag: u32,
    idle_tag: Option<String>,
    /// What the server can do.
    pub capabilities: Capabilities,
    /// Something arrived in the selected folder since this was last cleared.
    pub new_mail: bool,
    /// How many mails the selected folder has, as the server last said.
    pub exists: Option<u32>,
}

impl ImapSession {
    /// Takes over a connected socket and reads the greeting. After STARTTLS there is none.
    pub async fn open(stream: BoxedStream, expect_greeting: bool) -> Result<Self, ImapError> {
        let mut session = Self {
            guard: Some(Guard::new(stream, ImapFraming::new(MAX_SMALL_RESPONSE))),
            tag: 0,
            idle_tag: None,
            capabilities: Capabilities::default(),
            new_mail: false,
            exists: None,
        };
        if expect_greeting {
            session.greeting().await?;
        }
        Ok(session)
    }

    async fn greeting(&mut self) -> Result<(), ImapError> {
        self.read(MAX_SMALL_RESPONSE, IO_TIMEOUT, |response, _| match response {
            Response::Data { status: Status::Ok | Status::PreAuth, .. } => Turn::End(Ok(())),
            Response::Data { status, outcome } => Turn::End(Err(match refusal(status, outcome) {
                ImapError::No(text) | ImapError::Bad(text) => ImapError::Bye(text),
                other => other,
            })),
            _ => Turn::End(Err(ImapError::Protocol("the greeting is not a greeting"))),
        })
        .await
    }

    /// Asks for STARTTLS and gives the socket back for the handshake. What the server sent ahead is dropped.
    pub async fn starttls(mut self) -> Result<BoxedStream, ImapError> {
        self.command("STARTTLS", MAX_SMALL_RESPONSE, |_, _| {}).await?;
        Ok(self.guard.ok_or(WireError::Closed)?.into_stream())
    }

    /// Logs in and learns the capabilities.
    pub async fn login(&mut self, user: &str, password: &str) -> Result<(), ImapError> {
        let (Some(user), Some(password)) = (quote(user), quote(password)) else {
            return Err(ImapError::Protocol("user name and password must not contain line ends"));
        };
        let mut known = self.capabilities_after(&format!("LOGIN {user} {password}")).await?;
        if known.is_none() {
            known = self.capabilities_after("CAPABILITY").await?;
        }
        self.capabilities = known.unwrap_or_default();
        Ok(())
    }

    async fn capabilities_after(&mut self, command: &str) -> Result<Option<Capabilities>, ImapError> {
        let mut found = None;
        self.command(command, MAX_SMALL_RESPONSE, |response, _| {
            let words = match response {
                Response::Capabilities(words) => words,
                Response::Done {
                    outcome: Outcome { code: Some(ResponseCode::Capabilities(words)), .. },
                    ..
                } => words,
                _ => return,
            };
            found = Some(Capabilities::read(words));
        })
        .await?;
        Ok(found)
    }

    /// Introduces the client to the server. Returns what it says about itself.
    pub async fn id(&mut self, name: &str) -> Result<Vec<(String, String)>, ImapError> {
        let mut server = Vec::new();
        let name = quote(name).unwrap_or_default();
        self.command(&format!("ID (\"name\" {name})"), MAX_SMALL_RESPONSE, |response, _| {
            if let Response::Id(Some(fields)) = response {
                server = fields.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
            }
        })
        .await?;
        Ok(server)
    }

    /// Selects a folder. `None`: there is no such folder.
    pub async fn select(&mut self, folder: &str) -> Result<Option<Selected>, ImapError> {
        let mut answer = SelectAnswer::default();
        let command = select_command(folder)?;
        match self.command(&command, MAX_SMALL_RESPONSE, |response, _| answer.take(response)).await {
            Ok(_) => {}
            Err(ImapError::No(_)) => return Ok(None),
            Err(error) => return Err(error),
        }
        self.selected(answer, folder).await.map(Some)
    }

    /// UID of the next mail in a folder that was just selected.
    pub async fn uid_next(&mut self, selected: Selected) -> Result<u32, ImapError> {
        match selected.uid_next {
            Some(uid_next) => Ok(uid_next),
            None => Ok(self.find_uid(None).await?.map_or(1, |highest| highest.saturating_add(1))),
        }
    }

    /// Selects a folder that was not seen before. `None`: there is no such folder.
    pub async fn first_visit(&mut self, folder: &str) -> Result<Option<FirstVisit>, ImapError> {
        let Some(selected) = self.select(folder).await? else { return Ok(None) };
        let uid_next = self.uid_next(selected).await?;
        let newest = if uid_next > 1 { self.newest_arrival().await? } else { None };
        Ok(Some(FirstVisit {
            uidvalidity: selected.uidvalidity,
            uid_next,
            newest_arrival: newest.unwrap_or(0),
        }))
    }

    async fn selected(&mut self, answer: SelectAnswer, folder: &str) -> Result<Selected, ImapError> {
        let uidvalidity = answer.uidvalidity.ok_or(ImapError::Protocol("no UIDVALIDITY in SELECT"))?;
        let mut uid_next = answer.uid_next;
        if uid_next.is_none() {
            let folder = quote(folder).ok_or(ImapError::Protocol("bad folder name"))?;
            let command = format!("STATUS {folder} (UIDNEXT)");
            let asked = self.command(&command, MAX_SMALL_RESPONSE, |response, _| {
                uid_next = data::status_uid_next(response).or(uid_next);
            });
            match asked.await {
                Err(error) if !error.is_refusal() => return Err(error),
                _ => {}
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

    /// The lowest UID in `first..=last`, or the highest one of all for `None`. The server answers with a response for
    /// each mail of the range, so the range must not have more mails than [`MAX_RESPONSES`].
    pub async fn find_uid(&mut self, range: Option<(u32, u32)>) -> Result<Option<u32>, ImapError> {
        let set = range.map_or("*".to_string(), |(first, last)| format!("{first}:{last}"));
        let (first, last) = range.unwrap_or((1, u32::MAX));
        let mut found: Option<u32> = None;
        self.command(&format!("UID FETCH {set} (UID)"), MAX_SMALL_RESPONSE, |response, literals| {
            if let Some(FetchData { uid: Some(uid), .. }) = fetch_data(response, literals)
                && (first..=last).contains(&uid)
            {
                found = Some(found.map_or(uid, |lowest| lowest.min(uid)));
            }
        })
        .await?;
        Ok(found)
    }

    /// When the newest mail of the folder arrived, by the clock of the server. `None` if there is none or the server does not say.
    pub async fn newest_arrival(&mut self) -> Result<Option<i64>, ImapError> {
        let mut newest: Option<(u32, Option<i64>)> = None;
        self.command("UID FETCH * (UID INTERNALDATE)", MAX_SMALL_RESPONSE, |response, literals| {
            if let Some(FetchData { uid: Some(uid), arrived, .. }) = fetch_data(response, literals) {
                newest = newest.max(Some((uid, arrived)));
            }
        })
        .await?;
        Ok(newest.and_then(|(_, arrived)| arrived))
    }

    async fn fetch(&mut self, command: &str, limit: usize, most: usize) -> Result<Vec<Fetched>, ImapError> {
        let mut out: Vec<Fetched> = Vec::new();
        let mut unsolicited = false;
        self.command(command, limit + MAX_LINE, |response, literals| {
            let Some(data) = fetch_data(response, literals) else { return };
            match data.uid {
                Some(uid) if data.body.is_some() && out.len() < most => out.push(Fetched { uid, data }),
                // Changed flags of some mail: not what was asked for.
                _ => unsolicited = true,
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
        self.command(&format!("UID STORE {set} +FLAGS (\\Seen)"), MAX_SMALL_RESPONSE, |_, _| {}).await?;
        Ok(())
    }

    /// Marks mails for deletion; [`Self::close_and_select`] removes them.
    pub async fn mark_deleted(&mut self, set: &str) -> Result<(), ImapError> {
        self.command(&format!("UID STORE {set} +FLAGS (\\Deleted)"), MAX_SMALL_RESPONSE, |_, _| {}).await?;
        Ok(())
    }

    /// Removes the mails marked for deletion and selects the folder again, in one exchange.
    pub async fn close_and_select(&mut self, folder: &str) -> Result<Option<Selected>, ImapError> {
        let close = self.next_tag();
        let select = self.next_tag();
        let text = format!("{close} CLOSE\r\n{select} {}\r\n", select_command(folder)?);
        self.write(text.as_bytes()).await?;
        let closed = match self.finish(&close, MAX_SMALL_RESPONSE, |_, _| {}).await {
            // A refusal is followed by the answer to SELECT, anything else by nothing that is worth a wait.
            Err(error) if !error.is_refusal() => return Err(error),
            closed => closed,
        };
        let mut answer = SelectAnswer::default();
        let selected = self.finish(&select, MAX_SMALL_RESPONSE, |response, _| answer.take(response)).await;
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
        let mut answer = QuotaAnswer::default();
        let command = format!("GETQUOTAROOT {folder}");
        self.command(&command, MAX_SMALL_RESPONSE, |response, _| answer.take(response)).await?;
        let QuotaAnswer { roots, quotas } = answer;
        if roots.iter().any(|root| !quotas.iter().any(|(name, _)| name == root)) {
            return Err(ImapError::Protocol("a quota root has no quota"));
        }
        Ok(quotas)
    }

    /// Values of server annotations (RFC 5464).
    pub async fn metadata(&mut self, entries: &str) -> Result<Vec<(String, Option<Bytes>)>, ImapError> {
        let mut out = Vec::new();
        let command = format!("GETMETADATA \"\" ({entries})");
        self.command(&command, MAX_SMALL_RESPONSE, |response, _| out.extend(data::metadata(response)))
            .await?;
        Ok(out)
    }

    /// Sets an annotation of a folder (RFC 5464). The value has to be printable ASCII without `"` and `\\`.
    pub async fn set_metadata(&mut self, folder: &str, entry: &str, value: &str) -> Result<(), ImapError> {
        let folder = quote(folder).ok_or(ImapError::Protocol("bad folder name"))?;
        let value = quote(value).ok_or(ImapError::Protocol("bad annotation"))?;
        let command = format!("SETMETADATA {folder} ({entry} {value})");
        self.command(&command, MAX_SMALL_RESPONSE, |_, _| {}).await
    }

    /// Begins to wait for changes (RFC 2177).
    pub async fn idle_start(&mut self) -> Result<(), ImapError> {
        let tag = self.send("IDLE").await?;
        self.read(MAX_SMALL_RESPONSE, IO_TIMEOUT, |response, _| match response {
            Response::Continue(_) => Turn::End(Ok(())),
            Response::Done { status, outcome, .. } => Turn::End(Err(refusal(status, outcome))),
            _ => Turn::Next,
        })
        .await?;
        self.idle_tag = Some(tag);
        Ok(())
    }

    /// Waits until something changes or nothing was received for `silence`. The future may be dropped at any time.
    pub async fn idle_wait(&mut self, silence: Duration) -> Result<IdleEnd, ImapError> {
        loop {
            let guard = self.guard.as_mut().ok_or(WireError::Closed)?;
            guard.framing().set_limit(MAX_SMALL_RESPONSE);
            guard.expect(silence);
            match guard.ready().await {
                Err(WireError::TimedOut) => return Ok(IdleEnd::Silence),
                other => other?,
            }
            // The response is there, so this neither waits nor can be dropped half way.
            let changed = Box::pin(self.read(MAX_SMALL_RESPONSE, IO_TIMEOUT, |response, _| {
                Turn::End(match response {
                    // A keep-alive.
                    Response::Data { status: Status::Ok, .. } | Response::Continue(_) => Ok(false),
                    Response::Done { status, outcome, .. } => Err(refusal(status, outcome)),
                    _ => Ok(true),
                })
            }));
            if changed.await? {
                return Ok(IdleEnd::Changed);
            }
        }
    }

    /// Ends waiting, so that commands are possible again.
    pub async fn idle_done(&mut self) -> Result<(), ImapError> {
        let Some(tag) = self.idle_tag.take() else { return Ok(()) };
        self.write(b"DONE\r\n").await?;
        tokio::time::timeout(DONE_TIMEOUT, self.finish(&tag, MAX_SMALL_RESPONSE, |_, _| {}))
            .await
            .map_err(|_| WireError::TimedOut)?
    }

    fn next_tag(&mut self) -> String {
        self.tag += 1;
        format!("A{:04}", self.tag)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), ImapError> {
        Ok(self.guard.as_mut().ok_or(WireError::Closed)?.send(bytes).await?)
    }

    async fn send(&mut self, command: &str) -> Result<String, ImapError> {
        let tag = self.next_tag();
        self.write(format!("{tag} {command}\r\n").as_bytes()).await?;
        Ok(tag)
    }

    async fn command(
        &mut self,
        command: &str,
        limit: usize,
        visit: impl FnMut(&Response<'_>, &[Bytes]),
    ) -> Result<(), ImapError> {
        let tag = self.send(command).await?;
        self.finish(&tag, limit, visit).await
    }

    /// Reads up to the end of the command with `tag`; `visit` sees all responses, the last one included.
    async fn finish(
        &mut self,
        tag: &str,
        limit: usize,
        mut visit: impl FnMut(&Response<'_>, &[Bytes]),
    ) -> Result<(), ImapError> {
        self.read(limit, IO_TIMEOUT, |response, literals| {
            visit(response, literals);
            match response {
                Response::Done { tag: its, .. } if its.0 != tag => {
                    Turn::End(Err(ImapError::Protocol("answer to another command")))
                }
                Response::Done { status: Status::Ok, .. } => Turn::End(Ok(())),
                Response::Done { status, outcome, .. } => Turn::End(Err(refusal(status, outcome))),
                _ => Turn::Next,
            }
        })
        .await
    }

    /// Reads responses until `visit` has what it wants. After any error but a refusal the session is over.
    async fn read<T>(
        &mut self,
        limit: usize,
        patience: Duration,
        mut visit: impl FnMut(&Response<'_>, &[Bytes]) -> Turn<T>,
    ) -> Result<T, ImapError> {
        let mut guard = self.guard.take().ok_or(WireError::Closed)?;
        guard.framing().set_limit(limit);
        let mut client = Client::new(guard);
        for _ in 0..MAX_RESPONSES {
            client.get_mut().expect(patience);
            let data = client.read_response().await.map_err(WireError::from)?.ok_or(WireError::Closed)?;
            let literals = client.get_mut().framing().take_literals();
            self.notice(data.parsed())?;
            match visit(data.parsed(), &literals) {
                Turn::Next => {}
                Turn::End(result) => {
                    if result.as_ref().err().is_none_or(ImapError::is_refusal) {
                        self.guard = Some(client.into_inner());
                    }
                    return result;
                }
            }
        }
        Err(WireError::TooMany.into())
    }

    /// Takes note of what a server may say at any time.
    fn notice(&mut self, response: &Response<'_>) -> Result<(), ImapError> {
        match response {
            Response::MailboxData(MailboxDatum::Exists(mails)) => {
                self.exists = Some(*mails);
                self.new_mail = true;
            }
            Response::Data { status: Status::Bye, outcome } => return Err(refusal(&Status::Bye, outcome)),
            _ => {}
        }
        Ok(())
    }
}

/// What follows a response.
enum Turn<T> {
    /// The next response.
    Next,
    /// Nothing, this was the last one.
    End(Result<T, ImapError>),
}

fn fetch_data(response: &Response<'_>, literals: &[Bytes]) -> Option<FetchData> {
    match response {
        Response::Fetch(_, attributes) => Some(FetchData::read(attributes, literals)),
        _ => None,
    }
}

/// Quotes a string for a command. `None` if it cannot be sent as a quoted string.
fn quote(value: &str) -> Option<String> {
    if value.contains(['\r', '\n', '\0']) {
        return None;
    }
    Some(format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
}

fn select_command(folder: &str) -> Result<String, ImapError> {
    Ok(format!("SELECT {}", quote(folder).ok_or(ImapError::Protocol("bad folder name"))?))
}
