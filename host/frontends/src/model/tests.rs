//! What is shown, after what has happened.

use volary::handles::Change;
use volary::proto::Message;
use volary::proto::chat_list_item_fetch_result::ChatListItem;

use super::*;

fn chat(id: u32, name: &str) -> ChatListItem {
    ChatListItem { id, name: name.to_owned(), is_self_in_group: true, ..Default::default() }
}

fn chats(items: Vec<ChatListItem>) -> Update {
    let items = items.into_iter().map(|item| ChatEntry::Chat(Box::new(item.into()))).collect();
    Update::Chats(vec![Change::Reset { items }])
}

fn message(id: u32, state: MessageState) -> MessageView {
    let from_id = if state == MessageState::OutDelivered { 1 } else { 10 };
    Message { id, from_id, state: state.into(), ..Default::default() }.into()
}

fn messages(opening: u64, items: Vec<MessageView>) -> Update {
    Update::Messages { opening, is_complete: false, changes: vec![Change::Reset { items }] }
}

/// A model with two chats.
fn with_chats() -> Model {
    let mut model = Model::default();
    model.apply(Update::Reached { profile: "Alice".to_owned() });
    model.apply(chats(vec![chat(12, "Bob"), chat(13, "Carol")]));
    model
}

fn open_id(model: &Model) -> Option<u32> {
    model.opening().map(|opening| opening.chat.get())
}

fn types(model: &mut Model, text: &str) {
    model.input_mut().unwrap().insert(text);
}

#[test]
fn nothing_is_open_before_somebody_chooses() {
    let mut model = with_chats();
    assert_eq!((open_id(&model), model.title().as_str()), (None, "Volary"));
    model.choose(Step::Down);
    assert_eq!((open_id(&model), model.open_index(), model.title().as_str()), (Some(12), Some(0), "Bob"));
    model.choose(Step::Up);
    assert_eq!(open_id(&model), Some(12), "there is nothing above");
    model.choose(Step::Down);
    model.choose(Step::Down);
    assert_eq!(open_id(&model), Some(13), "there is nothing below");
    let mut from_below = with_chats();
    from_below.choose(Step::Up);
    assert_eq!(open_id(&from_below), Some(13));
}

#[test]
fn the_archive_and_what_is_broken_are_passed_over() {
    let mut model = Model::default();
    let broken = ChatEntry::Broken { id: ChatId::new(11), error: "no".to_owned() };
    let last = ChatEntry::Chat(Box::new(chat(12, "Bob").into()));
    let items = vec![ChatEntry::Archive { fresh: 0 }, broken, last];
    model.apply(Update::Chats(vec![Change::Reset { items }]));
    model.choose(Step::Down);
    assert_eq!((open_id(&model), model.open_index()), (Some(12), Some(2)));
    model.open(ChatId::ARCHIVED_LINK);
    assert_eq!(open_id(&model), Some(12), "it is no chat");
}

#[test]
fn the_open_chat_stays_open_when_it_moves_and_closes_when_it_is_gone() {
    let mut model = with_chats();
    model.choose(Step::Down);
    model.apply(messages(1, vec![message(20, MessageState::InSeen)]));
    model.apply(Update::Chats(vec![Change::Move { from: 1, to: 0 }]));
    assert_eq!((open_id(&model), model.open_index(), model.messages().len()), (Some(12), Some(1), 1));
    model.apply(Update::Chats(vec![Change::Remove { index: 1 }]));
    assert_eq!((open_id(&model), model.messages().len(), model.input()), (None, 0, None));
}

#[test]
fn messages_of_a_chat_that_was_left_are_not_shown() {
    let mut model = with_chats();
    model.choose(Step::Down);
    model.choose(Step::Down);
    model.choose(Step::Up);
    let number = model.opening().unwrap().number;
    let item = message(20, MessageState::InSeen);
    let late = |opening| Update::Messages {
        opening,
        is_complete: true,
        changes: vec![Change::Insert { index: 7, item: item.clone() }],
    };
    model.apply(late(number - 1));
    model.apply(late(1));
    assert!(model.messages().is_empty(), "the same chat, but opened before");
    model.apply(messages(number, vec![item]));
    assert_eq!(model.messages().len(), 1);
}

#[test]
fn what_is_on_the_screen_is_seen_while_somebody_looks() {
    let mut model = with_chats();
    model.choose(Step::Down);
    let seen = |model: &Model| model.opening().unwrap().seen.map(|id| id.get());
    model.set_attentive(false);
    let states = [MessageState::InSeen, MessageState::InNoticed, MessageState::OutDelivered];
    let items: Vec<_> = (20..).zip(states).map(|(id, state)| message(id, state)).collect();
    model.apply(messages(1, items));
    assert_eq!(seen(&model), None, "nobody looks");
    model.set_attentive(true);
    assert_eq!(seen(&model), Some(21), "the newest one of others that was not seen");
    let changes = vec![Change::Insert { index: 3, item: message(23, MessageState::InFresh) }];
    model.apply(Update::Messages { opening: 1, is_complete: true, changes });
    assert_eq!(seen(&model), Some(23));
}

#[test]
fn a_contact_request_is_accepted_before_one_can_write() {
    let mut model = Model::default();
    model.apply(Update::Reached { profile: "Alice".to_owned() });
    let request = ChatListItem { is_contact_request: true, ..chat(12, "Bob") };
    model.apply(chats(vec![request]));
    assert_eq!(model.accept(), None, "none is open");
    model.choose(Step::Down);
    assert!(model.opening().unwrap().is_request);
    assert_eq!(model.input(), None);
    assert_eq!(model.submit(), None);
    assert_eq!(model.accept(), Some(Command::Accept { chat: ChatId::new(12) }));
    model.apply(chats(vec![chat(12, "Bob")]));
    assert!(!model.opening().unwrap().is_request);
    assert_eq!(model.accept(), None, "it is accepted");
    types(&mut model, "hi");
    assert!(model.submit().is_some());
}

#[test]
fn one_writes_where_one_may() {
    let mut model = Model::default();
    let kind = |id, kind: ChatType| ChatListItem { chat_type: kind.into(), ..chat(id, "chat") };
    let left = ChatListItem { is_self_in_group: false, ..kind(14, ChatType::Group) };
    let device = ChatListItem { is_device_talk: true, ..chat(15, "Device") };
    let alone = ChatListItem { is_self_in_group: false, ..chat(16, "Dave") };
    model.apply(chats(vec![
        kind(12, ChatType::Group),
        kind(13, ChatType::InBroadcast),
        left,
        device,
        alone,
        kind(17, ChatType::OutBroadcast),
    ]));
    let mut writable = Vec::new();
    for id in 12..18 {
        model.open(ChatId::new(id));
        if model.input().is_some() {
            writable.push(id);
        }
    }
    assert_eq!(writable, [12, 16, 17]);
}

#[test]
fn a_text_is_kept_for_its_chat_until_it_is_sent() {
    let mut model = with_chats();
    model.choose(Step::Down);
    types(&mut model, " ");
    assert_eq!(model.submit(), None, "there is nothing to send");
    types(&mut model, "for Bob");
    model.choose(Step::Down);
    assert_eq!(model.input().unwrap().text(), "");
    types(&mut model, "for Carol");
    let command = |chat: u32, text: &str| Command::Send { chat: chat.into(), text: text.to_owned() };
    assert_eq!(model.submit(), Some(command(13, "for Carol")));
    assert_eq!(model.input().unwrap().text(), "");
    assert_eq!(model.submit(), None);
    model.choose(Step::Up);
    assert_eq!(model.submit(), Some(command(12, " for Bob")));
}

#[test]
fn a_text_that_was_not_sent_stands_in_the_line_again() {
    let mut model = with_chats();
    model.choose(Step::Down);
    types(&mut model, "one");
    let command = model.submit().unwrap();
    model.refused(command);
    assert_eq!(model.input().unwrap().text(), "one");
    assert!(model.problem().unwrap().starts_with("not sent"));
    let chat = ChatId::new(12);
    model.apply(Update::NotSent { chat, text: "zero".to_owned(), why: "no".to_owned() });
    assert_eq!((model.input().unwrap().text(), model.problem()), ("zero\none", Some("not sent: no")));
    assert!(model.submit().is_some());
    assert_eq!(model.problem(), None, "it is tried again");
}

#[test]
fn without_a_host_a_text_stays_where_it_is() {
    let mut model = with_chats();
    model.choose(Step::Down);
    types(&mut model, "one");
    model.apply(Update::Away("the host has ended".to_owned()));
    assert_eq!(model.submit(), None);
    assert_eq!(model.input().unwrap().text(), "one");
    assert_eq!((model.status().as_str(), model.is_well()), ("the host has ended; trying again", false));
    model.apply(Update::Reached { profile: "Alice".to_owned() });
    assert!(model.submit().is_some());
}

#[test]
fn older_messages_are_asked_for_until_there_are_none() {
    let mut model = with_chats();
    model.choose(Step::Down);
    let older = |model: &mut Model| {
        model.show_older();
        model.opening().unwrap().older
    };
    assert_eq!(older(&mut model), 0, "the newest ones are not there yet");
    model.apply(messages(1, vec![message(20, MessageState::InSeen)]));
    assert_eq!((older(&mut model), older(&mut model)), (1, 2));
    model.apply(Update::Messages { opening: 1, is_complete: true, changes: Vec::new() });
    assert_eq!((older(&mut model), model.is_complete()), (2, true));
}

#[test]
fn the_title_counts_what_is_fresh_and_not_muted() {
    let mut model = Model::default();
    let fresh = |id, count| ChatListItem { fresh_message_counter: count, ..chat(id, "Bob") };
    let muted = ChatListItem { is_muted: true, ..fresh(14, 100) };
    model.apply(chats(vec![fresh(12, 2), fresh(13, 3), muted]));
    assert_eq!((model.fresh(), model.title().as_str()), (5, "(5) Volary"));
    model.choose(Step::Down);
    assert_eq!(model.title(), "(5) Bob");
}

#[test]
fn the_state_says_how_the_profile_is_connected_and_why() {
    let mut model = with_chats();
    let connected = |state, why: Option<&str>| Update::Connectivity { state, why: why.map(str::to_owned) };
    model.apply(connected(Connectivity::Connected, None));
    assert_eq!((model.status().as_str(), model.is_well()), ("connected", true));
    model.apply(connected(Connectivity::NotConnected, Some("example.org: refused")));
    assert_eq!((model.status().as_str(), model.is_well()), ("not connected: example.org: refused", false));
    model.apply(Update::Failed("the engine has stopped".to_owned()));
    assert_eq!(model.failure(), Some("the engine has stopped"));
    model.apply(Update::End);
    assert!(model.is_over());
}
