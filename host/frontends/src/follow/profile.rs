//! What is followed of a profile, and commands for it.
//!
//! Five things go on at the same time: the chat list, the messages of the open chat, connectivity and problems, what was
//! seen, and commands. The first of them that finds that the host has ended ends all.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use volary::Profile;
use volary::bus::Bus;
use volary::handles::{CallError, Change, HostEvent, MessageView};
use volary::proto::Connectivity;

use super::line::{Orders, Teller};
use crate::exchange::{Command, Opening, Update};

/// Messages that are shown at first, and more of them each time that older ones are asked for.
const PAGE: usize = 50;
/// Pause after a failure before the same is asked for again.
const RETRY: Duration = Duration::from_secs(1);

/// The host has ended.
struct Ended;

/// Follows a profile until its host has ended.
pub(super) async fn follow<B: Bus>(
    profile: &Profile<B>,
    teller: &Teller,
    opening: &watch::Receiver<Option<Opening>>,
    orders: &mut Orders,
) {
    let ended = async {
        reached(profile, teller).await?;
        tokio::select! {
            ended = chats(profile, teller) => ended,
            ended = messages(profile, teller, opening.clone()) => ended,
            ended = connectivity(profile, teller) => ended,
            ended = seen(profile, teller, opening.clone()) => ended,
            ended = carry_out(profile, teller, orders) => ended,
        }
    };
    ended.await.ok();
}

/// Tells whose chats are shown.
async fn reached<B: Bus>(profile: &Profile<B>, teller: &Teller) -> Result<(), Ended> {
    loop {
        match name_of(profile).await {
            Ok(profile) => {
                teller.tell(Update::Reached { profile }).await;
                return Ok(());
            }
            Err(error) => failed(error, teller).await?,
        }
    }
}

async fn name_of<B: Bus>(profile: &Profile<B>) -> Result<String, CallError> {
    let name = profile.setting("displayname").await?.filter(|name| !name.is_empty());
    Ok(match name {
        Some(name) => name,
        None => profile.address().await?.unwrap_or_else(|| format!("profile {}", profile.id().get())),
    })
}

/// Tells of a failure and waits for a moment, unless the host has ended.
async fn failed(error: CallError, teller: &Teller) -> Result<(), Ended> {
    // A profile that was removed is looked for again, and missed.
    if matches!(error, CallError::Cancelled(_) | CallError::NotFound(_)) {
        return Err(Ended);
    }
    teller.tell(Update::Problem(error.to_string())).await;
    sleep(RETRY).await;
    Ok(())
}

async fn chats<B: Bus>(profile: &Profile<B>, teller: &Teller) -> Result<(), Ended> {
    let mut list = loop {
        match profile.chat_list().await {
            Ok(list) => break list,
            Err(error) => failed(error, teller).await?,
        }
    };
    teller.tell(Update::Chats(vec![Change::Reset { items: list.items().to_vec() }])).await;
    loop {
        match list.changes().await {
            Ok(Some(changes)) => teller.tell(Update::Chats(changes)).await,
            Ok(None) => return Err(Ended),
            Err(error) => failed(error, teller).await?,
        }
    }
}

/// The messages of whatever chat is open.
async fn messages<B: Bus>(
    profile: &Profile<B>,
    teller: &Teller,
    mut wanted: watch::Receiver<Option<Opening>>,
) -> Result<(), Ended> {
    loop {
        let now = *wanted.borrow_and_update();
        if let Some(opening) = now {
            open(profile, teller, &mut wanted, opening).await?;
        } else if wanted.changed().await.is_err() {
            return Err(Ended);
        }
    }
}

/// The messages of a chat until another one is opened.
async fn open<B: Bus>(
    profile: &Profile<B>,
    teller: &Teller,
    wanted: &mut watch::Receiver<Option<Opening>>,
    mut opening: Opening,
) -> Result<(), Ended> {
    let mut older = opening.older;
    let chat = profile.chat(opening.chat);
    let mut timeline = tokio::select! {
        timeline = chat.timeline(messages_of(older).saturating_add(PAGE)) => match timeline {
            Ok(timeline) => timeline,
            // It may be a chat that was deleted a moment ago.
            Err(error) => return failed(error, teller).await,
        },
        () = another(wanted, &mut opening) => return Ok(()),
    };
    let items = timeline.items().to_vec();
    tell_messages(teller, opening, timeline.is_complete(), vec![Change::Reset { items }]).await;
    loop {
        if opening.older > older {
            timeline.show_older(messages_of(opening.older - older));
            older = opening.older;
        }
        tokio::select! {
            changes = timeline.changes() => match changes {
                Ok(Some(changes)) => {
                    tell_messages(teller, opening, timeline.is_complete(), changes).await;
                }
                Ok(None) => return Err(Ended),
                Err(error) => failed(error, teller).await?,
            },
            newer = change_of(wanted) => match newer {
                Some(newer) if newer.number == opening.number => opening = newer,
                _ => return Ok(()),
            },
        }
    }
}

fn messages_of(pages: u32) -> usize {
    usize::try_from(pages).unwrap_or(usize::MAX).saturating_mul(PAGE)
}

/// Waits until the user looks at something else, or at more of the same.
async fn change_of(wanted: &mut watch::Receiver<Option<Opening>>) -> Option<Opening> {
    wanted.changed().await.ok()?;
    *wanted.borrow_and_update()
}

/// Waits until another chat is opened, and keeps `opening` up to date.
async fn another(wanted: &mut watch::Receiver<Option<Opening>>, opening: &mut Opening) {
    while let Some(newer) = change_of(wanted).await {
        if newer.number != opening.number {
            return;
        }
        *opening = newer;
    }
}

async fn tell_messages(
    teller: &Teller,
    opening: Opening,
    is_complete: bool,
    changes: Vec<Change<MessageView>>,
) {
    teller.tell(Update::Messages { opening: opening.number, is_complete, changes }).await;
}

/// How the profile is connected, and what the engine wants the user to know.
async fn connectivity<B: Bus>(profile: &Profile<B>, teller: &Teller) -> Result<(), Ended> {
    let mut events = loop {
        match profile.events().await {
            Ok(events) => break events,
            Err(error) => failed(error, teller).await?,
        }
    };
    let mut last = None;
    loop {
        match state(profile).await {
            Ok(now) if last.as_ref() == Some(&now) => {}
            Ok(now) => {
                let (state, why) = now.clone();
                last = Some(now);
                teller.tell(Update::Connectivity { state, why }).await;
            }
            Err(error) => failed(error, teller).await?,
        }
        loop {
            match events.next().await {
                None => return Err(Ended),
                Some(HostEvent::Problem { text }) => teller.tell(Update::Problem(text)).await,
                Some(HostEvent::ConnectivityChanged | HostEvent::Lost { .. }) => break,
                Some(_) => {}
            }
        }
    }
}

/// How the profile is connected, and why not better.
async fn state<B: Bus>(profile: &Profile<B>) -> Result<(Connectivity, Option<String>), CallError> {
    let state = profile.connectivity().await?;
    if matches!(state, Connectivity::Connected | Connectivity::Working) {
        return Ok((state, None));
    }
    let relays = profile.relay_statuses().await?;
    let why = relays.into_iter().find_map(|relay| {
        Some(format!("{}: {}", relay.domain, relay.receiving_error.or(relay.sending_error)?))
    });
    Ok((state, why))
}

/// Marks as seen what the user has seen. Of a contact request the other side learns nothing.
async fn seen<B: Bus>(
    profile: &Profile<B>,
    teller: &Teller,
    mut wanted: watch::Receiver<Option<Opening>>,
) -> Result<(), Ended> {
    let mut last = None;
    loop {
        let now = *wanted.borrow_and_update();
        let now = now.and_then(|now| Some((now.chat, now.is_request, now.seen?)));
        if now != last
            && let Some((chat, is_request, newest)) = now
        {
            let chat = profile.chat(chat);
            // What has come since was on no screen yet.
            let marked =
                if is_request { chat.mark_noticed().await } else { chat.mark_seen_up_to(newest).await };
            if let Err(error) = marked {
                failed(error, teller).await?;
            }
        }
        last = now;
        if wanted.changed().await.is_err() {
            return Err(Ended);
        }
    }
}

/// Carries out commands one after the other.
async fn carry_out<B: Bus>(profile: &Profile<B>, teller: &Teller, orders: &mut Orders) -> Result<(), Ended> {
    while let Some(command) = orders.next().await {
        let outcome = match &command {
            Command::Send { chat, text } => profile.chat(*chat).send_text(text).await.map(drop),
            Command::Accept { chat } => profile.chat(*chat).accept().await,
        };
        match (outcome, command) {
            (Ok(()), _) => {}
            // The command is still in hand, and is given back.
            (Err(CallError::Cancelled(_)), _) => return Err(Ended),
            (Err(error), Command::Send { chat, text }) => {
                teller.tell(Update::NotSent { chat, text, why: error.to_string() }).await;
            }
            (Err(error), Command::Accept { .. }) => {
                teller.tell(Update::Problem(format!("not accepted: {error}"))).await;
            }
        }
        orders.done();
    }
    Err(Ended)
}
