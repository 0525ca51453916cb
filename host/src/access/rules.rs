//! What a token allows: pure rules over requests, answers and events.

use std::collections::BTreeSet;

use volary_engine::ground::settings::{self, Form};
use volary_proto::{
    Account, Accounts, Answer, Error, ErrorCode, Event, Ids, Mode, Request, Scope, account, answer, event,
    request,
};

use super::files;

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

    /// Refuses what is not allowed. Who is limited does not reach files of the host either: others keep theirs there.
    pub fn check(&self, request: &Request) -> Result<(), Error> {
        if !self.is_full() && request.kind.as_ref().is_some_and(files::uses_files) {
            return Err(refused("does not reach files of the host"));
        }
        self.check_rights(request)
    }

    /// The same for requests whose files the client has brought itself.
    pub fn check_rights(&self, request: &Request) -> Result<(), Error> {
        let Some(kind) = &request.kind else { return Ok(()) };
        if self.is_full() {
            return Ok(());
        }
        if self.read_only && (kind.mode() == Mode::Command || shows_secrets(kind)) {
            return Err(refused("only reads"));
        }
        if asks_others(kind) {
            return Err(refused("does not fetch pages from where the host is"));
        }
        if kind.scope() == Scope::Process {
            return if concerns_nobody(kind) { Ok(()) } else { Err(refused("does not control the process")) };
        }
        let other = match kind {
            request::Kind::ForwardMessagesToAccount(forward) => forward.account_id,
            _ => request.profile_id,
        };
        match [request.profile_id, other].into_iter().find(|id| !self.has(*id)) {
            None => Ok(()),
            Some(id) => Err(Error::not_found(format!("account with id {id} not found"))),
        }
    }

    /// Whether an event is for this client.
    pub fn shows(&self, event: &Event) -> bool {
        let overflow = matches!(event.kind, Some(event::Kind::EventChannelOverflow(_)));
        overflow || self.has(event.profile_id)
    }

    /// Leaves other profiles out of the answers about all of them.
    pub(crate) fn narrow_answer(&self, lists_profiles: bool, answer: Answer) -> Answer {
        let Some(profiles) = &self.profiles else { return answer };
        match answer.kind {
            Some(answer::Kind::Accounts(Accounts { mut accounts })) => {
                accounts.retain(|account| number(account).is_some_and(|id| profiles.contains(&id)));
                Answer::new(Accounts { accounts })
            }
            Some(answer::Kind::Ids(Ids { mut ids })) if lists_profiles => {
                ids.retain(|id| profiles.contains(id));
                Answer::new(Ids { ids })
            }
            kind => Answer { kind },
        }
    }

    /// The profiles that somebody hears of who asks for these (none = all). Fails if it is not allowed.
    #[cfg(feature = "grpc")]
    pub(crate) fn profiles_of(&self, asked: Vec<u32>) -> Result<Option<Vec<u32>>, Error> {
        match (&self.profiles, asked.is_empty()) {
            (None, true) => Ok(None),
            (Some(profiles), true) => Ok(Some(profiles.iter().copied().collect())),
            (_, false) => match asked.iter().find(|id| !self.has(**id)) {
                Some(id) => Err(Error::not_found(format!("account with id {id} not found"))),
                None => Ok(Some(asked.into_iter().collect::<BTreeSet<u32>>().into_iter().collect())),
            },
        }
    }

    /// Whether a profile may be used.
    pub(crate) fn has(&self, profile: u32) -> bool {
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

/// Questions whose answers give power over the profile.
fn shows_secrets(kind: &request::Kind) -> bool {
    use request::Kind;
    match kind {
        Kind::ListTransports(_) | Kind::GetBackupQr(_) | Kind::GetBackupQrSvg(_) | Kind::GetIceServers(_) => {
            true
        }
        Kind::GetConfig(get) => is_secret(&get.key),
        Kind::BatchGetConfig(get) => get.keys.iter().any(|key| is_secret(key)),
        _ => false,
    }
}

/// Whether a setting is a password, or may have one in it, as addresses of proxies do.
fn is_secret(key: &str) -> bool {
    settings::find(key).is_some_and(|setting| matches!(setting.form, Form::Secret | Form::Proxies))
}

/// Questions that make the host talk to somebody whom the client names, and tell what it hears: the host may be where the
/// client is not, for instance behind a firewall.
fn asks_others(kind: &request::Kind) -> bool {
    matches!(kind, request::Kind::GetHttpResponse(_))
}

#[cfg(test)]
mod tests {
    use volary_proto::{
        BatchGetConfig, ExportBackup, GetAllAccountIds, GetChatlistEntries, GetConfig, GetHttpResponse,
        ListTransports, RemoveAccount, SendMessage, SetConfig, VcardSource, vcard_source,
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
        let refused = some.check(&Request::new(2, forward(1))).unwrap_err();
        assert_eq!(refused.message, "account with id 1 not found");
        assert!(allows(&some, Request::new(0, GetAllAccountIds {})));
        let all = Answer::new(Ids { ids: vec![1, 2, 3] });
        assert_eq!(some.narrow_answer(true, all.clone()), Answer::new(Ids { ids: vec![2] }));
        assert_eq!(some.narrow_answer(false, all.clone()), all);
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
        let get = |key: &str| Request::new(1, GetConfig { key: key.to_owned() });
        let several = |keys: &[&str]| {
            Request::new(1, BatchGetConfig { keys: keys.iter().map(|key| (*key).to_owned()).collect() })
        };
        assert!(allows(&reads, get("displayname")));
        assert!(allows(&reads, several(&["displayname", "ui.theme"])));
        for secret in
            ["mail_pw", "send_pw", "configured_mail_pw", "proxy_url", "socks5_password", "ice_servers"]
        {
            assert!(!allows(&reads, get(secret)), "{secret}");
            assert!(!allows(&reads, several(&["displayname", secret])), "{secret}");
        }
        assert!(allows(&access(Some(&[1]), false), get("mail_pw")), "who may change it may see it");
    }

    #[test]
    fn only_a_full_token_has_the_host_fetch_pages() {
        let fetch = || Request::new(1, GetHttpResponse { url: "http://127.0.0.1:9464/metrics".to_owned() });
        assert!(!allows(&access(Some(&[1]), false), fetch()));
        assert!(allows(&access(None, false), fetch()));
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
