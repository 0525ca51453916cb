//! When updates of this device are sent.

use super::super::info::SEND_UPDATE_INTERVAL_MS;

/// Mails with updates of an instance that may leave in a row, as chatmail core allows: whoever makes a move now and then
/// does not wait. Then there is one in an interval.
pub const MAILS_IN_A_ROW: i64 = 3;
/// The interval.
const INTERVAL: i64 = SEND_UPDATE_INTERVAL_MS as i64;
/// How far ahead the last mail in a row may be paid for.
const AHEAD: i64 = (MAILS_IN_A_ROW - 1) * INTERVAL;

/// When the next mail may leave. Each mail pays for an interval; `paid_until` is when these are over. Unix milliseconds.
pub fn not_before(paid_until: i64, now: i64) -> i64 {
    // A clock that was set back must not hold updates for longer than the interval.
    paid_until.saturating_sub(AHEAD).clamp(now, now.saturating_add(INTERVAL))
}

/// Until when is paid after one more mail.
pub fn paid_until(before: i64, now: i64) -> i64 {
    before.clamp(now, now.saturating_add(AHEAD)).saturating_add(INTERVAL)
}

/// Where an instance is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Not sent yet: the user still writes.
    Draft,
    /// In the queue; no relay has its mail.
    Queued,
    /// Sent from here and on its way, or received.
    OnItsWay,
    /// Sending failed.
    Failed,
}

/// What becomes of the updates of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// They travel in the mail of the instance.
    WithInstance,
    /// They wait until the instance is sent: receivers drop updates of apps that they do not know.
    AfterInstance,
    /// They are sent as a mail of their own, not before this time in milliseconds.
    OwnMail {
        /// Unix time in milliseconds.
        not_before: i64,
    },
}

/// Decides how updates are sent. Until `paid_until` the mails with updates of this instance are paid for, see
/// [`not_before`]: updates that come meanwhile gather for the next.
pub fn way(progress: Progress, paid_until: i64, now: i64) -> Way {
    match progress {
        // A message that failed is sent again whole, with all updates.
        Progress::Draft | Progress::Failed => Way::WithInstance,
        Progress::Queued => Way::AfterInstance,
        Progress::OnItsWay => Way::OwnMail { not_before: not_before(paid_until, now) },
    }
}
