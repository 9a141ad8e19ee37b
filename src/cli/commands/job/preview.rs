//! `seismic job preview`: the columns of a topic or of what a sink is given, with types and units, and the
//! newest messages. It works before the job was ever started: then there are no messages yet.

use std::path::Path;
use std::time::Duration;

use seismic_derived::{Column, Definition, InputDefinition, InputFormat, ROWS};
use seismic_pipeline::{DEAD, ROLLUP};
use seismic_proto::{ColumnType, Schema};
use seismic_queue::{Error, Offset, Queue, Span, SpanReader};
use seismic_sinks::SinkSpec;
use seismic_sinks::csv::CsvReader;
use serde::Serialize;
use serde_json::json;

use crate::cli::format;
use crate::cli::json::{Content, Line, Row};
use crate::cli::stdio::print_line;
use crate::cli::target::Target;
use crate::job::JobSpec;
use crate::job::location::Location;
use crate::job::repartition::{first_dead_topic, first_group};

/// Options of `seismic job preview`.
#[derive(clap::Args)]
pub struct Args {
    /// Topic of the job, or a sink as a job names it (csv:DIR, postgres://USER@HOST/DATABASE)
    #[arg(value_name = "TOPIC|SINK")]
    what: String,
    #[command(flatten)]
    target: Target,
    /// How many of the newest messages
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    newest: u16,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A column as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct ShownColumn {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    unit: String,
    doc: String,
}

/// What is found.
struct Preview {
    /// What it is, in a line.
    title: String,
    columns: Vec<ShownColumn>,
    /// The newest messages, the oldest of them first, in words and as JSON.
    messages: Vec<(String, String)>,
    /// Why there are none.
    why_none: &'static str,
}

/// Fields of records: name, type, unit, meaning.
const RECORD: [[&str; 4]; 11] = [
    ["sensor_id", "text", "", "1 to 256 bytes"],
    ["collect_timestamp", "timestamp", "ms since 1970 UTC", "event time"],
    ["longitude", "float64", "degrees", "east positive, -180 to 180"],
    ["latitude", "float64", "degrees", "north positive, -90 to 90"],
    ["depth", "int32", "km", "depth of the sensor"],
    ["seismic_amplitude", "float32", "", "valid from -100 to 200, unless the job says otherwise"],
    ["frequency", "int32", "Hz", "samples per second"],
    ["phase_type", "text", "", "P, S or N (noise)"],
    ["data_quality", "int32", "", "1 valid, 0 invalid"],
    ["network_status", "int32", "", "as the sensor reports it"],
    ["arrival_ms", "timestamp", "ms since 1970 UTC", "when a gateway received it; 0 is unknown"],
];

/// A row of a job with a statement; its job file has the columns.
const JSON: [[&str; 4]; 1] =
    [["row", "JSON", "", "an object with the columns of the output, and _id"]];

/// Fields of dead letters.
const DEAD_LETTER: [[&str; 4]; 9] = [
    ["reason", "text", "", "why the record counts in no window"],
    ["input_topic", "text", "", "where it was read"],
    ["input_partition", "int32", "", "its partition there"],
    ["input_offset", "int64", "", "offset of its message"],
    ["index", "int32", "", "place in a packed message; 0 otherwise"],
    ["append_ms", "timestamp", "ms since 1970 UTC", "append time of the message"],
    ["bytes", "bytes", "", "the record's bytes, cut to the limit of a message"],
    ["original_len", "int64", "bytes", "length before any cut"],
    ["sha256", "bytes", "", "SHA-256 of the original bytes"],
];

pub fn preview(args: &Args) -> anyhow::Result<()> {
    let file = args.target.file.read()?;
    file.check()?;
    let mut options = file.options;
    options.location = args.target.options.clone().or(options.location);
    let mut spec = JobSpec { statement: file.statement, ..JobSpec::of(options) };
    if let Some(statement) = &mut spec.statement {
        statement.input.topic.clone_from(&spec.topic);
    }
    let newest = usize::from(args.newest);
    let found = match sink_of(&args.what, &spec) {
        Some(sink) => of_sink(&sink, &spec, newest)?,
        None => of_topic(&args.what, &spec, newest)?,
    };
    if args.json {
        // Put together as text: floats keep their shortest form.
        let messages: Vec<&str> = found.messages.iter().map(|(_, json)| &**json).collect();
        let (title, columns) = (json!(found.title), serde_json::to_string(&found.columns)?);
        let messages = messages.join(",");
        return Ok(print_line(format_args!(
            "{{\"what\":{title},\"columns\":{columns},\"messages\":[{messages}]}}"
        ))?);
    }
    print_line(&found.title)?;
    for ShownColumn { name, kind, unit, doc } in &found.columns {
        print_line(format_args!("  {name:<20} {kind:<11} {unit:<18} {doc}"))?;
    }
    if found.messages.is_empty() {
        return Ok(print_line(found.why_none)?);
    }
    found.messages.iter().try_for_each(|(words, _)| Ok(print_line(words)?))
}

/// The sink that is meant: one with a scheme of its own, unless a topic of the job is called so.
fn sink_of(what: &str, spec: &JobSpec) -> Option<SinkSpec> {
    if [&spec.topic, &spec.result_topic, &spec.dead_topic].iter().any(|topic| *topic == what) {
        return None;
    }
    let of_job = spec.sink.iter().find(|sink| sink.to_string() == what || sink.name() == what);
    of_job.cloned().or_else(|| what.parse().ok())
}

fn of_sink(sink: &SinkSpec, spec: &JobSpec, newest: usize) -> anyhow::Result<Preview> {
    let title = match sink.condition() {
        "" => format!("sink {}: every row of {}", sink.shown(), spec.result_topic),
        condition => {
            format!("sink {}: rows of {} where {condition}", sink.shown(), spec.result_topic)
        }
    };
    let mut messages = Vec::new();
    let why_none = "it has no rows yet";
    if sink.scheme() == "csv"
        && let Some(reader) = CsvReader::open(Path::new(sink.target()), Schema::windows())?
    {
        let mut last = std::collections::VecDeque::new();
        for row in reader.rows() {
            let seismic_proto::Row::Window(row) = row? else { continue };
            last.push_back(row);
            if last.len() > newest {
                last.pop_front();
            }
        }
        let one = |row: seismic_proto::SeismicAggRecord| -> anyhow::Result<(String, String)> {
            Ok((format::row(&row), serde_json::to_string(&Row(row))?))
        };
        messages = last.into_iter().map(one).collect::<Result<_, _>>()?;
    } else if sink.scheme() != "csv" {
        // What it has is in its own system; what it is given is here.
        messages = of_topic(&spec.result_topic, spec, newest)?.messages;
    }
    Ok(Preview { title, columns: columns_of(Content::Rows), messages, why_none })
}

/// An input of a statement, whose job file says what its messages have.
fn of_input(
    input: &InputDefinition,
    location: &Location,
    newest: usize,
) -> anyhow::Result<Preview> {
    let (content, what, columns) = match input.format {
        InputFormat::Json => (Content::Json, "lines of JSON", declared(&input.columns)),
        InputFormat::Windows => (Content::Rows, "rows", columns_of(Content::Rows)),
    };
    let name = &input.topic;
    let (place, messages) = match &input.of {
        Some(of) => {
            let location = location.of_job(of);
            let store = location.open_store()?;
            let has_begun = store.view().is_ok();
            let messages = has_begun.then(|| newest_of(store.topics(), name, content, newest));
            (location.store_url().to_string(), messages.transpose()?)
        }
        None => {
            let messages = match location.open_queue_of(name) {
                Ok(queue) => Some(newest_of(&*queue, name, content, newest)?),
                Err(Error::TopicMissing { .. }) => None,
                Err(error) => return Err(error.into()),
            };
            (location.queue.to_string(), messages)
        }
    };
    let title = format!("topic {name} in {place}: {what}");
    let (messages, why_none) = (messages.unwrap_or_default(), "there are no messages yet");
    Ok(Preview { title, columns, messages, why_none })
}

/// Columns that a job file declares.
fn declared(columns: &[Column]) -> Vec<ShownColumn> {
    let one = |column: &Column| ShownColumn {
        name: column.name.clone(),
        kind: column.kind.to_string(),
        unit: String::new(),
        doc: String::new(),
    };
    columns.iter().map(one).collect()
}

/// Columns of the rows that the statement makes.
fn of_output(statement: &Definition) -> Vec<ShownColumn> {
    let doc = "what it was made of: partition, offset, record and row, of a window its start, of a \
               join both sides";
    let id = ["_id", "text", "", doc].map(str::to_owned);
    let [name, kind, unit, doc] = id;
    let mut columns = declared(&statement.output.columns);
    columns.push(ShownColumn { name, kind, unit, doc });
    columns
}

fn of_topic(name: &str, spec: &JobSpec, newest: usize) -> anyhow::Result<Preview> {
    let location = spec.location();
    let is_own = [&spec.result_topic, &spec.dead_topic].iter().any(|own| *own == name);
    let mut inputs = spec.statement.iter().flat_map(Definition::inputs);
    if let (false, Some(input)) = (is_own, inputs.find(|input| input.topic == name)) {
        return of_input(input, &location, newest);
    }
    let (content, is_in_store) = content_of(name, spec, &location)?;
    let mut messages = Vec::new();
    let mut place = location.queue.to_string();
    if is_in_store {
        let location = location.of_topic(name);
        place = location.store_url().to_string();
        let store = location.open_store()?;
        if store.view().is_ok() {
            messages = newest_of(store.topics(), name, content, newest)?;
        }
    } else {
        match location.open_queue_of(name) {
            Ok(queue) => messages = newest_of(&*queue, name, content, newest)?,
            // The job's own input may be made later; any other name is a mistake.
            Err(Error::TopicMissing { .. }) if name == spec.topic => {}
            Err(error) => return Err(error.into()),
        }
        let is_missing = messages.is_empty() && name != spec.topic;
        if is_missing {
            location.open_queue_of(name)?.topic(name)?;
        }
    }
    let what = match content {
        Content::Records => "records",
        Content::Rows => "rows",
        Content::DeadLetters => "dead letters",
        Content::Internal => "records of the internal topic",
        Content::Json => "rows in JSON",
    };
    let title = format!("topic {name} in {place}: {what}");
    let why_none = "there are no messages yet";
    let columns = match &spec.statement {
        Some(statement) if name == spec.result_topic => of_output(statement),
        _ => columns_of(content),
    };
    Ok(Preview { title, columns, messages, why_none })
}

/// What the messages of a topic are, and whether it is one of the job's store.
fn content_of(name: &str, spec: &JobSpec, location: &Location) -> anyhow::Result<(Content, bool)> {
    let is_rollup = spec.rollups().any(|rollup| rollup.topic(&spec.result_topic) == name);
    if name == spec.result_topic || is_rollup {
        let is_of_statement = spec.statement.is_some();
        return Ok((if is_of_statement { Content::Json } else { Content::Rows }, true));
    }
    if name == spec.dead_topic || name == first_dead_topic(&spec.group) {
        return Ok((Content::DeadLetters, true));
    }
    if name == first_group(&spec.group) {
        return Ok((Content::Internal, true));
    }
    // A store may have been made by a job with other names.
    if name != spec.topic
        && let Ok(view) = location.open_store()?.view()
    {
        let job = view.job;
        if job.topics_of(ROWS).any(|topic| topic == name) {
            return Ok((Content::Json, true));
        }
        if job.main_topic() == name || job.topics_of(ROLLUP).any(|topic| topic == name) {
            return Ok((Content::Rows, true));
        }
        if job.topic_of(DEAD) == Some(name) {
            return Ok((Content::DeadLetters, true));
        }
    }
    Ok((Content::Records, false))
}

fn columns_of(content: Content) -> Vec<ShownColumn> {
    let of = |[name, kind, unit, doc]: [&str; 4]| ShownColumn {
        name: name.to_owned(),
        kind: kind.to_owned(),
        unit: unit.to_owned(),
        doc: doc.to_owned(),
    };
    match content {
        Content::Records | Content::Internal => RECORD.map(of).into(),
        Content::DeadLetters => DEAD_LETTER.map(of).into(),
        Content::Json => JSON.map(of).into(),
        Content::Rows => {
            let one = |column: &seismic_proto::Column| ShownColumn {
                name: column.name.to_string(),
                kind: kind_of(column.kind),
                unit: column.unit.to_string(),
                doc: column.doc.to_string(),
            };
            Schema::windows().columns().iter().map(one).collect()
        }
    }
}

fn kind_of(kind: ColumnType) -> String {
    match kind {
        ColumnType::Text => "text".to_owned(),
        ColumnType::Bool => "bool".to_owned(),
        ColumnType::Int32 => "int32".to_owned(),
        ColumnType::UInt32 => "uint32".to_owned(),
        ColumnType::Int64 => "int64".to_owned(),
        ColumnType::TimestampMs => "timestamp".to_owned(),
        ColumnType::Float32 => "float32".to_owned(),
        ColumnType::Float64 => "float64".to_owned(),
        ColumnType::Enum(words) => words.join("|"),
    }
}

/// The newest messages of all partitions, by append time.
fn newest_of(
    queue: &dyn Queue,
    name: &str,
    content: Content,
    newest: usize,
) -> anyhow::Result<Vec<(String, String)>> {
    let topic = match queue.topic(name) {
        Err(Error::TopicMissing { .. }) => return Ok(Vec::new()),
        topic => topic?,
    };
    let spans = queue.spans(&topic)?;
    let mut found = Vec::new();
    for (partition, span) in topic.all().zip(spans) {
        let from = Offset(span.end.0.saturating_sub(newest as u64).max(span.first.0));
        if from >= span.end {
            continue;
        }
        let span = Span { first: from, end: span.end };
        let mut reader = SpanReader::new(queue, &topic, partition, span)?;
        // A transaction that is open at the end is not waited for.
        for _ in 0..LOOKS {
            reader.read(LOOK, |message| {
                let words = format::message(partition.0, message, content);
                let line = serde_json::to_string(&Line::new(partition.0, message, content))?;
                found.push((message.append_ms, partition.0, message.offset, words, line));
                anyhow::Ok(())
            })?;
            if reader.is_at_end() {
                break;
            }
        }
    }
    found.sort_by_key(|(at_ms, partition, offset, ..)| (*at_ms, *partition, *offset));
    let last = found.split_off(found.len().saturating_sub(newest));
    Ok(last.into_iter().map(|(.., words, line)| (words, line)).collect())
}

/// How long messages are waited for that a broker says it has, at a time and in all.
const LOOK: Duration = Duration::from_millis(200);
const LOOKS: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    use crate::cli::json::{DeadLetter, Record};
    use seismic_proto::{SeismicDeadLetter, SeismicRecord};

    #[test]
    fn every_field_that_json_has_is_a_column() {
        let names = |of: &[[&str; 4]]| of.iter().map(|it| it[0].to_owned()).collect::<Vec<_>>();
        let keys = |value: Value| {
            let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys
        };
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        let record = serde_json::to_value(Record::from(SeismicRecord::default())).unwrap();
        assert_eq!(sorted(names(&RECORD)), keys(record));
        let letter = serde_json::to_value(DeadLetter::from(SeismicDeadLetter::default())).unwrap();
        assert_eq!(sorted(names(&DEAD_LETTER)), keys(letter));
    }
}
