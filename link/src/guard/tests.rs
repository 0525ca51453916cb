use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, DuplexStream};

use super::{imap::ImapFraming, *};

fn pair() -> (Guard<ImapFraming>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    (Guard::new(Box::new(ours), ImapFraming::new(1 << 20)), theirs)
}

#[tokio::test]
async fn a_read_never_goes_beyond_a_response_and_nothing_is_kept_afterwards() {
    let (mut guard, mut server) = pair();
    server.write_all(b"* 1 EXISTS\r\n* 2 EXISTS\r\n").await.unwrap();
    let mut buffer = [0; 4096];
    for expected in ["* 1 EXISTS\r\n", "* 2 EXISTS\r\n"] {
        let read = guard.read(&mut buffer).await.unwrap();
        assert_eq!(std::str::from_utf8(&buffer[..read]).unwrap(), expected);
    }
    assert_eq!((guard.input.capacity(), guard.response.capacity()), (0, 0));
}

#[tokio::test]
async fn what_is_written_leaves_with_the_flush_in_one_piece() {
    let (mut guard, mut server) = pair();
    for command in ["MAIL\r\n", "RCPT\r\n", "DATA\r\n"] {
        guard.write_all(command.as_bytes()).await.unwrap();
    }
    let mut buffer = [0; 100];
    let early = timeout(Duration::from_millis(20), server.read(&mut buffer)).await;
    assert!(early.is_err(), "nothing before the flush");
    guard.flush().await.unwrap();
    assert_eq!(server.read(&mut buffer).await.unwrap(), 18);
    assert_eq!(guard.output.capacity(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_times_out_and_a_slow_one_after_each_byte() {
    let (mut guard, mut server) = pair();
    guard.expect(Duration::from_secs(300));
    let begin = tokio::time::Instant::now();
    assert!(matches!(guard.ready().await, Err(WireError::TimedOut)));
    assert_eq!(begin.elapsed(), Duration::from_secs(300));
    server.write_all(b"* 1 EX").await.unwrap();
    assert!(matches!(guard.ready().await, Err(WireError::TimedOut)));
    assert_eq!(begin.elapsed(), Duration::from_secs(300) + IO_TIMEOUT);
}

#[tokio::test]
async fn a_cancelled_wait_loses_nothing() {
    let (mut guard, mut server) = pair();
    server.write_all(b"* 1 EX").await.unwrap();
    assert!(timeout(Duration::from_millis(20), guard.ready()).await.is_err());
    server.write_all(b"ISTS\r\n").await.unwrap();
    let mut line = String::new();
    guard.read_line(&mut line).await.unwrap();
    assert_eq!(line, "* 1 EXISTS\r\n");
}

#[tokio::test]
async fn the_end_of_the_stream_is_an_error_and_no_empty_answer() {
    let (mut guard, server) = pair();
    drop(server);
    let error = guard.read(&mut [0; 10]).await.unwrap_err();
    assert!(matches!(WireError::from(error), WireError::Closed));
}

#[tokio::test]
async fn a_claimed_length_costs_no_memory_and_a_skipped_literal_is_not_kept() {
    let (mut guard, mut server) = pair();
    guard.framing().set_limit(100 << 20);
    server.write_all(b"* 1 FETCH (BODY[] {90000000}\r\n").await.unwrap();
    assert!(timeout(Duration::from_millis(20), guard.ready()).await.is_err());
    assert!(guard.input.capacity() < 4 * READ_CHUNK);

    let (mut guard, mut server) = pair();
    guard.framing().set_limit(1000);
    let content = tokio::spawn(async move {
        server.write_all(b"* 1 FETCH (BODY[] {3000000}\r\n").await.unwrap();
        server.write_all(&vec![b'x'; 3_000_000]).await.unwrap();
        server.write_all(b")\r\n").await.unwrap();
        server
    });
    guard.ready().await.unwrap();
    assert!(guard.input.capacity() < 4 * READ_CHUNK);
    content.await.unwrap();
}
