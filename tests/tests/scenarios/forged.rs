//! Mails that claim to be what they are not: only the key that signed them tells from whom they are.

use volary_mail::openpgp::Layers;
use volary_proto::{GetContact, StartIo, StopIo};

use crate::victim::{Author, Victim, WRITTEN, inner, letter, sealed};

const SEALED: &str = "multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b";

/// The body of a mail whose type is `SEALED`.
fn two_parts(armored: &str) -> String {
    let whole = sealed("nobody@x", "none@x", armored);
    whole.split_once("\r\n\r\n").expect("a body").1.to_owned()
}

#[tokio::test]
async fn what_another_friend_signed_is_from_her_whatever_it_says() {
    let mut victim = Victim::new().await;
    let alice = victim.certificate().await;
    let mut carol = Author::new("carol@_one.test", 11);
    let with_carol = victim.knows(&mut carol, "Carol").await;
    let with_bob = victim.alice.chat_with(&victim.bob).await;
    let bob_before = victim.alice.contact(&victim.bob).await.expect("Bob is known");

    let payload = inner("bob@_one.test", "c1@x", "signed by Carol, named Bob");
    let armored = carol.seals(payload, &alice, Layers::MESSAGE);
    // The key of the signer is known from her card; the envelope may say either.
    victim.gets(sealed("bob@_one.test", "c1@x", &armored));
    let payload = inner("carol@_one.test", "c2@x", "signed by Carol, sent as Bob");
    let armored = carol.seals(payload, &alice, Layers::MESSAGE);
    victim.gets(sealed("bob@_one.test", "c2@x", &armored));

    let seen = victim.alice.sees("signed by Carol, sent as Bob").await;
    assert_eq!(seen.chat_id, with_carol.id);
    assert_eq!(with_bob.texts().await, ["hello"]);
    for text in with_carol.texts().await {
        assert!(text.starts_with("signed by Carol"), "{text}");
    }
    let bob_after = victim.alice.call(GetContact { contact_id: bob_before.id }).await;
    assert_eq!((bob_after.address, bob_after.is_verified), (bob_before.address, true));
    victim.world.ends().await;
}

#[tokio::test]
async fn a_friend_cannot_write_in_the_name_of_the_receiver() {
    let mut victim = Victim::new().await;
    let alice = victim.certificate().await;
    let mut carol = Author::new("carol@_one.test", 12);
    let with_carol = victim.knows(&mut carol, "Carol").await;
    for (number, outside) in ["alice@_one.test", "carol@_one.test"].into_iter().enumerate() {
        let id = format!("o{number}@x");
        let payload = inner("alice@_one.test", &id, "words put into her mouth");
        let armored = carol.seals(payload, &alice, Layers::MESSAGE);
        victim.gets(sealed(outside, &id, &armored));
    }
    victim.shows_nothing_new().await;
    assert_eq!(with_carol.texts().await, Vec::<String>::new());
    victim.world.ends().await;
}

#[tokio::test]
async fn what_stands_outside_has_no_say() {
    let mut victim = Victim::new().await;
    let alice = victim.certificate().await;
    let mut carol = Author::new("carol@_one.test", 13);
    let with_carol = victim.knows(&mut carol, "Carol").await;
    let armored = carol.seals(inner("carol@_one.test", "w1@x", "the inside"), &alice, Layers::MESSAGE);
    let outside = format!(
        "Chat-Group-ID: abcdefghijk\r\nChat-Group-Name: A trap\r\nChat-Edit: <other@x>\r\nChat-Delete: <other@x>\r\n\
         Chat-Content: group-avatar-changed\r\nChat-User-Avatar: x.png\r\n\
         Secure-Join: vc-request\r\nSubject: a lie\r\nIn-Reply-To: <none@x>\r\nCc: <dave@_one.test>\r\n{}",
        letter("bob@_one.test", "w1@x", SEALED, &two_parts(&armored))
    );
    victim.gets(outside.replace("Date: Fri, 20 Nov 2026", "Date: Sun, 20 Nov 2039"));
    let seen = victim.alice.sees("the inside").await;
    assert_eq!(seen.chat_id, with_carol.id);
    assert_eq!(seen.subject, "");
    assert_eq!(seen.timestamp, WRITTEN);
    assert_eq!(with_carol.texts().await, ["the inside"]);
    victim.world.ends().await;
}

#[tokio::test]
async fn sealed_words_are_never_mixed_with_others() {
    let mut victim = Victim::new().await;
    let (alice, bob) = (victim.alice.clone(), victim.bob.clone());
    // A true mail of Bob that never arrived, taken apart and put together again.
    alice.empties_mailboxes(&victim.world.relay).await;
    alice.call(StopIo {}).await;
    let sent = bob.says(&alice, "a secret").await;
    bob.has_sent(sent).await;
    let mailbox = victim.world.relay.mailbox(&alice.address).expect("Alice has a mailbox");
    let mail = mailbox.last().expect("a mail");
    let raw = String::from_utf8(mail.raw.to_vec()).expect("mail in ASCII");
    let begin = raw.find("-----BEGIN PGP MESSAGE-----").expect("a sealed part");
    let end = raw.find("-----END PGP MESSAGE-----").expect("its end") + "-----END PGP MESSAGE-----".len();
    let armored = raw[begin..end].to_owned();
    assert!(victim.world.relay.expire(&alice.address, "INBOX", mail.uid));
    alice.call(StartIo {}).await;

    let part = |kind: &str, body: &str| format!("--m\r\nContent-Type: {kind}\r\n\r\n{body}\r\n");
    let quote = part("text/html", "<img src=\"http://127.0.0.1:9/?");
    let sealed_part = part(SEALED, &two_parts(&armored));
    let rest = part("text/html", "\">");
    let mixed = "multipart/mixed; boundary=m";
    let extra = two_parts(&armored).replace("--b--", "--b\r\nContent-Type: text/html\r\n\r\nextra\r\n--b--");
    victim.gets(letter(&bob.address, "m1@x", mixed, &format!("{quote}{sealed_part}{rest}--m--\r\n")));
    victim.gets(letter(&bob.address, "m2@x", mixed, &format!("{sealed_part}--m--\r\n")));
    victim.gets(letter(&bob.address, "m3@x", "text/plain", &format!("{armored}\r\n")));
    victim.gets(letter(&bob.address, "m4@x", SEALED, &extra));
    victim.gets(letter(&bob.address, "m5@x", &SEALED.replace("encrypted;", "signed;"), &two_parts(&armored)));
    victim.shows_nothing_new().await;
    victim.world.ends().await;
}

#[tokio::test]
async fn broken_and_swollen_openpgp_data_are_passed_over() {
    let mut victim = Victim::new().await;
    let alice = victim.certificate().await;
    let mut carol = Author::new("carol@_one.test", 14);
    victim.knows(&mut carol, "Carol").await;
    let whole = carol.seals(inner("carol@_one.test", "t@x", "torn words"), &alice, Layers::MESSAGE);
    let lines: Vec<&str> = whole.lines().collect();
    for kept in (3..lines.len() - 2).step_by(3) {
        let torn = format!("{}\r\n-----END PGP MESSAGE-----", lines[..kept].join("\r\n"));
        victim.gets(sealed("carol@_one.test", &format!("t{kept}@x"), &torn));
    }
    // A packet that claims four gigabytes, and one that never ends.
    for (number, data) in ["0v////8B", "0uwBAQEBAQEB7AEBAQEB"].iter().enumerate() {
        let armored = format!("-----BEGIN PGP MESSAGE-----\r\n\r\n{data}\r\n-----END PGP MESSAGE-----");
        victim.gets(sealed("carol@_one.test", &format!("l{number}@x"), &armored));
    }
    // Small on the way, a hundred and sixty megabytes at the receiver.
    let mut payload = inner("carol@_one.test", "z@x", "swollen");
    payload.resize(160 << 20, b'z');
    let armored = carol.seals(payload, &alice, Layers::MESSAGE);
    assert!(armored.len() < 1 << 20);
    victim.gets(sealed("carol@_one.test", "z@x", &armored));
    victim.shows_nothing_new().await;
    victim.world.ends().await;
}
