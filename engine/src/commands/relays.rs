//! Transports of a profile: the forms in which logins come in, storing and removing.

use volary_mail::address::Address;
use volary_mail::login::{EnteredCertificateChecks, EnteredImap, EnteredLogin, EnteredSecurity, EnteredSmtp};
use volary_mail::qr::{self, AccountCode, Certificates, Code, LoginCode, Security, ServerLogin};
use volary_proto::v1::{CertificateChecks, EnteredLoginParam, Error, Socket, event};
use volary_storage::records::TransportRecord;
use volary_storage::tables::CONFIG;

use super::files;
use crate::chat::compose::NewFile;
use crate::ground::db::Db;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::ProfileId;
use crate::ground::settings::key;
use crate::state::{config, keys, transports};
use crate::sync::share;

/// A transport that was tried and works.
pub struct WorkingTransport {
    /// The address.
    pub addr: String,
    /// What the user entered, in the JSON form that devices exchange.
    pub entered: String,
    /// What was found to work, in the same form.
    pub configured: String,
    /// What the folder that is to be watched held at that time; `None` if there was no such folder.
    pub folder: Option<SeenFolder>,
}

/// A folder as it was when its transport was tried: mail that came later is new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeenFolder {
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// UID of the next mail.
    pub uid_next: u32,
    /// When the newest mail in it arrived, by the clock of the relay; 0 if there was none.
    pub ignored_until: i64,
}

impl SeenFolder {
    /// Notes it for a transport whose folder was not visited before.
    fn note_in(self, record: &mut TransportRecord) {
        if record.uid_validity == 0 && record.ignored_until == 0 {
            record.uid_validity = self.uid_validity;
            record.uid_next = self.uid_next;
            record.ignored_until = self.ignored_until;
        }
    }
}

/// Stores a transport that works, and everything that a profile gets with its first one. What happens in the background
/// shows no progress.
pub async fn store(
    db: &Db,
    profile: ProfileId,
    works: WorkingTransport,
    shows_progress: bool,
) -> Outcome<()> {
    let WorkingTransport { addr, entered, configured, folder } = works;
    let welcome = welcome_image(db, profile).await?;
    db.transact_durably(profile, move |tx| {
        let now = tx.now;
        let known = transports::all(tx.store, tx.profile)?;
        let first = known.is_empty();
        // Newer than a removal of the same second, which other devices have heard of.
        let added =
            transports::removed_at(tx.store, tx.profile, &addr)?.map_or(now, |gone| now.max(gone + 1));
        match known.iter().find(|(_, record)| record.addr == addr) {
            Some((id, _)) => transports::update(tx, *id, |record| {
                record.entered = entered;
                record.configured = configured;
                // Of two versions of a login, other devices take the newer one.
                record.added = added.max(record.added);
                folder.unwrap_or_default().note_in(record);
            })?,
            None => {
                let mut record =
                    TransportRecord { addr: addr.clone(), entered, configured, added, ..Default::default() };
                folder.unwrap_or_default().note_in(&mut record);
                transports::add(tx, &record)?;
            }
        }
        keys::relays_changed(tx)?;
        if config::stored(tx.store, tx.profile, config::key::CONFIGURED_ADDR)?.is_none() {
            config::set(tx, config::key::CONFIGURED_ADDR, Some(&addr))?;
        }
        config::set(tx, config::key::CONFIGURED_TIMESTAMP, Some(&now.to_string()))?;
        tx.emit(event::Kind::TransportsModified(event::TransportsModified {}));
        for step in [920, 940].into_iter().filter(|_| shows_progress) {
            let event = event::ConfigureProgress { progress: step, comment: None };
            tx.emit(event::Kind::ConfigureProgress(event));
        }
        config::set(tx, config::key::CONFIGURED, Some("1"))?;
        if first {
            crate::chat::device::set_up_chats(tx, welcome)?;
        }
        tx.emit(event::Kind::AccountsItemChanged(event::AccountsItemChanged {}));
        share::relays(tx)
    })
    .await
}

/// The picture that welcomes the user, among the attachments of a profile that gets its first transport.
async fn welcome_image(db: &Db, profile: ProfileId) -> Outcome<Option<NewFile>> {
    let (is_known, now) = db.read(|view| {
        let known =
            !transports::all(view, profile)?.is_empty() || config::flag(view, profile, config::key::BOT)?;
        Ok::<_, Failure>((known, db.now()))
    })?;
    if is_known {
        return Ok(None);
    }
    Ok(Some(files::put_welcome(db, profile, now).await?))
}

/// Removes a transport; queued mail goes out over another one.
pub async fn delete(db: &Db, profile: ProfileId, addr: String) -> Outcome<()> {
    db.transact_durably(profile, move |tx| {
        let known = transports::all(tx.store, tx.profile)?;
        let found = known.iter().find(|(_, record)| record.addr.eq_ignore_ascii_case(addr.trim()));
        if known.len() <= 1 {
            return Err(Failure::refused("Cannot remove the last transport"));
        }
        let Some((id, record)) = found else { return Err(Failure::refused("Transport does not exist")) };
        let time = tx.now.max(record.added);
        transports::remove(tx, *id, &record.addr, time)?;
        keys::relays_changed(tx)?;
        tx.emit(event::Kind::TransportsModified(event::TransportsModified {}));
        share::relays(tx)
    })
    .await
}

/// An own code: known tokens are withdrawn, unknown ones are revived.
pub async fn toggle_invite(db: &Db, profile: ProfileId, invite: volary_mail::qr::Invite) -> Outcome<()> {
    use crate::state::tokens;
    use volary_mail::securejoin::Scope;
    use volary_storage::records::TokenKind;
    db.transact_durably(profile, move |tx| {
        let own = keys::own_fingerprint(tx.store, tx.profile)?;
        if own != Some(invite.fingerprint.to_string()) {
            return Err(Failure::refused("QR code does not contain config"));
        }
        let scope = match invite.scope() {
            Scope::Contact => String::new(),
            Scope::Chat(id) => id.as_str().to_owned(),
        };
        let auth = invite.auth.as_str();
        let number = invite.invite_number.as_ref().map(|number| number.as_str()).unwrap_or_default();
        if tokens::find(tx.store, tx.profile, TokenKind::Auth, auth)?.is_some() {
            tokens::withdraw(tx, &scope)?;
            share::withdrawn(tx, number, auth)?;
        } else {
            let now = tx.now;
            tokens::save(tx, TokenKind::Invite, &scope, number, now)?;
            tokens::save(tx, TokenKind::Auth, &scope, auth, now)?;
            share::invite(tx, number, auth, &scope)?;
        }
        Ok(())
    })
    .await
}
/// What the deprecated settings say.
pub fn legacy(view: &impl volary_storage::View, profile: ProfileId) -> Outcome<EnteredLogin> {
    let value = |name: &str| {
        let key = (profile, name.to_owned());
        Ok::<_, Failure>(view.get(&CONFIG, &key)?.map(|record| record.text).unwrap_or_default())
    };
    let number = |name: &str| Ok::<_, Failure>(value(name)?.parse::<i64>().unwrap_or(0));
    let port = |name: &str| Ok::<_, Failure>(u16::try_from(number(name)?).unwrap_or(0));
    let checks = number(key::IMAP_CERTIFICATE_CHECKS)?;
    Ok(EnteredLogin {
        addr: value(key::ADDR)?,
        imap: EnteredImap {
            server: value(key::MAIL_SERVER)?,
            port: port(key::MAIL_PORT)?,
            folder: String::new(),
            security: EnteredSecurity::from_number(number(key::MAIL_SECURITY)?).unwrap_or_default(),
            user: value(key::MAIL_USER)?,
            password: value(key::MAIL_PW)?,
        },
        smtp: EnteredSmtp {
            server: value(key::SEND_SERVER)?,
            port: port(key::SEND_PORT)?,
            security: EnteredSecurity::from_number(number(key::SEND_SECURITY)?).unwrap_or_default(),
            user: value(key::SEND_USER)?,
            password: value(key::SEND_PW)?,
        },
        certificate_checks: EnteredCertificateChecks::from_number(checks)
            .ok_or_else(|| Failure::refused(format!("invalid imap_certificate_checks: {checks}")))?,
        oauth2: false,
    })
}

/// The entered login of a request.
pub fn from_param(param: &EnteredLoginParam) -> EnteredLogin {
    let security = |socket: Option<i32>| match socket.and_then(|number| Socket::try_from(number).ok()) {
        Some(Socket::Ssl) => EnteredSecurity::Ssl,
        Some(Socket::Starttls) => EnteredSecurity::Starttls,
        Some(Socket::Plain) => EnteredSecurity::Plain,
        _ => EnteredSecurity::Automatic,
    };
    let port = |port: Option<u32>| port.and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let checks = param.certificate_checks.and_then(|number| CertificateChecks::try_from(number).ok());
    EnteredLogin {
        addr: param.addr.clone(),
        imap: EnteredImap {
            server: text(&param.imap_server),
            port: port(param.imap_port),
            folder: text(&param.imap_folder),
            security: security(param.imap_security),
            user: text(&param.imap_user),
            password: param.password.clone(),
        },
        smtp: EnteredSmtp {
            server: text(&param.smtp_server),
            port: port(param.smtp_port),
            security: security(param.smtp_security),
            user: text(&param.smtp_user),
            password: text(&param.smtp_password),
        },
        certificate_checks: match checks {
            Some(CertificateChecks::Strict) => EnteredCertificateChecks::Strict,
            Some(CertificateChecks::AcceptInvalidCertificates) => {
                EnteredCertificateChecks::AcceptInvalidCertificates
            }
            _ => EnteredCertificateChecks::Automatic,
        },
        oauth2: false,
    }
}

/// The form in which a stored login is listed: members that equal their default are left out.
pub fn to_param(entered: &EnteredLogin) -> EnteredLoginParam {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let port = |port: u16| (port != 0).then_some(u32::from(port));
    let socket = |security: EnteredSecurity| match security {
        EnteredSecurity::Automatic => None,
        EnteredSecurity::Ssl => Some(Socket::Ssl.into()),
        EnteredSecurity::Starttls => Some(Socket::Starttls.into()),
        EnteredSecurity::Plain => Some(Socket::Plain.into()),
    };
    let checks = match entered.certificate_checks {
        EnteredCertificateChecks::Automatic => None,
        EnteredCertificateChecks::Strict => Some(CertificateChecks::Strict.into()),
        _ => Some(CertificateChecks::AcceptInvalidCertificates.into()),
    };
    EnteredLoginParam {
        addr: entered.addr.clone(),
        password: entered.imap.password.clone(),
        imap_server: text(&entered.imap.server),
        imap_port: port(entered.imap.port),
        imap_folder: text(&entered.imap.folder),
        imap_security: socket(entered.imap.security),
        imap_user: text(&entered.imap.user),
        smtp_server: text(&entered.smtp.server),
        smtp_port: port(entered.smtp.port),
        smtp_security: socket(entered.smtp.security),
        smtp_user: text(&entered.smtp.user),
        smtp_password: text(&entered.smtp.password),
        certificate_checks: checks,
    }
}

/// Where the login comes from that a code stands for.
#[derive(Debug)]
pub enum CodeLogin {
    /// It is complete.
    Entered(EnteredLogin),
    /// It is drawn anew, and the relay makes the account at the first login.
    NewOnRelay(EnteredLogin),
    /// This web address hands it out.
    AskWeb(String),
}

/// The login that a code stands for; an account code makes new credentials.
pub fn from_qr(text: &str, refusal: &str) -> Result<CodeLogin, Error> {
    match qr::parse(text).map_err(|error| Error::failed(error.to_string()))? {
        Code::Account(AccountCode::Relay { domain }) => Ok(CodeLogin::NewOnRelay(drawn_login(&domain)?)),
        Code::Account(AccountCode::Url { url, .. }) => Ok(CodeLogin::AskWeb(url)),
        Code::Login(LoginCode::V1 { address, password, imap, smtp, certificates }) => {
            Ok(CodeLogin::Entered(from_login(address, password, imap, smtp, certificates)))
        }
        Code::Login(LoginCode::Unknown { .. }) => Err(Error::failed(
            "DeltaChat does not understand this QR Code yet, please update the app and try again.",
        )),
        _ => Err(Error::failed(refusal)),
    }
}

/// A login of a new account on a relay, with random name and password.
pub fn drawn_login(host: &str) -> Result<EnteredLogin, Error> {
    let drawn = AccountCode::new_credentials(host, &mut rand::thread_rng());
    let (address, password) = drawn.map_err(|error| Error::failed(error.to_string()))?;
    Ok(new_login(&address, password))
}

/// The login of an account that is new: the relay makes it at the first login.
pub fn new_login(address: &Address, password: String) -> EnteredLogin {
    EnteredLogin {
        addr: address.as_str().to_owned(),
        imap: EnteredImap { password, ..Default::default() },
        certificate_checks: EnteredCertificateChecks::Strict,
        ..Default::default()
    }
}

fn from_login(
    addr: String,
    password: String,
    imap: ServerLogin,
    smtp: ServerLogin,
    certificates: Certificates,
) -> EnteredLogin {
    let security = |security: Security| match security {
        Security::Automatic => EnteredSecurity::Automatic,
        Security::Tls => EnteredSecurity::Ssl,
        Security::Starttls => EnteredSecurity::Starttls,
        Security::Plain => EnteredSecurity::Plain,
    };
    EnteredLogin {
        addr,
        imap: EnteredImap {
            server: imap.host.unwrap_or_default(),
            port: imap.port.unwrap_or(0),
            folder: "INBOX".to_owned(),
            security: security(imap.security),
            user: imap.user.unwrap_or_default(),
            password: imap.password.unwrap_or(password),
        },
        smtp: EnteredSmtp {
            server: smtp.host.unwrap_or_default(),
            port: smtp.port.unwrap_or(0),
            security: security(smtp.security),
            user: smtp.user.unwrap_or_default(),
            password: smtp.password.unwrap_or_default(),
        },
        certificate_checks: match certificates {
            Certificates::Automatic => EnteredCertificateChecks::Automatic,
            Certificates::Strict => EnteredCertificateChecks::Strict,
            Certificates::AcceptInvalid => EnteredCertificateChecks::AcceptInvalidCertificates,
        },
        oauth2: false,
    }
}
