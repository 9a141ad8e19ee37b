//! Tokens: what is stored of them, and the same in memory, where every request looks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::Supervisor;
use crate::http::TokenBook;
use crate::serve::limits;
use crate::serve::state::tokens::StoredToken;

impl Supervisor {
    /// The tokens that count.
    #[must_use]
    pub fn token_book(&self) -> Arc<TokenBook> {
        Arc::clone(&self.tokens.book)
    }

    /// Has those count that are stored now.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn refresh_tokens(&mut self) -> anyhow::Result<()> {
        // One that is gone now was used until now.
        self.store_all_uses();
        let mut all = self.state.known_tokens()?;
        all.extend(self.state.known_requests()?);
        self.tokens.book.set(all);
        Ok(())
    }

    /// All tokens with their uses up to now.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn shown_tokens(&self) -> anyhow::Result<Vec<StoredToken>> {
        let uses = self.uses();
        let mut all = self.state.tokens()?;
        for token in &mut all {
            let used_ms = uses.get(&token.id).copied().filter(|&at_ms| at_ms > 0);
            token.last_used_ms = token.last_used_ms.max(used_ms);
        }
        Ok(all)
    }

    /// Stores now and then which tokens were used.
    pub fn store_uses(&mut self) {
        let is_due = |at: Instant| at.elapsed() >= limits::TOKENS_USED_EVERY;
        if !self.tokens.stored_at.is_none_or(is_due) {
            return;
        }
        self.tokens.stored_at = Some(Instant::now());
        self.store_all_uses();
    }

    fn store_all_uses(&mut self) {
        let uses = self.uses();
        let stored = &self.tokens.stored_uses;
        let is_new = |(id, at_ms): &(&i64, &i64)| **at_ms > 0 && stored.get(id) != Some(at_ms);
        let new: Vec<(i64, i64)> =
            uses.iter().filter(is_new).map(|(&id, &at_ms)| (id, at_ms)).collect();
        if new.is_empty() {
            return;
        }
        match self.state.save_uses(&new) {
            Ok(()) => self.tokens.stored_uses = uses,
            Err(error) => tracing::error!("it cannot be stored when tokens were used: {error:#}"),
        }
    }

    fn uses(&self) -> BTreeMap<i64, i64> {
        let all = self.tokens.book.all();
        let all = all.iter().filter(|token| token.request().is_none());
        all.map(|token| (token.facts.id, token.last_used_ms())).collect()
    }
}
