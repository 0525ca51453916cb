//! The tokens that a profile has given out in codes.

use rand::{CryptoRng, Rng};

use super::{Scope, Token, inviter::AuthFacts};
use crate::openpgp::{Fingerprint, SharedSecret};

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
    /// after the withdrawal does not name a scope.
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
        let (gone, kept) =
            std::mem::take(&mut self.tokens).into_iter().partition(|t| scopes.contains(&t.scope));
        self.tokens = kept;
        gone
    }

    /// The secrets that key requests may be encrypted with, latest codes first.
    pub fn secrets(&self, own_fingerprint: Fingerprint) -> impl Iterator<Item = SharedSecret> + '_ {
        self.tokens
            .iter()
            .rev()
            .filter(|t| t.namespace == Namespace::Auth)
            .map(move |t| SharedSecret::own_invite(own_fingerprint, t.token.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;
    use crate::ids::GroupId;

    fn group() -> Scope {
        Scope::Chat(GroupId::parse("groupgroupgroupgroupgrou").unwrap())
    }

    fn book() -> (TokenBook, ChaCha20Rng) {
        (TokenBook::default(), ChaCha20Rng::seed_from_u64(1))
    }

    #[test]
    fn codes_of_a_scope_share_the_invite_number() {
        let (mut book, mut rng) = book();
        let first = book.issue(&Scope::Contact, 1, &mut rng);
        let second = book.issue(&Scope::Contact, 2, &mut rng);
        let other = book.issue(&group(), 3, &mut rng);
        assert_eq!(first.invite_number, second.invite_number);
        assert_ne!(first.auth, second.auth);
        assert_ne!(first.invite_number, other.invite_number);
        let auth = book.auth(first.auth.unwrap().as_str()).unwrap();
        assert_eq!(auth, AuthFacts { scope: Scope::Contact, created: 1 });
        assert_eq!(book.newest(Namespace::Auth, &Scope::Contact), second.auth.as_ref());
    }

    #[test]
    fn withdrawing_one_code_withdraws_its_scope() {
        let (mut book, mut rng) = book();
        let first = book.issue(&Scope::Contact, 1, &mut rng);
        let second = book.issue(&Scope::Contact, 2, &mut rng);
        let other = book.issue(&group(), 3, &mut rng);
        assert_eq!(book.withdraw(&Scope::Contact).len(), 3);
        for gone in [&first, &second] {
            assert!(book.auth(gone.auth.as_ref().unwrap().as_str()).is_none());
            assert!(!book.knows_invite_number(gone.invite_number.as_ref().unwrap().as_str()));
        }
        assert!(book.auth(other.auth.as_ref().unwrap().as_str()).is_some());
        book.revive(&Scope::Contact, None, first.auth.as_ref().unwrap(), 9);
        assert_eq!(book.auth(first.auth.as_ref().unwrap().as_str()).unwrap().created, 9);
        assert_eq!(book.newest(Namespace::InviteNumber, &Scope::Contact), None);
    }

    #[test]
    fn a_value_is_stored_once() {
        let (mut book, mut rng) = book();
        let token = Token::generate(&mut rng);
        assert!(book.save(Namespace::Auth, &Scope::Contact, &token, 1));
        assert!(!book.save(Namespace::Auth, &group(), &token, 2));
        assert_eq!(book.auth(token.as_str()).unwrap(), AuthFacts { scope: Scope::Contact, created: 1 });
    }

    #[test]
    fn other_devices_share_and_withdraw() {
        let (mut book, mut rng) = book();
        let item = TokenBook::default().issue(&group(), 5, &mut rng);
        book.apply_sync_add(&item, 5);
        assert!(book.knows_invite_number(item.invite_number.as_ref().unwrap().as_str()));
        book.issue(&Scope::Contact, 6, &mut rng);
        let auth = item.auth.as_ref();
        assert!(book.apply_sync_delete(None, auth, 4).is_empty(), "made after the withdrawal");
        assert_eq!(book.apply_sync_delete(item.invite_number.as_ref(), None, 4).len(), 2);
        assert_eq!(book.tokens().len(), 2, "other scopes stay");
    }

    #[test]
    fn latest_codes_are_tried_first() {
        let (mut book, mut rng) = book();
        let own = Fingerprint::V4([1; 20]);
        let issued: Vec<_> = (0..3).map(|n| book.issue(&Scope::Contact, n, &mut rng).auth.unwrap()).collect();
        let expected: Vec<_> =
            issued.iter().rev().map(|t| SharedSecret::own_invite(own, t.as_str())).collect();
        assert_eq!(book.secrets(own).collect::<Vec<_>>(), expected);
    }
}
