//! What a token allows: pure rules over requests, answers and events.

use std::collections::BTreeSet;

use volary_proto::{
    Account, Accounts, Answer, Error, ErrorCode, Event, Ids, Mode, Request, Scope, VcardSource, account,
    answer, event, request, vcard_source,
};

/// The setting that is a picture of the host.
const AVATAR: &str = "selfavatar";

/// What a client may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The profiles that it may use; none = all, and the process as a whole.
    pub profiles: Option<BTreeSet<u32>>,
    /// It may not change anything.
    pub read_only: bool,
}

impl Access {
    /// Whether nothing is forbidden.
    pub fn is_full(&self) -> bool {
        self.profiles.is_none() && !self.read_only
    }

    /// Refuses what is not allowed.
    pub fn check(&self, request: &Request) -> Result<(), Error> {
        let Some(kind) = &request.kind else { return Ok(()) };
        if self.is_full() {
            return Ok(());
        }
        if uses_files_of_the_host(kind) {
            return Err(refused("does not reach files of the host"));
        }
        if self.read_only && (kind.mode() == Mode::Command || shows_secrets(kind) || asks_others(kind)) {
            return Err(refused("only reads"));
        }
        if kind.scope() == Scope::Process {
            return if concerns_nobody(kind) { Ok(()) } else { Err(refused("does not control the process")) };
        }
        let other = match kind {
            request::Kind::ForwardMessagesToAccount(forward) => forward.account_id,
            _ => request.profile_id,
        };
        if self.has(request.profile_id) && self.has(other) {
            Ok(())
        } else {
            Err(Error::not_found(format!("account with id {} not found", request.profile_id)))
        }
    }

    /// Whether an event is for this client.
    pub fn shows(&self, event: &Event) -> bool {
        let overflow = matches!(event.kind, Some(event::Kind::EventChannelOverflow(_)));
        overflow || self.has(event.profile_id)
    }

    /// Leaves other profiles out of the answers about all of them.
    pub fn narrow(&self, answer: Answer) -> Answer {
        let Some(profiles) = &self.profiles else { return answer };
        match answer.kind {
            Some(answer::Kind::Accounts(Accounts { mut accounts })) => {
                accounts.retain(|account| number(account).is_some_and(|id| profiles.contains(&id)));
                Answer::new(Accounts { accounts })
            }
            kind => Answer { kind },
        }
    }

    /// Leaves other profiles out of a list of profiles.
    pub fn narrow_ids(&self, ids: Ids) -> Ids {
        Ids { ids: ids.ids.into_iter().filter(|id| self.has(*id)).collect() }
    }

    fn has(&self, profile: u32) -> bool {
        self.profiles.as_ref().is_none_or(|profiles| profiles.contains(&profile))
    }
}

fn refused(why: &str) -> Error {
    Error::new(ErrorCode::Failed, format!("not allowed: this token {why}"))
}

fn number(account: &Account) -> Option<u32> {
    match account.kind.as_ref()? {
        account::Kind::Configured(configured) => Some(configured.id),
        account::Kind::Unconfigured(unconfigured) => Some(unconfigured.id),
    }
}

/// Requests to the process that say nothing about other profiles, or whose answers can be narrowed.
fn concerns_nobody(kind: &request::Kind) -> bool {
    use request::Kind;
    matches!(
        kind,
        Kind::GetSystemInfo(_)
            | Kind::CheckEmailValidity(_)
            | Kind::CreateQrSvg(_)
            | Kind::GetAllAccountIds(_)
            | Kind::GetAllAccounts(_)
    )
}

/// Requests that name a file or folder of the host. Who is limited must not reach what others keep there.
fn uses_files_of_the_host(kind: &request::Kind) -> bool {
    use request::Kind;
    match kind {
        Kind::SendMessage(send) => send.data.as_ref().is_some_and(|data| data.file.is_some()),
        Kind::SetDraft(draft) => draft.file.is_some(),
        Kind::AddDeviceMessage(add) => add.data.as_ref().is_some_and(|data| data.file.is_some()),
        Kind::SetConfig(set) => set.key == AVATAR && set.value.is_some(),
        Kind::BatchSetConfig(set) => set.entries.iter().any(|entry| entry.key == AVATAR),
        Kind::SetChatProfileImage(set) => set.image_path.is_some(),
        Kind::ImportVcard(import) => {
            !matches!(import.source, Some(VcardSource { kind: Some(vcard_source::Kind::Text(_)) }) | None)
        }
        Kind::ParseVcard(_)
        | Kind::MigrateAccount(_)
        | Kind::CopyToBlobDir(_)
        | Kind::ExportBackup(_)
        | Kind::ImportBackup(_)
        | Kind::ExportSelfKeys(_)
        | Kind::ImportSelfKeys(_)
        | Kind::SaveMessageFile(_)
        | Kind::SetWebxdcIntegration(_) => true,
        _ => false,
    }
}

/// Questions whose answers give power over the profile.
fn shows_secrets(kind: &request::Kind) -> bool {
    use request::Kind;
    matches!(
        kind,
        Kind::ListTransports(_) | Kind::GetBackupQr(_) | Kind::GetBackupQrSvg(_) | Kind::GetIceServers(_)
    )
}

/// Questions that make the host talk to somebody whom the client names.
fn asks_others(kind: &request::Kind) -> bool {
    matches!(kind, request::Kind::GetHttpResponse(_))
}

#[cfg(test)]
mod tests {
    use volary_proto::{
        ExportBackup, GetAllAccountIds, GetChatlistEntries, GetHttpResponse, ListTransports, RemoveAccount,
        SendMessage, SetConfig,
    };

    use super::*;

    fn access(profiles: Option<&[u32]>, read_only: bool) -> Access {
        Access { profiles: profiles.map(|ids| ids.iter().copied().collect()), read_only }
    }

    fn allows(access: &Access, request: Request) -> bool {
        access.check(&request).is_ok()
    }

    #[test]
    fn a_full_token_may_do_everything() {
        let all = access(None, false);
        assert!(allows(&all, Request::new(7, ExportBackup::default())));
        assert!(allows(&all, Request::new(0, RemoveAccount { account_id: 7 })));
    }

    #[test]
    fn a_token_of_profiles_reaches_no_other_profile_and_not_the_process() {
        let some = access(Some(&[2]), false);
        assert!(allows(&some, Request::new(2, GetChatlistEntries::default())));
        assert!(allows(&some, Request::new(2, SendMessage::default())));
        assert!(!allows(&some, Request::new(3, GetChatlistEntries::default())));
        assert!(!allows(&some, Request::new(0, GetChatlistEntries::default())));
        assert!(!allows(&some, Request::new(0, RemoveAccount { account_id: 2 })));
        assert!(!allows(&some, Request::new(2, ExportBackup::default())));
        let forward =
            |account_id| volary_proto::ForwardMessagesToAccount { account_id, ..Default::default() };
        assert!(allows(&some, Request::new(2, forward(2))));
        assert!(!allows(&some, Request::new(2, forward(1))));
        assert!(allows(&some, Request::new(0, GetAllAccountIds {})));
        assert_eq!(some.narrow_ids(Ids { ids: vec![1, 2, 3] }).ids, [2]);
        assert!(!some.shows(&Event { profile_id: 1, kind: None }));
        assert!(some.shows(&Event { profile_id: 2, kind: None }));
    }

    #[test]
    fn a_token_that_reads_changes_nothing_and_sees_no_passwords() {
        let reads = access(None, true);
        assert!(allows(&reads, Request::new(1, GetChatlistEntries::default())));
        assert!(!allows(&reads, Request::new(1, SendMessage::default())));
        assert!(!allows(&reads, Request::new(1, ListTransports {})));
        assert!(!allows(&reads, Request::new(1, GetHttpResponse::default())));
    }

    #[test]
    fn a_limited_token_brings_no_file_of_the_host() {
        let some = access(Some(&[1]), false);
        let data = volary_proto::MessageData { file: Some("/etc/passwd".into()), ..Default::default() };
        let send = SendMessage { chat_id: 10, data: Some(data) };
        assert!(!allows(&some, Request::new(1, send)));
        let set = |key: &str| SetConfig { key: key.into(), value: Some("/etc/passwd".into()) };
        let cards = |kind| volary_proto::ImportVcard { source: Some(VcardSource { kind: Some(kind) }) };
        assert!(allows(&some, Request::new(1, cards(vcard_source::Kind::Text("BEGIN:VCARD".into())))));
        assert!(!allows(&some, Request::new(1, cards(vcard_source::Kind::Path("/etc/passwd".into())))));
        assert!(!allows(&some, Request::new(1, set("selfavatar"))));
        assert!(allows(&some, Request::new(1, set("displayname"))));
    }
}
