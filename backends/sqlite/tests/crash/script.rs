//! Runs a script on a database and copies its files at every relevant moment.

use std::fmt::Debug;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use rusqlite::Connection;

use crate::files::Files;
use crate::random::Random;

/// A kind of database, opened.
pub trait Subject: Sized {
    /// What can be done to it in one transaction.
    type Op: Debug + Clone;
    /// Failpoint in the middle of that transaction.
    const IN_TRANSACTION: &str;

    /// Opens it for writing, made if it is missing.
    fn open(path: &Path) -> Self;

    /// Returns when `op` is acknowledged. Doing again what was done changes nothing.
    fn apply(&mut self, op: &Op<Self>);

    /// All that is in it, without times, one thing in each line. Checks what must always agree.
    fn look(path: &Path) -> Vec<String>;

    /// Operations to play.
    fn script(random: &mut Random) -> Vec<Op<Self>>;

    /// Something new, after anything that the script may have left.
    fn fresh(path: &Path) -> Op<Self>;
}

pub type Op<S> = <S as Subject>::Op;

/// What happened between two moments.
#[derive(Clone, Debug)]
pub enum Act<O> {
    Op(O),
    /// The WAL was moved into the file.
    Checkpoint,
    /// The last connection was closed.
    Close,
    /// It was opened again.
    Open,
}

/// A moment after an acknowledgement.
pub struct Moment<O> {
    /// What was acknowledged.
    pub act: Act<O>,
    /// The files in the middle of its transaction.
    pub half: Option<Files>,
    pub files: Files,
    pub content: Vec<String>,
}

/// Plays a script, with checkpoints and reopenings in between.
pub fn play<S: Subject>(path: &Path, ops: Vec<Op<S>>, random: &mut Random) -> Vec<Moment<Op<S>>> {
    let half = copy_in_transaction(S::IN_TRANSACTION, path);
    let mut moments = Vec::new();
    let mut note = |act| {
        let (half, files) = (half.lock().unwrap().take(), Files::read(path));
        moments.push(Moment { act, half, files, content: S::look(path) });
    };
    let mut subject = S::open(path);
    note(Act::Open);
    for op in ops {
        subject.apply(&op);
        note(Act::Op(op));
        match random.below(8) {
            0 => {
                drop(subject);
                note(Act::Close);
                subject = S::open(path);
                note(Act::Open);
            }
            1 | 2 => {
                let mode = random.one_of(&["PASSIVE", "RESTART", "TRUNCATE"]);
                let pragma = format!("PRAGMA wal_checkpoint({mode})");
                let db = Connection::open(path).unwrap();
                let busy: u32 = db.query_row(&pragma, [], |row| row.get(0)).unwrap();
                assert_eq!(busy, 0, "nobody reads");
                note(Act::Checkpoint);
            }
            _ => {}
        }
    }
    drop(subject);
    note(Act::Close);
    fail::remove(S::IN_TRANSACTION);
    moments
}

/// Copies the files whenever this thread passes the failpoint.
fn copy_in_transaction(failpoint: &str, path: &Path) -> Arc<Mutex<Option<Files>>> {
    let copy = Arc::new(Mutex::new(None));
    let (into, path, ours) = (copy.clone(), path.to_owned(), thread::current().id());
    let callback = move || {
        if thread::current().id() == ours {
            *into.lock().unwrap() = Some(Files::read(&path));
        }
    };
    fail::cfg_callback(failpoint, callback).unwrap();
    copy
}
