//! A client: one message is one line of JSON-RPC, in both directions.

use std::mem;
use std::pin::pin;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, duplex};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, interval_at, timeout};

use crate::access::{TokenInfo, Tokens};
use crate::bus::Bus;
use crate::jsonrpc;

/// Longest message of a client, in bytes; attachments travel inside messages.
pub const MAX_MESSAGE: usize = 64 << 20;
/// Bytes on their way between the socket and the session.
const BUFFER: usize = 64 << 10;
/// Pause between pings. The token is looked at as often.
const PING: Duration = Duration::from_secs(20);
/// A client from which nothing comes for so long is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// A client that does not take a message for so long is gone.
const SEND_TIME: Duration = Duration::from_secs(60);

/// How long the last answers may take after a session has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client has closed, or the connection broke.
    Left,
    /// Nothing came any more, not even answers to pings.
    Silent,
    /// What came is no text.
    NotText,
    /// The token is not valid any more.
    TokenRemoved,
    /// The host stops.
    Stopped,
}

impl End {
    fn close_frame(self) -> CloseFrame {
        let (code, reason) = match self {
            Self::Left => (close_code::NORMAL, ""),
            Self::Silent => (close_code::NORMAL, "nothing was heard for a minute"),
            Self::NotText => (close_code::UNSUPPORTED, "JSON-RPC comes as text"),
            Self::TokenRemoved => (close_code::POLICY, "the token is not valid any more"),
            Self::Stopped => (close_code::AWAY, "the host stops"),
        };
        CloseFrame { code, reason: reason.into() }
    }
}

/// Serves a client until either side ends it.
pub async fn run<B: Bus>(
    socket: WebSocket,
    bus: B,
    tokens: &Tokens,
    token: &TokenInfo,
    mut stopped: watch::Receiver<bool>,
) {
    let name = token.name.as_str();
    tracing::info!(token = name, "a client has connected");
    let (sink, stream) = socket.split();
    let (to_session, requests) = duplex(BUFFER);
    let (answers, from_session) = duplex(BUFFER);
    let heard = Mutex::new(Instant::now());
    let (ended, reason) = oneshot::channel();
    let reading = async {
        tokio::select! {
            end = read(stream, to_session, &heard) => end,
            end = watch_over(tokens, token, &heard) => end,
            _ = stopped.wait_for(|stopped| *stopped) => End::Stopped,
        }
    };
    let serving = jsonrpc::serve(bus, BufReader::new(requests), answers);
    let mut answering = pin!(async { tokio::join!(serving, write(sink, from_session, reason)) });
    let end = tokio::select! {
        end = reading => {
            // The session sees the end of its input and answers what it has done.
            ended.send(end).ok();
            timeout(LAST_ANSWERS, answering).await.ok();
            end
        }
        _ = &mut answering => End::Left,
    };
    tracing::info!(token = name, ?end, "a client has disconnected");
}

/// Hands messages to the session, each as one line.
async fn read(
    mut stream: SplitStream<WebSocket>,
    mut to_session: DuplexStream,
    heard: &Mutex<Instant>,
) -> End {
    while let Some(Ok(message)) = stream.next().await {
        *heard.lock() = Instant::now();
        match message {
            Message::Text(text) => {
                // Line breaks between the tokens of JSON are white space; inside of texts they are not allowed.
                let mut line: Vec<u8> = text.as_bytes().to_vec();
                line.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
                line.push(b'\n');
                if to_session.write_all(&line).await.is_err() {
                    return End::Left;
                }
            }
            Message::Binary(_) => return End::NotText,
            Message::Close(_) => return End::Left,
            Message::Ping(_) | Message::Pong(_) => {}
        }
    }
    End::Left
}

/// Returns when the client is gone or may not be here any more.
async fn watch_over(tokens: &Tokens, token: &TokenInfo, heard: &Mutex<Instant>) -> End {
    let mut looks = interval_at(Instant::now() + PING, PING);
    loop {
        looks.tick().await;
        if heard.lock().elapsed() > SILENCE {
            return End::Silent;
        }
        match tokens.still_holds(token) {
            Ok(true) => {}
            Ok(false) => return End::TokenRemoved,
            // Who has come in stays while nobody can say.
            Err(error) => tracing::warn!(%error, "tokens cannot be read"),
        }
    }
}

/// Sends each line of the session as a message, and pings; at the end says why.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    from_session: DuplexStream,
    reason: oneshot::Receiver<End>,
) {
    let mut lines = BufReader::with_capacity(BUFFER, from_session);
    let mut pings = interval_at(Instant::now() + PING, PING);
    let mut line = Vec::new();
    loop {
        let message = tokio::select! {
            biased;
            read = lines.read_until(b'\n', &mut line) => match read {
                Ok(bytes) if bytes > 0 => {
                    // What was read before a ping came between stays in the line.
                    if line.last() != Some(&b'\n') { continue }
                    line.pop();
                    // The session writes JSON, which is UTF-8.
                    match Utf8Bytes::try_from(Bytes::from(mem::take(&mut line))) {
                        Ok(text) => Message::Text(text),
                        Err(_) => break,
                    }
                }
                _ => break,
            },
            _ = pings.tick() => Message::Ping(Bytes::new()),
        };
        if !matches!(timeout(SEND_TIME, sink.send(message)).await, Ok(Ok(()))) {
            return;
        }
    }
    let end = reason.await.unwrap_or(End::Left);
    timeout(SEND_TIME, sink.send(Message::Close(Some(end.close_frame())))).await.ok();
}
