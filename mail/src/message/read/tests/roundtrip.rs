//! What is built is read back.

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::ids::ChannelSecret;
use crate::message::{
    Attachment, Avatar, Body, ChatHeader, Mailbox, MessageId, OuterHeaders, Outgoing, Quoted, Recipients,
    Stage, render_encrypted, render_payload, render_unencrypted, split_large,
};

const NOW: i64 = 1_795_469_034;

fn outgoing(text: &str) -> Outgoing {
    let to = Recipients::Listed(vec![Mailbox::new("Bob", "bob@example.net")]);
    Outgoing::text(Mailbox::new("Alice", "alice@example.org"), to, id("own@localhost"), NOW, text)
}

/// Builds, frames and reads, as if encryption were transparent.
fn through(outgoing: &Outgoing) -> ParsedMessage {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let outer = OuterHeaders::draw(outgoing, NOW, &mut rng);
    let payload = render_payload(outgoing, &outer, &mut rng);
    let mail = render_encrypted(&outer, "-----BEGIN PGP MESSAGE-----", &mut rng);
    let outer = parse_outer(&mail).unwrap();
    let payload = Payload { bytes: &payload, signed: true };
    // As a bot reads: nothing is cut for display.
    parse_effective(&outer, Some(&payload), ReadOptions { for_bot: true }).unwrap()
}

fn in_clear(outgoing: &Outgoing) -> ParsedMessage {
    let mail = render_unencrypted(outgoing, &mut ChaCha20Rng::seed_from_u64(3));
    let outer = parse_outer(&mail).unwrap();
    parse_effective(&outer, None, ReadOptions { for_bot: true }).unwrap()
}

#[test]
fn all_kinds_come_back_as_what_they_are() {
    let kind = |body: Body| {
        let mut out = outgoing("");
        out.body = body;
        through(&out).kind()
    };
    let ids = vec![id("a"), id("b")];
    assert_eq!(kind(Body::Receipt { message_ids: ids.clone() }), MessageKind::Receipt);
    assert_eq!(kind(Body::KeyUpdate), MessageKind::KeyUpdate);
    assert_eq!(kind(Body::Delete { targets: ids }), MessageKind::Delete);
    assert_eq!(
        kind(Body::Edit { target: id("a"), old_text: "o".into(), new_text: "n".into() }),
        MessageKind::Edit
    );
    assert_eq!(kind(Body::Reaction("\u{1F44D}".into())), MessageKind::Reaction);
    assert_eq!(kind(Body::Sync { json: "{}".into() }), MessageKind::Sync);
    assert_eq!(kind(Body::StatusUpdate { quote: "q".into(), json: "{}".into() }), MessageKind::StatusUpdate);
    assert_eq!(kind(Body::BroadcastStates("{\"messages\":[]}".into())), MessageKind::BroadcastStates);
}

#[test]
fn optional_headers_come_back() {
    let mut out = outgoing("hi");
    out.subject = "S\u{fc}bject".into();
    out.sender = Some(Mailbox::new("Configured", "alice@example.org"));
    out.headers = vec![
        ChatHeader::PastMembers(vec![Mailbox::new("D\u{e4}ve", "dave@example.com")]),
        ChatHeader::MemberTimestamps(vec![5, 4]),
        ChatHeader::MemberFingerprints(vec!["AA".into(), "BB".into()]),
        ChatHeader::GroupId("8mWFNc8SqO0ACwDHvH9EOgG4".into()),
        ChatHeader::GroupName("  Gr\u{fc}ppe, \"x\" =?utf-8?Q?y?= ".into()),
        ChatHeader::GroupNameChanged("old".into()),
        ChatHeader::GroupDescription("line 1\nline 2".into()),
        ChatHeader::GroupAvatar(Avatar::Image(vec![9; 3_000])),
        ChatHeader::UserAvatar(Avatar::Image(vec![8; 30_000])),
        ChatHeader::EphemeralTimer(3_600),
        ChatHeader::RequestReceipt,
        ChatHeader::IrohNodeAddr("{\"node_id\":\"e9\",\"relay_url\":\"https://r/\"}".into()),
        ChatHeader::BroadcastSecret("s".repeat(43)),
    ];
    let message = through(&out);
    let group = &message.group;
    assert_eq!(message.subject.as_deref(), Some("S\u{fc}bject"));
    assert_eq!(group.past_members, [Mailbox::new("D\u{e4}ve", "dave@example.com")]);
    assert_eq!(group.member_timestamps, Some(vec![5, 4]));
    assert_eq!(group.name.as_deref(), Some("  Gr\u{fc}ppe, \"x\" =?utf-8?Q?y?= "));
    assert_eq!(group.name_changed.as_deref(), Some("old"));
    assert_eq!(group.description.as_deref(), Some("line 1\nline 2"));
    assert_eq!(group.avatar, Some(Avatar::Image(vec![9; 3_000])));
    assert_eq!(message.avatar, Some(Avatar::Image(vec![8; 30_000])));
    assert_eq!(
        (message.ephemeral_timer, message.wants_receipt, message.sender_overridden),
        (Some(3_600), true, true)
    );
    assert_eq!(message.iroh_node_addr.as_deref(), Some("{\"node_id\":\"e9\",\"relay_url\":\"https://r/\"}"));
    assert_eq!(message.broadcast_secret, ChannelSecret::parse(&"s".repeat(43)));
    assert!(message.has_padlock() && message.date == Some(NOW));
}

#[test]
fn a_split_message_comes_back_in_two_halves() {
    let mut out = outgoing("caption");
    out.chat_body_mut().unwrap().file = Some(Attachment::from_name("gro\u{df} file.bin", vec![7; 200_000]));
    let halves = split_large(out, &mut ChaCha20Rng::seed_from_u64(1));
    let (pre, post) = (through(&halves[0]), through(&halves[1]));
    let SplitRole::Pre { post_id, metadata } = pre.split else { panic!() };
    let metadata = metadata.unwrap();
    assert_eq!(
        (Some(post_id), metadata.size, metadata.file_name.as_str()),
        (post.message_id, 200_000, "gro\u{df} file.bin")
    );
    assert_eq!((pre.parts[0].text.as_str(), pre.parts[0].file.is_none()), ("caption", true));
    assert_eq!(post.split, SplitRole::Post);
    assert_eq!((post.parts.len(), post.parts[0].file.as_ref().unwrap().bytes.len()), (1, 200_000));
    assert_eq!(halves[1].stage, Stage::Post);
}

/// What reading leaves of a text: line ends, blank lines at both ends, runs of blank lines.
fn normal(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace(['\r', '\0'], "\n");
    let mut out: Vec<&str> = Vec::new();
    for line in text.split('\n') {
        let line = if line.trim().is_empty() { "" } else { line };
        if !(line.is_empty() && out.last().is_none_or(|last| last.is_empty())) {
            out.push(line);
        }
    }
    out.join("\n").trim_end_matches('\n').to_owned()
}

fn tricky_text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "\\PC{0,60}",
        Just("-- ".to_owned()),
        Just("--".to_owned()),
        Just("--  x".to_owned()),
        Just("> quote".to_owned()),
        Just(">".to_owned()),
        Just("_____".to_owned()),
        Just("--boundary--".to_owned()),
        Just("From: x".to_owned()),
        Just("a wrote:".to_owned()),
        Just("  \t".to_owned()),
        Just("=3D=".to_owned()),
        Just(".".to_owned()),
        Just(String::new()),
        "[a-z \u{1F600}\u{e4}]{90,400}",
    ];
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn any_text_survives(text in tricky_text(), quote in proptest::option::of(tricky_text()), status in "\\PC{0,30}") {
        prop_assume!(!text.contains('\u{200B}'));
        let mut out = outgoing(&text);
        let quote = quote.filter(|quote| !quote.is_empty());
        let chat = out.chat_body_mut().unwrap();
        chat.quote = quote.clone().map(|text| Quoted { text, protected: false });
        chat.status = status.trim().to_owned();
        for message in [through(&out), in_clear(&out)] {
            let part = &message.parts[0];
            prop_assert_eq!(&part.text, &normal(&text));
            prop_assert_eq!(part.quote.as_ref(), quote.as_ref());
            prop_assert_eq!(message.status.as_deref(), Some(status.trim()));
        }
    }

    #[test]
    fn any_file_and_name_survive(bytes in proptest::collection::vec(any::<u8>(), 0..600), name in "\\PC{1,120}", mime in 0..4) {
        let name = crate::message::filename::sanitise(&name);
        let mut file = Attachment::from_name(name.clone(), bytes.clone());
        file.mime = ["application/octet-stream", "text/plain", "text/html", "image/x-unknown"][mime as usize].to_owned();
        let mut out = outgoing("caption");
        out.chat_body_mut().unwrap().file = Some(file);
        let message = through(&out);
        prop_assert_eq!(message.parts.len(), 1);
        let file = message.parts[0].file.clone().unwrap();
        prop_assert_eq!((&file.bytes, &file.name, &message.parts[0].text), (&bytes, &name, &"caption".to_owned()));
    }

    #[test]
    fn any_names_survive(name in "\\PC{0,60}", group in "\\PC{0,200}", subject in "\\PC{0,200}") {
        let mut out = outgoing("x");
        out.from.name = name.clone();
        out.subject = subject.clone();
        out.headers = vec![ChatHeader::GroupName(group.clone())];
        let message = through(&out);
        prop_assert_eq!(&message.from.name, name.trim());
        prop_assert_eq!(message.from.address, "alice@example.org");
        prop_assert_eq!(message.group.name.unwrap(), group);
        prop_assert_eq!(message.subject.unwrap(), subject);
    }

    #[test]
    fn references_survive(count in 1usize..40) {
        let mut out = outgoing("x");
        let mut rng = ChaCha20Rng::seed_from_u64(count as u64);
        out.references = (0..count).map(|_| MessageId::generate(&mut rng)).collect();
        prop_assert_eq!(through(&out).references, out.references);
    }
}
