//! Calls as mails bring them, over a whole profile.

use volary_mail::message::text::wire;
use volary_mail::message::{
    Body, ChatBody, ChatContent, ChatHeader, Mailbox, MessageId as Mid, Outgoing, Recipients,
};
use volary_mail::openpgp::SecretKey;
use volary_proto::v1::event;
use volary_proto::v1::{CallInfo, GetCallInfo, answer, call_state};
use volary_storage::records::{MessageState, ViewType};

use super::*;
use crate::ground::ids::ChatId;
use crate::query;
use crate::testing::{Desk, PROFILE};

const CALL: &str = "call@two.test";

fn mail(mid: &str, from: &str, to: &str, date: i64, text: &str) -> Outgoing {
    let body = Body::Chat(Box::new(ChatBody { text: text.to_owned(), ..Default::default() }));
    let to = Recipients::Listed(vec![Mailbox::bare(to.to_owned())]);
    Outgoing::new(Mailbox::bare(from.to_owned()), to, Mid::parse(mid).unwrap(), date, body)
}

/// Bob's call.
fn offer(date: i64) -> Outgoing {
    let mut call = mail(CALL, "bob@two.test", "me@one.test", date, wire::CALL);
    call.headers = vec![
        ChatHeader::Content(ChatContent::Call),
        ChatHeader::WebrtcRoom("v=0\r\nö".to_owned()),
        ChatHeader::WebrtcHasVideo(true),
    ];
    call
}

fn news(mid: &str, from: &str, date: i64, content: ChatContent) -> Outgoing {
    let to = if from == "me@one.test" { "bob@two.test" } else { "me@one.test" };
    let mut news = mail(mid, from, to, date, "[Call …]");
    news.in_reply_to = Mid::parse(CALL);
    news.headers = vec![ChatHeader::Content(content)];
    if content == ChatContent::CallAccepted {
        news.headers.push(ChatHeader::WebrtcAccepted("answer".to_owned()));
    }
    news
}

/// Bob, his key, and the chat with him.
async fn with_bob(desk: &Desk) -> (ContactId, SecretKey, ChatId) {
    let (bob, key) = desk.knows(&["bob@two.test"]).await;
    (bob, key, desk.chat_with(bob).await)
}

fn call(desk: &Desk) -> (MessageId, MessageRecord) {
    desk.db.look(|view| messages::by_mid(view, PROFILE, CALL)).unwrap().unwrap()
}

fn info(desk: &Desk) -> CallInfo {
    let (id, _) = call(desk);
    match query::run(&desk.db, PROFILE, &GetCallInfo { msg_id: id.get() }.into()) {
        Ok(answer::Kind::CallInfo(info)) => info,
        other => panic!("{other:?}"),
    }
}

fn state(desk: &Desk) -> call_state::Kind {
    info(desk).state.unwrap().kind.unwrap()
}

/// What is told of calls and of new messages, in its order.
async fn told(desk: &Desk) -> Vec<&'static str> {
    let name = |kind| match kind {
        event::Kind::IncomingMsg(_) => Some("IncomingMsg"),
        event::Kind::MsgsChanged(changed) if changed.msg_id != 0 => Some("MsgsChanged"),
        event::Kind::IncomingCall(_) => Some("IncomingCall"),
        event::Kind::IncomingCallAccepted(_) => Some("IncomingCallAccepted"),
        event::Kind::OutgoingCallAccepted(_) => Some("OutgoingCallAccepted"),
        event::Kind::CallEnded(_) => Some("CallEnded"),
        _ => None,
    };
    desk.events().await.into_iter().filter_map(name).collect()
}

#[tokio::test]
async fn a_call_rings_and_is_not_announced_as_a_message() {
    let desk = Desk::new().await;
    let (_, key, chat) = with_bob(&desk).await;
    desk.events().await;
    desk.gets(&key, &offer(desk.now() - 20)).await;
    let events = desk.events().await;
    let (id, record) = call(&desk);
    let rings = event::IncomingCall {
        msg_id: id.get(),
        chat_id: chat.get(),
        place_call_info: "v=0\r\nö".to_owned(),
        has_video: true,
    };
    assert!(events.contains(&event::Kind::IncomingCall(rings)), "{events:?}");
    assert!(!events.iter().any(|event| matches!(event, event::Kind::IncomingMsg(_))), "{events:?}");
    assert_eq!((record.text.as_str(), record.view_type), ("Incoming video call", ViewType::Call));
    assert_eq!((info(&desk).sdp_offer.as_str(), info(&desk).has_video), ("v=0\r\nö", true));
    desk.waits(100);
    let quiet = crate::upkeep::deadlines::Quiet { housekeeping: desk.now(), aging: None };
    crate::upkeep::deadlines::handle_due(&desk.db, quiet).await.unwrap();
    assert!(matches!(state(&desk), call_state::Kind::Missed(_)));
    assert_eq!(told(&desk).await, ["MsgsChanged", "CallEnded"]);
    assert_eq!(call(&desk).1.text, "Missed call");
}

#[tokio::test]
async fn a_call_that_comes_too_late_is_a_message_about_a_missed_one() {
    let desk = Desk::new().await;
    let (_, key, _) = with_bob(&desk).await;
    desk.events().await;
    desk.gets(&key, &offer(desk.now() - 3600)).await;
    assert_eq!(told(&desk).await, ["IncomingMsg"]);
    assert_eq!((call(&desk).1.text.as_str(), call(&desk).1.state), ("Missed call", MessageState::InFresh));
    assert!(matches!(state(&desk), call_state::Kind::Missed(_)));
    // It was answered on another device meanwhile.
    let accepted = news("a@one.test", "me@one.test", desk.now() - 3590, ChatContent::CallAccepted);
    desk.gets(&desk.own_key(), &accepted).await;
    desk.gets(&key, &news("e@two.test", "bob@two.test", desk.now() - 3530, ChatContent::CallEnded)).await;
    assert_eq!(state(&desk), call_state::Kind::Completed(call_state::Completed { duration: 60 }));
    assert_eq!(call(&desk).1.text, "Incoming video call\n1 minute");
}

#[tokio::test]
async fn who_may_ring_is_a_setting() {
    for (setting, accepted, rings) in
        [("1", true, true), ("1", false, false), ("0", false, true), ("2", true, false)]
    {
        let desk = Desk::new().await;
        let (bob, key) = desk.knows(&["bob@two.test"]).await;
        desk.change(move |tx| Ok(config::set(tx, config::key::WHO_CAN_CALL_ME, Some(setting))?)).await;
        if accepted {
            desk.chat_with(bob).await;
        }
        desk.gets(&key, &offer(desk.now())).await;
        let told = told(&desk).await;
        assert_eq!(told.contains(&"IncomingCall"), rings, "{setting} {accepted}: {told:?}");
        assert!(matches!(state(&desk), call_state::Kind::Alerting(_)));
    }
}

#[tokio::test]
async fn whoever_is_blocked_does_not_ring() {
    let desk = Desk::new().await;
    let (bob, key, _) = with_bob(&desk).await;
    desk.change(move |tx| {
        crate::chat::requests::block_contact(tx, bob, true)?;
        Ok(config::set(tx, config::key::WHO_CAN_CALL_ME, Some("0"))?)
    })
    .await;
    desk.gets(&key, &offer(desk.now())).await;
    assert!(!told(&desk).await.contains(&"IncomingCall"));
    assert!(matches!(state(&desk), call_state::Kind::Missed(_)));
}

#[tokio::test]
async fn a_caller_that_gives_up_is_missed_whatever_comes_first() {
    for end_first in [false, true] {
        let desk = Desk::new().await;
        let (_, key, _) = with_bob(&desk).await;
        let (call_mail, end) =
            (offer(desk.now()), news("e@x", "bob@two.test", desk.now() + 5, ChatContent::CallEnded));
        desk.waits(5);
        desk.events().await;
        for mail in if end_first { [&end, &call_mail] } else { [&call_mail, &end] } {
            desk.gets(&key, mail).await;
        }
        let told = told(&desk).await;
        assert!(matches!(state(&desk), call_state::Kind::Missed(_)));
        assert_eq!(told.contains(&"IncomingCall"), !end_first, "{told:?}");
        assert_eq!(told.last(), Some(&"CallEnded"));
        assert_eq!(call(&desk).1.text, "Missed call");
    }
}

#[tokio::test]
async fn only_the_two_of_a_call_change_it() {
    let desk = Desk::new().await;
    let (_, key, _) = with_bob(&desk).await;
    let (_, carol) = desk.knows(&["carol@three.test"]).await;
    desk.gets(&key, &offer(desk.now())).await;
    desk.gets(&carol, &news("c1@x", "carol@three.test", desk.now(), ChatContent::CallEnded)).await;
    desk.gets(&carol, &news("c2@x", "carol@three.test", desk.now(), ChatContent::CallAccepted)).await;
    desk.gets(&key, &news("b1@x", "bob@two.test", desk.now(), ChatContent::CallAccepted)).await;
    assert!(matches!(state(&desk), call_state::Kind::Alerting(_)), "a caller does not answer itself");
    let clear = "Message-ID: <d@x>\r\nFrom: bob@two.test\r\nTo: me@one.test\r\nChat-Version: 1.0\r\n\
                 Chat-Content: call-ended\r\nIn-Reply-To: <call@two.test>\r\n\r\nover\r\n";
    desk.change(|tx| Ok(config::set(tx, config::key::FORCE_ENCRYPTION, Some("0"))?)).await;
    desk.gets_raw(clear.as_bytes()).await;
    assert!(matches!(state(&desk), call_state::Kind::Alerting(_)), "it was not encrypted");
}

#[tokio::test]
async fn an_answer_on_another_device_ends_the_ringing_here() {
    let desk = Desk::new().await;
    let (_, key, chat) = with_bob(&desk).await;
    desk.gets(&key, &offer(desk.now())).await;
    desk.events().await;
    let accepted = news("a@one.test", "me@one.test", desk.now(), ChatContent::CallAccepted);
    desk.gets(&desk.own_key(), &accepted).await;
    let (id, _) = call(&desk);
    let elsewhere =
        event::IncomingCallAccepted { msg_id: id.get(), chat_id: chat.get(), from_this_device: false };
    assert!(desk.events().await.contains(&event::Kind::IncomingCallAccepted(elsewhere)));
    assert!(matches!(state(&desk), call_state::Kind::Active(_)));
    desk.waits(200);
    let quiet = crate::upkeep::deadlines::Quiet { housekeeping: desk.now(), aging: None };
    crate::upkeep::deadlines::handle_due(&desk.db, quiet).await.unwrap();
    assert!(matches!(state(&desk), call_state::Kind::Active(_)), "it does not ring out");
}

#[tokio::test]
async fn a_call_of_a_group_is_a_text() {
    let desk = Desk::new().await;
    let (_, key, _) = with_bob(&desk).await;
    let mut call = offer(desk.now());
    call.headers.push(ChatHeader::GroupId("abcdefghijk".to_owned()));
    call.headers.push(ChatHeader::GroupName("Group".to_owned()));
    desk.events().await;
    desk.gets(&key, &call).await;
    let (_, record) =
        super::messages::by_mid(&desk.db.store().snapshot().unwrap(), PROFILE, CALL).unwrap().unwrap();
    assert_eq!((record.view_type, record.call.is_none()), (ViewType::Text, true));
    assert_eq!(record.text, wire::CALL);
    assert!(!told(&desk).await.contains(&"IncomingCall"));
}
