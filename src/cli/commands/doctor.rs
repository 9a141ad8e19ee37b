//! `seismic doctor`: examines everything that a job depends on.

use seismic_sinks::SinkSpec;

use crate::cli::exit::Outcome;
use crate::cli::stdio::{print, print_line};
use crate::cli::target::{InputTopic, Target};
use crate::doctor::{self, Subject};
use crate::sink_value::SinkValue;

/// Options of `seismic doctor`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    topic: InputTopic,
    /// Sink of the job; repeatable
    #[arg(long = "sink", value_name = "SINK", value_parser = SinkValue)]
    sinks: Vec<SinkSpec>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Examines and reports; exit code 3 when there is a problem.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    let server = &args.target.file.server_file;
    let mut report = doctor::examine_connections(&server.read()?.connections);
    // The file of a server alone is about its connections; a job is examined when one is meant.
    if server.config.is_none() || args.target.file.job.is_some() {
        let location = args.target.location()?;
        let mut file = args.target.file.read()?;
        file.tables.iter_mut().for_each(|table| table.source.read_from(&location));
        let topic = args.topic.name_or(file.options.topic);
        let of = file.statement.as_ref().and_then(|definition| definition.input.of.clone());
        let joined = file.statement.as_ref().and_then(|definition| definition.join.as_ref());
        let joined = joined.map(|join| join.right.topic.clone());
        let both = file.statement.map(|it| (it.dimensions, it.functions));
        let (dimensions, functions) = both.unwrap_or_default();
        let tables = dimensions.into_iter().zip(file.tables).collect();
        let functions = functions.into_iter().zip(file.functions).collect();
        let sinks = args.sinks;
        let of_job =
            doctor::examine(&Subject { location, topic, joined, of, sinks, tables, functions });
        report.sections.extend(of_job.sections);
    }
    match args.json {
        true => print_line(report.json())?,
        false => print(report.text())?,
    }
    Ok(if report.has_problems() { Outcome::Differs } else { Outcome::Fine })
}
