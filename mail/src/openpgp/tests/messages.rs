//! Messages between keys: layout, attribution, intended recipients.

use super::foreign::{Habit, certificate_of, foreign_key, version_6_key};
use super::*;
use pgp::composed::{KeyType, MessageBuilder};
use pgp::crypto::aead::{AeadAlgorithm, ChunkSize};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::types::{CompressionAlgorithm, Password};
use proptest::prelude::*;

#[test]
fn bob_reads_alice_and_knows_it_is_her() {
    let (alice, bob, carol) = (alice(), bob(), carol());
    let message = alice.sends("Hello Bob", &[&bob]);
    let opened = bob.opens(&message).unwrap();
    assert_eq!(opened.payload, b"Hello Bob");
    assert_eq!((opened.issuers(), opened.matched_secret()), (vec![alice.fingerprint()], None));
    let verified =
        opened.authenticate(&[bob.fingerprint()], [&carol.certificate, &alice.certificate]).unwrap().unwrap();
    assert_eq!(verified.signer, alice.fingerprint());
    assert_eq!(verified.intended_recipients, [alice.fingerprint(), bob.fingerprint()]);
    assert_eq!(verified.signed_at, Some(NOW));
    let unknown = Unverified::UnknownSigner(vec![alice.fingerprint()]);
    assert_eq!(opened.verify([&carol.certificate]), Err(unknown));
    assert_eq!(carol.opens(&message).unwrap_err(), DecryptError::NoKey { tried: 1 });
}

#[test]
fn a_signature_is_never_older_than_its_key() {
    let (alice, bob) = (alice(), bob());
    let recipients = [bob.certificate.clone()];
    let long_ago = NOW - 1_000_000;
    let message =
        encrypt(b"hi".to_vec(), &alice.key, &recipients, Layers::MESSAGE, long_ago, &mut rng(7)).unwrap();
    let verified = bob.opens(&message).unwrap().verify([&alice.certificate]).unwrap();
    assert_eq!(verified.signed_at, Some(alice.key.created_at()));
}

/// RFC 9580, sections 5.1.2 and 5.13.2: version 6 session keys without a recipient, version 2 container. The own key
/// comes first, as chatmail core has it.
#[test]
fn a_message_has_the_exact_layout() {
    let (alice, bob, carol) = (alice(), bob(), carol());
    let message = alice.sends("Hi", &[&bob, &carol]);
    assert!(message.starts_with("-----BEGIN PGP MESSAGE-----\r\n\r\nw"));
    let binary = dearmored(&message);
    let packets = packets(&binary);
    assert_eq!(packets.iter().map(|(tag, _)| *tag).collect::<Vec<_>>(), [1, 1, 1, 18]);
    for (_, session_key) in &packets[..3] {
        assert_eq!((session_key.len(), &session_key[..3]), (71, &[6, 0, 18][..]));
    }
    assert_eq!(packets[3].1[..4], [2, 7, 2, 7]);
    // The first session key is for the sender's own devices.
    let own_only = [&binary[..73], &binary[3 * 73..]].concat();
    assert!(decrypt(&own_only, std::slice::from_ref(&alice.key), []).is_ok());
    assert!(decrypt(&own_only, std::slice::from_ref(&bob.key), []).is_err());
}

#[test]
fn saved_messages_are_for_the_own_key_alone() {
    let alice = alice();
    let message = alice.sends("note", &[&alice]);
    assert_eq!(packets(&dearmored(&message)).len(), 2);
    let verified = alice.opens(&message).unwrap().authenticate(&[alice.fingerprint()], [&alice.certificate]);
    assert_eq!(verified.unwrap().unwrap().intended_recipients, [alice.fingerprint()]);
}

#[test]
fn one_old_recipient_brings_the_old_container_for_all() {
    let (alice, bob) = (alice(), bob());
    let old = foreign_key(Habit::OldContainer, 5);
    let recipients = [bob.certificate.clone(), certificate_of(&old.to_public_key())];
    let message =
        encrypt(b"Hi".to_vec(), &alice.key, &recipients, Layers::MESSAGE, NOW, &mut rng(1)).unwrap();
    let binary = dearmored(&message);
    let packets = packets(&binary);
    for (tag, session_key) in &packets[..3] {
        assert_eq!((*tag, session_key[0], &session_key[1..9]), (1, 3, &[0u8; 8][..]));
    }
    assert_eq!((packets[3].0, packets[3].1[0]), (18, 1));
    let opened = bob.opens(&message).unwrap();
    assert_eq!(opened.payload, b"Hi");
    assert!(opened.verify([&alice.certificate]).is_ok());
}

#[test]
fn a_recipient_without_encryption_key_is_named() {
    let useless = certificate_of(&foreign_key(Habit::NoSubkey, 6).to_public_key());
    let result =
        encrypt(vec![], &alice().key, std::slice::from_ref(&useless), Layers::MESSAGE, NOW, &mut rng(1));
    assert_eq!(result.unwrap_err(), EncryptError::UnusableRecipient(useless.fingerprint()));
}

#[test]
fn announcements_are_unsigned_and_handshakes_uncompressed() {
    let (alice, bob) = (alice(), bob());
    let recipients = [bob.certificate.clone()];
    let send = |layers| encrypt(vec![b'a'; 5000], &alice.key, &recipients, layers, NOW, &mut rng(1)).unwrap();
    let announcement = bob.opens(&send(Layers::UNSIGNED)).unwrap();
    assert!(!announcement.is_signed());
    assert_eq!(
        announcement.authenticate(&[bob.fingerprint()], [&alice.certificate]),
        Ok(Err(Unverified::NotSigned))
    );
    assert!(send(Layers::HANDSHAKE).len() > 5000);
    assert!(send(Layers::MESSAGE).len() < 1500);
    assert!(bob.opens(&send(Layers::HANDSHAKE)).unwrap().verify([&alice.certificate]).is_ok());
}

/// Bob cannot pass a message of Alice on as if she had written to Carol.
#[test]
fn a_forwarded_signature_is_not_intended_for_carol() {
    let (alice, bob, carol) = (alice(), bob(), carol());
    // The envelope is Bob's work: he reuses the signed packets of Alice's message to him.
    let signed = signed_packets(&alice, &[alice.fingerprint(), bob.fingerprint()]);
    let envelope = wrap(&signed, &carol);
    let opened = decrypt(&envelope, std::slice::from_ref(&carol.key), []).unwrap();
    let verdict = opened.authenticate(&[carol.fingerprint()], [&alice.certificate]);
    assert_eq!(verdict, Err(Rejection::NotIntended));
    assert!(opened.authenticate(&[bob.fingerprint()], [&alice.certificate]).is_ok());

    // Clients that do not list recipients are believed.
    let opened =
        decrypt(&wrap(&signed_packets(&alice, &[]), &carol), std::slice::from_ref(&carol.key), []).unwrap();
    assert!(opened.authenticate(&[carol.fingerprint()], [&alice.certificate]).unwrap().is_ok());
}

/// The packets inside a message, as yet without container.
pub fn signed_packets(signer: &Person, intended: &[Fingerprint]) -> Vec<u8> {
    use pgp::packet::{Subpacket, SubpacketData};
    use pgp::types::{KeyDetails as _, Timestamp};
    let key = &signer.key.as_pgp().primary_key;
    let mut hashed = vec![
        Subpacket::critical(SubpacketData::SignatureCreationTime(Timestamp::from_secs(1))).unwrap(),
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint())).unwrap(),
    ];
    hashed.extend(intended.iter().map(|fingerprint| {
        Subpacket::regular(SubpacketData::IntendedRecipientFingerprint(fingerprint.to_pgp())).unwrap()
    }));
    let mut builder = MessageBuilder::from_bytes("", b"Hi".to_vec());
    builder.sign_with_subpackets(
        key,
        Password::empty(),
        HashAlgorithm::Sha256,
        pgp::composed::SubpacketConfig::UserDefined { hashed, unhashed: vec![] },
    );
    builder.to_vec(rng(1)).unwrap()
}

/// Puts ready-made packets into a container for `recipient`.
fn wrap(content: &[u8], recipient: &Person) -> Vec<u8> {
    use pgp::packet::{PacketTrait as _, SymEncryptedProtectedData};
    let mut builder = MessageBuilder::from_bytes("", vec![]).seipd_v2(
        rng(2),
        SymmetricKeyAlgorithm::AES128,
        AeadAlgorithm::Ocb,
        ChunkSize::C8KiB,
    );
    let session_key = builder.session_key().clone();
    builder.encrypt_to_key_anonymous(rng(2), recipient.certificate.encryption_subkey(NOW).unwrap()).unwrap();
    let whole = builder.to_vec(rng(2)).unwrap();
    let session_key_packet = &whole[..2 + usize::from(whole[1])];
    let container = SymEncryptedProtectedData::encrypt_seipdv2(
        rng(3),
        SymmetricKeyAlgorithm::AES128,
        AeadAlgorithm::Ocb,
        ChunkSize::C8KiB,
        session_key.as_ref(),
        content,
    )
    .unwrap();
    let mut envelope = session_key_packet.to_vec();
    container.to_writer_with_header(&mut envelope).unwrap();
    envelope
}

#[test]
fn signatures_of_subkeys_and_weak_digests_do_not_count() {
    let bob = bob();
    let foreign = foreign_key(Habit::SigningSubkey, 8);
    let certificate = certificate_of(&foreign.to_public_key());
    let mut builder = MessageBuilder::from_bytes("", b"Hi".to_vec());
    builder.sign(&foreign.secret_subkeys[0].key, Password::empty(), HashAlgorithm::Sha256);
    let by_subkey = builder.to_vec(rng(1)).unwrap();
    let opened = decrypt(&wrap(&by_subkey, &bob), std::slice::from_ref(&bob.key), []).unwrap();
    assert!(opened.is_signed());
    assert_eq!(opened.verify([&certificate]), Err(Unverified::BySubkey(certificate.fingerprint())));

    let mut builder = MessageBuilder::from_bytes("", b"Hi".to_vec());
    builder.sign(&foreign.primary_key, Password::empty(), HashAlgorithm::Sha256);
    let by_primary = builder.to_vec(rng(1)).unwrap();
    let opened = decrypt(&wrap(&by_primary, &bob), std::slice::from_ref(&bob.key), []).unwrap();
    assert!(opened.verify([&certificate]).is_ok());
}

#[test]
fn only_one_compression_layer_is_opened() {
    let (alice, bob) = (alice(), bob());
    let compress = |content: &[u8]| {
        use pgp::packet::{CompressedData, PacketHeader, PacketTrait as _};
        let mut zlib = vec![0x78, 0x01];
        // One stored block: enough for a small input, and independent of any compressor.
        let len = u16::try_from(content.len()).unwrap();
        zlib.push(1);
        zlib.extend(len.to_le_bytes());
        zlib.extend((!len).to_le_bytes());
        zlib.extend(content);
        let (a, b) = content.iter().fold((1u32, 0u32), |(a, b), &octet| {
            let a = (a + u32::from(octet)) % 65521;
            (a, (b + a) % 65521)
        });
        zlib.extend((b << 16 | a).to_be_bytes());
        let body = [&[u8::from(CompressionAlgorithm::ZLIB)][..], &zlib].concat();
        let header = PacketHeader::new_fixed(pgp::types::Tag::CompressedData, body.len().try_into().unwrap());
        let packet = CompressedData::try_from_reader(header, &body[..]).unwrap();
        let mut out = Vec::new();
        packet.to_writer_with_header(&mut out).unwrap();
        out
    };
    let signed = signed_packets(&alice, &[]);
    let once = decrypt(&wrap(&compress(&signed), &bob), std::slice::from_ref(&bob.key), []).unwrap();
    assert!(once.verify([&alice.certificate]).is_ok());
    let twice = decrypt(&wrap(&compress(&compress(&signed)), &bob), std::slice::from_ref(&bob.key), []);
    assert!(matches!(twice, Err(DecryptError::UnexpectedContent(_))));
    // Neither is encryption inside encryption.
    let nested = decrypt(&wrap(&wrap(&signed, &bob), &bob), std::slice::from_ref(&bob.key), []);
    assert!(matches!(nested, Err(DecryptError::UnexpectedContent(_))));
}

#[test]
fn detached_signatures_are_attributed_too() {
    use pgp::composed::DetachedSignature;
    use pgp::ser::Serialize as _;
    let (alice, bob) = (alice(), bob());
    let key = &alice.key.as_pgp().primary_key;
    let signature = DetachedSignature::sign_binary_data(
        rng(1),
        key,
        &Password::empty(),
        HashAlgorithm::Sha256,
        &b"text"[..],
    )
    .unwrap();
    let armored = armor::encode(armor::Block::Signature, &signature.to_bytes().unwrap(), "\n");
    let check =
        |text: &[u8], person: &Person| verify_detached(text, armored.as_bytes(), [&person.certificate]);
    assert_eq!(check(b"text", &alice).unwrap().signer, alice.fingerprint());
    assert_eq!(check(b"texT", &alice), Err(Unverified::BadSignature(alice.fingerprint())));
    assert_eq!(check(b"text", &bob), Err(Unverified::UnknownSigner(vec![alice.fingerprint()])));
    assert_eq!(verify_detached(b"text", b"no armor", [&alice.certificate]), Err(Unverified::Unacceptable));
}

#[test]
fn version_6_and_post_quantum_contacts_are_reached_both_ways() {
    let bob = bob();
    for kind in [KeyType::X25519, KeyType::MlKem768X25519] {
        let key = version_6_key(kind, 9);
        let address = addr("six@example.org");
        let certificate =
            key.certificate(&address, std::slice::from_ref(&address), NOW, &mut rng(1)).unwrap();
        let there = encrypt(
            b"there".to_vec(),
            &bob.key,
            std::slice::from_ref(&certificate),
            Layers::MESSAGE,
            NOW,
            &mut rng(1),
        );
        let opened = decrypt(there.unwrap().as_bytes(), std::slice::from_ref(&key), []).unwrap();
        assert!(opened.authenticate(&[key.fingerprint()], [&bob.certificate]).unwrap().is_ok());

        let back = encrypt(
            b"back".to_vec(),
            &key,
            std::slice::from_ref(&bob.certificate),
            Layers::MESSAGE,
            NOW,
            &mut rng(1),
        );
        let opened = bob.opens(&back.unwrap()).unwrap();
        let verified = opened.authenticate(&[bob.fingerprint()], [&certificate]).unwrap().unwrap();
        assert_eq!(verified.signer, key.fingerprint());
        assert_eq!(verified.intended_recipients, [key.fingerprint(), bob.fingerprint()]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_payload_round_trips(
        payload in proptest::collection::vec(any::<u8>(), 0..40_000),
        signed: bool,
        compressed: bool,
    ) {
        let (alice, bob) = (alice(), bob());
        let layers = Layers { signed, compressed };
        let message =
            encrypt(payload.clone(), &alice.key, std::slice::from_ref(&bob.certificate), layers, NOW, &mut rng(1)).unwrap();
        let opened = bob.opens(&message).unwrap();
        prop_assert_eq!(opened.verify([&alice.certificate]).is_ok(), signed);
        prop_assert!(opened.payload == payload);
    }
}
