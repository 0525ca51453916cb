//! What both say while engines die.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rand::{RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixListener;
use tokio::time::{Instant, sleep};
use volary_tests::Chat;

/// Every message of Alice with a number that this divides has a file.
const FILE_EVERY: u32 = 5;
/// Bytes of such a file: too many for a page of the database.
const FILE_LENGTH: usize = 30_000;

/// Ids of profile and chat at Alice.
#[derive(Clone, Copy)]
pub struct Ids {
    pub profile: u32,
    pub chat: u32,
}

/// The content of the file that goes with a text.
pub fn content_of(text: &str) -> Vec<u8> {
    let seed = text.bytes().fold(0u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let mut bytes = vec![0; FILE_LENGTH];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

/// What Alice says through her engine, and when it confirmed which text.
#[derive(Default)]
pub struct Said {
    number: u32,
    pub confirmed: Vec<(Instant, String)>,
    /// What the engine refused, and when.
    pub refused: Vec<(Instant, String)>,
}

impl Said {
    /// Alice says something as often as her engine confirms it, until it is killed.
    pub async fn goes_on(&mut self, listener: &UnixListener, dir: &Path, ids: Ids, pause: Duration) {
        let (client, _) = listener.accept().await.expect("the engine connects");
        let (input, mut output) = client.into_split();
        let mut lines = BufReader::new(input).lines();
        loop {
            self.number += 1;
            let text = format!("alice {}", self.number);
            let call = self.call(&text, dir, ids);
            if output.write_all(format!("{call}\n").as_bytes()).await.is_err() {
                break;
            }
            let Ok(Some(line)) = lines.next_line().await else { break };
            let answer: Value = serde_json::from_str(&line).expect("an answer in JSON");
            if answer["result"].is_u64() {
                self.confirmed.push((Instant::now(), text));
            } else {
                self.refused.push((Instant::now(), line));
            }
            sleep(pause).await;
        }
        // Killed: the caller notices.
        std::future::pending().await
    }

    fn call(&self, text: &str, dir: &Path, ids: Ids) -> Value {
        let mut data = json!({ "text": text });
        if self.number.is_multiple_of(FILE_EVERY) {
            let path = dir.join("file.bin");
            std::fs::write(&path, content_of(text)).expect("a file to send");
            data["file"] = json!(path);
            data["viewtype"] = json!("File");
        }
        let params = json!([ids.profile, ids.chat, data]);
        json!({ "jsonrpc": "2.0", "id": self.number, "method": "send_msg", "params": params })
    }
}

/// Carol says something all the time.
pub async fn carol_says(chat: &Chat, number: &mut u32, said: &mut BTreeSet<String>, pause: Duration) {
    loop {
        *number += 1;
        let text = format!("carol {number}");
        // When the round ends here, it may be said or not; only what was answered counts.
        chat.says(&text).await;
        said.insert(text);
        sleep(pause).await;
    }
}
