//! Transactions that hold the input back, in the status.

use seismic_queue::OpenTransaction;
use serde::Serialize;

use crate::remedy::in_words;
use crate::time::{now_ms, show_ms};

/// One that is open for less is one of a producer that works, ms.
pub const HANGS_MS: i64 = 5_000;

/// A transaction that hangs in the input.
#[derive(Clone, Debug, Serialize)]
pub struct OpenTransactionStatus {
    /// Topic of the input.
    pub topic: String,
    /// Its partition.
    pub partition: u32,
    /// Its first message.
    pub offset: u64,
    /// When that was appended, ms since 1970 UTC.
    pub since_ms: i64,
    /// Id that the brokers gave its producer.
    pub producer_id: Option<i64>,
    /// All of it, and what to do.
    pub words: String,
}

impl OpenTransactionStatus {
    /// Those that hang of these, which were looked at, and of those behind them.
    pub fn all(open: &[OpenTransaction]) -> Vec<Self> {
        let each = open.iter().cloned().flat_map(OpenTransaction::each);
        each.filter_map(|open| OpenTransactionStatus::of(&open)).collect()
    }

    /// One that was looked at; `None` where it does not hang.
    fn of(open: &OpenTransaction) -> Option<Self> {
        let since_ms = open.since_ms.filter(|_| open.age_ms(now_ms()) >= Some(HANGS_MS))?;
        Some(OpenTransactionStatus {
            topic: open.topic.clone(),
            partition: open.partition.0,
            offset: open.first.0,
            since_ms,
            producer_id: open.producer,
            words: format!("{}; {}", said(open, since_ms), in_words(&open.remedy())),
        })
    }
}

/// Which one, since when, and what it holds back.
pub fn said(open: &OpenTransaction, since_ms: i64) -> String {
    let held = open.held_from(open.first);
    format!("{open}, since {}: {held} messages wait for its end", show_ms(since_ms))
}
