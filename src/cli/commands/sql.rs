//! `seismic sql`: one question in SQL of any topic, and of what a job has written.

use std::io;
use std::sync::Arc;

use seismic_pipeline::StartFrom;
use seismic_sql::{Engine, Error, Settings, limits};

use crate::cli::exit::{Outcome, Usage};
use crate::cli::format::count;
use crate::cli::found_topic::Where;
use crate::cli::signal;
use crate::cli::sql::answer::{Answer, Format};
use crate::cli::sql::own_functions::with_functions;
use crate::cli::sql::read_failure::of_engine;
use crate::cli::sql::{Asked, Part, tables};
use crate::cli::stdio::tell;
use crate::cli::target::Target;
use crate::time;

/// Options of `seismic sql`.
#[derive(clap::Args)]
pub struct Args {
    /// One SELECT; tables: input, rows, dead_letters, sensors, checkpoints, journal
    statement: String,
    #[command(flatten)]
    target: Target,
    /// Topic that is `input` [default: the results of the job]
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// Where the topic is [default: the job store if it has the topic, else the queue]
    #[arg(long = "in", value_enum, value_name = "WHERE", requires = "topic")]
    place_of_topic: Option<Where>,
    /// Only this partition of the topics
    #[arg(long, value_name = "N")]
    partition: Option<u32>,
    /// Where to start in the topics: earliest, latest, an offset, or an append time
    /// (2020-06-23T15:29:05Z, now-1h)
    #[arg(long, value_name = "WHERE", default_value = "earliest", value_parser = time::parse_from)]
    from: StartFrom,
    /// Where to end, in the same words: before that offset, or before what was appended from that
    /// time on
    #[arg(long, value_name = "WHERE", default_value = "latest", value_parser = time::parse_from)]
    to: StartFrom,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// MiB that the statement may keep: ORDER BY, GROUP BY, DISTINCT and joins keep what they have
    /// seen
    #[arg(long, value_name = "MIB", default_value_t = limits::MEMORY_BYTES >> 20)]
    memory: u64,
}

/// Asks and prints the answer.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let stop = signal::stop_flag()?;
    let part = Part { partition: args.partition, from: args.from, to: args.to };
    match (part.from, part.to) {
        (_, StartFrom::Earliest) => {
            return Err(Usage("--to earliest leaves nothing to read".to_owned()).into());
        }
        (StartFrom::Offset(from), StartFrom::Offset(to)) if from >= to => {
            return Err(Usage("--to must be later than --from".to_owned()).into());
        }
        (StartFrom::Time(from), StartFrom::Time(to)) if from >= to => {
            return Err(Usage("--to must be later than --from".to_owned()).into());
        }
        _ => {}
    }
    let (tables, unreadable) = tables(&Asked {
        location: args.target.location()?,
        topic: args.topic.as_deref(),
        place: args.place_of_topic,
        part,
        stop: Arc::clone(&stop),
    })?;
    let memory_bytes = args.memory.saturating_mul(1 << 20);
    let (question, functions) = with_functions(&args.statement, &args.target.file.read()?)?;
    let engine =
        Engine::with(tables, Settings { stop, memory_bytes, functions }).map_err(of_engine)?;
    let mut query =
        engine.prepare(&question.sql).map_err(|error| of_engine(question.error(error)))?;
    let columns = query.columns().to_vec();
    let out = io::BufWriter::new(io::stdout().lock());
    let mut answer = Answer::begin(args.format, &columns, out)?;
    let mut rows = query.run();
    let ended = loop {
        match rows.next() {
            Ok(Some(row)) => answer.row(&row)?,
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    drop(rows);
    answer.end()?;
    for (table, count) in unreadable.counts() {
        tell(format_args!("{count} messages of {table} cannot be decoded and are left out"));
    }
    let nans = query.counted().nans;
    if nans > 0 {
        tell(format_args!("{} values that are no number (NaN) were read as NULL", count(nans)));
    }
    match ended {
        None => Ok(Outcome::Fine),
        Some(stopped @ Error::Stopped { .. }) => {
            tell(stopped);
            Ok(Outcome::Fine)
        }
        Some(error @ Error::Memory { .. }) => {
            Err(anyhow::anyhow!("{error}; --memory raises the bound"))
        }
        Some(error) => Err(of_engine(error)),
    }
}
