use volary_proto::{RelayConnectivity, relay_notice::Notice};

use super::*;

/// Plays a login and then these bytes as answer to the first command after it. Returns the error that is shown.
async fn error_after(answer: &[u8]) -> String {
    let (imap, smtp) = (Server::new().await, Server::new().await);
    let mut rig = Rig::start(&imap, &smtp, Wishes::default());
    let mut server = imap.accept().await;
    server.log_in(5, 2).await;
    server.line().await;
    // The client may hang up in the middle of it.
    let _ = server.0.write_all(answer).await;
    let error = rig.notice(|notice| match notice {
        Notice::State(state) if state.connectivity() == RelayConnectivity::Error => Some(state.error),
        _ => None,
    });
    error.await
}

#[actix::test]
async fn an_endless_line_is_cut_off() {
    let error = error_after(&[b'x'; 300_000]).await;
    assert_eq!(error, "the server sent more than 65536 bytes");
}

#[actix::test]
async fn a_claimed_literal_of_gigabytes_is_refused() {
    let error = error_after(b"* 1 FETCH (UID 1 BODY[] {4000000000}\r\n").await;
    assert!(error.starts_with("the server sent more than"), "{error}");
}

#[actix::test]
async fn garbage_ends_the_session() {
    for garbage in
        [&b"\x00\xff\xfe\r\n"[..], b"* 1 FETCH ((((((((((((((\r\n", b"A9999 OK\r\n", b"HTTP/1.1 400 Bad\r\n"]
    {
        assert!(!error_after(garbage).await.is_empty());
    }
}

// imap-proto panics on each of these; the guard keeps them away.
#[actix::test]
async fn what_makes_the_library_panic_does_not_reach_it() {
    for answer in [
        &b"* METADATA \"\" (/shared/comment \"\xff\")\r\n* 7 EXISTS\r\n* BYE a\r\n"[..],
        b"* 1 FETCH (UID 1 INTERNALDATE NIL)\r\n* BYE a\r\n",
        "* OK [ALERT]\u{e9}\r\n* BYE a\r\n".as_bytes(),
        b"* METADATA \"\" (/shared/vendor \"x\")\r\n* BYE a\r\n",
    ] {
        assert_eq!(error_after(answer).await, "connection closed by the server: a");
    }
}

#[actix::test]
async fn a_bare_refusal_of_idle_ends_the_session_with_an_error() {
    let (imap, smtp) = (Server::new().await, Server::new().await);
    let mut rig = Rig::start(&imap, &smtp, Wishes::default());
    let mut server = imap.accept().await;
    server.log_in(5, 1).await;
    server.answer("A0003 IDLE", "A0003 BAD\r\n").await;
    let error = rig.notice(|notice| match notice {
        Notice::State(state) if state.connectivity() == RelayConnectivity::Error => Some(state.error),
        _ => None,
    });
    assert_eq!(error.await, "bad response: code: None, info: None");
}

#[actix::test]
async fn a_good_bye_is_told() {
    let error = error_after(b"* BYE shutting down\r\n").await;
    assert_eq!(error, "connection closed by the server: shutting down");
}

#[actix::test]
async fn uids_outside_of_the_window_and_repeated_ones_are_not_believed() {
    let (imap, smtp) = (Server::new().await, Server::new().await);
    let mut rig = Rig::start(&imap, &smtp, Wishes::default());
    let mut server = imap.accept().await;
    server.log_in(5, 3).await;
    server.line().await;
    let head = |uid: u32| {
        format!("* 1 FETCH (UID {uid} RFC822.SIZE 1 BODY[HEADER.FIELDS (FROM)] {{2}}\r\n\r\n)\r\n")
    };
    let answer = [head(2), head(4_000_000_000), head(2), head(1)].concat();
    server.send(&format!("{answer}A0003 OK\r\n")).await;
    let uids: Vec<u32> = rig.heads().await.heads.iter().map(|head| head.uid).collect();
    assert_eq!(uids, [1, 2]);
}
