//! What a user sees and types, on a terminal in memory.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use volary::handles::{Change, ChatEntry, MessageView};
use volary::proto::chat_list_item_fetch_result::ChatListItem;
use volary::proto::{Connectivity, Contact, Message, MessageState};

use super::draw::{Screen, draw};
use super::keys::{Outcome, press};
use crate::exchange::{Command, Update};
use crate::model::Model;

const WIDTH: u16 = 80;
const HEIGHT: u16 = 12;

/// Somebody at a terminal.
struct User {
    terminal: Terminal<TestBackend>,
    model: Model,
    screen: Screen,
}

impl User {
    /// With two chats.
    fn new() -> Self {
        let terminal = Terminal::new(TestBackend::new(WIDTH, HEIGHT)).unwrap();
        let mut user = Self { terminal, model: Model::default(), screen: Screen::default() };
        user.model.apply(Update::Reached { profile: "Alice".to_owned() });
        let bob = ChatListItem {
            id: 12,
            name: "Bob".to_owned(),
            summary_text2: "see you".to_owned(),
            fresh_message_counter: 3,
            ..Default::default()
        };
        let carol = ChatListItem {
            id: 13,
            name: "Carol who has a very long name that does not fit".to_owned(),
            is_contact_request: true,
            ..Default::default()
        };
        let items = [bob, carol].map(|item| ChatEntry::Chat(Box::new(item.into()))).to_vec();
        user.model.apply(Update::Chats(vec![Change::Reset { items }]));
        user
    }

    fn has(&mut self, changes: Vec<Change<MessageView>>, is_complete: bool) {
        let opening = self.model.opening().unwrap().number;
        self.model.apply(Update::Messages { opening, is_complete, changes });
    }

    fn presses(&mut self, code: KeyCode) -> Outcome {
        self.event(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    fn event(&mut self, event: Event) -> Outcome {
        press(&event, &mut self.model, &mut self.screen)
    }

    fn types(&mut self, text: &str) {
        text.chars().for_each(|letter| assert_eq!(self.presses(KeyCode::Char(letter)), Outcome::Nothing));
    }

    /// The lines of the screen.
    fn sees(&mut self) -> Vec<String> {
        self.terminal.draw(|frame| draw(frame, &self.model, &mut self.screen)).unwrap();
        let buffer = self.terminal.backend().buffer().clone();
        let row = |y| (0..WIDTH).map(|x| buffer[(x, y)].symbol().to_owned()).collect::<String>();
        (0..HEIGHT).map(|y| row(y).trim_end().to_owned()).collect()
    }

    /// The texts of messages on the screen.
    fn reads(&mut self) -> Vec<String> {
        let lines = self.sees();
        let right =
            lines.iter().filter_map(|line| line.split_once('│').map(|(_, right)| right.trim().to_owned()));
        right.filter(|line| line.starts_with("message")).collect()
    }
}

fn message(id: u32, text: &str) -> MessageView {
    let sender = Contact { id: 10, display_name: "Bob".to_owned(), ..Default::default() };
    let state = MessageState::InSeen.into();
    Message { id, from_id: 10, sender: Some(sender), text: text.to_owned(), state, ..Default::default() }
        .into()
}

fn several(ids: std::ops::Range<u32>) -> Vec<MessageView> {
    ids.map(|id| message(id, &format!("message {id}"))).collect()
}

fn texts(ids: std::ops::Range<u32>) -> Vec<String> {
    ids.map(|id| format!("message {id}")).collect()
}

#[test]
fn the_chat_list_shows_names_what_is_fresh_and_requests() {
    let mut user = User::new();
    let screen = user.sees();
    assert!(screen[0].starts_with("Bob") && screen[0].contains(" 3 "), "{screen:#?}");
    assert!(screen[1].starts_with("see you"), "{screen:#?}");
    assert!(screen[2].starts_with("Carol who") && screen[2].contains('…'), "{screen:#?}");
    assert!(screen[3].starts_with("contact request"), "{screen:#?}");
    assert!(screen.iter().any(|line| line.contains("choose a chat")), "{screen:#?}");
}

#[test]
fn what_is_typed_in_an_open_chat_is_sent_with_enter() {
    let mut user = User::new();
    assert_eq!(user.presses(KeyCode::Char('x')), Outcome::Nothing, "no chat is open");
    user.presses(KeyCode::Down);
    let broken = "first line\nand\u{1b}[2J evil".to_owned();
    user.has(vec![Change::Reset { items: vec![message(20, &broken)] }], true);
    user.types("hi ther");
    user.presses(KeyCode::Left);
    user.presses(KeyCode::Right);
    user.types("e");
    let screen = user.sees();
    let has = |text: &str| screen.iter().any(|line| line.contains(text));
    assert!(has("first line") && has("and[2J evil") && has("› hi there"), "{screen:#?}");
    let cursor = user.terminal.backend().cursor_position();
    let typed = usize::from(cursor.x);
    assert_eq!((screen[usize::from(cursor.y)].chars().count(), cursor.y), (typed, HEIGHT - 2), "{screen:#?}");
    let sent = Command::Send { chat: 12.into(), text: "hi there".to_owned() };
    assert_eq!(user.presses(KeyCode::Enter), Outcome::Order(sent));
    assert!(user.sees()[usize::from(HEIGHT) - 2].ends_with('›'), "the line is empty again");
}

#[test]
fn a_long_text_shows_its_end_and_a_pasted_one_its_lines() {
    let mut user = User::new();
    user.presses(KeyCode::Down);
    user.event(Event::Paste(format!("{}\r\nthe end", "long ".repeat(40))));
    let screen = user.sees();
    assert!(screen[usize::from(HEIGHT) - 2].ends_with("long ⏎the end"), "{screen:#?}");
    user.event(Event::Key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL)));
    assert_eq!(user.model.input().unwrap().text(), "");
}

#[test]
fn pages_show_older_messages_and_ask_for_those_that_are_not_there() {
    let mut user = User::new();
    user.presses(KeyCode::Down);
    user.has(vec![Change::Reset { items: several(20..30) }], false);
    // Eight lines are for messages, two for each.
    assert_eq!(user.reads(), texts(26..30));
    user.presses(KeyCode::PageUp);
    assert_eq!(user.reads(), texts(22..26), "and a line of the page before");
    for _ in 0..3 {
        user.presses(KeyCode::PageUp);
        user.sees();
    }
    assert_eq!(user.reads(), texts(20..24));
    assert!(user.model.opening().unwrap().older > 0, "older ones are asked for");
    let older = several(10..20).into_iter().enumerate();
    user.has(older.map(|(index, item)| Change::Insert { index, item }).collect(), true);
    assert_eq!(user.reads(), texts(20..24), "what came above pushes nothing away");
    user.has(vec![Change::Insert { index: 20, item: message(30, "message 30") }], true);
    assert_eq!(user.reads(), texts(20..24), "nor does what came below");
    (0..9).for_each(|_| {
        user.presses(KeyCode::PageDown);
        user.sees();
    });
    assert_eq!(user.reads(), texts(27..31));
}

#[test]
fn a_contact_request_is_accepted_with_a_key() {
    let mut user = User::new();
    user.presses(KeyCode::Down);
    user.presses(KeyCode::Down);
    let screen = user.sees();
    assert!(screen.iter().any(|line| line.contains("F2 accepts it")), "{screen:#?}");
    assert_eq!(user.presses(KeyCode::F(2)), Outcome::Order(Command::Accept { chat: 13.into() }));
}

#[test]
fn the_last_line_says_how_the_host_is() {
    let mut user = User::new();
    user.model.apply(Update::Connectivity { state: Connectivity::Connected, why: None });
    assert!(user.sees()[usize::from(HEIGHT) - 1].starts_with(" Alice connected"), "{:#?}", user.sees());
    user.model.apply(Update::Problem("no\u{7} luck".to_owned()));
    user.model.apply(Update::Away("the host has ended".to_owned()));
    let last = user.sees().pop().unwrap();
    assert_eq!(last, " Alice the host has ended; trying again  no luck");
}

#[test]
fn escape_and_control_c_end_it_on_a_terminal_of_any_size() {
    let mut user = User::new();
    assert_eq!(user.presses(KeyCode::Esc), Outcome::End);
    let control_c = Event::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    assert_eq!(user.event(control_c), Outcome::End);
    user.presses(KeyCode::Down);
    user.has(vec![Change::Reset { items: several(20..30) }], true);
    user.types("日本語 🦊");
    for (width, height) in [(1, 1), (3, 2), (7, 5), (200, 60)] {
        user.terminal.backend_mut().resize(width, height);
        user.terminal.draw(|frame| draw(frame, &user.model, &mut user.screen)).unwrap();
    }
}
