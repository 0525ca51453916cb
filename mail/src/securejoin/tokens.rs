//! The tokens that a profile has given out in codes.

use rand::{CryptoRng, Rng};

use super::{GroupId, Token, inviter::AuthFacts, password};

/// What a token lets into.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// A chat with the inviter.
    Contact,
    /// A group or channel.
    Chat(GroupId),
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// Asks for the key, in the older handshake.
    InviteNumber,
    /// Proves that the code was seen.
    Auth,
}

/// A token that was given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// What it is for.
    pub namespace: Namespace,
    /// What it lets into.
    pub scope: Scope,
    /// The token.
    pub token: Token,
    /// When it was made (Unix seconds).
    pub created: i64,
}

/// An item of device synchronisation about tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncedTokens {
    /// The invite number; may be missing in a code.
    pub invite_number: Option<Token>,
    /// The auth token.
    pub auth: Option<Token>,
    /// What they let into. Removals do not tell.
    pub scope: Scope,
}

/// All tokens of a profile, in the order of their insertion.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenBook {
    tokens: Vec<StoredToken>,
}

impl TokenBook {
    /// Takes stored tokens, oldest insertion first.
    pub fn new(tokens: Vec<StoredToken>) -> Self {
        Self { tokens }
    }

    /// All tokens, oldest insertion first.
    pub fn tokens(&self) -> &[StoredToken] {
        &self.tokens
    }

    fn find(&self, namespace: Namespace, token: &str) -> Option<&StoredToken> {
        self.tokens.iter().find(|t| t.namespace == namespace && t.token.as_str() == token)
    }

    /// Stores a token. A value that is stored already stays as it is, whatever its scope and time. Tells whether it was
    /// new.
    pub fn save(&mut self, namespace: Namespace, scope: &Scope, token: &Token, created: i64) -> bool {
        if self.tokens.iter().any(|t| t.token == *token) {
            return false;
        }
        self.tokens.push(StoredToken { namespace, scope: scope.clone(), token: token.clone(), created });
        true
    }

    /// Whether this invite number was given out, for whatever.
    pub fn knows_invite_number(&self, number: &str) -> bool {
        self.find(Namespace::InviteNumber, number).is_some()
    }

    /// What is stored with this auth token, if it was given out.
    pub fn auth(&self, token: &str) -> Option<AuthFacts> {
        self.find(Namespace::Auth, token).map(|t| AuthFacts { scope: t.scope.clone(), created: t.created })
    }

    /// The token of a scope that was inserted last.
    pub fn newest(&self, namespace: Namespace, scope: &Scope) -> Option<&Token> {
        self.tokens.iter().rev().find(|t| t.namespace == namespace && t.scope == *scope).map(|t| &t.token)
    }

    /// The tokens of a new code: the invite number of the scope, made when needed, and a fresh auth token.
    pub fn issue(&mut self, scope: &Scope, now: i64, rng: &mut (impl Rng + CryptoRng)) -> SyncedTokens {
        let number = match self.newest(Namespace::InviteNumber, scope) {
            Some(number) => number.clone(),
            None => {
                let number = Token::generate(rng);
                self.save(Namespace::InviteNumber, scope, &number, now);
                number
            }
        };
        let auth = Token::generate(rng);
        self.save(Namespace::Auth, scope, &auth, now);
        SyncedTokens { invite_number: Some(number), auth: Some(auth), scope: scope.clone() }
    }

    /// Withdraws all codes of a scope. Returns what is gone.
    pub fn withdraw(&mut self, scope: &Scope) -> Vec<StoredToken> {
        let (gone, kept) = std::mem::take(&mut self.tokens).into_iter().partition(|t| t.scope == *scope);
        self.tokens = kept;
        gone
    }

    /// Makes a withdrawn code valid again.
    pub fn revive(&mut self, scope: &Scope, invite_number: Option<&Token>, auth: &Token, now: i64) {
        if let Some(number) = invite_number {
            self.save(Namespace::InviteNumber, scope, number, now);
        }
        self.save(Namespace::Auth, scope, auth, now);
    }

    /// Another own device made a code. `created` is the earlier of the times of the item and of its mail.
    pub fn apply_sync_add(&mut self, item: &SyncedTokens, created: i64) {
        if let Some(number) = &item.invite_number {
            self.save(Namespace::InviteNumber, &item.scope, number, created);
        }
        if let Some(auth) = &item.auth {
            self.save(Namespace::Auth, &item.scope, auth, created);
        }
    }

    /// Another own device withdrew a code: all tokens of the scopes of these two are gone. An auth token that was made
    /// after the withdrawal does not tell a scope.
    pub fn apply_sync_delete(
        &mut self,
        invite_number: Option<&Token>,
        auth: Option<&Token>,
        withdrawn: i64,
    ) -> Vec<StoredToken> {
        let scopes: Vec<Scope> = self
            .tokens
            .iter()
            .filter(|t| match t.namespace {
                Namespace::InviteNumber => Some(&t.token) == invite_number,
                Namespace::Auth => Some(&t.token) == auth && t.created <= withdrawn,
            })
            .map(|t| t.scope.clone())
            .collect();
        let (gone, kept) = std::mem::take(&mut self.tokens).into_iter().partition(|t| scopes.contains(&t.scope));
        self.tokens = kept;
        gone
    }

    /// The passwords that key requests may be encrypted with, latest codes first.
    pub fn passwords<'a>(&'a self, own_fingerprint: &'a str) -> impl Iterator<Item = String> + 'a {
        self.tokens
            .iter()
            .rev()
            .filter(|t| t.namespace == Namespace::Auth)
            .map(move |t| password(own_fingerprint, &t.token))
    }
}
