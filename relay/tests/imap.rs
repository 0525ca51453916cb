//! IMAP dialogues over real sockets.

mod common;

use std::time::Duration;

use common::{ALICE, BOB, Client, DOMAIN, friendly, friendly_relay, mail};
use volary_relay::{Faults, Relay, RelayConfig};

#[tokio::test]
async fn the_first_login_makes_the_account_and_its_password_holds() {
    let relay = friendly_relay().await;
    let mut first = Client::imap(&relay).await;
    let (_, status) = first.command(&format!("LOGIN {ALICE} \"first\\\"word\"")).await;
    assert!(status.starts_with("OK [CAPABILITY IMAP4rev1 "), "{status}");
    for word in ["IDLE", "UIDPLUS", "MOVE", "QUOTA", "METADATA", "ID", "XCHATMAIL", "XDELTAPUSH", "LITERAL+"]
    {
        assert!(status.contains(&format!(" {word}")), "{word} in {status}");
    }
    let mut second = Client::imap(&relay).await;
    let (_, status) = second.command(&format!("LOGIN {ALICE} other")).await;
    assert_eq!(status, "NO [AUTHENTICATIONFAILED] Authentication failed.");
    let (_, status) = second.command(&format!("LOGIN {ALICE} {{11+}}\r\nfirst\\\"word")).await;
    assert!(status.starts_with("NO"), "literals are taken as they are: {status}");
    let (_, status) = second.command(&format!("LOGIN {ALICE} {{10+}}\r\nfirst\"word")).await;
    assert!(status.starts_with("OK"), "{status}");
    assert_eq!(relay.stats().accounts, 1);
}

#[tokio::test]
async fn chatmail_rules_decide_who_may_become_an_account() {
    let relay = Relay::start(RelayConfig::for_domain(DOMAIN)).await.unwrap();
    for (address, password, allowed) in [
        ("abcdefgh1@_relay.test", "123456789", true),
        ("abcdefgh2@_relay.test", "12345678", false),
        ("abcdefgh@_relay.test", "123456789", false),
        ("abcdefgh34@_relay.test", "123456789", false),
        ("Abcdefgh1@_relay.test", "123456789", false),
        ("abcdefgh1@other.test", "123456789", false),
        ("abcdefgh1", "123456789", false),
        (".........@_relay.test", "123456789", false),
        ("../../..x@_relay.test", "123456789", false),
    ] {
        let mut client = Client::imap(&relay).await;
        let (_, status) = client.command(&format!("LOGIN \"{address}\" \"{password}\"")).await;
        assert_eq!(status.starts_with("OK"), allowed, "{address}: {status}");
    }
}

#[tokio::test]
async fn sasl_plain_works_with_and_without_initial_response() {
    let relay = friendly_relay().await;
    let mut client = Client::imap(&relay).await;
    // "\0alice@_relay.test\0pw" and "\0alice@_relay.test\0no"
    client.ok("AUTHENTICATE PLAIN AGFsaWNlQF9yZWxheS50ZXN0AHB3").await;
    let mut client = Client::imap(&relay).await;
    client.send("a AUTHENTICATE PLAIN\r\n").await;
    assert_eq!(client.line().await, "+ ");
    client.send("AGFsaWNlQF9yZWxheS50ZXN0AG5v\r\n").await;
    assert!(client.line().await.starts_with("a NO [AUTHENTICATIONFAILED]"));
    for (response, answer) in [("*", "a BAD"), ("%%%", "a BAD"), ("AGFsaWNl", "a BAD"), ("", "a BAD")] {
        client.send("a AUTHENTICATE PLAIN\r\n").await;
        client.line().await;
        client.send(&format!("{response}\r\n")).await;
        let line = client.line().await;
        assert!(line.starts_with(answer), "{response}: {line}");
    }
    assert!(client.command("AUTHENTICATE XOAUTH2").await.1.starts_with("NO [CANNOT]"));
}

#[tokio::test]
async fn starttls_comes_before_login() {
    let relay = friendly_relay().await;
    let mut client = Client::plain(relay.imap_starttls_port()).await;
    let greeting = client.line().await;
    assert!(greeting.contains("STARTTLS LOGINDISABLED"), "{greeting}");
    assert!(client.command(&format!("LOGIN {ALICE} pw")).await.1.starts_with("NO [PRIVACYREQUIRED]"));
    // What is sent behind STARTTLS in plain text must not count.
    client.send("s STARTTLS\r\nx NOOP\r\n").await;
    assert!(client.line().await.starts_with("s OK"));
    let mut client = client.upgrade(&relay).await;
    client.ok(&format!("LOGIN {ALICE} pw")).await;
    assert!(client.command("STARTTLS").await.1.starts_with("BAD"));
}

#[tokio::test]
async fn protocol_negotiation_accepts_imap() {
    let relay = friendly_relay().await;
    let mut client = Client::tls_with(&relay, relay.imap_tls_port(), &[b"imap"]).await;
    assert!(client.line().await.starts_with("* OK"));
}

/// The dialogue of chatmail core, as observed.
#[tokio::test]
async fn a_client_starts_up_and_receives() {
    let relay = friendly_relay().await;
    let mut client = Client::imap_login(&relay, ALICE).await;
    assert!(client.ok("ID (\"name\" \"test\")").await[0].starts_with("* ID (\"name\""));
    assert_eq!(
        client.ok("GETQUOTAROOT \"INBOX\"").await,
        ["* QUOTAROOT INBOX \"User quota\"", "* QUOTA \"User quota\" (STORAGE 0 512000)"]
    );
    assert_eq!(
        client.ok("GETMETADATA \"\" (/shared/comment /shared/vendor/deltachat/maxsmtprecipients)").await,
        ["* METADATA \"\" (/shared/comment NIL /shared/vendor/deltachat/maxsmtprecipients \"1000\")"]
    );
    let selected = client.ok("SELECT \"INBOX\"").await;
    for line in ["* 0 EXISTS", "* 0 RECENT", "* OK [UIDNEXT 1] Predicted next UID"] {
        assert!(selected.iter().any(|own| own == line), "{line} in {selected:?}");
    }
    let prefetch = "(UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID FROM CHAT-VERSION)])";
    assert!(client.ok(&format!("UID FETCH 1:500 {prefetch}")).await.is_empty());
    client.idle().await;
    let mail = mail(BOB, "one");
    assert!(relay.inject(ALICE, mail.as_bytes()));
    assert_eq!(client.line().await, "* 1 EXISTS");
    assert_eq!(client.line().await, "* 1 RECENT");
    client.done().await;
    let size = mail.len();
    assert_eq!(
        client.ok(&format!("UID FETCH 1:500 {prefetch}")).await,
        [format!(
            "* 1 FETCH (UID 1 RFC822.SIZE {size} BODY[HEADER.FIELDS (MESSAGE-ID FROM CHAT-VERSION)] {{58}}\r\n\
             From: <bob@_relay.test>\r\nMessage-ID: <one@_relay.test>\r\n\r\n)"
        )]
    );
    assert_eq!(
        client.ok("UID FETCH 1 (FLAGS BODY.PEEK[])").await,
        [format!("* 1 FETCH (UID 1 FLAGS (\\Recent) BODY[] {{{size}}}\r\n{mail})")]
    );
    assert_eq!(
        client.ok("UID STORE 1 +FLAGS (\\Deleted)").await,
        ["* 1 FETCH (UID 1 FLAGS (\\Deleted \\Recent))"]
    );
    assert!(client.ok("CLOSE").await.is_empty());
    assert!(relay.mailbox(ALICE).unwrap().is_empty());
    let selected = client.ok("SELECT \"INBOX\"").await;
    assert!(selected.iter().any(|line| line.contains("[UIDNEXT 2]")), "{selected:?}");
}

#[tokio::test]
async fn all_sessions_learn_of_all_changes() {
    let relay = friendly_relay().await;
    let mut idle = Client::imap_inbox(&relay, ALICE).await;
    let mut other = Client::imap_inbox(&relay, ALICE).await;
    idle.idle().await;
    for text in ["one", "two", "three"] {
        relay.inject(ALICE, mail(BOB, text).as_bytes());
    }
    while idle.line().await != "* 3 EXISTS" {}
    idle.line().await;
    other.ok("NOOP").await;
    other.ok("UID STORE 2 +FLAGS.SILENT (\\Seen)").await;
    assert_eq!(idle.line().await, "* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))");
    other.ok("UID STORE 1,3 +FLAGS.SILENT (\\Deleted)").await;
    assert_eq!(other.ok("EXPUNGE").await, ["* 1 EXPUNGE", "* 2 EXPUNGE"]);
    let mut seen = Vec::new();
    while seen.last().is_none_or(|line| line != "* 2 EXPUNGE") {
        seen.push(idle.line().await);
    }
    assert!(seen.contains(&"* 1 EXPUNGE".to_owned()), "{seen:?}");
    assert!(idle.done().await.is_empty());
    assert_eq!(idle.ok("UID FETCH 1:* (FLAGS)").await, ["* 1 FETCH (UID 2 FLAGS (\\Seen \\Recent))"]);
}

#[tokio::test]
async fn numbers_stay_while_a_client_counts_on_them() {
    let relay = friendly_relay().await;
    let mut client = Client::imap_login(&relay, ALICE).await;
    for text in ["one", "two"] {
        relay.inject(ALICE, mail(BOB, text).as_bytes());
    }
    client.ok("SELECT INBOX").await;
    assert!(relay.expire(ALICE, "inbox", 1));
    assert_eq!(client.ok("FETCH 1:2 (UID)").await, ["* 2 FETCH (UID 2)"]);
    assert_eq!(client.ok("SEARCH ALL").await, ["* SEARCH 2"]);
    assert_eq!(client.ok("NOOP").await, ["* 1 EXPUNGE"]);
    assert_eq!(client.ok("FETCH 1 (UID)").await, ["* 1 FETCH (UID 2)"]);
    assert!(client.command("FETCH 2 (UID)").await.1.starts_with("BAD"));
}

#[tokio::test]
async fn uids_are_never_used_again() {
    let relay = friendly_relay().await;
    let mut client = Client::imap_inbox(&relay, ALICE).await;
    for round in 1..=3 {
        relay.inject(ALICE, mail(BOB, "again").as_bytes());
        client.ok("NOOP").await;
        client.ok(&format!("UID STORE {round} +FLAGS (\\Deleted)")).await;
        client.ok(&format!("UID EXPUNGE {round}")).await;
    }
    assert_eq!(client.ok("STATUS INBOX (UIDNEXT MESSAGES)").await, ["* STATUS INBOX (UIDNEXT 4 MESSAGES 0)"]);
}

#[tokio::test]
async fn a_set_beyond_the_end_is_no_error_by_uid() {
    let relay = friendly_relay().await;
    let mut client = Client::imap_login(&relay, ALICE).await;
    relay.inject(ALICE, mail(BOB, "one").as_bytes());
    client.ok("SELECT INBOX").await;
    assert!(client.ok("UID FETCH 2:501 (FLAGS)").await.is_empty());
    assert_eq!(client.ok("UID FETCH 9:* (UID)").await, ["* 1 FETCH (UID 1)"]);
    assert_eq!(client.ok("UID FETCH * (UID)").await, ["* 1 FETCH (UID 1)"]);
    assert!(client.command("FETCH 0 (UID)").await.1.starts_with("BAD"));
}

#[tokio::test]
async fn folders_come_and_go() {
    let relay = friendly_relay().await;
    let mut client = Client::imap_login(&relay, ALICE).await;
    client.ok("CREATE Archive/2026").await;
    assert!(client.command("CREATE Archive/2026").await.1.starts_with("NO [ALREADYEXISTS]"));
    for name in ["\"\"", "a//b", "../x", "\"a*\""] {
        let status = client.command(&format!("CREATE {name}")).await.1;
        let allowed = name == "../x";
        assert_eq!(status.starts_with("OK"), allowed, "{name}: {status}");
    }
    client.ok("DELETE ../x").await;
    assert_eq!(client.ok("LIST \"\" \"*\"").await, ["* LIST () \"/\" Archive/2026", "* LIST () \"/\" INBOX"]);
    assert_eq!(client.ok("LIST \"\" \"%\"").await, ["* LIST () \"/\" INBOX"]);
    assert_eq!(client.ok("LIST \"\" \"\"").await, ["* LIST (\\Noselect) \"/\" \"\""]);
    client.ok("RENAME Archive/2026 Old").await;
    client.ok("UNSUBSCRIBE Old").await;
    assert_eq!(client.ok("LSUB \"\" *").await, ["* LSUB () \"/\" INBOX"]);
    assert!(client.command("SELECT Archive/2026").await.1.starts_with("NO [NONEXISTENT]"));
    client.ok("DELETE Old").await;
    assert!(client.command("DELETE inbox").await.1.starts_with("NO [CANNOT]"));
}

#[tokio::test]
async fn a_folder_made_anew_has_another_uidvalidity() {
    let relay = friendly_relay().await;
    let mut client = Client::imap_login(&relay, ALICE).await;
    let mut validities = Vec::new();
    for _ in 0..2 {
        client.ok("CREATE f").await;
        validities.push(client.ok("STATUS f (UIDVALIDITY)").await);
        client.ok("DELETE f").await;
    }
    assert_ne!(validities[0], validities[1]);
}

#[tokio::test]
async fn messages_are_appended_copied_and_moved() {
    let relay = friendly_relay().await;
    let mut client = Client::imap_login(&relay, ALICE).await;
    client.ok("CREATE Other").await;
    client.send("a APPEND INBOX (\\Seen $Label) \"01-Feb-2024 03:04:05 +0000\" {5}\r\n").await;
    assert_eq!(client.line().await, "+ OK");
    client.send("hello\r\n").await;
    assert!(client.line().await.contains("[APPENDUID "));
    client.ok("APPEND INBOX {3+}\r\nyou").await;
    assert!(client.command("APPEND None {3+}\r\nyou").await.1.starts_with("NO [TRYCREATE]"));
    client.ok("SELECT INBOX").await;
    assert_eq!(
        client.ok("FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE)").await,
        [
            "* 1 FETCH (FLAGS (\\Seen $Label \\Recent) INTERNALDATE \"01-Feb-2024 03:04:05 +0000\" RFC822.SIZE 5)"
        ]
    );
    let (_, copied) = client.command("UID COPY 1:2 Other").await;
    assert!(copied.contains(" 1:2 1:2] "), "{copied}");
    let (untagged, _) = client.command("UID MOVE 2 Other").await;
    assert!(untagged[0].contains("[COPYUID "), "{untagged:?}");
    assert_eq!(untagged[1..], ["* 2 EXPUNGE"]);
    assert!(client.command("UID COPY 1 None").await.1.starts_with("NO [TRYCREATE]"));
    assert_eq!(relay.folders(ALICE), [("INBOX".to_owned(), 1), ("Other".to_owned(), 3)]);
    let texts: Vec<Vec<u8>> =
        relay.folder(ALICE, "Other").unwrap().iter().map(|mail| mail.raw.to_vec()).collect();
    assert_eq!(texts, [b"hello".to_vec(), b"you".to_vec(), b"you".to_vec()]);
}

#[tokio::test]
async fn reading_marks_as_seen_unless_peeking_or_read_only() {
    let relay = friendly_relay().await;
    let mut client = Client::imap_login(&relay, ALICE).await;
    relay.inject(ALICE, mail(BOB, "one").as_bytes());
    client.ok("EXAMINE INBOX").await;
    client.ok("FETCH 1 BODY[]").await;
    assert!(client.command("STORE 1 +FLAGS (\\Seen)").await.1.starts_with("NO [READ-ONLY]"));
    client.ok("SELECT INBOX").await;
    client.ok("FETCH 1 BODY.PEEK[]").await;
    assert!(relay.mailbox(ALICE).unwrap()[0].flags.is_empty());
    let answers = client.ok("FETCH 1 (BODY[TEXT]<1.100>)").await;
    assert_eq!(answers, ["* 1 FETCH (BODY[TEXT]<1> {2}\r\nne FLAGS (\\Seen \\Recent))"]);
    assert_eq!(relay.mailbox(ALICE).unwrap()[0].flags, ["\\Seen"]);
}

#[tokio::test]
async fn mail_that_arrives_while_reading_is_announced() {
    let relay = friendly_relay().await;
    let mut client = Client::imap_login(&relay, ALICE).await;
    relay.inject(ALICE, mail(BOB, "one").as_bytes());
    client.ok("SELECT INBOX").await;
    relay.inject(ALICE, mail(BOB, "two").as_bytes());
    let answers = client.ok("UID FETCH 1 (BODY[TEXT])").await;
    assert!(answers.iter().any(|line| line == "* 2 EXISTS"), "{answers:?}");
}

#[tokio::test]
async fn searches_find_by_flags_texts_and_dates() {
    let relay = friendly_relay().await;
    let mut client = Client::imap_inbox(&relay, ALICE).await;
    for (flags, date, text) in [
        (
            "\\Seen",
            "01-Feb-2024",
            "Date: Thu, 1 Feb 2024 10:00:00 +0000\r\nSubject: Blue Sky\r\n\r\nunder the SEA",
        ),
        (
            "\\Flagged",
            "02-Feb-2024",
            "Date: Fri, 2 Feb 2024 10:00:00 +0000\r\nSubject: red\r\n\r\nover the hill",
        ),
        ("\\Deleted", "03-Feb-2024", "Subject: none\r\n\r\nblue"),
    ] {
        let length = text.len();
        client.ok(&format!("APPEND INBOX ({flags}) \"{date} 12:00:00 +0000\" {{{length}+}}\r\n{text}")).await;
    }
    for (keys, found) in [
        ("ALL", " 1 2 3"),
        ("UNSEEN UNDELETED", " 2"),
        ("OR SEEN DELETED", " 1 3"),
        ("NOT FLAGGED", " 1 3"),
        ("TEXT \"blue\"", " 1 3"),
        ("BODY \"blue\"", " 3"),
        ("SUBJECT \"SKY\"", " 1"),
        ("HEADER Date \"\"", " 1 2"),
        ("SINCE 2-Feb-2024", " 2 3"),
        ("BEFORE 2-Feb-2024", " 1"),
        ("ON 2-Feb-2024", " 2"),
        ("SENTSINCE 2-Feb-2024", " 2"),
        ("UID 2:* 1:2", " 2"),
        ("LARGER 50", " 1 2"),
        ("(SEEN TEXT sea)", " 1"),
        ("KEYWORD none", ""),
    ] {
        assert_eq!(client.ok(&format!("UID SEARCH {keys}")).await, [format!("* SEARCH{found}")], "{keys}");
    }
    let costly = "TEXT a ".repeat(17);
    assert!(client.command(&format!("SEARCH {}", costly.trim())).await.1.starts_with("NO [LIMIT]"));
}

#[tokio::test]
async fn device_tokens_are_collected() {
    let relay = friendly_relay().await;
    let mut client = Client::imap_login(&relay, ALICE).await;
    client.ok("SETMETADATA \"INBOX\" (/private/devicetoken \"two\")").await;
    client.ok("SETMETADATA \"INBOX\" (/private/devicetoken \"one\")").await;
    assert_eq!(
        client.ok("GETMETADATA \"INBOX\" (/private/devicetoken)").await,
        ["* METADATA INBOX (/private/devicetoken \"one two\")"]
    );
    assert_eq!(relay.device_tokens(ALICE), ["one", "two"]);
    assert!(client.command("SETMETADATA \"\" (/shared/comment \"x\")").await.1.starts_with("NO"));
    client.ok("SETMETADATA INBOX (/private/devicetoken NIL)").await;
    assert!(relay.device_tokens(ALICE).is_empty());
}

#[tokio::test]
async fn a_changed_uidvalidity_cuts_sessions_off() {
    let relay = friendly_relay().await;
    let mut client = Client::imap_inbox(&relay, ALICE).await;
    client.idle().await;
    let validity = relay.change_uid_validity(ALICE, "INBOX").unwrap();
    assert!(client.line().await.starts_with("* BYE"));
    let mut client = Client::imap_login(&relay, ALICE).await;
    let selected = client.ok("SELECT INBOX").await;
    assert!(selected.iter().any(|line| line.contains(&format!("[UIDVALIDITY {validity}]"))), "{selected:?}");
}

#[tokio::test]
async fn idle_is_kept_alive() {
    let mut config = friendly();
    config.limits.idle_keepalive = Duration::from_millis(50);
    let relay = Relay::start(config).await.unwrap();
    let mut client = Client::imap_inbox(&relay, ALICE).await;
    client.idle().await;
    assert_eq!(client.line().await, "* OK Still here");
    assert_eq!(client.line().await, "* OK Still here");
}

#[tokio::test]
async fn faults_are_switched_on_and_off() {
    let relay = friendly_relay().await;
    relay.set_faults(Faults { without_idle: true, without_metadata: true, ..Faults::default() });
    let mut client = Client::imap_login(&relay, ALICE).await;
    let capabilities = client.ok("CAPABILITY").await;
    assert!(!capabilities[0].contains("IDLE") && !capabilities[0].contains("METADATA"), "{capabilities:?}");
    assert!(client.command("IDLE").await.1.starts_with("BAD"));
    relay.set_faults(Faults { refuse_login: true, ..Faults::default() });
    let mut client = Client::imap(&relay).await;
    assert!(
        client
            .command(&format!("LOGIN {ALICE} secret-{ALICE}"))
            .await
            .1
            .starts_with("NO [AUTHENTICATIONFAILED]")
    );
    relay.set_faults(Faults::default());
    Client::imap_login(&relay, ALICE).await;
}
