//! Where a sink is: what it stores beside its rows, what of that others can see, and how it compares
//! with what the store has.

pub(crate) mod ahead;
pub(crate) mod mark;
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) mod stored;
