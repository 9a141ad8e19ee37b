//! A separate folder for each test, and the program running in it.

use std::cell::Cell;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::lines::LineCount;

/// Longest wait for anything: far more than a loaded machine needs, so that only a hang meets it.
const PATIENCE: Duration = Duration::from_secs(240);

/// Longest stop of a server with its workers.
pub const STOP: Duration = Duration::from_secs(60);

/// How long ago the records end that a stage has from its beginning: longer than those of a few more runs take.
const BEFORE: Duration = Duration::from_secs(60);

pub const DATA: &str = "seismic-data-topic";
pub const ROWS: &str = "seismic-agg-topic";
pub const DEAD: &str = "seismic-dead-topic";

/// A folder in which the program runs. Gone at the end of the test.
pub struct Stage {
    folder: TempDir,
    /// Processes started so far: each has files of its own for what it prints.
    started: Cell<u32>,
    /// Arguments of every command: where queue and store are.
    pub place: Vec<String>,
    /// The topic of records.
    pub data: String,
    /// Variables of every command's environment.
    pub variables: Vec<(&'static str, &'static str)>,
}

impl Stage {
    pub fn new() -> Self {
        let (folder, started) = (tempfile::tempdir().unwrap(), Cell::new(0));
        let (place, variables) = (Vec::new(), Vec::new());
        Stage { folder, started, place, data: DATA.to_owned(), variables }
    }

    /// A stage whose topic holds what `generate` with these options published. Unless they say when, it ended a
    /// while ago: a run that goes on from there need not wait until its last event is over.
    pub fn with_records(options: &[&str]) -> Self {
        let stage = Stage::new();
        let of = |name: &str| {
            let at = options.iter().position(|option| *option == name)?;
            options.get(at + 1)?.parse::<f64>().ok()
        };
        let a_second = of("--sensors").unwrap_or(10.0) * of("--sample-rate-hz").unwrap_or(25.0);
        let length = Duration::from_secs_f64(of("--records").unwrap_or(3_000.0) / a_second);
        let begun = jiff::Timestamp::now() - BEFORE - length;
        let start = ["--start", &format!("{begun:.3}")];
        let says_when = options.iter().any(|option| ["--start", "--rate"].contains(option));
        stage.generate(&[options, if says_when { &[] } else { &start }].concat());
        stage
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `seismic` with these arguments, not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_seismic"), args)
    }

    /// `seismic-generator` with these arguments, not started yet.
    pub fn generator(&self, args: &[&str]) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_seismic-generator"), args)
    }

    /// `seismic` with these arguments, for another queue and store.
    pub fn command_at(&self, args: &[&str], place: &[String]) -> Command {
        self.command_in(env!("CARGO_BIN_EXE_seismic"), args, place)
    }

    fn command_of(&self, program: &str, args: &[&str]) -> Command {
        self.command_in(program, args, &self.place)
    }

    fn command_in(&self, program: &str, args: &[&str], place: &[String]) -> Command {
        let mut command = Command::new(program);
        command.args(args).args(place).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_remove("RUST_LOG").env("RUST_BACKTRACE", "0");
        command.envs(self.variables.iter().copied());
        command
    }

    /// Starts `seismic`.
    pub fn spawn(&self, args: &[&str]) -> Running {
        self.start(self.command(args))
    }

    /// Starts a command whose output goes to files, so that no one has to read along.
    pub fn start(&self, mut command: Command) -> Running {
        let number = self.started.replace(self.started.get() + 1);
        let (stdout, stderr) =
            (self.path(&format!("{number}.out")), self.path(&format!("{number}.err")));
        command.stdout(File::create(&stdout).unwrap()).stderr(File::create(&stderr).unwrap());
        let what = format!("{command:?}");
        Running { child: command.spawn().unwrap(), what, stdout, stderr }
    }

    /// Runs `seismic` to its end, whatever that is.
    pub fn run(&self, args: &[&str]) -> Done {
        self.spawn(args).wait()
    }

    /// Runs `seismic`, which must do what it was asked for; its stdout.
    pub fn ok(&self, args: &[&str]) -> String {
        self.run(args).ok().stdout
    }

    /// As [`Stage::ok`], where stdout may be too large to keep: the file that has it.
    pub fn ok_in_file(&self, args: &[&str]) -> PathBuf {
        self.spawn(args).ended_ok()
    }

    /// Runs `seismic`, which must end with this code; its stderr.
    pub fn refused(&self, args: &[&str], code: i32) -> String {
        let done = self.run(args);
        assert_eq!(done.code, Some(code), "{args:?} {done}");
        assert!(!done.stderr.contains("panicked"), "{args:?} {done}");
        done.stderr
    }

    /// Runs `seismic` for its JSON.
    pub fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(args)).unwrap()
    }

    /// Publishes; the summary.
    pub fn generate(&self, options: &[&str]) -> Value {
        self.json(&[&["generate", "--json"], options].concat())
    }

    pub fn status(&self) -> Value {
        self.json(&["status", "--json"])
    }

    /// All messages of a topic, as `read --format json` prints them.
    pub fn read(&self, topic: &str) -> Vec<Value> {
        parse(&self.ok(&["read", topic, "--format", "json"]))
    }

    /// Proves everything that can be proved, also what CSV folders hold.
    pub fn verify(&self, csv_folders: &[&str]) {
        let sinks: Vec<_> = csv_folders.iter().map(|folder| format!("csv:{folder}")).collect();
        let mut args = vec!["verify", "--complete"];
        sinks.iter().for_each(|sink| args.extend(["--sink", sink]));
        let text = self.ok(&args);
        assert!(text.lines().any(|line| line.starts_with("verified: ")), "{text}");
    }

    /// Waits until there are records.
    pub fn wait_for_records(&self) {
        let one = ["read", &self.data, "--in", "queue", "--max", "1"];
        wait_until("records", || !self.run(&one).stdout.is_empty());
    }

    /// Waits until the job has done something.
    pub fn wait_for_job(&self, is_so: impl Fn(&Value) -> bool) {
        wait_until("the job is as far", || {
            let done = self.run(&["status", "--json"]);
            done.code == Some(0) && is_so(&serde_json::from_str(&done.stdout).unwrap())
        });
    }
}

impl Drop for Stage {
    /// What the processes said, when a test fails.
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        let mut said_before = String::new();
        for number in 0..self.started.get() {
            match fs::read_to_string(self.path(&format!("{number}.err"))) {
                // A test that waits asks the same again and again.
                Ok(said) if said == said_before => {}
                Ok(said) => {
                    eprintln!("--- process {number}\n{said}");
                    said_before = said;
                }
                Err(error) => eprintln!("--- process {number}: {error}"),
            }
        }
    }
}

/// A process; killed when it is dropped.
pub struct Running {
    child: Child,
    what: String,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn stdout(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap()
    }

    /// Its standard input, of a command that was given a pipe. Open until it is dropped.
    pub fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// Counts what it prints.
    pub fn lines(&self) -> LineCount {
        LineCount::new(&self.stdout)
    }

    pub fn stderr(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// `kill -9`; false when it had ended before.
    pub fn kill(mut self) -> bool {
        let was_running = self.is_running();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        was_running
    }

    /// Sends a signal that must end it, and waits for that.
    pub fn end(&mut self, signal: Signal) {
        self.signal(signal);
        wait_until(&format!("the end of {}", self.what), || !self.is_running());
    }

    /// Waits until it does something of its own at a signal: before that, the system ends it.
    pub fn wait_until_it_catches(&mut self, signal: Signal) {
        let status = format!("/proc/{}/status", self.pid());
        wait_until("a signal is caught", || {
            let status = fs::read_to_string(&status).unwrap_or_default();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
            caught.is_some_and(|mask| mask >> (signal.as_raw() - 1) & 1 == 1) || !self.is_running()
        });
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Sends a signal, and waits for the end as long as a stop may take. Returns how it ended.
    pub fn stop(self, signal: Signal) -> Done {
        self.stop_within(signal, Duration::from_secs(5))
    }

    /// As [`Running::stop`], with the time that it may take.
    pub fn stop_within(self, signal: Signal, limit: Duration) -> Done {
        let began = Instant::now();
        self.signal(signal);
        let done = self.wait();
        let took = began.elapsed();
        assert!(took < limit, "stopping took {took:?}: {done}");
        done
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Done {
        let code = self.exit_code();
        Done { what: self.what.clone(), code, stdout: self.stdout(), stderr: self.stderr() }
    }

    /// Waits for its end, which must be a good one; the file that has what it printed.
    pub fn ended_ok(mut self) -> PathBuf {
        let code = self.exit_code();
        assert_eq!(code, Some(0), "{}: {}", self.what, self.stderr());
        self.stdout.clone()
    }

    fn exit_code(&mut self) -> Option<i32> {
        let mut status = None;
        wait_until(&format!("the end of {}", self.what), || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.as_ref().and_then(ExitStatus::code)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, and then this changes nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that has ended.
pub struct Done {
    what: String,
    /// `None`: by a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    /// It must have done what it was asked for.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stdout: String = self.stdout.chars().take(2_000).collect();
        write!(f, "{}: code {:?}\n{stdout}\n{}", self.what, self.code, self.stderr)
    }
}

/// Pauses between two checks of a wait.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(250));

/// Checks again and again, until it is so. The one place where a test lets time pass.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let began = Instant::now();
        if is_so() {
            return;
        }
        assert!(Instant::now() < deadline, "waited for: {what}");
        // A check that starts a program would keep a core busy that what we wait for needs.
        thread::sleep((2 * began.elapsed()).clamp(PAUSES.0, PAUSES.1));
    }
}

/// Lets a running process work for a while: kills and stops hit it at an arbitrary moment.
pub fn let_it_work(time: Duration) {
    let began = Instant::now();
    wait_until("the moment", || began.elapsed() >= time);
}

/// JSON lines.
pub fn parse(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Lines, sorted: the same lines in another order are equal.
pub fn sorted(lines: &str) -> Vec<&str> {
    let mut lines: Vec<_> = lines.lines().collect();
    lines.sort_unstable();
    lines
}

/// The files of a folder that end in `.csv`, in order of their names.
pub fn csv_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|ext| ext == "csv")).collect();
    files.sort();
    files
}
