//! A service manager that a process tells what it does.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::stage::Stage;

/// The manager's socket, read by a thread of its own, so that no one waits for a full one.
pub struct Manager {
    path: PathBuf,
    told: Receiver<String>,
}

impl Manager {
    /// Listens in the stage's folder.
    pub fn listen(stage: &Stage) -> Manager {
        let path = stage.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        // A silent process is a fault.
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 1_000];
            while let Ok(read) = socket.recv(&mut bytes) {
                if tell.send(String::from_utf8_lossy(&bytes[..read]).into_owned()).is_err() {
                    return;
                }
            }
        });
        Manager { path, told }
    }

    /// Has a process tell this manager, which wants to hear five times a second that it lives.
    pub fn watch(&self, command: &mut Command) {
        command.env("NOTIFY_SOCKET", &self.path).env("WATCHDOG_USEC", "200000");
    }

    /// Waits for a datagram with these words.
    #[track_caller]
    pub fn until(&self, what: &str) -> String {
        self.told.iter().find(|text| text.contains(what)).expect(what)
    }
}
