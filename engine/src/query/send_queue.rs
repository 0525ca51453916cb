//! What waits to be sent.

use volary_proto::v1::{QueuedMail, QueuedMails};
use volary_storage::records::OutboxRecord;

use super::look::Look;
use crate::ground::error::Outcome;
use crate::ground::ids::ChatId;
use crate::state::{messages, outbox};

/// The oldest, oldest first; 0: all.
pub fn mails(look: &Look<'_>, limit: u32) -> Outcome<QueuedMails> {
    let limit = if limit == 0 { usize::MAX } else { limit as usize };
    let queue = outbox::entries(look.view, look.profile, limit)?;
    let mails = queue.into_iter().map(|(_, job)| mail(look, job)).collect::<Outcome<_>>()?;
    Ok(QueuedMails { mails })
}

fn mail(look: &Look<'_>, job: OutboxRecord) -> Outcome<QueuedMail> {
    let message = messages::load(look.view, look.profile, job.message)?;
    let held = !job.held.is_empty();
    Ok(QueuedMail {
        message_id: job.message.get(),
        chat_id: job.chat.map(ChatId::get),
        since: message.map_or(0, |message| message.sent),
        tries: job.tries,
        not_before: job.not_before,
        last_error: if held { job.held } else { job.last_error },
        unreachable: job.unreachable,
        held,
    })
}

#[cfg(test)]
mod tests {
    use volary_storage::records::{JobKind, OutboxRecord};

    use super::*;
    use crate::outgoing::complete;
    use crate::query::look::look;
    use crate::testing::{Desk, PROFILE};

    #[tokio::test]
    async fn what_waits_is_listed_with_its_chat_its_tries_and_the_last_error() {
        let desk = Desk::new().await;
        let (anna, _) = desk.knows(&["anna@x.test"]).await;
        let chat = desk.chat_with(anna).await;
        let message = desk.says(chat, "hello").await;
        let job = OutboxRecord { kind: JobKind::Message, message, ..Default::default() };
        let queued = job.clone();
        let sequence = desk.change(move |tx| Ok(outbox::push(tx, &queued)?)).await;
        let listed = |limit| look(&desk.db, PROFILE, |look| mails(look, limit)).unwrap().mails;
        let before = listed(0).into_iter().last().unwrap();
        assert_eq!((before.message_id, before.chat_id), (message.get(), Some(chat.get())));
        let written =
            look(&desk.db, PROFILE, |look| Ok(messages::load(look.view, PROFILE, message)?)).unwrap();
        assert_eq!(before.since, written.unwrap().sent);
        assert_eq!((before.tries, before.last_error.as_str()), (0, ""));

        let retry_at = desk.now() + 30;
        let answer = "451 4.7.1 come back later".repeat(40);
        desk.change(move |tx| Ok(complete::postponed(tx, sequence, &job, true, retry_at, &answer)?)).await;
        let after = listed(0).into_iter().last().unwrap();
        assert_eq!((after.tries, after.not_before, after.held), (1, retry_at, false));
        assert!(after.last_error.starts_with("451 4.7.1 come back later"), "{}", after.last_error);
        assert_eq!(after.last_error.len(), 300, "a long answer is cut");
        assert_eq!(listed(1).len(), 1);
    }
}
