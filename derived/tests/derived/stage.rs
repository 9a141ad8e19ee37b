//! A job in memory, and definitions for it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use seismic_derived::{
    Column, Definition, DimensionDefinition, InputDefinition, InputFormat, Missing,
    OutputDefinition, StatementKind, TableRow, Tables, Value,
};
use seismic_pipeline::verify::{Report, verify};
use seismic_pipeline::{Finish, JobContext, Metrics, Settings, run};
use seismic_proto::{Message as _, SeismicDeadLetter};
use seismic_queue::memory::{Memory, MemoryStore};
use seismic_queue::{
    Append, Batch, Block, Event, Job, JobStore, Lease, Message, Offset, Partition, Queue,
    partition_of,
};

pub const PARTITIONS: u32 = 3;

/// Columns as a file lists them: `name type`.
pub fn columns(all: &[&str]) -> Vec<Column> {
    let column = |text: &&str| {
        let (name, kind) = text.split_once(' ').unwrap();
        Column { name: name.to_owned(), kind: kind.parse().unwrap() }
    };
    all.iter().map(column).collect()
}

/// Disk usage, as in the example of the documents.
pub fn usage(sql: &str) -> Definition {
    let input = InputDefinition {
        name: "MoniteDataSource_1".to_owned(),
        topic: "usage".to_owned(),
        of: None,
        format: InputFormat::Json,
        key: None,
        time: None,
        columns: columns(&["JobName text", "UsedGB real", "TotalGB real", "Type int"]),
    };
    let output = OutputDefinition {
        name: "MoniteSink".to_owned(),
        topic: "ratio".to_owned(),
        key: Some("JobName".to_owned()),
        columns: columns(&["JobName text", "UsedRatio real", "Kind int"]),
    };
    Definition::new(input, output, sql.to_owned())
}

/// Disk usage with a table of thresholds, as in the example of the documents.
pub fn thresholds(sql: &str, unique: bool, missing: Missing) -> Definition {
    let mut definition = usage(sql);
    definition.output.columns = columns(&["JobName text", "UsedRatio real", "UsedThreshold real"]);
    let table = DimensionDefinition {
        name: "Threshold".to_owned(),
        columns: columns(&["Type int", "Value real"]),
        key: vec!["Type".to_owned()],
        on: vec!["Type".to_owned()],
        unique,
        missing,
    };
    definition.with_dimensions(vec![table])
}

/// A comma join, as it stands in the example.
pub const JOIN: &str = "insert into MoniteSink\n\
    select a.JobName, a.UsedGB * 1.0 / a.TotalGB as UsedRatio, b.Value as UsedThreshold\n\
    from MoniteDataSource_1 as a, Threshold as b where a.Type = b.Type";

/// Rows of the table of thresholds.
pub fn table(rows: &[(i64, f64)]) -> Vec<TableRow> {
    rows.iter().map(|(kind, value)| vec![Value::Integer(*kind), Value::Real(*value)]).collect()
}

/// A statement with the parts of most others.
pub const RATIO: &str = "insert into MoniteSink\n\
    select a.JobName, a.UsedGB * 1.0 / a.TotalGB as UsedRatio, a.Type + 0 as Kind\n\
    from MoniteDataSource_1 as a where a.UsedGB >= 0";

/// A job, its queue and its store.
pub struct Stage {
    pub queue: Memory,
    pub store: Arc<dyn JobStore>,
    pub tables: Arc<Tables>,
    pub job: Job,
    pub kind: StatementKind,
    pub settings: Settings,
}

impl Stage {
    pub fn new(definition: Definition, store: Box<dyn JobStore>) -> Stage {
        let store: Arc<dyn JobStore> = store.into();
        let tables = Arc::new(Tables::new(Arc::clone(&store)));
        let queue = Memory::new();
        let inputs = definition.inputs().map(|it| queue.create(&it.topic, PARTITIONS).unwrap());
        let inputs = inputs.collect();
        let job_has_tables = !definition.dimensions.is_empty();
        let kind = StatementKind::new(definition).unwrap().with_tables(Arc::clone(&tables));
        let job = kind.job("ratios", inputs, "ratios-dead");
        if job_has_tables {
            // So that there is a store for what is read of them.
            drop(store.acquire(&job).unwrap());
        }
        let settings = Settings {
            idle_timeout: Duration::ZERO,
            finish: Finish::CaughtUp,
            commit_every: Duration::ZERO,
            ..Settings::default()
        };
        Stage { queue, store, tables, job, kind, settings }
    }

    pub fn of(sql: &str) -> Stage {
        Stage::new(usage(sql), Box::new(MemoryStore::new()))
    }

    /// Appends a message to the partition of its key.
    pub fn send(&self, key: &str, value: &str) {
        self.send_to(0, key, value);
    }

    /// The same to an input.
    pub fn send_to(&self, input: usize, key: &str, value: &str) {
        let mut producer = self.queue.producer(&self.job.inputs[input], "p").unwrap();
        let partition = partition_of(key.as_bytes(), PARTITIONS);
        let first_sequence = producer.next_sequence(partition).unwrap();
        let mut block = Block::default();
        block.push(key.as_bytes(), value.as_bytes()).unwrap();
        producer.append(&[Append { partition, first_sequence, block: &block }]).unwrap();
    }

    /// Appends that many measurements, of which some have no type and some are none.
    pub fn publish(&self, from: u64, to: u64) {
        for i in from..to {
            let (key, used) = (format!("job{}", i % 7), i as f64 / 3.0);
            match i % 11 {
                5 => self.send(&key, "{\"JobName\":"),
                7 => self.send(&key, &format!("{{\"JobName\":\"{key}\",\"UsedGB\":-1}}")),
                9 => self.send(&key, &line(&key, used, 4.0, "null").repeat(2)),
                _ => self.send(&key, &line(&key, used, 4.0, &(i % 3).to_string())),
            }
        }
    }

    pub fn context<'a>(&'a self, lease: &'a dyn Lease) -> JobContext<'a> {
        JobContext {
            queue: &self.queue,
            store: &*self.store,
            lease,
            job: &self.job,
            slots: 2,
            kind: &self.kind,
            settings: &self.settings,
        }
    }

    pub fn run(&self) -> seismic_pipeline::Result<()> {
        let lease = self.store.acquire(&self.job)?;
        run(self.context(&*lease), &Arc::new(AtomicBool::new(false)), &Metrics::default())
    }

    pub fn report(&self) -> Report {
        self.proof().unwrap()
    }

    pub fn proof(&self) -> seismic_pipeline::Result<Report> {
        let tables = Arc::new(Tables::new(Arc::clone(&self.store)));
        let kind = StatementKind::reader().with_tables(tables);
        verify(&self.queue, &*self.store, &kind, false, &mut |_| {})
    }

    pub fn differences(&self) -> Vec<String> {
        self.report().differences.iter().map(ToString::to_string).collect()
    }

    /// Messages of an output: key and value, partition after partition.
    fn messages(&self, topic: &str) -> Vec<(String, Vec<u8>)> {
        let topics = self.store.topics();
        let topic = topics.topic(topic).unwrap();
        let (mut all, mut spare) = (Vec::new(), Vec::<Batch>::new());
        for (partition, span) in topic.all().zip(topics.spans(&topic).unwrap()) {
            let mut next = span.first;
            let mut reader = topics.reader(&topic, &[(partition, next)]).unwrap();
            while next < span.end {
                match reader.read(Duration::from_secs(5), &mut spare).unwrap() {
                    Event::Batch(batch) => {
                        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                        all.extend(batch.messages().map(|it| (text(it.key), it.value.to_vec())));
                        next = batch.next();
                    }
                    // Offsets that a rewind took back have no messages.
                    Event::CaughtUp(_, at) => next = next.max(at),
                    other => panic!("{other:?}"),
                }
            }
        }
        all
    }

    /// Rows of the output: key and JSON.
    pub fn rows(&self) -> Vec<(String, String)> {
        let all = self.messages("ratio").into_iter();
        all.map(|(key, value)| (key, String::from_utf8(value).unwrap())).collect()
    }

    /// Dead letters: reason, words and place.
    pub fn letters(&self) -> Vec<String> {
        let all = self.messages("ratios-dead").into_iter();
        all.map(|(_, value)| {
            let letter = SeismicDeadLetter::decode(&*value).unwrap();
            let SeismicDeadLetter { reason, detail, input_offset, index, .. } = letter;
            format!("{reason} {input_offset}/{index}: {detail}")
        })
        .collect()
    }
}

/// A measurement as a line.
pub fn line(job: &str, used: f64, total: f64, kind: &str) -> String {
    format!("{{\"JobName\":\"{job}\",\"UsedGB\":{used:?},\"TotalGB\":{total:?},\"Type\":{kind}}}\n")
}

/// A batch of these messages, from offset 0 on.
pub fn batch(partition: Partition, from: u64, messages: &[(String, String)]) -> Batch {
    let mut batch = Batch::default();
    batch.reset(partition, Offset(from));
    for (offset, (key, value)) in (from..).map(Offset).zip(messages) {
        let (key, value) = (key.as_bytes(), value.as_bytes());
        batch.push(Message { offset, append_ms: 5, key, value });
    }
    batch
}
