//! The two sides against each other, and each rule alone.

mod handshake;
mod inviter_rules;
mod joiner_rules;
mod observer_rules;
mod verification_rules;
mod world;

use super::*;
use crate::openpgp::Fingerprint;

fn key(n: u8) -> Fingerprint {
    Fingerprint::V4([n; 20])
}

fn token(text: &str) -> Token {
    Token::parse(text).expect("a token")
}

/// Whether some effect is as wanted.
fn has(effects: &[Effect], wanted: impl Fn(&Effect) -> bool) -> bool {
    effects.iter().any(wanted)
}

fn sent(effects: &[Effect]) -> Vec<&StepMail> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(mail) => Some(mail),
            _ => None,
        })
        .collect()
}
