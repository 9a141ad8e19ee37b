//! Limits of workers by cgroups (version 2), where the server may make some: as root, or where its
//! service manager has delegated its own one (`Delegate=` of systemd).
//!
//! The server goes into a leaf `server`, since a cgroup whose controllers are handed on has no processes
//! itself; each worker gets a leaf of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::job::service::Resources;

/// Where the system shows cgroups.
const ROOT: &str = "/sys/fs/cgroup";

/// Microseconds in which a worker may use its share of cores.
const PERIOD_US: u64 = 100_000;

/// Name of the server's own leaf.
const SERVER: &str = "server";

/// The cgroup of the server, below which those of workers are.
#[derive(Clone, Debug)]
pub struct Cgroups {
    folder: PathBuf,
}

impl Cgroups {
    /// Those of this process, whose workers end with it or are left to the next server.
    ///
    /// # Errors
    /// Why it may not make any.
    pub fn of_this_process(leaves_workers: bool) -> io::Result<Cgroups> {
        if leaves_workers {
            // No process can be put into a cgroup that has others below it: the service manager
            // could not start the next server.
            let why = "workers are left running, and below a cgroup with some of them no server \
                       can be started again";
            return Err(io::Error::other(why));
        }
        let own = fs::read_to_string("/proc/self/cgroup")?;
        let own = own.lines().find_map(|line| line.strip_prefix("0::"));
        let own = own.ok_or_else(|| io::Error::other("cgroups of version 2 are not there"))?;
        Cgroups::at(Path::new(ROOT), own, std::process::id())
    }

    fn at(root: &Path, own: &str, pid: u32) -> io::Result<Cgroups> {
        let own = own.trim_matches('/');
        // A server that a worker's cgroup was made for already is in its leaf.
        let own = own.strip_suffix(SERVER).map_or(own, |own| own.trim_end_matches('/'));
        let folder = root.join(own);
        let controllers = fs::read_to_string(folder.join("cgroup.controllers"))?;
        let has = |name: &str| controllers.split_whitespace().any(|it| it == name);
        if !(has("cpu") && has("memory")) {
            return Err(io::Error::other("the controllers cpu and memory are not delegated"));
        }
        let leaf = folder.join(SERVER);
        fs::create_dir_all(&leaf)?;
        fs::write(leaf.join("cgroup.procs"), pid.to_string())?;
        fs::write(folder.join("cgroup.subtree_control"), "+cpu +memory")?;
        Ok(Cgroups { folder })
    }

    /// Puts a worker into a leaf of its own, named after its folder, with its limits.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn place(&self, worker: &Path, resources: &Resources, pid: u32) -> io::Result<()> {
        let name = worker.file_name().unwrap_or_default().to_string_lossy();
        let leaf = self.folder.join(format!("worker-{name}"));
        fs::create_dir_all(&leaf)?;
        let quota = resources.cpus_milli.map(|milli| u64::from(milli) * PERIOD_US / 1_000);
        let word = |number: Option<u64>| number.map_or("max".to_owned(), |it| it.to_string());
        fs::write(leaf.join("cpu.max"), format!("{} {PERIOD_US}", word(quota)))?;
        fs::write(leaf.join("memory.max"), word(resources.memory_bytes))?;
        fs::write(leaf.join("cgroup.procs"), pid.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_that_outlive_their_server_get_no_cgroup_below_its_own() {
        let refused = Cgroups::of_this_process(true).unwrap_err().to_string();
        assert!(refused.contains("left running"), "{refused}");
    }

    #[test]
    fn a_worker_has_a_leaf_with_its_limits_and_what_is_not_delegated_is_said() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("system.slice/seismic.service");
        fs::create_dir_all(&own).unwrap();
        let at = |own: &str| Cgroups::at(root.path(), own, 7);
        fs::write(own.join("cgroup.controllers"), "cpu pids\n").unwrap();
        let refused = at("/system.slice/seismic.service").unwrap_err().to_string();
        assert!(refused.contains("not delegated"), "{refused}");
        fs::write(own.join("cgroup.controllers"), "cpuset cpu io memory\n").unwrap();
        // The next server is in the leaf of the one before.
        for name in ["/system.slice/seismic.service", "/system.slice/seismic.service/server"] {
            let cgroups = at(name).unwrap();
            let resources = Resources { cpus_milli: Some(1_500), memory_bytes: Some(1 << 29) };
            cgroups.place(Path::new("x/coast-23c075.2"), &resources, 9).unwrap();
            let read = |file: &str| fs::read_to_string(own.join(file)).unwrap();
            assert_eq!(read("server/cgroup.procs"), "7");
            assert_eq!(read("cgroup.subtree_control"), "+cpu +memory");
            assert_eq!(read("worker-coast-23c075.2/cpu.max"), "150000 100000");
            assert_eq!(read("worker-coast-23c075.2/memory.max"), "536870912");
            assert_eq!(read("worker-coast-23c075.2/cgroup.procs"), "9");
            cgroups.place(Path::new("x/b"), &Resources::default(), 9).unwrap();
            assert_eq!(read("worker-b/cpu.max"), "max 100000");
        }
    }
}
