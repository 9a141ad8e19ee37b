//! Standard input or a pipe, read by a separate thread, so that publishing and stopping never wait
//! for it.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;

use crate::files::parse::reader::is_stdin;
use crate::limits;

/// Gives what came, and says that it would block when nothing did for a while.
pub(super) struct LiveInput {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    taken: usize,
}

impl LiveInput {
    /// Begins to read, until `ends` is set: then what was read is still given. Errors of opening
    /// come with the first read.
    pub(super) fn open(at: &Path, ends: &Arc<AtomicBool>) -> Self {
        let (send, pieces) = sync_channel(limits::LIVE_PIECES);
        let (at, ends) = (at.to_owned(), Arc::clone(ends));
        // It ends with its input, or with the process.
        thread::spawn(move || read_all(&at, &send, &ends));
        LiveInput { pieces, piece: Vec::new(), taken: 0 }
    }
}

fn read_all(at: &Path, send: &SyncSender<io::Result<Vec<u8>>>, ends: &AtomicBool) {
    let opened: io::Result<Box<dyn Read>> = match is_stdin(at) {
        true => Ok(Box::new(io::stdin())),
        false => File::open(at).map(|file| Box::new(file) as Box<dyn Read>),
    };
    let mut from = match opened {
        Ok(from) => from,
        Err(error) => return drop(send.send(Err(error))),
    };
    let mut begins = true;
    while !ends.load(Ordering::Relaxed) {
        let mut piece = vec![0; limits::READ_BYTES];
        let mut size = 0;
        // Two bytes tell whether it is gzip.
        while size < 1 + usize::from(begins) {
            match from.read(&mut piece[size..]) {
                Ok(0) => break,
                Ok(read) => size += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return drop(send.send(Err(error))),
            }
        }
        if size == 0 {
            return;
        }
        begins = false;
        piece.truncate(size);
        if send.send(Ok(piece)).is_err() {
            return;
        }
    }
}

impl Read for LiveInput {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.piece.len() {
            self.piece = match self.pieces.recv_timeout(limits::LIVE_WAIT) {
                Ok(piece) => piece?,
                Err(RecvTimeoutError::Timeout) => return Err(ErrorKind::WouldBlock.into()),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            };
            self.taken = 0;
        }
        let size = (self.piece.len() - self.taken).min(into.len());
        into[..size].copy_from_slice(&self.piece[self.taken..self.taken + size]);
        self.taken += size;
        Ok(size)
    }
}
