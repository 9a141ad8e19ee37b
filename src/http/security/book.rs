//! The tokens that a server knows, in memory: every request looks into it.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::role::{Right, Roles};
use super::scope::Scope;
use super::token::Token;
use super::topics::TopicScope;

/// What a token is good for.
#[derive(Clone, Debug)]
pub struct TokenFacts {
    /// Its number, which no other one ever has; below zero, that of a request that is not granted.
    pub id: i64,
    /// Whose it is.
    pub name: String,
    /// Its hash.
    pub token: Token,
    /// What it may do.
    pub roles: Roles,
    /// With which jobs.
    pub scope: Scope,
    /// With which topics.
    pub topics: TopicScope,
    /// When it ends, ms since 1970 UTC.
    pub expires_ms: Option<i64>,
}

/// A token that the server knows.
#[derive(Debug)]
pub struct KnownToken {
    /// What it is good for.
    pub facts: TokenFacts,
    last_used_ms: AtomicI64,
    is_withdrawn: AtomicBool,
}

impl KnownToken {
    /// A token that was used last at that time, 0 for never.
    #[must_use]
    pub fn new(facts: TokenFacts, last_used_ms: i64) -> KnownToken {
        let (last_used_ms, is_withdrawn) = (AtomicI64::new(last_used_ms), AtomicBool::new(false));
        KnownToken { facts, last_used_ms, is_withdrawn }
    }

    /// Whether it still counts.
    #[must_use]
    pub fn is_valid_at(&self, now_ms: i64) -> bool {
        !self.is_withdrawn.load(Ordering::Acquire) && !self.has_expired_at(now_ms)
    }

    /// The number of the request that this is the token of, while it is not granted: then it counts
    /// for nothing but that.
    #[must_use]
    pub fn request(&self) -> Option<i64> {
        self.facts.id.is_negative().then(|| self.facts.id.saturating_neg())
    }

    /// Whether its time is over.
    #[must_use]
    pub fn has_expired_at(&self, now_ms: i64) -> bool {
        self.facts.expires_ms.is_some_and(|end_ms| end_ms <= now_ms)
    }

    /// When it was used last, 0 for never.
    #[must_use]
    pub fn last_used_ms(&self) -> i64 {
        self.last_used_ms.load(Ordering::Relaxed)
    }

    /// It is used now.
    pub fn use_at(&self, now_ms: i64) {
        self.last_used_ms.fetch_max(now_ms, Ordering::Relaxed);
    }
}

/// All tokens that were not withdrawn.
#[derive(Debug, Default)]
pub struct TokenBook(RwLock<Vec<Arc<KnownToken>>>);

impl TokenBook {
    /// Has these tokens from now on, and no others: what follows a stream with one that is gone is
    /// let in no longer. A token that stays keeps when it was used.
    pub fn set(&self, tokens: Vec<KnownToken>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let stays = |new: &KnownToken| {
            let is_it = |old: &&Arc<KnownToken>| old.facts.id == new.facts.id;
            all.iter().find(is_it).map(Arc::clone)
        };
        let next: Vec<Arc<KnownToken>> = tokens
            .into_iter()
            .map(|new| match stays(&new) {
                Some(old) if old.facts.token == new.facts.token => old,
                Some(old) => {
                    new.use_at(old.last_used_ms());
                    Arc::new(new)
                }
                None => Arc::new(new),
            })
            .collect();
        for old in all.iter().filter(|old| !next.iter().any(|new| Arc::ptr_eq(old, new))) {
            old.is_withdrawn.store(true, Ordering::Release);
        }
        *all = next;
    }

    /// The token that was brought, whether its time is over or not.
    #[must_use]
    pub fn find(&self, brought: &Token) -> Option<Arc<KnownToken>> {
        let mut found = None;
        // Every one is compared, also behind the one that fits: how long it takes tells nothing.
        for known in &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            if known.facts.token == *brought {
                found = Some(Arc::clone(known));
            }
        }
        found
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<KnownToken>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether one of them may make others, for all jobs.
    #[must_use]
    pub fn has_admin_at(&self, now_ms: i64) -> bool {
        let is_one = |it: &Arc<KnownToken>| {
            let TokenFacts { roles, scope, .. } = &it.facts;
            roles.may(Right::Administer) && scope.is_all() && it.is_valid_at(now_ms)
        };
        self.all().iter().any(is_one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: i64, secret: &str) -> KnownToken {
        let facts = TokenFacts {
            id,
            name: format!("n{id}"),
            token: Token::new(secret),
            roles: "viewer".parse().unwrap(),
            scope: Scope::all(),
            topics: TopicScope::all(),
            expires_ms: Some(100),
        };
        KnownToken::new(facts, 0)
    }

    #[test]
    fn a_token_is_found_by_its_secret_until_it_is_withdrawn() {
        let book = TokenBook::default();
        book.set(vec![token(1, "one"), token(2, "two")]);
        let one = book.find(&Token::new("one")).unwrap();
        assert_eq!((one.facts.id, book.find(&Token::new("three")).is_none()), (1, true));
        one.use_at(7);
        // One stays, one is rotated.
        book.set(vec![token(1, "one"), token(2, "new")]);
        assert!(one.is_valid_at(99) && !one.is_valid_at(100));
        assert_eq!(book.find(&Token::new("one")).unwrap().last_used_ms(), 7);
        assert!(book.find(&Token::new("two")).is_none());
        book.set(vec![token(2, "new")]);
        assert!(!one.is_valid_at(99), "whoever still follows with it is told");
        assert!(book.find(&Token::new("one")).is_none());
        assert!(!book.has_admin_at(0));
    }
}
