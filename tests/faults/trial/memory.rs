//! The memory of a process and its time of a core, where the system reports them (Linux).

use std::fs;
use std::time::Duration;

use crate::stage::Running;

impl Running {
    /// Memory in use, in KiB; 0 where no one says.
    pub fn memory_kib(&self) -> u64 {
        self.kib("VmRSS:")
    }

    /// Most memory ever in use, in KiB; 0 where no one says.
    pub fn peak_memory_kib(&self) -> u64 {
        self.kib("VmHWM:")
    }

    /// Time of cores that it has taken; 0 where nobody says.
    pub fn cpu(&self) -> Duration {
        // Behind its name, which may have blanks: state, ten numbers, and ticks of 10 ms of the
        // program and of the kernel for it.
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        let numbers = stat.rsplit(')').next().unwrap_or_default();
        let ticks = numbers.split_whitespace().skip(11).take(2);
        Duration::from_millis(10 * ticks.filter_map(|it| it.parse::<u64>().ok()).sum::<u64>())
    }

    fn kib(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        line.map_or(0, |kib| kib.trim().trim_end_matches(" kB").parse().unwrap())
    }
}
