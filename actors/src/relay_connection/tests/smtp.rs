use bytes::Bytes;
use volary_proto::{RelayEventKind, RelaySubmit, RelaySubmitResult, RelaySubmitStatus, relay_notice::Notice};

use super::*;
use crate::faults::Spot;

fn submit(recipients: &[&str]) -> RelaySubmit {
    RelaySubmit {
        queue_id: 1,
        from: "alice@example.org".into(),
        recipients: recipients.iter().map(|to| to.to_string()).collect(),
        raw: Bytes::from_static(b"Subject: x\r\n\r\n.hi\r\n"),
        own: Vec::new(),
    }
}

impl Peer {
    async fn greet(&mut self, extensions: &str) {
        self.send("220-mail\r\n220 ESMTP\r\n").await;
        self.answer("EHLO [127.0.0.1]", &format!("250-mail\r\n{extensions}250 AUTH PLAIN\r\n")).await;
        self.answer("AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==", "235 2.7.0 ok\r\n").await;
    }

    async fn envelope(&mut self, parameters: &str, recipients: &[&str]) {
        self.expect(&format!("MAIL FROM:<alice@example.org>{parameters}")).await;
        for to in recipients {
            self.expect(&format!("RCPT TO:<{to}>")).await;
        }
        self.expect("DATA").await;
    }

    async fn takes_mail_for_bob(&mut self) {
        self.envelope("", &["bob@example.org"]).await;
        self.send("250 ok\r\n250 ok\r\n354 go\r\n").await;
        self.content().await;
        self.send("250 queued\r\n").await;
    }

    async fn content(&mut self) {
        for line in ["Subject: x", "", "..hi", "."] {
            self.expect(line).await;
        }
    }
}

async fn start() -> (Rig, Server, Server) {
    let (imap, smtp) = (Server::new().await, Server::new().await);
    (Rig::start(&imap, &smtp, Wishes::default()), imap, smtp)
}

fn sent(result: &RelaySubmitResult) -> (RelaySubmitStatus, u32) {
    (result.status(), result.accepted)
}

// RFC 2920 section 3.1: MAIL, RCPT and DATA may be sent together, DATA last.
#[actix::test]
async fn mails_go_out_in_order_over_one_pipelined_session() {
    let (mut rig, _imap, smtp) = start().await;
    let first = rig.connection.send(submit(&["bob@example.org", "alice@example.org"]));
    let second = rig.connection.send(submit(&["carol@example.org"]));
    let both = actix::spawn(async move { (first.await.unwrap(), second.await.unwrap()) });
    let mut server = smtp.accept().await;
    server.greet("250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n").await;
    server.envelope(" BODY=8BITMIME SMTPUTF8", &["bob@example.org", "alice@example.org"]).await;
    server.send("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n").await;
    server.content().await;
    server.send("250 queued\r\n").await;
    server.envelope(" BODY=8BITMIME SMTPUTF8", &["carol@example.org"]).await;
    server.send("250 ok\r\n250 ok\r\n354 go\r\n").await;
    server.content().await;
    server.send("250 queued\r\n").await;
    let (first, second) = both.await.unwrap();
    assert_eq!((sent(&first), sent(&second)), ((RelaySubmitStatus::Sent, 2), (RelaySubmitStatus::Sent, 1)));
    let text = rig.notice(|notice| match notice {
        Notice::Event(event) if event.kind() == RelayEventKind::SmtpMessageSent => Some(event.text),
        _ => None,
    });
    assert_eq!(text.await, "Message len=19 was SMTP-sent to 2 recipients.");
}

#[actix::test]
async fn a_refused_recipient_fails_the_mail_and_spares_the_session() {
    let (rig, _imap, smtp) = start().await;
    let bad = rig.connection.send(submit(&["x@example.org"]));
    let good = rig.connection.send(submit(&["bob@example.org"]));
    let both = actix::spawn(async move { (bad.await.unwrap(), good.await.unwrap()) });
    let mut server = smtp.accept().await;
    server.greet("250-PIPELINING\r\n").await;
    server.envelope("", &["x@example.org"]).await;
    server
        .send("250 ok\r\n550 5.1.1 <x@example.org>: User unknown\r\n554 5.5.1 no valid recipients\r\n")
        .await;
    server.expect("RSET").await;
    server.envelope("", &["bob@example.org"]).await;
    server.send("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n").await;
    server.content().await;
    server.send("250 queued\r\n").await;
    let (bad, good) = both.await.unwrap();
    assert_eq!(sent(&bad), (RelaySubmitStatus::Permanent, 0));
    assert_eq!(bad.error, "5.1.1 <x@example.org>: User unknown");
    assert_eq!(sent(&good), (RelaySubmitStatus::Sent, 1));
}

#[actix::test]
async fn one_refused_recipient_does_not_keep_the_mail_from_the_others() {
    for extensions in ["250-PIPELINING\r\n", ""] {
        let (mut rig, _imap, smtp) = start().await;
        let result = actix::spawn(rig.connection.send(submit(&["x@example.org", "bob@example.org"])));
        let mut server = smtp.accept().await;
        server.greet(extensions).await;
        let answers = ["250 ok\r\n", "550 5.1.1 <x@example.org>: unknown\r\n", "250 ok\r\n", "354 go\r\n"];
        if extensions.is_empty() {
            for answer in answers {
                server.line().await;
                server.send(answer).await;
            }
        } else {
            server.envelope("", &["x@example.org", "bob@example.org"]).await;
            server.send(&answers.concat()).await;
        }
        server.content().await;
        server.send("250 queued\r\n").await;
        let result = result.await.unwrap().unwrap();
        assert_eq!((sent(&result), result.left.len()), ((RelaySubmitStatus::Sent, 1), 0));
        let warning = rig.notice(|notice| match notice {
            Notice::Event(event) if event.kind() == RelayEventKind::Warning => Some(event.text),
            _ => None,
        });
        assert_eq!(
            warning.await,
            "The relay refused the recipient x…@example.org: 5.1.1 <x…@example.org>: unknown"
        );
    }
}

#[actix::test]
async fn a_deferred_recipient_is_left_and_the_others_get_the_mail() {
    let (rig, _imap, smtp) = start().await;
    let result = actix::spawn(rig.connection.send(submit(&["bob@example.org", "x@example.org"])));
    let mut server = smtp.accept().await;
    server.greet("250-PIPELINING\r\n").await;
    server.envelope("", &["bob@example.org", "x@example.org"]).await;
    server.send("250 ok\r\n250 ok\r\n450 4.2.0 later\r\n354 go\r\n").await;
    server.content().await;
    server.send("250 queued\r\n").await;
    let result = result.await.unwrap().unwrap();
    assert_eq!(sent(&result), (RelaySubmitStatus::Temporary, 1));
    assert_eq!(
        (result.left, result.error.as_str()),
        (vec!["x@example.org".into()], "transient: 4.2.0 later")
    );
}

// The sender would see the mail as sent though nobody else has it.
#[actix::test]
async fn a_copy_for_own_devices_alone_is_not_sent() {
    let (rig, _imap, smtp) = start().await;
    for (reply, status) in [
        ("550 5.1.1 unknown\r\n", RelaySubmitStatus::Permanent),
        ("450 4.2.0 later\r\n", RelaySubmitStatus::Temporary),
    ] {
        let mail = RelaySubmit {
            own: vec!["alice@example.org".into()],
            ..submit(&["x@example.org", "alice@example.org"])
        };
        let result = actix::spawn(rig.connection.send(mail));
        let mut server = smtp.accept().await;
        server.greet("250-PIPELINING\r\n").await;
        server.envelope("", &["x@example.org", "alice@example.org"]).await;
        server.send(&format!("250 ok\r\n{reply}250 ok\r\n354 go\r\n")).await;
        server.closed().await;
        assert_eq!(sent(&result.await.unwrap().unwrap()), (status, 0));
    }
    // A note to oneself is for nobody else.
    let note = RelaySubmit { own: vec!["bob@example.org".into()], ..submit(&["bob@example.org"]) };
    let result = actix::spawn(rig.connection.send(note));
    let mut server = smtp.accept().await;
    server.greet("250-PIPELINING\r\n").await;
    server.takes_mail_for_bob().await;
    assert_eq!(sent(&result.await.unwrap().unwrap()), (RelaySubmitStatus::Sent, 1));
}

#[actix::test]
async fn without_pipelining_each_command_waits() {
    let (rig, _imap, smtp) = start().await;
    let result = actix::spawn(rig.connection.send(submit(&["bob@example.org"])));
    let mut server = smtp.accept().await;
    server.greet("").await;
    server.answer("MAIL FROM:<alice@example.org>", "250 ok\r\n").await;
    server.answer("RCPT TO:<bob@example.org>", "250 ok\r\n").await;
    server.answer("DATA", "354 go\r\n").await;
    server.content().await;
    server.send("554 5.6.0 Encryption Needed\r\n").await;
    let result = result.await.unwrap().unwrap();
    assert_eq!(
        (sent(&result), result.error.as_str()),
        ((RelaySubmitStatus::Permanent, 0), "5.6.0 Encryption Needed")
    );
}

#[actix::test]
async fn long_recipient_lists_are_split_and_progress_is_told() {
    let (rig, _imap, smtp) = start().await;
    let recipients: Vec<String> = (0..60).map(|n| format!("u{n}@example.org")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let result = actix::spawn(rig.connection.send(submit(&recipients)));
    let mut server = smtp.accept().await;
    server.greet("250-PIPELINING\r\n").await;
    server.envelope("", &recipients[..50]).await;
    server.send(&format!("{}354 go\r\n", "250 ok\r\n".repeat(51))).await;
    server.content().await;
    server.send("250 queued\r\n").await;
    server.envelope("", &recipients[50..]).await;
    server.send(&format!("450 busy\r\n{}", "503 no\r\n".repeat(11))).await;
    let result = result.await.unwrap().unwrap();
    assert_eq!(sent(&result), (RelaySubmitStatus::Temporary, 50));
}

#[actix::test]
async fn a_session_closed_while_idle_is_replaced() {
    let (rig, _imap, smtp) = start().await;
    for _ in 0..2 {
        let result = actix::spawn(rig.connection.send(submit(&["bob@example.org"])));
        let mut server = smtp.accept().await;
        server.greet("250-PIPELINING\r\n").await;
        server.takes_mail_for_bob().await;
        assert_eq!(sent(&result.await.unwrap().unwrap()), (RelaySubmitStatus::Sent, 1));
    }
}

#[actix::test]
async fn a_server_that_refuses_and_hangs_up_is_quoted() {
    let (rig, _imap, smtp) = start().await;
    for (reply, status, error) in [
        ("421 4.3.0 going home\r\n", RelaySubmitStatus::Temporary, "transient: 4.3.0 going home"),
        ("554 5.7.1 never\r\n", RelaySubmitStatus::Permanent, "5.7.1 never"),
    ] {
        let result = actix::spawn(rig.connection.send(submit(&["bob@example.org"])));
        let mut server = smtp.accept().await;
        server.greet("250-PIPELINING\r\n").await;
        server.envelope("", &["bob@example.org"]).await;
        server.send(reply).await;
        drop(server);
        let result = result.await.unwrap().unwrap();
        assert_eq!(sent(&result), (status, 0));
        assert_eq!(result.error, error);
    }
}

#[actix::test]
async fn a_session_that_was_told_good_bye_while_it_was_idle_is_replaced() {
    let (rig, _imap, smtp) = start().await;
    let result = actix::spawn(rig.connection.send(submit(&["bob@example.org"])));
    let mut server = smtp.accept().await;
    server.greet("250-PIPELINING\r\n").await;
    server.takes_mail_for_bob().await;
    assert_eq!(sent(&result.await.unwrap().unwrap()), (RelaySubmitStatus::Sent, 1));

    let result = actix::spawn(rig.connection.send(submit(&["bob@example.org"])));
    server.envelope("", &["bob@example.org"]).await;
    server.send("421 4.4.2 timeout exceeded\r\n").await;
    drop(server);
    let mut server = smtp.accept().await;
    server.greet("250-PIPELINING\r\n").await;
    server.takes_mail_for_bob().await;
    assert_eq!(sent(&result.await.unwrap().unwrap()), (RelaySubmitStatus::Sent, 1));
}

#[actix::test]
async fn a_panic_while_a_mail_is_submitted_concerns_that_mail_alone() {
    let (rig, _imap, smtp) = start().await;
    rig.faults.provoke(Spot::Submitting(7), 1);
    let bad = rig.connection.send(RelaySubmit { queue_id: 7, ..submit(&["x@example.org"]) });
    let good = rig.connection.send(submit(&["bob@example.org"]));
    let both = actix::spawn(async move { (bad.await.unwrap(), good.await.unwrap()) });
    let mut server = smtp.accept().await;
    server.greet("250-PIPELINING\r\n").await;
    server.takes_mail_for_bob().await;
    let (bad, good) = both.await.unwrap();
    assert_eq!(sent(&bad), (RelaySubmitStatus::Fault, 0));
    assert_eq!(bad.error, "submitting the mail failed: provoked at Submitting(7)");
    assert_eq!(sent(&good), (RelaySubmitStatus::Sent, 1));
    assert!(rig.connection.connected());
}

// With a lost connection nobody knows whether the mail is to blame, so it counts as a try.
#[actix::test]
async fn a_mail_at_which_the_relay_hangs_up_each_time_is_no_lack_of_a_connection() {
    let (rig, _imap, smtp) = start().await;
    let good = actix::spawn(rig.connection.send(submit(&["bob@example.org"])));
    let mut server = smtp.accept().await;
    server.greet("250-PIPELINING\r\n").await;
    server.takes_mail_for_bob().await;
    assert_eq!(sent(&good.await.unwrap().unwrap()), (RelaySubmitStatus::Sent, 1));

    let bad = rig.connection.send(submit(&["x@example.org"]));
    let good = rig.connection.send(submit(&["bob@example.org"]));
    let both = actix::spawn(async move { (bad.await.unwrap(), good.await.unwrap()) });
    // Once over the session that was idle, which may have died by itself, and once over a fresh one.
    server.envelope("", &["x@example.org"]).await;
    drop(server);
    let mut server = smtp.accept().await;
    server.greet("250-PIPELINING\r\n").await;
    server.envelope("", &["x@example.org"]).await;
    drop(server);
    let mut server = smtp.accept().await;
    server.greet("250-PIPELINING\r\n").await;
    server.takes_mail_for_bob().await;
    let (bad, good) = both.await.unwrap();
    assert_eq!(
        (sent(&bad), bad.error.as_str()),
        ((RelaySubmitStatus::Temporary, 0), "connection closed by the server")
    );
    assert_eq!(sent(&good), (RelaySubmitStatus::Sent, 1));
}

#[actix::test]
async fn no_connection_is_no_try_and_fails_all_that_waits() {
    let (imap, smtp) = (Server::new().await, Server::new().await);
    let rig = Rig::start(&imap, &smtp, Wishes::default());
    drop(smtp);
    let jobs = futures::future::join_all((0..3).map(|_| rig.connection.send(submit(&["bob@example.org"]))));
    for result in jobs.await {
        let result = result.unwrap();
        assert_eq!(sent(&result), (RelaySubmitStatus::NotConnected, 0));
        assert!(
            result.error.starts_with("SMTP failed to connect: All connection attempts failed: Connection to")
        );
    }
}

#[actix::test]
async fn a_server_without_usable_login_is_not_used() {
    let (rig, _imap, smtp) = start().await;
    let result = actix::spawn(rig.connection.send(submit(&["bob@example.org"])));
    let mut server = smtp.accept().await;
    server.send("220 ESMTP\r\n").await;
    server.answer("EHLO [127.0.0.1]", "250-mail\r\n250 AUTH XOAUTH2 CRAM-MD5\r\n").await;
    let result = result.await.unwrap().unwrap();
    assert_eq!(sent(&result), (RelaySubmitStatus::NotConnected, 0));
    assert!(result.error.starts_with("SMTP failed to login: "));
}
