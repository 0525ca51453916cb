//! When updates of this device are sent.

use super::super::info::SEND_UPDATE_INTERVAL_MS;

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

/// Decides how updates are sent. `last_mail` is when the last mail with updates of this instance was made, in Unix
/// milliseconds: updates that come meanwhile gather for the next.
pub fn way(progress: Progress, last_mail: Option<i64>, now: i64) -> Way {
    match progress {
        // A message that failed is sent again whole, with all updates.
        Progress::Draft | Progress::Failed => Way::WithInstance,
        Progress::Queued => Way::AfterInstance,
        Progress::OnItsWay => {
            let interval = i64::from(SEND_UPDATE_INTERVAL_MS);
            // A clock that was set back must not hold updates for longer than the interval.
            let due =
                last_mail.map_or(now, |last| last.saturating_add(interval)).min(now.saturating_add(interval));
            Way::OwnMail { not_before: due.max(now) }
        }
    }
}
