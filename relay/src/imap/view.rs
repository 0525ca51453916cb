//! What a session knows of its selected folder.
//!
//! Sequence numbers belong to a session: they change for it only when it is notified. The view therefore keeps the UIDs
//! in the order of the session's sequence numbers, and [`View::sync`] reports what the folder has seen since.

use crate::net::Reply;
use crate::store::Folder;

/// The selected folder as one session sees it.
pub(crate) struct View {
    pub(crate) folder: String,
    pub(crate) read_only: bool,
    /// UIDs by sequence number, ascending.
    uids: Vec<u32>,
    validity: u32,
    /// First UID not looked at yet.
    next_uid: u32,
    /// First UID that is `\Recent` in this session.
    recent_from: u32,
    seen_change: u64,
    seen_expunge: u64,
}

/// The folder was deleted or replaced by another one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FolderGone;

/// How much of the news a command may carry (RFC 3501, section 7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    All,
    /// Without EXPUNGE, since the client still counts on its sequence numbers.
    KeepNumbers,
}

impl View {
    pub(crate) fn open(name: &str, folder: &mut Folder, read_only: bool) -> Self {
        Self {
            folder: name.to_owned(),
            read_only,
            uids: folder.uids_from(1).collect(),
            validity: folder.validity(),
            next_uid: folder.next_uid(),
            recent_from: folder.claim_recent(read_only),
            seen_change: folder.change(),
            seen_expunge: folder.expunge_change(),
        }
    }

    pub(crate) fn uids(&self) -> &[u32] {
        &self.uids
    }

    pub(crate) fn recent(&self) -> usize {
        self.uids.len() - self.uids.partition_point(|uid| *uid < self.recent_from)
    }

    pub(crate) fn is_recent(&self, uid: u32) -> bool {
        uid >= self.recent_from
    }

    /// Whether [`View::sync`] would report anything.
    pub(crate) fn is_current(&self, folder: &Folder) -> bool {
        self.validity == folder.validity()
            && self.seen_change == folder.change()
            && self.seen_expunge == folder.expunge_change()
    }

    /// Takes changes of flags as known: the session made them and got, or did not want, its own report. Only for a view
    /// that [was current](View::is_current) before those changes.
    pub(crate) fn skip_changes(&mut self, folder: &Folder) {
        self.seen_change = folder.change();
    }

    /// Reports what happened to the folder since the last time.
    pub(crate) fn sync(
        &mut self,
        folder: Option<&mut Folder>,
        news: News,
        reply: &mut Reply,
    ) -> Result<(), FolderGone> {
        let folder = folder.filter(|folder| folder.validity() == self.validity).ok_or(FolderGone)?;
        if news == News::All && folder.expunge_change() > self.seen_expunge {
            self.report_expunged(folder, reply);
        }
        if folder.flag_change() > self.seen_change {
            self.report_flags(folder, reply);
        }
        if folder.next_uid() > self.next_uid {
            self.report_new(folder, reply);
        }
        self.seen_change = folder.change();
        Ok(())
    }

    fn report_expunged(&mut self, folder: &Folder, reply: &mut Reply) {
        let mut sequence = 1;
        self.uids.retain(|uid| {
            let here = folder.get(*uid).is_some();
            if here {
                sequence += 1;
            } else {
                reply.line(format_args!("* {sequence} EXPUNGE"));
            }
            here
        });
        self.seen_expunge = folder.expunge_change();
    }

    fn report_flags(&self, folder: &Folder, reply: &mut Reply) {
        for (index, uid) in self.uids.iter().enumerate() {
            if let Some(message) = folder.get(*uid).filter(|message| message.changed() > self.seen_change) {
                let recent = self.recent_mark(*uid, message.flags.is_empty());
                let sequence = index + 1;
                reply.line(format_args!("* {sequence} FETCH (UID {uid} FLAGS ({}{recent}))", message.flags));
            }
        }
    }

    fn report_new(&mut self, folder: &mut Folder, reply: &mut Reply) {
        let known = self.uids.len();
        let first_recent = folder.claim_recent(self.read_only);
        self.uids.extend(folder.uids_from(self.next_uid));
        // What another session claimed meanwhile is not recent here. Older marks go with it, which the RFC permits.
        if first_recent > self.next_uid {
            self.recent_from = first_recent;
        }
        self.next_uid = folder.next_uid();
        if self.uids.len() > known {
            reply.line(format_args!("* {} EXISTS", self.uids.len()));
            reply.line(format_args!("* {} RECENT", self.recent()));
        }
    }

    /// `\Recent` with the space it needs behind other flags.
    pub(crate) fn recent_mark(&self, uid: u32, first: bool) -> &'static str {
        match (self.is_recent(uid), first) {
            (false, _) => "",
            (true, true) => "\\Recent",
            (true, false) => " \\Recent",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::Flags;

    fn mail() -> Arc<[u8]> {
        Arc::from(&b"x"[..])
    }

    fn news(view: &mut View, folder: &mut Folder, news: News) -> String {
        let mut reply = Reply::default();
        view.sync(Some(folder), news, &mut reply).unwrap();
        let bytes: Vec<u8> = reply.take().iter().flat_map(|segment| segment.bytes().to_vec()).collect();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_session_is_told_each_change_once() {
        let mut folder = Folder::new(1);
        folder.append(mail(), Flags::default(), 0);
        let mut view = View::open("INBOX", &mut folder, false);
        assert_eq!(news(&mut view, &mut folder, News::All), "");
        folder.append(mail(), Flags::default(), 0);
        folder.change_flags(1, |flags| flags.set(Flags::SEEN));
        assert_eq!(
            news(&mut view, &mut folder, News::All),
            "* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))\r\n* 2 EXISTS\r\n* 2 RECENT\r\n"
        );
        assert!(view.is_current(&folder));
        folder.remove(1);
        assert_eq!(news(&mut view, &mut folder, News::KeepNumbers), "");
        assert_eq!(view.uids(), [1, 2]);
        assert_eq!(news(&mut view, &mut folder, News::All), "* 1 EXPUNGE\r\n");
        assert_eq!(news(&mut view, &mut folder, News::All), "");
    }

    #[test]
    fn expunges_count_down() {
        let mut folder = Folder::new(1);
        for _ in 0..4 {
            folder.append(mail(), Flags::default(), 0);
        }
        let mut view = View::open("INBOX", &mut folder, false);
        for uid in [1, 2, 4] {
            folder.remove(uid);
        }
        assert_eq!(news(&mut view, &mut folder, News::All), "* 1 EXPUNGE\r\n* 1 EXPUNGE\r\n* 2 EXPUNGE\r\n");
    }

    #[test]
    fn a_message_is_recent_for_one_session_only() {
        let mut folder = Folder::new(1);
        folder.append(mail(), Flags::default(), 0);
        let first = View::open("INBOX", &mut folder, false);
        let second = View::open("INBOX", &mut folder, false);
        assert_eq!((first.recent(), second.recent()), (1, 0));
    }

    #[test]
    fn a_replaced_folder_is_noticed() {
        let mut folder = Folder::new(1);
        let mut view = View::open("INBOX", &mut folder, false);
        folder.renumber(2);
        let mut reply = Reply::default();
        assert_eq!(view.sync(Some(&mut folder), News::All, &mut reply), Err(FolderGone));
        assert_eq!(view.sync(None, News::All, &mut reply), Err(FolderGone));
    }
}
