//! The name of a sink in its sessions.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The name that a connection of a sink has: the first one has that of the sink.
pub(super) fn of_lane(name: &str, lane: usize) -> String {
    match lane {
        0 => name.to_owned(),
        _ => format!("{name}/{lane}"),
    }
}

/// A name that no other sink's sessions have, and that tells a person which process it is.
pub(super) fn application() -> String {
    static SINKS: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    let number = SINKS.fetch_add(1, Ordering::Relaxed);
    format!("seismic sink, process {}, {now:x}-{number}", process::id())
}
