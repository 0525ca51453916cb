//! Limits that whoever runs a host sets for what the profiles on it may ask for, so that one of them cannot use it up.
//!
//! They hold at the one entry that all interfaces share, for requests. What the engine does by itself, like receipts and
//! handshakes, is not counted, and nothing that is received is ever refused.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use volary_proto::{Error, ErrorCode, Request, request};

/// The time that a rate is about.
const MINUTE: Duration = Duration::from_secs(60);
/// Profiles whose rates are remembered before those that rest are forgotten.
const MAX_REMEMBERED: usize = 4096;

/// What profiles may ask for. Each limit can be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Messages that a profile sends in a minute: reactions, edits, deletions for all, updates of apps, calls, changes of
    /// groups, and requests to join count, too.
    pub messages_per_minute: Option<u32>,
    /// Bytes of a file that is sent.
    pub largest_file: Option<u64>,
    /// Bytes of the attachments of a profile, those that it has received included. Above it nothing with a file is sent.
    pub attachment_bytes: Option<u64>,
    /// Profiles of the host.
    pub profiles: Option<u32>,
}

/// Keeps watch over the limits.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    limits: RwLock<Limits>,
    rates: Mutex<HashMap<u32, Rate>>,
    /// Held while a profile is made that is counted.
    pub(crate) making: tokio::sync::Mutex<()>,
}

/// What a profile may still send. It is filled evenly, up to what a minute allows.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rate {
    left: f64,
    at: Instant,
}

/// What has to be looked up before a request is admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// How many profiles there are.
    Profiles {
        /// At most so many.
        most: u32,
    },
    /// The attachments of the profile.
    Attachments {
        /// At most so many bytes.
        most: u64,
        /// The file that comes.
        file: PathBuf,
    },
}

impl Watch {
    /// The limits hold from now on.
    pub(crate) fn set(&self, limits: Limits) {
        *self.limits.write() = limits;
    }

    /// What holds now.
    pub(crate) fn limits(&self) -> Limits {
        *self.limits.read()
    }

    /// Refuses what is over a limit, or says what has to be looked up to know.
    pub(crate) fn admit(&self, request: &Request, now: Instant) -> Result<Option<Look>, Error> {
        let limits = self.limits();
        if limits == Limits::default() {
            return Ok(None);
        }
        let Some(kind) = &request.kind else { return Ok(None) };
        let file = file_of(kind);
        if let (Some(most), Some(file)) = (limits.largest_file, file) {
            check_size(most, file)?;
        }
        if let (Some(most), sent @ 1..) = (limits.messages_per_minute, messages_of(kind)) {
            self.count(request.profile_id, sent, most, now)?;
        }
        Ok(match (limits.profiles, limits.attachment_bytes, file) {
            (Some(most), ..) if makes_profile(kind) => Some(Look::Profiles { most }),
            (_, Some(most), Some(file)) => Some(Look::Attachments { most, file: file.into() }),
            _ => None,
        })
    }

    fn count(&self, profile: u32, sent: usize, most: u32, now: Instant) -> Result<(), Error> {
        let mut rates = self.rates.lock();
        if rates.len() >= MAX_REMEMBERED && !rates.contains_key(&profile) {
            rates.retain(|_, rate| rate.refilled(most, now).left < f64::from(most));
        }
        let full = Rate { left: f64::from(most), at: now };
        let rate = rates.entry(profile).or_insert(full);
        *rate = rate.refilled(most, now);
        // Numbers of messages are far below what an `f64` counts exactly.
        let sent = sent as f64;
        if sent > f64::from(most) {
            // However long somebody waits.
            let text = format!("{sent} messages at once: a profile may send {most} a minute on this host");
            return Err(Error::failed(text));
        }
        if sent > rate.left {
            tracing::warn!(profile, limit = most, "refused: the profile sends more than it may in a minute");
            let text =
                format!("profile {profile} may send {most} messages a minute on this host; try again later");
            return Err(Error::new(ErrorCode::Busy, text));
        }
        rate.left -= sent;
        Ok(())
    }
}

impl Rate {
    fn refilled(self, most: u32, now: Instant) -> Self {
        let most = f64::from(most);
        let passed = now.saturating_duration_since(self.at).as_secs_f64() / MINUTE.as_secs_f64();
        Self { left: (self.left + passed * most).min(most), at: now }
    }
}

impl Look {
    /// Refuses a profile more than there may be.
    pub(crate) fn refuse_profiles(most: u32, there: usize) -> Result<(), Error> {
        if there < most as usize {
            return Ok(());
        }
        tracing::warn!(limit = most, "refused: there are as many profiles as there may be");
        Err(Error::failed(format!("this host has {there} profiles, and may have {most}")))
    }

    /// Refuses a file that does not fit beside what is in the folder.
    pub(crate) fn refuse_attachments(most: u64, file: &Path, folder: &Path) -> Result<(), Error> {
        let used = stored(folder);
        let more = fs::metadata(file).map_or(0, |file| file.len());
        if used.saturating_add(more) <= most {
            return Ok(());
        }
        tracing::warn!(
            limit = most,
            used,
            more,
            "refused: the attachments of the profile would take too much"
        );
        Err(Error::failed(format!(
            "the attachments of this profile take {used} bytes, {more} more would be over the {most} that this host allows"
        )))
    }
}

fn check_size(most: u64, file: &str) -> Result<(), Error> {
    match fs::metadata(file) {
        Ok(about) if about.len() > most => {
            Err(Error::failed(format!("the file has {} bytes, and this host allows {most}", about.len())))
        }
        // What cannot be read is told by whoever opens it.
        _ => Ok(()),
    }
}

/// Bytes of the files in a folder.
fn stored(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
}

/// The file that a request stores as an attachment.
fn file_of(kind: &request::Kind) -> Option<&str> {
    match kind {
        request::Kind::SendMessage(send) => send.data.as_ref()?.file.as_deref(),
        request::Kind::SetDraft(draft) => draft.file.as_deref(),
        request::Kind::AddDeviceMessage(add) => add.data.as_ref()?.file.as_deref(),
        request::Kind::CopyToBlobDir(copy) => Some(&copy.path),
        _ => None,
    }
}

fn makes_profile(kind: &request::Kind) -> bool {
    use request::Kind;
    matches!(kind, Kind::AddAccount(_) | Kind::MigrateAccount(_) | Kind::AdoptAccount(_))
}

/// How many messages somebody asks to be sent.
fn messages_of(kind: &request::Kind) -> usize {
    use request::Kind;
    match kind {
        Kind::SendMessage(_)
        | Kind::SendDraft(_)
        | Kind::SendReaction(_)
        | Kind::SendEditRequest(_)
        | Kind::SendWebxdcStatusUpdate(_)
        | Kind::PlaceOutgoingCall(_)
        | Kind::AcceptIncomingCall(_)
        | Kind::EndCall(_)
        | Kind::SecureJoin(_)
        | Kind::SendLocationsToChat(_)
        | Kind::AddContactToChat(_)
        | Kind::RemoveContactFromChat(_)
        | Kind::SetChatName(_)
        | Kind::SetChatDescription(_)
        | Kind::SetChatProfileImage(_)
        | Kind::SetChatEphemeralTimer(_)
        | Kind::SetPinnedMessageState(_) => 1,
        Kind::ForwardMessages(forward) => forward.msg_ids.len(),
        Kind::ForwardMessagesToAccount(forward) => forward.msg_ids.len(),
        Kind::ResendMessages(resend) => resend.msg_ids.len(),
        Kind::DeleteMessagesForAll(delete) => delete.msg_ids.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use volary_proto::{AddAccount, CopyToBlobDir, ForwardMessages, GetMessage, MessageData, SendMessage};

    use super::*;

    fn watch(limits: Limits) -> Watch {
        let watch = Watch::default();
        watch.set(limits);
        watch
    }

    fn send(profile: u32) -> Request {
        Request::new(profile, SendMessage::default())
    }

    #[test]
    fn a_profile_that_sends_too_fast_is_refused_and_others_are_not() {
        let watch = watch(Limits { messages_per_minute: Some(60), ..Limits::default() });
        let start = Instant::now();
        let forward = Request::new(1, ForwardMessages { msg_ids: (1..=59).collect(), chat_id: 10 });
        assert_eq!(watch.admit(&forward, start).unwrap(), None);
        assert_eq!(watch.admit(&send(1), start).unwrap(), None);
        let refused = watch.admit(&send(1), start).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Busy);
        assert!(refused.message.contains("profile 1 may send 60 messages a minute"), "{}", refused.message);
        assert!(watch.admit(&Request::new(1, GetMessage { msg_id: 1 }), start).is_ok(), "reading goes on");
        assert!(watch.admit(&send(2), start).is_ok());
        // A second later there is one more, and not two.
        let later = start + Duration::from_secs(1);
        assert!(watch.admit(&send(1), later).is_ok());
        assert!(watch.admit(&send(1), later).is_err());
        assert!(watch.admit(&forward, start + MINUTE * 3).is_ok(), "no more than a minute is saved up");
        assert!(watch.admit(&forward, start + MINUTE * 3).is_err());
        let too_many = Request::new(2, ForwardMessages { msg_ids: (1..=61).collect(), chat_id: 10 });
        let refused = watch.admit(&too_many, start + MINUTE * 9).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Failed, "it helps nobody to try again");
        assert_eq!(refused.message, "61 messages at once: a profile may send 60 a minute on this host");
    }

    #[test]
    fn without_limits_nothing_is_counted() {
        let watch = watch(Limits::default());
        for _ in 0..1000 {
            assert_eq!(watch.admit(&send(1), Instant::now()).unwrap(), None);
        }
        assert!(watch.rates.lock().is_empty());
    }

    #[test]
    fn rates_of_profiles_that_rest_are_forgotten() {
        let watch = watch(Limits { messages_per_minute: Some(10), ..Limits::default() });
        let start = Instant::now();
        for profile in 0..u32::try_from(MAX_REMEMBERED).unwrap() {
            watch.admit(&send(profile), start).unwrap();
        }
        watch.admit(&send(1_000_000), start + MINUTE).unwrap();
        assert_eq!(watch.rates.lock().len(), 1);
    }

    #[test]
    fn files_and_profiles_have_limits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.jpg");
        fs::write(&path, [0; 100]).unwrap();
        let file = Some(path.to_string_lossy().into_owned());
        let data = MessageData { file, ..MessageData::default() };
        let send = Request::new(1, SendMessage { chat_id: 10, data: Some(data) });
        let now = Instant::now();
        let small = watch(Limits { largest_file: Some(99), ..Limits::default() });
        let refused = small.admit(&send, now).unwrap_err().message;
        assert_eq!(refused, "the file has 100 bytes, and this host allows 99");
        let copy = Request::new(1, CopyToBlobDir { path: path.to_string_lossy().into_owned() });
        assert!(small.admit(&copy, now).unwrap_err().message.contains("allows 99"));
        let full = watch(Limits { attachment_bytes: Some(150), ..Limits::default() });
        let look = full.admit(&send, now).unwrap();
        assert_eq!(look, Some(Look::Attachments { most: 150, file: path.clone() }));
        let refused = Look::refuse_attachments(150, &path, folder.path()).unwrap_err().message;
        assert!(refused.contains("take 100 bytes, 100 more would be over the 150"), "{refused}");
        assert!(Look::refuse_attachments(200, &path, folder.path()).is_ok());
        let few = watch(Limits { profiles: Some(2), ..Limits::default() });
        let look = few.admit(&Request::new(0, AddAccount {}), now).unwrap();
        assert_eq!(look, Some(Look::Profiles { most: 2 }));
        assert!(Look::refuse_profiles(2, 1).is_ok());
        assert!(Look::refuse_profiles(2, 2).unwrap_err().message.contains("has 2 profiles, and may have 2"));
    }
}
