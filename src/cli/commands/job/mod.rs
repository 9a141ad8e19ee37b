//! `seismic job`: makes, checks and shows job files, and has a server do what is asked.

mod act;
mod approvals;
mod archive;
mod audit;
pub mod function;
mod list;
mod preview;
mod scale;
pub(super) mod server;
mod show;
mod submit;
pub(super) mod tested;
mod versions;

use std::io::Write as _;
use std::path::PathBuf;
use std::{fs, io};

use crate::cli::exit::{Outcome, Usage};
use crate::cli::stdio::{print, print_line, tell};
use crate::cli::target::{ServerFileArg, VariableArgs};
use crate::dimension::function::faults_of_files;
use crate::job::describe::{Resolved, Template, schema, template};
use crate::job::file;
use crate::job::options::JobOptions;
use crate::job::spec::parallelism::{Parallelism, look};

/// Options of `seismic job`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: JobAction,
}

#[derive(clap::Subcommand)]
enum JobAction {
    /// Write a commented job file to begin with
    Init(InitArgs),
    /// Check a job file and name everything that is wrong with it
    Check(FileArgs),
    /// Show every value of a job and where it comes from; with --server, of a job of a server, with
    /// its state and its alarms
    Show(Box<show::Args>),
    /// Print a JSON Schema of job files, for editors
    Schema,
    /// Show columns, types, units and the newest messages of a topic or sink, also before the job
    /// starts
    Preview(preview::Args),
    /// Submit a job file to a server
    Submit(submit::Args),
    /// Start a job of a server, where it was or at a savepoint
    Start(act::StartArgs),
    /// Stop a job of a server with its last commits
    Stop(act::StopArgs),
    /// Have a job of a server read nothing until it is resumed
    Pause(server::JobArgs),
    /// Have a paused job read again
    Resume(server::JobArgs),
    /// Have a job of a server run with another number of workers
    Scale(scale::Args),
    /// Name a state of a job of a server, and keep it
    Savepoint(act::SavepointArgs),
    /// List the savepoints of a job of a server
    Savepoints(list::SavepointsArgs),
    /// Print the newest lines that a job of a server has logged
    Logs(list::LogsArgs),
    /// Show the alarms of jobs of a server, and what of them was not delivered
    Alarms(list::AlarmsArgs),
    /// Submit a copy of a job of a server under another name, also as a fork
    Copy(submit::CopyArgs),
    /// Submit a version of a job to another environment of its file, as it was tested
    Promote(submit::PromoteArgs),
    /// Stop jobs of a server and put them away: everything is kept, and none is started before it is
    /// brought back
    Archive(archive::Args),
    /// Bring back jobs that were put away; they do not run by that
    Unarchive(archive::Args),
    /// Have a server forget a job; its store and its rows stay
    Delete(server::JobArgs),
    /// List the jobs of a server with their states
    List(list::Args),
    /// List the versions of a job of a server: number, who, when, why
    Versions(versions::ListArgs),
    /// Print the file of a version of a job of a server, without secrets
    Version(versions::ShowArgs),
    /// Show what differs between two versions: what changes results apart from the rest
    Diff(versions::DiffArgs),
    /// Print, submit or discard the draft of a job of a server
    Draft(versions::DraftArgs),
    /// Let a version of a job be started that somebody else has submitted
    Approve(approvals::ApproveArgs),
    /// Let a version of a job not be started, also one that was approved before
    Reject(approvals::RejectArgs),
    /// Take back a version of your own
    Withdraw(approvals::WithdrawArgs),
    /// List the versions of all jobs that wait for approval, or about which was decided
    Approvals(approvals::ListArgs),
    /// Show who had a server do what, the newest first
    Audit(audit::Args),
}

#[derive(clap::Args)]
struct InitArgs {
    /// File to write; it must not exist. Without one, print it
    file: Option<PathBuf>,
    /// Kind of job
    #[arg(long, value_enum, default_value_t = Template::Embedded)]
    template: Template,
}

#[derive(clap::Args)]
struct FileArgs {
    /// Job file
    file: PathBuf,
    #[command(flatten)]
    variables: VariableArgs,
    #[command(flatten)]
    server_file: ServerFileArg,
}

/// Runs the subcommand.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    match args.what {
        JobAction::Init(args) => init(&args)?,
        JobAction::Check(args) => check(&args)?,
        JobAction::Show(args) => show::show(*args)?,
        JobAction::Preview(args) => preview::preview(&args)?,
        JobAction::Submit(args) => submit::submit(&args)?,
        JobAction::Start(args) => act::start(&args)?,
        JobAction::Stop(args) => act::stop(&args)?,
        JobAction::Pause(args) => act::pause(&args)?,
        JobAction::Resume(args) => act::resume(&args)?,
        JobAction::Scale(args) => scale::scale(&args)?,
        JobAction::Savepoint(args) => act::savepoint(&args)?,
        JobAction::Savepoints(args) => list::savepoints(&args)?,
        JobAction::Logs(args) => list::logs(&args)?,
        JobAction::Alarms(args) => list::alarms(&args)?,
        JobAction::Copy(args) => submit::copy(&args)?,
        JobAction::Promote(args) => submit::promote(&args)?,
        JobAction::Archive(args) => archive::archive(&args)?,
        JobAction::Unarchive(args) => archive::unarchive(&args)?,
        JobAction::Delete(args) => act::delete(&args)?,
        JobAction::List(args) => list::list(&args)?,
        JobAction::Versions(args) => versions::list(&args)?,
        JobAction::Version(args) => versions::show(&args)?,
        JobAction::Diff(args) => versions::diff(&args)?,
        JobAction::Draft(args) => versions::draft(&args)?,
        JobAction::Approve(args) => approvals::approve(&args)?,
        JobAction::Reject(args) => approvals::reject(&args)?,
        JobAction::Withdraw(args) => approvals::withdraw(&args)?,
        JobAction::Approvals(args) => approvals::list(&args)?,
        JobAction::Audit(args) => audit::show(&args)?,
        JobAction::Schema => print_line(serde_json::to_string_pretty(&schema())?)?,
    }
    Ok(Outcome::Fine)
}

fn init(args: &InitArgs) -> anyhow::Result<()> {
    let text = template(args.template);
    let Some(path) = &args.file else { return Ok(print(text)?) };
    let file = match fs::File::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let refusal = format!("{} already exists; name another file", path.display());
            return Err(Usage(refusal).into());
        }
        file => file,
    };
    let cannot = |error: io::Error| Usage(format!("{} cannot be written: {error}", path.display()));
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(cannot)?;
    Ok(print_line(format_args!(
        "wrote {0}; check it with `seismic job check {0}`",
        path.display()
    ))?)
}

/// Checks the file, in each of its environments unless one is named.
fn check(args: &FileArgs) -> anyhow::Result<()> {
    let path = &args.file;
    let text = file::text_of(path).unwrap_or_default();
    let names = file::envs::names(&text);
    if args.variables.env().is_some() || names.is_empty() {
        return check_in(args, &args.variables);
    }
    names.iter().try_for_each(|env| check_in(args, &args.variables.with_env(env)))
}

fn check_in(args: &FileArgs, variables: &VariableArgs) -> anyhow::Result<()> {
    let path = &args.file;
    let file = file::open(path, &args.server_file.given(variables)?)?;
    let place = file.place_of("max_parallelism");
    let Resolved { spec, service, .. } = Resolved::of(JobOptions::default(), file)?;
    match look(&spec) {
        Parallelism::Fits => {}
        Parallelism::NotKnown(why) => tell(format_args!("warning: {why}")),
        Parallelism::TooMany(why) => {
            // It names the key itself.
            let place = place.as_deref().and_then(|place| place.strip_suffix("max_parallelism"));
            return Err(Usage(format!("{}{why}", place.unwrap_or_default())).into());
        }
    }
    let modules = spec.statement.iter().flat_map(|it| faults_of_files(it, &spec.functions));
    let faults: Vec<String> = modules.collect();
    if !faults.is_empty() {
        return Err(Usage(faults.join("\n       ")).into());
    }
    let name = service.name.map(|name| format!("job {name}, ")).unwrap_or_default();
    let mut to: Vec<String> = spec.sink.iter().map(ToString::to_string).collect();
    if spec.statement.is_some() {
        to.push(format!("store {}", spec.location().store_url()));
    }
    Ok(print_line(format_args!(
        "{} is valid: {name}group {} reads {}{} from {} and writes {} to {} (rules {})",
        path.display(),
        spec.group,
        spec.topic,
        match spec.statement.as_ref().and_then(|it| it.join.as_ref()) {
            Some(join) => format!(" and {}", join.right.topic),
            None => String::new(),
        },
        match spec.statement.as_ref().and_then(|it| it.input.of.as_ref()) {
            Some(of) => format!("the results of group {of}"),
            None => spec.queue.to_string(),
        },
        spec.result_topic,
        to.join(", "),
        spec.semantics_hash(),
    ))?)
}
