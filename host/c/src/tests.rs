//! The functions of the header, as a program in C calls them.

#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::ptr;
use std::thread;
use std::time::Duration;

use prost::Message as _;
use volary_proto::{
    AddAccount, AddDeviceMessage, FrameFromHost, FrameToHost, GetAllAccountIds, MessageData, Request,
    WaitNextMsgs, answer, event, frame_from_host, outcome, request,
};

use crate::host::{MAX_FRAME, MAX_UNDER_WAY};
use crate::*;

/// Longest wait for a frame.
const PATIENCE_MS: u32 = 120_000;

fn create(folder: &std::path::Path) -> u64 {
    let folder = CString::new(folder.to_str().unwrap()).unwrap();
    // SAFETY: a text with its zero byte.
    unsafe { volary_create(folder.as_ptr()) }
}

fn send(host: u64, bytes: &[u8]) -> VolaryStatus {
    // SAFETY: the pointer and the length of a slice.
    unsafe { volary_send(host, bytes.as_ptr(), bytes.len()) }
}

fn ask(host: u64, id: u64, profile: u32, call: impl Into<request::Kind>) -> VolaryStatus {
    let frame = FrameToHost { id, request: Some(Request::new(profile, call)) };
    send(host, &frame.encode_to_vec())
}

fn receive(host: u64, timeout_ms: u32) -> Result<FrameFromHost, VolaryStatus> {
    let (mut bytes, mut length) = (ptr::null_mut(), 0);
    // SAFETY: both can be written; the bytes are read before they are given back, once.
    unsafe {
        match volary_receive(host, timeout_ms, &mut bytes, &mut length) {
            VolaryStatus::Ok => {
                let frame = FrameFromHost::decode(std::slice::from_raw_parts(bytes, length)).unwrap();
                volary_free(bytes, length);
                Ok(frame)
            }
            status => {
                assert!(bytes.is_null());
                Err(status)
            }
        }
    }
}

/// The answer with a number; events before it are passed over.
fn answer_to(host: u64, id: u64) -> outcome::Kind {
    loop {
        if let Some(frame_from_host::Kind::Answer(answer)) = receive(host, PATIENCE_MS).unwrap().kind {
            assert_eq!(answer.id, id);
            return answer.outcome.unwrap().kind.unwrap();
        }
    }
}

fn error() -> String {
    // SAFETY: it points to a text until the next call.
    unsafe { CStr::from_ptr(volary_error()) }.to_str().unwrap().to_owned()
}

#[test]
fn requests_are_answered_and_events_come() {
    let folder = tempfile::tempdir().unwrap();
    let host = create(folder.path());
    assert!(host > 0, "{}", error());
    assert_eq!(ask(host, 7, 0, AddAccount {}), VolaryStatus::Ok);
    let (mut made, mut told) = (false, false);
    while !(made && told) {
        match receive(host, PATIENCE_MS).unwrap().kind.unwrap() {
            frame_from_host::Kind::Answer(answer) => made = answer.id == 7,
            frame_from_host::Kind::Event(event) => {
                told |= matches!(event.kind, Some(event::Kind::AccountsChanged(_)));
            }
        }
    }
    ask(host, 8, 99, WaitNextMsgs {});
    assert!(matches!(answer_to(host, 8), outcome::Kind::Error(error) if error.message.contains("99")));
    assert_eq!(volary_close(host), VolaryStatus::Ok);
    let again = create(folder.path());
    assert!(again > host, "the folder is free at once, and has another number: {}", error());
    ask(again, 1, 0, GetAllAccountIds {});
    let outcome::Kind::Answer(answer) = answer_to(again, 1) else { panic!("refused") };
    assert!(matches!(answer.kind, Some(answer::Kind::Ids(ids)) if ids.ids == [1]));
    volary_close(again);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let host = create(folder.path());
    assert_eq!(send(host, b"\xff\xff\xff\xff"), VolaryStatus::Invalid);
    assert!(error().starts_with("not a frame"), "{}", error());
    assert_eq!(send(host, b""), VolaryStatus::Invalid);
    assert_eq!(error(), "the frame carries no request");
    assert_eq!(send(host, &vec![0; MAX_FRAME + 1]), VolaryStatus::Invalid);
    // SAFETY: null is refused before anything is read or written.
    unsafe {
        assert_eq!(volary_send(host, ptr::null(), 4), VolaryStatus::Invalid);
        assert_eq!(volary_receive(host, 0, ptr::null_mut(), ptr::null_mut()), VolaryStatus::Invalid);
        assert_eq!(volary_create(ptr::null()), 0);
        volary_free(ptr::null_mut(), 0);
    }
    assert_eq!(error(), "the folder is null");
    assert_eq!(create(folder.path()), 0);
    assert!(error().contains(folder.path().to_str().unwrap()), "it names the folder in use: {}", error());
    assert_eq!(receive(host, 0), Err(VolaryStatus::TimedOut));
    assert_eq!(error(), "", "that is no failure");
    assert_eq!(volary_close(host), VolaryStatus::Ok);
}

#[test]
fn a_number_that_is_not_valid_any_more_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let host = create(folder.path());
    volary_close(host);
    assert_eq!(volary_close(host), VolaryStatus::Closed);
    assert_eq!(ask(host, 1, 0, AddAccount {}), VolaryStatus::Closed);
    assert_eq!(receive(host, 1_000), Err(VolaryStatus::Closed));
    assert_eq!(receive(u64::MAX, 0), Err(VolaryStatus::Closed));
}

#[test]
fn closing_wakes_those_who_wait() {
    let folder = tempfile::tempdir().unwrap();
    let host = create(folder.path());
    thread::scope(|threads| {
        let waiting: Vec<_> = (0..3).map(|_| threads.spawn(move || receive(host, u32::MAX))).collect();
        // They wait, most likely; if they do not yet, they are refused.
        thread::sleep(Duration::from_millis(50));
        assert_eq!(volary_close(host), VolaryStatus::Ok);
        for thread in waiting {
            assert_eq!(thread.join().unwrap(), Err(VolaryStatus::Closed));
        }
    });
}

#[test]
fn many_threads_send_and_receive() {
    const THREADS: u64 = 8;
    const EACH: u64 = 50;
    let folder = tempfile::tempdir().unwrap();
    let host = create(folder.path());
    let mut ids = thread::scope(|threads| {
        for thread in 0..THREADS {
            threads.spawn(move || {
                for number in 0..EACH {
                    assert_eq!(ask(host, thread * EACH + number, 0, GetAllAccountIds {}), VolaryStatus::Ok);
                }
            });
        }
        let receiving: Vec<_> = (0..THREADS)
            .map(|_| {
                threads.spawn(move || {
                    let mut ids = Vec::new();
                    while (ids.len() as u64) < EACH {
                        match receive(host, PATIENCE_MS).unwrap().kind {
                            Some(frame_from_host::Kind::Answer(answer)) => ids.push(answer.id),
                            _ => continue,
                        }
                    }
                    ids
                })
            })
            .collect();
        receiving.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    ids.sort_unstable();
    assert_eq!(ids, (0..THREADS * EACH).collect::<Vec<_>>(), "each answer comes once");
    volary_close(host);
}

#[test]
fn answers_that_nobody_receives_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let host = create(folder.path());
    for id in 0..MAX_UNDER_WAY as u64 {
        assert_eq!(ask(host, id, 0, GetAllAccountIds {}), VolaryStatus::Ok);
    }
    assert_eq!(ask(host, 9_999, 0, GetAllAccountIds {}), VolaryStatus::Busy);
    assert!(error().contains("1000"), "{}", error());
    receive(host, PATIENCE_MS).unwrap();
    assert_eq!(ask(host, 9_999, 0, GetAllAccountIds {}), VolaryStatus::Ok, "there is a place again");
    assert_eq!(volary_close(host), VolaryStatus::Ok);
}

#[test]
fn commands_keep_the_order_of_their_frames() {
    const MESSAGES: u64 = 300;
    let folder = tempfile::tempdir().unwrap();
    let host = create(folder.path());
    assert_eq!(ask(host, 0, 0, AddAccount {}), VolaryStatus::Ok);
    assert!(matches!(answer_to(host, 0), outcome::Kind::Answer(_)));
    for number in 1..=MESSAGES {
        let data = MessageData { text: Some(number.to_string()), ..MessageData::default() };
        assert_eq!(
            ask(host, number, 1, AddDeviceMessage { label: number.to_string(), data: Some(data) }),
            VolaryStatus::Ok
        );
    }
    let mut ids = BTreeMap::new();
    while ids.len() < MESSAGES as usize {
        let Some(frame_from_host::Kind::Answer(told)) = receive(host, PATIENCE_MS).unwrap().kind else {
            continue;
        };
        let Some(outcome::Kind::Answer(answer)) = told.outcome.unwrap().kind else { panic!("{}", told.id) };
        let Some(answer::Kind::MaybeId(made)) = answer.kind else { panic!("{answer:?}") };
        ids.insert(told.id, made.id.unwrap());
    }
    let ids: Vec<u32> = ids.into_values().collect();
    assert!(ids.is_sorted(), "{ids:?}");
    assert_eq!(volary_close(host), VolaryStatus::Ok);
}
