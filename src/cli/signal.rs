//! SIGTERM and Ctrl-C, turned into the use of a stop token.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::job::StopToken;

/// The first SIGTERM or Ctrl-C uses the token; a second one ends the process at once. Others may
/// use the token too, to end a run that has failed: the first signal is still the first one then.
pub fn stop_on_signals(stop: &StopToken) -> io::Result<()> {
    let signalled = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the first signal finds its flag unset here and sets it below.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&signalled))?;
        flag::register(signal, Arc::clone(&signalled))?;
        flag::register(signal, Arc::clone(stop.flag()))?;
    }
    Ok(())
}

/// The flag of a token that the first SIGTERM or Ctrl-C uses.
pub fn stop_flag() -> io::Result<Arc<AtomicBool>> {
    let stop = StopToken::new();
    stop_on_signals(&stop)?;
    Ok(Arc::clone(stop.flag()))
}
