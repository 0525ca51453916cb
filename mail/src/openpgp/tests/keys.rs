//! Own keys: their exact form, export, import, and what is handed out.

use super::*;

/// Types of the hashed subpackets of a version 4 signature, in order.
fn hashed_subpackets(signature: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let len = usize::from(u16::from_be_bytes([signature[4], signature[5]]));
    let mut area = &signature[6..6 + len];
    let mut found = Vec::new();
    while let [len, typ, ..] = *area {
        let end = 1 + usize::from(len);
        found.push((typ, area[2..end].to_vec()));
        area = &area[end..];
    }
    found
}

/// RFC 9580, section 10.1.2, with the packets, subpackets and lengths that chatmail core writes when it stores a key.
#[test]
fn a_generated_key_has_the_exact_stored_form() {
    let key = alice().key;
    let bytes = key.to_bytes().unwrap();
    let packets = packets(&bytes);
    let shape: Vec<_> = packets.iter().map(|(tag, body)| (*tag, body.len())).collect();
    assert_eq!(shape, [(5, 88), (13, 19), (2, 143), (7, 93), (2, 120)]);
    assert_eq!(packets[1].1, b"<alice@example.org>");

    let user_id = hashed_subpackets(packets[2].1);
    let types: Vec<u8> = user_id.iter().map(|(typ, _)| *typ).collect();
    assert_eq!(types, [2, 33, 27, 30, 11, 21, 22, 39, 25]);
    assert_eq!(user_id[2].1, [0x03], "certify and sign");
    assert_eq!(user_id[3].1, [0x09], "both encryption containers");
    assert_eq!(user_id[4].1, [9, 8, 7]);
    assert_eq!(user_id[5].1, [8, 9, 10, 11]);
    assert_eq!(user_id[6].1, [2, 1]);
    assert!(user_id[7].1.is_empty());

    let binding = hashed_subpackets(packets[4].1);
    assert_eq!(binding.iter().map(|(typ, _)| *typ).collect::<Vec<_>>(), [2, 27, 33]);
    assert_eq!(binding[1].1, [0x0c], "communication and storage");
}

/// RFC 9580, section 10.1.1, with the packets and subpackets that chatmail core hands out.
#[test]
fn the_handed_out_certificate_has_the_exact_form_and_lists_the_relays_in_order() {
    let alice = alice();
    let relays = [addr("new@relay2.example"), addr("alice@example.org")];
    let certificate = alice.key.certificate(&addr("alice@example.org"), &relays, NOW, &mut rng(1)).unwrap();
    let packets = packets(certificate.as_bytes());
    assert_eq!(packets.iter().map(|(tag, _)| *tag).collect::<Vec<_>>(), [6, 2, 13, 2, 14, 2]);
    assert_eq!((packets[0].1.len(), packets[4].1.len(), packets[5].1.len()), (51, 56, 120));

    let direct = hashed_subpackets(packets[1].1);
    assert_eq!(packets[1].1[1], 0x1f);
    assert_eq!(
        direct.iter().map(|(typ, _)| *typ).collect::<Vec<_>>(),
        [2, 33, 27, 30, 11, 21, 22, 39, 25, 20]
    );
    assert_eq!(direct[7].1, [9, 2], "AES-256 with OCB");
    let (head, text) = direct[9].1.split_at(8);
    assert_eq!(head, [0x80, 0, 0, 0, 0, 18, 0, 36]);
    assert_eq!(text, b"relays@chatmail.atnew@relay2.example,alice@example.org");
    assert_eq!(certificate.relays(), Some(&relays[..]));
    assert_eq!(certificate.newest_direct_signature(), Some(NOW));
    assert_eq!(certificate.fingerprint(), alice.fingerprint());
}

#[test]
fn equal_relay_lists_give_equal_octets_on_every_device() {
    let phone = alice().key;
    let laptop = SecretKey::from_bytes(&phone.to_bytes().unwrap()).unwrap();
    let (address, relays) = (addr("alice@example.org"), [addr("alice@example.org")]);
    let one = phone.certificate(&address, &relays, NOW, &mut rng(1)).unwrap();
    let other = laptop.certificate(&address, &relays, NOW, &mut rng(2)).unwrap();
    assert_eq!(one, other);
    let later = laptop.certificate(&address, &relays, NOW + 1, &mut rng(2)).unwrap();
    assert_ne!(one, later);
}

#[test]
fn a_relay_change_older_than_the_key_counts_from_the_key() {
    let alice = alice();
    let address = addr("alice@example.org");
    let certificate =
        alice.key.certificate(&address, std::slice::from_ref(&address), 5, &mut rng(1)).unwrap();
    assert_eq!(certificate.newest_direct_signature(), Some(alice.key.created_at()));
    assert!(matches!(alice.key.certificate(&address, &[], 5, &mut rng(1)), Err(KeyError::NoRelays)));
}

#[test]
fn export_and_import_keep_the_key() {
    let key = alice().key;
    let armored = key.to_armor().unwrap();
    assert!(armored.starts_with("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n"));
    let again = SecretKey::from_armor(armored.as_bytes()).unwrap();
    assert_eq!(again.to_bytes().unwrap(), key.to_bytes().unwrap());

    let public = key.to_public_armor().unwrap();
    let certificate = Certificate::from_armor(public.as_bytes()).unwrap();
    assert_eq!((certificate.fingerprint(), certificate.relays()), (key.fingerprint(), None));
    assert_eq!(
        SecretKey::from_armor(public.as_bytes()).unwrap_err().to_string(),
        "unexpected block type: PGP PUBLIC KEY BLOCK"
    );
}

#[test]
fn garbage_behind_an_old_stored_key_is_cut_off() {
    let key = alice().key;
    let bytes = key.to_bytes().unwrap();
    assert!(SecretKey::from_bytes(&[bytes.clone(), vec![b'='; 12]].concat()).is_err());
    for tail in 3..=6 {
        let spoiled = [bytes.clone(), vec![b'='; tail]].concat();
        assert_eq!(SecretKey::from_bytes(&spoiled).unwrap().fingerprint(), key.fingerprint(), "{tail}");
    }
}

#[test]
fn a_public_key_or_nothing_is_no_secret_key() {
    let alice = alice();
    assert_eq!(SecretKey::from_bytes(alice.certificate.as_bytes()).unwrap_err(), KeyError::NoPrivateKey);
    assert!(SecretKey::from_bytes(&[]).is_err());
    let secret = alice.key.to_bytes().unwrap();
    assert!(Certificate::parse(&secret).is_err());
}

#[test]
fn debug_output_shows_no_secret() {
    let key = alice().key;
    assert_eq!(format!("{key:?}"), format!("SecretKey({})", key.fingerprint()));
}
