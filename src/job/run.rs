//! `seismic run`: the service. Takes the store, starts the sinks, runs the job until it is told to
//! stop or has done what it was asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use seismic_pipeline::{Dedupe, Finish, From, JobContext, Metrics, Rules, Settings, Time};
use seismic_queue::{Job, JobStore, Queue, Topic, patiently};
use seismic_sinks::{Relay, Spec};

use super::origin::Origin;
use super::own_partitions::Own;
use super::rescale;
use super::sinks::{Sinks, begin};
use crate::cli::exit::{Outcome, Usage};
use crate::cli::format::{count, rate};
use crate::cli::remedy::in_one_line;
use crate::cli::stdio::tell;
use crate::cli::target::Target;
use crate::cli::{signal, time};

/// Options of `seismic run`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Topic to read
    #[arg(long, value_name = "NAME", default_value = "seismic-data-topic")]
    topic: String,
    /// Topic of result rows, in the store
    #[arg(long, value_name = "NAME", default_value = "seismic-agg-topic")]
    result_topic: String,
    /// Topic of dead letters, in the store
    #[arg(long, value_name = "NAME", default_value = "seismic-dead-topic")]
    dead_topic: String,
    /// Where results are shown: console, csv, csv:DIR or, on the queue's own cluster,
    /// rocketmq:TOPIC; may be given several times
    #[arg(long = "sink", value_name = "SINK", default_value = "console")]
    sinks: Vec<Spec>,
    /// Where a group without progress begins: earliest (the default), latest, an offset or a time
    #[arg(long, value_name = "WHERE", value_parser = time::parse_from)]
    from: Option<From>,
    #[command(flatten)]
    origin: Origin,
    /// Go on where messages are gone that were never read; the loss is written into the journal
    #[arg(long)]
    accept_loss: bool,
    /// Take partitions that were added to the input of a job in Kafka after it was drained: its sensors
    /// are dealt out among all, and the job goes on
    #[arg(long, conflicts_with_all = ["from", "from_checkpoint"])]
    accept_partitions: bool,
    /// Length of a window, ms
    #[arg(long, value_name = "MS", default_value_t = 1_000)]
    window_ms: i64,
    /// How long a window waits for late records, ms of event time
    #[arg(long, value_name = "MS", default_value_t = 500, allow_negative_numbers = true)]
    lateness_ms: i64,
    /// Silence after which a sensor's windows are closed, ms; 0: never
    #[arg(long, value_name = "MS", default_value_t = 2_000)]
    idle_timeout_ms: u64,
    /// How far event time may be ahead of append time, ms
    #[arg(long, value_name = "MS", default_value_t = 5_000, allow_negative_numbers = true)]
    max_ahead_ms: i64,
    /// Which clock windows follow
    #[arg(long = "time", value_enum, default_value_t = Clock::Event)]
    clock: Clock,
    /// Reject a sensor's second record of the same event time inside an open window
    #[arg(long, value_enum, default_value_t = Repeats::Off)]
    dedupe: Repeats,
    /// Also sum windows up to spans of this length (10s, 5m, 1500ms), into a result topic of its
    /// own; may be given several times
    #[arg(long = "rollup", value_name = "LENGTH", value_parser = time::parse_length)]
    rollups_ms: Vec<i64>,
    /// Sensors per partition; further ones become dead letters
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    max_sensors: u64,
    /// Threads that read and compute; at most one per partition [default: one per core]
    #[arg(long, value_name = "N")]
    slots: Option<usize>,
    /// Name of this worker among those that share a job in Kafka: a worker with the name of one that
    /// is gone takes over at once what that one left [default: found by machine]
    #[arg(long, value_name = "NAME", value_parser = parse_slot)]
    slot: Option<String>,
    /// Longest wait of a row for its commit, ms
    #[arg(long, value_name = "MS", default_value_t = 20)]
    commit_interval_ms: u64,
    /// Stop after the message in which this many records are reached; each further slot may finish
    /// one more message
    #[arg(long, value_name = "N")]
    max_records: Option<u64>,
    /// Stop at the end of the log; windows stay open in the checkpoint
    #[arg(long)]
    until_caught_up: bool,
    /// Stop at the end of the log and close every window
    #[arg(long, conflicts_with = "until_caught_up")]
    drain: bool,
    /// Say nothing on stderr but warnings and errors
    #[arg(long)]
    quiet: bool,
}

fn parse_slot(text: &str) -> Result<String, String> {
    Topic::check_name(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Clock {
    /// Event time, each sensor's own
    Event,
    /// Append time: when the queue took the message
    Ingest,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Repeats {
    /// Every record counts
    Off,
    /// One record per sensor and ms of event time counts
    Time,
}

impl Args {
    fn settings(&self) -> Settings {
        let rules = Rules {
            window_ms: self.window_ms,
            lateness_ms: self.lateness_ms,
            max_ahead_ms: self.max_ahead_ms,
            time: match self.clock {
                Clock::Event => Time::Event,
                Clock::Ingest => Time::Ingest,
            },
            max_sensors: self.max_sensors,
            dedupe: match self.dedupe {
                Repeats::Off => Dedupe::Off,
                Repeats::Time => Dedupe::Time,
            },
            rollups_ms: {
                let mut rollups_ms = self.rollups_ms.clone();
                rollups_ms.sort_unstable();
                rollups_ms
            },
            ..Rules::default()
        };
        let finish = match (self.drain, self.until_caught_up) {
            (true, _) => Finish::Drain,
            (_, true) => Finish::CaughtUp,
            _ => Finish::Never,
        };
        Settings {
            rules,
            idle_timeout: Duration::from_millis(self.idle_timeout_ms),
            from: self.from,
            accept_loss: self.accept_loss,
            finish,
            max_records: self.max_records,
            commit_every: Duration::from_millis(self.commit_interval_ms),
            ..Settings::default()
        }
    }

    /// Everything that is wrong with the options, so that nobody has to find it one by one.
    fn faults(&self, rules: &Rules) -> Vec<String> {
        let mut faults = rules.faults();
        let names = [&self.topic, &self.result_topic, &self.dead_topic, &self.target.group];
        let wrong = names.into_iter().filter_map(|name| Topic::check_name(name).err());
        faults.extend(wrong.map(|error| error.to_string()));
        for (i, spec) in self.sinks.iter().enumerate() {
            if self.sinks[..i].contains(spec) {
                faults.push(format!("--sink {spec} is given twice"));
            }
        }
        if self.slots == Some(0) {
            faults.push("--slots is 0; it must be at least 1".to_owned());
        }
        faults
    }

    fn is_bounded(&self) -> bool {
        self.drain || self.until_caught_up || self.max_records.is_some()
    }
}

/// Runs the job.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let stop = signal::stop_flag()?;
    match run_until(args, &stop) {
        // Stopped while it waited for a file that was busy: nothing was begun.
        Err(error) if stop.load(Ordering::Relaxed) && is_passing(&error) => Ok(Outcome::Fine),
        outcome => outcome,
    }
}

fn is_passing(error: &anyhow::Error) -> bool {
    let queue = error.downcast_ref::<seismic_queue::Error>();
    queue.is_some_and(|error| error.kind() == seismic_queue::Kind::Retry)
}

fn run_until(args: &Args, stop: &Arc<AtomicBool>) -> anyhow::Result<Outcome> {
    let settings = args.settings();
    let faults = args.faults(&settings.rules);
    if !faults.is_empty() {
        return Err(Usage(faults.join("\n       ")).into());
    }
    let queue = patiently(stop, || match args.is_bounded() {
        true => args.target.open_queue_of(&args.topic),
        false => args.target.open_queue(),
    })?;
    let store = patiently(stop, || args.target.open_store_as(args.slot.as_deref()))?;
    let store: Arc<dyn JobStore> = store.into();
    let Some(input) = find_topic(&*queue, args, stop)? else {
        return Ok(Outcome::Fine);
    };
    let job = Job {
        group: args.target.group.clone(),
        input,
        result_topic: args.result_topic.clone(),
        dead_topic: args.dead_topic.clone(),
        rollup_topics: settings.rules.rollup_topics(&args.result_topic),
    };
    let origin = args.origin.open(&args.target)?;
    if args.accept_partitions {
        rescale::accept((&*queue, &*store), &job, &settings, stop)?;
    }
    let lease = patiently(stop, || store.acquire(&job))?;
    let began = Instant::now();
    let progress = Arc::new(Metrics::default());
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let run_job = JobContext {
        queue: &*queue,
        store: &*store,
        lease: &*lease,
        job: &job,
        slots: args.slots.unwrap_or(cores),
        settings: &settings,
    };
    if let Some(origin) = origin {
        origin.set(run_job, stop)?;
    }
    thread::scope(|scope| {
        let relays = match relays(&store, args, &progress, stop) {
            // Stopped while it waited for what a sink needs: nothing was begun.
            Err(_) if stop.load(Ordering::Relaxed) => return Ok(()),
            relays => relays?,
        };
        let sinks = Sinks::start(scope, relays, stop);
        let ran = seismic_pipeline::run(run_job, stop, &progress);
        let is_done = ran.is_ok() && !stop.load(Ordering::Relaxed);
        let shown = sinks.end(&*store, is_done, stop);
        ran?;
        shown.map_err(|error| match args.is_bounded() && !is_done {
            // A closed pipe is no failure of a service, but this run was asked for all of it.
            true => Cut(in_one_line(&error)).into(),
            false => error,
        })
    })?;
    if !args.quiet {
        summarise(&progress, began.elapsed());
    }
    Ok(Outcome::Fine)
}

/// Opens all sinks: one that cannot work stops the run before it has begun.
fn relays<'a>(
    store: &'a Arc<dyn JobStore>,
    args: &Args,
    progress: &Arc<Metrics>,
    stop: &AtomicBool,
) -> anyhow::Result<Vec<(Spec, Relay<'a>)>> {
    let context = seismic_sinks::Context::of(&**store)?;
    let context = context.at(args.target.queue.clone(), Arc::clone(store));
    let mut relays = Vec::new();
    for spec in &args.sinks {
        let open = || {
            let sink = seismic_sinks::open(spec, &context)?;
            Ok(if sink.keeps_position() { sink } else { Box::new(Own::new(sink, progress)) })
        };
        relays.push((spec.clone(), begin(&**store, stop, open)?));
    }
    Ok(relays)
}

/// The input topic. A service waits for it to be made; `None` when it was stopped meanwhile.
fn find_topic(
    queue: &dyn Queue,
    args: &Args,
    stop: &AtomicBool,
) -> seismic_queue::Result<Option<Topic>> {
    let mut is_told = false;
    loop {
        match patiently(stop, || queue.topic(&args.topic)) {
            Err(seismic_queue::Error::TopicMissing { .. }) if !args.is_bounded() => {}
            found => return found.map(Some),
        }
        if !is_told {
            tell(format_args!("waiting for topic {:?} in {}", args.topic, queue.name()));
            is_told = true;
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn summarise(progress: &Metrics, time: Duration) {
    let replayed = match progress.messages_replayed() {
        0 => String::new(),
        messages => format!(", after replaying {} messages", count(messages)),
    };
    tell(format_args!(
        "read {} records in {:.1} s ({} records/s): {} windows, {} dead letters{replayed}",
        count(progress.records()),
        time.as_secs_f64(),
        rate(progress.records(), time),
        count(progress.rows()),
        count(progress.dead_letters()),
    ));
}

/// A bounded run that a sink ended before its bound.
#[derive(Debug)]
struct Cut(String);

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the run was cut short: {}; the next one goes on from there", self.0)
    }
}

impl std::error::Error for Cut {}
