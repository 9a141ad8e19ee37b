//! `seismic read`: prints the messages of a topic, or the rows of a CSV folder.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use seismic_pipeline::StartFrom;
use seismic_proto::{Message as _, Row, Schema, SeismicAggRecord};
use seismic_queue::{
    Batch, Error, Event, Kind, Message, Offset, Partition, Queue, Topic, patiently,
};
use seismic_sinks::csv::{CsvLines, Times};

use crate::cli::csv_folder::{self, FolderRows};
use crate::cli::event_range::EventRange;
use crate::cli::exit::{Outcome, Usage};
use crate::cli::found_topic::{FoundTopic, Where, begin};
use crate::cli::json::{Content, Line};
use crate::cli::merged_rows::MergedRows;
use crate::cli::target::Target;
use crate::cli::{format, signal};
use crate::time;

/// Options of `seismic read`.
#[derive(clap::Args)]
pub struct Args {
    /// Topic to print; csv:FOLDER prints the rows of a CSV sink's folder
    topic: String,
    #[command(flatten)]
    target: Target,
    /// Only this partition
    #[arg(long, value_name = "N")]
    partition: Option<u32>,
    /// Where to start: earliest, latest, an offset, or an append time (2020-06-23T15:29:05Z,
    /// now-1h)
    #[arg(long, value_name = "WHERE", default_value = "earliest", value_parser = time::parse_from)]
    from: StartFrom,
    #[command(flatten)]
    events: EventRange,
    /// Stop after this many messages
    #[arg(long, value_name = "N")]
    max: Option<u64>,
    /// Keep printing new messages at the end of the topic
    #[arg(long)]
    follow: bool,
    /// Print one row for each window, with the further panes of the window added up
    #[arg(long, conflicts_with = "follow")]
    merged: bool,
    /// Output format [default: text; csv of a folder]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Where the topic is [default: the job store if it has the topic, else the queue]
    #[arg(long = "in", value_enum, value_name = "WHERE")]
    place_of_topic: Option<Where>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One line of text per message
    Text,
    /// One JSON object per line
    Json,
    /// CSV with a header, of rows alone
    Csv,
}

/// Prints the topic.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let stop = signal::stop_flag()?;
    if let Some(folder) = args.topic.strip_prefix(csv_folder::PREFIX) {
        let rows = of_folder(args)?;
        csv_folder::print(&rows, Path::new(folder), &stop)?;
        return Ok(Outcome::Fine);
    }
    let location = args.target.location()?.of_topic(&args.topic);
    let found = FoundTopic::of(&location, &args.topic, args.place_of_topic)?;
    print(found.queue(), found.content, args, &stop)?;
    Ok(Outcome::Fine)
}

/// What is printed of a folder; refuses what only topics have.
fn of_folder(args: &Args) -> Result<FolderRows, Usage> {
    args.events.check(Content::Rows)?;
    let of_topics = [
        ("--follow", args.follow),
        ("--in", args.place_of_topic.is_some()),
        ("--from", args.from != StartFrom::Earliest),
        ("--format text", args.format == Some(Format::Text)),
    ];
    match of_topics.into_iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => {
            let text = format!("{option} is of topics; a folder has no offsets and append times");
            Err(Usage(text))
        }
        None => {
            let &Args { partition, events, max, merged, .. } = args;
            let is_csv = args.format != Some(Format::Json);
            Ok(FolderRows { partition, events, max, merged, is_csv })
        }
    }
}

fn print(
    queue: &dyn Queue,
    content: Content,
    args: &Args,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    args.events.check(content)?;
    if args.merged && !matches!(content, Content::Rows) {
        let text = format!("--merged adds up rows, and {} has none", args.topic);
        return Err(Usage(text).into());
    }
    if args.format == Some(Format::Csv) && !matches!(content, Content::Rows) {
        let text = format!("--format csv shows rows, and {} has none; use json", args.topic);
        return Err(Usage(text).into());
    }
    let topic = ask(args, stop, || queue.topic(&args.topic))?;
    let partitions: Vec<Partition> = match args.partition {
        Some(n) if n >= topic.partitions => {
            let partitions = topic.partitions;
            let (topic, partition) = (topic.name, Partition(n));
            return Err(Error::PartitionMissing { topic, partition, partitions }.into());
        }
        Some(n) => vec![Partition(n)],
        None => topic.all().collect(),
    };
    let spans = ask(args, stop, || queue.spans(&topic))?;
    let mut printer = Printer {
        out: io::BufWriter::new(io::stdout().lock()),
        content,
        format: args.format.unwrap_or(Format::Text),
        lines: CsvLines::new(Schema::windows(), Times::Ms),
        events: args.events,
        left: args.max.unwrap_or(u64::MAX),
        merged: MergedRows::default(),
    };
    if printer.format == Format::Csv {
        printer.out.write_all(&printer.lines.header())?;
    }
    let mut follow_from = Vec::new();
    for &partition in &partitions {
        let span = spans[partition.0 as usize];
        let from = ask(args, stop, || begin(queue, &topic, partition, span, args.from))?;
        if from < span.end {
            if args.merged {
                let part = (from, span.end);
                printer.merged = MergedRows::read(queue, &topic, partition, part, stop)?;
            }
            printer.partition(queue, &topic, partition, (from, span.end), (args, stop))?;
        }
        follow_from.push((partition, from.max(span.end)));
    }
    if args.follow {
        printer.out.flush()?;
        printer.follow(queue, &topic, &follow_from, stop)?;
    }
    Ok(printer.out.flush()?)
}

/// Who follows a topic waits for brokers that are gone for a while; everyone else hears of it.
fn ask<T>(
    args: &Args,
    stop: &AtomicBool,
    question: impl Fn() -> seismic_queue::Result<T>,
) -> seismic_queue::Result<T> {
    if args.follow { patiently(stop, question) } else { question() }
}

struct Printer<W> {
    out: W,
    content: Content,
    format: Format,
    /// Makes lines of CSV.
    lines: CsvLines,
    events: EventRange,
    /// Messages that may still be printed.
    left: u64,
    /// What becomes of rows of one window.
    merged: MergedRows,
}

impl<W: Write> Printer<W> {
    /// Prints one partition up to `end`.
    fn partition(
        &mut self,
        queue: &dyn Queue,
        topic: &Topic,
        partition: Partition,
        (from, end): (Offset, Offset),
        (args, stop): (&Args, &AtomicBool),
    ) -> anyhow::Result<()> {
        let mut reader = ask(args, stop, || queue.reader(topic, &[(partition, from)]))?;
        let mut spare = Vec::new();
        let mut next = from;
        while next < end && self.left > 0 && !stop.load(Ordering::Relaxed) {
            let read = match reader.read(Duration::from_millis(100), &mut spare) {
                Err(error) if args.follow && error.kind() == Kind::Retry => Event::Nothing,
                read => read?,
            };
            match read {
                Event::Batch(batch) => {
                    self.batch(&batch, end)?;
                    next = batch.next();
                    spare.push(batch);
                }
                // Short of the end while a transaction is open there.
                Event::CaughtUp(_, at) => next = next.max(at),
                _ => {}
            }
        }
        Ok(())
    }

    /// Prints what comes, as it comes.
    fn follow(
        &mut self,
        queue: &dyn Queue,
        topic: &Topic,
        at: &[(Partition, Offset)],
        stop: &AtomicBool,
    ) -> anyhow::Result<()> {
        let mut reader = patiently(stop, || queue.reader(topic, at))?;
        let mut spare = Vec::new();
        while self.left > 0 && !stop.load(Ordering::Relaxed) {
            let read = patiently(stop, || reader.read(Duration::from_millis(100), &mut spare))?;
            if let Event::Batch(batch) = read {
                self.batch(&batch, Offset(u64::MAX))?;
                self.out.flush()?;
                spare.push(batch);
            }
        }
        Ok(())
    }

    fn batch(&mut self, batch: &Batch, end: Offset) -> anyhow::Result<()> {
        let partition = batch.partition().0;
        for message in batch.messages().take_while(|message| message.offset < end) {
            if self.left == 0 {
                break;
            }
            if !self.events.has(message.value, self.content) {
                continue;
            }
            let Some(value) = self.merged.value(message.value) else { continue };
            let message = Message { value: &value, ..message };
            self.left -= 1;
            match self.format {
                Format::Text => {
                    writeln!(self.out, "{}", format::message(partition, message, self.content))?;
                }
                Format::Json => {
                    let line = Line::new(partition, message, self.content);
                    // A write error keeps its kind: a closed pipe is no failure.
                    serde_json::to_writer(&mut self.out, &line).map_err(io::Error::from)?;
                    writeln!(self.out)?;
                }
                Format::Csv => {
                    let row = SeismicAggRecord::decode(message.value).with_context(|| {
                        format!("message {} of partition {partition} is no row", message.offset)
                    })?;
                    self.out.write_all(self.lines.row(&Row::Window(row)))?;
                }
            }
        }
        Ok(())
    }
}
