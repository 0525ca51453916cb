//! Connections against the embedded relay: TLS, STARTTLS, real dialogues.

use bytes::Bytes;
use volary_proto::{
    RelayCommand, RelayFetchNow, RelayMailAction, RelaySubmit, RelaySubmitStatus, relay_command::Command,
    relay_notice::Notice,
};
use volary_relay::Relay;

use super::*;
use crate::testing::{configured, entered, leads_to, relay};
use volary_link::{
    Route, Success,
    configure::{FoundServers, try_transport},
    tls::key_hash,
    unix_now,
};
use volary_mail::login::{EnteredCertificateChecks, EnteredLogin, Protocol};

const DOMAIN: &str = "_mail.invalid";

/// A network that knows the way to the relay.
fn network(relay: &Relay) -> Arc<Network> {
    let network = Network::with_defaults().unwrap();
    leads_to(&network, relay);
    network
}

fn mail(number: usize) -> RelaySubmit {
    let raw = format!(
        "From: <alice@{DOMAIN}>\r\nTo: <bob@{DOMAIN}>\r\nMessage-ID: <{number}@x>\r\n\r\n.{number}\r\n"
    );
    RelaySubmit {
        queue_id: 1,
        from: format!("alice@{DOMAIN}"),
        recipients: vec![format!("bob@{DOMAIN}")],
        raw: Bytes::from(raw),
        own: Vec::new(),
    }
}

fn fresh() -> Wishes {
    Wishes { uidvalidity: 0, uid_next: 0, ..Wishes::default() }
}

async fn idle(rig: &mut Rig) {
    rig.notice(|notice| matches!(notice, Notice::Idle(_)).then_some(())).await;
}

#[actix::test]
async fn a_burst_of_mails_arrives_once_and_leaves_the_relay_empty() {
    let relay = relay(DOMAIN).await;
    let network = network(&relay);
    let alice = configured(&network, &entered(&relay, "alice", false)).await.unwrap();
    let bob = configured(&network, &entered(&relay, "bob", true)).await.unwrap();
    let alice = Rig::connect(alice, fresh(), network.clone());
    let mut bob = Rig::connect(bob, fresh(), network);
    idle(&mut bob).await;
    let mails = 300;
    let sent = futures::future::join_all((0..mails).map(|number| alice.connection.send(mail(number)))).await;
    assert!(sent.into_iter().all(|result| result.unwrap().status() == RelaySubmitStatus::Sent));
    let (mut received, mut deleted, mut uid_next) = (Vec::new(), 0, 0);
    while received.len() < mails || deleted < mails {
        match bob.next().await {
            Told::Mails(batch) => {
                assert!(batch.uid_next >= uid_next || batch.uid_next == 0);
                uid_next = uid_next.max(batch.uid_next);
                received.extend(batch.mails.into_iter().map(|mail| mail.raw));
            }
            Told::Notice(Notice::Acknowledged(done)) => deleted += done.deleted.len(),
            _ => {}
        }
    }
    assert_eq!(received.len(), mails);
    for (number, raw) in received.iter().enumerate() {
        let end = format!("Message-ID: <{number}@x>\r\n\r\n.{number}\r\n");
        assert!(raw.ends_with(end.as_bytes()), "{:?}", String::from_utf8_lossy(raw));
    }
    assert!(relay.mailbox(&format!("bob@{DOMAIN}")).unwrap().is_empty());
}

#[actix::test]
async fn a_restarted_connection_goes_on_where_it_was_durable() {
    let relay = relay(DOMAIN).await;
    let network = network(&relay);
    let login = configured(&network, &entered(&relay, "bob", false)).await.unwrap();
    let keep = Wishes { mail_action: |_| RelayMailAction::Keep, ..fresh() };
    let mut bob = Rig::connect(login.clone(), keep, network.clone());
    let reset = bob.notice(|notice| match notice {
        Notice::FolderReset(reset) => Some(reset),
        _ => None,
    });
    let uidvalidity = reset.await.uidvalidity;
    for number in 0..3 {
        relay.inject(&login.addr, mail(number).raw.to_vec());
    }
    let mut last = 0;
    while last < 4 {
        last = last.max(bob.mails().await.uid_next);
    }
    drop(bob);
    // As if only the first mail had been stored when the process was killed.
    let mut bob = Rig::connect(login, Wishes { uidvalidity, uid_next: 2, ..keep }, network);
    let again = bob.mails().await;
    assert_eq!(again.mails.iter().map(|mail| mail.uid).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(again.uid_next, 4);
}

#[actix::test]
async fn mail_that_comes_between_setting_up_and_the_first_connection_is_taken() {
    let relay = relay(DOMAIN).await;
    let network = network(&relay);
    let bob = entered(&relay, "bob", false);
    configured(&network, &bob).await.unwrap();
    relay.inject(&bob.addr, mail(1).raw.to_vec());
    let tried = try_transport(&network, &bob, &FoundServers::default(), None, |_| {}).await.unwrap();
    let folder = tried.folder.unwrap();
    assert_eq!(folder.uid_next, 2);
    assert!((unix_now() - folder.newest_arrival).abs() < 3600, "{folder:?}");
    relay.inject(&bob.addr, mail(2).raw.to_vec());
    let wishes = Wishes { uidvalidity: folder.uidvalidity, uid_next: folder.uid_next, ..Wishes::default() };
    let mut bob = Rig::connect(tried.login, wishes, network);
    let taken = bob.mails().await;
    assert_eq!(taken.mails.iter().map(|mail| mail.uid).collect::<Vec<_>>(), [2], "and no older one");
}

#[actix::test]
async fn a_relay_that_was_down_is_used_again() {
    let relay = relay(DOMAIN).await;
    let network = network(&relay);
    let login = configured(&network, &entered(&relay, "bob", false)).await.unwrap();
    let mut bob = Rig::connect(login.clone(), fresh(), network);
    idle(&mut bob).await;
    relay.set_down(true).await;
    bob.notice(|notice| matches!(notice, Notice::State(state) if !state.error.is_empty()).then_some(()))
        .await;
    relay.set_down(false).await;
    relay.inject(&login.addr, mail(1).raw.to_vec());
    let now = RelayCommand { generation: 1, command: Some(Command::FetchNow(RelayFetchNow {})) };
    bob.connection.do_send(now);
    assert_eq!(bob.mails().await.mails.len(), 1);
}

#[actix::test]
async fn a_wrong_password_is_told_in_the_words_of_the_server() {
    let relay = relay(DOMAIN).await;
    let network = network(&relay);
    configured(&network, &entered(&relay, "bob", false)).await.unwrap();
    let mut wrong = entered(&relay, "bob", false);
    wrong.imap.password = "something else".into();
    let error = configured(&network, &wrong).await.unwrap_err();
    assert!(error.starts_with(&format!("IMAP failed to login as bob@{DOMAIN}: no response: ")), "{error}");
}

#[actix::test]
async fn a_self_signed_certificate_is_refused_unless_checks_are_off_or_the_key_is_known() {
    let relay = relay("mail.invalid").await;
    let strict = network(&relay);
    let error = configured(&strict, &entered(&relay, "bob", false)).await.unwrap_err();
    assert_eq!(error, "Could not find your mail server.\n\nPlease check your internet connection.");

    let mut by_address = entered(&relay, "bob", false);
    by_address.imap.server = "127.0.0.1".into();
    by_address.smtp.server = "127.0.0.1".into();
    assert!(configured(&strict, &by_address).await.is_err());
    by_address.certificate_checks = EnteredCertificateChecks::AcceptInvalidCertificates;
    configured(&strict, &by_address).await.unwrap();
    assert!(strict.tls().keys().all().is_empty(), "nothing is learnt without checks");

    let pem = relay.certificate_pem();
    let certificate: rustls::pki_types::CertificateDer<'_> =
        rustls::pki_types::pem::PemObject::from_pem_slice(pem.as_bytes()).unwrap();
    strict.tls().keys().remember("mail.invalid", key_hash(&certificate).unwrap());
    configured(&strict, &entered(&relay, "bob", false)).await.unwrap();
}

#[actix::test]
async fn the_cause_of_a_failed_trial_is_told_beside_the_text_for_users() {
    let relay = relay("mail.invalid").await;
    let network = network(&relay);
    let cause = async |change: fn(&mut EnteredLogin)| {
        let mut login = entered(&relay, "bob", false);
        change(&mut login);
        let tried = try_transport(&network, &login, &FoundServers::default(), None, |_| {}).await;
        tried.unwrap_err().cause()
    };
    let certificate = cause(|_| {}).await;
    assert!(certificate.contains("invalid peer certificate"), "{certificate}");
    let port = cause(|login| login.imap.port = 1).await;
    assert!(port.contains("Connection refused"), "{port}");
    let host = cause(|login| login.imap.server = "no-such-host.invalid".into()).await;
    assert!(host.contains("Could not find DNS resolutions for no-such-host.invalid"), "{host}");
}

#[actix::test]
async fn a_certificate_for_another_name_is_refused_even_for_underscore_hosts() {
    let relay = relay("_other.invalid").await;
    let network = network(&relay);
    let mut login = entered(&relay, "bob", false);
    configured(&network, &login).await.unwrap();
    for (port, protocol) in [(login.imap.port, Protocol::Imap), (login.smtp.port, Protocol::Smtp)] {
        let route = Route { host: DOMAIN.into(), port, protocol, ip: [127, 0, 0, 1].into() };
        network.resolver().remember(route, Success { at: unix_now(), strict: true });
    }
    login.imap.server = DOMAIN.into();
    login.smtp.server = DOMAIN.into();
    assert!(configured(&network, &login).await.is_err());
}
