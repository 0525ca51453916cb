//! Start, stop, outages, statistics, and mail on disk.

mod common;

use common::{ALICE, BOB, Client, DOMAIN, friendly, friendly_relay, mail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use volary_relay::{Relay, RelayConfig, RelayError};

#[tokio::test]
async fn an_outage_cuts_and_refuses_and_loses_nothing() {
    let relay = friendly_relay().await;
    let mut client = Client::imap_inbox(&relay, ALICE).await;
    client.idle().await;
    relay.inject(ALICE, mail(BOB, "kept").as_bytes());
    relay.set_down(true).await;
    assert!(client.is_closed().await);
    for port in [relay.imap_tls_port(), relay.smtp_starttls_port()] {
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
    }
    assert_eq!(relay.stats().imap_sessions, 0);
    relay.set_down(false).await;
    let mut client = Client::imap_inbox(&relay, ALICE).await;
    assert_eq!(client.ok("UID SEARCH ALL").await, ["* SEARCH 1"]);
    relay.stop().await;
    assert!(TcpStream::connect(("127.0.0.1", relay.imap_tls_port())).await.is_err());
    relay.set_down(false).await;
    assert!(TcpStream::connect(("127.0.0.1", relay.imap_tls_port())).await.is_err(), "stopped is final");
}

#[tokio::test]
async fn a_relay_without_ports_serves_streams_that_are_brought_to_it() {
    let relay = Relay::without_listeners(friendly()).unwrap();
    assert_eq!((relay.imap_tls_port(), relay.smtp_tls_port()), (0, 0));
    let (mut client, stream) = tokio::io::duplex(4096);
    let dialogue = async {
        client.write_all(b"a LOGIN alice@_relay.test secret\r\nb STARTTLS\r\nc LOGOUT\r\n").await.unwrap();
        let mut said = String::new();
        client.read_to_string(&mut said).await.unwrap();
        said
    };
    let (served, said) = tokio::join!(relay.serve_imap(stream), dialogue);
    served.unwrap();
    assert!(said.contains("a OK") && said.contains("b BAD") && said.contains("c OK"), "{said}");
    assert_eq!((relay.mailbox(ALICE).map(|mails| mails.len()), relay.stats().imap_sessions), (Some(0), 0));
    relay.stop().await;
}

#[tokio::test]
async fn sessions_and_mail_are_counted() {
    let relay = friendly_relay().await;
    let _reader = Client::imap_login(&relay, BOB).await;
    let mut sender = Client::smtp_login(&relay, ALICE).await;
    assert!(sender.submit(ALICE, &[BOB], &mail(ALICE, "hi")).await.starts_with("250"));
    assert!(sender.submit(ALICE, &[BOB], &mail(BOB, "hi")).await.starts_with("500"));
    let stats = relay.stats();
    assert_eq!((stats.imap_sessions, stats.smtp_sessions, stats.connections, stats.accounts), (1, 1, 2, 2));
    assert_eq!((stats.messages_accepted, stats.messages_refused, stats.messages_delivered), (1, 1, 1));
    assert_eq!(stats.bytes_delivered, relay.mailbox(BOB).unwrap()[0].raw.len() as u64);
}

#[tokio::test]
async fn commands_are_logged_without_passwords() {
    let relay = friendly_relay().await;
    relay.log_commands(true);
    let mut client = Client::imap_inbox(&relay, ALICE).await;
    client.ok("UID FETCH 1:500 (FLAGS)").await;
    Client::smtp_login(&relay, BOB).await;
    let log = relay.command_log();
    assert_eq!(
        log,
        [
            "IMAP - t1 LOGIN".to_owned(),
            format!("IMAP {ALICE} t2 SELECT INBOX"),
            format!("IMAP {ALICE} t3 UID FETCH 1:500 (FLAGS)"),
            "SMTP - EHLO [127.0.0.1]".to_owned(),
            "SMTP - AUTH".to_owned(),
        ]
    );
    relay.log_commands(false);
    client.ok("NOOP").await;
    assert!(relay.command_log().is_empty());
}

#[tokio::test]
async fn unusable_settings_are_refused() {
    for domain in ["", "a..b", "a/b", "../x", "x y"] {
        let result = Relay::start(RelayConfig::for_domain(domain)).await;
        assert!(matches!(result, Err(RelayError::Domain(_))), "{domain:?}");
    }
    let none = RelayConfig { domains: Vec::new(), ..RelayConfig::default() };
    assert!(matches!(Relay::start(none).await, Err(RelayError::Domain(_))));
    let first = friendly_relay().await;
    let taken = RelayConfig { imap_tls_port: first.imap_tls_port(), ..friendly() };
    assert!(matches!(Relay::start(taken).await, Err(RelayError::Bind { .. })));
}

#[tokio::test]
async fn mail_on_disk_outlives_the_relay() {
    let folder = tempfile::tempdir().unwrap();
    let config = || RelayConfig { maildir: Some(folder.path().to_owned()), ..friendly() };
    let relay = Relay::start(config()).await.unwrap();
    let mut client = Client::imap_login(&relay, ALICE).await;
    client.ok("CREATE \"Old Mail/x.y\"").await;
    client.ok("CREATE Gone").await;
    client.ok("RENAME Gone Renamed").await;
    client.ok("CREATE Deleted").await;
    client.ok("DELETE Deleted").await;
    let mut sender = Client::smtp_login(&relay, BOB).await;
    for text in ["one", "two", "three", "four"] {
        assert!(sender.submit(BOB, &[ALICE], &mail(BOB, text)).await.starts_with("250"));
    }
    let selected = client.ok("SELECT INBOX").await;
    client.ok("UID STORE 1 +FLAGS (\\Seen \\Flagged)").await;
    client.ok("UID STORE 1 -FLAGS (\\Flagged)").await;
    client.ok("UID STORE 4 +FLAGS (\\Deleted)").await;
    client.ok("UID EXPUNGE 4").await;
    client.ok("UID MOVE 2 \"Old Mail/x.y\"").await;
    let before = relay.mailbox(ALICE).unwrap();
    relay.stop().await;
    drop(relay);

    let relay = Relay::start(config()).await.unwrap();
    let mut client = Client::imap(&relay).await;
    assert!(client.command(&format!("LOGIN {ALICE} wrong")).await.1.starts_with("NO"));
    let mut client = Client::imap_login(&relay, ALICE).await;
    let after = relay.mailbox(ALICE).unwrap();
    assert_eq!(before.len(), 2);
    for (old, new) in before.iter().zip(&after) {
        assert_eq!((old.uid, &old.flags, old.date, &old.raw), (new.uid, &new.flags, new.date, &new.raw));
    }
    assert_eq!(
        relay.folders(ALICE),
        [("INBOX".to_owned(), 2), ("Old Mail/x.y".to_owned(), 1), ("Renamed".to_owned(), 0)]
    );
    let validity = |lines: &[String]| lines.iter().find(|line| line.contains("UIDVALIDITY")).cloned();
    let selected_again = client.ok("SELECT INBOX").await;
    assert_eq!(validity(&selected), validity(&selected_again));
    relay.inject(ALICE, mail(BOB, "five").as_bytes());
    let newest = relay.mailbox(ALICE).unwrap().last().unwrap().uid;
    assert!(newest > 4, "UID {newest} was used before");
    relay.stop().await;
}

#[tokio::test]
async fn uids_on_disk_are_not_reused_after_many_messages() {
    let folder = tempfile::tempdir().unwrap();
    let config = || RelayConfig { maildir: Some(folder.path().to_owned()), ..friendly() };
    let mut highest = 0;
    for _ in 0..3 {
        let relay = Relay::start(config()).await.unwrap();
        let mut client = Client::imap_inbox(&relay, ALICE).await;
        for _ in 0..70 {
            assert!(relay.inject(ALICE, mail(BOB, "x").as_bytes()));
        }
        let mails = relay.mailbox(ALICE).unwrap();
        assert!(mails[0].uid > highest);
        highest = mails.last().unwrap().uid;
        client.ok("NOOP").await;
        client.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)").await;
        client.ok("CLOSE").await;
        relay.stop().await;
    }
}

#[tokio::test]
async fn foreign_files_in_the_mail_folder_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join(DOMAIN).join("alice");
    for part in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(home.join(part)).unwrap();
    }
    std::fs::create_dir_all(folder.path().join(DOMAIN).join("nobody")).unwrap();
    std::fs::write(home.join("password"), "00".repeat(48)).unwrap();
    std::fs::write(home.join("uids"), "99999999999 x").unwrap();
    std::fs::write(home.join("new").join("something"), "else").unwrap();
    std::fs::write(home.join("cur").join("5.U7.volary:2,S"), "mail").unwrap();
    let config = RelayConfig { maildir: Some(folder.path().to_owned()), ..friendly() };
    let relay = Relay::start(config).await.unwrap();
    assert_eq!(relay.stats().accounts, 1);
    let mails = relay.mailbox(ALICE).unwrap();
    assert_eq!((mails.len(), mails[0].uid, &*mails[0].raw), (1, 7, &b"mail"[..]));
    relay.stop().await;
}
