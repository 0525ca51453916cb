//! Certificates of contacts: relay lists, bounds, merging.

use super::foreign::{Habit, certificate_of, foreign_key, version_6_key, with_expiring_subkey};
use super::*;
use pgp::composed::{Deserializable as _, KeyType, SignedPublicKey};
use pgp::packet::{SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails as _, Password, Tag, Timestamp};
use proptest::prelude::*;

fn with_relays(key: &SecretKey, relays: &str, at: i64) -> Certificate {
    let relays: Vec<_> = relays.split(',').map(addr).collect();
    key.certificate(&relays[0], &relays, at, &mut rng(1)).unwrap()
}

#[test]
fn only_the_first_five_relays_are_used() {
    let listed = with_relays(&alice().key, "a@a.a,b@b.b,c@c.c,d@d.d,e@e.e,f@f.f,g@g.g", NOW);
    let used: Vec<_> = listed.relays().unwrap().iter().map(Address::as_str).collect();
    assert_eq!(used, ["a@a.a", "b@b.b", "c@c.c", "d@d.d", "e@e.e"]);
}

#[test]
fn certificates_survive_base64_armor_and_the_store() {
    let certificate = alice().certificate;
    let mut text = certificate.to_base64();
    text.insert_str(70, "\r\n ");
    assert_eq!(Certificate::from_base64(&text).unwrap(), certificate);
    assert_eq!(Certificate::from_armor(certificate.to_armor().as_bytes()).unwrap(), certificate);
    let stored = Certificate::from_store(certificate.as_bytes()).unwrap();
    assert_eq!((stored.relays(), stored.can_encrypt(NOW)), (certificate.relays(), true));
}

#[test]
fn one_bad_binding_makes_a_certificate_invalid() {
    let good = alice().certificate;
    // The last octet belongs to the signature that binds the encryption subkey.
    let mut bytes = good.as_bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    assert!(matches!(Certificate::parse(&bytes), Err(KeyError::InvalidBinding(_))));
}

#[test]
fn oversized_input_is_refused_unparsed() {
    let huge = vec![0x99; MAX_CERTIFICATE_LEN + 1];
    assert_eq!(Certificate::parse(&huge).unwrap_err(), KeyError::TooLarge(MAX_CERTIFICATE_LEN + 1));
    let text = "A".repeat(2 * MAX_CERTIFICATE_LEN + 1);
    assert!(matches!(Certificate::from_base64(&text), Err(KeyError::TooLarge(_))));
}

#[test]
fn the_newest_relay_list_wins_and_the_stored_one_at_equal_times() {
    let key = alice().key;
    let stored = with_relays(&key, "old@a.a", NOW);
    let same_second = with_relays(&key, "other@a.a", NOW);
    let older = with_relays(&key, "older@a.a", NOW - 1);
    let newer = with_relays(&key, "new@a.a", NOW + 1);
    for received in [&same_second, &older] {
        let merged = Certificate::merge(Some(&stored), received).unwrap();
        assert!(!merged.changed);
        assert_eq!(merged.certificate.relays(), stored.relays());
    }
    let merged = Certificate::merge(Some(&stored), &newer).unwrap();
    assert!(merged.changed);
    assert_eq!(merged.certificate.relays(), newer.relays());
    assert_eq!(merged.certificate, newer, "nothing of the old version remains");
}

#[test]
fn a_certificate_without_subkeys_does_not_take_the_encryption_key_away() {
    let alice = alice();
    let mut stripped =
        SignedPublicKey::from_bytes(with_relays(&alice.key, "n@n.n", NOW + 9).as_bytes()).unwrap();
    stripped.public_subkeys.clear();
    let stripped = certificate_of(&stripped);
    let merged = Certificate::merge(Some(&alice.certificate), &stripped).unwrap().certificate;
    assert!(merged.can_encrypt(NOW));
    assert_eq!(merged.relays(), stripped.relays());
    assert_eq!(Certificate::merge(None, &stripped).unwrap_err(), KeyError::NoEncryptionKey);
}

#[test]
fn different_keys_do_not_merge() {
    let merged = Certificate::merge(Some(&alice().certificate), &bob().certificate);
    assert_eq!(merged.unwrap_err(), KeyError::DifferentKeys);
}

/// Somebody else's certification of Alice's user id is dropped on arrival, her revocation by a merge.
#[test]
fn third_party_signatures_and_revocations_are_dropped() {
    let (alice, bob) = (alice(), bob());
    let mut public = SignedPublicKey::from_bytes(alice.certificate.as_bytes()).unwrap();
    let certifier = &bob.key.as_pgp().primary_key;
    let mut config = SignatureConfig::from_key(rng(2), certifier, SignatureType::CertGeneric).unwrap();
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::SignatureCreationTime(Timestamp::from_secs(1))).unwrap(),
        Subpacket::regular(SubpacketData::IssuerFingerprint(certifier.fingerprint())).unwrap(),
    ];
    let user = &mut public.details.users[0];
    let certification = config
        .sign_certification_third_party(
            certifier,
            &Password::empty(),
            &public.primary_key,
            Tag::UserId,
            &user.id,
        )
        .unwrap();
    user.signatures.push(certification);
    assert_eq!(certificate_of(&public), alice.certificate);

    let own = &alice.key.as_pgp().primary_key;
    let mut config = SignatureConfig::from_key(rng(2), own, SignatureType::KeyRevocation).unwrap();
    config.hashed_subpackets =
        vec![Subpacket::regular(SubpacketData::SignatureCreationTime(Timestamp::from_secs(1))).unwrap()];
    let revocation = config.sign_key(own, &Password::empty(), own.public_key()).unwrap();
    public.details.revocation_signatures.push(revocation);
    let revoked = certificate_of(&public);
    assert_ne!(revoked, alice.certificate);
    assert_eq!(revoked.minimised().unwrap(), alice.certificate);
    let merged = Certificate::merge(Some(&revoked), &alice.certificate).unwrap();
    assert_eq!(merged.certificate, alice.certificate);
}

#[test]
fn subkeys_count_by_flags_and_expiry() {
    let key = foreign_key(Habit::OldContainer, 1);
    let made = i64::from(key.secret_subkeys[0].key.created_at().as_secs());
    let expiring = certificate_of(&with_expiring_subkey(&key, 10, 100));
    assert!(expiring.can_encrypt(made + 99));
    assert!(!expiring.can_encrypt(made + 100));
    // The newest binding rules: prolonging a subkey is a merge.
    let prolonged = certificate_of(&with_expiring_subkey(&key, 11, 200));
    let merged = Certificate::merge(Some(&expiring), &prolonged).unwrap().certificate;
    assert!(merged.can_encrypt(made + 150));

    for habit in [Habit::NoSubkey, Habit::AuthenticationOnly] {
        assert!(!certificate_of(&foreign_key(habit, 2).to_public_key()).can_encrypt(NOW));
    }
    let other = certificate_of(&foreign_key(Habit::SigningSubkey, 3).to_public_key());
    assert!(other.can_encrypt(NOW) && other.supports_seipd_v2());
    assert!(!expiring.supports_seipd_v2());
}

#[test]
fn version_6_certificates_carry_relays_without_user_id() {
    for kind in [KeyType::X25519, KeyType::MlKem768X25519] {
        let key = version_6_key(kind, 4);
        let certificate = with_relays(&key, "alice@example.org", NOW);
        assert_eq!(certificate.fingerprint().as_bytes().len(), 32);
        assert_eq!(certificate.relays(), Some(&[addr("alice@example.org")][..]));
        let parsed = SignedPublicKey::from_bytes(certificate.as_bytes()).unwrap();
        assert!(parsed.details.users.is_empty());
        assert_eq!(certificate_of(&parsed), certificate);
        assert_eq!(certificate.as_bytes(), parsed.to_bytes().unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Merging is idempotent, and versions of different age may arrive in any order.
    #[test]
    fn merging_converges(times in proptest::collection::hash_set(0i64..1000, 1..5)) {
        let key = alice().key;
        let versions: Vec<_> =
            times.iter().map(|time| with_relays(&key, &format!("r{time}@a.a"), NOW + time)).collect();
        let fold = |versions: &mut dyn Iterator<Item = &Certificate>| {
            versions.fold(None, |stored: Option<Certificate>, received| {
                Some(Certificate::merge(stored.as_ref(), received).unwrap().certificate)
            })
        };
        let forward = fold(&mut versions.iter());
        let backward = fold(&mut versions.iter().rev());
        prop_assert_eq!(&forward, &backward);
        let newest = versions.iter().max_by_key(|version| version.newest_direct_signature());
        prop_assert_eq!(forward.as_ref(), newest);
        let again = Certificate::merge(forward.as_ref(), newest.unwrap()).unwrap();
        prop_assert!(!again.changed);
    }
}
