//! Input that no honest client sends.

mod common;

use std::time::Duration;

use common::{ALICE, BOB, Client, friendly, friendly_relay, mail};
use volary_relay::Relay;

#[tokio::test]
async fn imap_nonsense_is_answered_and_the_session_goes_on() {
    let relay = friendly_relay().await;
    let mut client = Client::imap_inbox(&relay, ALICE).await;
    for (line, answer) in [
        ("a NONSENSE", "a BAD"),
        ("", "* BAD"),
        ("a", "a BAD"),
        ("a UID", "a BAD"),
        ("a FETCH", "a BAD"),
        ("a FETCH 1:2:3 FLAGS", "a BAD"),
        ("a FETCH 4294967296 FLAGS", "a BAD"),
        ("a UID FETCH 0 FLAGS", "a BAD"),
        ("a UID FETCH 1 (BODY[0])", "a BAD"),
        ("a UID FETCH 1 (BODY[]<0.0>)", "a BAD"),
        ("a UID FETCH 1 (BINARY[1])", "a BAD"),
        ("a SELECT \"unfinished", "a BAD"),
        ("a SELECT \u{1}", "a BAD"),
        ("a STORE 1 FLAGS (\\Recent)", "a BAD"),
        ("a SEARCH ((((((((((((((((ALL))))))))))))))))", "a BAD"),
        ("a LOGIN x y", "a BAD"),
        ("a DONE", "a BAD"),
        ("* OK hello", "* BAD"),
        ("+ x", "* BAD"),
    ] {
        client.send(&format!("{line}\r\n")).await;
        let reply = client.line().await;
        assert!(reply.starts_with(answer), "{line:?}: {reply}");
    }
    client.ok("NOOP").await;
}

#[tokio::test]
async fn too_many_faulty_commands_end_the_session() {
    let relay = friendly_relay().await;
    let mut client = Client::imap(&relay).await;
    for _ in 0..21 {
        client.send("x BOGUS\r\n").await;
    }
    assert!(client.is_closed().await);
    let mut client = Client::smtp(&relay).await;
    for _ in 0..21 {
        client.send("BOGUS\r\n").await;
    }
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn guessing_passwords_ends_the_session() {
    let relay = friendly_relay().await;
    Client::imap_login(&relay, ALICE).await;
    let mut client = Client::imap(&relay).await;
    let mut smtp = Client::smtp(&relay).await;
    for _ in 0..5 {
        assert!(client.command(&format!("LOGIN {ALICE} wrong")).await.1.starts_with("NO"));
        assert!(smtp.smtp_auth(ALICE, "wrong").await.starts_with("535"));
    }
    assert!(client.is_closed().await && smtp.is_closed().await);
}

#[tokio::test]
async fn overlong_lines_are_skipped() {
    let relay = friendly_relay().await;
    let mut client = Client::imap_login(&relay, ALICE).await;
    client.send(&format!("a SELECT {}\r\nb NOOP\r\n", "x".repeat(100_000))).await;
    assert_eq!(client.line().await, "* BAD Command line too long");
    assert_eq!(client.line().await, "b OK Noop completed");
    let mut client = Client::smtp(&relay).await;
    client.send(&format!("NOOP {}\r\nNOOP\r\n", "x".repeat(100_000))).await;
    assert_eq!(client.line().await, "500 5.5.2 Line too long");
    assert_eq!(client.line().await, "250 2.0.0 Ok");
}

#[tokio::test]
async fn a_line_without_end_is_not_read_for_ever() {
    let relay = friendly_relay().await;
    for port in [relay.imap_starttls_port(), relay.smtp_starttls_port()] {
        let mut client = Client::plain(port).await;
        client.line().await;
        client.send(&"x".repeat(3_000_000)).await;
        assert!(client.is_closed().await);
    }
}

#[tokio::test]
async fn literals_are_bounded() {
    let mut config = friendly();
    config.limits.message = 1000;
    let relay = Relay::start(config).await.unwrap();
    let mut client = Client::imap(&relay).await;
    client.send("a LOGIN {5000}\r\n").await;
    assert_eq!(client.line().await, "a NO [TOOBIG] Literal too large");
    client.ok(&format!("LOGIN {ALICE} secret-{ALICE}")).await;
    for size in ["1001", "4294967295", "99999999999999999999"] {
        client.send(&format!("a APPEND INBOX {{{size}}}\r\n")).await;
        let line = client.line().await;
        assert!(line.starts_with("a NO [TOOBIG]") || line.starts_with("a BAD"), "{size}: {line}");
    }
    client.ok(&format!("APPEND INBOX {{1000+}}\r\n{}", "x".repeat(1000))).await;
    // NUL cannot be in a literal.
    client.send_bytes(b"a APPEND INBOX {3+}\r\nx\0y\r\n").await;
    assert!(client.line().await.starts_with("a BAD"));
    client.send(&format!("a {}\r\n", "LOGIN {1}".repeat(3))).await;
    assert!(client.line().await.starts_with("a BAD"));
    client.send("a APPEND INBOX {1001+}\r\n").await;
    assert!(client.line().await.starts_with("* BYE"));
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn many_small_literals_end_the_session() {
    let relay = friendly_relay().await;
    let mut client = Client::imap_login(&relay, ALICE).await;
    let many = "{1+}\r\nx ".repeat(17);
    client.send(&format!("a ID ({many})\r\n")).await;
    assert!(client.line().await.starts_with("* BYE"));
}

#[tokio::test]
async fn smtp_nonsense_is_answered_and_the_session_goes_on() {
    let relay = friendly_relay().await;
    let mut client = Client::smtp_login(&relay, ALICE).await;
    for (line, answer) in [
        ("", "500 "),
        ("BOGUS", "500 "),
        ("MAIL", "501 "),
        ("MAIL FROM:", "501 "),
        ("MAIL FROM:<a b>", "5"),
        ("MAIL FROM:<x@y> BOGUS=1", "555 "),
        ("MAIL FROM:<x@y> SIZE=abc", "501 "),
        ("RCPT TO:<x@y>", "503 "),
        ("DATA", "554 "),
        ("BDAT 10 LAST", "502 "),
        ("EHLO", "501 "),
        ("EHLO a\u{7}b", "501 "),
        ("STARTTLS", "503 "),
        ("AUTH", "501 "),
        ("VRFY x", "252 "),
        ("EXPN x", "502 "),
    ] {
        let reply = client.say(line).await;
        assert!(reply.starts_with(answer), "{line:?}: {reply}");
    }
    assert!(client.say("NOOP").await.starts_with("250 "));
}

#[tokio::test]
async fn lone_line_ends_in_a_mail_end_the_session() {
    let relay = friendly_relay().await;
    Client::imap_login(&relay, BOB).await;
    for content in ["a\nb", "a\rb", "x\n.\r\nMAIL FROM:<evil@x>"] {
        let mut client = Client::smtp_login(&relay, ALICE).await;
        let answer = client.submit(ALICE, &[BOB], &format!("{}\r\n{content}", mail(ALICE, "hi"))).await;
        assert!(answer.starts_with("521 "), "{content:?}: {answer}");
        assert!(client.is_closed().await);
    }
    assert!(relay.mailbox(BOB).unwrap().is_empty());
}

#[tokio::test]
async fn silent_and_slow_clients_are_let_go() {
    let mut config = friendly();
    config.limits.unauthenticated_idle = Duration::from_millis(300);
    let relay = Relay::start(config).await.unwrap();
    let mut silent = Client::imap(&relay).await;
    assert_eq!(silent.line().await, "* BYE Silent for too long");
    let mut slow = Client::smtp(&relay).await;
    for _ in 0..20 {
        // NOOPs win no time: what counts is the login.
        tokio::time::sleep(Duration::from_millis(50)).await;
        slow.send("NOOP\r\n").await;
        if slow.line().await.starts_with("421 ") {
            return;
        }
    }
    panic!("the connection lives on without a login");
}

#[tokio::test]
async fn sessions_of_one_account_are_counted() {
    let mut config = friendly();
    config.limits.sessions_per_account = 2;
    let relay = Relay::start(config).await.unwrap();
    let first = Client::imap_login(&relay, ALICE).await;
    let _second = Client::smtp_login(&relay, ALICE).await;
    let mut third = Client::imap(&relay).await;
    let (_, status) = third.command(&format!("LOGIN {ALICE} secret-{ALICE}")).await;
    assert!(status.starts_with("NO [LIMIT]"), "{status}");
    drop(first);
    for _ in 0..100 {
        let mut again = Client::imap(&relay).await;
        if again.command(&format!("LOGIN {ALICE} secret-{ALICE}")).await.1.starts_with("OK") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a closed session is still counted");
}

#[tokio::test]
async fn a_thousand_pipelined_commands_are_answered_in_order() {
    let relay = friendly_relay().await;
    let mut client = Client::imap_inbox(&relay, ALICE).await;
    let commands: String = (0..1000).map(|number| format!("n{number} NOOP\r\n")).collect();
    client.send(&commands).await;
    for number in 0..1000 {
        assert_eq!(client.line().await, format!("n{number} OK Noop completed"));
    }
}
