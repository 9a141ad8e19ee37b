//! `seismic run`: runs one job until it is stopped or its bounded work is done.

use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::exit::Outcome;
use crate::cli::format::{count, rate};
use crate::cli::signal;
use crate::cli::stdio::tell;
use crate::cli::target::JobFileArg;
use crate::error::Usage;
use crate::http::{self, Jobs, OneJob, Server, limits};
use crate::job::options::JobOptions;
use crate::job::origin::Once;
use crate::job::service::Logs;
use crate::job::{Job, JobReport, JobSpec, StopToken};
use crate::logs::{self, LogOptions};
use crate::watch::Watcher;

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
    /// With --http: file with the token that every request but the probes needs
    #[arg(long, value_name = "FILE")]
    http_token_file: Option<PathBuf>,
    #[command(flatten)]
    logs: LogOptions,
}

/// Runs the job.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    let stop = StopToken::new();
    signal::stop_on_signals(&stop)?;
    let file = args.file.read()?;
    let is_quiet = args.options.quiet || file.options.quiet;
    let logs = log_options(args.logs, &file.service.logs);
    let mut spec = JobSpec::resolve(args.options, file, args.once)?;
    if let Some(token_file) = args.http_token_file {
        let http = spec.http.as_mut().ok_or_else(|| {
            Usage("--http-token-file is for --http ADDR: say where to listen".to_owned())
        })?;
        http.token_file = Some(token_file);
    }
    logs::set_up(&logs)?;
    let ready_lag_ms = spec.http.as_ref().map_or(limits::READY_LAG_MS, |http| http.ready_lag.ms());
    let watched = Arc::new(OneJob::new(&spec, ready_lag_ms));
    let server = serve(&spec, &watched, is_quiet)?;
    let rows = if spec.statement.is_some() { "rows" } else { "windows" };
    let job = Job::new(spec).stopped_by(stop).notifying(|text| tell(text)).spawn()?;
    watched.started(job.observer());
    let watcher = Watcher::start(watched)?;
    let report = job.join();
    drop(watcher);
    if let Some(server) = server {
        server.stop();
    }
    if let Some(report) = report?
        && !is_quiet
    {
        summarise(&report, rows);
    }
    Ok(Outcome::Fine)
}

/// What the command line says of logs, and what it leaves open as in the file.
fn log_options(line: LogOptions, file: &Logs) -> LogOptions {
    let is_file_of_file = line.log_file.is_none() && file.file.is_some();
    LogOptions {
        log_format: line.log_format.or(file.format),
        log_file: line.log_file.or_else(|| file.file.clone()),
        log_file_mib: line.log_file_mib.or(is_file_of_file.then_some(file.max_bytes >> 20)),
        log_file_days: line.log_file_days.or(file.days),
    }
}

/// Listens, if the job says where. It does so before the job begins: a port that cannot be had is
/// an error, and a job that waits for its queue is alive.
fn serve(spec: &JobSpec, job: &Arc<OneJob>, is_quiet: bool) -> anyhow::Result<Option<Server>> {
    let Some(settings) = &spec.http else { return Ok(None) };
    let jobs: Arc<dyn Jobs> = Arc::clone(job) as Arc<dyn Jobs>;
    let server = Server::start(settings, http::routes(&jobs))?;
    if !is_quiet {
        tell(format_args!("serving http://{}/metrics and /api/v1", server.address()));
    }
    Ok(Some(server))
}

fn summarise(report: &JobReport, rows: &str) {
    let JobReport { metrics, time } = report;
    let replayed = match metrics.run.messages_replayed {
        0 => String::new(),
        messages => format!(", after replaying {} messages", count(messages)),
    };
    tell(format_args!(
        "read {} records in {:.1} s ({} records/s): {} {rows}, {} dead letters{replayed}",
        count(metrics.run.records_read),
        time.as_secs_f64(),
        rate(metrics.run.records_read, *time),
        count(metrics.run.rows()),
        count(metrics.run.dead_letters()),
    ));
}
