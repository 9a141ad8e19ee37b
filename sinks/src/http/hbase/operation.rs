//! What is done for each row.

/// What is done for each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Its cells are put.
    Put,
    /// Counters of its key are raised.
    Incr,
}

impl Operation {
    /// As the option says them.
    pub(super) const NAMES: &'static [&'static str] = &["put", "incr"];

    pub(super) fn of(name: &str) -> Operation {
        if name == "incr" { Operation::Incr } else { Operation::Put }
    }
}
