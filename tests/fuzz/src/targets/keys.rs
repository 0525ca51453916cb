//! Certificates and secret keys that others hand out, armored or not.

use volary_mail::address::Address;
use volary_mail::openpgp::{Certificate, MAX_CERTIFICATE_LEN, MAX_RELAYS, SecretKey};

use crate::people::{self, ALICE, BOB, NOW};

/// Reads keys and merges them into what is known already.
pub fn run(data: &[u8]) {
    for certificate in [Certificate::parse(data), Certificate::from_armor(data)].into_iter().flatten() {
        check(&certificate);
    }
    for key in [SecretKey::from_bytes(data), SecretKey::from_armor(data)].into_iter().flatten() {
        let octets = key.to_bytes().expect("a key that was read can be stored");
        let again = SecretKey::from_bytes(&octets).expect("a stored key can be read");
        assert_eq!(again.fingerprint(), key.fingerprint());
        let me = Address::parse("me@example.org").expect("an address");
        if let Ok(certificate) = key.certificate(&me, std::slice::from_ref(&me), NOW, &mut people::rng()) {
            assert_eq!(certificate.fingerprint(), key.fingerprint());
            check(&certificate);
        }
    }
}

fn check(certificate: &Certificate) {
    assert!(certificate.as_bytes().len() <= MAX_CERTIFICATE_LEN);
    assert!(certificate.relays().is_none_or(|relays| relays.len() <= MAX_RELAYS));
    let again = Certificate::parse(certificate.as_bytes()).expect("what was read can be read again");
    assert_eq!(&again, certificate);
    let stored = Certificate::from_store(certificate.as_bytes()).expect("what was read can be stored");
    assert_eq!(stored.fingerprint(), certificate.fingerprint());
    assert_eq!(Certificate::from_base64(&certificate.to_base64()).as_ref(), Ok(certificate));
    assert_eq!(Certificate::from_armor(certificate.to_armor().as_bytes()).as_ref(), Ok(certificate));
    let _ = certificate.newest_direct_signature();
    if let Ok(first) = Certificate::merge(None, certificate) {
        assert_eq!(first.certificate.fingerprint(), certificate.fingerprint());
        let second = Certificate::merge(Some(&first.certificate), certificate).expect("the same key");
        assert_eq!(second.certificate.fingerprint(), certificate.fingerprint());
    }
    for known in [&ALICE.certificate, &BOB.certificate] {
        // Whatever arrives: the known key stays the same key, and can still be encrypted to.
        if let Ok(merged) = Certificate::merge(Some(known), certificate) {
            assert_eq!(merged.certificate.fingerprint(), known.fingerprint());
            assert!(merged.certificate.can_encrypt(NOW));
        }
    }
}

/// The keys of two people in all their forms, and Alice's with another list of relays.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for person in [&*ALICE, &*BOB] {
        seeds.push(person.certificate.as_bytes().to_vec());
        seeds.push(person.certificate.to_armor().into_bytes());
        seeds.push(person.key.to_bytes().unwrap());
        seeds.push(person.key.to_armor().unwrap().into_bytes());
        seeds.push(person.key.to_public_armor().unwrap().into_bytes());
    }
    let relays = ["alice@example.org", "alice@two.example", "alice@three.example"];
    let relays: Vec<Address> = relays.iter().map(|relay| Address::parse(relay).unwrap()).collect();
    let moved = ALICE.key.certificate(&relays[1], &relays, NOW, &mut people::rng()).unwrap();
    seeds.push(moved.as_bytes().to_vec());
    seeds
}
