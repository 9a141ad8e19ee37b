//! `seismic sink`: runs one sink as a separate process, for any number of workers.
//!
//! It takes no lease of the job and may run before, during and after it.

mod skip;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use seismic_proto::Schema;
use seismic_queue::{Error, JobStore, patiently, sleep};
use seismic_sinks::{Context, SinkHold, SinkSpec, SinkStart, SinkThreads};

use crate::cli::exit::Outcome;
use crate::cli::signal;
use crate::cli::stdio::{print, tell};
use crate::cli::target::Target;
use crate::error::Usage;
use crate::job::location::Location;
use crate::job::sinks;
use crate::sink_value::SinkValue;

/// How often it looks for a job that is not there yet.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(250);

/// How often it checks whether partitions were added to the result topic.
const WIDER_EVERY: std::time::Duration = std::time::Duration::from_secs(2);

/// Options of `seismic sink`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    act: Option<Act>,
    #[command(flatten)]
    target: Target,
    /// Where rows go: console, csv, csv:DIR, postgres://USER@HOST/DATABASE,
    /// mysql://USER@HOST/DATABASE, odbc:CONNECTION, redis://HOST/DATABASE,
    /// opensearch:http://HOST:PORT, hbase:http://HOST:PORT, kafka://HOST:PORT, parquet:DIR,
    /// geojson:FILE, influx:FILE or, on the queue's own cluster, rocketmq:TOPIC
    #[arg(value_name = "SINK", value_parser = SinkValue, required = true)]
    sink: Option<SinkSpec>,
    /// Print what makes the tables, indices or topics that the sink expects, and do nothing else
    #[arg(long)]
    ddl: bool,
    /// Stop once every row that was committed at the start is written
    #[arg(long)]
    until_caught_up: bool,
    /// Print only warnings and errors on stderr
    #[arg(long)]
    quiet: bool,
}

/// What else can be done to a sink.
#[derive(clap::Subcommand)]
enum Act {
    /// Have a sink pass over one row of the result topic, which its target does not take
    Skip(skip::Args),
}

/// Runs the sink until it is stopped.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let sink = match (&args.act, &args.sink) {
        (Some(Act::Skip(args)), _) => return skip::run(args),
        (None, Some(sink)) => sink,
        (None, None) => return Err(Usage("no sink is named".to_owned()).into()),
    };
    if args.ddl {
        let Some(ddl) = sink.entry().ddl else {
            return Err(Usage(format!("sink {} needs no tables", sink.shown())).into());
        };
        print(ddl(sink, Schema::windows())?)?;
        return Ok(Outcome::Fine);
    }
    let stop = signal::stop_flag()?;
    let location = args.target.location()?;
    let store = match patiently(&stop, || location.open_store()) {
        // Stopped while it waited for what was busy: nothing was begun.
        Err(_) if stop.load(Ordering::Relaxed) => return Ok(Outcome::Fine),
        opened => Arc::<dyn JobStore>::from(opened?),
    };
    let Some(context) = find_job(&*store, args, &location, &stop)? else {
        return Ok(Outcome::Fine);
    };
    let context = context.at(location.queue.0.clone(), Arc::clone(&store));
    // Again when the job has taken partitions: their rows are shown too.
    while show((sink, args.until_caught_up), &store, &context, &stop)? {}
    Ok(Outcome::Fine)
}

/// Shows rows until it is stopped; `true` when partitions were added to the topic meanwhile.
fn show(
    (sink, until_caught_up): (&SinkSpec, bool),
    store: &Arc<dyn JobStore>,
    context: &Context,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<bool> {
    let runner = match sinks::open(sink, context, store, stop) {
        Err(_) if stop.load(Ordering::Relaxed) => return Ok(false),
        opened => opened?,
    };
    let partitions = runner.position().len();
    let is_wider = || {
        let topic = store.topics().topic(&context.topic);
        // An error passes or comes again: the next look tells.
        topic.is_ok_and(|topic| topic.partitions as usize > partitions)
    };
    let of_sink = Arc::clone(stop);
    let on_failure: Arc<dyn Fn() + Send + Sync> =
        Arc::new(move || of_sink.store(true, Ordering::Relaxed));
    let name = runner.name().to_owned();
    let start = SinkStart { spec: sink.clone(), name, runner: Some(runner), open: None };
    let threads = SinkThreads::start(vec![start], &SinkHold::default(), &on_failure);
    let ends = if until_caught_up {
        threads.finish_committed(&**store)?;
        threads.join(&|| stop.load(Ordering::Relaxed))
    } else {
        while !stop.load(Ordering::Relaxed) && !is_wider() {
            sleep(WIDER_EVERY, stop);
        }
        threads.stop();
        threads.join(&|| true)
    };
    sinks::outcome(ends, &|text| tell(text))?;
    Ok(!stop.load(Ordering::Relaxed) && is_wider())
}

/// What the store says of its rows. A service waits until there is a job; `None` when it was
/// stopped meanwhile.
fn find_job(
    store: &dyn JobStore,
    args: &Args,
    location: &Location,
    stop: &AtomicBool,
) -> seismic_queue::Result<Option<Context>> {
    let mut is_told = args.quiet;
    let found = || {
        let view = store.view()?;
        let topic = view.job.main_topic();
        store.topics().topic(topic)?;
        Ok(Context::new(&view.id, topic))
    };
    while !stop.load(Ordering::Relaxed) {
        match patiently(stop, &found) {
            Err(Error::StoreMissing { .. } | Error::TopicMissing { .. })
                if !args.until_caught_up => {}
            found => return found.map(Some),
        }
        if !is_told {
            tell(format_args!(
                "waiting for a job of group {:?} in {}",
                location.group,
                store.name()
            ));
            is_told = true;
        }
        sleep(LOOK_EVERY, stop);
    }
    Ok(None)
}
