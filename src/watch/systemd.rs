//! Notifications to the service manager: ready, stopping, and watchdog (`sd_notify`, without the
//! systemd library).
//!
//! A unit of `Type=notify` names a socket in `NOTIFY_SOCKET`; each datagram is lines of
//! `NAME=VALUE`. With `WatchdogSec` it restarts a process that sends nothing for that time
//! (`WATCHDOG_USEC`).

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The service manager.
#[derive(Debug)]
pub struct Systemd {
    socket: UnixDatagram,
    address: SocketAddr,
    watchdog: Option<Duration>,
}

impl Systemd {
    /// The one that started this process, if it wants to be told.
    #[must_use]
    pub fn of_environment() -> Option<Systemd> {
        let name = std::env::var("NOTIFY_SOCKET").ok()?;
        // Only for the process that systemd started, not for one below it.
        let is_ours =
            std::env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        let watchdog = std::env::var("WATCHDOG_USEC").ok().filter(|_| is_ours);
        let watchdog = watchdog.and_then(|us| us.parse().ok()).map(Duration::from_micros);
        Systemd::at(&name, watchdog)
    }

    fn at(name: &str, watchdog: Option<Duration>) -> Option<Systemd> {
        let address = match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(name),
        };
        let socket = UnixDatagram::unbound().ok()?;
        // A manager that does not read loses datagrams; it does not stop the job.
        socket.set_nonblocking(true).ok()?;
        Some(Systemd { socket, address: address.ok()?, watchdog })
    }

    /// How often it wants to hear that the job is alive: twice in the time that it waits.
    #[must_use]
    pub fn watchdog_every(&self) -> Option<Duration> {
        self.watchdog.map(|time| time / 2)
    }

    /// The job runs.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={}", one_line(status)));
    }

    /// What the job does.
    pub fn status(&self, status: &str) {
        self.send(&format!("STATUS={}", one_line(status)));
    }

    /// The job is alive.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// Files are read again, until `ready` is said again.
    pub fn reloading(&self) {
        self.send("RELOADING=1");
    }

    /// The job ends.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    fn send(&self, text: &str) {
        // No one who waits for it may be kept by it, or by its absence.
        let _ = self.socket.send_to_addr(text.as_bytes(), &self.address);
    }
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_arrive_at_a_path_and_at_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("seismic-test-{}", std::process::id());
        let abstracted = SocketAddr::from_abstract_name(&name).unwrap();
        for (socket, name) in [
            (UnixDatagram::bind(&path).unwrap(), path.display().to_string()),
            (UnixDatagram::bind_addr(&abstracted).unwrap(), format!("@{name}")),
        ] {
            let systemd = Systemd::at(&name, Some(Duration::from_secs(10))).unwrap();
            systemd.ready("two\nlines");
            systemd.alive();
            systemd.reloading();
            let mut bytes = [0; 100];
            let read = socket.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..read], b"READY=1\nSTATUS=two lines");
            let read = socket.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..read], b"WATCHDOG=1");
            let read = socket.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..read], b"RELOADING=1");
            assert_eq!(systemd.watchdog_every(), Some(Duration::from_secs(5)));
        }
    }
}
