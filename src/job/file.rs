//! The job file: options of `seismic run` in TOML, so that a job can be kept, reviewed and shared.
//!
//! Each option is a key: without the dashes before it, `_` for those inside, a list where it may be
//! given several times, and a table of strings for KEY=VALUE.
//!
//! ```toml
//! queue = "kafka://broker:9092"
//! window_ms = 1000
//! dedupe = "time"
//! rollup = ["10s", "60s"]
//! sink = ["console", "csv:rows"]
//! kafka = { "linger.ms" = "5" }
//! ```
//!
//! `--job FILE` is as if these options stood in its place; what the command line says itself goes
//! before. Every command that looks at a job takes it too, and of it where the job is: queue, store,
//! group and Kafka's settings. All that is wrong with a file is said at once, whichever command
//! reads it.

mod read;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Args as _, Command, CommandFactory, FromArgMatches};

pub use self::read::{Setting, read};
use crate::cli::exit::Usage;
use crate::cli::target::Target;
use crate::job::run;

/// The option that names a file.
const OPTION: &str = "job";

/// The command line as `C`, with the options of the job file in it, if it names one.
///
/// A command line that is no `C` ends the process as clap does, after saying why.
///
/// # Errors
/// [`Usage`] for a file that cannot be read or says what no option takes: all of it.
pub fn parse<C: CommandFactory + FromArgMatches>(args: Vec<OsString>) -> anyhow::Result<C> {
    let command = C::command();
    let mut matches = command.clone().get_matches_from(&args);
    let (named, path) = innermost(&command, &matches);
    if let Ok(Some(file)) = named.try_get_one::<PathBuf>(OPTION) {
        let settings = settings(file)?;
        let more = arguments(&settings, path.last().expect("it has the command itself"), named);
        matches = command.clone().get_matches_from(inserted(args, &more));
    }
    Ok(C::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()))
}

/// The command that is meant, with those that it is part of, outermost first.
fn innermost<'a>(
    command: &'a Command,
    matches: &'a ArgMatches,
) -> (&'a ArgMatches, Vec<&'a Command>) {
    let (mut matches, mut path) = (matches, vec![command]);
    while let Some((name, of_it)) = matches.subcommand() {
        let inner = path[path.len() - 1].find_subcommand(name).expect("clap has just found it");
        path.push(inner);
        matches = of_it;
    }
    (matches, path)
}

/// The command whose options are those of a job.
#[must_use]
pub fn job() -> Command {
    run::Args::augment_args(Command::new("run").no_binary_name(true))
}

fn settings(file: &Path) -> anyhow::Result<Vec<Setting>> {
    let at = file.display();
    let text = read::text_of(file).map_err(|why| Usage(format!("the job file {at} {why}")))?;
    Ok(read(&text, &job()).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(|fault| format!("{at}:{fault}")).collect();
        Usage(faults.join("\n       "))
    })?)
}

/// What of the settings is for this command, and not said on the command line itself.
fn arguments(settings: &[Setting], command: &Command, said: &ArgMatches) -> Vec<OsString> {
    let target = Target::augment_args(Command::new("target"));
    let is_job = command.get_name() == "run";
    let is_meant = |setting: &&Setting| {
        let arg = command.get_arguments().find(|arg| arg.get_long() == Some(&setting.option));
        let of_target =
            || target.get_arguments().any(|arg| arg.get_long() == Some(&setting.option));
        let is_said = |arg: &clap::Arg| {
            said.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
        };
        arg.is_some_and(|arg| (is_job || of_target()) && !is_said(arg))
    };
    settings.iter().filter(is_meant).map(|setting| setting.argument().into()).collect()
}

/// The arguments, with others behind the option that names the file.
fn inserted(mut args: Vec<OsString>, more: &[OsString]) -> Vec<OsString> {
    let name = format!("--{OPTION}");
    let with_value = format!("{name}=");
    let is_it = |arg: &OsString| {
        arg.to_str().is_some_and(|arg| arg == name || arg.starts_with(&with_value))
    };
    let at = args.iter().position(is_it).expect("clap has just found it");
    let behind = if args[at].to_str() == Some(&name) { at + 2 } else { at + 1 };
    args.splice(behind..behind, more.iter().cloned());
    args
}
