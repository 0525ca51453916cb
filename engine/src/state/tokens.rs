//! Secrets of own invite codes, and handshakes that we started.

use volary_storage::records::{JoinRecord, TokenKind, TokenRecord};
use volary_storage::tables::{JOINS, TOKENS};
use volary_storage::{StoreError, View};

use super::outbox::next_sequence;
use crate::ground::db::Tx;
use crate::ground::ids::ProfileId;

/// All tokens, oldest first.
pub fn all(view: &impl View, profile: ProfileId) -> Result<Vec<(u64, TokenRecord)>, StoreError> {
    view.scan_prefix(&TOKENS, &profile)?
        .map(|row| row.map(|((_, sequence), record)| (sequence, record)))
        .collect()
}

/// The token with this value, whatever its scope.
pub fn find(
    view: &impl View,
    profile: ProfileId,
    namespace: TokenKind,
    value: &str,
) -> Result<Option<TokenRecord>, StoreError> {
    let tokens = all(view, profile)?;
    Ok(tokens
        .into_iter()
        .map(|(_, record)| record)
        .find(|record| record.namespace == namespace && record.value == value))
}

/// The newest token of a scope.
pub fn newest(
    view: &impl View,
    profile: ProfileId,
    namespace: TokenKind,
    scope: &str,
) -> Result<Option<String>, StoreError> {
    let tokens = all(view, profile)?;
    let of_scope = tokens.into_iter().rev().map(|(_, record)| record);
    Ok(of_scope
        .filter(|record| record.namespace == namespace && record.scope == scope)
        .map(|record| record.value)
        .next())
}

/// Values of all auth tokens, newest first.
pub fn auth_values(view: &impl View, profile: ProfileId) -> Result<Vec<String>, StoreError> {
    let tokens = all(view, profile)?;
    Ok(tokens
        .into_iter()
        .rev()
        .filter(|(_, record)| record.namespace == TokenKind::Auth)
        .map(|(_, record)| record.value)
        .collect())
}

/// Stores a token; an empty or known value changes nothing.
pub fn save(
    tx: &mut Tx<'_, '_>,
    namespace: TokenKind,
    scope: &str,
    value: &str,
    created: i64,
) -> Result<(), StoreError> {
    if value.is_empty() || find(tx.store, tx.profile, namespace, value)?.is_some() {
        return Ok(());
    }
    let sequence = next_sequence(tx)?;
    let record = TokenRecord { namespace, scope: scope.to_owned(), value: value.to_owned(), created };
    tx.effects().unlocked.secrets = true;
    tx.store.put(&TOKENS, &(tx.profile, sequence), &record)
}

/// Removes all tokens of a scope.
pub fn withdraw(tx: &mut Tx<'_, '_>, scope: &str) -> Result<(), StoreError> {
    for (sequence, record) in all(tx.store, tx.profile)? {
        if record.scope == scope {
            tx.store.remove(&TOKENS, &(tx.profile, sequence))?;
        }
    }
    Ok(())
}

/// All pending joins, oldest first.
pub fn joins(view: &impl View, profile: ProfileId) -> Result<Vec<(u64, JoinRecord)>, StoreError> {
    view.scan_prefix(&JOINS, &profile)?
        .map(|row| row.map(|((_, sequence), record)| (sequence, record)))
        .collect()
}

/// Stores a pending join.
pub fn add_join(tx: &mut Tx<'_, '_>, record: &JoinRecord) -> Result<u64, StoreError> {
    let sequence = next_sequence(tx)?;
    tx.store.put(&JOINS, &(tx.profile, sequence), record)?;
    tx.effects().unlocked.secrets = true;
    Ok(sequence)
}

/// Removes a pending join.
pub fn remove_join(tx: &mut Tx<'_, '_>, sequence: u64) -> Result<(), StoreError> {
    tx.store.remove(&JOINS, &(tx.profile, sequence)).map(|_| ())
}
