//! Devices of one user do anything in any order, some of them offline, over a relay that loses answers and brings mails
//! twice. When all have heard of everything they show the same.
//!
//! `VOLARY_STORIES` sets how many stories are told, `VOLARY_SEED` the first of them, `VOLARY_ACTIONS` how much happens in
//! each; each prints its seed.

// A test that cannot go on ends with a message.
#![allow(clippy::expect_used, clippy::panic)]

mod actions;
mod seen;
mod story;

use rand::Rng as _;

/// Stories unless `VOLARY_STORIES` says otherwise.
const STORIES: u64 = 2;
/// Actions of a story unless `VOLARY_ACTIONS` says otherwise.
const ACTIONS: u64 = 60;

fn number_from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_of_one_user_end_in_the_same_state() {
    let stories = number_from_environment("VOLARY_STORIES").unwrap_or(STORIES);
    let actions = number_from_environment("VOLARY_ACTIONS").unwrap_or(ACTIONS);
    let first =
        number_from_environment("VOLARY_SEED").unwrap_or_else(|| rand::thread_rng().gen_range(0..1 << 32));
    for seed in first..first + stories {
        println!("VOLARY_SEED={seed} VOLARY_ACTIONS={actions}");
        println!("{}", story::told(seed, actions).await);
    }
}
