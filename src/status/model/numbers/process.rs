//! Memory and processor time of this process.

/// Resident memory, bytes, and processor time, ms, of this process; 0 where the system does not
/// say.
pub(super) fn process() -> (u64, u64) {
    let read = |name: &str| std::fs::read_to_string(name).unwrap_or_default();
    let statm = read("/proc/self/statm");
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    // Behind the name of the program, which may have blanks: fields 14 and 15, see
    // proc_pid_stat(5).
    let stat = read("/proc/self/stat");
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let ticks: u64 = behind.split_whitespace().skip(11).take(2).flat_map(str::parse::<u64>).sum();
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    (pages.unwrap_or(0) * rustix::param::page_size() as u64, ticks * 1_000 / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory() {
        let (memory, _) = process();
        assert!(memory > 1 << 20 || !std::path::Path::new("/proc/self/statm").exists());
    }
}
