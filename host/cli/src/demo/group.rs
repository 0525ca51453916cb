//! What a group does: some are added, others come by invite, all talk, and who meets there was introduced.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use volary_proto::{AddContactToChat, CreateGroup, GetChatSecurejoinQrCode, SecureJoin};

use super::options::DemoError;
use super::pair;
use super::person::{Person, Seat, Trouble};
use super::record::Record;
use super::stage::Stage;
use super::transcript::Transcript;

/// Largest group.
const GROUP: usize = 10;

/// Its name.
const NAME: &str = "Fox watchers";

/// The story of the group. The first two people know each other.
pub(super) async fn play(stage: &Stage, record: &Record, transcript: &Transcript) -> Result<(), DemoError> {
    let people = &stage.people[..stage.people.len().min(GROUP)];
    let [founder, friend, joiners @ ..] = people else { return Err(DemoError::TooFew) };
    transcript.heading(&format!("The group “{NAME}”"));
    let claim = format!("{founder} made the group and added {friend}");
    let mut seats = record.claim(transcript, claim, found(founder, friend, record, transcript)).await?;
    if !joiners.is_empty() {
        let claim = format!("{} came in by the group's invite", names(joiners));
        seats.extend(record.claim(transcript, claim, join(seats[0], joiners, transcript)).await?);
    }
    let claim = format!("all {} have the same list of members", seats.len());
    record.claim(transcript, claim, agree(people, &seats)).await?;
    let claim = "everybody wrote, and everybody else received it".to_owned();
    record.claim(transcript, claim, talk(&seats, record, transcript)).await?;
    if let [first, ..] = joiners {
        let claim =
            format!("{friend} and {} are verified to each other, introduced by {founder}", names(joiners));
        record.claim(transcript, claim, introduced(founder, friend, joiners)).await?;
        transcript.introduced(friend, first, founder);
    }
    Ok(())
}

fn names(people: &[Person]) -> String {
    people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// A group of two.
async fn found<'a>(
    founder: &'a Person,
    friend: &'a Person,
    record: &Record,
    transcript: &Transcript,
) -> Result<Vec<Seat<'a>>, Trouble> {
    let chat = founder.call(CreateGroup { name: NAME.to_owned(), unencrypted: false }).await?.id;
    let Some(contact) = founder.contact_with(&friend.address).await? else {
        return Err(Trouble::Differs(format!("{founder} does not know {friend}")));
    };
    founder.call(AddContactToChat { chat_id: chat, contact_id: contact.id }).await?;
    let seat = Seat { person: founder, chat };
    // Nobody knows of a group before its first message.
    let text = "Here we can all talk about foxes.";
    let data = volary_proto::MessageData { text: Some(text.to_owned()), ..Default::default() };
    record.deliver(seat, &[], data).await?;
    transcript.says(founder, text);
    let entered = friend.enters_group(NAME).await?;
    let received = entered.receives().await?.value.text;
    if received != text {
        return Err(Trouble::Differs(format!("{friend} received {received:?} instead of {text:?}")));
    }
    Ok(vec![seat, entered])
}

/// The others scan the code of the group.
async fn join<'a>(
    founder: Seat<'a>,
    joiners: &'a [Person],
    transcript: &Transcript,
) -> Result<Vec<Seat<'a>>, Trouble> {
    let qr = founder.person.call(GetChatSecurejoinQrCode { chat_id: Some(founder.chat) }).await?.text;
    transcript.link(founder.person, "join the group", &qr);
    let joining = joiners.iter().map(|joiner| {
        let qr = qr.clone();
        async move {
            let chat = joiner.call(SecureJoin { qr, ..Default::default() }).await?.id;
            pair::welcomed(founder.person, joiner).await?;
            Ok::<_, Trouble>(Seat { person: joiner, chat })
        }
    });
    try_join_all(joining).await
}

/// Everybody has the same members.
async fn agree(people: &[Person], seats: &[Seat<'_>]) -> Result<(), Trouble> {
    let expected: BTreeSet<String> = people.iter().map(|person| person.address.clone()).collect();
    for seat in seats {
        let expected = &expected;
        let agreed = async || Ok((seat.members().await? == *expected).then_some(()));
        seat.person.finds("complete list of members", agreed).await?;
    }
    Ok(())
}

/// Each says something to all others.
async fn talk(seats: &[Seat<'_>], record: &Record, transcript: &Transcript) -> Result<(), Trouble> {
    const LINES: [&str; 3] = ["Who saw them last?", "I did, at the pond.", "Mine ate the apples again."];
    for (number, speaker) in seats.iter().enumerate() {
        let others: Vec<Seat<'_>> =
            seats.iter().filter(|seat| seat.person.number != speaker.person.number).copied().collect();
        let text = match LINES.get(number) {
            Some(line) => (*line).to_owned(),
            None => format!("{number} foxes here."),
        };
        record.say(transcript, *speaker, &others, &text).await?;
    }
    Ok(())
}

/// Who never met but in the group is verified by introduction.
async fn introduced(founder: &Person, friend: &Person, joiners: &[Person]) -> Result<(), Trouble> {
    for joiner in joiners {
        for (person, other) in [(friend, joiner), (joiner, friend)] {
            let by_founder = async || {
                let Some(known) = person.contact_with(&other.address).await? else { return Ok(None) };
                let introducer = person.contact_with(&founder.address).await?;
                let introducer = introducer.map(|contact| contact.id);
                Ok((known.is_verified && introducer.is_some() && known.verifier_id == introducer)
                    .then_some(()))
            };
            person.finds(&format!("introduction of {other} by {founder}"), by_founder).await?;
        }
    }
    Ok(())
}
