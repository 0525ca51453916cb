//! Special messages.

use super::*;
use crate::ids::GroupId;
use crate::message::headers::ChatContent;

#[test]
fn a_receipt_lists_what_was_read() {
    let report = |fields: &str| {
        signed_report(&format!(
            "Content-Type: multipart/report; report-type=disposition-notification; boundary=r; hp=cipher\n\
             Chat-Version: 1.0\nAuto-Submitted: auto-replied\n\n--r\n\nThis is a receipt notification.\n--r\n\
             Content-Type: message/disposition-notification\n\n{fields}\n--r--\n"
        ))
    };
    let full =
        report("Original-Message-ID: <a>\nDisposition: displayed\nAdditional-Message-IDs: <b>\n <c>\n");
    assert_eq!(full.receipt.as_ref().unwrap().message_ids, [id("a"), id("b"), id("c")]);
    assert_eq!((full.kind(), full.parts.len(), full.is_from_bot()), (MessageKind::Receipt, 0, false));
    let old = report(
        "Original-Recipient: rfc822;x\nFinal-Recipient: rfc822;x\nOriginal-Message-ID: <a>\nDisposition: d\n",
    );
    assert_eq!(old.receipt.unwrap().message_ids, [id("a")]);
    assert_eq!(report("Original-Message-ID: <a>\n").receipt, None);
    assert_eq!(
        report("Disposition: automatic-action/MDN-sent-automatically; processed\n").kind(),
        MessageKind::KeyUpdate
    );
}

fn signed_report(payload: &str) -> ParsedMessage {
    decrypted("", payload, true).unwrap()
}

#[test]
fn a_server_may_keep_only_the_reply_header_of_a_receipt() {
    let message = clear(
        "From: a@b.org\nIn-Reply-To: <a>\nContent-Type: multipart/report; report-type=disposition-notification; boundary=r\n\n\
         --r\n\nx\n--r\nContent-Type: message/disposition-notification\n\nDisposition: displayed\n--r--\n",
    );
    assert_eq!(message.receipt.unwrap().message_ids, [id("a")]);
}

#[test]
fn a_reaction_is_one_short_word() {
    let reaction = |body: &str| {
        let payload = format!(
            "Content-Type: text/plain; charset=utf-8; hp=cipher\nContent-Disposition: reaction\nChat-Version: 1.0\n\
             In-Reply-To: <t>\n\n{body}"
        );
        decrypted("", &payload, true).unwrap()
    };
    let thumb = reaction("\u{1F44D} \u{1F600}\n\n-- \nstatus");
    assert_eq!(
        (thumb.parts[0].text.as_str(), thumb.kind(), thumb.status),
        ("\u{1F44D}", MessageKind::Reaction, None)
    );
    assert_eq!(reaction(&"a".repeat(36)).parts[0].text, "");
    let retracted = reaction("");
    assert_eq!((retracted.parts[0].text.as_str(), retracted.kind()), ("", MessageKind::Reaction));
    assert_eq!(retracted.in_reply_to, Some(id("t")));
}

#[test]
fn edits_and_deletions_name_their_targets() {
    let edit = signed("Chat-Version: 1.0\nChat-Edit: <t>\n", "> old\n\n\u{270F}\u{FE0F}new");
    assert_eq!((edit.edit.clone(), edit.kind()), (Some(id("t")), MessageKind::Edit));
    assert_eq!(edit.edited_text(), "new");
    let delete = signed("Chat-Version: 1.0\nChat-Delete: <a b>\n", "\u{1F6AE}");
    assert_eq!((delete.delete.clone(), delete.kind()), (vec![id("a"), id("b")], MessageKind::Delete));
}

#[test]
fn sync_and_status_updates_are_data() {
    let report = |kind: &str, name: &str| {
        signed_report(&format!(
            "Content-Type: multipart/report; report-type={kind}; boundary=r; hp=cipher\nChat-Version: 1.0\n\
             Auto-Submitted: auto-generated\n\n--r\n\ntext for others\n--r\nContent-Type: application/json\n\
             Content-Disposition: attachment; filename=\"{name}\"\n\n{{}}\n--r--\n"
        ))
    };
    let sync = report("multi-device-sync", "multi-device-sync.json");
    assert_eq!(
        (sync.sync_json.as_deref(), sync.kind(), sync.is_from_bot()),
        (Some("{}"), MessageKind::Sync, false)
    );
    let update = report("status-update", "status-update.json");
    assert_eq!(
        (update.status_update_json.as_deref(), update.kind()),
        (Some("{}"), MessageKind::StatusUpdate)
    );
}

#[test]
fn calls_need_marker_and_offer() {
    let call = signed(
        "Chat-Version: 1.0\nChat-Content: call\nChat-Webrtc-Room: =?utf-8?B?dj0w?=\nChat-Webrtc-Has-Video-Initially: 1\n",
        "x",
    );
    assert_eq!(call.parts[0].view_type, crate::message::ViewType::Call);
    assert_eq!((call.call.offer.as_deref(), call.call.has_video), (Some("v=0"), true));
    assert_eq!(
        signed("Chat-Version: 1.0\nChat-Content: call\n", "x").parts[0].view_type,
        crate::message::ViewType::Text
    );
    let accepted = signed(
        "Chat-Version: 1.0\nChat-Content: call-accepted\nChat-Webrtc-Accepted: answer\n",
        "[Call accepted]",
    );
    assert_eq!(
        (accepted.call.answer.as_deref(), accepted.kind()),
        (Some("answer"), MessageKind::CallAccepted)
    );
}

#[test]
fn locations_alone_are_not_shown() {
    let kml = |name: &str, text: &str| {
        clear(&format!(
            "From: a@b.org\nChat-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n{text}\n--b\n\
             Content-Type: application/vnd.google-earth.kml+xml\nContent-Disposition: attachment; filename=\"{name}\"\n\n<kml/>\n--b--\n"
        ))
    };
    let alone = kml("location.kml", "");
    assert_eq!((alone.track_kml.as_deref(), alone.kind()), (Some("<kml/>"), MessageKind::LocationOnly));
    assert_eq!(kml("location-highlights.kml", "here").track_kml.as_deref(), Some("<kml/>"));
    let point = kml("message.kml", "");
    assert_eq!((point.point_kml.as_deref(), point.kind()), (Some("<kml/>"), MessageKind::Visible));
    assert!(kml("other.kml", "").parts[0].file.is_some());
    assert_eq!(kml("location.kml", &"x".repeat(10)).parts.len(), 1);
}

#[test]
fn group_changes_are_system_events_unless_a_marker_says_otherwise() {
    let event = |headers: &str| signed(&format!("Chat-Version: 1.0\n{headers}"), "x").system;
    assert_eq!(
        event("Chat-Group-Member-Removed: a@b.org\nChat-Group-Member-Added: c@d.org\n"),
        Some(SystemEvent::MemberRemoved)
    );
    assert_eq!(event("Chat-Group-Member-Added: c@d.org\n"), Some(SystemEvent::MemberAdded));
    assert_eq!(event("Chat-Group-Name-Changed: old\n"), Some(SystemEvent::GroupNameChanged));
    assert_eq!(event("Chat-Group-Description-Changed: \n"), Some(SystemEvent::GroupDescriptionChanged));
    assert_eq!(event("Chat-Content: unknown\nChat-Group-Member-Added: c@d.org\n"), None);
    assert_eq!(event("Chat-Content: ephemeral-timer-changed\n"), Some(SystemEvent::EphemeralTimerChanged));
    assert_eq!(signed("Chat-Content: sticker\n", "x").content, Some(ChatContent::Sticker));
}

#[test]
fn group_headers_are_typed() {
    let group = signed(
        "Chat-Version: 1.0\nChat-Group-ID: 8mWFNc8SqO0ACwDHvH9EOgG4\nChat-Group-Name: =?utf-8?Q?G=C3=A4?=\n\
         Chat-Group-Name-Timestamp: 1795469361\nTo: C <carol@example.com>, B <bob@example.net>\n\
         Chat-Group-Past-Members: D <dave@example.com>\nChat-Group-Member-Timestamps: 3 2 1\n\
         Chat-Group-Member-Fpr: aa BB cc\nChat-Group-Member-Added: Carol@example.com\nChat-Group-Member-Added-Fpr: aa\n\
         Chat-Group-Description: =?utf-8?B??=\n",
        "x",
    )
    .group;
    assert_eq!(group.id, GroupId::parse("8mWFNc8SqO0ACwDHvH9EOgG4"));
    assert_eq!((group.name.as_deref(), group.name_timestamp), (Some("G\u{e4}"), Some(1_795_469_361)));
    assert_eq!(group.member_timestamps, Some(vec![3, 2, 1]));
    assert_eq!(group.member_fingerprints.unwrap(), ["AA", "BB", "CC"]);
    assert_eq!(group.past_members[0].address, "dave@example.com");
    assert_eq!(
        group.added,
        Some(MemberChange { address: "carol@example.com".into(), fingerprint: Some("AA".into()) })
    );
    assert_eq!(group.description.as_deref(), Some(""));
    let bad = signed("Chat-Group-ID: short\nChat-Group-Member-Timestamps: 1 x\n", "x").group;
    assert_eq!((bad.id, bad.member_timestamps), (None, None));
}

#[test]
fn channels_are_named_in_four_forms() {
    for (value, name) in [
        ("Chan <psKXRivp4dY79cTMGni-BsGo>", "Chan"),
        ("=?utf-8?Q?Ch=C3=A4n_<psKXRivp4dY79cTMGni-BsGo>?=", "Ch\u{e4}n"),
        ("=?utf-8?Q?Ch=C3=A4n?= <psKXRivp4dY79cTMGni-BsGo>", "Ch\u{e4}n"),
        ("<psKXRivp4dY79cTMGni-BsGo>", ""),
        ("psKXRivp4dY79cTMGni-BsGo", ""),
    ] {
        let list = signed(&format!("Chat-List-ID: {value}\n"), "x").list.unwrap();
        assert_eq!(
            (list.name.as_str(), list.id.as_str(), list.is_channel),
            (name, "psKXRivp4dY79cTMGni-BsGo", true)
        );
    }
}

#[test]
fn receipts_are_wanted_by_the_sender_only() {
    let wants = |address: &str| {
        signed(&format!("Chat-Version: 1.0\nChat-Disposition-Notification-To: {address}\n"), "x")
            .wants_receipt
    };
    assert!(wants("Alice@example.org") && !wants("eve@example.org"));
}

#[test]
fn the_status_is_the_footer_of_the_first_text() {
    assert_eq!(signed("Chat-Version: 1.0\n", "x\n\n-- \nstatus").status.as_deref(), Some("status"));
    assert_eq!(signed("Chat-Version: 1.0\n", "x").status.as_deref(), Some(""));
    assert_eq!(clear("From: a@b.org\nList-ID: <l>\n\nx\n-- \nlist").status, None);
}

#[test]
fn bots_say_so_exactly() {
    let bot =
        |value: &str| signed(&format!("Chat-Version: 1.0\nAuto-Submitted: {value}\n"), "x").is_from_bot();
    assert!(bot("auto-generated") && !bot("auto-replied") && !bot("auto-generated; x"));
}

#[test]
fn drafts_and_overridden_names_are_told() {
    assert_eq!(clear("From: a@b.org\nX-Mozilla-Draft-Info: x\n\nx").kind(), MessageKind::Draft);
    let message = signed("Sender: Bot <alice@example.org>\n", "x");
    assert!(message.sender_overridden && message.from.name == "Alice");
}

#[test]
fn an_avatar_may_be_an_attachment_of_old_senders() {
    let message = signed_report(
        "Content-Type: multipart/mixed; boundary=b; hp=cipher\nChat-Version: 1.0\nChat-User-Avatar: me.png\n\n--b\n\nhi\n\
         --b\nContent-Type: image/png\nContent-Disposition: attachment; filename=me.png\n\nPNG\n--b--\n",
    );
    assert_eq!(message.avatar, Some(crate::message::Avatar::Image(b"PNG".to_vec())));
    assert_eq!((message.parts.len(), message.parts[0].text.as_str()), (1, "hi"));
}

#[test]
fn attached_keys_are_imported_not_shown() {
    let key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----";
    let mail = format!(
        "From: a@b.org\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhi\n--b\nContent-Type: application/pgp-keys\n\
         Content-Disposition: attachment; filename=k.asc\n\n{key}\n--b--\n"
    );
    let message = clear(&mail);
    assert_eq!((message.attached_keys.len(), message.parts.len()), (1, 1));
}
