//! The memory of a process, where the system reports it (Linux).

use std::fs;

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

    fn kib(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        line.map_or(0, |kib| kib.trim().trim_end_matches(" kB").parse().unwrap())
    }
}
