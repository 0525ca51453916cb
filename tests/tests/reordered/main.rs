//! Mails of handshakes, channels and groups come late, in another order, twice, alone and in batches, while the engine is
//! restarted and killed in between: what can be shown is shown, once.
//!
//! `VOLARY_STORIES` sets how many stories are told, `VOLARY_SEED` the first of them; each prints its seed.

// A test that cannot go on ends with a message.
#![allow(clippy::expect_used, clippy::panic)]

mod child;
mod remains;
mod story;

use rand::Rng as _;

/// Stories unless `VOLARY_STORIES` says otherwise.
const STORIES: u64 = 3;

fn number_from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_mails_come_what_can_be_shown_is_shown_once() {
    let stories = number_from_environment("VOLARY_STORIES").unwrap_or(STORIES);
    let first =
        number_from_environment("VOLARY_SEED").unwrap_or_else(|| rand::thread_rng().gen_range(0..1 << 32));
    for seed in first..first + stories {
        println!("VOLARY_SEED={seed}");
        let figures = story::told(seed).await;
        println!("{figures}");
    }
}
