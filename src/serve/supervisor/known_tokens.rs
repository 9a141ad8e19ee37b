//! The tokens that count, as requests are compared with them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::http::TokenBook;

/// Tokens that count, and what is stored of their use.
#[derive(Default)]
pub struct Tokens {
    pub(super) book: Arc<TokenBook>,
    /// When each was used last, as that is stored.
    pub(super) stored_uses: BTreeMap<i64, i64>,
    pub(super) stored_at: Option<Instant>,
}
