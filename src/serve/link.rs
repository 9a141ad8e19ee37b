//! The server's side of one worker: watches its process by a pidfd and requests its status.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::event::Happening;
use super::life::ending::Ending;
use super::limits;
use super::worker::folder::WorkerFolder;
use super::worker::identity::Identity;
use super::worker::protocol::{
    Answer, Ask, FINISHES, HOLDS_SINKS, LIVE_SLOTS, PAUSES, Question, SLOWS, VERSION, read_line,
    write_line,
};
use super::worker::report::Report;

/// A worker that is there, of this server or of an earlier one.
pub struct Link {
    /// Tells it from the workers of the job before and after it.
    pub number: u64,
    /// Its process id, for people.
    pub pid: u32,
    pidfd: Arc<OwnedFd>,
    is_over: Arc<AtomicBool>,
    asks: Sender<Ask>,
    folder: WorkerFolder,
}

/// Where a link tells what happens.
#[derive(Clone)]
pub struct Address {
    /// Number of the link.
    pub number: u64,
    /// Tells it.
    pub tell: Arc<dyn Fn(Happening) + Send + Sync>,
}

impl Address {
    fn tell(&self, what: Happening) {
        (self.tell)(what);
    }
}

impl Link {
    /// Follows a child of this process.
    ///
    /// # Errors
    /// When the system has no pidfd or thread for it.
    pub fn to_child(mut child: Child, folder: WorkerFolder, to: Address) -> io::Result<Link> {
        let pid = child.id();
        let pidfd = Arc::new(pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?);
        let (of_folder, told) = (folder.clone(), to.clone());
        let wait = move || {
            let ending = match child.wait() {
                Err(error) => Ending::NotStarted(error.to_string()),
                Ok(status) => match (status.code(), status.signal()) {
                    (_, Some(signal)) => Ending::Killed { signal },
                    (code, None) => {
                        let of_it = of_folder.identity().ok().filter(|it| it.pid == pid);
                        let words = of_it.and_then(|it| of_folder.last_words(&it));
                        Ending::Exited { code: code.unwrap_or(1), words }
                    }
                },
            };
            told.tell(Happening::Ended(ending));
        };
        thread::Builder::new().name("wait".to_owned()).spawn(wait)?;
        Link::new(pid, pidfd, folder, to)
    }

    /// Follows a worker that an earlier server started.
    ///
    /// # Errors
    /// When it is gone.
    pub fn to_stranger(it: Identity, folder: WorkerFolder, to: Address) -> io::Result<Link> {
        let pid = Pid::from_raw(it.pid as i32).ok_or_else(|| io::Error::other("no process id"))?;
        let pidfd = Arc::new(pidfd_open(pid, PidfdFlags::empty())?);
        // The descriptor is of whoever has the id now: only then is it certain whose it is.
        if !it.is_alive() {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        let (its_end, of_folder, told) = (Arc::clone(&pidfd), folder.clone(), to.clone());
        let number = it.pid;
        let wait = move || {
            let mut all = [PollFd::new(&*its_end, PollFlags::IN)];
            while let Err(error) = poll(&mut all, None) {
                if error != rustix::io::Errno::INTR {
                    break;
                }
            }
            told.tell(Happening::Ended(ending_of(&it, &of_folder)));
        };
        thread::Builder::new().name("wait".to_owned()).spawn(wait)?;
        Link::new(number, pidfd, folder, to)
    }

    fn new(pid: u32, pidfd: Arc<OwnedFd>, folder: WorkerFolder, to: Address) -> io::Result<Link> {
        let (asks, asked) = channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, number) = (Arc::clone(&is_over), to.number);
        let of_thread = folder.clone();
        let ask = move || ask_until_over(pid, &of_thread, &to, &asked, &over);
        thread::Builder::new().name("ask".to_owned()).spawn(ask)?;
        Ok(Link { number, pid, pidfd, is_over, asks, folder })
    }

    /// Asks it to make its last commits and end.
    ///
    /// # Errors
    /// When it is gone.
    pub fn stop(&self) -> io::Result<()> {
        Ok(pidfd_send_signal(&*self.pidfd, Signal::TERM)?)
    }

    /// Ends it at once.
    ///
    /// # Errors
    /// When it is gone.
    pub fn kill(&self) -> io::Result<()> {
        Ok(pidfd_send_signal(&*self.pidfd, Signal::KILL)?)
    }

    /// Whether it can pause. A worker of an older version cannot; one that has not said who it is
    /// is of this one.
    #[must_use]
    pub fn can_pause(&self) -> bool {
        self.speaks(PAUSES)
    }

    /// Whether it can read a part of the time.
    #[must_use]
    pub fn can_slow(&self) -> bool {
        self.speaks(SLOWS)
    }

    fn speaks(&self, version: u32) -> bool {
        let it = self.folder.identity().ok().filter(|it| it.pid == self.pid);
        it.is_none_or(|it| it.protocol >= version)
    }

    /// Has it read a part of the time, or all of it.
    pub fn slow(&self, is_slowed: bool) {
        // One of an older version is paused later, and not slowed before that.
        if self.can_slow() {
            let _ = self.asks.send(Ask::Slow(is_slowed));
        }
    }

    /// Has its sinks write nothing, or write again.
    pub fn hold_sinks(&self, are_held: bool) {
        // Those of an older version write what is committed and rest then.
        if self.speaks(HOLDS_SINKS) {
            let _ = self.asks.send(Ask::HoldSinks(are_held));
        }
    }

    /// Has it have so many slots from now on; `false` when it cannot while it works.
    pub fn set_slots(&self, slots: usize) -> bool {
        self.speaks(LIVE_SLOTS) && self.asks.send(Ask::Slots(slots)).is_ok()
    }

    /// Has it end once its sinks have written all that is committed.
    pub fn finish(&self) {
        if self.speaks(FINISHES) {
            let _ = self.asks.send(Ask::Finish);
        }
    }

    /// Has it read nothing, or read again.
    pub fn pause(&self, is_paused: bool) {
        let _ = self.asks.send(Ask::Pause(is_paused));
    }

    /// Has it log with that filter.
    pub fn set_levels(&self, filter: &str) {
        let _ = self.asks.send(Ask::Levels(filter.to_owned()));
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// How a worker ended that was no child of this process.
#[must_use]
pub fn ending_of(it: &Identity, folder: &WorkerFolder) -> Ending {
    match folder.last_words(it) {
        Some(words) => Ending::Exited { code: words.code, words: Some(words) },
        None => Ending::Vanished,
    }
}

/// Asks for a report every second, and whatever else is to be asked at once.
fn ask_until_over(
    pid: u32,
    folder: &WorkerFolder,
    to: &Address,
    asked: &Receiver<Ask>,
    is_over: &AtomicBool,
) {
    // The first report is wanted soon; then once a second is enough.
    let mut pause = limits::REPORT_EVERY / 20;
    loop {
        let ask = match asked.recv_timeout(pause) {
            Ok(ask) => ask,
            Err(RecvTimeoutError::Timeout) => Ask::Report,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let answer = ask_once(pid, folder, ask);
        let runs = answer
            .as_ref()
            .is_ok_and(|report| report.as_ref().is_some_and(|report| report.state == "running"));
        if runs {
            pause = limits::REPORT_EVERY;
        }
        match answer {
            Ok(Some(report)) => to.tell(Happening::Reported(Box::new(report))),
            Ok(None) => {}
            Err(error) => to.tell(Happening::Silent(error.to_string())),
        }
    }
}

/// One question to the worker with that process id.
fn ask_once(pid: u32, folder: &WorkerFolder, ask: Ask) -> io::Result<Option<Report>> {
    let it = folder.identity()?;
    if it.pid != pid {
        return Err(io::Error::other("it does not listen yet"));
    }
    let mut stream = folder.connect()?;
    stream.set_read_timeout(Some(limits::ANSWER_PATIENCE))?;
    stream.set_write_timeout(Some(limits::ANSWER_PATIENCE))?;
    write_line(&mut stream, &Question { version: VERSION, secret: it.secret.clone(), ask })?;
    let answer: Answer = read_line(&stream)?
        .ok_or_else(|| io::Error::other("it closed the connection without an answer"))?;
    match answer.error {
        Some(error) => Err(io::Error::other(error)),
        None if (answer.pid, answer.start_time) != (it.pid, it.start_time) => {
            Err(io::Error::other("another process answered"))
        }
        None => Ok(answer.report),
    }
}
