use std::io::{Read as _, Write as _};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::*;

const DEADLINE: Duration = Duration::from_secs(60);

/// Sends `parts` chunks of 100,000 bytes; ends in order if `whole`.
fn writes(parts: u8, whole: bool) -> pipe::Chunks {
    let (mut writer, chunks) = pipe::to_network();
    spawn_blocking(move || {
        for part in 0..parts {
            if writer.write_all(&vec![part; 100_000]).is_err() {
                return;
            }
        }
        if whole {
            writer.finish().unwrap();
        }
    });
    chunks
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    timeout(DEADLINE, work).await.expect("in time")
}

#[tokio::test]
async fn a_profile_goes_from_one_device_to_the_other() {
    let offer = Offer::open(Reach::Loopback).await.unwrap();
    let code = offer.code().await.unwrap();
    let gives = async {
        let mut giving = offer.taker().await.unwrap();
        giving.send(4_000_000, writes(40, true)).await.unwrap();
        giving.confirmed().await.unwrap();
    };
    let takes = async {
        let mut taking = Taking::begin(&code, Reach::Loopback).await.unwrap();
        assert_eq!(taking.size(), 4_000_000);
        let (feed, mut reader) = pipe::from_network();
        let read = spawn_blocking(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            all
        });
        taking.receive(feed).await.unwrap();
        let all = read.await.unwrap();
        taking.confirm().await;
        all
    };
    let ((), all) = within(async { tokio::join!(gives, takes) }).await;
    assert_eq!(all.len(), 4_000_000);
    assert!(all.chunks(100_000).zip(0..).all(|(part, number)| part.iter().all(|byte| *byte == number)));
    offer.close().await;
}

#[tokio::test]
async fn a_wrong_token_gets_no_byte_and_the_offer_stays_open() {
    let offer = Offer::open(Reach::Loopback).await.unwrap();
    let code = offer.code().await.unwrap();
    let gives = async {
        let mut giving = offer.taker().await.unwrap();
        // The taker ends as soon as it has the size, perhaps before everything is sent.
        let sent = giving.send(1, writes(1, true)).await;
        assert!(matches!(sent, Ok(()) | Err(TransferError::Lost(_))), "{sent:?}");
        // What is dropped closes the connection, perhaps before the size has come.
        giving
    };
    let takes = async {
        for wrong in [format!("{}A", &code.auth_token[..23]), "x".repeat(100)] {
            let mut wrong_code = code.clone();
            // The last character carries six bits of the secret.
            wrong_code.auth_token = if wrong == code.auth_token { wrong.replace('A', "B") } else { wrong };
            let refused = Taking::begin(&wrong_code, Reach::Loopback);
            match refused.await {
                Ok(_) => panic!("a wrong token is enough"),
                Err(error) => assert!(matches!(error, TransferError::Lost(_)), "{error}"),
            }
        }
        let taking = Taking::begin(&code, Reach::Loopback).await.unwrap();
        taking.end().await;
    };
    within(async { tokio::join!(gives, takes) }).await;
    offer.close().await;
}

#[tokio::test]
async fn an_archive_that_breaks_off_is_an_error_for_the_reader() {
    let offer = Offer::open(Reach::Loopback).await.unwrap();
    let code = offer.code().await.unwrap();
    let gives = async {
        let mut giving = offer.taker().await.unwrap();
        assert!(matches!(giving.send(1, writes(3, false)).await, Err(TransferError::Archive)));
    };
    let takes = async {
        let mut taking = match Taking::begin(&code, Reach::Loopback).await {
            Ok(taking) => taking,
            // The connection may be closed before the size has come.
            Err(error) => return assert!(matches!(error, TransferError::Lost(_)), "{error}"),
        };
        let (feed, mut reader) = pipe::from_network();
        let read = spawn_blocking(move || reader.read_to_end(&mut Vec::new()));
        assert!(taking.receive(feed).await.is_err());
        assert!(read.await.unwrap().is_err());
    };
    within(async { tokio::join!(gives, takes) }).await;
    offer.close().await;
}

#[tokio::test]
async fn a_taker_that_goes_away_fails_the_offer() {
    let offer = Offer::open(Reach::Loopback).await.unwrap();
    let code = offer.code().await.unwrap();
    let gives = async {
        let mut giving = offer.taker().await.unwrap();
        let sent = giving.send(1, writes(200, true)).await;
        match sent {
            Ok(()) => giving.confirmed().await,
            failed => failed,
        }
    };
    let takes = async { Taking::begin(&code, Reach::Loopback).await.unwrap().end().await };
    let (given, ()) = within(async { tokio::join!(gives, takes) }).await;
    assert!(matches!(given, Err(TransferError::Lost(_))), "{given:?}");
    offer.close().await;
}

#[tokio::test]
async fn a_reader_may_stop_at_the_end_of_the_archive() {
    let offer = Offer::open(Reach::Loopback).await.unwrap();
    let code = offer.code().await.unwrap();
    let gives = async {
        let mut giving = offer.taker().await.unwrap();
        giving.send(1, writes(5, true)).await.unwrap();
        giving.confirmed().await
    };
    let takes = async {
        let mut taking = Taking::begin(&code, Reach::Loopback).await.unwrap();
        let (feed, mut reader) = pipe::from_network();
        let read = spawn_blocking(move || reader.read_exact(&mut [0; 1000]));
        taking.receive(feed).await.unwrap();
        read.await.unwrap().unwrap();
        taking.confirm().await;
    };
    let (given, ()) = within(async { tokio::join!(gives, takes) }).await;
    given.unwrap();
    offer.close().await;
}
