//! Whose a failure is: nothing that may pass, and nothing of ours, looks like a bad mail.

use super::*;
use pgp::composed::MessageBuilder;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::types::Password;

/// A message that names its recipient, signed by `signer`, with the octet at `spoil` changed.
fn named(to: &Person, signer: &Person, spoil: impl Fn(usize) -> Option<usize>) -> Vec<u8> {
    let signer = &signer.key.as_pgp().primary_key;
    let mut builder =
        MessageBuilder::from_bytes("", b"Hi".to_vec()).seipd_v1(rng(1), SymmetricKeyAlgorithm::AES128);
    builder.sign(signer, Password::empty(), HashAlgorithm::Sha256);
    builder.encrypt_to_key(rng(2), to.certificate.encryption_subkey(NOW).unwrap()).unwrap();
    let mut message = builder.to_vec(rng(3)).unwrap();
    if let Some(at) = spoil(message.len()) {
        message[at] ^= 1;
    }
    message
}

fn failure(message: &[u8], own: &[SecretKey], secrets: &[SharedSecret]) -> DecryptError {
    decrypt(message, own, secrets).unwrap_err()
}

#[test]
fn a_message_for_others_may_be_for_a_key_that_comes() {
    let (alice, bob, carol) = (alice(), bob(), carol());
    let anonymous = alice.sends("Hi", &[&bob]);
    for message in [anonymous.as_bytes(), &named(&bob, &alice, |_| None)] {
        for own in [vec![carol.key.clone()], vec![], vec![carol.key.clone(), alice.key.clone()]] {
            // The sender can always read what she sent.
            if message == anonymous.as_bytes() && own.len() == 2 {
                continue;
            }
            let error = failure(message, &own, &[]);
            assert_eq!(error, DecryptError::NoKey { tried: own.len() });
            assert_eq!(error.class(), FailureClass::NotYet);
        }
    }
}

#[test]
fn a_post_waits_for_the_secret_that_opens_it() {
    let secrets: Vec<_> = (0..3).map(|n| SharedSecret::channel(&format!("secret {n}"), None)).collect();
    let post = encrypt_with_secret(b"post".to_vec(), &secrets[2], None, true, NOW, &mut rng(1)).unwrap();
    for tried in 0..=2 {
        let error = failure(post.as_bytes(), &[alice().key], &secrets[..tried]);
        assert_eq!((error.class(), error), (FailureClass::NotYet, DecryptError::NoSecret { tried }));
    }
    assert!(decrypt(post.as_bytes(), &[], &secrets).is_ok());
}

#[test]
fn damage_is_refused_whatever_comes_later() {
    let (alice, bob) = (alice(), bob());
    let own = std::slice::from_ref(&bob.key);
    let session_key = named(&bob, &alice, |_| Some(70));
    assert_eq!(failure(&session_key, own, &[]), DecryptError::BadSessionKey(bob.fingerprint()));
    let ciphertext = named(&bob, &alice, |len| Some(len - 5));
    assert!(matches!(failure(&ciphertext, own, &[]), DecryptError::Integrity(_)));
    for message in [session_key, ciphertext, b"no message".to_vec(), vec![], vec![0xff; 40]] {
        assert_eq!(failure(&message, own, &[]).class(), FailureClass::Refused, "{message:?}");
    }
}

#[test]
fn a_signature_of_an_unknown_key_is_no_bad_signature() {
    let (alice, bob, carol) = (alice(), bob(), carol());
    let opened = decrypt(&named(&bob, &alice, |_| None), std::slice::from_ref(&bob.key), []).unwrap();
    let unknown = opened.verify([&carol.certificate]).unwrap_err();
    assert_eq!(unknown, Unverified::UnknownSigner(vec![alice.fingerprint()]));
    assert_eq!(unknown.class(), FailureClass::NotYet);
    assert_eq!(opened.verify([&carol.certificate, &alice.certificate]).unwrap().signer, alice.fingerprint());

    let mut altered = opened;
    altered.payload = b"Ho".to_vec();
    let bad = altered.verify([&carol.certificate, &alice.certificate]).unwrap_err();
    assert_eq!((bad.class(), bad), (FailureClass::Refused, Unverified::BadSignature(alice.fingerprint())));
}

#[test]
fn stored_keys_that_cannot_be_read_are_our_own_failure() {
    let alice = alice();
    let secret = alice.key.to_bytes().unwrap();
    assert!(SecretKey::from_store(&secret).is_ok());
    let cut = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let errors = [
        SecretKey::from_store(&cut(&secret)).unwrap_err(),
        SecretKey::from_store(&[]).unwrap_err(),
        Certificate::from_store(&cut(alice.certificate.as_bytes())).unwrap_err(),
        Certificate::from_store(&secret).unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.class() == FailureClass::Own));
    assert!(errors[1].to_string().starts_with("stored key is damaged: "));
}
