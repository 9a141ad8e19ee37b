//! Facts about the machine and our processes, most of them from `/proc`.

use std::fs;
use std::thread;

use rustix::process::Pid;

use super::report::Machine;

impl Machine {
    /// This one, now.
    pub fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (release, cpus) = (read("/etc/os-release"), read("/proc/cpuinfo"));
        let system = field(&release, "PRETTY_NAME=").map(|name| name.trim_matches('"'));
        let cpu = field(&cpus, "model name").map(|name| name.trim_start_matches([' ', '\t', ':']));
        Machine {
            system: system.unwrap_or(std::env::consts::OS).to_owned(),
            cpu: cpu.unwrap_or(std::env::consts::ARCH).to_owned(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory_mb: kilobytes(&read("/proc/meminfo"), "MemTotal:").map(|kb| kb / 1_000),
            load_before: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()),
        }
    }
}

/// Memory of a process, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Held now.
    pub resident: u64,
    /// The most it ever held.
    pub peak: u64,
}

/// Memory of a process that runs.
pub fn memory(pid: Pid) -> Option<Memory> {
    parse_status(&fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?)
}

/// CPU seconds of a process, all threads, user and system; also of one that has ended and was not
/// waited for yet.
pub fn cpu_s(pid: Pid) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    Some(parse_stat(&stat)? as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn parse_status(status: &str) -> Option<Memory> {
    let bytes = |name| kilobytes(status, name).map(|kb| kb * 1_024);
    Some(Memory { resident: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
}

/// Clock ticks: `utime` and `stime`, fields 14 and 15 of `proc_pid_stat(5)`. Field 2 is a name in
/// parentheses and may hold anything, so counting begins behind it.
fn parse_stat(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    field(text, name)?.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// What follows `name` on the first line that begins with it.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let status = "Name:\tseismic\nVmPeak:\t 9 kB\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n";
        let memory = Memory { resident: 1 << 20, peak: 2 << 20 };
        assert_eq!(parse_status(status), Some(memory));
        assert_eq!(parse_status("Name:\tzombie\n"), None);
    }

    #[test]
    fn processor_time_is_user_and_system_whatever_the_process_is_called() {
        let stat = "77 (a) 1 (b) S 1 2 3 4 5 6 7 8 9 10 250 30 0 0 20 0";
        assert_eq!(parse_stat(stat), Some(280));
        assert_eq!(parse_stat("77 (cut"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_used_memory_and_is_on_a_machine() {
        let own = rustix::process::getpid();
        let Memory { resident, peak } = memory(own).unwrap();
        assert!(0 < resident && resident <= peak);
        assert!(cpu_s(own).is_some());
        assert!(Machine::here().memory_mb > Some(0));
    }
}
