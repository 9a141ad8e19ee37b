//! `seismic run`: runs one job until it is stopped or has done what it was asked for.

use crate::cli::exit::Outcome;
use crate::cli::format::{count, rate};
use crate::cli::signal;
use crate::cli::stdio::tell;
use crate::cli::target::JobFileArg;
use crate::job::options::JobOptions;
use crate::job::origin::Once;
use crate::job::{Job, JobReport, JobSpec, StopToken};

/// Options of `seismic run`.
#[derive(clap::Args)]
#[command(
    after_help = "--window-ms, --lateness-ms, --allowed-lateness-ms, --idle-timeout-ms, --max-ahead-ms, --max-jump-ms \
                        and --commit-interval-ms still take these durations as numbers of ms."
)]
pub struct Args {
    #[command(flatten)]
    file: JobFileArg,
    #[command(flatten)]
    options: JobOptions,
    #[command(flatten)]
    once: Once,
}

/// Runs the job.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    let stop = StopToken::new();
    signal::stop_on_signals(&stop)?;
    let file = args.file.read()?;
    let is_quiet = args.options.quiet || file.options.quiet;
    let spec = JobSpec::resolve(args.options, file, args.once)?;
    let job = Job::new(spec).stopped_by(stop).notifying(|text| tell(text));
    if let Some(report) = job.spawn()?.join()?
        && !is_quiet
    {
        summarise(&report);
    }
    Ok(Outcome::Fine)
}

fn summarise(report: &JobReport) {
    let JobReport { metrics, time } = report;
    let replayed = match metrics.run.messages_replayed {
        0 => String::new(),
        messages => format!(", after replaying {} messages", count(messages)),
    };
    tell(format_args!(
        "read {} records in {:.1} s ({} records/s): {} windows, {} dead letters{replayed}",
        count(metrics.run.records_read),
        time.as_secs_f64(),
        rate(metrics.run.records_read, *time),
        count(metrics.run.rows()),
        count(metrics.run.dead_letters()),
    ));
}
