//! The guess is the chat in which the mail is taken in, unless the mail makes that chat.

use super::super::open::{self, Sources};
use super::super::{Source, take_in};
use super::*;
use crate::ground::ids::TransportId;
use crate::state::config;
use crate::state::copies::Place;
use crate::testing::{Desk, PROFILE};

/// A profile that takes classic mail.
async fn desk() -> Desk {
    let desk = Desk::new().await;
    desk.change(|tx| Ok(config::set(tx, config::key::FORCE_ENCRYPTION, Some("0"))?)).await;
    desk
}

fn opened(desk: &Desk, raw: &str) -> Opened {
    let raw = raw.replace('\n', "\r\n");
    let sources = Sources { db: &desk.db, profile: PROFILE, blob_dir: desk.dir.path() };
    open::open(&sources, raw.as_bytes(), false).unwrap()
}

fn guess(desk: &Desk, opened: &Opened) -> Option<ChatId> {
    desk.db.read(|view| likely_chat(view, PROFILE, opened)).unwrap()
}

/// Takes a mail in; the chat that was guessed before, and the one that it came to.
async fn arrives(desk: &Desk, uid: u32, raw: &str) -> (Option<ChatId>, Option<ChatId>) {
    let opened = opened(desk, raw);
    let guessed = guess(desk, &opened);
    let mid = opened.mid.clone();
    let place = Place { transport: TransportId::new(1), uid_validity: 1, uid };
    desk.change(move |tx| take_in(tx, Source::Relay(place), &opened)).await;
    let came_to = desk.db.look(|view| of_message(view, PROFILE, &mid)).unwrap();
    (guessed, came_to)
}

fn mail(mid: &str, to: &str, more: &str) -> String {
    format!(
        "Message-ID: <{mid}@two.test>\nFrom: Bob <bob@two.test>\nTo: {to}\nSubject: Hello\n\
         Date: Sun, 15 Jun 2025 15:00:00 +0000\n{more}MIME-Version: 1.0\nContent-Type: text/plain\n\nHi\n"
    )
}

#[tokio::test]
async fn a_mail_belongs_to_the_chat_of_its_sender_its_list_or_its_parent() {
    let desk = desk().await;
    let me = "me@one.test";
    let group = "me@one.test, carol@three.test";
    let list = "List-Id: Cats <cats.two.test>\nList-Post: <mailto:cats@two.test>\n";
    let stories = [
        (mail("s1", me, ""), mail("s2", me, "")),
        (mail("l1", "cats@two.test", list), mail("l2", "cats@two.test", list)),
        (mail("g1", group, ""), mail("g2", group, "In-Reply-To: <g1@two.test>\nReferences: <g1@two.test>\n")),
    ];
    let mut known = Vec::new();
    for (number, (first, second)) in (0..).zip(stories) {
        let (guessed, made) = arrives(&desk, 2 * number + 1, &first).await;
        assert_eq!(guessed, None, "it makes its chat: {first}");
        let made = made.unwrap_or_else(|| panic!("not shown: {first}"));
        assert!(!known.contains(&made), "{first}");
        known.push(made);
        let (guessed, came_to) = arrives(&desk, 2 * number + 2, &second).await;
        assert_eq!(came_to, Some(made), "{second}");
        assert_eq!(guessed, came_to, "{second}");
    }
}

#[tokio::test]
async fn what_is_about_a_message_belongs_to_the_chat_of_the_message() {
    let desk = desk().await;
    let (_, chat) = arrives(&desk, 1, &mail("s1", "me@one.test", "")).await;
    let reaction = "Message-ID: <r1@two.test>\nFrom: bob@two.test\nTo: me@one.test\nSubject: Hello\n\
                    In-Reply-To: <s1@two.test>\nChat-Version: 1.0\nMIME-Version: 1.0\n\
                    Content-Type: text/plain\nContent-Disposition: reaction\n\n👍\n";
    let known = opened(&desk, reaction);
    let unknown = opened(&desk, &reaction.replace("<s1@", "<s7@").replace("<r1@", "<r7@"));
    let Content::Parsed(parsed) = &known.content else { panic!("not read: {known:?}") };
    assert_eq!(parsed.kind(), MessageKind::Reaction);
    assert_eq!(guess(&desk, &known), chat);
    assert_eq!(guess(&desk, &unknown), None);
}

#[tokio::test]
async fn nothing_is_guessed_for_what_cannot_be_opened() {
    let desk = desk().await;
    assert_eq!(guess(&desk, &opened(&desk, "no mail")), None);
}
