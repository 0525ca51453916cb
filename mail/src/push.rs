//! Tokens of devices for push notifications, encrypted so that only the notification proxy can read them: relays keep
//! and forward them, and compare them as texts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::{CryptoRng, Rng};

use crate::openpgp::{Certificate, EncryptError, KeyError, encrypt_unsigned};

/// Tokens are filled up to this many bytes, so that their length does not tell what kind of device it is.
const PADDED_LEN: usize = 512;
/// Longest text that is given to a relay.
const MAX_VALUE: usize = 4096;
/// What precedes the message.
const SCHEME: &str = "openpgp:";

/// The certificate of the notification proxy that most relays use (`notifications.delta.chat`).
pub const PROXY_CERTIFICATE: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----

xioGZ03cdhsAAAAg6PasQQylEuWAp9N5PXN93rqjZdqOqN3s9RJEU/K8FZzCsAYf
GwoAAABBBQJnTdx2AhsDAh4JCAsJCAcKDQwLBRUKCQgLAhYCIiEGiJJktnCmEtXa
qsSIGRJtupMnxycz/yT0xZK9ez+YkmIAAAAAUfgg/sg0sR2mytzADFBpNAaY0Hyu
aru8ics3eUkeNn2ziL4ZsIMx+4mcM5POvD0PG9LtH8Rz/y9iItD0c2aoRBab7iri
/gDm6aQuj3xXgtAiXdaN9s+QPxR9gY/zG1t9iXgBzioGZ03cdhkAAAAgwJ0wQFsk
MGH4jklfK1fFhYoQZMjEFCRBIk+r1S+WaSDClQYYGwgAAAAsBQJnTdx2AhsMIiEG
iJJktnCmEtXaqsSIGRJtupMnxycz/yT0xZK9ez+YkmIAAAAKCRCIkmS2cKYS1WdP
EFerccH2BoIPNbrxi6hwvxxy7G1mHg//ofD90fqmeY9xTfKMYl16bqQh4R1PiYd5
LMc5VqgXHgioqTYKbltlOtWC+HDt/PrymQsN4q/aEmsM
=5jvt
-----END PGP PUBLIC KEY BLOCK-----
";

/// The certificate of the notification proxy.
pub fn proxy_certificate() -> Result<Certificate, KeyError> {
    Certificate::from_armor(PROXY_CERTIFICATE.as_bytes())
}

/// Encrypts the token of a device for the notification proxy. The result is to be kept and given to all relays as long
/// as the token stays the same: each encryption gives another text, and relays would notify once for each.
pub fn encrypt_token(
    token: &str,
    proxy: &Certificate,
    now: i64,
    rng: &mut (impl Rng + CryptoRng),
) -> Result<String, EncryptError> {
    let mut padded = token.as_bytes().to_vec();
    padded.resize(padded.len().max(PADDED_LEN), b' ');
    let message = encrypt_unsigned(padded, proxy, now, rng)?;
    Ok(format!("{SCHEME}{}", STANDARD.encode(message)))
}

/// Whether a text can be given to a relay as a quoted METADATA value.
pub fn is_sendable(value: &str) -> bool {
    value.len() <= MAX_VALUE && value.bytes().all(|b| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\'))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha20Rng;

    use super::*;
    use crate::address::Address;
    use crate::openpgp::{SecretKey, decrypt};

    const NOW: i64 = 1_800_000_000;

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::seed_from_u64(11)
    }

    fn proxy() -> (SecretKey, Certificate) {
        let address = Address::parse("proxy@example.org").unwrap();
        let key = SecretKey::generate(&address, NOW - 10, &mut rng()).unwrap();
        let certificate =
            key.certificate(&address, std::slice::from_ref(&address), NOW - 10, &mut rng()).unwrap();
        (key, certificate)
    }

    #[test]
    fn the_proxy_reads_the_padded_token() {
        let (key, certificate) = proxy();
        for token in ["fcm-chat.example:abc", "", "ü", &"x".repeat(511), &"x".repeat(512), &"y".repeat(600)]
        {
            let value = encrypt_token(token, &certificate, NOW, &mut rng()).unwrap();
            let message = STANDARD.decode(value.strip_prefix("openpgp:").unwrap()).unwrap();
            let opened = decrypt(&message, std::slice::from_ref(&key), []).unwrap();
            let text = String::from_utf8(opened.payload.clone()).unwrap();
            assert_eq!(text.trim_end_matches(' '), token);
            assert_eq!(text.len(), token.len().max(512));
            assert!(opened.issuers().is_empty(), "no signature");
            assert!(is_sendable(&value));
        }
    }

    // SEIPDv2 (version 2) with AES-128 (7), OCB (2) and chunks of 8 KiB (7), after one session key of version 6.
    #[test]
    fn the_message_has_the_layout_that_the_proxy_expects() {
        let value = encrypt_token("t", &proxy_certificate().unwrap(), NOW, &mut rng()).unwrap();
        let message = STANDARD.decode(value.strip_prefix("openpgp:").unwrap()).unwrap();
        assert_eq!((message[0], message[2]), (0xC1, 6), "session key");
        let container = 2 + usize::from(message[1]);
        assert_eq!(message[container], 0xD2);
        let header = if message[container + 1] < 192 { container + 2 } else { container + 3 };
        assert_eq!(message[header..header + 4], [2, 7, 2, 7]);
    }

    #[test]
    fn the_certificate_of_the_proxy_is_the_right_one() {
        assert_eq!(
            proxy_certificate().unwrap().fingerprint().to_string().to_uppercase(),
            "889264B670A612D5DAAAC48819126DBA9327C72733FF24F4C592BD7B3F989262"
        );
    }

    #[test]
    fn what_cannot_be_quoted_is_not_sent() {
        assert!(is_sendable("openpgp:abc+/=") && is_sendable(&"x".repeat(4096)));
        for bad in ["a\"b", "a\\b", "a\r\nb", "ü", "\u{7f}", &"x".repeat(4097)] {
            assert!(!is_sendable(bad));
        }
    }
}
