//! Apps that were opened with a token (`volary token`) end when it is taken back. One that the owner of the folder opened,
//! without a token, is not ended by that.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use tokio::sync::Notify;
use volary_proto::{Request, SendWebxdcStatusUpdate};

use super::Shared;
use super::running::End;
use crate::access::{TokenInfo, Tokens};
use crate::websocket::bearer;

/// Pause between looks at the tokens, as for WebSockets.
const PAUSE: Duration = Duration::from_secs(20);

/// By which token somebody opens an app; none: as the owner of the folder.
#[derive(Default)]
pub struct Holder(Option<TokenInfo>);

/// The apps that are held by tokens, by name.
#[derive(Default)]
pub struct Held {
    by: Mutex<HashMap<String, Vec<TokenInfo>>>,
    first: Notify,
}

impl Held {
    /// Who asks for an app of a profile; else why he does not get it.
    pub fn holder(
        &self,
        folder: &Path,
        headers: &HeaderMap,
        profile: u32,
        message: u32,
    ) -> Result<Holder, (StatusCode, String)> {
        if !headers.contains_key(hyper::header::AUTHORIZATION) {
            return Ok(Holder::default());
        }
        let token = match bearer(headers).map(|shown| Tokens::of(folder).find(&shown)) {
            Some(Ok(Some(token))) => token,
            Some(Ok(None)) | None => return Err((StatusCode::UNAUTHORIZED, "unknown token".to_owned())),
            Some(Err(error)) => {
                tracing::error!(%error, "tokens cannot be read");
                return Err((StatusCode::SERVICE_UNAVAILABLE, "tokens cannot be read".to_owned()));
            }
        };
        // Whoever uses an app sends updates.
        let uses = SendWebxdcStatusUpdate { msg_id: message, update: String::new() };
        match token.access().check(&Request::new(profile, uses)) {
            Ok(()) => Ok(Holder(Some(token))),
            Err(error) => Err((StatusCode::FORBIDDEN, error.message)),
        }
    }

    /// An app was opened. It is new if it did not run before.
    pub fn opened(&self, name: &str, is_new: bool, Holder(token): Holder) {
        let mut by = self.by.lock();
        match token {
            None => drop(by.remove(name)),
            Some(token) if is_new => {
                by.insert(name.to_owned(), vec![token]);
                self.first.notify_one();
            }
            Some(token) => {
                if let Some(tokens) = by.get_mut(name)
                    && !tokens.contains(&token)
                {
                    tokens.push(token);
                }
            }
        }
    }

    /// Forgets tokens that do not hold any more; the apps that nobody holds now.
    fn released(&self, still_holds: impl Fn(&TokenInfo) -> bool) -> Vec<String> {
        let mut over = Vec::new();
        self.by.lock().retain(|name, tokens| {
            tokens.retain(&still_holds);
            if tokens.is_empty() {
                over.push(name.clone());
            }
            !tokens.is_empty()
        });
        over
    }
}

/// Ends apps whose tokens were taken back. Sleeps while no token holds any.
pub async fn watch(shared: Arc<Shared>) {
    let tokens = Tokens::of(shared.engine.dir());
    loop {
        if shared.held.by.lock().is_empty() {
            shared.held.first.notified().await;
        }
        tokio::time::sleep(PAUSE).await;
        shared.held.by.lock().retain(|name, _| shared.running.get(name).is_some());
        // Who holds an app goes on while nobody can say.
        for name in shared.held.released(|token| tokens.still_holds(token).unwrap_or(true)) {
            tracing::info!("the token of an app was taken back");
            shared.running.end(End::Closed, |instance| instance.name == name);
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::AUTHORIZATION;

    use super::*;
    use crate::access::Access;

    #[test]
    fn an_app_ends_with_the_last_token_that_holds_it_unless_the_owner_opened_it() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(folder.path());
        let [one, other] = ["one", "other"].map(|name| {
            let shown = tokens.add(name, Access::default()).unwrap();
            tokens.find(&shown).unwrap().unwrap()
        });
        let held = Held::default();
        let by = |token: &TokenInfo| Holder(Some(token.clone()));
        held.opened("both", true, by(&one));
        held.opened("both", false, by(&other));
        held.opened("first", true, by(&one));
        held.opened("owner first", true, Holder::default());
        held.opened("owner first", false, by(&one));
        held.opened("owner later", true, by(&one));
        held.opened("owner later", false, Holder::default());
        tokens.remove("one").unwrap();
        let still_holds = |token: &TokenInfo| tokens.still_holds(token).unwrap();
        assert_eq!(held.released(still_holds), ["first"]);
        tokens.remove("other").unwrap();
        assert_eq!(held.released(still_holds), ["both"]);
        assert!(held.released(still_holds).is_empty());
    }

    #[test]
    fn a_token_opens_apps_of_its_profiles_only_and_not_for_reading() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, held) = (Tokens::of(folder.path()), Held::default());
        let asks = |shown: Option<&str>, profile| {
            let mut headers = HeaderMap::new();
            if let Some(shown) = shown {
                headers.insert(AUTHORIZATION, format!("Bearer {shown}").parse().unwrap());
            }
            let holder = held.holder(folder.path(), &headers, profile, 10);
            holder.map(|holder| holder.0.is_some()).map_err(|(status, _)| status.as_u16())
        };
        let some = tokens.add("some", Access { profiles: Some([1].into()), read_only: false }).unwrap();
        let reads = tokens.add("reads", Access { profiles: None, read_only: true }).unwrap();
        assert_eq!(asks(None, 1), Ok(false));
        assert_eq!((asks(Some(&some), 1), asks(Some(&some), 2)), (Ok(true), Err(403)));
        assert_eq!((asks(Some(&reads), 1), asks(Some("volary_x"), 1)), (Err(403), Err(401)));
    }
}
