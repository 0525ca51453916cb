//! Handles and lists on a bus that answers from a script.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use futures::FutureExt as _;
use parking_lot::Mutex;
use volary_proto::event::{self, Kind};
use volary_proto::{
    Answer, ChatListItemFetchResult, ChatListItems, Done, Error, ErrorCode, Event, Ids, MaybeId, Message,
    MessageLoadResult, MessageLoadResults, MessageState, Request, chat_list_item_fetch_result,
    message_load_result, request,
};

use super::*;
use crate::bus::{Bus, EventSource};

const CHAT: u32 = 12;

/// A host with one chat, whose messages a test changes.
#[derive(Clone, Default)]
struct Script {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    messages: Vec<Message>,
    chats: Vec<u32>,
    events: VecDeque<Arc<Event>>,
    /// Requests by name, in their order.
    asked: Vec<&'static str>,
    /// The next call fails.
    fails: bool,
    /// The next call is answered when it is asked for a second time.
    hangs: bool,
}

struct ScriptEvents(Script);

impl EventSource for ScriptEvents {
    fn next(&mut self) -> impl Future<Output = Option<Arc<Event>>> + Send {
        // A test asks for what is there; nobody would wake a future that waits.
        let event = self.0.state.lock().events.pop_front();
        async move {
            match event {
                Some(event) => Some(event),
                None => std::future::pending().await,
            }
        }
    }
}

impl Bus for Script {
    type Events = ScriptEvents;

    fn call(&self, request: Request) -> impl Future<Output = Result<Answer, Error>> + Send + 'static {
        let script = self.clone();
        async move {
            if std::mem::take(&mut script.state.lock().hangs) {
                std::future::pending::<()>().await;
            }
            script.answer(request)
        }
    }

    fn subscribe(&self) -> ScriptEvents {
        ScriptEvents(self.clone())
    }

    fn stop(&self) -> impl Future<Output = ()> + Send + 'static {
        std::future::ready(())
    }
}

impl Script {
    fn answer(&self, request: Request) -> Result<Answer, Error> {
        let mut state = self.state.lock();
        let Some(kind) = request.kind else { return Err(Error::invalid("nothing asked")) };
        state.asked.push(kind.name());
        if std::mem::take(&mut state.fails) {
            return Err(Error::new(ErrorCode::Busy, "not now"));
        }
        Ok(match kind {
            request::Kind::GetMessageIds(_) => {
                Answer::new(Ids { ids: state.messages.iter().map(|message| message.id).collect() })
            }
            request::Kind::GetMessages(call) => {
                let load = |id: u32| {
                    let message = state.messages.iter().find(|message| message.id == id)?.clone();
                    Some((id, MessageLoadResult { kind: Some(message_load_result::Kind::Message(message)) }))
                };
                Answer::new(call.msg_ids.into_iter().filter_map(load).collect::<MessageLoadResults>())
            }
            request::Kind::GetChatlistEntries(_) => Answer::new(Ids { ids: state.chats.clone() }),
            request::Kind::GetChatlistItems(call) => {
                let item = |id: u32| {
                    let item = chat_list_item_fetch_result::ChatListItem { id, ..Default::default() };
                    let kind = chat_list_item_fetch_result::Kind::ChatListItem(item);
                    (id, ChatListItemFetchResult { kind: Some(kind) })
                };
                Answer::new(call.chat_ids.into_iter().map(item).collect::<ChatListItems>())
            }
            request::Kind::GetFirstUnreadMessageOfChat(_) => Answer::new(MaybeId { id: Some(11) }),
            _ => Answer::new(Done {}),
        })
    }

    fn profile(&self) -> Profile<Self> {
        Profile::new(self.clone(), ProfileId::new(1))
    }

    fn chat(&self) -> Chat<Self> {
        self.profile().chat(CHAT)
    }

    fn tell(&self, kind: Kind) {
        let event = Arc::new(Event { profile_id: 1, kind: Some(kind) });
        self.state.lock().events.push_back(event);
    }

    /// A message comes.
    fn receive(&self, id: u32) {
        let message = Message { id, chat_id: CHAT, from_id: 10, ..Default::default() };
        self.state.lock().messages.push(message);
        self.tell(Kind::IncomingMsg(event::IncomingMsg { chat_id: CHAT, msg_id: id }));
    }

    fn set_state(&self, id: u32, to: MessageState) {
        for message in self.state.lock().messages.iter_mut().filter(|message| message.id == id) {
            message.set_state(to);
        }
    }

    fn asked(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.state.lock().asked)
    }
}

/// What can be had without waiting.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("this waits")
}

fn shown(timeline: &Timeline<Script>) -> Vec<u32> {
    timeline.items().iter().map(|message| message.id.get()).collect()
}

#[test]
fn a_reader_that_was_away_gets_one_difference_to_the_newest_state() {
    let script = Script::default();
    let mut timeline = now(script.chat().timeline(50)).unwrap();
    (10..30).for_each(|id| script.receive(id));
    script.set_state(10, MessageState::InSeen);
    script.asked();
    let changes = now(timeline.changes()).unwrap().unwrap();
    assert_eq!((changes.len(), shown(&timeline)), (20, (10..30).collect()));
    assert_eq!(script.asked(), ["GetMessageIds", "GetMessages"], "twenty events, one question");
    assert!(timeline.changes().now_or_never().is_none(), "there is nothing new");
}

#[test]
fn after_lost_events_everything_is_asked_for_again() {
    let script = Script::default();
    (10..13).for_each(|id| script.receive(id));
    let mut timeline = now(script.chat().timeline(50)).unwrap();
    script.state.lock().events.clear();
    script.set_state(11, MessageState::InSeen);
    script.tell(Kind::EventChannelOverflow(event::EventChannelOverflow { n: 1 }));
    let changes = now(timeline.changes()).unwrap().unwrap();
    let [Change::Update { index: 1, item }] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!((item.id, item.state), (MessageId::new(11), MessageState::InSeen));
}

#[test]
fn only_what_changed_is_asked_for() {
    let script = Script::default();
    (10..40).for_each(|id| script.receive(id));
    let mut timeline = now(script.chat().timeline(50)).unwrap();
    script.state.lock().events.clear();
    script.set_state(20, MessageState::OutDelivered);
    script.set_state(21, MessageState::OutDelivered);
    script.tell(Kind::MsgDelivered(event::MsgDelivered { chat_id: CHAT, msg_id: 20 }));
    let changes = now(timeline.changes()).unwrap().unwrap();
    assert_eq!(changes.len(), 1, "message 21 has no event: {changes:?}");
    script.tell(Kind::IncomingMsg(event::IncomingMsg { chat_id: CHAT + 1, msg_id: 99 }));
    script.asked();
    assert!(timeline.changes().now_or_never().is_none());
    assert!(script.asked().is_empty(), "other chats cost no question");
}

#[test]
fn what_failed_is_tried_again() {
    let script = Script::default();
    let mut timeline = now(script.chat().timeline(50)).unwrap();
    script.receive(10);
    script.state.lock().fails = true;
    assert_eq!(now(timeline.changes()), Err(CallError::Busy("not now".to_owned())));
    assert_eq!(now(timeline.changes()).unwrap().map(|changes| changes.len()), Some(1));
}

#[test]
fn waiting_that_is_given_up_loses_nothing() {
    let script = Script::default();
    let mut timeline = now(script.chat().timeline(50)).unwrap();
    script.receive(10);
    script.state.lock().hangs = true;
    assert!(timeline.changes().now_or_never().is_none(), "the answer does not come");
    assert_eq!(now(timeline.changes()).unwrap().map(|changes| changes.len()), Some(1));
}

#[test]
fn older_messages_are_shown_on_demand() {
    let script = Script::default();
    (10..20).for_each(|id| script.receive(id));
    let mut timeline = now(script.chat().timeline(3)).unwrap();
    assert_eq!((shown(&timeline), timeline.is_complete()), (vec![17, 18, 19], false));
    script.state.lock().events.clear();
    script.receive(20);
    now(timeline.changes()).unwrap().unwrap();
    assert_eq!(shown(&timeline), [17, 18, 19, 20], "new messages push none out");
    timeline.show_older(2);
    let changes = now(timeline.changes()).unwrap().unwrap();
    assert!(matches!(changes[..], [Change::Insert { index: 0, .. }, Change::Insert { index: 1, .. }]));
    assert_eq!(shown(&timeline), [15, 16, 17, 18, 19, 20]);
    timeline.show_older(100);
    now(timeline.changes()).unwrap().unwrap();
    assert!(timeline.is_complete());
}

#[test]
fn a_chat_list_moves_what_came_to_the_top() {
    let script = Script::default();
    script.state.lock().chats = vec![10, 11, 12];
    let mut list = now(script.profile().chat_list()).unwrap();
    let mut rows = list.items().to_vec();
    script.state.lock().chats = vec![12, 10, 11];
    script.tell(Kind::ChatlistChanged(event::ChatlistChanged {}));
    script.tell(Kind::ChatlistItemChanged(event::ChatlistItemChanged { chat_id: Some(12) }));
    let changes = now(list.changes()).unwrap().unwrap();
    assert_eq!(changes, [Change::Move { from: 2, to: 0 }]);
    changes.into_iter().for_each(|change| change.apply(&mut rows));
    assert_eq!(rows, list.items());
}

#[test]
fn events_of_a_chat_are_those_of_no_other_one() {
    let script = Script::default();
    let mut events = now(script.chat().events()).unwrap();
    script.tell(Kind::IncomingMsg(event::IncomingMsg { chat_id: CHAT + 1, msg_id: 10 }));
    script.tell(Kind::ConnectivityChanged(event::ConnectivityChanged {}));
    script.tell(Kind::MsgsNoticed(event::MsgsNoticed { chat_id: CHAT }));
    assert_eq!(now(events.next()), Some(HostEvent::Noticed { chat: ChatId::new(CHAT) }));
    assert_eq!(events.try_next(), None);
}

#[test]
fn what_is_new_is_marked_as_seen() {
    let script = Script::default();
    (10..13).for_each(|id| script.receive(id));
    now(script.chat().mark_seen()).unwrap();
    let asked = script.asked();
    assert_eq!(asked, ["GetFirstUnreadMessageOfChat", "GetMessageIds", "MarkseenMsgs", "MarknoticedChat"]);
}
