//! Measures resource pressure: the pressure stall information of the kernel (PSI), and available
//! memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::Short;

/// What `[pressure]` of `serve.toml` says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PressureLimits {
    /// Percent of the last ten seconds in which something waited for a core; 0: not looked at.
    pub cpu_percent: u32,
    /// Percent of the machine's memory that is used; 0: not looked at.
    pub memory_percent: u32,
    /// How long what a job reads next may have waited, s; 0: not looked at.
    pub lag_s: u64,
    /// How long it must last before a job yields, and before the next one does, s.
    pub hold_s: u64,
    /// How long there must be none before a job gets back what it had, s.
    pub calm_s: u64,
    /// Folder of the kernel's pressure files: in a container, that of its cgroup says more.
    pub folder: PathBuf,
}

impl Default for PressureLimits {
    fn default() -> Self {
        let folder = PathBuf::from("/proc/pressure");
        PressureLimits {
            cpu_percent: 80,
            memory_percent: 95,
            lag_s: 60,
            hold_s: 5,
            calm_s: 20,
            folder,
        }
    }
}

impl PressureLimits {
    /// What is short now. What cannot be read is not.
    #[must_use]
    pub fn look(&self) -> Short {
        let cpu = waiting(&self.folder, "cpu");
        let used = fs::read_to_string("/proc/meminfo").ok().and_then(|text| used_percent(&text));
        let is_over = |found: Option<f64>, limit: u32| {
            limit > 0 && found.is_some_and(|found| found >= f64::from(limit))
        };
        Short { cpu: is_over(cpu, self.cpu_percent), memory: is_over(used, self.memory_percent) }
    }

    /// Whether a job whose next message has waited so long is too far behind.
    #[must_use]
    pub fn is_behind(&self, wait_ms: Option<i64>) -> bool {
        let limit_ms = Duration::from_secs(self.lag_s).as_millis() as i64;
        limit_ms > 0 && wait_ms.is_some_and(|wait_ms| wait_ms > limit_ms)
    }
}

/// Percent of the last ten seconds in which something waited for a resource. The file is that of
/// the system (`cpu`), or that of a cgroup (`cpu.pressure`).
fn waiting(folder: &Path, resource: &str) -> Option<f64> {
    let text = fs::read_to_string(folder.join(resource))
        .or_else(|_| fs::read_to_string(folder.join(format!("{resource}.pressure"))));
    avg10(&text.ok()?)
}

/// Of `some avg10=1.53 avg60=… avg300=… total=…`, see Documentation/accounting/psi.rst.
fn avg10(text: &str) -> Option<f64> {
    let some = text.lines().find(|line| line.starts_with("some "))?;
    some.split_whitespace().find_map(|word| word.strip_prefix("avg10="))?.parse().ok()
}

/// Percent of memory that is not available without swapping, of `/proc/meminfo`.
fn used_percent(text: &str) -> Option<f64> {
    let of = |name: &str| -> Option<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').split_whitespace().next()?.parse().ok()
    };
    let (all, available) = (of("MemTotal")?, of("MemAvailable")?);
    (all > 0.0).then(|| 100.0 * (1.0 - available / all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        let text =
            "some avg10=91.25 avg60=1.00 avg300=0.10 total=5\nfull avg10=0.00 avg60=0 total=0\n";
        assert_eq!(avg10(text), Some(91.25));
        assert_eq!(avg10("full avg10=1.0"), None);
        let used = used_percent("MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    50 kB\n");
        assert_eq!(used.map(f64::round), Some(95.0));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cpu.pressure"), text).unwrap();
        let folder = folder.path().to_owned();
        let limits = PressureLimits { folder, memory_percent: 0, ..PressureLimits::default() };
        assert_eq!(limits.look(), Short { cpu: true, memory: false });
        assert!(!PressureLimits { cpu_percent: 92, ..limits.clone() }.look().cpu);
        assert!(limits.is_behind(Some(60_001)) && !limits.is_behind(None));
    }
}
