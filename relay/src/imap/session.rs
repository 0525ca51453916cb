//! The state of one connection, and who answers which command.

use std::sync::Arc;
use std::time::{Duration, Instant};

use imap_codec::imap_types::auth::AuthMechanism;
use imap_codec::imap_types::command::CommandBody;
use imap_codec::imap_types::mailbox::Mailbox;
use tracing::info;

use super::fetch::Fetch;
use super::text::Status;
use super::view::{FolderGone, News, View};
use super::{extension, mailbox, message};
use crate::net::Reply;
use crate::shared::Shared;
use crate::store::{Account, INBOX, Lease, LoginError, canonical_folder};

/// Bytes of a folder name.
const MAX_FOLDER_NAME: usize = 200;

/// What follows a command.
pub(crate) enum Next {
    /// The tagged answer.
    Done(Status),
    /// The selected folder has gone; the connection cannot go on.
    Gone,
    /// An answer, then the end.
    Close(Option<Status>),
    StartTls,
    /// The answers of a FETCH, to be written piece by piece.
    Fetch(Fetch),
    /// The SASL response must be asked for.
    Sasl,
    Idle,
}

impl From<Status> for Next {
    fn from(status: Status) -> Self {
        Self::Done(status)
    }
}

/// The state of a connection (RFC 3501, section 3).
pub(crate) struct Session {
    pub(crate) shared: Arc<Shared>,
    encrypted: bool,
    lease: Option<Lease>,
    pub(crate) view: Option<View>,
    failed_logins: usize,
    /// The current command changed something that belongs on disk.
    dirty: bool,
    connected: Instant,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>, encrypted: bool) -> Self {
        Self {
            shared,
            encrypted,
            lease: None,
            view: None,
            failed_logins: 0,
            dirty: false,
            connected: Instant::now(),
        }
    }

    pub(crate) fn is_logged_in(&self) -> bool {
        self.lease.is_some()
    }

    pub(crate) fn address(&self) -> Option<&str> {
        self.lease.as_ref().map(|lease| lease.account.address())
    }

    /// How long to wait for the next command: before login, what remains of the time to log in.
    pub(crate) fn patience(&self) -> Duration {
        let limits = &self.shared.config.limits;
        if self.is_logged_in() {
            limits.authenticated_idle
        } else {
            limits.unauthenticated_idle.saturating_sub(self.connected.elapsed())
        }
    }

    pub(crate) fn set_encrypted(&mut self) {
        self.encrypted = true;
    }

    pub(crate) fn account(&self) -> Option<Arc<Account>> {
        self.lease.as_ref().map(|lease| Arc::clone(&lease.account))
    }

    pub(crate) fn mark_dirty(&mut self) {
        self.dirty = true;
    }

    pub(crate) fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    pub(crate) fn capabilities(&self) -> String {
        let mut list = String::from("IMAP4rev1 ID ENABLE LITERAL+ XCHATMAIL XDELTAPUSH");
        let faults = self.shared.faults.read();
        if !faults.without_idle {
            list.push_str(" IDLE");
        }
        if self.is_logged_in() {
            list.push_str(" UIDPLUS MOVE UNSELECT NAMESPACE QUOTA");
            if !faults.without_metadata {
                list.push_str(" METADATA");
            }
        } else if self.encrypted {
            list.push_str(" SASL-IR AUTH=PLAIN");
        } else {
            list.push_str(" STARTTLS LOGINDISABLED");
        }
        list
    }

    /// Reports what happened to the selected folder.
    pub(crate) fn sync(&mut self, news: News, reply: &mut Reply) -> Result<(), FolderGone> {
        let (Some(lease), Some(view)) = (&self.lease, &mut self.view) else { return Ok(()) };
        let mut state = lease.account.lock();
        let folder = state.folders.get_mut(&view.folder);
        if folder.as_ref().is_some_and(|folder| view.is_current(folder)) {
            return Ok(());
        }
        view.sync(folder, news, reply)
    }

    /// Answers one command, except for the tagged line.
    pub(crate) fn handle(&mut self, body: CommandBody<'static>, reply: &mut Reply) -> Next {
        let news = match &body {
            CommandBody::Fetch { uid: false, .. }
            | CommandBody::Store { uid: false, .. }
            | CommandBody::Search { uid: false, .. } => News::KeepNumbers,
            _ => News::All,
        };
        let next = match self.account() {
            None => self.before_login(body, reply),
            Some(account) => self.after_login(&account, body, reply),
        };
        if matches!(next, Next::Fetch(_)) {
            // News come behind the answers that are still to be written.
            return next;
        }
        if self.sync(news, reply).is_err() {
            return Next::Gone;
        }
        next
    }

    fn before_login(&mut self, body: CommandBody<'static>, reply: &mut Reply) -> Next {
        match body {
            CommandBody::StartTLS if self.encrypted => Status::bad("TLS is already active").into(),
            CommandBody::StartTLS => Next::StartTls,
            CommandBody::Login { .. } | CommandBody::Authenticate { .. } if !self.encrypted => {
                Status::no("[PRIVACYREQUIRED] Use STARTTLS first").into()
            }
            CommandBody::Login { username, password } => {
                self.log_in(username.as_ref(), password.declassify().as_ref())
            }
            CommandBody::Authenticate { mechanism: AuthMechanism::Plain, initial_response } => {
                match initial_response {
                    Some(response) => self.plain(response.declassify()),
                    None => Next::Sasl,
                }
            }
            CommandBody::Authenticate { .. } => Status::no("[CANNOT] Only PLAIN is supported").into(),
            other => self.any_time(other, reply, "Log in first"),
        }
    }

    /// Commands that need no login.
    fn any_time(&mut self, body: CommandBody<'static>, reply: &mut Reply, otherwise: &'static str) -> Next {
        match body {
            CommandBody::Capability => {
                reply.line(format_args!("* CAPABILITY {}", self.capabilities()));
                Status::ok("Capability completed").into()
            }
            CommandBody::Noop => Status::ok("Noop completed").into(),
            CommandBody::Id { .. } => extension::id(reply).into(),
            CommandBody::Logout => {
                reply.line(format_args!("* BYE Logging out"));
                Next::Close(Some(Status::ok("Logout completed")))
            }
            _ => Status::bad(otherwise).into(),
        }
    }

    /// SASL PLAIN (RFC 4616): authorization identity, user and password, divided by NUL.
    pub(crate) fn plain(&mut self, response: &[u8]) -> Next {
        let mut parts = response.splitn(3, |byte| *byte == 0);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(_), Some(user), Some(password)) => self.log_in(user, password),
            _ => Status::bad("Not a PLAIN response").into(),
        }
    }

    fn log_in(&mut self, user: &[u8], password: &[u8]) -> Next {
        let refused = self.shared.faults.read().refuse_login;
        let result = match std::str::from_utf8(user) {
            Ok(user) if !refused => self.shared.store.login(user, password),
            _ => Err(LoginError::Refused),
        };
        let account = match result {
            Ok(account) => account,
            Err(LoginError::Full) => return Status::no("[LIMIT] No new accounts at the moment").into(),
            Err(LoginError::Refused) => return self.login_failed(),
        };
        match account.lease(self.shared.config.limits.sessions_per_account) {
            Some(lease) => {
                self.lease = Some(lease);
                self.mark_dirty();
                Status::ok(format!("[CAPABILITY {}] Logged in", self.capabilities())).into()
            }
            None => Next::Close(Some(Status::no("[LIMIT] Too many connections of this account"))),
        }
    }

    fn login_failed(&mut self) -> Next {
        self.failed_logins += 1;
        info!(attempts = self.failed_logins, "IMAP login failed");
        let status = Status::no("[AUTHENTICATIONFAILED] Authentication failed.");
        if self.failed_logins >= self.shared.config.limits.failed_logins {
            Next::Close(Some(status))
        } else {
            status.into()
        }
    }

    fn after_login(&mut self, account: &Account, body: CommandBody<'static>, reply: &mut Reply) -> Next {
        match body {
            CommandBody::Login { .. } | CommandBody::Authenticate { .. } | CommandBody::StartTLS => {
                Status::bad("Already logged in").into()
            }
            CommandBody::Idle => self.start_idle(),
            CommandBody::Select { mailbox } => mailbox::select(self, account, &mailbox, false, reply).into(),
            CommandBody::Examine { mailbox } => mailbox::select(self, account, &mailbox, true, reply).into(),
            CommandBody::Create { mailbox } => mailbox::create(self, account, &mailbox).into(),
            CommandBody::Delete { mailbox } => mailbox::delete(self, account, &mailbox).into(),
            CommandBody::Rename { from, to } => mailbox::rename(self, account, &from, &to).into(),
            CommandBody::Subscribe { mailbox } => mailbox::subscribe(account, &mailbox, true).into(),
            CommandBody::Unsubscribe { mailbox } => mailbox::subscribe(account, &mailbox, false).into(),
            CommandBody::List { reference, mailbox_wildcard } => {
                mailbox::list(account, &reference, &mailbox_wildcard, mailbox::Listing::All, reply).into()
            }
            CommandBody::Lsub { reference, mailbox_wildcard } => {
                mailbox::list(account, &reference, &mailbox_wildcard, mailbox::Listing::Subscribed, reply)
                    .into()
            }
            CommandBody::Status { mailbox, item_names } => {
                mailbox::status(account, &mailbox, &item_names, reply).into()
            }
            CommandBody::Append { mailbox, flags, date, message } => {
                mailbox::append(self, account, &mailbox, &flags, date.as_ref(), message).into()
            }
            CommandBody::GetQuota { root } => extension::get_quota(account, root.as_ref(), reply).into(),
            CommandBody::GetQuotaRoot { mailbox } => {
                extension::get_quota_root(account, &mailbox, reply).into()
            }
            CommandBody::SetQuota { .. } => Status::no("[NOPERM] The quota is set by the operator").into(),
            CommandBody::GetMetadata { mailbox, entries, .. } => {
                extension::get_metadata(&self.shared, account, &mailbox, entries.as_ref(), reply).into()
            }
            CommandBody::SetMetadata { mailbox, entry_values } => {
                extension::set_metadata(&self.shared, account, &mailbox, entry_values.as_ref()).into()
            }
            CommandBody::Namespace => extension::namespace(reply).into(),
            CommandBody::Enable { .. } => extension::enable(reply).into(),
            other => self.in_folder(account, other, reply),
        }
    }

    fn start_idle(&self) -> Next {
        if self.shared.faults.read().without_idle {
            return Status::bad("IDLE is not supported").into();
        }
        Next::Idle
    }

    /// Commands that need a selected folder.
    fn in_folder(&mut self, account: &Account, body: CommandBody<'static>, reply: &mut Reply) -> Next {
        if self.view.is_none() {
            return self.any_time(body, reply, "Unknown command, or no mailbox selected");
        }
        match body {
            CommandBody::Check => Status::ok("Check completed").into(),
            CommandBody::Close => message::close(self, account).into(),
            CommandBody::Unselect => {
                self.view = None;
                Status::ok("Unselect completed").into()
            }
            CommandBody::Expunge => message::expunge(self, account, None).into(),
            CommandBody::ExpungeUid { sequence_set } => {
                message::expunge(self, account, Some(&sequence_set)).into()
            }
            CommandBody::Fetch { sequence_set, macro_or_item_names, uid } => {
                message::fetch(self, account, &sequence_set, macro_or_item_names, uid)
            }
            CommandBody::Store { sequence_set, kind, response, flags, uid } => {
                let change = message::FlagChange { kind, response, flags };
                message::store(self, account, &sequence_set, &change, uid, reply).into()
            }
            CommandBody::Copy { sequence_set, mailbox, uid } => {
                message::copy(self, account, &sequence_set, &mailbox, uid).into()
            }
            CommandBody::Move { sequence_set, mailbox, uid } => {
                message::move_to(self, account, &sequence_set, &mailbox, uid, reply).into()
            }
            CommandBody::Search { criteria, uid, .. } => {
                message::search(self, account, criteria.as_ref(), uid, reply).into()
            }
            other => self.any_time(other, reply, "Command not supported"),
        }
    }
}

/// The name of a folder as the store has it; `None` if it cannot be one.
pub(crate) fn folder_name<'a>(mailbox: &'a Mailbox<'_>) -> Option<&'a str> {
    match mailbox {
        Mailbox::Inbox => Some(INBOX),
        Mailbox::Other(other) => {
            let name: &[u8] = other.inner().as_ref();
            let name = std::str::from_utf8(name).ok()?;
            let usable = name.len() <= MAX_FOLDER_NAME && !name.chars().any(char::is_control);
            usable.then(|| canonical_folder(name))
        }
    }
}
