//! The loop that sends what is queued. It exists only while there is something to send, and one minute longer.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use volary_proto::{
    RelayConnectivity, RelayEventKind, RelaySide, RelaySubmit, RelaySubmitResult, RelaySubmitStatus,
};

use volary_link::{
    log_in_smtp,
    smtp::{SmtpError, SmtpSession},
    wire::WireError,
};

use crate::relay_connection::profile_link::{Job, ProfileGone, Shared};

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
            // Boxed: an open but idle session shall not carry the room that sending needs.
            let Ok(result) = Box::pin(serve(&shared, &mut connected, &submit)).await else { return };
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
    let result = send(shared, connected, submit).await?;
    match result.status() {
        RelaySubmitStatus::Sent => shared.state(RelaySide::Smtp, RelayConnectivity::Idle, "").await?,
        _ => shared.state(RelaySide::Smtp, RelayConnectivity::Error, &result.error).await?,
    }
    Ok(result)
}

async fn send(
    shared: &Shared,
    connected: &mut Option<Connected>,
    submit: &RelaySubmit,
) -> Result<RelaySubmitResult, ProfileGone> {
    let mut accepted = 0;
    for chunk in submit.recipients.chunks(max_recipients(shared)) {
        match send_chunk(shared, connected, submit, chunk).await? {
            Ok(()) => accepted += u32::try_from(chunk.len()).unwrap_or(u32::MAX),
            Err((status, error)) => return Ok(RelaySubmitResult { status: status.into(), error, accepted }),
        }
        let text = format!("Message len={} was SMTP-sent to {} recipients.", submit.raw.len(), chunk.len());
        shared.event(RelayEventKind::SmtpMessageSent, text).await?;
    }
    Ok(RelaySubmitResult { status: RelaySubmitStatus::Sent.into(), error: String::new(), accepted })
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
) -> Result<Result<(), Failure>, ProfileGone> {
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
        let sent = current.session.send(&submit.from, recipients, &submit.raw).await;
        let was_fresh = std::mem::take(&mut current.fresh);
        let lost = match &sent {
            Err(SmtpError::Wire(WireError::Closed | WireError::Io(_) | WireError::TimedOut)) => true,
            // Said good-bye with a 421, as servers do to those who were idle for long.
            Err(SmtpError::Temporary(_)) => !current.session.is_usable(),
            _ => false,
        };
        let lost_before_use = !was_fresh && lost;
        match sent {
            Ok(()) => {
                current.used = Instant::now();
                return Ok(Ok(()));
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
    match log_in_smtp(&shared.network, &shared.params.login, &how).await {
        Ok((session, user)) => {
            shared.event(RelayEventKind::SmtpConnected, format!("SMTP-LOGIN as {user} ok")).await?;
            Ok(Ok(Connected { session, used: Instant::now(), fresh: true }))
        }
        Err(error) => Ok(Err(error.to_string())),
    }
}
