//! Mails of every kind that the builder knows: what most corpora start from.

use volary_mail::message::{
    Attachment, Avatar, Body, ChatBody, ChatContent, ChatHeader, Handshake, Mailbox, Outgoing, Quoted,
    split_large,
};
use volary_mail::openpgp::autocrypt::Header;

use crate::people::{ALICE, BOB, NOW, id, outgoing, rng, text};

/// One of each kind.
pub fn all() -> Vec<Outgoing> {
    let ids = vec![id("one@localhost"), id("two@localhost")];
    let mut mails: Vec<Outgoing> = [
        Body::Reaction("\u{1F44D}".into()),
        Body::Edit { target: ids[0].clone(), old_text: "old".into(), new_text: "new".into() },
        Body::Delete { targets: ids.clone() },
        Body::Receipt { message_ids: ids.clone() },
        Body::KeyUpdate,
        Body::Sync { json: "{\"items\":[]}".into() },
        Body::StatusUpdate { quote: "app".into(), json: "{\"updates\":[{\"payload\":1}]}".into() },
        Body::BroadcastStates("{\"messages\":[]}".into()),
    ]
    .into_iter()
    .map(outgoing)
    .collect();
    mails.extend(handshakes());
    mails.extend([
        text("Hello Bob"),
        quoting(),
        with_html(),
        with_locations(),
        in_group(),
        in_channel(),
        in_call(),
    ]);
    mails.push(with_file("picture.png", tiny_png()));
    mails.push(with_file("notes.txt", b"notes".to_vec()));
    mails.extend(split_large(with_file("large.bin", vec![7; 150_000]), &mut rng()).into_iter().take(1));
    mails
}

fn handshakes() -> impl Iterator<Item = Outgoing> {
    [
        "vc-request",
        "vc-request-pubkey",
        "vc-pubkey",
        "vc-auth-required",
        "vc-request-with-auth",
        "vc-contact-confirm",
    ]
    .into_iter()
    .map(|step| {
        outgoing(Body::Handshake(Handshake {
            step: step.into(),
            auth: Some("AbCdEfGhIjKlMnOpQrStUvWx".into()),
            invite_number: Some("XwVuTsRqPoNmLkJiHgFeDcBa".into()),
            fingerprint: Some(ALICE.key.fingerprint().to_string()),
            group: Some("8mWFNc8SqO0ACwDHvH9EOgG4".into()),
        }))
    })
}

fn chat(body: ChatBody) -> Outgoing {
    outgoing(Body::Chat(Box::new(body)))
}

fn quoting() -> Outgoing {
    let quote = Some(Quoted { text: "what?\n\nthat".into(), protected: true });
    let mut mail = chat(ChatBody {
        text: "> no quote\n-- \nno footer\n\u{1F600}".into(),
        quote,
        status: "My status".into(),
        forwarded: true,
        ..ChatBody::default()
    });
    mail.subject = "S\u{fc}bject".into();
    mail.in_reply_to = Some(id("one@localhost"));
    mail.references = vec![id("zero@localhost"), id("one@localhost")];
    mail.autocrypt = Some(Header::own(address(), ALICE.certificate.clone()).to_folded());
    mail.gossip = vec![Header::gossip(BOB.mailbox.checked().unwrap(), BOB.certificate.clone()).to_folded()];
    mail
}

fn with_html() -> Outgoing {
    let html = Some(
        "<html><body><p>Hello <b>Bob</b><blockquote>x</blockquote><a href=\"https://example.org\">y</a>"
            .into(),
    );
    chat(ChatBody { text: "Hello Bob".into(), html, ..ChatBody::default() })
}

fn with_locations() -> Outgoing {
    chat(ChatBody {
        text: "here".into(),
        point_kml: Some("<kml><Document><Placemark/></Document></kml>".into()),
        track_kml: Some("<kml><Document addr=\"alice@example.org\"/></kml>".into()),
        status_updates: Some("{\"updates\":[]}".into()),
        ..ChatBody::default()
    })
}

fn with_file(name: &str, bytes: Vec<u8>) -> Outgoing {
    let file = Some(Attachment::from_name(name, bytes));
    let mut mail = chat(ChatBody { text: "look".into(), file, ..ChatBody::default() });
    mail.headers = vec![ChatHeader::VoiceMessage, ChatHeader::Duration(1_500)];
    mail
}

fn in_group() -> Outgoing {
    let mut mail = text("Hello all");
    mail.headers = vec![
        ChatHeader::PastMembers(vec![Mailbox::new("D\u{e4}ve", "dave@example.com")]),
        ChatHeader::MemberTimestamps(vec![NOW, NOW - 5]),
        ChatHeader::MemberFingerprints(vec![BOB.key.fingerprint().to_string(), "AA".into()]),
        ChatHeader::GroupId("8mWFNc8SqO0ACwDHvH9EOgG4".into()),
        ChatHeader::GroupName("Gr\u{fc}ppe, \"x\"".into()),
        ChatHeader::GroupNameTimestamp(NOW),
        ChatHeader::GroupNameChanged("old".into()),
        ChatHeader::GroupDescription("line 1\nline 2".into()),
        ChatHeader::GroupDescriptionTimestamp(NOW),
        ChatHeader::GroupDescriptionChanged,
        ChatHeader::GroupAvatar(Avatar::Image(tiny_png())),
        ChatHeader::UserAvatar(Avatar::Removed),
        ChatHeader::EphemeralTimer(3_600),
        ChatHeader::RequestReceipt,
        ChatHeader::MemberAdded {
            address: "bob@example.net".into(),
            fingerprint: BOB.key.fingerprint().to_string(),
        },
        ChatHeader::MemberRemoved { address: "dave@example.com".into(), fingerprint: String::new() },
        ChatHeader::SecureJoin("vg-member-added".into()),
    ];
    mail
}

fn in_channel() -> Outgoing {
    let mut mail = text("News");
    mail.headers = vec![
        ChatHeader::ListId { name: "N\u{e4}ws".into(), id: "8mWFNc8SqO0ACwDHvH9EOgG4".into() },
        ChatHeader::BroadcastSecret("AbCdEfGhIjKlMnOpQrStUvWxAbCdEfGhIjKlMnOpQrS".into()),
        ChatHeader::BroadcastStates("{\"messages\":[]}".into()),
    ];
    mail
}

fn in_call() -> Outgoing {
    let mut mail = text("Call");
    mail.headers = vec![
        ChatHeader::Content(ChatContent::Call),
        ChatHeader::WebrtcRoom("offer\r\nwith lines".into()),
        ChatHeader::WebrtcAccepted("answer".into()),
        ChatHeader::WebrtcHasVideo(true),
        ChatHeader::IrohGossipTopic("topic".into()),
        ChatHeader::IrohNodeAddr("{\"node_id\":1}".into()),
    ];
    mail
}

fn address() -> volary_mail::address::Address {
    ALICE.mailbox.checked().unwrap()
}

/// A picture of one pixel.
pub fn tiny_png() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0".to_vec();
    png.extend_from_slice(&[0x1f, 0x15, 0xc4, 0x89]);
    png
}
