//! SIGTERM, SIGHUP and Ctrl-C, mapped to a stop token; and SIGXFSZ, which must not end the program.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

use crate::job::StopToken;

/// The first SIGTERM, SIGHUP or Ctrl-C uses the token; a second one ends the process at once.
/// SIGHUP stays ignored where it was ignored at the start, as `nohup` leaves it. Others may use the
/// token too, to end a run that has failed: the first signal is still the first one then.
pub fn stop_on_signals(stop: &StopToken) -> io::Result<()> {
    let signalled = Arc::new(AtomicBool::new(false));
    let hangup = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    for signal in [SIGTERM, SIGINT].into_iter().chain(hangup) {
        // In this order: the first signal finds its flag unset here and sets it below.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&signalled))?;
        flag::register(signal, Arc::clone(&signalled))?;
        flag::register(signal, Arc::clone(stop.flag()))?;
    }
    Ok(())
}

/// The flag of a token that the first signal uses, as [`stop_on_signals`] says.
pub fn stop_flag() -> io::Result<Arc<AtomicBool>> {
    let stop = StopToken::new();
    stop_on_signals(&stop)?;
    Ok(Arc::clone(stop.flag()))
}

/// From now on, a write beyond the limit of file sizes (`ulimit -f`) fails as on a full disk.
/// Without this, its signal would end the process.
pub fn survive_file_size_limit() -> io::Result<()> {
    flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// Whether the process ignores `signal`. Only Linux tells; elsewhere it is taken as not ignored.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored_signals(&status).is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

/// The mask of ignored signals in `/proc/PID/status`: bit 0 is signal 1, see proc_pid_status(5).
fn ignored_signals(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_a_hexadecimal_mask() {
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0\n";
        assert_eq!(ignored_signals(status), Some(0x1001));
        assert_eq!(ignored_signals("Name:\tseismic\n"), None);
    }
}
