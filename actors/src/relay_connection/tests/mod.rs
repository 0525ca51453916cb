//! A connection against servers that follow a script, over TCP on loopback.

mod hostile;
mod imap;
mod panic;
mod relay;
mod smtp;

use std::{sync::Arc, time::Duration};

use actix::{Actor, Addr, Context, Handler, ResponseFuture};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use volary_engine::ground::ids::{ProfileId, TransportId};
use volary_proto::{
    RelayHeadAction, RelayHeadDecision, RelayHeads, RelayHeadsAnswer, RelayMailAction, RelayMailDecision,
    RelayMails, RelayMailsAnswer, RelayNotice, relay_notice::Notice,
};

use volary_link::Network;
use volary_mail::login::{Candidate, CertificateChecks, ConfiguredLogin, Endpoint, Security};

use crate::faults::Faults;
use crate::mailbox::{Places, takes_from_places};

use super::{ConnectionEnded, Crowds, ProfileLink, RelayConnection, RelayParams};

/// Longest time that a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on loopback that plays one connection after the other.
struct Server(TcpListener);

impl Server {
    async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn candidate(&self) -> Candidate {
        let connection = Endpoint {
            host: "127.0.0.1".into(),
            port: self.0.local_addr().unwrap().port(),
            security: Security::Plain,
        };
        Candidate { connection, user: "alice@example.org".into() }
    }

    async fn accept(&self) -> Peer {
        let (stream, _) = timeout(PATIENCE, self.0.accept()).await.expect("nobody connected").unwrap();
        Peer(BufReader::new(stream))
    }
}

/// The server's end of a connection.
struct Peer(BufReader<TcpStream>);

impl Peer {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        timeout(PATIENCE, self.0.read_line(&mut line)).await.expect("the client is silent").unwrap();
        line.trim_end().to_string()
    }

    /// The next line must be this command.
    async fn expect(&mut self, command: &str) {
        assert_eq!(self.line().await, command);
    }

    /// Expects a command and answers it.
    async fn answer(&mut self, command: &str, answer: &str) {
        self.expect(command).await;
        self.send(answer).await;
    }

    /// The client has closed the connection.
    async fn closed(&mut self) {
        let mut rest = Vec::new();
        let read = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await.expect("the client does not close");
        assert!(read.is_err() || rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    }

    /// Plays a login, up to an empty inbox with this UIDNEXT.
    async fn log_in(&mut self, uidvalidity: u32, uid_next: u32) {
        self.log_in_to(uidvalidity, uid_next, 0).await;
    }

    /// Plays a login, up to an inbox with this UIDNEXT and so many mails.
    async fn log_in_to(&mut self, uidvalidity: u32, uid_next: u32, mails: u32) {
        self.send("* OK [CAPABILITY IMAP4rev1 IDLE] ready\r\n").await;
        self.answer(
            "A0001 LOGIN \"alice@example.org\" \"secret\"",
            "A0001 OK [CAPABILITY IMAP4rev1 IDLE] Logged in\r\n",
        )
        .await;
        self.expect("A0002 SELECT \"INBOX\"").await;
        self.selected_with("A0002", uidvalidity, uid_next, mails).await;
    }

    async fn selected(&mut self, tag: &str, uidvalidity: u32, uid_next: u32) {
        self.selected_with(tag, uidvalidity, uid_next, 0).await;
    }

    async fn selected_with(&mut self, tag: &str, uidvalidity: u32, uid_next: u32, mails: u32) {
        self.send(&format!(
            "* FLAGS (\\Seen \\Deleted)\r\n* {mails} EXISTS\r\n* OK [UIDVALIDITY {uidvalidity}] ok\r\n\
             * OK [UIDNEXT {uid_next}] ok\r\n{tag} OK [READ-WRITE] done\r\n"
        ))
        .await;
    }
}

/// What a test profile received.
#[derive(Debug)]
enum Told {
    Heads(RelayHeads),
    Mails(RelayMails),
    Notice(Notice),
}

/// A profile that answers as the test wants.
struct TestProfile {
    told: mpsc::UnboundedSender<Told>,
    head_action: fn(u32) -> RelayHeadAction,
    mail_action: fn(u32) -> RelayMailAction,
}

impl Actor for TestProfile {
    type Context = Context<Self>;
}

takes_from_places!(TestProfile: RelayHeads, RelayMails, RelayNotice);

impl Handler<RelayHeads> for TestProfile {
    type Result = ResponseFuture<RelayHeadsAnswer>;
    fn handle(&mut self, heads: RelayHeads, _: &mut Self::Context) -> Self::Result {
        let action = self.head_action;
        let decisions = heads
            .heads
            .iter()
            .map(|head| RelayHeadDecision { uid: head.uid, action: action(head.uid).into() })
            .collect();
        self.told.send(Told::Heads(heads)).unwrap();
        Box::pin(async move { RelayHeadsAnswer { decisions } })
    }
}

impl Handler<RelayMails> for TestProfile {
    type Result = ResponseFuture<RelayMailsAnswer>;
    fn handle(&mut self, mails: RelayMails, _: &mut Self::Context) -> Self::Result {
        let action = self.mail_action;
        let decisions = mails
            .mails
            .iter()
            .map(|mail| RelayMailDecision { uid: mail.uid, action: action(mail.uid).into() })
            .collect();
        self.told.send(Told::Mails(mails)).unwrap();
        Box::pin(async move { RelayMailsAnswer { decisions } })
    }
}

impl Handler<RelayNotice> for TestProfile {
    type Result = ();
    fn handle(&mut self, notice: RelayNotice, _: &mut Self::Context) {
        assert_eq!(notice.transport_id, 7);
        if let Some(notice) = notice.notice {
            let _ = self.told.send(Told::Notice(notice));
        }
    }
}

impl Handler<ConnectionEnded> for TestProfile {
    type Result = ();
    fn handle(&mut self, _: ConnectionEnded, _: &mut Self::Context) {}
}

/// A running connection with its profile.
struct Rig {
    connection: Addr<RelayConnection>,
    faults: Faults,
    told: mpsc::UnboundedReceiver<Told>,
}

#[derive(Clone, Copy)]
struct Wishes {
    uidvalidity: u32,
    uid_next: u32,
    rescan_below: u32,
    head_action: fn(u32) -> RelayHeadAction,
    mail_action: fn(u32) -> RelayMailAction,
    push_token: Option<&'static str>,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            uidvalidity: 5,
            uid_next: 1,
            rescan_below: 0,
            head_action: |_| RelayHeadAction::Download,
            mail_action: |_| RelayMailAction::Delete,
            push_token: None,
        }
    }
}

fn login(imap: &Server, smtp: &Server) -> ConfiguredLogin {
    ConfiguredLogin {
        addr: "alice@example.org".into(),
        imap: vec![imap.candidate()],
        imap_folder: None,
        imap_user: String::new(),
        imap_password: "secret".into(),
        smtp: vec![smtp.candidate()],
        smtp_user: String::new(),
        smtp_password: "secret".into(),
        certificate_checks: CertificateChecks::Automatic,
        oauth2: false,
    }
}

impl Rig {
    fn start(imap: &Server, smtp: &Server, wishes: Wishes) -> Self {
        Self::connect(login(imap, smtp), wishes, Network::with_defaults().unwrap())
    }

    fn connect(login: ConfiguredLogin, wishes: Wishes, network: Arc<Network>) -> Self {
        let (sender, told) = mpsc::unbounded_channel();
        let faults = Faults::default();
        let profile =
            TestProfile { told: sender, head_action: wishes.head_action, mail_action: wishes.mail_action };
        let params = RelayParams {
            profile_id: ProfileId::new(1),
            transport_id: TransportId::new(7),
            login: Arc::new(login),
            uidvalidity: wishes.uidvalidity,
            uid_next: wishes.uid_next,
            rescan_below: wishes.rescan_below,
            proxy: None,
            disable_idle: false,
            push_token: wishes.push_token.map(Into::into),
            crowds: Arc::new(Crowds::default()),
            faults: faults.clone(),
        };
        let link = ProfileLink::new(&profile.start(), Places::new(16, "profile"));
        Self { connection: RelayConnection::start(params, link, network), faults, told }
    }

    async fn next(&mut self) -> Told {
        timeout(PATIENCE, self.told.recv()).await.expect("the profile receives nothing").unwrap()
    }

    async fn heads(&mut self) -> RelayHeads {
        loop {
            if let Told::Heads(heads) = self.next().await {
                return heads;
            }
        }
    }

    async fn mails(&mut self) -> RelayMails {
        loop {
            if let Told::Mails(mails) = self.next().await {
                return mails;
            }
        }
    }

    /// The first notice that `wanted` accepts.
    async fn notice<T>(&mut self, wanted: impl Fn(Notice) -> Option<T>) -> T {
        loop {
            if let Told::Notice(notice) = self.next().await
                && let Some(found) = wanted(notice)
            {
                return found;
            }
        }
    }
}
