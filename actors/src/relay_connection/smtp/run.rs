//! The loop that sends what is queued. It exists only while there is something to send, and one minute longer.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    rc::Rc,
    time::{Duration, Instant},
};

use futures::FutureExt as _;
use volary_proto::{
    RelayConnectivity, RelayEventKind, RelaySide, RelaySubmit, RelaySubmitResult, RelaySubmitStatus,
};

use volary_link::{
    log_in_smtp,
    smtp::{Receipt, SmtpError, SmtpSession},
    wire::WireError,
};
use volary_mail::address::shortened;

use crate::{
    faults::Spot,
    relay_connection::profile_link::{Job, ProfileGone, Shared},
    watch::text_of,
};

/// A session without success for this long is not used again.
const MAX_AGE: Duration = Duration::from_secs(60);
/// Recipients of one transaction unless the server names a limit.
pub const DEFAULT_MAX_RECIPIENTS: usize = 50;

/// A logged-in session and when it last did something.
struct Connected {
    session: SmtpSession,
    used: Instant,
    fresh: bool,
}

/// Sends everything that is queued, then waits a while for more. The task may be dropped at any moment.
pub async fn run(shared: Rc<Shared>) {
    let mut connected: Option<Connected> = None;
    loop {
        let job = shared.jobs.borrow_mut().pop_front();
        if let Some(Job { submit, answer }) = job {
            // Boxed: an open but idle session shall not carry the memory that sending needs.
            let served = AssertUnwindSafe(serve(&shared, &mut connected, &submit)).catch_unwind();
            let result = match Box::pin(served).await {
                Ok(served) => served,
                Err(panic) => {
                    // Nobody knows what the server waits for.
                    connected = None;
                    fault(&shared, &submit, panic.as_ref()).await
                }
            };
            let Ok(result) = result else { return };
            if result.status() == RelaySubmitStatus::NotConnected {
                // Nothing that waits would fare better now; the profile decides about another relay.
                for job in shared.jobs.take() {
                    let _ = job.answer.send(result.clone());
                }
            }
            // The profile may have lost interest in the answer.
            let _ = answer.send(result);
            continue;
        }
        if connected.is_none() || tokio::time::timeout(MAX_AGE, shared.smtp_wake.notified()).await.is_err() {
            // Checked without an await in between: no job can slip in unseen.
            if shared.jobs.borrow().is_empty() {
                shared.smtp_running.set(false);
                break;
            }
        }
    }
    if let Some(connected) = connected {
        connected.session.quit().await;
    }
}

/// Sends one mail and shows the states around it.
async fn serve(
    shared: &Shared,
    connected: &mut Option<Connected>,
    submit: &RelaySubmit,
) -> Result<RelaySubmitResult, ProfileGone> {
    shared.params.faults.pass(Spot::Submitting(submit.queue_id));
    let result = send(shared, connected, submit).await?;
    let (profile, relay) = shared.log_fields();
    let (status, accepted, queue_id) = (result.status(), result.accepted, submit.queue_id);
    match status {
        RelaySubmitStatus::Sent => tracing::debug!(%profile, %relay, queue_id, accepted, "mail sent"),
        _ => {
            let left = result.left.len();
            tracing::warn!(%profile, %relay, queue_id, ?status, accepted, left, "mail not sent to all");
        }
    }
    match result.status() {
        // Somebody is not there now; the relay works.
        RelaySubmitStatus::Sent => shared.state(RelaySide::Smtp, RelayConnectivity::Idle, "").await?,
        RelaySubmitStatus::Temporary if connected.is_some() && result.accepted > 0 => {
            shared.state(RelaySide::Smtp, RelayConnectivity::Idle, "").await?;
        }
        _ => shared.state(RelaySide::Smtp, RelayConnectivity::Error, &result.error).await?,
    }
    Ok(result)
}

/// A panic while a mail was sent concerns that mail alone.
async fn fault(
    shared: &Shared,
    submit: &RelaySubmit,
    panic: &(dyn Any + Send),
) -> Result<RelaySubmitResult, ProfileGone> {
    let (profile, relay) = shared.log_fields();
    let cause = text_of(panic);
    tracing::error!(
        %profile,
        %relay,
        queue_id = submit.queue_id,
        cause,
        "submitting a mail failed by a fault of our own"
    );
    let error = format!("submitting the mail failed: {cause}");
    shared.state(RelaySide::Smtp, RelayConnectivity::Error, &error).await?;
    let status = RelaySubmitStatus::Fault.into();
    Ok(RelaySubmitResult { status, error, accepted: 0, left: Vec::new() })
}

async fn send(
    shared: &Shared,
    connected: &mut Option<Connected>,
    submit: &RelaySubmit,
) -> Result<RelaySubmitResult, ProfileGone> {
    let mut tally = Tally::default();
    let only_own = submit.recipients.iter().all(|to| submit.own.contains(to));
    let is_foreign = |to: &str| only_own || !submit.own.iter().any(|own| own == to);
    let mut failure = None;
    let mut chunks = submit.recipients.chunks(max_recipients(shared));
    for chunk in chunks.by_ref() {
        // A copy for own devices of what nobody else got would show a mail as sent that is not.
        let matters = |to: &str| tally.accepted > 0 || is_foreign(to);
        if !chunk.iter().any(|to| matters(to)) {
            tally.left.extend_from_slice(chunk);
            continue;
        }
        match send_chunk(shared, connected, submit, chunk, &matters).await? {
            Ok(receipts) => {
                let accepted = tally.take(chunk, receipts, is_foreign);
                if accepted > 0 {
                    let len = submit.raw.len();
                    let text = format!("Message len={len} was SMTP-sent to {accepted} recipients.");
                    shared.event(RelayEventKind::SmtpMessageSent, text).await?;
                }
            }
            Err(error) => {
                tally.left.extend_from_slice(chunk);
                failure = Some(error);
                break;
            }
        }
    }
    tally.left.extend(chunks.flatten().cloned());
    if tally.accepted > 0 {
        report_refused(shared, &tally.refused).await?;
    }
    Ok(tally.result(failure))
}

/// What became of the recipients so far.
#[derive(Default)]
struct Tally {
    accepted: usize,
    left: Vec<String>,
    refused: Vec<(String, String)>,
    /// Why somebody who matters may get it only later.
    deferral: Option<String>,
}

impl Tally {
    /// Adds the answers for these recipients. Returns how many of them were accepted.
    fn take(
        &mut self,
        recipients: &[String],
        receipts: Vec<Receipt>,
        is_foreign: impl Fn(&str) -> bool,
    ) -> usize {
        let before = self.accepted;
        for (to, receipt) in recipients.iter().zip(receipts) {
            match receipt {
                Receipt::Accepted => self.accepted += 1,
                Receipt::Deferred(text) => {
                    self.left.push(to.clone());
                    if is_foreign(to) {
                        self.deferral.get_or_insert(text);
                    }
                }
                Receipt::Refused(text) => self.refused.push((to.clone(), text)),
            }
        }
        self.accepted - before
    }

    /// The whole; `failure` ended it early.
    fn result(self, failure: Option<Failure>) -> RelaySubmitResult {
        let accepted = u32::try_from(self.accepted).unwrap_or(u32::MAX);
        let first_refusal = self.refused.into_iter().next().map(|(_, text)| text);
        let (status, error) = match (failure, self.deferral, first_refusal) {
            (Some(failure), ..) => failure,
            (None, Some(deferral), _) => (RelaySubmitStatus::Temporary, deferral),
            (None, None, Some(refusal)) if accepted == 0 => (RelaySubmitStatus::Permanent, refusal),
            (None, None, _) if !self.left.is_empty() => {
                (RelaySubmitStatus::Temporary, "the copy for own devices was not accepted".to_owned())
            }
            (None, None, _) => (RelaySubmitStatus::Sent, String::new()),
        };
        RelaySubmitResult { status: status.into(), error, accepted, left: self.left }
    }
}

/// Says who does not get a mail though others do.
async fn report_refused(shared: &Shared, refused: &[(String, String)]) -> Result<(), ProfileGone> {
    let (profile, relay) = shared.log_fields();
    for (to, error) in refused {
        let short = shortened(to);
        // Servers repeat the address in their answers.
        let error = error.replace(to, &short);
        tracing::warn!(%profile, %relay, recipient = short, error, "recipient refused");
        let text = format!("The relay refused the recipient {short}: {error}");
        shared.event(RelayEventKind::Warning, text).await?;
    }
    Ok(())
}

fn max_recipients(shared: &Shared) -> usize {
    let host = shared.imap_host.borrow();
    let info = host.as_deref().and_then(|host| shared.network.server_info(host));
    let limit = info.and_then(|info| info.max_smtp_recipients).and_then(|limit| usize::try_from(limit).ok());
    limit.unwrap_or(DEFAULT_MAX_RECIPIENTS).max(1)
}

type Failure = (RelaySubmitStatus, String);

/// One transaction. A session that died while it was idle, loudly or silently, is replaced once.
async fn send_chunk(
    shared: &Shared,
    connected: &mut Option<Connected>,
    submit: &RelaySubmit,
    recipients: &[String],
    matters: &impl Fn(&str) -> bool,
) -> Result<Result<Vec<Receipt>, Failure>, ProfileGone> {
    loop {
        let stale = shared.smtp_stale.take();
        if connected.as_ref().is_some_and(|c| stale || c.used.elapsed() > MAX_AGE || !c.session.is_usable()) {
            *connected = None;
        }
        if connected.is_none() {
            match connect(shared).await? {
                Ok(session) => *connected = Some(session),
                Err(error) => return Ok(Err((RelaySubmitStatus::NotConnected, error))),
            }
        }
        let Some(current) = connected.as_mut() else { continue };
        shared.state(RelaySide::Smtp, RelayConnectivity::Working, "").await?;
        let sent = current.session.send(&submit.from, recipients, &submit.raw, matters).await;
        let was_fresh = std::mem::take(&mut current.fresh);
        let lost = match &sent {
            Err(SmtpError::Wire(WireError::Closed | WireError::Io(_) | WireError::TimedOut)) => true,
            // Said good-bye with a 421, as servers do to those who were idle for long.
            Err(SmtpError::Temporary(_)) => !current.session.is_usable(),
            _ => false,
        };
        let lost_before_use = !was_fresh && lost;
        match sent {
            Ok(receipts) => {
                current.used = Instant::now();
                if !current.session.is_usable() {
                    *connected = None;
                }
                return Ok(Ok(receipts));
            }
            Err(_) if lost_before_use => *connected = None,
            Err(SmtpError::Permanent(text)) => return Ok(Err((RelaySubmitStatus::Permanent, text))),
            Err(error) => {
                *connected = None;
                return Ok(Err((RelaySubmitStatus::Temporary, error.to_string())));
            }
        }
    }
}

async fn connect(shared: &Shared) -> Result<Result<Connected, String>, ProfileGone> {
    shared.state(RelaySide::Smtp, RelayConnectivity::Connecting, "").await?;
    let how = shared.params.manner();
    let (profile, relay) = shared.log_fields();
    let begin = Instant::now();
    match log_in_smtp(&shared.network, &shared.params.login, &how).await {
        Ok((session, user)) => {
            let ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(%profile, %relay, addr = shared.short_addr(), ms, "connected for sending");
            shared.event(RelayEventKind::SmtpConnected, format!("SMTP-LOGIN as {user} ok")).await?;
            Ok(Ok(Connected { session, used: Instant::now(), fresh: true }))
        }
        Err(error) => {
            tracing::warn!(%profile, %relay, addr = shared.short_addr(), %error, "not connected for sending");
            Ok(Err(error.to_string()))
        }
    }
}
