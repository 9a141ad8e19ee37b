//! Standard input or a pipe, read by a separate thread, so that publishing and stopping never wait
//! for it.
//!
//! The thread never waits in a read, so that it answers a stop: everything that it took from the
//! input by then is given out. After that reading would block, but it is no end of the input: what a
//! line had by then is the beginning of a line.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::files::parse::reader::is_stdin;
use crate::limits;

/// Gives what came, and says that it would block when nothing did for a while.
pub(super) struct LiveInput {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    taken: usize,
    /// Set when no more is to be read.
    ends: Arc<AtomicBool>,
    /// Whether the input itself has ended.
    has_ended: bool,
}

/// What the thread reads.
trait Input: Read + AsFd {}

impl<T: Read + AsFd> Input for T {}

impl LiveInput {
    /// Begins to read, until `ends` is set: then what was read is still given. Errors of opening
    /// come with the first read.
    pub(super) fn open(at: &Path, ends: &Arc<AtomicBool>) -> Self {
        let at = at.to_owned();
        Self::reading(ends, move || match is_stdin(&at) {
            true => Ok(Box::new(io::stdin())),
            false => File::open(at).map(|file| Box::new(file) as Box<dyn Input>),
        })
    }

    fn reading(
        ends: &Arc<AtomicBool>,
        open: impl FnOnce() -> io::Result<Box<dyn Input>> + Send + 'static,
    ) -> Self {
        let (send, pieces) = sync_channel(limits::LIVE_PIECES);
        let (ends, until) = (Arc::clone(ends), Arc::clone(ends));
        // It ends with its input, or soon after `ends` is set; opening may last as long as the
        // process.
        thread::spawn(move || match open() {
            Ok(mut input) => read_all(&mut *input, &send, &until),
            Err(error) => drop(send.send(Err(error))),
        });
        LiveInput { pieces, piece: Vec::new(), taken: 0, ends, has_ended: false }
    }
}

/// Sends what comes, and an empty piece at the end of the input.
fn read_all(from: &mut dyn Input, send: &SyncSender<io::Result<Vec<u8>>>, ends: &AtomicBool) {
    let mut begins = true;
    loop {
        let mut piece = vec![0; limits::READ_BYTES];
        let mut size = 0;
        // Two bytes tell whether it is gzip.
        while size < 1 + usize::from(begins) {
            if !wait_for_more(from, ends) {
                break;
            }
            match from.read(&mut piece[size..]) {
                Ok(0) => {
                    piece.truncate(size);
                    if size == 0 || send.send(Ok(piece)).is_ok() {
                        drop(send.send(Ok(Vec::new())));
                    }
                    return;
                }
                Ok(read) => size += read,
                Err(error) if is_passing(&error) => {}
                Err(error) => return drop(send.send(Err(error))),
            }
        }
        begins = false;
        piece.truncate(size);
        if size == 0 || send.send(Ok(piece)).is_err() {
            return;
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock)
}

/// Waits until there is something to read, or an end or an error; `false` when it is to read no
/// more.
fn wait_for_more(from: &mut dyn Input, ends: &AtomicBool) -> bool {
    let wait = Timespec::try_from(limits::LIVE_WAIT).expect("a wait is short");
    while !ends.load(Ordering::Relaxed) {
        let mut input = [PollFd::new(&from, PollFlags::IN)];
        match poll(&mut input, Some(&wait)) {
            Ok(0) => {}
            Err(error) if is_passing(&error.into()) => {}
            // What cannot be asked is read, as what is there.
            _ => return true,
        }
    }
    false
}

impl Read for LiveInput {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.piece.len() && !self.has_ended {
            let is_stopped = self.ends.load(Ordering::Relaxed);
            let wait = if is_stopped { limits::LIVE_REST } else { limits::LIVE_WAIT };
            self.piece = match self.pieces.recv_timeout(wait) {
                Ok(piece) => piece?,
                Err(RecvTimeoutError::Disconnected) if !is_stopped => Vec::new(),
                Err(_) => return Err(ErrorKind::WouldBlock.into()),
            };
            self.taken = 0;
            self.has_ended = self.piece.is_empty();
        }
        let size = (self.piece.len() - self.taken).min(into.len());
        into[..size].copy_from_slice(&self.piece[self.taken..self.taken + size]);
        self.taken += size;
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::BorrowedFd;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::files::lines::{LineRead, Lines};

    /// Sets `ends` as soon as something was read of it.
    struct Stopping(UnixStream, Arc<AtomicBool>);

    impl Read for Stopping {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read(into);
            self.1.store(true, Ordering::Relaxed);
            read
        }
    }

    impl AsFd for Stopping {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    /// All lines until there is nothing for now, and whether that is the end.
    fn lines_of(input: LiveInput, is_enough: impl Fn(&[String]) -> bool) -> (Vec<String>, bool) {
        let mut lines = Lines::from_reader(Path::new("x"), input, 1_000);
        let mut all = Vec::new();
        loop {
            match lines.read().unwrap() {
                LineRead::Line(line) => all.push(String::from_utf8(line.to_vec()).unwrap()),
                LineRead::TooLong(_) => panic!("no line is long"),
                LineRead::Pending if is_enough(&all) => return (all, false),
                LineRead::Pending => {}
                LineRead::End => return (all, true),
            }
        }
    }

    #[test]
    fn a_stop_gives_out_what_was_read_and_makes_no_line_of_the_beginning_of_one() {
        let (mut feed, input) = UnixStream::pair().unwrap();
        feed.write_all(b"one\ntwo\nthr").unwrap();
        let ends = Arc::default();
        let stopping = Stopping(input, Arc::clone(&ends));
        let input = LiveInput::reading(&ends, move || Ok(Box::new(stopping)));
        let (lines, has_ended) = lines_of(input, |all| !all.is_empty());
        assert_eq!((lines, has_ended), (vec!["one\n".to_owned(), "two\n".to_owned()], false));
    }

    #[test]
    fn the_end_of_an_input_makes_a_line_of_what_came_last() {
        let (mut feed, input) = UnixStream::pair().unwrap();
        let ends = Arc::default();
        let input = LiveInput::reading(&ends, move || Ok(Box::new(input)));
        feed.write_all(b"one\ntwo").unwrap();
        drop(feed);
        let (lines, has_ended) = lines_of(input, |_| false);
        assert_eq!((lines, has_ended), (vec!["one\n".to_owned(), "two".to_owned()], true));
    }

    #[test]
    fn an_input_of_one_byte_is_read_too() {
        let (mut feed, input) = UnixStream::pair().unwrap();
        let ends = Arc::default();
        let input = LiveInput::reading(&ends, move || Ok(Box::new(input)));
        feed.write_all(b"x").unwrap();
        drop(feed);
        assert_eq!(lines_of(input, |_| false), (vec!["x".to_owned()], true));
    }
}
