//! `seismic serve`: runs jobs as separate processes, and restarts them when they fail.

pub mod resource;
pub mod token;

use std::path::{Path, PathBuf};

use crate::cli::exit::{Outcome, Usage};
use crate::http::{AccessSettings, HttpSettings, TlsFiles};
use crate::job::file::envs::parse_name;
use crate::logs::{self, LogOptions};
use crate::serve::config::ServeConfig;
use crate::serve::demo::Demo;
use crate::serve::{self, ServeSettings, worker};

/// Folder of the demo.
const DEMO: &str = "output/serve-demo";

/// Options of `seismic serve`.
#[derive(clap::Args)]
#[command(
    after_help = "SIGTERM and Ctrl-C stop all jobs with their last commits, and the next server starts them again; with \
                  --leave-running they work on. A server that is killed leaves its jobs running, too. SIGHUP reads alarms, \
                  levels of logs and pressure of --config again, and tells running jobs; and the certificate, for new connections. Who may do \
                  what on a server is said by tokens: `seismic token`."
)]
pub struct Args {
    /// File with the state of the server and of its jobs
    #[arg(long, value_name = "URL", default_value = "sqlite:output/serve.db")]
    state: String,
    /// Play a network of sensors and run a job on it, to look at; all files are in
    /// output/serve-demo
    #[arg(long, conflicts_with_all = ["jobs", "state", "leave_running"])]
    demo: bool,
    /// Address and port of the page, metrics and API, with settings behind commas as those of `run
    /// --http`
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    http: HttpSettings,
    /// File with the server's own token, which may do everything; then every request but the probes
    /// needs one, also on this machine
    #[arg(long, value_name = "FILE")]
    http_token_file: Option<PathBuf>,
    /// Have every request but the probes need a token, also on this machine: behind a proxy on it,
    /// and where others may log in
    #[arg(long)]
    http_require_token: bool,
    /// Listen on an address that others can reach without encryption: behind a proxy that encrypts
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key"])]
    http_plain: bool,
    /// Certificate of the server with those up to the authority's, in PEM; SIGHUP has it read again
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Folder of job files that are the truth: the server runs what they say, and nothing else.
    /// Without it, jobs are submitted
    #[arg(long, value_name = "DIR")]
    jobs: Option<PathBuf>,
    /// With --jobs: environment that counts of files that have any, as [env.test]
    #[arg(long, value_name = "NAME", requires = "jobs", value_parser = parse_name)]
    env: Option<String>,
    /// File with variables, defaults and connections of all jobs, commands of alarms, and folders
    /// that submitted jobs may use
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Leave the jobs running when the server is stopped; the next one takes them over
    #[arg(long)]
    leave_running: bool,
    #[command(flatten)]
    logs: LogOptions,
}

/// Serves until it is stopped.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    let Some(state) = args.state.strip_prefix("sqlite:").filter(|path| !path.is_empty()) else {
        let why = format!("--state {}: write it as sqlite:PATH", args.state);
        return Err(Usage(why).into());
    };
    if let Some(folder) = args.jobs.as_deref().filter(|folder| !folder.is_dir()) {
        let why = format!("--jobs {}: there is no such folder", folder.display());
        return Err(Usage(why).into());
    }
    logs::set_up(&args.logs)?;
    let config = args.config.as_deref().map(ServeConfig::read).transpose()?.unwrap_or_default();
    let ServeConfig {
        variables,
        defaults,
        connections,
        roots,
        webhook_hosts,
        commands,
        pressure,
        logs,
        approval,
        ..
    } = config.with_roots()?;
    if approval && (args.jobs.is_some() || args.demo) {
        let why = "approval = true is for jobs that are submitted: files of --jobs are looked through \
                   where their folder is changed, so leave one of both out";
        return Err(Usage(why.to_owned()).into());
    }
    let mut http = args.http;
    http.token_file = args.http_token_file.or(http.token_file);
    // Process 1 of a container takes all others with it.
    let leave_running = args.leave_running && std::process::id() != 1;
    let demo = args.demo.then(|| Demo::start(Path::new(DEMO))).transpose()?;
    let state = demo.as_ref().map_or_else(|| PathBuf::from(state), |demo| demo.state.clone());
    let jobs = args.jobs.or_else(|| demo.as_ref().map(|demo| demo.jobs.clone()));
    let settings = ServeSettings {
        state,
        file: args.config,
        log_level: logs.level,
        jobs,
        env: args.env,
        leave_running,
        variables,
        defaults,
        connections,
        roots,
        webhook_hosts,
        commands,
        pressure,
        http: Some(http),
        access: AccessSettings {
            tls: args.tls_cert.zip(args.tls_key).map(|(cert, key)| TlsFiles { cert, key }),
            allows_plain: args.http_plain,
            // Without a token, whoever asks says who they are, and may say so of two.
            needs_token: args.http_require_token || approval,
        },
        needs_approval: approval,
    };
    settings.set_level().map_err(Usage)?;
    serve::run(settings)?;
    Ok(Outcome::Fine)
}

/// Options of `seismic worker`, which only servers start.
#[derive(clap::Args)]
pub struct WorkerArgs {
    /// Folder with its order
    folder: PathBuf,
    /// Its order is a test
    #[arg(long)]
    trial: bool,
}

/// Does what the order says.
pub fn work(args: &WorkerArgs) -> anyhow::Result<Outcome> {
    match args.trial {
        true => worker::trial::run(&args.folder),
        false => worker::run::run(&args.folder),
    }
}
