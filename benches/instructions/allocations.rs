//! Allocations of a drain per record in the steady state: the difference between a longer and a
//! shorter drain. All threads count; allocations of SQLite do not.

use crate::counting::allocations;
use crate::stages::drain;

/// Records of the shorter drain: every buffer has its size by then.
const RECORDS: u64 = 400_000;

/// A few for each batch, commit and snapshot, and none for a record or a window.
const LIMIT: f64 = 0.001;

/// Counts, shows, and refuses what is above the limit.
pub fn check() -> Result<(), String> {
    let of = |records| {
        let act = drain(records);
        let before = allocations();
        act();
        allocations() - before
    };
    let (shorter, longer) = (of(RECORDS), of(3 * RECORDS));
    let each = longer.saturating_sub(shorter) as f64 / (2 * RECORDS) as f64;
    println!(
        "allocations per record of a drain: {each:.5} ({shorter} for {RECORDS}, {longer} for three times as many)"
    );
    match each <= LIMIT {
        true => Ok(()),
        false => {
            Err(format!("a drain allocates for its records: {each:.5} times each, {LIMIT} at most"))
        }
    }
}
