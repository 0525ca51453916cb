//! Transports of a profile: trying out, storing, removing.

use std::rc::Rc;

use actix::Addr;
use volary_engine::commands::relays::{self, CodeLogin, SeenFolder, WorkingTransport};
use volary_mail::qr::{self, Code};
use volary_proto::v1::{Error, ErrorCode, event, request};

use super::ongoing::Ongoing;
use super::shared::Shared;
use super::{Profile, io, relay_choice, web};
use volary_engine::ground::error::Failure;
use volary_engine::ground::texts::id as text;
use volary_engine::state::{config, transports};
use volary_link::Manner;
use volary_link::configure::{ConfigureError, try_transport};
use volary_mail::address::shortened;
use volary_mail::autoconfig::FoundServers;
use volary_mail::login::EnteredLogin;

/// Carries out a request that sets up, tries or removes transports.
pub async fn request(shared: &Rc<Shared>, profile: &Addr<Profile>, kind: request::Kind) -> Result<(), Error> {
    use request::Kind;
    match kind {
        Kind::AddOrUpdateTransport(call) => {
            let entered = relays::from_param(&call.param.unwrap_or_default());
            configure(shared, profile, Trial::described(entered)).await
        }
        Kind::AddTransportFromQr(call) => {
            let trial = trial_of_code(shared, &call.qr, "QR code does not contain account").await?;
            configure(shared, profile, trial).await
        }
        Kind::SetConfigFromQr(call) => config_from_qr(shared, profile, &call.qr).await,
        Kind::InitTransports(call) => {
            let configured = shared.db.look(|view| transports::all(view, shared.id))?;
            if !configured.is_empty() {
                return Ok(());
            }
            let Some(qr) = call.qr else { return relay_choice::first(shared, profile, None).await };
            if let Ok(Code::Invite(invite)) = qr::parse(&qr) {
                return relay_choice::first(shared, profile, Some(&invite)).await;
            }
            let trial = trial_of_code(shared, &qr, "QR code does not contain a relay").await?;
            configure(shared, profile, trial).await
        }
        Kind::Configure(_) => {
            let entered = shared.db.read(|view| relays::legacy(view, shared.id))?;
            configure(shared, profile, Trial::described(entered)).await
        }
        Kind::DeleteTransport(call) => Ok(relays::delete(&shared.db, shared.id, call.addr).await?),
        _ => Err(Error::internal("not a request about transports")),
    }
}

/// A login to try out, and where its servers come from.
pub struct Trial {
    entered: EnteredLogin,
    /// The domain is asked over the web which servers it has. Otherwise they are guessed from its name: a relay has them
    /// under the usual names, and asking first would keep a new account waiting wherever the web ports are closed.
    ask_domain: bool,
    /// Somebody waits for it and sees how far it is.
    is_shown: bool,
}

impl Trial {
    /// Of an account on a relay that is new.
    pub fn drawn(entered: EnteredLogin, is_shown: bool) -> Self {
        Self { entered, ask_domain: false, is_shown }
    }

    /// Of a login whose domain may be any mail provider.
    fn described(entered: EnteredLogin) -> Self {
        Self { entered, ask_domain: true, is_shown: true }
    }
}

/// The login that a code stands for, asked of a web server if need be.
async fn trial_of_code(shared: &Shared, code: &str, refusal: &str) -> Result<Trial, Error> {
    Ok(match relays::from_qr(code, refusal)? {
        CodeLogin::Entered(entered) => Trial::described(entered),
        CodeLogin::NewOnRelay(entered) => Trial::drawn(entered, true),
        CodeLogin::AskWeb(url) => Trial::described(web::new_account(shared, &url).await?),
    })
}

/// Tries a login and stores it. I/O is stopped meanwhile and started afterwards.
async fn configure(shared: &Rc<Shared>, profile: &Addr<Profile>, trial: Trial) -> Result<(), Error> {
    exclusively(shared, profile, try_and_store(shared, trial)).await
}

/// Carries out work that sets up a transport, or says why not. It can be cancelled, and nothing else goes on meanwhile.
pub async fn exclusively(
    shared: &Rc<Shared>,
    profile: &Addr<Profile>,
    work: impl Future<Output = Result<(), String>>,
) -> Result<(), Error> {
    let ongoing = Ongoing::begin(shared)?;
    let was_configured = !shared.db.look(|view| transports::all(view, shared.id))?.is_empty();
    io::stop(shared).await;
    let outcome = tokio::select! {
        outcome = work => outcome,
        () = ongoing.cancelled() => Err("Canceled".to_owned()),
    };
    drop(ongoing);
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

/// Tries a login and stores it if it works.
pub async fn try_and_store(shared: &Rc<Shared>, trial: Trial) -> Result<(), String> {
    let entered = trial.entered.normalized();
    let tell = |step| {
        if trial.is_shown {
            progress(shared, step, None);
        }
    };
    let known = shared.db.look(|view| transports::all(view, shared.id)).map_err(|error| error.to_string())?;
    let update = known.iter().any(|(_, record)| record.addr == entered.addr);
    if !update && known.len() >= transports::MAX_TRANSPORTS {
        return Err(format!(
            "You have reached the maximum number of relays ({})",
            transports::MAX_TRANSPORTS
        ));
    }
    tell(1);
    entered.check().map_err(|error| refused(shared, &entered.addr, &error.into()))?;
    tell(200);
    let proxy = shared.db.read(|view| io::proxy(view, shared.id)).map_err(|error| error.to_string())?;
    let found = if trial.ask_domain {
        let how = Manner { strict: entered.certificate_checks.is_strict(), proxy: proxy.clone() };
        web::servers(shared, &entered, &how, tell).await
    } else {
        FoundServers::default()
    };
    let tried = try_transport(&shared.hub.network, &entered, &found, proxy, tell)
        .await
        .map_err(|error| refused(shared, &entered.addr, &error))?;
    *shared.setup_error.borrow_mut() = None;
    tell(910);
    let configured = serde_json::to_string(&tried.login).map_err(|error| error.to_string())?;
    let stored = serde_json::to_string(&entered).map_err(|error| error.to_string())?;
    let folder = tried.folder.map(|visit| SeenFolder {
        uid_validity: visit.uidvalidity,
        uid_next: visit.uid_next,
        ignored_until: visit.newest_arrival,
    });
    let works = WorkingTransport { addr: entered.addr, entered: stored, configured, folder };
    relays::store(&shared.db, shared.id, works, trial.is_shown).await.map_err(|error| error.to_string())?;
    tell(1000);
    Ok(())
}

/// A trial failed: clients get the text that they know; the log, the events and the connectivity name the cause.
fn refused(shared: &Shared, addr: &str, error: &ConfigureError) -> String {
    let short = shortened(addr);
    let cause = error.cause().replace(addr, &short);
    tracing::warn!(profile = %shared.id, addr = short, error = cause, "the relay cannot be used");
    let msg = format!("Setting up {short} failed: {cause}");
    shared.db.emit(shared.id, event::Kind::Warning(event::Warning { msg: msg.clone() }));
    *shared.setup_error.borrow_mut() = Some(msg);
    error.to_string()
}

/// What a code changes: a transport, the proxy, or own invites.
async fn config_from_qr(shared: &Rc<Shared>, profile: &Addr<Profile>, text: &str) -> Result<(), Error> {
    match qr::parse(text).map_err(|error| Error::failed(error.to_string()))? {
        Code::Account(_) | Code::Login(_) => {
            if shared.io.get() {
                return Err(Error::failed("cannot configure, already running"));
            }
            let trial = trial_of_code(shared, text, "QR code does not contain config").await?;
            configure(shared, profile, trial).await
        }
        Code::Proxy(proxy) => {
            proxy.check_spoken().map_err(|error| Error::failed(error.to_string()))?;
            shared
                .db
                .transact(shared.id, move |tx| {
                    let list = config::get(tx.store, tx.profile, config::key::PROXY_URL)?.unwrap_or_default();
                    config::set(tx, config::key::PROXY_URL, Some(&proxy.put_first(&list)))?;
                    config::set(tx, config::key::PROXY_ENABLED, Some("1"))?;
                    tx.effects().transports = true;
                    Ok::<_, Failure>(())
                })
                .await?;
            Ok(())
        }
        Code::Invite(invite) => Ok(relays::toggle_invite(&shared.db, shared.id, invite).await?),
        _ => Err(Error::failed("QR code does not contain config")),
    }
}
