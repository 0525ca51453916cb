//! Queries to the process as a whole: which profiles there are.

use volary_proto::v1::{Accounts, Error, Flag, Ids, MaybeAppSource, MaybeId, answer, request};

use crate::ground::db::Db;
use crate::ground::error::Outcome;
use crate::ground::ids::{ProfileId, numbers};
use crate::state::{outbox, profiles};
use crate::sync::queue;

/// Answers a query to the process as a whole, from a snapshot; no actor takes part.
pub fn run(db: &Db, kind: &request::Kind) -> Result<answer::Kind, Error> {
    use request::Kind;
    Ok(match kind {
        Kind::GetAllAccountIds(_) => answer::Kind::Ids(Ids { ids: numbers(db.look(profiles::ids)?) }),
        Kind::GetSelectedAccountId(_) => {
            let selected = db.look(profiles::manager)?.selected;
            answer::Kind::MaybeId(MaybeId { id: selected.map(ProfileId::get) })
        }
        Kind::GetAllAccounts(_) => {
            let all = db.look(profiles::ids)?;
            let accounts =
                all.into_iter().map(|id| super::account::account(db, id)).collect::<Result<_, _>>()?;
            answer::Kind::Accounts(Accounts { accounts })
        }
        Kind::IsSendingFinished(_) => answer::Kind::Flag(Flag { value: nothing_queued(db)? }),
        Kind::GetAppVersion(_) => answer::Kind::MaybeAppSource(MaybeAppSource { source: None }),
        other => super::process(other).unwrap_or_else(|| Err(super::unsupported(other)))?,
    })
}

fn nothing_queued(db: &Db) -> Outcome<bool> {
    db.read(|view| {
        for id in profiles::ids(view)? {
            if !outbox::is_empty(view, id)? || queue::is_due(view, id)? {
                return Ok(false);
            }
        }
        Ok(true)
    })
}
