//! Relays that say no: passwords, quotas, SMTP errors, renumbered mailboxes.

use volary_proto::event::Kind;
use volary_proto::{
    AddOrUpdateTransport, DeleteMessages, EnteredLoginParam, GetConnectivityHtml, ListTransports,
    MessageState, SetConfig, StartIo, StopIo,
};
use volary_relay::{Faults, SmtpFault};
use volary_tests::{Person, World};

fn fault(code: u16, text: &str) -> Option<SmtpFault> {
    Some(SmtpFault { code, text: text.to_owned() })
}

#[tokio::test]
async fn a_relay_that_is_busy_is_asked_again() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    world.relay.log_commands(true);
    world.relay.set_faults(Faults { rcpt: fault(450, "4.2.0 try again later"), ..Faults::default() });
    let sent = alice.says(&bob, "later, then").await;
    alice.eventually("the relay was asked", async || asked(&world, "RCPT").then_some(())).await;
    assert_eq!(alice.message(sent).await.state(), MessageState::OutPending);
    world.relay.set_faults(Faults::default());
    bob.sees("later, then").await;
    alice.sees_state(sent, MessageState::OutDelivered).await;
    world.ends().await;
}

fn asked(world: &World, command: &str) -> bool {
    world.relay.command_log().iter().any(|line| line.contains(command))
}

#[tokio::test]
async fn a_refused_message_fails_with_the_words_of_the_relay() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    world.relay.set_faults(Faults { rcpt: fault(550, "5.1.1 nobody of that name"), ..Faults::default() });
    let sent = alice.says(&bob, "to nobody").await;
    let failed = alice.sees_state(sent, MessageState::OutFailed).await;
    let error = failed.error.unwrap_or_default();
    assert!(error.contains("nobody of that name"), "{error:?}");
    alice
        .hears("MsgFailed", |kind| {
            matches!(kind, Kind::MsgFailed(event) if event.msg_id == sent).then_some(())
        })
        .await;
    world.relay.set_faults(Faults::default());
    alice.says(&bob, "to somebody").await;
    bob.sees("to somebody").await;
    assert_eq!(bob.count("to nobody").await, 0);
    world.ends().await;
}

#[tokio::test]
async fn one_member_that_the_relay_refuses_keeps_nobody_else_from_the_message() {
    let world = World::new().await;
    let (alice, bob, carol) = world.three().await;
    let group = alice.gathers("Some", &[&bob, &carol]).await;
    let rcpt = fault(550, "5.1.1 nobody of that name");
    world.relay.set_faults(Faults { rcpt, rcpt_only: carol.address.clone(), ..Faults::default() });
    let sent = group.says("those who are left").await;
    bob.sees("those who are left").await;
    alice.sees_state(sent, MessageState::OutDelivered).await;
    alice
        .hears("a warning about Carol", |kind| match kind {
            Kind::Warning(warning) => warning.msg.contains("nobody of that name").then_some(()),
            _ => None,
        })
        .await;
    world.relay.set_faults(Faults::default());
    group.says("and all again").await;
    carol.sees("and all again").await;
    assert_eq!(carol.count("those who are left").await, 0);
    assert_eq!(bob.count("those who are left").await, 1);
    world.ends().await;
}

#[tokio::test]
async fn one_member_that_the_relay_puts_off_gets_the_message_later_and_nobody_twice() {
    let world = World::new().await;
    let (alice, bob, carol) = world.three().await;
    let group = alice.gathers("Some", &[&bob, &carol]).await;
    let rcpt = fault(450, "4.2.0 try again later");
    world.relay.set_faults(Faults { rcpt, rcpt_only: carol.address.clone(), ..Faults::default() });
    let sent = group.says("one after the other").await;
    bob.sees("one after the other").await;
    assert_eq!(alice.message(sent).await.state(), MessageState::OutPending);
    world.relay.set_faults(Faults::default());
    world.relay.log_commands(true);
    carol.sees("one after the other").await;
    alice.sees_state(sent, MessageState::OutDelivered).await;
    // What was still owed to Carol came in a mail for her alone. Others may follow it, such as news of the own key.
    let asked = world.relay.command_log();
    let is_for_carol_alone = |mail: &[String]| {
        let mut recipients = mail.iter().filter(|line| line.contains("RCPT"));
        recipients.next().is_some_and(|line| line.contains(&carol.address)) && recipients.next().is_none()
    };
    assert!(asked.split(|line| line.contains("MAIL FROM")).any(is_for_carol_alone), "{asked:?}");
    assert_eq!(bob.count("one after the other").await, 1);
    world.ends().await;
}

#[tokio::test]
async fn content_that_is_refused_fails_too() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    world.relay.set_faults(Faults { data: fault(554, "5.7.1 not today"), ..Faults::default() });
    let sent = alice.says(&bob, "refused").await;
    let failed = alice.sees_state(sent, MessageState::OutFailed).await;
    assert!(failed.error.unwrap_or_default().contains("not today"));
    world.relay.set_faults(Faults::default());
    alice.says(&bob, "accepted").await;
    bob.sees("accepted").await;
    assert_eq!(bob.count("refused").await, 0);
    world.ends().await;
}

#[tokio::test]
async fn a_relay_that_hangs_up_after_it_took_a_mail_gets_it_twice_and_it_is_seen_once() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    world.relay.set_faults(Faults { hang_up_after_data: true, ..Faults::default() });
    let sent = alice.says(&bob, "taken without a word").await;
    bob.sees("taken without a word").await;
    world.relay.set_faults(Faults::default());
    alice.has_sent(sent).await;
    alice.says(&bob, "and on").await;
    bob.sees("and on").await;
    assert_eq!(bob.count("taken without a word").await, 1);
    world.ends().await;
}

#[tokio::test]
async fn a_password_that_is_not_accepted_any_more_is_told_and_tried_again() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    alice.shows_connectivity(&[4000]).await;
    world.relay.set_faults(Faults { refuse_login: true, ..Faults::default() });
    world.relay_goes_down().await;
    world.relay_comes_up().await;
    alice
        .eventually("it is told that the login fails", async || {
            let html = alice.call(GetConnectivityHtml {}).await.text;
            html.to_lowercase().contains("login").then_some(())
        })
        .await;
    alice.shows_connectivity(&[1000, 2000]).await;
    let sent = alice.says(&bob, "with the new password").await;
    assert_eq!(alice.message(sent).await.state(), MessageState::OutPending);
    world.relay.set_faults(Faults::default());
    // Whoever enters a password expects that it is tried at once.
    alice.logs_in(&world.login("Alice")).await;
    alice.shows_connectivity(&[4000]).await;
    bob.sees("with the new password").await;
    world.ends().await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_the_right_one_kept() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let wrong = EnteredLoginParam { password: "incorrect horse".to_owned(), ..world.login("Alice") };
    let refused = alice.tries(AddOrUpdateTransport { param: Some(wrong) }).await;
    assert!(refused.is_err());
    alice
        .hears("why it cannot be used", |kind| match kind {
            Kind::Warning(warning) => warning.msg.starts_with("Setting up a…@").then_some(()),
            _ => None,
        })
        .await;
    assert!(alice.call(GetConnectivityHtml {}).await.text.contains("Setting up a…@"));
    let kept = alice.call(ListTransports {}).await.transports;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].password, world.login("Alice").password);
    alice.says(&bob, "still here").await;
    bob.sees("still here").await;
    bob.says(&alice, "I hear you").await;
    alice.sees("I hear you").await;
    world.ends().await;
}

#[tokio::test]
async fn a_renumbered_mailbox_doubles_nothing_and_goes_on() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    // Alice leaves mail on the relay for other devices, so that there is something to come again.
    alice.call(SetConfig { key: "bcc_self".to_owned(), value: Some("1".to_owned()) }).await;
    for text in ["one", "two"] {
        bob.says(&alice, text).await;
        alice.sees(text).await;
    }
    for text in ["three", "four"] {
        world.relay.change_uid_validity(&alice.address, "INBOX").expect("Alice has a mailbox");
        alice.call(StopIo {}).await;
        alice.call(StartIo {}).await;
        alice.shows_connectivity(&[4000]).await;
        bob.says(&alice, text).await;
        alice.sees(text).await;
    }
    assert!(world.relay.mailbox(&alice.address).expect("Alice has a mailbox").len() >= 4);
    assert_eq!(alice.chat_with(&bob).await.texts().await, ["one", "two", "three", "four"]);
    world.ends().await;
}

/// Nothing reaches Alice any more.
async fn goes_offline(alice: &Person) {
    alice.call(StopIo {}).await;
}

#[tokio::test]
async fn mail_that_came_before_a_mailbox_was_renumbered_is_not_lost() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    alice.call(SetConfig { key: "bcc_self".to_owned(), value: Some("1".to_owned()) }).await;
    bob.says(&alice, "known").await;
    alice.sees("known").await;
    goes_offline(&alice).await;
    for text in ["missed", "missed, too"] {
        let sent = bob.says(&alice, text).await;
        bob.has_sent(sent).await;
    }
    world.relay.change_uid_validity(&alice.address, "INBOX").expect("Alice has a mailbox");
    alice.call(StartIo {}).await;
    for text in ["missed", "missed, too"] {
        alice.sees(text).await;
    }
    bob.says(&alice, "afterwards").await;
    alice.sees("afterwards").await;
    let texts = alice.chat_with(&bob).await.texts().await;
    assert_eq!(texts, ["known", "missed", "missed, too", "afterwards"]);
    world.ends().await;
}

#[tokio::test]
async fn what_was_deleted_does_not_come_back_from_a_renumbered_mailbox() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    alice.call(SetConfig { key: "bcc_self".to_owned(), value: Some("1".to_owned()) }).await;
    // The mail that tells other devices of the deletion would take the place of the one that goes.
    alice.call(SetConfig { key: "sync_msgs".to_owned(), value: Some("0".to_owned()) }).await;
    bob.says(&alice, "to be forgotten").await;
    bob.says(&alice, "to be kept").await;
    alice.sees("to be kept").await;
    let forgotten = alice.sees("to be forgotten").await.id;
    let before = world.relay.mailbox(&alice.address).expect("Alice has a mailbox").len();
    goes_offline(&alice).await;
    alice.call(DeleteMessages { msg_ids: vec![forgotten] }).await;
    world.relay.change_uid_validity(&alice.address, "INBOX").expect("Alice has a mailbox");
    alice.call(StartIo {}).await;
    // The order to delete was about a UID that is void: the copy is found again under its new one.
    alice
        .eventually("the copy is deleted", async || {
            let left = world.relay.mailbox(&alice.address)?.len();
            (left < before).then_some(())
        })
        .await;
    bob.says(&alice, "afterwards").await;
    alice.sees("afterwards").await;
    assert_eq!(alice.chat_with(&bob).await.texts().await, ["to be kept", "afterwards"]);
    world.ends().await;
}

#[tokio::test]
async fn a_message_does_not_overtake_one_of_its_chat_that_waits_for_its_next_try() {
    let world = World::new().await;
    let (alice, bob, carol) = world.three().await;
    world.relay.log_commands(true);
    world.relay.set_faults(Faults { rcpt: fault(450, "4.2.0 try again later"), ..Faults::default() });
    let first = alice.says(&bob, "first").await;
    // What comes behind RCPT is read when RCPT was answered. Mails to Carol may still be on their way.
    let refused = || {
        let log = world.relay.command_log();
        let to_bob = log.iter().position(|line| line.contains("RCPT") && line.contains(&bob.address));
        to_bob.is_some_and(|at| log[at..].iter().any(|line| line.contains("DATA")))
    };
    alice.eventually("the relay has refused", async || refused().then_some(())).await;
    world.relay.set_faults(Faults::default());
    let second = alice.says(&bob, "second").await;
    let other = alice.says(&carol, "meanwhile").await;
    alice.has_sent(other).await;
    carol.sees("meanwhile").await;
    assert_eq!(alice.message(first).await.state(), MessageState::OutPending);
    assert_eq!(alice.message(second).await.state(), MessageState::OutPending);
    let (first, second) = (bob.sees("first").await, bob.sees("second").await);
    assert!(first.id < second.id, "they arrive in order");
    world.ends().await;
}

#[tokio::test]
async fn a_message_to_a_full_mailbox_fails_and_the_next_one_arrives() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    alice.empties_mailboxes(&world.relay).await;
    assert!(world.relay.set_quota(&alice.address, 0));
    let sent = bob.says(&alice, "no room").await;
    let failed = bob.sees_state(sent, MessageState::OutFailed).await;
    let error = failed.error.unwrap_or_default();
    assert!(error.contains("mailbox is full") || error.contains("5.2.2"), "{error:?}");
    assert!(world.relay.set_quota(&alice.address, 100_000));
    bob.says(&alice, "room again").await;
    alice.sees("room again").await;
    assert_eq!(alice.count("no room").await, 0);
    world.ends().await;
}
