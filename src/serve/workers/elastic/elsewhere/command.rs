//! The operator's own command: no shell reads it, and it ends in time.

use std::io::Read;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use seismic_elastic::Shape;

use super::plan::{RemoteWorker, Work, slug_of};
use crate::job::service::elsewhere::{Elsewhere, filled};
use crate::time::now_ms;

/// Bytes kept of what a command says, of its end.
const SAID_BYTES: usize = 2_000;

/// How often it is looked whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long the rest of what it says is waited for: a process that it leaves behind may hold its output.
const REST_WAITS: Duration = Duration::from_millis(200);

/// What came of a piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// What was to be done.
    pub what: String,
    /// When it ended, ms since 1970 UTC.
    pub at_ms: i64,
    /// How long it took, ms.
    pub took_ms: i64,
    /// How a command ended; `None` of one that did not, and of Kubernetes.
    pub code: Option<i32>,
    /// Why it has failed, if it has.
    pub failure: Option<String>,
    /// The end of what it said.
    pub said: String,
}

impl Ran {
    /// That of work for which there could be no thread.
    #[must_use]
    pub fn not_begun(work: &Work) -> Ran {
        Ran {
            what: work.to_string(),
            at_ms: now_ms(),
            took_ms: 0,
            code: None,
            failure: Some("there can be no thread for it".to_owned()),
            said: String::new(),
        }
    }

    /// In one line.
    #[must_use]
    pub fn line(&self) -> String {
        let Ran { what, took_ms, failure, said, .. } = self;
        let outcome = match (failure, self.code) {
            (Some(why), _) => format!("failed: {why}"),
            (None, Some(code)) => format!("exit code {code}"),
            (None, None) => "done".to_owned(),
        };
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        format!("{what}: {outcome} after {took_ms} ms{said}")
    }
}

/// The program and its arguments for a piece of work.
#[must_use]
pub fn words(
    settings: &Elsewhere,
    job: &str,
    place: (&Work, &RemoteWorker),
    to: Shape,
) -> Vec<String> {
    let (work, it) = place;
    let (slug, number) = (slug_of(job), |number: usize| number.to_string());
    let (at, port) = (number(it.place), settings.port_of(it.place).to_string());
    let (slots, workers) = (it.slots.to_string(), to.workers.to_string());
    let parallelism = to.parallelism.to_string();
    let words = [
        ("action", work.action()),
        ("job", &*slug),
        ("worker", &*it.name),
        ("place", &*at),
        ("node", &*it.node),
        ("slots", &*slots),
        ("port", &*port),
        ("workers", &*workers),
        ("parallelism", &*parallelism),
    ];
    settings.command.iter().map(|word| filled(word, &words)).collect()
}

/// Runs it, and ends it with all that it has started when it takes longer.
#[must_use]
pub fn run(what: String, words: &[String], within: Duration) -> Ran {
    let began = Instant::now();
    let (code, failure, said) = match start(words) {
        Ok(child) => wait(child, within),
        Err(error) => (None, Some(error), String::new()),
    };
    let took_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    Ran { what, at_ms: now_ms(), took_ms, code, failure, said }
}

fn start(words: &[String]) -> Result<Child, String> {
    let (program, arguments) = words.split_first().ok_or("the command is empty")?;
    Command::new(program)
        .args(arguments)
        // Commands do not notify the service manager; the server does.
        .env_remove("NOTIFY_SOCKET")
        .env_remove("WATCHDOG_USEC")
        .env_remove("WATCHDOG_PID")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program} cannot be started: {error}"))
}

/// How it ended, why that is a failure, and what it said.
fn wait(mut child: Child, within: Duration) -> (Option<i32>, Option<String>, String) {
    let (ear, heard) = channel();
    let pipes: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|it| Box::new(it) as Box<dyn Read + Send>),
        child.stderr.take().map(|it| Box::new(it) as Box<dyn Read + Send>),
    ];
    for mut pipe in pipes.into_iter().flatten() {
        let ear = ear.clone();
        let read = move || {
            let mut bytes = [0; 1_024];
            // It ends with the last process that has the other end, or when no one listens any more.
            while let Ok(count @ 1..) = pipe.read(&mut bytes) {
                if ear.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        };
        if let Err(error) = thread::Builder::new().name("said".to_owned()).spawn(read) {
            tracing::warn!("what a command says is not read: {error}");
        }
    }
    drop(ear);
    let mut said = Vec::new();
    let mut take = |bytes: Vec<u8>| {
        said.extend(bytes);
        said.drain(..said.len().saturating_sub(SAID_BYTES));
    };
    let began = Instant::now();
    let (code, failure) = loop {
        heard.try_iter().for_each(&mut take);
        match child.try_wait() {
            Ok(Some(status)) if status.success() => break (status.code(), None),
            Ok(Some(status)) => break (status.code(), Some(format!("it ended with {status}"))),
            Ok(None) if began.elapsed() >= within => {
                end(&mut child);
                let why = format!("it did not end within {} s, and was killed", within.as_secs());
                break (None, Some(why));
            }
            Ok(None) => thread::sleep(LOOK_EVERY),
            Err(error) => break (None, Some(format!("it cannot be waited for: {error}"))),
        }
    };
    let ended = Instant::now();
    while let Ok(bytes) = heard.recv_timeout(REST_WAITS.saturating_sub(ended.elapsed())) {
        take(bytes);
    }
    (code, failure, String::from_utf8_lossy(&said).trim().to_owned())
}

fn end(child: &mut Child) {
    // The group is that of the command, which is not waited for yet: no other process has its number.
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, argument: &str, within: Duration) -> Ran {
        let words = ["/bin/sh", "-c", script, "sh", argument].map(str::to_owned);
        run("start w on n".to_owned(), &words, within)
    }

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn an_argument_is_one_word_whatever_stands_in_it() {
        let ran = sh("echo \"<$1>\" \"$#\"", "a b; rm -rf \"$HOME\" 'x'", LONG);
        assert_eq!((ran.code, &*ran.said), (Some(0), "<a b; rm -rf \"$HOME\" 'x'> 1"));
        let settings = Elsewhere {
            command: [
                "/bin/scale",
                "{action}-{place}",
                "{node}",
                "{port}",
                "{workers}/{parallelism}",
            ]
            .map(str::to_owned)
            .to_vec(),
            ..Elsewhere::default()
        };
        let (node, name) = ("n1".to_owned(), "w".to_owned());
        let place = RemoteWorker { place: 3, node, name, slots: 2 };
        let work = Work::Start(place.clone());
        let to = Shape { workers: 4, parallelism: 8 };
        let words = words(&settings, "coast", (&work, &place), to);
        assert_eq!(words, ["/bin/scale", "start-3", "n1", "9103", "4/8"]);
    }

    #[test]
    fn a_failure_has_its_code_and_the_end_of_what_was_said() {
        let ran = sh("seq 1 5000; echo no route >&2; exit 7", "", LONG);
        assert_eq!(ran.code, Some(7));
        assert!(ran.said.len() <= SAID_BYTES && ran.said.contains("5000"), "{}", ran.said);
        let line = ran.line();
        assert!(line.starts_with("start w on n: failed: it ended with exit status: 7"), "{line}");
        let none = run("x".to_owned(), &["/nowhere/scale".to_owned()], LONG);
        assert!(none.failure.unwrap().starts_with("/nowhere/scale cannot be started: "));
    }

    #[test]
    fn one_that_does_not_end_is_killed_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = "sleep 600 & echo $! > \"$1\"; wait";
        let began = Instant::now();
        let ran = sh(script, file.to_str().unwrap(), Duration::from_millis(500));
        assert!(began.elapsed() < LONG);
        assert!(ran.failure.unwrap().contains("was killed"));
        let pid: u32 = std::fs::read_to_string(file).unwrap().trim().parse().unwrap();
        let began = Instant::now();
        let lives = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        while lives() {
            assert!(began.elapsed() < LONG, "process {pid} lives on");
            thread::sleep(LOOK_EVERY);
        }
    }

    #[test]
    fn a_process_that_is_left_behind_with_the_output_is_not_waited_for() {
        let began = Instant::now();
        let ran = sh("sleep 20 & echo begun", "", LONG);
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        assert_eq!((ran.code, &*ran.said), (Some(0), "begun"));
    }
}
