//! Which headers count.

use super::*;

#[test]
fn outer_headers_have_no_effect_on_a_protected_message() {
    let message = decrypted(
        "Chat-Content: call-ended\nAuto-Submitted: auto-generated\nChat-Group-Name: evil\nSubject: evil\nList-Id: <evil>\n\
         Chat-Edit: <t>\nChat-Delete: <t>\nSecure-Join: vc-request-with-auth\nTo: <mallory@example.org>\nEphemeral-Timer: 1\n",
        "Content-Type: text/plain; hp=cipher; charset=utf-8\nFrom: <alice@example.org>\nChat-Version: 1.0\n\nhi",
        true,
    )
    .unwrap();
    assert_eq!(message.system, None);
    assert!(!message.is_from_bot() && message.group == GroupFacts::default());
    assert_eq!(
        (message.subject.as_deref(), message.list.is_some(), message.edit.is_some()),
        (None, false, false)
    );
    assert!(message.delete.is_empty() && message.handshake.is_none() && message.to.is_empty());
    assert_eq!((message.ephemeral_timer, message.kind()), (None, MessageKind::Visible));
}

#[test]
fn without_protection_mark_a_signed_payload_still_hides_chat_headers_and_subject() {
    let message = decrypted(
        "Chat-Group-Name: evil\nSubject: evil\nList-Id: <evil>\nTo: <bob@example.net>\nSecure-Join-Auth: evil\n",
        "Content-Type: text/plain; charset=utf-8\nChat-Version: 1.0\n\nhi",
        true,
    )
    .unwrap();
    assert_eq!((message.subject, message.list, message.group.name), (None, None, None));
    // Addresses of the outer block stay when the payload has none.
    assert_eq!(message.to.len(), 1);
    assert_eq!(message.from.address, "alice@example.org");
    assert!(message.handshake.is_none());
}

#[test]
fn what_the_payload_lacks_comes_from_outside() {
    let message = decrypted("", "Content-Type: text/plain; hp=cipher\n\nhi", true).unwrap();
    assert_eq!(message.message_id, Some(id("outer@localhost")));
    assert_eq!(message.date, Some(1_795_392_000));
    assert_eq!(message.from.address, "alice@example.org");
}

#[test]
fn a_signature_vouches_for_another_sender_inside() {
    let payload = "Content-Type: text/plain; hp=cipher\nFrom: Eve <eve@example.org>\n\nhi";
    let message = decrypted("", payload, true).unwrap();
    assert_eq!(
        (message.from.address.as_str(), message.outer_from.as_deref()),
        ("eve@example.org", Some("alice@example.org"))
    );
    assert_eq!(decrypted("", payload, false), Err(ParseError::ForgedSender));
}

#[test]
fn exactly_one_sender_is_needed() {
    let fails = |mail: &str| {
        let outer = parse_outer(mail.as_bytes()).unwrap();
        parse_effective(&outer, None, ReadOptions::default())
    };
    for mail in ["Subject: x\n\nhi", "From: a@b.org, c@d.org\n\nhi", "From: \n\nhi"] {
        assert_eq!(fails(mail), Err(ParseError::NotOneSender), "{mail}");
    }
    assert_eq!(clear("From: a@b.org\nFrom: c@d.org\n\nhi").from.address, "c@d.org");
}

#[test]
fn handshake_headers_need_a_signature() {
    let payload = |step: &str| {
        format!(
            "Content-Type: text/plain; hp=cipher\nSecure-Join: {step}\nSecure-Join-Auth: A\n\
             Secure-Join-Fingerprint: F\nAutocrypt-Gossip: addr=x\nChat-Verified: 1\n\nx"
        )
    };
    let full = decrypted("", &payload("vc-request-with-auth"), true).unwrap();
    let facts = full.handshake.clone().unwrap();
    assert_eq!(
        (facts.step.as_str(), facts.auth.as_deref(), facts.fingerprint.as_deref()),
        ("vc-request-with-auth", Some("A"), Some("F"))
    );
    assert_eq!((full.gossip.len(), full.kind()), (1, MessageKind::Handshake));
    let unsigned = decrypted("", &payload("vc-request-with-auth"), false).unwrap();
    assert!(unsigned.handshake.is_none() && unsigned.gossip.is_empty() && !unsigned.group.verified);
    // The first step of a join is anonymous by design.
    let anonymous = decrypted("", &payload("vc-request-pubkey"), false).unwrap().handshake.unwrap();
    assert_eq!((anonymous.auth.as_deref(), anonymous.fingerprint), (Some("A"), None));
}

#[test]
fn a_clear_join_request_keeps_its_step_only() {
    let message = clear(
        "From: a@b.org\nSecure-Join: vc-request\nSecure-Join-Invitenumber: INV\nSecure-Join-Auth: A\n\
         Content-Type: multipart/mixed; boundary=b\n\n--b\n\nSecure-Join: vc-request\n--b--\n",
    );
    let facts = message.handshake.unwrap();
    assert_eq!(
        (facts.step.as_str(), facts.invite_number.as_deref(), facts.auth),
        ("vc-request", Some("INV"), None)
    );
}

#[test]
fn hidden_headers_count_from_the_first_sub_part_of_a_clear_mail() {
    let message = clear(
        "From: a@b.org\nMessage-ID: <rewritten>\nChat-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n\
         --b\nMessage-ID: <true>\nChat-User-Avatar: base64:AQID\nChat-Edit: <t>\n\nhi\n--b--\n",
    );
    assert_eq!(message.message_id, Some(id("true")));
    assert_eq!(message.avatar, Some(crate::message::Avatar::Image(vec![1, 2, 3])));
    assert_eq!(message.edit, Some(id("t")));
    assert!(clear("From: a@b.org\nChat-Edit: <t>\nChat-Delete: <t>\n\nhi").edit.is_none());
}

#[test]
fn a_server_may_have_kept_the_original_id() {
    let message = clear("From: a@b.org\nMessage-ID: <new>\nX-Microsoft-Original-Message-ID: <old>\n\nhi");
    assert_eq!(message.message_id, Some(id("old")));
}

#[test]
fn the_ciphertext_is_found_in_three_forms_only() {
    let part = |mime: &str, body: &str| format!("--m\nContent-Type: {mime}\n\n{body}\n");
    let inner = "--f\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--f\nContent-Type: application/octet-stream\n\nDATA\n--f--\n";
    let wrapped = format!(
        "Content-Type: multipart/mixed; boundary=m\n\n{}{}--m--\n",
        part("text/plain", "footer"),
        part("multipart/encrypted; boundary=f", inner)
    );
    let mixed = format!(
        "Content-Type: multipart/mixed; boundary=m\n\n{}{}{}--m--\n",
        part("text/plain", ""),
        part("application/pgp-encrypted", "Version: 1"),
        part("application/octet-stream", "DATA")
    );
    let four = mixed.replace("--m--", &format!("{}--m--", part("text/plain", "x")));
    for (mail, found) in [(&frame(""), true), (&wrapped, true), (&mixed, true), (&four, false)] {
        let outer = parse_outer(mail.as_bytes()).unwrap();
        assert_eq!((outer.is_encrypted(), outer.ciphertext().is_some()), (found, found), "{mail}");
    }
}

#[test]
fn an_encrypted_mail_without_payload_says_so() {
    let mail = frame("Subject: [...]\n");
    let outer = parse_outer(mail.as_bytes()).unwrap();
    let message = parse_effective(&outer, None, ReadOptions::default()).unwrap();
    assert!(message.undecryptable && !message.decrypted);
    assert!(message.parts[0].text.starts_with("[...] \u{2013} [This message cannot be decrypted.\n\n"));
}

#[test]
fn only_the_outer_header_makes_a_post_message() {
    let payload = "Content-Type: text/plain; hp=cipher\nChat-Is-Post-Message: 1\n\n";
    assert_eq!(decrypted("", payload, true).unwrap().split, SplitRole::Whole);
    assert_eq!(decrypted("Chat-Is-Post-Message: 1\n", payload, true).unwrap().split, SplitRole::Post);
}

#[test]
fn a_pre_message_announces_its_file() {
    let json = "{\"size\":300000,\"viewtype\":\"File\",\r\n \"filename\":\"gros\r\n na\u{ef}f.bin\"}";
    let with = |json: &str| {
        signed(&format!("chat-post-message-id: <post>\nchat-post-message-metadata: {json}\n"), "text").split
    };
    let SplitRole::Pre { post_id, metadata } = with(json) else { panic!() };
    assert_eq!((post_id, metadata.unwrap().file_name.as_str()), (id("post"), "gros na\u{ef}f.bin"));
    assert_eq!(with("{bad json"), SplitRole::Pre { post_id: id("post"), metadata: None });
    let encoded = "=?utf-8?B?eyJzaXplIjoxLCJ2aWV3dHlwZSI6IkdpZiIsImZpbGVuYW1lIjoiYSJ9?=";
    assert!(matches!(with(encoded), SplitRole::Pre { metadata: Some(_), .. }));
    let no_id = "Content-Type: text/plain; hp=cipher\nChat-Post-Message-ID: <>\n\n";
    assert_eq!(decrypted("", no_id, true), Err(ParseError::PreMessageWithoutTarget));
}

#[test]
fn autocrypt_headers_inside_win() {
    let outer = "Autocrypt: addr=outer\n";
    let inside =
        decrypted(outer, "Content-Type: text/plain; hp=cipher\nAutocrypt: a\nAutocrypt: b\n\n", true)
            .unwrap();
    assert_eq!(inside.autocrypt, ["a", "b"]);
    let outside = decrypted(outer, "Content-Type: text/plain; hp=cipher\n\n", true).unwrap();
    assert_eq!(outside.autocrypt, ["addr=outer"]);
}

#[test]
fn a_detached_signature_inside_is_handed_out() {
    let payload = "Content-Type: multipart/signed; boundary=s\n\n--s\nContent-Type: text/plain\nChat-Version: 1.0\n\nhi\n--s\n\
        Content-Type: application/pgp-signature\n\nSIG\n--s--\n";
    let found = detached_signature(payload.as_bytes()).unwrap();
    assert_eq!(found.signed, b"Content-Type: text/plain\nChat-Version: 1.0\n\nhi");
    assert_eq!(found.signature, b"SIG");
    let message = decrypted("", payload, true).unwrap();
    assert!(message.is_chat_message && message.parts[0].text == "hi");
}

#[test]
fn dates_in_the_future_are_capped_and_missing_ones_replaced() {
    let message = clear("From: a@b.org\nDate: Thu, 1 Jan 2099 00:00:00 +0000\n\nhi");
    assert_eq!(message.sent_at(1_000), 1_060);
    assert_eq!(clear("From: a@b.org\nDate: nonsense\n\nhi").sent_at(1_000), 1_000);
}
