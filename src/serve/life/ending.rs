//! How a worker ended, and whether a restart can help.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an exit code and, unless it died before it could write them, its last words.
    Exited {
        /// Exit code of the process.
        code: i32,
        /// What the worker said of it.
        words: Option<LastWords>,
    },
    /// By a signal.
    Killed {
        /// Which one.
        signal: i32,
    },
    /// It is gone, and was not a child of this server: its exit code is not known.
    Vanished,
    /// It could not be started.
    NotStarted(String),
}

/// What a worker writes down before it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastWords {
    /// Its exit code.
    pub code: i32,
    /// Why, in a user's words; `None` after a good end.
    pub reason: Option<String>,
    /// Whether starting it again cannot help, as far as the worker knows.
    pub is_final: bool,
}

impl Ending {
    /// Whether it ended well.
    #[must_use]
    pub fn is_good(&self) -> bool {
        matches!(self, Ending::Exited { code: 0, .. })
    }

    /// What must be done before another start can help; `None`: a start may help on its own.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Ending::Exited { code: 2, .. } => {
                Some("correct the job file, submit it again and start the job")
            }
            Ending::Exited { code: 4, .. } => {
                Some("another process has its store or folder: stop that one, then start the job")
            }
            Ending::Exited { words: Some(LastWords { is_final: true, .. }), .. } => {
                Some("mend what it says, then start the job")
            }
            _ => None,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Exited { words: Some(LastWords { reason: Some(reason), .. }), .. } => {
                f.write_str(reason)
            }
            Ending::Exited { code, .. } => write!(f, "the worker ended with code {code}"),
            Ending::Killed { signal: 9 } => f.write_str(
                "the worker was killed (signal 9), by a person or because memory ran out",
            ),
            Ending::Killed { signal: 6 } => f.write_str(
                "the worker aborted (signal 6), as where it wants more memory than [resources] \
                 memory_mb lets it have: the end of `seismic job logs` says why",
            ),
            Ending::Killed { signal } => write!(f, "the worker was killed by signal {signal}"),
            Ending::Vanished => f.write_str(
                "the worker is gone without last words: it was killed, or the machine was restarted",
            ),
            Ending::NotStarted(why) => write!(f, "the worker could not be started: {why}"),
        }
    }
}
