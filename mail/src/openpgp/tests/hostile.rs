//! Broken, cut and exploding input: an error, never a panic, never partial content, never unbounded work.

use super::messages::signed_packets;
use super::*;
use proptest::prelude::*;

#[test]
fn altered_ciphertext_gives_nothing() {
    let (alice, bob) = (alice(), bob());
    let binary = dearmored(&alice.sends(&"Hello ".repeat(4000), &[&bob]));
    for position in [binary.len() - 1, binary.len() - 20, binary.len() / 2] {
        let mut altered = binary.clone();
        altered[position] ^= 1;
        assert!(decrypt(&altered, std::slice::from_ref(&bob.key), []).is_err(), "{position}");
    }
    let longer = [binary.as_slice(), b"tail"].concat();
    assert!(decrypt(&longer, std::slice::from_ref(&bob.key), []).is_err());
}

/// Container octets: version, cipher, AEAD mode, chunk size.
#[test]
fn unknown_ciphers_and_modes_are_refused() {
    let (alice, bob) = (alice(), bob());
    let binary = dearmored(&alice.sends("Hi", &[&bob]));
    let container = 2 * 73 + 2 + usize::from(binary[2 * 73 + 1] >= 192);
    assert_eq!(binary[container..container + 4], [2, 7, 2, 7]);
    for position in 0..4 {
        for value in (0..=255).filter(|value| *value != binary[container + position]) {
            let mut altered = binary.clone();
            altered[container + position] = value;
            assert!(decrypt(&altered, std::slice::from_ref(&bob.key), []).is_err(), "{position} {value}");
        }
    }
}

#[test]
fn expanding_data_is_bounded() {
    let (alice, bob) = (alice(), bob());
    let bomb = alice.sends(&"\0".repeat(80 * 1024 * 1024), &[&bob]);
    assert!(bomb.len() < 1024 * 1024);
    assert_eq!(bob.opens(&bomb).unwrap_err(), DecryptError::TooLarge);
}

#[test]
fn a_crowd_of_session_keys_is_refused_before_any_is_tried() {
    let (alice, bob) = (alice(), bob());
    let binary = dearmored(&alice.sends("Hi", &[&bob]));
    let crowd = [binary[..73].repeat(1001), binary].concat();
    assert_eq!(decrypt(&crowd, &[bob.key], []).unwrap_err(), DecryptError::TooManyPackets);
}

#[test]
fn plain_text_and_keys_are_no_messages() {
    let bob = bob();
    let armored_key = bob.certificate.to_armor();
    for text in ["", "Hello", "-----BEGIN PGP MESSAGE-----\n", armored_key.as_str()] {
        assert!(matches!(bob.opens(text), Err(DecryptError::Malformed(_))), "{text}");
    }
    let key = std::slice::from_ref(&bob.key);
    assert!(decrypt(bob.certificate.as_bytes(), key, []).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn altered_messages_never_panic_nor_verify(position: prop::sample::Index, bit in 0u8..8, cut: bool) {
        let (alice, bob) = (alice(), bob());
        let mut binary = dearmored(&alice.sends("Hello Bob, how are you?", &[&bob]));
        let position = position.index(binary.len());
        if cut {
            binary.truncate(position);
        } else {
            binary[position] ^= 1 << bit;
        }
        if let Ok(opened) = decrypt(&binary, std::slice::from_ref(&bob.key), []) {
            // Only damage to the session key of somebody else goes unnoticed.
            prop_assert!(opened.payload == b"Hello Bob, how are you?");
        }
    }

    #[test]
    fn altered_certificates_never_panic(position: prop::sample::Index, bit in 0u8..8, cut: bool) {
        let certificate = alice().certificate;
        let mut bytes = certificate.as_bytes().to_vec();
        let position = position.index(bytes.len());
        if cut {
            bytes.truncate(position);
        } else {
            bytes[position] ^= 1 << bit;
        }
        if let Ok(parsed) = Certificate::parse(&bytes)
            && let Ok(merged) = Certificate::merge(Some(&certificate), &parsed)
        {
            prop_assert_eq!(merged.certificate.fingerprint(), certificate.fingerprint());
            prop_assert!(merged.certificate.can_encrypt(NOW));
        }
    }

    #[test]
    fn altered_secret_keys_never_panic(position: prop::sample::Index, bit in 0u8..8) {
        let alice = alice();
        let mut bytes = alice.key.to_bytes().unwrap();
        let position = position.index(bytes.len());
        bytes[position] ^= 1 << bit;
        if let Ok(key) = SecretKey::from_bytes(&bytes) {
            let _ = key.certificate(&addr("a@b.c"), &[addr("a@b.c")], NOW, &mut rng(1));
            let _ = encrypt(vec![1], &key, &[], Layers::MESSAGE, NOW, &mut rng(1));
        }
    }

    #[test]
    fn altered_content_never_panics_nor_verifies(position: prop::sample::Index, bit in 0u8..8, cut: bool) {
        let alice = alice();
        let mut content = signed_packets(&alice, &[alice.fingerprint()]);
        let position = position.index(content.len());
        if cut {
            content.truncate(position);
        } else {
            content[position] ^= 1 << bit;
        }
        if let Ok(content) = packets::read_content(&content, 10_000) {
            let opened = Decrypted { payload: content.payload, signatures: content.signatures, secret: None };
            if opened.verify([&alice.certificate]).is_ok() {
                prop_assert_eq!(opened.payload, b"Hi");
            }
        }
    }

    #[test]
    fn decrypted_garbage_never_panics(content in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = packets::read_content(&content, 10_000);
    }
}
