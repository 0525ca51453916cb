//! The token of this device for push notifications. The process has one; each profile encrypts it once for the
//! notification proxy and gives the same text to all its relays, which compare it as it is.

use volary_mail::openpgp::Certificate;
use volary_mail::push;
use volary_proto::Error;
use volary_storage::tables::MANAGER;
use volary_storage::{StoreError, View};

use crate::ground::db::{Db, Tx};
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::ProfileId;
use crate::ground::work::Lane;
use crate::state::config::key::{DEVICE_TOKEN, ENCRYPTED_DEVICE_TOKEN};
use crate::state::{config, profiles};

/// Longest token: encrypted, a longer one would not fit into what relays store.
const MAX_TOKEN: usize = 2_048;

/// Stores the token for all profiles. They give it to their relays with the next login.
pub async fn set(db: &Db, token: String, proxy: Option<String>) -> Result<(), Error> {
    let proxy = proxy.unwrap_or_default();
    if token.len() > MAX_TOKEN {
        return Err(Error::failed(format!("the device token has more than {MAX_TOKEN} bytes")));
    }
    if !proxy.is_empty() {
        certificate(&proxy)?;
    }
    db.transact_durably(ProfileId::PROCESS, move |tx| store(tx, token, proxy))
        .await
        .map_err(Failure::from)?;
    Ok(())
}

fn certificate(proxy: &str) -> Outcome<Certificate> {
    let parsed = match proxy {
        "" => push::proxy_certificate(),
        armored => Certificate::from_armor(armored.as_bytes()),
    };
    parsed.map_err(|error| Failure::refused(format!("certificate of the notification proxy: {error}")))
}

fn store(tx: &mut Tx<'_, '_>, token: String, proxy: String) -> Result<(), StoreError> {
    let mut manager = profiles::manager(tx.store)?;
    if manager.push_token == token && manager.push_proxy == proxy {
        return Ok(());
    }
    (manager.push_token, manager.push_proxy) = (token, proxy);
    tx.store.put(&MANAGER, &0, &manager)?;
    for profile in profiles::ids(tx.store)? {
        tx.profile = profile;
        config::set(tx, DEVICE_TOKEN, None)?;
        config::set(tx, ENCRYPTED_DEVICE_TOKEN, None)?;
    }
    tx.profile = ProfileId::PROCESS;
    Ok(())
}

/// What the relays of a profile get; `None` without a token, or before [`prepare`].
pub fn value(view: &impl View, profile: ProfileId) -> Result<Option<String>, StoreError> {
    if profiles::manager(view)?.push_token.is_empty() {
        return Ok(None);
    }
    config::stored(view, profile, ENCRYPTED_DEVICE_TOKEN)
}

/// Encrypts the token for a profile that has not done so yet.
pub async fn prepare(db: &Db, profile: ProfileId) -> Outcome<()> {
    let (manager, ready) = db.look(|view| Ok((profiles::manager(view)?, value(view, profile)?.is_some())))?;
    if manager.push_token.is_empty() || ready {
        return Ok(());
    }
    let (token, proxy, now) = (manager.push_token, manager.push_proxy, db.now());
    let (plain, wanted) = (token.clone(), proxy.clone());
    let encrypted = db.work(Lane::Bulk, move || {
        let certificate = certificate(&proxy)?;
        push::encrypt_token(&token, &certificate, now, &mut rand::thread_rng())
            .map_err(|error| Failure::refused(format!("the device token cannot be encrypted: {error}")))
    });
    let encrypted = encrypted.await?;
    db.transact::<_, Failure, _>(profile, move |tx| {
        let manager = profiles::manager(tx.store)?;
        // Another one may have come meanwhile, and another start of I/O may have been faster.
        let current = manager.push_token == plain && manager.push_proxy == wanted;
        if current && profiles::load(tx.store, profile)?.is_some() && value(tx.store, profile)?.is_none() {
            config::set(tx, DEVICE_TOKEN, Some(&plain))?;
            config::set(tx, ENCRYPTED_DEVICE_TOKEN, Some(&encrypted))?;
        }
        Ok(())
    })
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Desk, PROFILE};

    async fn prepared(desk: &Desk) -> Option<String> {
        prepare(&desk.db, PROFILE).await.unwrap();
        desk.db.look(|view| value(view, PROFILE)).unwrap()
    }

    #[tokio::test]
    async fn a_token_is_encrypted_once_until_there_is_another_one() {
        let desk = Desk::new().await;
        assert_eq!(prepared(&desk).await, None);
        set(&desk.db, "fcm:one".to_owned(), None).await.unwrap();
        let first = prepared(&desk).await.unwrap();
        assert!(push::is_sendable(&first) && !first.contains("fcm"));
        set(&desk.db, "fcm:one".to_owned(), None).await.unwrap();
        assert_eq!(prepared(&desk).await.as_ref(), Some(&first), "relays compare the text");
        set(&desk.db, "fcm:two".to_owned(), None).await.unwrap();
        assert_ne!(prepared(&desk).await, Some(first));
        set(&desk.db, String::new(), None).await.unwrap();
        assert_eq!(prepared(&desk).await, None);
    }

    #[tokio::test]
    async fn what_no_relay_could_store_is_refused() {
        let desk = Desk::new().await;
        let long = set(&desk.db, "x".repeat(MAX_TOKEN + 1), None).await.unwrap_err();
        assert!(long.message.contains("2048 bytes"), "{long}");
        assert!(set(&desk.db, "x".to_owned(), Some("no certificate".to_owned())).await.is_err());
        set(&desk.db, "x".repeat(MAX_TOKEN), None).await.unwrap();
        assert!(push::is_sendable(&prepared(&desk).await.unwrap()));
    }
}
