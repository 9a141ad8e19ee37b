//! `seismic topic append`: appends lines to a topic, each as one message.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use anyhow::Context as _;
use seismic_queue::{Append, Block, Partition, Producer, Topic, partition_of};
use serde_json::json;

use crate::cli::exit::{Outcome, Usage};
use crate::cli::format::count;
use crate::cli::signal;
use crate::cli::stdio::print_line;
use crate::cli::target::Target;

/// Whom the queue knows as the producer.
const PRODUCER: &str = "seismic-topic-append";

/// Bytes that are appended at once.
const BYTES: usize = 1 << 20;

/// Options of `seismic topic append`.
#[derive(clap::Args)]
pub struct Args {
    /// The topic, which must be there
    topic: String,
    /// File with the lines; - is standard input
    #[arg(default_value = "-")]
    file: PathBuf,
    #[command(flatten)]
    target: Target,
    /// Field of the JSON object in each line that is the key of its message: messages of one key are
    /// in one partition and keep their order. Without it, messages have no key
    #[arg(long, value_name = "FIELD")]
    key: Option<String>,
    /// Append the key of each line without a value: a table that is read from the topic has no row of
    /// that key any more
    #[arg(long, requires = "key")]
    delete: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Appends the lines.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let stop = signal::stop_flag()?;
    let queue = args.target.location()?.open_queue_of(&args.topic)?;
    let topic = queue.topic(&args.topic)?;
    let mut producer = queue.producer(&topic, PRODUCER)?;
    let mut lines = Lines { blocks: vec![Block::default(); topic.partitions as usize], count: 0 };
    let input: Box<dyn BufRead> = match args.file.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => {
            let file = File::open(&args.file);
            let file = file.with_context(|| format!("opening {}", args.file.display()))?;
            Box::new(BufReader::new(file))
        }
    };
    for (number, line) in (1_u64..).zip(input.split(b'\n')) {
        let line = line.with_context(|| format!("reading {}", args.file.display()))?;
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let key = key_of(line, args.key.as_deref())
            .map_err(|why| Usage(format!("{}:{number}: {why}", args.file.display())));
        if let Err(error) = &key {
            // What stands before it is there: its lines are not to be given again.
            lines.append(&topic, &mut *producer)?;
            let appended = count(lines.count);
            return Err(Usage(format!("{error}; {appended} lines before it are appended")).into());
        }
        let value = if args.delete { &[] } else { line };
        lines.push(&topic, &key?, value)?;
        if lines.waiting() > BYTES {
            lines.append(&topic, &mut *producer)?;
        }
        if stop.load(std::sync::atomic::Ordering::Relaxed) {
            break;
        }
    }
    lines.append(&topic, &mut *producer)?;
    let (appended, name, at) = (lines.count, &topic.name, queue.name());
    if args.json {
        print_line(json!({ "topic": name, "messages": appended }))?;
    } else {
        print_line(format_args!("appended {} messages to {name} in {at}", count(appended)))?;
    }
    Ok(Outcome::Fine)
}

/// Lines that wait for each partition, and those that are appended.
struct Lines {
    blocks: Vec<Block>,
    count: u64,
}

impl Lines {
    fn push(&mut self, topic: &Topic, key: &[u8], value: &[u8]) -> anyhow::Result<()> {
        // Without keys, equal lines are in one partition; nobody asks for more.
        let to = partition_of(if key.is_empty() { value } else { key }, topic.partitions);
        if let Some(block) = self.blocks.get_mut(to.0 as usize) {
            block.push(key, value)?;
        }
        Ok(())
    }

    fn waiting(&self) -> usize {
        self.blocks.iter().map(|block| block.bytes().len()).sum()
    }

    fn append(&mut self, topic: &Topic, producer: &mut dyn Producer) -> seismic_queue::Result<()> {
        let waiting = (0..topic.partitions).map(Partition).zip(&self.blocks);
        let waiting: Vec<_> = waiting.filter(|(_, block)| !block.is_empty()).collect();
        let mut appends = Vec::new();
        for (partition, block) in &waiting {
            let first_sequence = producer.next_sequence(*partition)?;
            appends.push(Append { partition: *partition, first_sequence, block });
        }
        if !appends.is_empty() {
            producer.append(&appends)?;
        }
        self.count += waiting.iter().map(|(_, block)| u64::from(block.count())).sum::<u64>();
        self.blocks.iter_mut().for_each(Block::clear);
        Ok(())
    }
}

/// The key of a line.
fn key_of(line: &[u8], field: Option<&str>) -> Result<Vec<u8>, String> {
    let Some(field) = field else { return Ok(Vec::new()) };
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(line).map_err(|_| "the line is no JSON object".to_owned())?;
    match object.get(field) {
        Some(serde_json::Value::String(text)) => Ok(text.clone().into_bytes()),
        Some(serde_json::Value::Number(number)) => Ok(number.to_string().into_bytes()),
        Some(_) => Err(format!("its field {field} is neither text nor a number")),
        None => Err(format!("the object has no field {field}")),
    }
}
