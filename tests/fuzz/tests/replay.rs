//! The short form of fuzzing, for every compiler: all seeds, and mutations of them that are the same every time.

#![allow(clippy::unwrap_used)]

use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use volary_fuzz::{TARGETS, Target};

/// Mutations tried of each target's seeds, beside the seeds themselves.
const MUTATIONS: usize = 300;
/// Seeds above this size are replayed, but not mutated: size is the fuzzer's business.
const MAX_MUTATED: usize = 16 << 10;

fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty());
    for seed in &seeds {
        (target.run)(seed);
    }
    mutate(target, &seeds);
}

fn mutate(target: &Target, seeds: &[Vec<u8>]) {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let small: Vec<&Vec<u8>> = seeds.iter().filter(|seed| seed.len() <= MAX_MUTATED).collect();
    for _ in 0..MUTATIONS {
        let mut bytes = small.choose(&mut rng).unwrap().to_vec();
        for _ in 0..rng.gen_range(1..=4) {
            change(&mut bytes, small.choose(&mut rng).unwrap(), &mut rng);
        }
        bytes.truncate(target.max_len);
        (target.run)(&bytes);
    }
}

/// One small damage.
fn change(bytes: &mut Vec<u8>, other: &[u8], rng: &mut ChaCha20Rng) {
    let at = rng.gen_range(0..=bytes.len());
    let end = rng.gen_range(at..=bytes.len().min(at + 64));
    match rng.gen_range(0..6) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.gen_range(0..8),
        1 if at < bytes.len() => bytes[at] = rng.r#gen(),
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        _ => {
            let from = rng.gen_range(0..=other.len());
            let piece = other[from..other.len().min(from + 64)].to_vec();
            bytes.splice(at..end, piece);
        }
    }
}

macro_rules! every_target {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })*

        #[test]
        fn no_target_is_left_out() {
            let tested = [$(stringify!($name)),*];
            assert!(TARGETS.iter().all(|target| tested.contains(&target.name)));
        }
    };
}

every_target!(
    backup,
    backup_rows,
    mail,
    headers,
    decrypt,
    keys,
    roundtrip,
    qr,
    vcard,
    imap_client,
    smtp_client,
    relay_imap,
    relay_smtp,
    jsonrpc,
    webxdc_archive,
    webxdc_update,
    xml
);
