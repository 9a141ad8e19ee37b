//! The worker's side of its socket.

use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread;

use super::identity::Identity;
use super::protocol::{Answer, Ask, Question, VERSION, read_line, write_line};
use super::report::Report;
use crate::job::StopToken;
use crate::logs::levels;
use crate::serve::limits;

/// What does as a server says.
pub trait Obeys: Send + Sync {
    /// Reads nothing, or reads again.
    fn pause(&self, is_paused: bool);

    /// Reads a part of the time, or all of it.
    fn slow(&self, is_slowed: bool);

    /// Has its sinks write nothing, or write again; whether it has any.
    fn hold_sinks(&self, are_held: bool) -> bool;

    /// Has so many slots from now on.
    fn set_slots(&self, slots: usize);

    /// Ends once its sinks have written all that is committed, however long that takes.
    fn finish(&self);

    /// What it does.
    fn report(&self) -> Report;
}

/// What a worker answers from.
pub struct Subject {
    /// Who it is.
    pub identity: Identity,
    /// Ends it.
    pub stop: StopToken,
    /// What the process does.
    pub work: Arc<dyn Obeys>,
}

/// Answers whoever knows the secret, on a thread of its own, as long as the process lives.
///
/// # Errors
/// When no thread can be started.
pub fn listen(listener: UnixListener, subject: Subject) -> io::Result<()> {
    let accept = move || {
        // One at a time: only the server asks, and it waits for its answer.
        for stream in listener.incoming().flatten() {
            if let Err(error) = converse(&stream, &subject) {
                tracing::debug!("a question was not answered: {error}");
            }
        }
    };
    thread::Builder::new().name("socket".to_owned()).spawn(accept).map(drop)
}

fn converse(stream: &UnixStream, subject: &Subject) -> io::Result<()> {
    stream.set_read_timeout(Some(limits::ANSWER_PATIENCE))?;
    stream.set_write_timeout(Some(limits::ANSWER_PATIENCE))?;
    while let Some(question) = read_line::<Question>(stream)? {
        write_line(&mut stream.try_clone()?, &answer(&question, subject))?;
    }
    Ok(())
}

fn answer(question: &Question, Subject { identity, stop, work }: &Subject) -> Answer {
    let Identity { pid, start_time, secret, .. } = identity;
    let mut answer =
        Answer { version: VERSION, pid: *pid, start_time: *start_time, ..Answer::default() };
    if question.secret != *secret {
        answer.error = Some("that is not the secret".to_owned());
        return answer;
    }
    match &question.ask {
        Ask::Report => answer.report = Some(work.report()),
        Ask::Stop => stop.stop(),
        Ask::Pause(is_paused) => work.pause(*is_paused),
        Ask::Slow(is_slowed) => work.slow(*is_slowed),
        Ask::Slots(slots) => {
            tracing::info!("{slots} slots are wanted: the server says so");
            work.set_slots(*slots);
        }
        Ask::Finish => work.finish(),
        Ask::HoldSinks(are_held) => {
            if work.hold_sinks(*are_held) {
                let what = if *are_held { "write nothing for a while" } else { "write again" };
                tracing::info!("sinks {what}: the server says so");
            }
        }
        Ask::Levels(filter) => answer.error = levels::set(filter).err(),
    }
    answer
}
