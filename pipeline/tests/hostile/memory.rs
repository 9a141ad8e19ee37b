//! The bound: a parser takes at most a multiple of the size of its input, plus a constant.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use seismic_pipeline::{Engine, Entry, Note, Output, Rules, decode};
use seismic_proto::{BATCH_FIRST_BYTE, Message as _, SeismicRecord};
use seismic_queue::{Batch, Message, Offset, Partition};

use crate::bodies;
use crate::corpus::hostile;
use crate::counting::{left_by, peak_of};
use crate::line::Line;

/// A parser with the factor of its bound: two bytes can be an empty record, window or message,
/// which takes its whole structure, and vectors grow by doubling.
struct Parser {
    corpus: &'static str,
    factor: usize,
    constant: usize,
    parse: fn(&[u8]),
}

const PARSERS: [Parser; 6] = [
    Parser {
        corpus: "message",
        factor: 128,
        constant: 1 << 10,
        parse: |bytes| {
            let _ = decode::decode(bytes, &mut Vec::new());
        },
    },
    Parser {
        corpus: "snapshot",
        factor: 256,
        constant: 4 << 10,
        parse: |bytes| drop(Engine::restore(bytes, "t", Partition(0))),
    },
    Parser {
        corpus: "entry",
        factor: 64,
        constant: 4 << 10,
        parse: |bytes| drop(Entry::decode(bytes)),
    },
    Parser {
        corpus: "note",
        factor: 64,
        constant: 4 << 10,
        parse: |bytes| drop(Note::decode(bytes)),
    },
    Parser {
        corpus: "block",
        factor: 64,
        constant: 1 << 10,
        parse: |bytes| {
            let mut batch = Batch::default();
            batch.reset(Partition(0), Offset(0));
            let _ = batch.push_block(Offset(0), 1, 0, bytes);
        },
    },
    // With the buffers of its files, and the queue in memory that it imports into.
    Parser { corpus: "openeew", factor: 256, constant: 4 << 20, parse: bodies::openeew },
];

#[test]
fn no_input_takes_more_memory_than_its_size_allows() {
    for Parser { corpus, factor, constant, parse } in PARSERS {
        let mut worst = (0, 0);
        for input in inputs(corpus) {
            let peak = peak_of(|| parse(&input));
            assert!(
                peak <= factor * input.len() + constant,
                "{corpus}: {peak} bytes for {} bytes that begin {:?}",
                input.len(),
                &input[..input.len().min(40)],
            );
            if input.len() > 1_000 {
                worst = worst.max((peak / input.len(), input.len()));
            }
        }
        println!("{corpus}: at most {} times its {} bytes", worst.0, worst.1);
    }
}

/// Mutations, and long inputs of the smallest parts that say the most.
fn inputs(corpus: &str) -> Vec<Vec<u8>> {
    let mut runner = TestRunner::deterministic();
    let mutated = hostile(corpus);
    let mut all: Vec<_> =
        (0..60).map(|_| mutated.new_tree(&mut runner).unwrap().current()).collect();
    let part = |head: &[u8], part: &[u8]| [head, &part.repeat(20_000)].concat();
    all.extend([
        // Empty records, sensors, windows within a sensor, and reasons within counters.
        part(&[], &[BATCH_FIRST_BYTE, 0]),
        part(&[BATCH_FIRST_BYTE, 0xc0, 0xb8, 0x02], &[0x2a, 0]),
        part(&[0x1a, 0xc0, 0xb8, 0x02], &[0x32, 0]),
        part(&[0x12, 0xc0, 0xb8, 0x02], &[0x32, 0]),
        // Messages of nothing, and lengths that promise everything.
        part(&[], &[0, 0]),
        part(&[], &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        part(&[], &[BATCH_FIRST_BYTE, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        part(b"{\"device_id\":\"001\",\"x\":[", b"0,"),
        part(b"", b"["),
        part(b"", b"{}\n"),
    ]);
    all
}

#[test]
fn a_sensor_with_one_open_window_takes_at_most_256_bytes() {
    // As many as a partition may have.
    let sensors = Rules::default().max_sensors;
    let mut engine = Engine::new(Rules::default(), "topic", Partition(0), Offset(0));
    let mut out = Output::default();
    let mut value = Vec::new();
    let left = left_by(|| {
        for sensor in 0..sensors {
            let record = SeismicRecord {
                sensor_id: format!("NET.S{sensor:07}.00.HNZ"),
                collect_timestamp: 1_600_000_000_000,
                phase_type: "N".into(),
                data_quality: 1,
                ..SeismicRecord::default()
            };
            value.clear();
            record.encode(&mut value).unwrap();
            let (offset, append_ms, value) = (Offset(sensor), 1_600_000_000_000, &value[..]);
            engine.step(Message { offset, append_ms, key: b"", value }, &mut out);
        }
    });
    let each = left as u64 / sensors;
    assert_eq!((engine.counters().open, engine.counters().read), (sensors, sensors));
    let mut line = Line::new(22, "a million sensors in one partition, each with an open window");
    line.tries = sensors;
    line.measured.push(format!("{each} bytes a sensor"));
    line.print();
    assert!(each <= 256, "{each} bytes a sensor");
}
