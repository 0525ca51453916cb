//! Mails that nobody should send: the engine survives them and shows nothing that it must not.

use volary_mail::openpgp::Layers;
use volary_proto::{GetNotShownMails, NotShownReason, StartIo, StopIo};

use crate::victim::{Author, Victim, inner, letter, sealed};

#[tokio::test]
async fn garbage_is_passed_over() {
    let mut victim = Victim::new().await;
    let sealed_type = "multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b";
    let mails: Vec<Vec<u8>> = vec![
        vec![],
        b"\r\n".to_vec(),
        b"\r\n\r\n\r\n".to_vec(),
        vec![0; 5000],
        vec![0xff; 5000],
        b"From".to_vec(),
        b": : :\r\n\r\n".to_vec(),
        b"From: \xff\xfe <\xff@\xfe>\r\nContent-Type: multipart/encrypted\r\n\r\n\xff".to_vec(),
        letter("bob@_one.test", "g1@x", sealed_type, "").into_bytes(),
        letter("bob@_one.test", "g2@x", sealed_type, "--b\r\n--b\r\n--b--\r\n").into_bytes(),
        sealed("bob@_one.test", "g3@x", "-----BEGIN PGP MESSAGE-----\r\n\r\n").into_bytes(),
        sealed(
            "bob@_one.test",
            "g4@x",
            "-----BEGIN PGP MESSAGE-----\r\n\r\n!!!!\r\n=AAAA\r\n-----END PGP MESSAGE-----",
        )
        .into_bytes(),
        format!("Content-Type: {}\r\n\r\n", "multipart/encrypted; ".repeat(20_000)).into_bytes(),
    ];
    for mail in mails {
        victim.gets(mail);
        victim.shows_nothing_new().await;
    }
    victim.world.ends().await;
}

#[tokio::test]
async fn plain_mail_is_not_shown_whoever_it_claims_to_be_from() {
    let mut victim = Victim::new().await;
    for (number, from) in ["bob@_one.test", "alice@_one.test", "stranger@_one.test", ""].iter().enumerate() {
        victim.gets(letter(from, &format!("p{number}@x"), "text/plain; charset=utf-8", "buy something\r\n"));
    }
    victim.shows_nothing_new().await;
    victim.world.ends().await;
}

#[tokio::test]
async fn mail_that_is_encrypted_but_not_signed_is_not_shown() {
    let mut victim = Victim::new().await;
    let alice = victim.certificate().await;
    let mut mallory = Author::new("mallory@_one.test", 1);
    for (number, from) in ["bob@_one.test", "alice@_one.test", "mallory@_one.test"].iter().enumerate() {
        let id = format!("u{number}@x");
        let payload = inner(from, &id, "unsigned words");
        let armored = mallory.seals(payload, &alice, Layers::UNSIGNED);
        victim.gets(sealed(from, &id, &armored));
    }
    victim.shows_nothing_new().await;
    assert_eq!(unsigned(&victim).await, 3);

    // News of a key are never signed: the key signs itself.
    let autocrypt = format!("addr=mallory@_one.test; keydata={}", mallory.certificate().to_base64());
    let update = format!(
        "From: <mallory@_one.test>\r\nTo: \"hidden-recipients\": ;\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n\
         Message-ID: <k1@x>\r\nSubject: Keyupdate\r\nAutocrypt: {autocrypt}\r\nContent-Type: multipart/report; \
         report-type=disposition-notification; hp=\"cipher\"; boundary=b\r\n\r\n--b\r\n\
         Content-Type: text/plain\r\n\r\nnews\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\n\
         Disposition: automatic-action/MDN-sent-automatically; processed\r\n\r\n--b--\r\n"
    );
    let armored = mallory.seals(update.into_bytes(), &alice, Layers::UNSIGNED);
    victim.gets(sealed("mallory@_one.test", "k1@x", &armored));
    victim.shows_nothing_new().await;
    assert_eq!(unsigned(&victim).await, 3);
    victim.world.ends().await;
}

/// How many mails are said to lack a signature.
async fn unsigned(victim: &Victim) -> usize {
    let mails = victim.alice.call(GetNotShownMails { limit: 0 }).await.mails;
    mails.iter().filter(|mail| mail.reason() == NotShownReason::Unsigned).count()
}

#[tokio::test]
async fn mail_that_a_stranger_signed_is_never_from_a_friend_or_oneself() {
    let mut victim = Victim::new().await;
    let alice = victim.certificate().await;
    let mut mallory = Author::new("bob@_one.test", 2);
    // Without the key of the signer nothing is verified: it is as if there were no signature.
    for (number, from) in ["bob@_one.test", "alice@_one.test"].iter().enumerate() {
        let id = format!("s{number}@x");
        let payload = inner(from, &id, "borrowed name");
        let armored = mallory.seals(payload, &alice, Layers::MESSAGE);
        victim.gets(sealed(from, &id, &armored));
    }
    victim.shows_nothing_new().await;

    let friends = victim.alice.chat_with(&victim.bob).await;
    // With it, the mail is from a stranger who happens to use that address: a chat of its own, a request.
    let autocrypt =
        format!("Autocrypt: addr=bob@_one.test; keydata={}\r\n", mallory.certificate().to_base64());
    let mut payload = autocrypt.into_bytes();
    payload.extend(inner("bob@_one.test", "s9@x", "a stranger's words"));
    let armored = mallory.seals(payload, &alice, Layers::MESSAGE);
    victim.gets(sealed("bob@_one.test", "s9@x", &armored));
    let seen = victim.alice.sees("a stranger's words").await;
    assert_ne!(seen.chat_id, friends.id);
    let sender = seen.sender.expect("a sender");
    assert!(!sender.is_verified);
    let request = volary_tests::Chat { person: victim.alice.clone(), id: seen.chat_id };
    assert!(request.full().await.is_contact_request);
    assert_eq!(friends.texts().await, ["hello", "fence 1"]);
    victim.world.ends().await;
}

#[tokio::test]
async fn a_mail_that_comes_again_is_shown_once() {
    let victim = Victim::new().await;
    let (alice, bob) = (victim.alice.clone(), victim.bob.clone());
    alice.empties_mailboxes(&victim.world.relay).await;
    alice.call(StopIo {}).await;
    let sent = bob.says(&alice, "only once").await;
    bob.has_sent(sent).await;
    let mailbox = victim.world.relay.mailbox(&alice.address).expect("Alice has a mailbox");
    let raw = mailbox.last().expect("a mail").raw.to_vec();
    victim.gets(raw.clone());
    alice.call(StartIo {}).await;
    alice.sees("only once").await;
    // Again later, and under another number on the envelope.
    victim.gets(raw.clone());
    let text = String::from_utf8(raw).expect("mail in ASCII");
    let renamed: String = text
        .lines()
        .map(|line| {
            if line.starts_with("Message-ID:") {
                "Message-ID: <other@x>\r\n".to_owned()
            } else {
                format!("{line}\r\n")
            }
        })
        .collect();
    assert_ne!(renamed, text);
    victim.gets(renamed);
    bob.says(&alice, "fence").await;
    alice.sees("fence").await;
    alice.empties_mailboxes(&victim.world.relay).await;
    assert_eq!(alice.chat_with(&bob).await.texts().await, ["hello", "only once", "fence"]);
    victim.world.ends().await;
}

#[tokio::test]
async fn parts_nested_ten_thousand_deep_are_survived() {
    const DEPTH: usize = 10_000;
    let mut victim = Victim::new().await;
    let mut body = String::new();
    for level in 0..DEPTH {
        body.push_str(&format!(
            "--b{level}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n",
            level + 1
        ));
    }
    let plain = letter("bob@_one.test", "n1@x", "multipart/mixed; boundary=b0", &body);
    victim.gets(plain.clone());
    // The same where only the receiver sees it.
    let alice = victim.certificate().await;
    let mut mallory = Author::new("mallory@_one.test", 3);
    let armored = mallory.seals(plain.into_bytes(), &alice, Layers::MESSAGE);
    victim.gets(sealed("bob@_one.test", "n1@x", &armored));
    victim.shows_nothing_new().await;
    victim.world.ends().await;
}

#[tokio::test]
async fn a_hundred_thousand_header_fields_are_survived() {
    let mut victim = Victim::new().await;
    let fields = "X-More: of the same\r\n".repeat(100_000);
    victim.gets(format!("{fields}{}", letter("bob@_one.test", "h1@x", "text/plain", "hi")));
    victim.gets(format!(
        "X-Long: {}\r\n{}",
        "x".repeat(1 << 20),
        letter("bob@_one.test", "h2@x", "text/plain", "hi")
    ));
    let references = "<a@b> ".repeat(100_000);
    victim
        .gets(format!("References: {references}\r\n{}", letter("bob@_one.test", "h3@x", "text/plain", "hi")));
    victim.shows_nothing_new().await;
    victim.world.ends().await;
}
