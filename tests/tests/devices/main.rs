//! Devices of one user do anything in any order, some of them offline, over a relay that loses answers and brings mails
//! twice. When all have heard of everything they show the same.
//!
//! `VOLARY_STORIES` sets how many stories are told, `VOLARY_SEED` the first of them, `VOLARY_ACTIONS` how much happens in
//! each; each prints its seed. With `RUST_LOG=volary_engine=debug` they
//! print what the engine decides.

// A test that cannot go on ends with a message.
#![allow(clippy::expect_used, clippy::panic)]

mod actions;
mod seen;
mod story;

/// Stories for each number of devices unless `VOLARY_STORIES` says otherwise.
const STORIES: u64 = 2;
/// The first story unless `VOLARY_SEED` says otherwise: a run that fails says what was changed, not which story was drawn.
const FIRST_SEED: u64 = 5;
/// Actions of a story unless `VOLARY_ACTIONS` says otherwise.
const ACTIONS: u64 = 40;

fn number_from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Shows what the engine decides, as `RUST_LOG` says; errors alone without it.
fn logs() {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    // The other test of this program may have been first.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

/// Tells stories of so many devices, and what happened in each.
async fn devices_agree(devices: usize) {
    logs();
    let stories = number_from_environment("VOLARY_STORIES").unwrap_or(STORIES);
    let actions = number_from_environment("VOLARY_ACTIONS").unwrap_or(ACTIONS);
    let first = number_from_environment("VOLARY_SEED").unwrap_or(FIRST_SEED);
    for seed in first..first + stories {
        println!("VOLARY_SEED={seed} VOLARY_ACTIONS={actions}");
        let actions = usize::try_from(actions).expect("not that many");
        println!("{}", story::told(seed, devices, actions).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_devices_of_one_user_end_in_the_same_state() {
    devices_agree(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_devices_of_one_user_end_in_the_same_state() {
    devices_agree(3).await;
}
