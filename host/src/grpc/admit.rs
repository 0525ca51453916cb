//! Who calls, and what he may do. Every call is asked anew, so that a token that was taken back ends at once.

use std::sync::Arc;

use tonic::{Request, Status};

use crate::access::{Access, TokenInfo, Tokens};
use crate::places::Standing;
use crate::seldom::Seldom;

/// Who calls.
#[derive(Clone)]
pub struct Caller {
    pub access: Arc<Access>,
    /// The token that it showed; a program of this user needs none.
    token: Option<(Tokens, Arc<TokenInfo>)>,
}

/// Who is let in.
#[derive(Clone)]
pub struct Admission {
    tokens: Option<Tokens>,
    refused: Arc<Seldom>,
    unreadable: Arc<Seldom>,
}

impl Admission {
    /// Programs of this user may do everything.
    pub fn of_this_user() -> Self {
        Self::new(None)
    }

    /// Programs that show a token may do what it allows.
    pub fn by_token(tokens: Tokens) -> Self {
        Self::new(Some(tokens))
    }

    fn new(tokens: Option<Tokens>) -> Self {
        Self { tokens, refused: Arc::default(), unreadable: Arc::default() }
    }

    /// Notes in the call who calls, or refuses it.
    pub fn admit(&self, mut call: Request<()>) -> Result<Request<()>, Status> {
        let caller = match &self.tokens {
            None => Caller { access: Arc::default(), token: None },
            Some(tokens) => self.with_token(tokens, bearer(&call))?,
        };
        if let Some(standing) = call.extensions().get::<Arc<Standing>>() {
            standing.becomes_known();
        }
        call.extensions_mut().insert(caller);
        Ok(call)
    }

    fn with_token(&self, tokens: &Tokens, shown: Option<&str>) -> Result<Caller, Status> {
        let Some(shown) = shown else {
            return Err(Status::unauthenticated("a token is needed: authorization: Bearer TOKEN"));
        };
        match tokens.find(shown) {
            Ok(Some(token)) => {
                let access = Arc::new(token.access());
                Ok(Caller { access, token: Some((tokens.clone(), Arc::new(token))) })
            }
            Ok(None) => {
                if let Some(times) = self.refused.now() {
                    tracing::warn!(times, "a program with an unknown token was refused");
                }
                Err(Status::unauthenticated("unknown token"))
            }
            Err(error) => {
                if let Some(times) = self.unreadable.now() {
                    tracing::error!(%error, times, "tokens cannot be read: nobody can call");
                }
                Err(Status::unavailable("tokens cannot be read"))
            }
        }
    }
}

impl Caller {
    /// Whether it is on another machine, or may be: no path of the host means anything there.
    pub fn is_remote(&self) -> bool {
        self.token.is_some()
    }

    /// Whether its token has not been taken back.
    pub fn is_still_welcome(&self) -> bool {
        let Some((tokens, token)) = &self.token else { return true };
        tokens.still_holds(token).unwrap_or_else(|error| {
            // Who has come in stays while nobody can say.
            tracing::warn!(%error, "tokens cannot be read");
            true
        })
    }
}

fn bearer(call: &Request<()>) -> Option<&str> {
    let (scheme, token) = call.metadata().get("authorization")?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
