//! What a user sees and types, in a window in memory.

use eframe::egui::{Context, Event, Key, Modifiers, Pos2, RawInput, Rect, Shape, vec2};
use volary::handles::{Change, ChatEntry, MessageView};
use volary::proto::chat_list_item_fetch_result::ChatListItem;
use volary::proto::{Connectivity, Contact, Message, MessageState};

use super::draw::{View, draw};
use super::keys::Keys;
use crate::exchange::{Command, Update};
use crate::model::Model;

/// Somebody at a window.
struct User {
    context: Context,
    model: Model,
    view: View,
    keys: Keys,
    orders: Vec<Command>,
}

impl User {
    /// With two chats.
    fn new() -> Self {
        let mut model = Model::default();
        model.apply(Update::Reached { profile: "Alice".to_owned() });
        model.apply(Update::Connectivity { state: Connectivity::Connected, why: None });
        let bob = ChatListItem {
            id: 12,
            name: "Bob".to_owned(),
            summary_text2: "see you".to_owned(),
            fresh_message_counter: 37,
            ..Default::default()
        };
        let carol =
            ChatListItem { id: 13, name: "Carol".to_owned(), is_contact_request: true, ..Default::default() };
        let items = [bob, carol].map(|item| ChatEntry::Chat(Box::new(item.into()))).to_vec();
        model.apply(Update::Chats(vec![Change::Reset { items }]));
        let (context, view, keys, orders) = Default::default();
        Self { context, model, view, keys, orders }
    }

    /// One picture: what was typed goes in, the texts in it come out.
    fn picture(&mut self, mut events: Vec<Event>) -> Vec<String> {
        self.keys.hold_back(&mut events);
        let screen_rect = Some(Rect::from_min_size(Pos2::ZERO, vec2(900.0, 600.0)));
        let input = RawInput { screen_rect, events, ..Default::default() };
        let output = self.context.clone().run(input, |context| {
            self.orders.extend(draw(context, &mut self.model, &mut self.view));
        });
        let mut texts = Vec::new();
        output.shapes.into_iter().for_each(|clipped| {
            // What is scrolled out of its place is not seen.
            collect(&clipped.shape, clipped.clip_rect, &mut texts);
        });
        texts
    }

    /// The texts after everything has found its place.
    fn sees(&mut self) -> Vec<String> {
        (0..3).for_each(|_| drop(self.picture(Vec::new())));
        self.picture(Vec::new())
    }

    fn presses(&mut self, key: Key) {
        self.picture(vec![pressed(key)]);
    }

    fn has(&mut self, changes: Vec<Change<MessageView>>, is_complete: bool) {
        let opening = self.model.opening().unwrap().number;
        self.model.apply(Update::Messages { opening, is_complete, changes });
    }
}

fn collect(shape: &Shape, clip: Rect, texts: &mut Vec<String>) {
    match shape {
        Shape::Vec(shapes) => shapes.iter().for_each(|shape| collect(shape, clip, texts)),
        Shape::Text(text) if clip.intersects(text.visual_bounding_rect()) => {
            texts.push(text.galley.text().to_owned());
        }
        _ => {}
    }
}

fn pressed(key: Key) -> Event {
    Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers: Modifiers::NONE }
}

fn typed(text: &str) -> Event {
    Event::Text(text.to_owned())
}

fn message(id: u32, text: &str) -> MessageView {
    let sender = Contact { id: 10, display_name: "Bob".to_owned(), ..Default::default() };
    let state = MessageState::InSeen.into();
    Message { id, from_id: 10, sender: Some(sender), text: text.to_owned(), state, ..Default::default() }
        .into()
}

fn has(texts: &[String], text: &str) -> bool {
    texts.iter().any(|seen| seen == text)
}

#[test]
fn the_chat_list_shows_names_what_is_fresh_and_requests() {
    let mut user = User::new();
    let texts = user.sees();
    for text in ["Bob", "see you", "37", "Carol", "contact request", "Choose a chat", "Alice", "connected"] {
        assert!(has(&texts, text), "{text}: {texts:?}");
    }
}

#[test]
fn what_is_typed_in_an_open_chat_is_sent_with_enter() {
    let mut user = User::new();
    user.presses(Key::ArrowDown);
    user.sees();
    user.has(vec![Change::Reset { items: vec![message(20, "hi Alice\u{7}")] }], true);
    // All of that while one picture is drawn.
    let fast =
        vec![typed("one"), pressed(Key::Enter), typed("tw"), typed("o"), pressed(Key::Enter), typed("three")];
    user.picture(fast);
    let texts = user.sees();
    let sent = |text: &str| Command::Send { chat: 12.into(), text: text.to_owned() };
    assert_eq!(user.orders, [sent("one"), sent("two")]);
    assert!(has(&texts, "hi Alice") && has(&texts, "three"), "{texts:?}");
    user.model.apply(Update::Problem("no luck".to_owned()));
    assert!(has(&user.sees(), "no luck"));
}

#[test]
fn a_contact_request_is_accepted_with_a_key() {
    let mut user = User::new();
    user.presses(Key::ArrowUp);
    let texts = user.sees();
    assert!(has(&texts, "Carol wants to write to you.") && has(&texts, "Accept (F2)"), "{texts:?}");
    user.presses(Key::F2);
    assert_eq!(user.orders, [Command::Accept { chat: 13.into() }]);
}

#[test]
fn pages_show_older_messages_and_ask_for_those_that_are_not_there() {
    let several = |ids: std::ops::Range<u32>| ids.map(|id| message(id, &format!("message {id}")));
    let mut user = User::new();
    user.presses(Key::ArrowDown);
    user.has(vec![Change::Reset { items: several(50..90).collect() }], false);
    let texts = user.sees();
    assert!(has(&texts, "message 89") && !has(&texts, "message 50"), "{texts:?}");
    assert_eq!(user.model.opening().unwrap().older, 0, "nobody has asked");
    for _ in 0..20 {
        user.presses(Key::PageUp);
    }
    let texts = user.sees();
    assert!(has(&texts, "message 50") && !has(&texts, "message 89"), "{texts:?}");
    assert_eq!(user.model.opening().unwrap().older, 1, "older ones are asked for once");
    user.has(several(10..50).enumerate().map(|(index, item)| Change::Insert { index, item }).collect(), true);
    let texts = user.sees();
    assert!(
        has(&texts, "message 50") && !has(&texts, "message 10"),
        "what came above pushes nothing away: {texts:?}"
    );
    for _ in 0..40 {
        user.presses(Key::PageDown);
    }
    assert!(has(&user.sees(), "message 89"));
}

#[test]
fn a_failure_is_shown_in_full() {
    let mut user = User::new();
    user.model.apply(Update::Failed("there is no profile 7".to_owned()));
    assert!(has(&user.sees(), "there is no profile 7"));
}
