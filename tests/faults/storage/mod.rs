//! Faults of what holds the data: disks that are full, flushes that fail, files that are torn, gone, or
//! older than they should be.

pub mod disk;
mod fsync;
mod gone;
mod restored;
mod torn;
