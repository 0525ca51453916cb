//! The device that gives its profile.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use iroh::Endpoint;
use iroh::endpoint::{Connection, Incoming, RecvStream, SendStream, VarInt};
use rand::RngCore as _;
use tokio::time::timeout;
use volary_mail::qr::BackupCode;

use crate::endpoint::{self, Reach};
use crate::pipe::Chunks;
use crate::protocol::{CONFIRMATION, SECRET_LEN, TOKEN_LEN, Token, size_frame};
use crate::{TransferError, lost};

/// Devices that may try to show the token at the same time.
const MAX_TRIALS: usize = 8;
/// How long a device may take to show the token.
const TRIAL_DEADLINE: Duration = Duration::from_secs(20);
/// How long the taker may take to end the connection after it has confirmed.
const FAREWELL: Duration = Duration::from_secs(5);

/// An offer that is open: others can connect.
pub struct Offer {
    endpoint: Endpoint,
    reach: Reach,
    token: Token,
}

/// A device that has shown the token.
pub struct Giving {
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
}

impl Offer {
    /// Opens an offer with a fresh key and a fresh token.
    pub async fn open(reach: Reach) -> Result<Self, TransferError> {
        let mut secret = [0; SECRET_LEN];
        rand::rngs::OsRng.fill_bytes(&mut secret);
        Ok(Self { endpoint: endpoint::open(reach).await?, reach, token: Token::new(secret) })
    }

    /// What the other device scans.
    pub async fn code(&self) -> Result<BackupCode, TransferError> {
        let node = endpoint::address(&self.endpoint, self.reach).await?;
        Ok(BackupCode { auth_token: self.token.text().to_owned(), node })
    }

    /// Waits for the first device that shows the token. One that shows another is turned away, and the offer stays open: a
    /// token cannot be guessed, and nobody but the user should be able to end the offer.
    pub async fn taker(&self) -> Result<Giving, TransferError> {
        let mut trials = FuturesUnordered::new();
        loop {
            tokio::select! {
                incoming = self.endpoint.accept(), if trials.len() < MAX_TRIALS => {
                    let incoming = incoming.ok_or_else(|| TransferError::Lost("endpoint closed".to_owned()))?;
                    trials.push(timeout(TRIAL_DEADLINE, admit(incoming, &self.token)));
                }
                Some(outcome) = trials.next() => match outcome {
                    Ok(Ok(Some(giving))) => return Ok(giving),
                    Ok(Ok(None)) => tracing::warn!("a device with a wrong token was turned away"),
                    Ok(Err(error)) => tracing::info!(%error, "a device did not get as far as the token"),
                    Err(_) => tracing::info!("a device did not show the token in time"),
                },
            }
        }
    }

    /// Ends the offer and all connections to it.
    pub async fn close(self) {
        endpoint::close(&self.endpoint).await;
    }
}

/// Lets a device in that shows the token; none for a wrong one.
async fn admit(incoming: Incoming, token: &Token) -> Result<Option<Giving>, TransferError> {
    let connection = incoming.accept().map_err(lost)?.await.map_err(lost)?;
    let (send, mut receive) = connection.accept_bi().await.map_err(lost)?;
    let mut shown = [0; TOKEN_LEN];
    // What is too short is wrong, too.
    if receive.read_exact(&mut shown).await.is_err() || !token.matches(&shown) {
        connection.close(VarInt::from_u32(0), b"");
        return Ok(None);
    }
    Ok(Some(Giving { connection, send, receive }))
}

impl Giving {
    /// Sends the size and the archive.
    pub async fn send(&mut self, size: u64, mut archive: Chunks) -> Result<(), TransferError> {
        self.send.write_all(&size_frame(size)).await.map_err(lost)?;
        loop {
            match archive.next().await {
                Ok(Some(chunk)) => self.send.write_chunk(chunk).await.map_err(lost)?,
                Ok(None) => return self.send.finish().map_err(lost),
                Err(error) => {
                    // Otherwise the other device would wait until it takes the silence for an end.
                    self.connection.close(VarInt::from_u32(0), b"");
                    return Err(error);
                }
            }
        }
    }

    /// Waits until the other device has the profile.
    pub async fn confirmed(mut self) -> Result<(), TransferError> {
        let mut shown = [0; 1];
        self.receive.read_exact(&mut shown).await.map_err(lost)?;
        if shown != [CONFIRMATION] {
            return Err(TransferError::NotConfirmed);
        }
        // It waits for our acknowledgement: the connection is its to end.
        if timeout(FAREWELL, self.connection.closed()).await.is_err() {
            tracing::debug!("the other device did not end the connection");
        }
        Ok(())
    }
}
