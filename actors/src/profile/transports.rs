//! Transports of a profile: trying out, storing, removing.

use std::rc::Rc;

use actix::Addr;
use tokio::sync::Notify;
use volary_mail::qr::{self, AccountCode, Certificates, Code, LoginCode, Security, ServerLogin};
use volary_proto::v1::{CertificateChecks, EnteredLoginParam, Error, ErrorCode, Socket, event, request};
use volary_storage::records::{TimeRecord, TransportRecord};
use volary_storage::tables::{CONFIG, REMOVED_TRANSPORTS, TRANSPORTS};

use super::{Profile, Shared, io};
use crate::error::{Failure, Outcome};
use crate::state::{config, keys, transports};
use crate::texts::id as text;
use volary_link::configure::{ConfigureError, FoundServers, try_transport};
use volary_mail::address::shortened;
use volary_mail::login::{EnteredCertificateChecks, EnteredImap, EnteredLogin, EnteredSecurity, EnteredSmtp};

/// Carries out a request that sets up, tries or removes transports.
pub async fn request(shared: &Rc<Shared>, profile: &Addr<Profile>, kind: request::Kind) -> Result<(), Error> {
    use request::Kind;
    match kind {
        Kind::AddOrUpdateTransport(call) => {
            let entered = from_param(&call.param.unwrap_or_default());
            configure(shared, profile, entered).await
        }
        Kind::AddTransportFromQr(call) => {
            let entered = from_qr(&call.qr, "QR code does not contain account")?;
            configure(shared, profile, entered).await
        }
        Kind::SetConfigFromQr(call) => config_from_qr(shared, profile, &call.qr).await,
        Kind::InitTransports(call) => {
            let configured = shared.db.look(|view| transports::all(view, shared.id))?;
            if !configured.is_empty() {
                return Ok(());
            }
            let Some(qr) = call.qr else {
                return Err(Error::unsupported("choosing a relay without a code is not supported yet"));
            };
            let entered = from_qr(&qr, "QR code does not contain a relay")?;
            configure(shared, profile, entered).await
        }
        Kind::Configure(_) => {
            if shared.io.get() {
                return Err(Error::failed("cannot configure, already running"));
            }
            let entered = shared.db.read(|view| legacy(view, shared.id))?;
            configure(shared, profile, entered).await
        }
        Kind::DeleteTransport(call) => Ok(delete(shared, call.addr).await?),
        _ => Err(Error::internal("not a request about transports")),
    }
}

/// Tries a login and stores it. I/O is stopped meanwhile and started afterwards.
async fn configure(shared: &Rc<Shared>, profile: &Addr<Profile>, entered: EnteredLogin) -> Result<(), Error> {
    let cancelled = Rc::new(Notify::new());
    if shared.ongoing.borrow().is_some() {
        return Err(Error::failed("There is already another ongoing process running."));
    }
    *shared.ongoing.borrow_mut() = Some(cancelled.clone());
    let was_configured = !shared.db.look(|view| transports::all(view, shared.id))?.is_empty();
    io::stop(shared).await;
    let outcome = tokio::select! {
        outcome = try_and_store(shared, entered.normalized()) => outcome,
        () = cancelled.notified() => Err("Canceled".to_owned()),
    };
    *shared.ongoing.borrow_mut() = None;
    let outcome = outcome.map_err(|reason| {
        let text = shared.db.texts().fill(text::CONFIGURATION_FAILED, &[&reason]);
        progress(shared, 0, Some(text.clone()));
        let code = if reason == "Canceled" { ErrorCode::Cancelled } else { ErrorCode::Failed };
        Error::new(code, text)
    });
    if outcome.is_ok() || was_configured {
        io::start(shared, profile).await?;
    }
    outcome
}

fn progress(shared: &Shared, progress: u32, comment: Option<String>) {
    let event = event::ConfigureProgress { progress, comment };
    shared.db.emit(shared.id, event::Kind::ConfigureProgress(event));
}

async fn try_and_store(shared: &Rc<Shared>, entered: EnteredLogin) -> Result<(), String> {
    let known = shared.db.look(|view| transports::all(view, shared.id)).map_err(|error| error.to_string())?;
    let update = known.iter().any(|(_, record)| record.addr == entered.addr);
    if !update && known.len() >= transports::MAX_TRANSPORTS {
        return Err(format!(
            "You have reached the maximum number of relays ({})",
            transports::MAX_TRANSPORTS
        ));
    }
    progress(shared, 1, None);
    progress(shared, 200, None);
    let proxy = shared.db.read(|view| io::proxy(view, shared.id)).map_err(|error| error.to_string())?;
    let found = FoundServers::default();
    let login = try_transport(&shared.network, &entered, &found, proxy, |step| progress(shared, step, None))
        .await
        .map_err(|error| refused(shared, &entered.addr, &error))?;
    *shared.setup_error.borrow_mut() = None;
    progress(shared, 910, None);
    let configured = serde_json::to_string(&login).map_err(|error| error.to_string())?;
    let stored = serde_json::to_string(&entered).map_err(|error| error.to_string())?;
    store(shared, entered.addr, stored, configured).await.map_err(|error| error.to_string())?;
    progress(shared, 1000, None);
    Ok(())
}

/// A trial failed: clients get the text that they know; the log, the events and the connectivity tell the cause.
fn refused(shared: &Shared, addr: &str, error: &ConfigureError) -> String {
    let short = shortened(addr);
    let cause = error.cause().replace(addr, &short);
    tracing::warn!(profile = shared.id, addr = short, error = cause, "the relay cannot be used");
    let msg = format!("Setting up {short} failed: {cause}");
    shared.db.emit(shared.id, event::Kind::Warning(event::Warning { msg: msg.clone() }));
    *shared.setup_error.borrow_mut() = Some(msg);
    error.to_string()
}

/// Stores a transport that works, and everything that a profile gets with its first one.
async fn store(shared: &Rc<Shared>, addr: String, entered: String, configured: String) -> Outcome<()> {
    shared
        .db
        .transact_durably(shared.id, move |tx| {
            let now = tx.now;
            let known = transports::all(tx.store, tx.profile)?;
            let first = known.is_empty();
            match known.iter().find(|(_, record)| record.addr == addr) {
                Some((id, _)) => transports::update(tx, *id, |record| {
                    record.entered = entered;
                    record.configured = configured;
                })?,
                None => {
                    let record = TransportRecord {
                        addr: addr.clone(),
                        entered,
                        configured,
                        added: now,
                        ..Default::default()
                    };
                    transports::add(tx, &record)?;
                    keys::relays_changed(tx)?;
                }
            }
            if config::stored(tx.store, tx.profile, config::key::CONFIGURED_ADDR)?.is_none() {
                config::set(tx, config::key::CONFIGURED_ADDR, Some(&addr))?;
            }
            config::set(tx, config::key::CONFIGURED_TIMESTAMP, Some(&now.to_string()))?;
            tx.emit(event::Kind::TransportsModified(event::TransportsModified {}));
            for step in [920, 940] {
                let event = event::ConfigureProgress { progress: step, comment: None };
                tx.emit(event::Kind::ConfigureProgress(event));
            }
            config::set(tx, config::key::CONFIGURED, Some("1"))?;
            if first {
                crate::commands::device::set_up_chats(tx)?;
            }
            tx.emit(event::Kind::AccountsItemChanged(event::AccountsItemChanged {}));
            Ok::<_, Failure>(())
        })
        .await
}

/// Removes a transport; queued mail goes out over another one.
async fn delete(shared: &Rc<Shared>, addr: String) -> Outcome<()> {
    shared
        .db
        .transact_durably(shared.id, move |tx| {
            let known = transports::all(tx.store, tx.profile)?;
            let found = known.iter().find(|(_, record)| record.addr.eq_ignore_ascii_case(addr.trim()));
            if known.len() <= 1 {
                return Err(Failure::refused("Cannot remove the last transport"));
            }
            let Some((id, record)) = found else { return Err(Failure::refused("Transport does not exist")) };
            let (profile, now) = (tx.profile, tx.now);
            tx.store.remove(&TRANSPORTS, &(profile, *id))?;
            crate::state::copies::forget_all(tx, *id)?;
            let removed = TimeRecord { time: now.max(record.added) };
            tx.store.put(&REMOVED_TRANSPORTS, &(profile, record.addr.as_str()), &removed)?;
            let shown = config::stored(tx.store, profile, config::key::CONFIGURED_ADDR)?;
            if shown.as_deref() == Some(record.addr.as_str()) {
                let newest = transports::own_addrs(tx.store, profile)?.into_iter().next();
                config::set(tx, config::key::CONFIGURED_ADDR, newest.as_deref())?;
            }
            keys::relays_changed(tx)?;
            tx.emit(event::Kind::TransportsModified(event::TransportsModified {}));
            Ok(())
        })
        .await
}

/// What the deprecated settings say.
fn legacy(view: &impl volary_storage::View, profile: u32) -> Outcome<EnteredLogin> {
    let value = |name: &str| {
        let key = (profile, name.to_owned());
        Ok::<_, Failure>(view.get(&CONFIG, &key)?.map(|record| record.text).unwrap_or_default())
    };
    let number = |name: &str| Ok::<_, Failure>(value(name)?.parse::<i64>().unwrap_or(0));
    let port = |name: &str| Ok::<_, Failure>(u16::try_from(number(name)?).unwrap_or(0));
    let checks = number("imap_certificate_checks")?;
    Ok(EnteredLogin {
        addr: value("addr")?,
        imap: EnteredImap {
            server: value("mail_server")?,
            port: port("mail_port")?,
            folder: String::new(),
            security: EnteredSecurity::from_number(number("mail_security")?).unwrap_or_default(),
            user: value("mail_user")?,
            password: value("mail_pw")?,
        },
        smtp: EnteredSmtp {
            server: value("send_server")?,
            port: port("send_port")?,
            security: EnteredSecurity::from_number(number("send_security")?).unwrap_or_default(),
            user: value("send_user")?,
            password: value("send_pw")?,
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

/// The login that a code stands for; an account code makes new credentials.
fn from_qr(text: &str, refusal: &str) -> Result<EnteredLogin, Error> {
    match qr::parse(text).map_err(|error| Error::failed(error.to_string()))? {
        Code::Account(AccountCode::Relay { domain }) => {
            let drawn = AccountCode::new_credentials(&domain, &mut rand::thread_rng());
            let (addr, password) = drawn.map_err(|error| Error::failed(error.to_string()))?;
            Ok(EnteredLogin {
                addr: addr.as_str().to_owned(),
                imap: EnteredImap { password, ..Default::default() },
                certificate_checks: EnteredCertificateChecks::Strict,
                ..Default::default()
            })
        }
        Code::Account(AccountCode::Url { .. }) => {
            Err(Error::unsupported("accounts from a web address are not supported yet"))
        }
        Code::Login(LoginCode::V1 { address, password, imap, smtp, certificates }) => {
            Ok(from_login(address, password, imap, smtp, certificates))
        }
        Code::Login(LoginCode::Unknown { .. }) => Err(Error::failed(
            "DeltaChat does not understand this QR Code yet, please update the app and try again.",
        )),
        _ => Err(Error::failed(refusal)),
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

/// What a code changes: a transport, the proxy, or own invites.
async fn config_from_qr(shared: &Rc<Shared>, profile: &Addr<Profile>, text: &str) -> Result<(), Error> {
    match qr::parse(text).map_err(|error| Error::failed(error.to_string()))? {
        Code::Account(_) | Code::Login(_) => {
            if shared.io.get() {
                return Err(Error::failed("cannot configure, already running"));
            }
            let entered = from_qr(text, "QR code does not contain config")?;
            configure(shared, profile, entered).await
        }
        Code::Proxy(proxy) => {
            proxy.check_spoken().map_err(|error| Error::failed(error.to_string()))?;
            shared
                .db
                .transact(shared.id, move |tx| {
                    let list = config::get(tx.store, tx.profile, "proxy_url")?.unwrap_or_default();
                    config::set(tx, "proxy_url", Some(&proxy.put_first(&list)))?;
                    config::set(tx, "proxy_enabled", Some("1"))?;
                    tx.effects().transports = true;
                    Ok::<_, Failure>(())
                })
                .await?;
            Ok(())
        }
        Code::Invite(invite) => Ok(toggle_invite(shared, invite).await?),
        _ => Err(Error::failed("QR code does not contain config")),
    }
}

/// An own code: known tokens are withdrawn, unknown ones are revived.
async fn toggle_invite(shared: &Rc<Shared>, invite: volary_mail::qr::Invite) -> Outcome<()> {
    use crate::state::tokens;
    use volary_mail::securejoin::Scope;
    use volary_storage::records::token;
    shared
        .db
        .transact_durably(shared.id, move |tx| {
            let own = keys::own_fingerprint(tx.store, tx.profile)?;
            if own != Some(invite.fingerprint.to_string()) {
                return Err(Failure::refused("QR code does not contain config"));
            }
            let scope = match invite.scope() {
                Scope::Contact => String::new(),
                Scope::Chat(id) => id.as_str().to_owned(),
            };
            let auth = invite.auth.as_str();
            if tokens::find(tx.store, tx.profile, token::AUTH, auth)?.is_some() {
                tokens::withdraw(tx, &scope)?;
            } else {
                let now = tx.now;
                if let Some(number) = &invite.invite_number {
                    tokens::save(tx, token::INVITE, &scope, number.as_str(), now)?;
                }
                tokens::save(tx, token::AUTH, &scope, auth, now)?;
            }
            Ok(())
        })
        .await
}
