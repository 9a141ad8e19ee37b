//! Watches the job of this process, second by second: history, log lines, and notifications to the
//! service manager.

mod journal;
mod systemd;
mod watcher;

pub use self::journal::Journal;
pub use self::systemd::Systemd;
pub use self::watcher::Watcher;
