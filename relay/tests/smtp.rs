//! SMTP dialogues and delivery over real sockets.

mod common;

use common::{ALICE, BOB, Client, DOMAIN, friendly, friendly_relay, mail};
use volary_relay::{AccountRules, Faults, Relay, RelayConfig, SendRate, SmtpFault};

/// A mail as the filter of chatmail relays wants it: a session key packet and an encrypted packet.
fn encrypted(from: &str) -> String {
    format!(
        "From: <{from}>\r\nTo: <x@{DOMAIN}>\r\nSubject: secret\r\nMessage-ID: <e@{DOMAIN}>\r\n\
         Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--b\r\n\
         Content-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nwQEB0gQBAgME\r\n\
         -----END PGP MESSAGE-----\r\n\r\n--b--"
    )
}

#[tokio::test]
async fn ehlo_announces_what_clients_need() {
    let relay = friendly_relay().await;
    let mut client = Client::tls_with(&relay, relay.smtp_tls_port(), &[b"smtp"]).await;
    client.line().await;
    client.send("EHLO [127.0.0.1]\r\n").await;
    let lines = client.replies().await;
    for word in
        ["PIPELINING", "SIZE 31457280", "AUTH PLAIN LOGIN", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8"]
    {
        assert!(lines.iter().any(|line| line.get(4..) == Some(word)), "{word} in {lines:?}");
    }
}

#[tokio::test]
async fn starttls_comes_before_login() {
    let relay = friendly_relay().await;
    let mut client = Client::plain(relay.smtp_starttls_port()).await;
    client.line().await;
    client.send("EHLO x\r\n").await;
    let lines = client.replies().await;
    assert!(
        lines.iter().any(|line| line.ends_with("STARTTLS"))
            && !lines.iter().any(|line| line.contains("AUTH"))
    );
    assert!(client.smtp_auth(ALICE, "pw").await.starts_with("530 5.7.0"));
    // What is sent behind STARTTLS in plain text must not count.
    client.send("STARTTLS\r\nNOOP\r\n").await;
    assert!(client.line().await.starts_with("220 "));
    let mut client = client.upgrade(&relay).await;
    assert!(client.smtp_auth(ALICE, "pw").await.starts_with("503 "), "EHLO starts anew");
    client.send("EHLO x\r\n").await;
    client.replies().await;
    assert!(client.smtp_auth(ALICE, "pw").await.starts_with("235 "));
    assert_eq!(client.say("STARTTLS").await, "503 5.5.1 TLS is already active");
}

#[tokio::test]
async fn login_works_by_plain_and_by_login() {
    let relay = friendly_relay().await;
    let mut client = Client::smtp(&relay).await;
    assert_eq!(client.say("AUTH LOGIN").await, "334 VXNlcm5hbWU6");
    assert_eq!(client.say("YWxpY2VAX3JlbGF5LnRlc3Q=").await, "334 UGFzc3dvcmQ6");
    assert!(client.say("cHc=").await.starts_with("235 "));
    let mut client = Client::smtp(&relay).await;
    assert_eq!(client.say("AUTH PLAIN").await, "334 ");
    assert_eq!(client.say("AGFsaWNlQF9yZWxheS50ZXN0AG5v").await, "535 5.7.8 Error: authentication failed");
    assert!(client.say("AUTH PLAIN ***").await.starts_with("501 "));
    assert!(client.say("AUTH XOAUTH2 x").await.starts_with("504 "));
    assert!(client.smtp_auth(ALICE, "pw").await.starts_with("235 "));
    assert!(client.smtp_auth(ALICE, "pw").await.starts_with("503 "));
}

#[tokio::test]
async fn a_pipelined_mail_reaches_all_recipients_once() {
    let config = RelayConfig {
        domains: vec![DOMAIN.to_owned(), "_other.test".to_owned()],
        accounts: AccountRules::relaxed(),
        ..RelayConfig::default()
    };
    let relay = Relay::start(config).await.unwrap();
    for address in [BOB, "carol@_other.test"] {
        Client::imap_login(&relay, address).await;
    }
    let mut client = Client::smtp_login(&relay, ALICE).await;
    client
        .send(&format!(
            "MAIL FROM:<{ALICE}> BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<Bob+x@_relay.test>\r\nRCPT TO:<{BOB}>\r\n\
             RCPT TO:<carol@_other.TEST>\r\nDATA\r\n"
        ))
        .await;
    for code in ["250 2.1.0", "250 2.1.5", "250 2.1.5", "250 2.1.5", "354 "] {
        let line = client.line().await;
        assert!(line.starts_with(code), "{line}");
    }
    // The next mail follows without waiting for the answer.
    client.send(&format!("{}\r\n.\r\nRSET\r\nNOOP\r\n", encrypted(ALICE))).await;
    for code in ["250 2.0.0 Ok: queued", "250 2.0.0 Ok", "250 2.0.0 Ok"] {
        assert_eq!(client.line().await, code);
    }
    let bob = relay.mailbox(BOB).unwrap();
    let carol = relay.mailbox("carol@_other.test").unwrap();
    assert_eq!((bob.len(), carol.len()), (1, 1));
    assert!(std::sync::Arc::ptr_eq(&bob[0].raw, &carol[0].raw), "recipients share the bytes");
    let text = String::from_utf8(bob[0].raw.to_vec()).unwrap();
    assert_eq!(text, encrypted(ALICE).replace("Subject: secret", "Subject: [...]") + "\r\n");
    let stats = relay.stats();
    assert_eq!((stats.messages_accepted, stats.messages_delivered), (1, 2));
}

#[tokio::test]
async fn unencrypted_mail_is_refused_unless_allowed() {
    for allow in [false, true] {
        let relay = Relay::start(RelayConfig { allow_unencrypted: allow, ..friendly() }).await.unwrap();
        Client::imap_login(&relay, BOB).await;
        let mut client = Client::smtp_login(&relay, ALICE).await;
        let answer = client.submit(ALICE, &[BOB], &mail(ALICE, "hi")).await;
        let expected =
            if allow { "250 2.0.0 Ok: queued" } else { "523 Encryption Needed: Invalid Unencrypted Mail" };
        assert_eq!(answer, expected);
        assert_eq!(relay.mailbox(BOB).unwrap().len(), usize::from(allow));
        assert_eq!(client.submit(ALICE, &[BOB], &encrypted(ALICE)).await, "250 2.0.0 Ok: queued");
    }
}

#[tokio::test]
async fn senders_are_who_they_say() {
    let relay = friendly_relay().await;
    Client::imap_login(&relay, BOB).await;
    let mut client = Client::smtp(&relay).await;
    assert!(client.say(&format!("MAIL FROM:<{ALICE}>")).await.starts_with("530 "));
    let mut client = Client::smtp_login(&relay, ALICE).await;
    assert!(client.submit(BOB, &[BOB], &mail(BOB, "hi")).await.starts_with("553 5.7.1"));
    client.say("RSET").await;
    let answer = client.submit(ALICE, &[BOB], &mail(BOB, "hi")).await;
    assert_eq!(answer, format!("500 Invalid FROM <{BOB}> for <{ALICE}>"));
    assert!(client.submit(ALICE, &[BOB], "To: x\r\n\r\nhi").await.starts_with("500 Invalid FROM header"));
    assert!(
        client.submit("Alice@_relay.test", &[BOB], &mail("ALICE@_relay.test", "hi")).await.starts_with("250")
    );
}

#[tokio::test]
async fn mail_for_nobody_comes_back() {
    let relay = friendly_relay().await;
    let mut client = Client::smtp_login(&relay, ALICE).await;
    let answer = client.submit(ALICE, &["nobody@_relay.test"], &mail(ALICE, "hi")).await;
    assert_eq!(answer, "250 2.0.0 Ok: queued");
    let bounce = String::from_utf8(relay.mailbox(ALICE).unwrap()[0].raw.to_vec()).unwrap();
    for part in
        ["From: <mailer-daemon@_relay.test>", "multipart/report", "Auto-Submitted:", "nobody@_relay.test"]
    {
        assert!(bounce.contains(part), "{part} in {bounce}");
    }
    let answer = client.submit(ALICE, &["x@elsewhere.test"], &mail(ALICE, "hi")).await;
    assert!(answer.starts_with("550 5.1.2"), "{answer}");
}

#[tokio::test]
async fn a_full_mailbox_takes_no_more() {
    let relay = friendly_relay().await;
    let mut reader = Client::imap_login(&relay, BOB).await;
    assert!(relay.set_quota(BOB, 1));
    let mut client = Client::smtp_login(&relay, ALICE).await;
    let long = mail(ALICE, "long") + &"x".repeat(600);
    assert!(client.submit(ALICE, &[BOB], &long).await.starts_with("250"));
    assert!(client.submit(ALICE, &[BOB], &long).await.starts_with("250"), "the sender learns it by a bounce");
    assert_eq!(relay.mailbox(BOB).unwrap().len(), 1);
    assert_eq!(relay.mailbox(ALICE).unwrap().len(), 1);
    assert_eq!(reader.ok("GETQUOTA \"User quota\"").await, ["* QUOTA \"User quota\" (STORAGE 1 1)"]);
    let (_, status) = reader.command(&format!("APPEND INBOX {{{}+}}\r\n{long}", long.len())).await;
    assert!(status.starts_with("NO [OVERQUOTA]"), "{status}");
}

#[tokio::test]
async fn fast_senders_wait() {
    let rate = SendRate { burst: 2, per_minute: 1 };
    let relay = Relay::start(RelayConfig { send_rate: Some(rate), ..friendly() }).await.unwrap();
    Client::imap_login(&relay, BOB).await;
    let mut client = Client::smtp_login(&relay, ALICE).await;
    for expected in ["250 ", "250 ", "450 4.7.1: Too much mail from <alice@_relay.test>"] {
        let answer = client.submit(ALICE, &[BOB], &mail(ALICE, "hi")).await;
        assert!(answer.starts_with(expected), "{answer}");
    }
}

#[tokio::test]
async fn dots_are_unstuffed_and_an_empty_mail_ends() {
    let relay = friendly_relay().await;
    Client::imap_login(&relay, BOB).await;
    let mut client = Client::smtp_login(&relay, ALICE).await;
    let stuffed = format!("From: <{ALICE}>\r\n\r\n..one\r\n...\r\ntwo.");
    assert!(client.submit(ALICE, &[BOB], &stuffed).await.starts_with("250"));
    let raw = relay.mailbox(BOB).unwrap()[0].raw.to_vec();
    assert!(raw.ends_with(b"\r\n.one\r\n..\r\ntwo.\r\n"), "{}", String::from_utf8_lossy(&raw));
    client.say(&format!("MAIL FROM:<{ALICE}>")).await;
    client.say(&format!("RCPT TO:<{BOB}>")).await;
    client.say("DATA").await;
    assert!(client.say(".").await.starts_with("500 Invalid FROM header"));
}

#[tokio::test]
async fn too_large_mail_is_read_to_its_end_and_refused() {
    let mut config = friendly();
    config.limits.message = 10_000;
    let relay = Relay::start(config).await.unwrap();
    Client::imap_login(&relay, BOB).await;
    let mut client = Client::smtp_login(&relay, ALICE).await;
    let line = "x".repeat(98) + "\r\n";
    let answer = client.submit(ALICE, &[BOB], &format!("From: <{ALICE}>\r\n\r\n{}", line.repeat(200))).await;
    assert_eq!(answer, "552 5.3.4 Message exceeds maximum size");
    assert!(client.submit(ALICE, &[BOB], &mail(ALICE, "small")).await.starts_with("250"));
    assert!(client.say(&format!("MAIL FROM:<{ALICE}> SIZE=10001")).await.starts_with("552 "));
    client.say(&format!("MAIL FROM:<{ALICE}>")).await;
    client.say(&format!("RCPT TO:<{BOB}>")).await;
    client.say("DATA").await;
    client.send(&line.repeat(2000)).await;
    assert!(client.is_closed().await, "a mail without end is not read for ever");
}

#[tokio::test]
async fn faults_are_answered_as_told() {
    let relay = friendly_relay().await;
    Client::imap_login(&relay, BOB).await;
    let fault = |code, text: &str| Some(SmtpFault { code, text: text.to_owned() });
    let mut client = Client::smtp_login(&relay, ALICE).await;
    relay.set_faults(Faults { rcpt: fault(450, "4.2.0 later"), ..Faults::default() });
    assert_eq!(client.submit(ALICE, &[BOB], &mail(ALICE, "hi")).await, "450 4.2.0 later");
    client.say("RSET").await;
    relay.set_faults(Faults { data: fault(550, "5.5.0 no"), ..Faults::default() });
    assert_eq!(client.submit(ALICE, &[BOB], &mail(ALICE, "hi")).await, "550 5.5.0 no");
    assert!(relay.mailbox(BOB).unwrap().is_empty());
    relay.set_faults(Faults { hang_up_after_data: true, ..Faults::default() });
    assert_eq!(client.submit(ALICE, &[BOB], &mail(ALICE, "hi")).await, "");
    assert_eq!(relay.mailbox(BOB).unwrap().len(), 1);
}
