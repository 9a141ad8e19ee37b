//! What a Kafka client costs: a topic read to its end as the job reads it, by librdkafka, and by next to
//! nothing, which asks one broker for record batches and parses them where they lie.
//!
//! ```text
//! cargo run --release -p seismic-queue --features kafka --example kafka_raw -- HOST:PORT TOPIC THREADS
//! ```
//!
//! All copy each message into the same batches. The last is no client: one broker that leads all
//! partitions, no compression, no checks of CRCs, no transactions, no errors that pass. It shows what a
//! client could gain at most.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use seismic_queue::{Batch, Event, Message, Offset, Partition, Queue, Topic, Url, limits, open};

/// Bytes asked for at once, of one partition and of all.
const PARTITION_BYTES: i32 = 1 << 20;
const ANSWER_BYTES: i32 = 4 << 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given: Vec<_> = std::env::args().skip(1).collect();
    let [address, name, threads] = &given[..] else {
        return Err("say HOST:PORT, a topic, and how many threads".into());
    };
    let threads: usize = threads.parse()?;
    let url: Url = format!("kafka://{address}").parse()?;
    let mut librdkafkas = url.clone();
    if let Url::Kafka(address) = &mut librdkafkas {
        // It is of librdkafka's own reading, so librdkafka reads.
        address.options.push(("queued.min.messages".to_owned(), "50000".to_owned()));
    }
    let (queue, librdkafka) = (open(&url)?, open(&librdkafkas)?);
    let topic = queue.topic(name)?;
    let ends: Vec<_> = topic.all().zip(queue.spans(&topic)?.iter().map(|span| span.end)).collect();
    let share = |of| ends.iter().skip(of).step_by(threads).copied().collect::<Vec<_>>();
    let shares: Vec<_> = (0..threads).map(share).collect();

    measure("librdkafka", &shares, |share| read(&*librdkafka, &topic, share));
    measure("ours", &shares, |share| read(&*queue, &topic, share));
    measure("raw", &shares, |share| raw(address, name, share));
    Ok(())
}

type Share = [(Partition, Offset)];

/// Reads all shares at once and says how fast.
fn measure(what: &str, shares: &[Vec<(Partition, Offset)>], read: impl Fn(&Share) -> u64 + Sync) {
    let (began, cpu_s, messages) = (Instant::now(), cpu_s(), AtomicU64::new(0));
    thread::scope(|scope| {
        for share in shares {
            scope.spawn(|| messages.fetch_add(read(share), Ordering::Relaxed));
        }
    });
    let (seconds, messages) = (began.elapsed().as_secs_f64(), messages.into_inner() as f64);
    let cpu_us = (self::cpu_s() - cpu_s) * 1e6 / messages;
    let rate = messages / seconds / 1e6;
    println!("{what}: {messages} messages, {rate:.2} million/s, {cpu_us:.3} µs of CPU each");
}

/// CPU time of this process so far, by Linux's count of hundredths.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this is Linux");
    let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// As the job reads.
fn read(queue: &dyn Queue, topic: &Topic, share: &Share) -> u64 {
    let starts: Vec<_> = share.iter().map(|&(partition, _)| (partition, Offset(0))).collect();
    let mut reader = queue.reader(topic, &starts).expect("the topic is there");
    let (mut left, mut spare, mut messages) = (share.to_vec(), Vec::new(), 0);
    while !left.is_empty() {
        let event = reader.read(Duration::from_millis(100), &mut spare).expect("the broker runs");
        let (partition, next) = match event {
            Event::Batch(batch) => {
                messages += batch.len() as u64;
                let at = (batch.partition(), batch.next());
                spare.push(batch);
                at
            }
            Event::CaughtUp(partition, at) => (partition, at),
            _ => continue,
        };
        left.retain(|&(of, end)| of != partition || next < end);
    }
    messages
}

/// Fetch, version 4 of the request (<https://kafka.apache.org/protocol#The_Messages_Fetch>), and
/// record batches as they are (<https://kafka.apache.org/documentation/#recordbatch>).
fn raw(address: &str, topic: &str, share: &Share) -> u64 {
    let mut socket = TcpStream::connect(address).expect("the broker runs");
    let mut left: Vec<_> = share.iter().map(|&(partition, end)| (partition, 0, end.0)).collect();
    let (mut batch, mut messages) = (Batch::default(), 0);
    let mut answer = Vec::new();
    left.retain(|&(_, next, end)| next < end);
    ask(&mut socket, topic, &left);
    while !left.is_empty() {
        hear(&mut socket, &mut answer);
        let parts = parts(&answer);
        for &(partition, records) in &parts {
            if let Some(at) = left.iter_mut().find(|at| at.0 == partition) {
                at.1 = end_of(records).unwrap_or(at.1);
            }
        }
        left.retain(|&(_, next, end)| next < end);
        // The broker works on the next answer while this one is parsed.
        ask(&mut socket, topic, &left);
        for (partition, records) in parts {
            messages += parse(partition, records, &mut batch);
        }
    }
    messages
}

fn ask(socket: &mut TcpStream, topic: &str, at: &[(Partition, u64, u64)]) {
    if at.is_empty() {
        return;
    }
    let mut request = vec![0; 4];
    request.extend([0, 1, 0, 4, 0, 0, 0, 0, 0, 0]); // Fetch 4, number 0, no client id
    for number in [-1, 100, 1, ANSWER_BYTES] {
        request.extend(i32::to_be_bytes(number));
    }
    request.push(0); // read uncommitted
    request.extend(1i32.to_be_bytes());
    request.extend((topic.len() as i16).to_be_bytes());
    request.extend(topic.as_bytes());
    request.extend((at.len() as i32).to_be_bytes());
    for (partition, next, _) in at {
        request.extend((partition.0 as i32).to_be_bytes());
        request.extend((*next as i64).to_be_bytes());
        request.extend(PARTITION_BYTES.to_be_bytes());
    }
    let len = (request.len() - 4) as i32;
    request[..4].copy_from_slice(&len.to_be_bytes());
    socket.write_all(&request).expect("the broker listens");
}

fn hear(socket: &mut TcpStream, answer: &mut Vec<u8>) {
    let mut len = [0; 4];
    socket.read_exact(&mut len).expect("the broker answers");
    answer.resize(u32::from_be_bytes(len) as usize, 0);
    socket.read_exact(answer).expect("the broker answers");
}

/// The record batches of each partition in an answer for one topic.
fn parts(answer: &[u8]) -> Vec<(Partition, &[u8])> {
    let mut get = Get(&answer[12..]); // number, throttling, one topic
    let name = get.be::<2>() as usize;
    get.skip(name);
    let count = get.be::<4>();
    let mut parts = Vec::new();
    for _ in 0..count {
        let (partition, error) = (get.be::<4>(), get.be::<2>());
        assert_eq!(error, 0, "an error of the broker");
        get.skip(16);
        let aborted = get.be::<4>() as u32 as i32;
        get.skip(usize::try_from(aborted).unwrap_or(0) * 16);
        let len = get.be::<4>() as usize;
        parts.push((Partition(partition as u32), get.take(len)));
    }
    parts
}

/// The offset behind the last whole batch.
fn end_of(mut records: &[u8]) -> Option<u64> {
    let mut end = None;
    while let Some((mut head, rest)) = next_batch(records) {
        let base = head.be::<8>();
        head.skip(15);
        end = Some(base + head.be::<4>() + 1);
        records = rest;
    }
    end
}

/// The first batch and what follows it; the last one may be cut.
fn next_batch(records: &[u8]) -> Option<(Get<'_>, &[u8])> {
    let len = u32::from_be_bytes(records.get(8..12)?.try_into().ok()?) as usize;
    let (batch, rest) = records.split_at_checked(12 + len)?;
    Some((Get(batch), rest))
}

/// Copies every message; how many there were.
fn parse(partition: Partition, mut records: &[u8], batch: &mut Batch) -> u64 {
    let mut messages = 0;
    while let Some((mut get, rest)) = next_batch(records) {
        let base = get.be::<8>();
        get.skip(27);
        let append_ms = get.be::<8>() as i64;
        get.skip(14);
        let count = get.be::<4>();
        for _ in 0..count {
            get.varint(); // its length
            get.skip(1);
            get.varint(); // its time, which is the batch's where the log has the time
            let offset = Offset(base + get.varint() as u64);
            let key = get.bytes();
            let value = get.bytes();
            for _ in 0..get.varint() {
                get.bytes();
                get.bytes();
            }
            if batch.is_empty() || batch.size() + key.len() + value.len() > limits::BATCH_BYTES {
                batch.reset(partition, offset);
            }
            batch.push(Message { offset, append_ms, key, value });
        }
        messages += count;
        batch.reset(partition, Offset(0));
        records = rest;
    }
    messages
}

/// What is left to be taken.
struct Get<'a>(&'a [u8]);

impl<'a> Get<'a> {
    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    fn skip(&mut self, len: usize) {
        self.take(len);
    }

    fn be<const N: usize>(&mut self) -> u64 {
        self.take(N).iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
    }

    /// A zigzag varint.
    fn varint(&mut self) -> i64 {
        let (mut number, mut shift) = (0u64, 0);
        loop {
            let byte = self.be::<1>();
            number |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return (number >> 1) as i64 ^ -((number & 1) as i64);
            }
            shift += 7;
        }
    }

    fn bytes(&mut self) -> &'a [u8] {
        let len = self.varint();
        self.take(usize::try_from(len).unwrap_or(0))
    }
}
