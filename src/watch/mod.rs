//! Watching the job of this process, second by second, for whoever is not there: its history, lines of the log, and the
//! service manager.

mod journal;
mod systemd;
mod watcher;

pub use self::journal::Journal;
pub use self::systemd::Systemd;
pub use self::watcher::Watcher;
