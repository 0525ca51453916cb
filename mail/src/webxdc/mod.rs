//! In-chat apps (webxdc): their archives, what they tell about themselves, and their status updates.
//!
//! | module | holds |
//! |---|---|
//! | [`archive`] | a foreign `.xdc` file: checked as a whole, its entries streamed |
//! | [`manifest`] | `manifest.toml` |
//! | [`icon`] | which icon an app has, and which pictures may be one |
//! | [`info`] | what an app tells about itself |
//! | [`blob`] | what a path inside an app leads to |
//! | [`realtime`] | topics, addresses and frames of realtime channels |
//! | [`update`] | status updates: forms, effects, batches |
//!
//! Nothing here writes a file: an archive stays packed, and each entry is inflated when somebody asks for it.

use sha2::{Digest, Sha256};

use crate::openpgp::Fingerprint;

pub mod archive;
pub mod blob;
pub mod icon;
pub mod info;
pub mod manifest;
pub mod realtime;
pub mod update;

/// Type of an app on the wire.
pub const MIME_TYPE: &str = "application/webxdc+zip";

/// The version of the webxdc interface that an app may ask for.
pub const API_VERSION: u32 = 1;

/// The address of the user inside one app instance: lower-case hexadecimal SHA-256 of the own key's fingerprint and the
/// instance's Message-ID, without angle brackets. All devices of a user have the same.
///
/// Apps address each other by it, so it has to be the same to the bit in every implementation.
pub fn self_addr(fingerprint: &Fingerprint, message_id: &str) -> String {
    hex::encode(Sha256::digest(format!("{fingerprint}-{message_id}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_user_is_the_hash_of_key_and_message() {
        let fingerprint = "92E10A5D0ECFEDCB7472F20C91284E3A6BC3E0D5".parse().unwrap();
        let address = self_addr(&fingerprint, "0b560779-c70a-4829-a52a-c52a299e4a83@localhost");
        // `get_webxdc_info` of chatmail core 2.65.0 for this key and this message.
        assert_eq!(address, "dd1247c65dadf40924670d1c07ee387fa0a3bcce8077be57c115e306cf7044db");
    }
}
