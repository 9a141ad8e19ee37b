//! The folder of one job's worker: its order, its identity, its socket and its last words.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use seismic_queue::lock_file;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::identity::Identity;
use super::order::Order;
use crate::serve::life::ending::LastWords;

/// A folder that only its user can read.
#[derive(Clone, Debug)]
pub struct WorkerFolder {
    path: PathBuf,
}

impl WorkerFolder {
    /// The folder at `path`, which need not be there.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        WorkerFolder { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn make(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)
    }

    /// Deletes it with all that is in it.
    ///
    /// # Errors
    /// Those of the file system, other than that there is none.
    pub fn delete(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// The file to which the worker logs.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// The file that the worker makes once it has begun where its order says.
    #[must_use]
    pub fn begun(&self) -> PathBuf {
        self.path.join("begun")
    }

    /// Forgets that a worker has begun: the next start begins somewhere else.
    ///
    /// # Errors
    /// Those of the file system, other than that there is nothing.
    pub fn forget_begun(&self) -> io::Result<()> {
        remove(&self.begun())
    }

    /// Writes what the worker is to do.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write_order(&self, order: &Order) -> io::Result<()> {
        self.write("order.json", order)
    }

    /// What the worker is to do.
    ///
    /// # Errors
    /// When there is no order, or none that this version understands.
    pub fn order(&self) -> io::Result<Order> {
        self.read("order.json")
    }

    /// Writes who the worker is.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write_identity(&self, identity: &Identity) -> io::Result<()> {
        self.write("worker.json", identity)
    }

    /// Who the newest worker is or was.
    ///
    /// # Errors
    /// When there never was one.
    pub fn identity(&self) -> io::Result<Identity> {
        self.read("worker.json")
    }

    /// Writes how this worker ends.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write_last_words(&self, of: &Identity, words: &LastWords) -> io::Result<()> {
        self.write("last-words.json", &(of.pid, of.start_time, words))
    }

    /// How that worker ended, if it could say so.
    #[must_use]
    pub fn last_words(&self, of: &Identity) -> Option<LastWords> {
        let (pid, start_time, words): (u32, u64, LastWords) = self.read("last-words.json").ok()?;
        ((pid, start_time) == (of.pid, of.start_time)).then_some(words)
    }

    /// Forgets how earlier workers ended, once that is stored.
    ///
    /// # Errors
    /// Those of the file system, other than that there is nothing.
    pub fn forget_last_words(&self) -> io::Result<()> {
        remove(&self.path.join("last-words.json"))
    }

    /// Keeps every other worker out of the folder while the file is open.
    ///
    /// # Errors
    /// When another worker is there.
    pub fn lock(&self) -> io::Result<File> {
        let file = private().create(true).truncate(false).open(self.path.join("lock"))?;
        if lock_file(&file)? { Ok(file) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }

    /// Whether a worker is there, even one that cannot be reached.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        match OpenOptions::new().read(true).open(self.path.join("lock")) {
            Ok(file) => flock(&file, FlockOperation::NonBlockingLockExclusive).is_err(),
            // Where it cannot be seen, as with too many open files, a second worker would be worse.
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Listens on the folder's socket.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn listen(&self) -> io::Result<UnixListener> {
        let _ = fs::remove_file(self.path.join(SOCKET));
        let folder = File::open(&self.path)?;
        UnixListener::bind(short(&folder, &self.path))
    }

    /// Connects to whoever listens on the folder's socket.
    ///
    /// # Errors
    /// When no one does.
    pub fn connect(&self) -> io::Result<UnixStream> {
        let folder = File::open(&self.path)?;
        UnixStream::connect(short(&folder, &self.path))
    }

    fn write(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        let new = self.path.join(format!("{name}.new"));
        let mut file = private().create(true).truncate(true).open(&new)?;
        file.write_all(&serde_json::to_vec(value)?)?;
        file.sync_data()?;
        fs::rename(new, self.path.join(name))
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<T> {
        Ok(serde_json::from_slice(&fs::read(self.path.join(name))?)?)
    }
}

const SOCKET: &str = "socket";

/// Removes a file that need not be there.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Options of a file that only its user can read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

/// The address of the socket. The name of a socket has at most 108 bytes and a path may have more;
/// on Linux the open folder has a short name.
fn short(folder: &File, path: &Path) -> PathBuf {
    match cfg!(target_os = "linux") {
        true => PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd())),
        false => path.join(SOCKET),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_with_a_long_path_has_a_socket_and_only_its_user_reads_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = WorkerFolder::at(root.path().join("x".repeat(200)));
        folder.make().unwrap();
        let listener = folder.listen().unwrap();
        folder.connect().unwrap();
        listener.accept().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.path()), 0o700);
        let me = Identity::of_this_process().unwrap();
        folder.write_identity(&me).unwrap();
        assert_eq!(mode(&folder.path().join("worker.json")), 0o600);
        assert_eq!(folder.identity().unwrap(), me);
    }

    #[test]
    fn last_words_are_of_one_process_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = WorkerFolder::at(root.path().to_owned());
        let me = Identity::of_this_process().unwrap();
        let words = LastWords { code: 1, reason: Some("no".to_owned()), is_final: false };
        folder.write_last_words(&me, &words).unwrap();
        assert_eq!(folder.last_words(&me), Some(words));
        let later = Identity { start_time: me.start_time + 1, ..me.clone() };
        assert_eq!(folder.last_words(&later), None);
        folder.forget_last_words().unwrap();
        folder.forget_last_words().unwrap();
        assert_eq!(folder.last_words(&me), None);
    }

    #[test]
    fn one_worker_at_a_time_has_the_folder() {
        let root = tempfile::tempdir().unwrap();
        let folder = WorkerFolder::at(root.path().to_owned());
        let lock = folder.lock().unwrap();
        assert!(folder.is_locked() && folder.lock().is_err());
        drop(lock);
        assert!(!folder.is_locked());
    }
}
