//! Storage faults: full disks, failing flushes, and torn, deleted or outdated files.

pub mod disk;
mod fsync;
pub mod gone;
mod restored;
mod torn;
