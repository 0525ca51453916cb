//! Relay, engine and people of a demo.

use std::path::PathBuf;
use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use volary::{Engine, EngineOptions};
use volary_proto::{
    AddAccount, AddOrUpdateTransport, CertificateChecks, EnteredLoginParam, GetAllAccountIds, IsConfigured,
    SetConfig, Socket,
};
use volary_relay::{Relay, RelayConfig};

use super::events;
use super::options::{DemoError, DemoOptions, FEW};
use super::person::{Person, Trouble};
use super::transcript::Transcript;

/// Domain of the addresses. The underscore tells clients that its certificate is not signed by anybody.
const DOMAIN: &str = "_demo.test";
/// Host of the relay: no name needs to be resolved.
pub(super) const HOST: &str = "127.0.0.1";
/// Profiles that log in at the same time.
const LOGINS_AT_ONCE: usize = 8;

/// Everything that runs.
pub(crate) struct Stage {
    pub(super) relay: Relay,
    pub(super) engine: Engine,
    pub(super) people: Vec<Person>,
    /// Folder for files that people send.
    pub(super) files: TempDir,
    /// Removes the profiles at the end.
    _temporary: Option<TempDir>,
    distributor: JoinHandle<()>,
}

impl Stage {
    /// Starts relay and engine and gives every profile an address.
    pub(crate) async fn set_up(options: DemoOptions, transcript: &Transcript) -> Result<Self, DemoError> {
        let files = temporary_folder()?;
        let temporary = options.data.is_none().then(temporary_folder).transpose()?;
        let dir = match (&options.data, &temporary) {
            (Some(dir), _) => dir.clone(),
            (None, Some(temporary)) => temporary.path().to_owned(),
            (None, None) => PathBuf::new(),
        };
        let relay = Relay::start(RelayConfig::for_domain(DOMAIN)).await?;
        let engine = Engine::start(EngineOptions { on_loopback: true, ..EngineOptions::new(dir) }).await?;
        let set_up = Self::people(&engine, &options).await;
        let people = match set_up {
            Ok(people) => people,
            Err(error) => {
                engine.stop().await;
                relay.stop().await;
                return Err(error);
            }
        };
        let inboxes = people.iter().map(|person| (person.profile, Arc::clone(&person.inbox))).collect();
        let distributor = events::distribute(engine.events(), inboxes);
        let stage = Self { relay, engine, people, files, _temporary: temporary, distributor };
        match stage.log_in(transcript).await {
            Ok(()) => Ok(stage),
            Err(error) => {
                stage.tear_down().await;
                Err(error)
            }
        }
    }

    async fn people(engine: &Engine, options: &DemoOptions) -> Result<Vec<Person>, DemoError> {
        let refused = |error| {
            let trouble = Trouble::Call { who: "the engine".to_owned(), call: "AddAccount", error };
            DemoError::Claim { claim: "profiles are made".to_owned(), trouble }
        };
        if !engine.call(0, GetAllAccountIds {}).await.map_err(refused)?.ids.is_empty() {
            return Err(DemoError::HasProfiles(engine.dir().to_owned()));
        }
        let mut people = Vec::new();
        for number in 0..options.profiles as usize {
            let profile = engine.call(0, AddAccount {}).await.map_err(refused)?.id;
            people.push(Person::new(number, profile, DOMAIN, engine.clone(), options.patience));
        }
        Ok(people)
    }

    async fn log_in(&self, transcript: &Transcript) -> Result<(), DemoError> {
        let bar = transcript.progress("profiles", self.people.len());
        let logged_in =
            stream::iter(&self.people).map(Ok).try_for_each_concurrent(LOGINS_AT_ONCE, |person| {
                let bar = &bar;
                async move {
                    self.configure(person).await?;
                    bar.inc(1);
                    Ok::<_, Trouble>(())
                }
            });
        let names: Vec<&str> = self.people.iter().take(FEW).map(|person| person.name.as_str()).collect();
        let more = self.people.len().saturating_sub(FEW);
        let who = match more {
            0 => names.join(", "),
            _ => format!("{} and {more} more", names.join(", ")),
        };
        let claim = format!("{who} have addresses on the relay in this process");
        if let Err(trouble) = logged_in.await {
            return Err(DemoError::Claim { claim, trouble });
        }
        bar.finish_and_clear();
        transcript.claim(&claim);
        Ok(())
    }

    /// Gives a profile its name and its address; it is connected from then on.
    async fn configure(&self, person: &Person) -> Result<(), Trouble> {
        let name = SetConfig { key: "displayname".to_owned(), value: Some(person.name.clone()) };
        person.call(name).await?;
        let param = EnteredLoginParam {
            addr: person.address.clone(),
            password: person.password.clone(),
            imap_server: Some(HOST.to_owned()),
            imap_port: Some(self.relay.imap_tls_port().into()),
            imap_security: Some(Socket::Ssl.into()),
            smtp_server: Some(HOST.to_owned()),
            smtp_port: Some(self.relay.smtp_tls_port().into()),
            smtp_security: Some(Socket::Ssl.into()),
            certificate_checks: Some(CertificateChecks::AcceptInvalidCertificates.into()),
            ..Default::default()
        };
        person.call(AddOrUpdateTransport { param: Some(param) }).await?;
        if person.call(IsConfigured {}).await?.value {
            Ok(())
        } else {
            Err(Trouble::Differs(format!("{person} has no relay after logging in")))
        }
    }

    /// Ends everything in order.
    pub(crate) async fn tear_down(self) {
        self.engine.stop().await;
        if self.distributor.await.is_err() {
            tracing::error!("the events of the demo were not distributed to the end");
        }
        self.relay.stop().await;
    }
}

fn temporary_folder() -> Result<TempDir, DemoError> {
    tempfile::tempdir().map_err(|source| DemoError::Temporary { folder: std::env::temp_dir(), source })
}
