//! Limits of workers by cgroups (version 2), where the server may create them: as root, or where
//! its service manager has delegated a cgroup (`Delegate=` of systemd).
//!
//! The server moves into a leaf `server`, since a cgroup that enables controllers for its children
//! cannot have processes; each worker gets its own leaf.

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
    /// Those of this process, whose workers end with it or are left to the next server. Workers
    /// that were started without limits go where the server goes.
    ///
    /// # Errors
    /// Why it may not make any.
    pub fn of_this_process(leaves_workers: bool, workers: &[u32]) -> io::Result<Cgroups> {
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
        Cgroups::at(Path::new(ROOT), own, std::process::id(), workers)
    }

    fn at(root: &Path, own: &str, pid: u32, workers: &[u32]) -> io::Result<Cgroups> {
        let own = own.trim_matches('/');
        // A server that a worker's cgroup was made for already is in its leaf.
        let path = Path::new(own);
        let is_leaf = path.file_name().is_some_and(|name| name == SERVER);
        let own = path.parent().filter(|_| is_leaf).unwrap_or(path);
        let folder = root.join(own);
        let controllers = fs::read_to_string(folder.join("cgroup.controllers"))?;
        let has = |name: &str| controllers.split_whitespace().any(|it| it == name);
        if !(has("cpu") && has("memory")) {
            return Err(io::Error::other("the controllers cpu and memory are not delegated"));
        }
        let leaf = folder.join(SERVER);
        fs::create_dir_all(&leaf)?;
        let here = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        fs::write(leaf.join("cgroup.procs"), pid.to_string())?;
        for worker in workers.iter().map(u32::to_string) {
            // Those that have a leaf of their own stay in it, and one may be gone meanwhile.
            if here.lines().any(|it| it == worker) {
                let _ = fs::write(leaf.join("cgroup.procs"), worker);
            }
        }
        fs::write(folder.join("cgroup.subtree_control"), "+cpu +memory")?;
        Ok(Cgroups { folder })
    }

    /// Makes the leaf of a worker, named after its folder, with its limits.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn prepare(&self, worker: &Path, resources: &Resources) -> io::Result<Leaf> {
        let name = worker.file_name().unwrap_or_default().to_string_lossy();
        let leaf = self.folder.join(format!("worker-{name}"));
        fs::create_dir_all(&leaf)?;
        let quota = resources.cpus_milli.map(|milli| u64::from(milli) * PERIOD_US / 1_000);
        let word = |number: Option<u64>| number.map_or("max".to_owned(), |it| it.to_string());
        fs::write(leaf.join("cpu.max"), format!("{} {PERIOD_US}", word(quota)))?;
        fs::write(leaf.join("memory.max"), word(resources.memory_bytes))?;
        Ok(Leaf(leaf))
    }
}

/// The cgroup of one worker.
pub struct Leaf(PathBuf);

impl Leaf {
    /// Puts the worker into it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn put(&self, pid: u32) -> io::Result<()> {
        fs::write(self.0.join("cgroup.procs"), pid.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_that_outlive_their_server_get_no_cgroup_below_its_own() {
        let refused = Cgroups::of_this_process(true, &[]).unwrap_err().to_string();
        assert!(refused.contains("left running"), "{refused}");
    }

    #[test]
    fn a_worker_has_a_leaf_with_its_limits_and_what_is_not_delegated_is_said() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("system.slice/seismic.service");
        fs::create_dir_all(&own).unwrap();
        let at = |own: &str| Cgroups::at(root.path(), own, 7, &[]);
        fs::write(own.join("cgroup.controllers"), "cpu pids\n").unwrap();
        let refused = at("/system.slice/seismic.service").unwrap_err().to_string();
        assert!(refused.contains("not delegated"), "{refused}");
        fs::write(own.join("cgroup.controllers"), "cpuset cpu io memory\n").unwrap();
        // The next server is in the leaf of the one before.
        for name in ["/system.slice/seismic.service", "/system.slice/seismic.service/server"] {
            let cgroups = at(name).unwrap();
            let resources = Resources { cpus_milli: Some(1_500), memory_bytes: Some(1 << 29) };
            cgroups.prepare(Path::new("x/coast-23c075.2"), &resources).unwrap().put(9).unwrap();
            let read = |file: &str| fs::read_to_string(own.join(file)).unwrap();
            assert_eq!(read("server/cgroup.procs"), "7");
            assert_eq!(read("cgroup.subtree_control"), "+cpu +memory");
            assert_eq!(read("worker-coast-23c075.2/cpu.max"), "150000 100000");
            assert_eq!(read("worker-coast-23c075.2/memory.max"), "536870912");
            assert_eq!(read("worker-coast-23c075.2/cgroup.procs"), "9");
            cgroups.prepare(Path::new("x/b"), &Resources::default()).unwrap();
            assert_eq!(read("worker-b/cpu.max"), "max 100000");
        }
    }

    #[test]
    fn a_name_that_ends_like_the_leaf_is_no_leaf_and_workers_without_limits_go_along() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("myserver");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("cgroup.controllers"), "cpu memory\n").unwrap();
        fs::write(own.join("cgroup.procs"), "7\n8\n").unwrap();
        let cgroups = Cgroups::at(root.path(), "/myserver", 7, &[8, 9]).unwrap();
        assert_eq!(cgroups.folder, own);
        // A file keeps the last that was written: the worker that was beside the server, and no
        // other.
        assert_eq!(fs::read_to_string(own.join("server/cgroup.procs")).unwrap(), "8");
        // In a container, its own one is the root.
        fs::write(root.path().join("cgroup.controllers"), "cpu memory\n").unwrap();
        for name in ["/", "/server"] {
            assert_eq!(Cgroups::at(root.path(), name, 7, &[]).unwrap().folder, root.path());
        }
        // What cannot be prepared is known before the worker starts, which then limits itself.
        fs::write(own.join("worker-b"), "").unwrap();
        assert!(cgroups.prepare(Path::new("x/b"), &Resources::default()).is_err());
    }
}
