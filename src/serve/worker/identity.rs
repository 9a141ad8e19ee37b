//! The identity of a worker: never a bare process id, which the system may reuse.

use std::fs::{self, File};
use std::io::{self, Read as _};

use serde::{Deserialize, Serialize};

/// A process, and the secret by which it knows its server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Version of the protocol that it speaks.
    pub protocol: u32,
    /// Its process id.
    pub pid: u32,
    /// When the process began, in ticks of the clock since the machine started.
    pub start_time: u64,
    /// Whoever asks it must know this.
    pub secret: String,
}

impl Identity {
    /// That of this process, with a new secret.
    ///
    /// # Errors
    /// When the system does not say when the process began.
    pub fn of_this_process() -> io::Result<Identity> {
        let pid = std::process::id();
        let start_time = start_time(pid)
            .ok_or_else(|| io::Error::other("/proc does not say when this process began"))?;
        Ok(Identity { protocol: super::protocol::VERSION, pid, start_time, secret: secret()? })
    }

    /// Whether that very process is still there.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        start_time(self.pid) == Some(self.start_time)
    }
}

/// 128 random bits of the system, as hexadecimal digits.
///
/// # Errors
/// Those of the system.
pub fn secret() -> io::Result<String> {
    let mut bits = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bits)?;
    Ok(bits.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// When a process began; `None` when there is none. A process that has ended and was not waited for
/// is none.
fn start_time(pid: u32) -> Option<u64> {
    parse_start_time(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Field 22 of `/proc/PID/stat`, see proc_pid_stat(5). The name in field 2 may hold anything but
/// ends at the last parenthesis.
fn parse_start_time(stat: &str) -> Option<u64> {
    let mut behind_name = stat.rsplit_once(')')?.1.split_whitespace();
    let state = behind_name.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    behind_name.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_one_that_began_later_is_another() {
        let me = Identity::of_this_process().unwrap();
        assert!(me.is_alive());
        assert!(!Identity { start_time: me.start_time + 1, ..me }.is_alive());
    }

    #[test]
    fn a_name_with_parentheses_and_a_dead_process_are_understood() {
        let rest = "1 1 1 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 77 5";
        assert_eq!(parse_start_time(&format!("5 (a) b) S {rest}")), Some(77));
        assert_eq!(parse_start_time(&format!("5 (a) Z {rest}")), None);
        assert_eq!(parse_start_time("5 (a"), None);
    }
}
