//! Texts, pictures, large files, receipts, edits, reactions, quotes, deletion.

use std::path::PathBuf;

use rand::{RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use volary_proto::message_quote::Kind as Quote;
use volary_proto::{
    DeleteMessagesForAll, DownloadFullMessage, DownloadState, GetExistingMsgIds, GetMessageReadReceipts,
    Message, MessageData, MessageState, SendEditRequest, SendReaction, ViewType,
};
use volary_tests::{Person, World};

/// Larger than any mail that is fetched without asking, so that it goes out as announcement and content.
const LARGE: usize = 1_500_000;

/// A transparent picture of one pixel.
const PIXEL: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0,
    0, 1, 8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63, 0,
    1, 0, 0, 5, 0, 1, 0x0d, 0x0a, 0x2d, 0xb4, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];

fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    ChaCha8Rng::seed_from_u64(7).fill_bytes(&mut bytes);
    bytes
}

/// Waits until a message has its whole file, and reads it.
async fn file_of(person: &Person, msg_id: u32) -> Vec<u8> {
    let path = person
        .eventually("the whole file", async || {
            let message = person.message(msg_id).await;
            if message.download_state() == DownloadState::Available {
                person.call(DownloadFullMessage { msg_id }).await;
            }
            (message.download_state() == DownloadState::Done).then_some(message.file).flatten()
        })
        .await;
    std::fs::read(path).expect("the file is there")
}

async fn incoming_file(person: &Person, name: &str) -> Message {
    person
        .eventually(&format!("a message with {name}"), async || {
            let messages = person.messages().await;
            messages.into_iter().find(|message| message.file_name.as_deref() == Some(name))
        })
        .await
}

#[tokio::test]
async fn texts_arrive_as_they_were_written() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let long = "A line that goes on. ".repeat(100);
    let texts = [
        "Füchse 🦊 im Garten — لغة — 漢字",
        "> this looks like a quote\n\nand this like an answer",
        "-- \nthis looks like a footer",
        "first\n\nthird line",
        "a b  c, with\ttabs and   spaces",
        "From here on\n.\n..\nSubject: not a header",
        long.trim_end(),
    ];
    let (to_bob, to_alice) = (alice.chat_with(&bob).await, bob.chat_with(&alice).await);
    for text in texts {
        to_bob.says(text).await;
    }
    for text in texts {
        bob.sees(text).await;
    }
    assert_eq!(to_alice.texts().await, texts, "in the order in which they were written");
    world.ends().await;
}

#[tokio::test]
async fn a_picture_arrives_byte_for_byte() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let picture = world.file("pixel.png", PIXEL);
    let data = MessageData {
        text: Some("Look!".to_owned()),
        viewtype: Some(ViewType::Image.into()),
        file: Some(picture.to_string_lossy().into_owned()),
        ..Default::default()
    };
    let sent = alice.chat_with(&bob).await.sends(data).await;
    let seen = bob.sees("Look!").await;
    assert_eq!(seen.view_type(), ViewType::Image);
    // What the picture is called on the device of its sender is nobody's business.
    let name = seen.file_name.unwrap_or_default();
    assert!(name.starts_with("image_") && name.ends_with(".png"), "{name}");
    assert_eq!(alice.message(sent).await.file_name, Some(name));
    assert_eq!(file_of(&bob, seen.id).await, PIXEL);
    world.ends().await;
}

#[tokio::test]
async fn a_large_file_arrives_byte_for_byte_in_one_message() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let bytes = noise(LARGE);
    let path: PathBuf = world.file("recording.bin", &bytes);
    let sent = alice.chat_with(&bob).await.shows(&path, ViewType::File).await;
    let seen = incoming_file(&bob, "recording.bin").await;
    assert_eq!(file_of(&bob, seen.id).await, bytes);
    alice.has_sent(sent).await;
    // The picture that welcomes a new profile is a file, too.
    let messages = bob.messages().await.into_iter();
    assert_eq!(messages.filter(|message| message.file_name.as_deref() == Some("recording.bin")).count(), 1);
    assert_eq!(bob.message(seen.id).await.file_bytes, bytes.len() as u64);
    world.ends().await;
}

#[tokio::test]
async fn a_text_behind_a_large_file_comes_behind_it() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let chat = alice.chat_with(&bob).await;
    chat.shows(&world.file("large.bin", &noise(LARGE)), ViewType::File).await;
    chat.says("did you get it?").await;
    let file = incoming_file(&bob, "large.bin").await;
    let text = bob.sees("did you get it?").await;
    file_of(&bob, file.id).await;
    let order: Vec<u32> =
        bob.chat_with(&alice).await.messages().await.iter().map(|message| message.id).collect();
    let place = |id| order.iter().position(|other| *other == id).expect("it is in the chat");
    assert!(place(file.id) < place(text.id));
    world.ends().await;
}

#[tokio::test]
async fn the_sender_learns_that_a_message_was_read() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    for (writer, reader) in [(&alice, &bob), (&bob, &alice)] {
        let text = format!("read this, {reader}");
        let sent = writer.says(reader, &text).await;
        writer.has_sent(sent).await;
        let seen = reader.sees(&text).await;
        assert_eq!(writer.message(sent).await.state(), MessageState::OutDelivered);
        reader.reads(&[seen.id]).await;
        writer.sees_state(sent, MessageState::OutRead).await;
        let receipts = writer.call(GetMessageReadReceipts { msg_id: sent }).await.receipts;
        assert_eq!(receipts.len(), 1);
        assert_eq!(receipts[0].contact_id, writer.id_of(reader).await);
        assert_eq!(reader.message(seen.id).await.state(), MessageState::InSeen);
    }
    world.ends().await;
}

#[tokio::test]
async fn a_message_is_edited_for_everybody() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let sent = alice.says(&bob, "Meet at nnon").await;
    let seen = bob.sees("Meet at nnon").await;
    alice.call(SendEditRequest { msg_id: sent, text: "Meet at noon".to_owned() }).await;
    let edited = bob.sees("Meet at noon").await;
    assert_eq!(edited.id, seen.id);
    assert!(edited.is_edited && alice.message(sent).await.is_edited);
    assert_eq!(bob.count("Meet at nnon").await, 0);
    world.ends().await;
}

#[tokio::test]
async fn a_message_is_deleted_for_everybody() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let sent = alice.says(&bob, "the wrong words").await;
    let seen = bob.sees("the wrong words").await;
    alice.call(DeleteMessagesForAll { msg_ids: vec![sent] }).await;
    for (person, id) in [(&alice, sent), (&bob, seen.id)] {
        person
            .eventually("the message is gone", async || {
                person.call(GetExistingMsgIds { msg_ids: vec![id] }).await.ids.is_empty().then_some(())
            })
            .await;
        assert_eq!(person.count("the wrong words").await, 0);
    }
    world.ends().await;
}

#[tokio::test]
async fn a_reaction_comes_changes_and_goes() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let sent = alice.says(&bob, "The foxes are back").await;
    let seen = bob.sees("The foxes are back").await;
    for emojis in [&["🦊"][..], &["👍"], &[]] {
        let reactions = emojis.iter().map(|emoji| (*emoji).to_owned()).collect();
        bob.call(SendReaction { msg_id: seen.id, reactions }).await;
        for (person, id) in [(&bob, seen.id), (&alice, sent)] {
            person
                .eventually(&format!("reactions {emojis:?}"), async || {
                    let shown = person.message(id).await.reactions.unwrap_or_default();
                    let shown: Vec<String> = shown.reactions.into_iter().map(|one| one.emoji).collect();
                    (shown == emojis).then_some(())
                })
                .await;
        }
    }
    world.ends().await;
}

#[tokio::test]
async fn an_answer_quotes_what_it_answers() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let asked = alice.says(&bob, "Who saw them?").await;
    let question = bob.sees("Who saw them?").await;
    bob.chat_with(&alice).await.answers(question.id, "I did").await;
    let answer = alice.sees("I did").await;
    match answer.quote.and_then(|quote| quote.kind) {
        Some(Quote::WithMessage(quote)) => {
            assert_eq!(quote.message_id, asked);
            assert_eq!(quote.text, "Who saw them?");
        }
        other => panic!("the quote is {other:?}"),
    }
    world.ends().await;
}
