//! Decrypting, telling who signed, and reading what was inside.
//!
//! The first octet says what the others are: an OpenPGP message; packets inside an encryption container whose session
//! key Bob can open; a payload that Alice signs and encrypts; or a detached signature. Nobody but Alice can sign, so
//! whatever verifies must be what she signed.

use std::sync::LazyLock;

use pgp::composed::{Deserializable as _, MessageBuilder, RawSessionKey, SignedPublicKey, SignedSecretKey};
use pgp::crypto::aead::{AeadAlgorithm, ChunkSize};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{
    PacketTrait, PublicKeyEncryptedSessionKey, SymEncryptedProtectedData, SymKeyEncryptedSessionKey,
};
use pgp::types::{CompressionAlgorithm, Password, StringToKey};
use volary_mail::message::{Payload, ReadOptions, detached_signature, parse_effective, parse_outer};
use volary_mail::openpgp::{Layers, SharedSecret, decrypt, encrypt_with_secret, verify_detached};

use crate::mails;
use crate::people::{self, ALICE, BOB, NOW};

/// What the first octet says.
#[derive(Clone, Copy)]
enum Kind {
    /// Armored or binary OpenPGP.
    Message,
    /// Packets inside a container of the second version, for Bob's key.
    Content,
    /// Packets inside a container of the first version, for Bob's key.
    OldContent,
    /// Packets inside a container for a shared secret.
    SecretContent,
    /// A payload that Alice signs and encrypts.
    Payload,
    /// `multipart/signed` with a detached signature.
    Detached,
}

const KINDS: [Kind; 6] =
    [Kind::Message, Kind::Content, Kind::OldContent, Kind::SecretContent, Kind::Payload, Kind::Detached];

/// The only text that Alice ever signed.
const SIGNED: &[u8] = b"Content-Type: text/plain; charset=utf-8\r\n\r\nHello Bob\r\n";
/// Most that the packets of an input may expand to, whatever they claim.
const MAX_PAYLOAD: usize = 80 << 20;

/// Decrypts and reads.
pub fn run(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    match KINDS[usize::from(first) % KINDS.len()] {
        Kind::Message => open(rest, SIGNED),
        Kind::Content => open(&container(&ENVELOPES.new, rest), SIGNED),
        Kind::OldContent => open(&old_container(rest), SIGNED),
        Kind::SecretContent => open(&container(&ENVELOPES.secret, rest), SIGNED),
        Kind::Payload => {
            let armored =
                people::encrypted(rest.to_vec(), Layers { signed: true, compressed: first & 0x80 != 0 });
            let opened = decrypt(armored.as_bytes(), std::slice::from_ref(&BOB.key), []).expect("own mail");
            assert_eq!(opened.payload, rest);
            let verified = opened.authenticate(&[BOB.key.fingerprint()], [&ALICE.certificate]);
            assert_eq!(verified.expect("for Bob").expect("by Alice").signer, ALICE.key.fingerprint());
            open(armored.as_bytes(), rest);
        }
        Kind::Detached => {
            let Some(found) = detached_signature(rest) else { return };
            if verify_detached(found.signed, &found.signature, [&ALICE.certificate]).is_ok() {
                assert_eq!(found.signed, SIGNED);
            }
        }
    }
}

/// Opens a message as Bob. If a signature of Alice verifies, the payload must be `signed`.
fn open(message: &[u8], signed: &[u8]) {
    let Ok(opened) = decrypt(message, std::slice::from_ref(&BOB.key), SECRETS.iter()) else { return };
    assert!(opened.payload.len() <= MAX_PAYLOAD, "{} octets became {}", message.len(), opened.payload.len());
    assert!(opened.issuers().len() <= 4 && (opened.is_signed() || opened.issuers().is_empty()));
    if let Ok(verified) = opened.verify([&BOB.certificate, &ALICE.certificate]) {
        assert_eq!(verified.signer, ALICE.key.fingerprint(), "Bob never signs");
        assert_eq!(opened.payload, signed, "Alice never signed this");
    }
    let Ok(verified) = opened.authenticate(&[BOB.key.fingerprint()], [&ALICE.certificate]) else { return };
    // The first secret is good in Alice's hands only.
    assert!(opened.matched_secret() != Some(0) || verified.is_ok());
    let outer = parse_outer(&FRAME).expect("the builder's own frame");
    let payload = Payload { bytes: &opened.payload, signed: verified.is_ok() };
    if let Ok(message) = parse_effective(&outer, Some(&payload), ReadOptions::default()) {
        assert_eq!((message.decrypted, message.signed), (true, verified.is_ok()));
    }
}

static FRAME: LazyLock<Vec<u8>> =
    LazyLock::new(|| people::frame(&people::text(""), "-----BEGIN PGP MESSAGE-----"));

/// Of a channel that Alice owns, and of an invite that Bob gave out.
static SECRETS: LazyLock<[SharedSecret; 2]> = LazyLock::new(|| {
    [
        SharedSecret::channel(CHANNEL_SECRET, Some(ALICE.key.fingerprint())),
        SharedSecret::own_invite(BOB.key.fingerprint(), INVITE_TOKEN),
    ]
});

const CHANNEL_SECRET: &str = "AbCdEfGhIjKlMnOpQrStUvWxAbCdEfGhIjKlMnOpQrS";
const INVITE_TOKEN: &str = "AbCdEfGhIjKlMnOpQrStUvWx";

const SESSION_KEY: [u8; 16] = [7; 16];
const CIPHER: SymmetricKeyAlgorithm = SymmetricKeyAlgorithm::AES128;
const AEAD: AeadAlgorithm = AeadAlgorithm::Ocb;

/// Session key packets in front of the containers. Made once: they cost more than all the rest.
struct Envelopes {
    new: Vec<u8>,
    old: Vec<u8>,
    secret: Vec<u8>,
}

static ENVELOPES: LazyLock<Envelopes> = LazyLock::new(|| {
    let key = RawSessionKey::from(&SESSION_KEY[..]);
    let bob = SignedPublicKey::from_bytes(BOB.certificate.as_bytes()).unwrap();
    let subkey = &bob.public_subkeys[0];
    let salted = StringToKey::Salted { hash_alg: HashAlgorithm::Sha256, salt: [1; 8] };
    let secret = Password::from(CHANNEL_SECRET);
    Envelopes {
        new: octets(&PublicKeyEncryptedSessionKey::from_session_key_v6(people::rng(), &key, subkey).unwrap()),
        old: octets(
            &PublicKeyEncryptedSessionKey::from_session_key_v3(people::rng(), &key, CIPHER, subkey).unwrap(),
        ),
        secret: octets(
            &SymKeyEncryptedSessionKey::encrypt_v6(people::rng(), &secret, &key, salted, CIPHER, AEAD)
                .unwrap(),
        ),
    }
});

fn octets(packet: &impl PacketTrait) -> Vec<u8> {
    let mut octets = Vec::new();
    packet.to_writer_with_header(&mut octets).unwrap();
    octets
}

/// A message whose container holds these packets.
fn container(session_key: &[u8], content: &[u8]) -> Vec<u8> {
    let sealed = SymEncryptedProtectedData::encrypt_seipdv2(
        people::rng(),
        CIPHER,
        AEAD,
        ChunkSize::C8KiB,
        &SESSION_KEY,
        content,
    );
    [session_key, &octets(&sealed.unwrap())].concat()
}

fn old_container(content: &[u8]) -> Vec<u8> {
    let sealed = SymEncryptedProtectedData::encrypt_seipdv1(people::rng(), CIPHER, &SESSION_KEY, content);
    [&ENVELOPES.old[..], &octets(&sealed.unwrap())].concat()
}

/// Packets as they lie inside a container: signed or not, compressed or not.
fn contents() -> Vec<Vec<u8>> {
    let alice = SignedSecretKey::from_bytes(ALICE.key.to_bytes().unwrap().as_slice()).unwrap();
    let mut contents = Vec::new();
    for (signed, compression) in [
        (false, None),
        (true, None),
        (true, Some(CompressionAlgorithm::ZLIB)),
        (true, Some(CompressionAlgorithm::ZIP)),
    ] {
        let mut builder = MessageBuilder::from_bytes("", SIGNED);
        if signed {
            builder.sign(&alice.primary_key, Password::empty(), HashAlgorithm::Sha256);
        }
        if let Some(algorithm) = compression {
            builder.compression(algorithm);
        }
        contents.push(builder.to_vec(people::rng()).unwrap());
    }
    contents
}

/// Messages of every form, and what lies inside of them.
pub fn seeds() -> Vec<Vec<u8>> {
    let seed = |kind: Kind, bytes: &[u8]| [&[kind as u8], bytes].concat();
    let armored = people::encrypted(SIGNED.to_vec(), Layers::MESSAGE);
    let mut seeds = vec![
        seed(Kind::Message, armored.as_bytes()),
        seed(Kind::Message, people::encrypted(b"Hi".to_vec(), Layers::UNSIGNED).as_bytes()),
    ];
    for content in contents() {
        seeds.push(seed(Kind::Message, &container(&ENVELOPES.new, &content)));
        seeds.push(seed(Kind::Message, &old_container(&content)));
        for kind in [Kind::Content, Kind::OldContent, Kind::SecretContent] {
            seeds.push(seed(kind, &content));
        }
    }
    for (secret, signer) in SECRETS.iter().zip([Some(&ALICE.key), None]) {
        let armored =
            encrypt_with_secret(SIGNED.to_vec(), secret, signer, false, NOW, &mut people::rng()).unwrap();
        seeds.push(seed(Kind::Message, armored.as_bytes()));
    }
    seeds.extend(mails::all().iter().map(|mail| seed(Kind::Payload, &people::payload(mail))));
    seeds.push(seed(Kind::Detached, &detached()));
    seeds
}

/// What Alice signed, in the form of RFC 1847.
fn detached() -> Vec<u8> {
    use pgp::composed::{ArmorOptions, DetachedSignature};
    let alice = SignedSecretKey::from_bytes(ALICE.key.to_bytes().unwrap().as_slice()).unwrap();
    let signature = DetachedSignature::sign_binary_data(
        people::rng(),
        &alice.primary_key,
        &Password::empty(),
        HashAlgorithm::Sha256,
        SIGNED,
    );
    let armored = signature.unwrap().to_armored_string(ArmorOptions::default()).unwrap();
    let mut mail = b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n".to_vec();
    mail.extend_from_slice(SIGNED);
    mail.extend_from_slice(b"\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\n");
    mail.extend_from_slice(armored.as_bytes());
    mail.extend_from_slice(b"\r\n--b--\r\n");
    mail
}
