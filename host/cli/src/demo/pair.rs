//! What two people do: they meet by invite, chat, read, send a picture and let a message disappear.

use volary_proto::event::Kind;
use volary_proto::{
    CreateChatByContactId, DownloadState, GetChatEphemeralTimer, GetChatSecurejoinQrCode, GetExistingMsgIds,
    MarkseenMsgs, MessageData, MessageState, SecureJoin, SetChatEphemeralTimer, ViewType,
};

use super::options::DemoError;
use super::person::{Person, SELF, Seat, Trouble};
use super::picture;
use super::record::{Delivered, Record};
use super::stage::Stage;
use super::transcript::Transcript;

/// Life of the message that disappears, in seconds. Engines count whole seconds, so it ends up to one earlier.
const TIMER: u32 = 2;
/// Progress of a finished handshake.
const DONE: u32 = 1000;

/// The story of two people.
pub(super) async fn play(
    stage: &Stage,
    one: &Person,
    other: &Person,
    record: &Record,
    transcript: &Transcript,
) -> Result<(), DemoError> {
    transcript.heading(&format!("{one} and {other}"));
    let (one, other) = meet(one, other, record, transcript).await?;
    let (first, second) = (one.person, other.person);
    let claim = format!("{first} and {second} wrote to each other, end-to-end encrypted");
    let hello = record.claim(transcript, claim, talk(one, other, record, transcript)).await?;
    let claim = format!("{first} read what {second} wrote, and {second} knows");
    record.claim(transcript, claim, read(one, other, &hello, transcript)).await?;
    let claim = format!("{second} has the same picture, byte for byte");
    record.claim(transcript, claim, send_picture(stage, one, other, record, transcript)).await?;
    let claim = format!("{TIMER} s after reading the message was gone on both sides");
    record.claim(transcript, claim, disappear(one, other, record, transcript)).await
}

/// `joiner` scans the invite of `inviter`.
async fn meet<'a>(
    inviter: &'a Person,
    joiner: &'a Person,
    record: &Record,
    transcript: &Transcript,
) -> Result<(Seat<'a>, Seat<'a>), DemoError> {
    let claim = format!("{inviter} and {joiner} have verified each other (SecureJoin)");
    let meeting = async {
        let qr = inviter.call(GetChatSecurejoinQrCode { chat_id: None }).await?.text;
        transcript.invite(inviter, "chat with me", &qr);
        let chat = joiner.call(SecureJoin { qr, ..Default::default() }).await?.id;
        transcript.does(joiner, &format!("scans the code of {inviter}"));
        joined(joiner, chat, inviter).await?;
        let contact = welcomed(inviter, joiner).await?;
        let chat_of_inviter = inviter.call(CreateChatByContactId { contact_id: contact }).await?.id;
        Ok((Seat { person: inviter, chat: chat_of_inviter }, Seat { person: joiner, chat }))
    };
    record.claim(transcript, claim, meeting).await
}

/// The handshake is done for the joiner, who knows the inviter's key from the code.
async fn joined(joiner: &Person, chat: u32, inviter: &Person) -> Result<(), Trouble> {
    let partner = joiner.partner(chat).await?;
    joiner
        .sees("end of the handshake", |kind| match kind {
            Kind::SecurejoinJoinerProgress(event) => {
                (event.contact_id == partner.id && event.progress == DONE).then_some(())
            }
            _ => None,
        })
        .await?;
    is_verified(joiner, partner.id, inviter).await
}

/// The handshake with `joiner` is done for the inviter. Returns the contact.
pub(super) async fn welcomed(inviter: &Person, joiner: &Person) -> Result<u32, Trouble> {
    let contact = inviter
        .finds("joiner", async || {
            let known = inviter.contact_with(&joiner.address).await?;
            Ok(known.filter(|contact| contact.is_verified).map(|contact| contact.id))
        })
        .await?;
    inviter
        .sees("end of the handshake", |kind| match kind {
            Kind::SecurejoinInviterProgress(event) => {
                (event.contact_id == contact && event.progress == DONE).then_some(())
            }
            _ => None,
        })
        .await?;
    is_verified(inviter, contact, joiner).await?;
    Ok(contact)
}

/// `person` has verified `contact`, who is `whom`.
pub(super) async fn is_verified(person: &Person, contact: u32, whom: &Person) -> Result<(), Trouble> {
    let contact = person.contact(contact).await?;
    let wrong = |what: &str| Err(Trouble::Differs(format!("for {person}, {whom} {what}")));
    if contact.address != whom.address {
        wrong(&format!("has the address {}", contact.address))
    } else if !contact.is_verified || contact.verifier_id != Some(SELF) {
        wrong("is not verified")
    } else {
        Ok(())
    }
}

/// One message in each direction. Returns the first one.
async fn talk(
    one: Seat<'_>,
    other: Seat<'_>,
    record: &Record,
    transcript: &Transcript,
) -> Result<Delivered, Trouble> {
    let hello = format!("Hi {}! The foxes are back in the garden. 🦊", one.person);
    let hello = record.say(transcript, other, &[one], &hello).await?;
    record.say(transcript, one, &[other], "All three of them? I come over!").await?;
    Ok(hello)
}

/// `reader` reads a message of `writer`, who gets a receipt.
async fn read(
    reader: Seat<'_>,
    writer: Seat<'_>,
    message: &Delivered,
    transcript: &Transcript,
) -> Result<(), Trouble> {
    reader.person.call(MarkseenMsgs { msg_ids: message.received.clone() }).await?;
    let read =
        |kind: &Kind| matches!(kind, Kind::MsgRead(event) if event.msg_id == message.sent).then_some(());
    writer.person.sees("read receipt", read).await?;
    let state = writer.person.message(message.sent).await?.state;
    if state != i32::from(MessageState::OutRead) {
        return Err(Trouble::Differs(format!("the state of the message is {state}")));
    }
    transcript.does(reader.person, "reads  ✓✓");
    Ok(())
}

/// A picture arrives as it was sent.
async fn send_picture(
    stage: &Stage,
    from: Seat<'_>,
    to: Seat<'_>,
    record: &Record,
    transcript: &Transcript,
) -> Result<(), Trouble> {
    let path = stage.files.path().join(format!("fox-{}.png", from.person.number));
    let bytes = picture::png(from.person.number).map_err(Trouble::with_file(&path))?;
    tokio::fs::write(&path, &bytes).await.map_err(Trouble::with_file(&path))?;
    let data = MessageData {
        text: Some("Look at this!".to_owned()),
        viewtype: Some(ViewType::Image.into()),
        file: Some(path.to_string_lossy().into_owned()),
        filename: Some("fox.png".to_owned()),
        ..Default::default()
    };
    let delivered = record.deliver(from, &[to], data).await?;
    transcript.says(from.person, &format!("Look at this! [fox.png, {} bytes]", bytes.len()));
    let person = to.person;
    let message = person
        .finds("picture", async || {
            let message = person.message(delivered.received[0]).await?;
            Ok((message.download_state == i32::from(DownloadState::Done)).then_some(message))
        })
        .await?;
    let Some(path) = message.file else {
        return Err(Trouble::Differs(format!("{person} received no file")));
    };
    if message.view_type != i32::from(ViewType::Image) {
        return Err(Trouble::Differs(format!("{person} received a file instead of a picture")));
    }
    if tokio::fs::read(&path).await.map_err(Trouble::with_file(path.as_ref()))? != bytes {
        return Err(Trouble::Differs(format!("{person} received another picture")));
    }
    Ok(())
}

/// A message disappears on both sides when its time is over.
async fn disappear(
    one: Seat<'_>,
    other: Seat<'_>,
    record: &Record,
    transcript: &Transcript,
) -> Result<(), Trouble> {
    set_timer(one, other, TIMER).await?;
    transcript.does(one.person, &format!("lets messages disappear {TIMER} s after they were read"));
    let secret = record.say(transcript, one, &[other], "The gate code is 4711.").await?;
    let received = secret.received[0];
    exists(other, received, true).await?;
    other.person.call(MarkseenMsgs { msg_ids: vec![received] }).await?;
    transcript.does(other.person, "reads");
    for (seat, id) in [(one, secret.sent), (other, received)] {
        let gone = |kind: &Kind| matches!(kind, Kind::MsgDeleted(event) if event.msg_id == id).then_some(());
        seat.person.sees("disappearing message", gone).await?;
        exists(seat, id, false).await?;
    }
    set_timer(one, other, 0).await
}

async fn set_timer(one: Seat<'_>, other: Seat<'_>, seconds: u32) -> Result<(), Trouble> {
    one.person.call(SetChatEphemeralTimer { chat_id: one.chat, seconds }).await?;
    for seat in [one, other] {
        let changed = |kind: &Kind| match kind {
            Kind::ChatEphemeralTimerModified(event) => {
                (event.chat_id == seat.chat && event.timer == seconds).then_some(())
            }
            _ => None,
        };
        seat.person.sees("change of the timer", changed).await?;
        let timer = seat.person.call(GetChatEphemeralTimer { chat_id: seat.chat }).await?.value;
        if timer != u64::from(seconds) {
            return Err(Trouble::Differs(format!("the timer of {} is {timer} s", seat.person)));
        }
    }
    Ok(())
}

async fn exists(seat: Seat<'_>, id: u32, expected: bool) -> Result<(), Trouble> {
    let existing = seat.person.call(GetExistingMsgIds { msg_ids: vec![id] }).await?.ids;
    match (existing.is_empty(), expected) {
        (true, true) => Err(Trouble::Differs(format!("{} lost the message too early", seat.person))),
        (false, false) => Err(Trouble::Differs(format!("{} still has the message", seat.person))),
        _ => Ok(()),
    }
}
