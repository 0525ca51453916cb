//! The device that takes a profile.

use std::time::Duration;

use iroh::Endpoint;
use iroh::endpoint::{Connection, RecvStream, SendStream, VarInt};
use tokio::time::timeout;
use volary_mail::qr::BackupCode;

use crate::endpoint::{self, Reach};
use crate::pipe::{CHUNK, Feed};
use crate::protocol::{ALPN, CONFIRMATION, SIZE_LEN, size_of_frame};
use crate::{TransferError, lost};

/// What may follow the end of an archive: padding to whole records of tar.
const MAX_TRAILER: usize = 1024 * 1024;
/// How long the giver may take to acknowledge the confirmation.
const FAREWELL: Duration = Duration::from_secs(10);

/// A transfer that the giver has begun: it knows the token, and the size is known.
pub struct Taking {
    endpoint: Endpoint,
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
    size: u64,
}

impl Taking {
    /// Connects to the giver of a code and shows the token.
    pub async fn begin(code: &BackupCode, reach: Reach) -> Result<Self, TransferError> {
        let target = endpoint::target(&code.node, reach)?;
        let endpoint = endpoint::open(reach).await?;
        match connect(&endpoint, target, code).await {
            Ok((connection, send, receive, size)) => Ok(Self { endpoint, connection, send, receive, size }),
            Err(error) => {
                endpoint::close(&endpoint).await;
                Err(error)
            }
        }
    }

    /// Bytes that the giver announced, for progress only.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Passes the archive on until its end. A reader that knows the end from the archive may be gone before.
    pub async fn receive(&mut self, feed: Feed) -> Result<(), TransferError> {
        let mut unread = None;
        loop {
            let chunk = match self.receive.read_chunk(CHUNK, true).await.map_err(lost) {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) => {
                    feed.fail(error.to_string()).await;
                    return Err(error);
                }
            };
            let len = chunk.bytes.len();
            unread = match unread {
                None if feed.pass(chunk.bytes).await => None,
                before => Some(before.unwrap_or(0) + len),
            };
            if unread.is_some_and(|unread| unread > MAX_TRAILER) {
                return Err(TransferError::Surplus);
            }
        }
        feed.finish().await;
        Ok(())
    }

    /// Says that the profile is here, and ends the connection. Whether the giver hears it changes nothing here.
    pub async fn confirm(mut self) {
        let confirmed = async {
            self.send.write_all(&[CONFIRMATION]).await.map_err(lost)?;
            self.send.finish().map_err(lost)?;
            self.send.stopped().await.map_err(lost)
        };
        match timeout(FAREWELL, confirmed).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the giver of the profile may not know that it is here"),
            Err(_) => tracing::warn!("the giver of the profile may not know that it is here"),
        }
        self.end().await;
    }

    /// Ends the connection; the giver takes the transfer as failed, unless it was confirmed.
    pub async fn end(self) {
        self.connection.close(VarInt::from_u32(0), b"");
        endpoint::close(&self.endpoint).await;
    }
}

async fn connect(
    endpoint: &Endpoint,
    target: iroh::NodeAddr,
    code: &BackupCode,
) -> Result<(Connection, SendStream, RecvStream, u64), TransferError> {
    let connected = endpoint.connect(target, ALPN).await;
    let connection = connected.map_err(|error| TransferError::Connect(error.to_string()))?;
    let (mut send, mut receive) = connection.open_bi().await.map_err(lost)?;
    send.write_all(code.auth_token.as_bytes()).await.map_err(lost)?;
    let mut size = [0; SIZE_LEN];
    if let Err(error) = receive.read_exact(&mut size).await {
        // Why the giver closed says more than where the stream broke off.
        return Err(connection.close_reason().map_or_else(|| lost(error), lost));
    }
    Ok((connection, send, receive, size_of_frame(size)))
}
