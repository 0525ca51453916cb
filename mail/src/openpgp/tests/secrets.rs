//! Messages under shared secrets: channels and invites.

use super::*;

const CHANNEL: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

fn post(signer: Option<&Person>, secret: &SharedSecret) -> Vec<u8> {
    let key = signer.map(|person| &person.key);
    encrypt_with_secret(b"post".to_vec(), secret, key, true, NOW, &mut rng(1)).unwrap().into_bytes()
}

/// RFC 9580, sections 5.3.2 and 5.13.2: a version 6 session key under a secret (iterated and salted, AES-256, OCB), as
/// chatmail core sends posts.
#[test]
fn a_post_has_the_exact_layout() {
    let message = post(Some(&alice()), &SharedSecret::channel(CHANNEL, None));
    let binary = dearmored(std::str::from_utf8(&message).unwrap());
    let packets = packets(&binary);
    assert_eq!((packets.len(), packets[0].0, packets[0].1.len()), (2, 3, 62));
    assert_eq!(packets[0].1[..7], [6, 0x1c, 7, 2, 0x0a, 1, 8]);
    assert_eq!((packets[1].0, &packets[1].1[..4]), (18, &[2, 7, 2, 7][..]));
}

#[test]
fn subscribers_believe_the_owner_only() {
    let (owner, eve) = (alice(), bob());
    let secret = SharedSecret::channel(CHANNEL, Some(owner.fingerprint()));
    let candidates = [&owner.certificate, &eve.certificate];
    let verdict = |message: Vec<u8>| {
        let opened = decrypt(&message, &[], [&secret]).unwrap();
        assert_eq!((opened.payload.as_slice(), opened.matched_secret()), (&b"post"[..], Some(0)));
        opened.authenticate(&[carol().fingerprint()], candidates)
    };
    let verified = verdict(post(Some(&owner), &secret)).unwrap().unwrap();
    assert_eq!((verified.signer, verified.intended_recipients), (owner.fingerprint(), vec![]));
    assert_eq!(verdict(post(Some(&eve), &secret)), Err(Rejection::SecretWrongSigner));
    assert_eq!(verdict(post(None, &secret)), Err(Rejection::SecretUnsigned));
    // Without the certificates at hand, the owner may have been it, and Eve cannot.
    let blind = |signer: &Person| {
        let opened = decrypt(&post(Some(signer), &secret), &[], [&secret]).unwrap();
        opened.authenticate(&[carol().fingerprint()], []).unwrap_err()
    };
    assert_eq!(
        (blind(&owner), blind(&owner).class()),
        (Rejection::SecretUnknownSigner, FailureClass::NotYet)
    );
    assert_eq!((blind(&eve), blind(&eve).class()), (Rejection::SecretUnsigned, FailureClass::Refused));
}

#[test]
fn the_fitting_secret_is_found_among_many() {
    let others: Vec<_> = (0..50).map(|n| SharedSecret::channel(&format!("{n}{CHANNEL}"), None)).collect();
    let message = post(None, &others[33]);
    let opened = decrypt(&message, &[], &others).unwrap();
    assert_eq!(opened.matched_secret(), Some(33));
    assert_eq!(decrypt(&message, &[], &others[..33]).unwrap_err(), DecryptError::NoSecret { tried: 33 });
}

#[test]
fn inviter_and_joiner_derive_the_same_secret() {
    let (inviter, joiner) = (alice(), bob());
    let token = "abcdefghijklmnopqrstuvwx";
    let given = SharedSecret::own_invite(inviter.fingerprint(), token);
    let scanned = SharedSecret::scanned_invite(inviter.fingerprint(), token);
    let request = decrypt(&post(None, &scanned), &[], [&given]).unwrap();
    assert_eq!(request.authenticate(&[inviter.fingerprint()], []), Ok(Err(Unverified::NotSigned)));
    let answer = decrypt(&post(Some(&inviter), &given), &[], [&scanned]).unwrap();
    let verified = answer.authenticate(&[joiner.fingerprint()], [&inviter.certificate]).unwrap();
    assert_eq!(verified.unwrap().signer, inviter.fingerprint());
}

#[test]
fn expensive_derivations_and_several_secrets_are_never_tried() {
    use pgp::composed::MessageBuilder;
    use pgp::crypto::aead::{AeadAlgorithm, ChunkSize};
    use pgp::crypto::sym::SymmetricKeyAlgorithm;
    use pgp::types::{Password, StringToKey};
    let secret = SharedSecret::channel(CHANNEL, None);
    let build = |derivations: Vec<StringToKey>| {
        let mut builder = MessageBuilder::from_bytes("", b"x".to_vec()).seipd_v2(
            rng(1),
            SymmetricKeyAlgorithm::AES128,
            AeadAlgorithm::Ocb,
            ChunkSize::C8KiB,
        );
        for derivation in derivations {
            builder.encrypt_with_password(rng(1), derivation, &Password::from(CHANNEL)).unwrap();
        }
        builder.to_vec(rng(1)).unwrap()
    };
    let salted = || StringToKey::Salted { hash_alg: pgp::crypto::hash::HashAlgorithm::Sha256, salt: [1; 8] };
    assert!(decrypt(&build(vec![salted()]), &[], [&secret]).is_ok());
    let iterated = build(vec![StringToKey::new_default(rng(1))]);
    assert_eq!(decrypt(&iterated, &[], [&secret]).unwrap_err(), DecryptError::UnsupportedStringToKey);
    let twice = build(vec![salted(), salted()]);
    assert!(!decrypt::Envelope::parse(&twice).unwrap().needs_shared_secret());
    assert_eq!(decrypt(&twice, &[], [&secret]).unwrap_err(), DecryptError::NoKey { tried: 0 });
}
