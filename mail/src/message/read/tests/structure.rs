//! The MIME tree, file names, view types, text.

use super::*;
use crate::message::view_type::ViewType;

fn multipart(kind: &str, parts: &[&str]) -> String {
    let mut mail = format!("Content-Type: multipart/{kind}; boundary=bb\n\n");
    for part in parts {
        mail.push_str(&format!("--bb\n{part}\n"));
    }
    mail + "--bb--\n"
}

fn mail(kind: &str, parts: &[&str]) -> ParsedMessage {
    clear(&format!("From: a@b.org\n{}", multipart(kind, parts)))
}

fn chat_mail(headers: &str, parts: &[&str]) -> ParsedMessage {
    clear(&format!("From: a@b.org\nChat-Version: 1.0\n{headers}{}", multipart("mixed", parts)))
}

fn file(mime: &str, name: &str, body: &str) -> String {
    format!("Content-Type: {mime}\nContent-Disposition: attachment; filename=\"{name}\"\n\n{body}")
}

fn base64_file(mime: &str, name: &str, bytes: &[u8]) -> String {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
    format!(
        "Content-Type: {mime}\nContent-Disposition: attachment; filename=\"{name}\"\nContent-Transfer-Encoding: base64\n\n{encoded}"
    )
}

const TEXT: &str = "Content-Type: text/plain; charset=utf-8\n\nhello";
const HTML: &str = "Content-Type: text/html; charset=utf-8\n\n<b>hello</b>";

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_luma8(width, height).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn types(message: &ParsedMessage) -> Vec<ViewType> {
    message.parts.iter().map(|part| part.view_type).collect()
}

#[test]
fn text_and_one_file_are_one_message_more_files_are_more() {
    let pdf = file("application/pdf", "a.pdf", "x");
    let one = chat_mail("", &[TEXT, &pdf]);
    assert_eq!((types(&one), one.parts[0].text.as_str()), (vec![ViewType::File], "hello"));
    let two = chat_mail("", &[TEXT, &pdf, &pdf]);
    assert_eq!(types(&two), [ViewType::Text, ViewType::File, ViewType::File]);
}

#[test]
fn alternatives_prefer_plain_text() {
    let message = mail("alternative", &[TEXT, HTML]);
    assert_eq!((message.parts.len(), message.parts[0].text.as_str(), message.has_html), (1, "hello", true));
    let only_html = mail("alternative", &["Content-Type: text/plain\n\n", HTML]);
    assert_eq!(only_html.parts[0].text, "*hello*");
    let calendar = mail("alternative", &[TEXT, "Content-Type: text/calendar\n\nBEGIN:VCALENDAR"]);
    assert_eq!(calendar.parts[0].file.as_ref().unwrap().name, "calendar.ics");
}

#[test]
fn reports_and_signed_parts_show_what_they_should() {
    assert_eq!(mail("signed", &[TEXT, &file("application/pgp-signature", "s.asc", "x")]).parts.len(), 1);
    let unknown = mail("report; report-type=x", &[TEXT, TEXT]);
    assert_eq!(unknown.parts.len(), 2);
}

#[test]
fn embedded_mails_are_walked_unless_attached() {
    let inline = mail("mixed", &["Content-Type: message/rfc822\n\nSubject: x\n\ninner text"]);
    assert_eq!(inline.parts[0].text, "inner text");
    let attached = mail("mixed", &[&file("message/rfc822", "m.eml", "Subject: x\n\ninner")]);
    assert_eq!(types(&attached), [ViewType::File]);
}

#[test]
fn a_name_makes_a_file_of_any_part() {
    let inline =
        chat_mail("", &[TEXT, "Content-Type: text/plain\nContent-Disposition: inline; filename=x.txt\n\ny"]);
    assert_eq!(inline.parts[0].file.as_ref().unwrap().bytes, b"y");
    // Pictures without a name are decoration.
    assert_eq!(mail("mixed", &[TEXT, "Content-Type: image/png\n\nx"]).parts.len(), 1);
}

#[test]
fn file_names_are_harmless() {
    let name = "te\u{202E}st/../../con:<a>|b?.E*XE ";
    let message = chat_mail("", &[TEXT, &file("application/zip", name, "x")]);
    assert_eq!(message.parts[0].file.as_ref().unwrap().name, "conab.EXE");
}

#[test]
fn pictures_must_be_pictures_and_not_too_large() {
    let picture = chat_mail("", &[TEXT, &base64_file("image/png", "a.png", &png(320, 200))]);
    assert_eq!(types(&picture), [ViewType::Image]);
    assert_eq!(picture.parts[0].file.as_ref().unwrap().dimensions, Some((320, 200)));
    let fake = chat_mail("", &[&file("image/png", "a.png", "no picture")]);
    assert_eq!(types(&fake), [ViewType::File]);
    let mut huge = png(1, 1);
    huge[16..24].copy_from_slice(&[0, 0, 0x20, 0, 0, 0, 0x20, 0]); // 8192 × 8192
    assert_eq!(types(&chat_mail("", &[&base64_file("image/png", "a.png", &huge)])), [ViewType::File]);
    assert_eq!(types(&chat_mail("", &[&file("image/svg+xml", "a.svg", "<svg/>")])), [ViewType::File]);
}

#[test]
fn octet_streams_are_files_in_chats_and_guessed_elsewhere() {
    let part = base64_file("application/octet-stream", "a.png", &png(2, 2));
    assert_eq!(types(&chat_mail("", &[&part])), [ViewType::File]);
    assert_eq!(types(&mail("mixed", &[&part])), [ViewType::Image]);
}

#[test]
fn a_contact_card_holds_exactly_one_contact() {
    let card = "BEGIN:VCARD\r\nVERSION:4.0\r\nEMAIL:bob@example.net\r\nFN:Bob\r\nEND:VCARD\r\n";
    let seen = |body: &str| types(&chat_mail("", &[&file("text/vcard", "c.vcf", body)]))[0];
    assert_eq!(seen(card), ViewType::Vcard);
    assert_eq!(seen(&format!("{card}{card}")), ViewType::File);
    assert_eq!(seen(&card.replace("bob@example.net", "nobody")), ViewType::File);
}

#[test]
fn voice_sticker_and_duration_need_a_single_part() {
    let audio = file("audio/ogg", "a.ogg", "x");
    let voice = chat_mail("Chat-Voice-Message: 0\nChat-Duration: 1234\n", &[TEXT, &audio]);
    assert_eq!((types(&voice), voice.parts[0].duration), (vec![ViewType::Voice], Some(1_234)));
    assert_eq!(chat_mail("Chat-Duration: 90000000\n", &[&audio]).parts[0].duration, None);
    let sticker =
        chat_mail("Chat-Content: sticker\n", &[TEXT, &base64_file("image/png", "a.png", &png(2, 2))]);
    assert_eq!((types(&sticker), sticker.parts[0].text.as_str()), (vec![ViewType::Sticker], "hello"));
}

#[test]
fn charsets_and_encodings() {
    let text = |headers: &str, body: &[u8]| {
        let mut mail = format!("From: a@b.org\nChat-Version: 1.0\n{headers}\n").into_bytes();
        mail.extend_from_slice(body);
        let outer = parse_outer(&mail).unwrap();
        parse_effective(&outer, None, ReadOptions::default()).unwrap().parts[0].text.clone()
    };
    assert_eq!(text("", "\u{fc}".as_bytes()), "\u{c3}\u{bc}");
    assert_eq!(
        text("Content-Type: text/plain; charset=iso-8859-1\n", &[0xFC, 0xE4, 0xDF]),
        "\u{fc}\u{e4}\u{df}"
    );
    assert_eq!(text("Content-Type: text/plain; charset=utf-8\n", "\u{fc}".as_bytes()), "\u{fc}");
    assert_eq!(text("Content-Transfer-Encoding: base64\n", b"*bad*"), "");
}

#[test]
fn flowed_text_and_quote_are_joined() {
    let message = clear(
        "From: a@b.org\nChat-Version: 1.0\nContent-Type: text/plain; format=Flowed\n\n> Long \n> quote.\n\nA \nb\n",
    );
    let part = &message.parts[0];
    assert_eq!((part.quote.as_deref(), part.text.as_str()), (Some("Long quote."), "A b"));
}

#[test]
fn long_text_is_cut_for_people_not_for_bots() {
    let mail = format!("From: a@b.org\nChat-Version: 1.0\n\n{}", "x\n".repeat(60));
    let message = clear(&mail);
    assert!(message.has_html && message.parts[0].text.ends_with("x\n[...]"));
    assert_eq!(message.parts[0].whole.as_ref().unwrap().lines().count(), 60, "for searching");
    let outer = parse_outer(mail.as_bytes()).unwrap();
    let bot = parse_effective(&outer, None, ReadOptions { for_bot: true }).unwrap();
    assert_eq!((bot.parts[0].text.lines().count(), bot.has_html), (60, false));
}

#[test]
fn subjects_stand_before_foreign_text_only() {
    let text = |headers: &str| clear(&format!("From: a@b.org\n{headers}\nbody")).parts[0].text.clone();
    assert_eq!(text("Subject: Hi\n"), "Hi \u{2013} body");
    assert_eq!(text("Subject: Re: Hi\n"), "body");
    assert_eq!(text("Subject: Fwd: Hi\n"), "body");
    assert_eq!(text("Subject: Chat: Hi\n"), "body");
    assert_eq!(text("Subject: Hi\nChat-Version: 9.9\n"), "body");
    assert_eq!(text("Subject: Re: [tag] topic\nList-ID: <l.example.org>\n"), "Re: [tag] topic \u{2013} body");
}

#[test]
fn list_footers_are_dropped_except_where_members_texts_are_parts() {
    let mail = |headers: &str| {
        let body = multipart("mixed", &[TEXT, "Content-Type: text/plain\n\nfooter"]);
        clear(&format!("From: a@b.org\nSubject: s\nList-ID: Name <l.example.org>\n{headers}{body}"))
    };
    assert_eq!(mail("").parts.len(), 1);
    assert_eq!(mail("List-Help: <https://schleuder.org/>\n").parts.len(), 2);
    let list = mail("").list.unwrap();
    assert_eq!((list.id.as_str(), list.name.as_str(), list.is_channel), ("l.example.org", "Name", false));
}

#[test]
fn an_empty_foreign_mail_shows_its_subject() {
    assert_eq!(clear("From: a@b.org\nSubject: only\n\n").parts[0].text, "only");
    assert_eq!(clear("From: a@b.org\nSubject: only\nChat-Version: 1.0\n\n").parts[0].text, "");
}

#[test]
fn a_malformed_type_is_refused() {
    let mail = "From: a@b.org\nContent-Type: text\n\nx";
    let outer = parse_outer(mail.as_bytes()).unwrap();
    let result = parse_effective(&outer, None, ReadOptions::default());
    assert_eq!(result, Err(ParseError::BadContentType("text".into())));
}

#[test]
fn of_embedded_pictures_of_foreign_mail_one_stays() {
    let picture = base64_file("image/png", "a.png", &png(2, 2));
    let related = multipart("related", &[HTML, &picture, &picture]);
    let foreign = clear(&format!("From: a@b.org\n{related}"));
    assert_eq!(foreign.parts.len(), 1);
    assert_eq!(foreign.parts[0].view_type, ViewType::Image);
    let chat = clear(&format!("From: a@b.org\nChat-Version: 1.0\n{related}"));
    assert_eq!(chat.parts.len(), 3);
}
