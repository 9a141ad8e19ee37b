//! One process that ends with its handle, or with this process.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A running process.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

/// A request to the thread that starts processes, and where the answer goes.
type Request = (Command, Sender<Child>);

impl Process {
    /// Starts `program` with its output appended to `log`.
    pub(crate) fn start(program: &str, args: &[String], log: &Path) -> Process {
        Process::start_as(None, program, args, log)
    }

    /// The same as another user. Who it is comes first: the kernel forgets what to do at its
    /// parent's end when that changes.
    pub(crate) fn start_as(
        user: Option<&str>,
        program: &str,
        args: &[String],
        log: &Path,
    ) -> Process {
        let out = File::options().create(true).append(true).open(log).expect("a log can be made");
        let mut command = Command::new("setpriv");
        if let Some(user) = user {
            let ids = [format!("--reuid={user}"), format!("--regid={user}")];
            command.args(ids).args(["--clear-groups", "--", "setpriv"]);
        }
        command.args(["--pdeathsig", "KILL", "--", program]).args(args);
        command.stdout(out.try_clone().expect("a handle can be copied")).stderr(out);
        let (answer, started) = channel();
        starter().send((command, answer)).expect("the starter lives as long as the process");
        Process { child: started.recv().expect("setpriv can be started") }
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, by the name that `kill` knows.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "signal {name} can be sent");
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it is our child")
    }

    /// Asks it to end, and makes it end when it does not within `patience`.
    pub(crate) fn stop(&mut self, patience: Duration) {
        if self.ended().is_none() {
            self.signal("TERM");
        }
        let asked = Instant::now();
        while self.ended().is_none() {
            if asked.elapsed() > patience {
                return self.kill();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        // An error says that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The thread that starts processes: the kernel's promise to kill them goes by the thread that
/// started them, and those of tests end early.
fn starter() -> &'static Sender<Request> {
    static STARTER: OnceLock<Sender<Request>> = OnceLock::new();
    STARTER.get_or_init(|| {
        let (requests, inbox) = channel::<Request>();
        thread::spawn(move || {
            for (mut command, answer) in inbox {
                // When it fails, the closed channel tells.
                let _ = command.spawn().map(|child| answer.send(child));
            }
        });
        requests
    })
}
