//! The worker's side of its socket.

use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread;

use super::identity::Identity;
use super::protocol::{Answer, Ask, Question, VERSION, read_line, write_line};
use super::report::Report;
use super::throttle::Throttle;
use crate::job::{JobObserver, StopToken};
use crate::logs::levels;
use crate::serve::limits;

/// What a worker answers from.
pub struct Subject {
    /// Who it is.
    pub identity: Identity,
    /// Ends it.
    pub stop: StopToken,
    /// How much of the time it reads.
    pub throttle: Throttle,
    /// Its job.
    pub job: JobObserver,
    /// What it does.
    pub report: Box<dyn Fn() -> Report + Send + Sync>,
}

/// Answers whoever knows the secret, on a thread of its own, as long as the process lives.
///
/// # Errors
/// When no thread can be started.
pub fn listen(listener: UnixListener, subject: Subject) -> io::Result<()> {
    let subject = Arc::new(subject);
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

fn answer(question: &Question, subject: &Subject) -> Answer {
    let Identity { pid, start_time, secret, .. } = &subject.identity;
    let mut answer =
        Answer { version: VERSION, pid: *pid, start_time: *start_time, ..Answer::default() };
    if question.secret != *secret {
        answer.error = Some("that is not the secret".to_owned());
        return answer;
    }
    match &question.ask {
        Ask::Report => answer.report = Some((subject.report)()),
        Ask::Stop => subject.stop.stop(),
        Ask::Pause(is_paused) => subject.throttle.pause(*is_paused),
        Ask::Slow(is_slowed) => subject.throttle.slow(*is_slowed),
        Ask::HoldSinks(are_held) => {
            subject.job.hold_sinks(*are_held);
            let what = if *are_held { "write nothing for a while" } else { "write again" };
            tracing::info!("sinks {what}: the server says so");
        }
        Ask::Levels(filter) => answer.error = levels::set(filter).err(),
    }
    answer
}
