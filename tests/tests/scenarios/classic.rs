//! Classic mail in clear text, as other mail programs write it: single chats, groups without id, mailing lists.

use volary_proto::event::Kind;
use volary_proto::{
    ChatType, CreateChatByContactId, CreateContact, CreateGroup, GetBasicChat, GetContact, MessageData,
    MessageState, SendMessage, SetConfig,
};
use volary_tests::{Chat, Person, World};

/// Somebody who takes classic mail.
async fn open_person(world: &World, name: &str) -> Person {
    let person = world.person(name).await;
    allows_clear_text(&person, true).await;
    // What lies in a mailbox before the first visit is not looked at.
    person.hears("that it waits for mail", |kind| matches!(kind, Kind::ImapInboxIdle(_)).then_some(())).await;
    person
}

async fn allows_clear_text(person: &Person, allowed: bool) {
    let value = Some(if allowed { "0" } else { "1" }.to_owned());
    person.call(SetConfig { key: "force_encryption".to_owned(), value }).await;
}

/// A mail as a classic program writes it; ME is the recipient's address.
fn mail(person: &Person, id: &str, fields: &str, body: &str) -> String {
    let fields = fields.replace("ME", &person.address).replace('\n', "\r\n");
    let body = body.replace('\n', "\r\n");
    format!(
        "{fields}\r\nMessage-ID: <{id}@x.test>\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
    )
}

fn gets(world: &World, person: &Person, id: &str, fields: &str, body: &str) {
    assert!(world.relay.inject(&person.address, mail(person, id, fields, body).into_bytes()));
}

/// The chat in which a text shows, by name and kind, with the name that is shown for its author alone.
async fn place(person: &Person, text: &str) -> (String, ChatType, Option<String>) {
    let message = person.eventually(text, async || find(person, text).await).await;
    let chat = person.call(GetBasicChat { chat_id: message.chat_id }).await;
    assert!(!message.show_padlock && !chat.is_encrypted, "{text}");
    (chat.name.clone(), chat.chat_type(), message.override_sender_name)
}

async fn find(person: &Person, text: &str) -> Option<volary_proto::Message> {
    person.messages().await.into_iter().find(|message| message.text == text)
}

async fn chat_of(person: &Person, text: &str) -> Chat {
    let id = person.eventually(text, async || find(person, text).await).await.chat_id;
    Chat { person: person.clone(), id }
}

// Spec 04 §5.1 and §9.1. What is right was seen with chatmail core 2.65.0.
#[tokio::test]
async fn classic_mail_goes_to_single_chats_and_groups_by_its_recipients() {
    let world = World::new().await;
    let alice = open_person(&world, "Alice").await;
    let single = |name: &str| (name.to_owned(), ChatType::Single, None);
    let group = |name: &str| (name.to_owned(), ChatType::Group, None);
    for (id, fields, body, shown, expected) in [
        ("1", "From: Anna <anna@x.test>\nTo: ME\nSubject: Hello", "one", "Hello – one", single("Anna")),
        (
            "2",
            "From: Anna <anna@x.test>\nTo: ME, Bob <bob@x.test>\nCc: Carol <carol@x.test>\nSubject: Lunch?",
            "two",
            "Lunch? – two",
            group("Lunch?"),
        ),
        (
            "3",
            "From: Bob <bob@x.test>\nTo: anna@x.test, ME, carol@x.test\nSubject: Re: Lunch?\nIn-Reply-To: <2@x.test>",
            "three",
            "three",
            group("Lunch?"),
        ),
        (
            "4",
            "From: Carol <carol@x.test>\nTo: ME\nSubject: Re: Lunch?\nIn-Reply-To: <2@x.test>",
            "in private",
            "in private",
            single("Carol"),
        ),
        ("5", "From: Anna <anna@x.test>\nTo: other@x.test\nSubject: bcc", "five", "bcc – five", group("bcc")),
        (
            "6",
            "From: Shop <noreply@shop.test>\nTo: ME\nSubject: Order",
            "six",
            "Order – six",
            single("noreply@shop.test"),
        ),
        ("7", "From: Me <ME>\nTo: Zed <zed@x.test>\nSubject: sent", "seven", "sent – seven", single("Zed")),
        ("8", "From: Me <ME>\nTo: ME\nSubject: note", "eight", "note – eight", group("note")),
    ] {
        gets(&world, &alice, id, fields, body);
        assert_eq!(place(&alice, shown).await, expected, "{shown}");
    }
    world.ends().await;
}

// Spec 04 §9.1 and §5.2: the id of an encrypted group counts for nothing in clear text.
#[tokio::test]
async fn a_group_in_clear_text_follows_its_thread_and_takes_its_members_from_the_headers() {
    let world = World::new().await;
    let alice = open_person(&world, "Alice").await;
    let chat = "Chat-Version: 1.0\nChat-Group-ID: abcdefghijkl\nChat-Group-Name: Choir";
    let first = format!(
        "From: Bob <bob@x.test>\nTo: ME, carol@x.test\nSubject: Choir\n{chat}\nChat-Group-Member-Timestamps: 100 101"
    );
    gets(&world, &alice, "1", &first, "first");
    let group = chat_of(&alice, "first").await;
    assert_eq!(group.full().await.contact_ids.len(), 3);
    // Carol is gone, so that one recipient is left: no answer in private.
    let second = format!(
        "From: Bob <bob@x.test>\nTo: ME\nSubject: Re: Choir\n{chat}\nIn-Reply-To: <1@x.test>\n\
         Chat-Group-Past-Members: carol@x.test\nChat-Group-Member-Timestamps: 100 1795168700\n\
         Chat-Group-Member-Removed: carol@x.test"
    );
    gets(&world, &alice, "2", &second, "Member carol@x.test was removed.");
    let line = "Member carol@x.test removed by Bob.";
    assert_eq!(chat_of(&alice, line).await.id, group.id);
    let full = group.full().await;
    assert_eq!((full.contact_ids.len(), full.past_contact_ids.len()), (2, 1));
    let third = format!(
        "From: Bob <bob@x.test>\nTo: dave@x.test, ME\nSubject: Re: Choir\n{chat}\nIn-Reply-To: <2@x.test>\n\
         Chat-Group-Member-Timestamps: 1795168750 100\nChat-Group-Member-Added: dave@x.test"
    );
    gets(&world, &alice, "3", &third, "Member dave@x.test was added.");
    assert_eq!(chat_of(&alice, "Member dave@x.test added by Bob.").await.id, group.id);
    assert_eq!(group.full().await.contact_ids.len(), 3);
    world.ends().await;
}

// Spec 04 §9.2.
#[tokio::test]
async fn a_mailing_list_is_a_chat_that_is_named_and_written_to_as_its_headers_say() {
    let world = World::new().await;
    let alice = open_person(&world, "Alice").await;
    let list = |name: &str, by: &str| (name.to_owned(), ChatType::Mailinglist, Some(by.to_owned()));
    let head = "To: foo@lists.test\nList-Id: Foo <foo.lists.test>\nList-Post: <mailto:foo@lists.test>";
    for (id, fields, shown, expected) in [
        (
            "1",
            format!("From: Anna <anna@x.test>\n{head}\nSubject: [foo] topic"),
            "[foo] topic – x1",
            list("foo", "Anna"),
        ),
        ("2", format!("From: Bob <bob@x.test>\n{head}\nSubject: Re: topic"), "Re: topic – x2", list("Foo", "Bob")),
        (
            "3",
            "From: Bob <bob@x.test>\nTo: ME\nCc: foo@lists.test\nSubject: Re: topic\nIn-Reply-To: <2@x.test>".to_owned(),
            "x3",
            list("Foo", "Bob"),
        ),
        (
            "4",
            "From: Anna <anna@x.test>\nTo: old@lists.test\nSender: Old <owner@lists.test>\nPrecedence: bulk\nSubject: s"
                .to_owned(),
            "s – x4",
            list("Old", "Anna"),
        ),
        (
            "5",
            "From: News <news@y.test>\nTo: ME\nList-Id: <0123456789abcdef0123456789abcdef.weekly.y.test>\nSubject: s"
                .to_owned(),
            "s – x5",
            list("weekly.y.test", "News"),
        ),
    ] {
        gets(&world, &alice, id, &fields, &format!("x{id}"));
        assert_eq!(place(&alice, shown).await, expected, "{shown}");
    }
    let chat = chat_of(&alice, "Re: topic – x2").await;
    let full = chat.full().await;
    assert!(full.is_contact_request && full.contact_ids.is_empty());
    assert_eq!(full.mailing_list_address.as_deref(), Some("foo@lists.test"));
    // An answer from another program of ours accepts the list.
    gets(&world, &alice, "6", "From: Me <ME>\nTo: foo@lists.test\nSubject: mine", "x6");
    assert_eq!(chat_of(&alice, "mine – x6").await.id, chat.id);
    assert!(chat.full().await.can_send);
    let other = "From: Bob <bob@x.test>\nList-Id: Foo <foo.lists.test>\nList-Post: <mailto:bar@lists.test>\nSubject: s";
    gets(&world, &alice, "7", other, "x7");
    chat_of(&alice, "s – x7").await;
    let full = chat.full().await;
    assert!(!full.can_send && full.mailing_list_address.is_none());
    let known = alice.messages().await.into_iter().find(|message| message.text == "[foo] topic – x1");
    let anna = alice.call(GetContact { contact_id: known.expect("a message").from_id }).await;
    assert_eq!(anna.display_name, "anna@x.test", "lists rewrite names, so they name nobody");
    world.ends().await;
}

// An encrypted group keeps its padlock: nobody puts a mail into it who only knows its id.
#[tokio::test]
async fn a_list_mail_with_the_id_of_a_group_is_not_shown_there() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    allows_clear_text(&alice, true).await;
    let group = bob.gathers("Choir", &[&alice]).await;
    let seen = group.messages().await.len();
    let code = alice.code(Some(alice.enters("Choir").await.id)).await;
    let id =
        code.split('&').find_map(|part| part.strip_prefix("x=")).expect("the id of the group").to_owned();
    let fields = format!("From: Mallory <m@x.test>\nTo: ME\nList-Id: Choir <{id}>\nSubject: s");
    gets(&world, &alice, "1", &fields, "forged");
    gets(&world, &alice, "2", "From: Mallory <m@x.test>\nTo: ME\nSubject: s", "fence");
    chat_of(&alice, "s – fence").await;
    assert_eq!(find(&alice, "s – forged").await, None);
    assert_eq!(group.messages().await.len(), seen);
    world.ends().await;
}

#[tokio::test]
async fn where_encryption_is_forced_nothing_is_said_in_clear_text() {
    let world = World::new().await;
    let (alice, bob) = (open_person(&world, "Alice").await, world.person("Bob").await);
    let contact_id = alice.call(CreateContact { email: bob.address.clone(), name: None }).await.id;
    let id = alice.call(CreateChatByContactId { contact_id }).await.id;
    let group = alice.call(CreateGroup { name: "Choir".to_owned(), unencrypted: true }).await.id;
    let group = Chat { person: alice.clone(), id: group };
    assert!(group.full().await.is_unpromoted);
    assert!(!group.full().await.is_encrypted);
    gets(&world, &alice, "1", &format!("From: Bob <{}>\nTo: ME\nSubject: Re: s", bob.address), "hello");
    let hello = alice.eventually("hello", async || find(&alice, "hello").await).await;
    assert_eq!(hello.chat_id, id);
    allows_clear_text(&alice, false).await;
    let data = Some(MessageData { text: Some("not in clear".to_owned()), ..Default::default() });
    alice.tries(SendMessage { chat_id: id, data }).await.expect_err("refused");
    let failed = alice.eventually("a failure", async || find(&alice, "not in clear").await).await;
    assert_eq!(failed.state(), MessageState::OutFailed);
    let reaction = volary_proto::SendReaction { msg_id: hello.id, reactions: vec!["👍".to_owned()] };
    let refused = alice.tries(reaction).await.expect_err("refused").message;
    assert!(refused.contains("end-to-end encryption"), "{refused}");
    let resend = volary_proto::ResendMessages { msg_ids: vec![failed.id] };
    alice.tries(resend).await.expect_err("refused");
    world.ends().await;
}
