//! Inputs: the corpora of the fuzz targets, unchanged and mutated.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::bodies;

const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz");

/// What must hold of any bytes.
type Body = fn(&[u8]);

/// The targets whose bodies are here.
const TARGETS: [(&str, Body); 9] = [
    ("block", bodies::block),
    ("csv", bodies::csv),
    ("engine", bodies::engine),
    ("entry", bodies::entry),
    ("jsonl", bodies::jsonl),
    ("message", bodies::message),
    ("note", bodies::note),
    ("openeew", bodies::openeew),
    ("snapshot", bodies::snapshot),
];

/// Those whose corpora the tests of sinks, queue and program go through.
const ELSEWHERE: [&str; 4] = ["job", "kafka", "mark", "rocketmq"];

fn folder(name: &str) -> PathBuf {
    Path::new(FUZZ).join("corpus").join(name)
}

/// The files of a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).expect("fuzz has a folder for each target");
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

/// The seeds of a corpus, in order.
pub fn seeds(name: &str) -> Vec<Vec<u8>> {
    files(&folder(name)).iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn each_input_of_the_corpora_holds_as_it_is() {
    for (name, body) in TARGETS {
        for file in files(&folder(name)) {
            let bytes = fs::read(&file).unwrap();
            let held = catch_unwind(|| body(&bytes));
            assert!(held.is_ok(), "the target {name} fails on {}", file.display());
        }
    }
}

#[test]
fn each_target_has_a_corpus_and_each_corpus_a_target() {
    let here = TARGETS.iter().map(|&(name, _)| name);
    let known: BTreeSet<_> = here.chain(ELSEWHERE).map(str::to_owned).collect();
    let names = |folder: &str| -> BTreeSet<String> {
        let name = |file: PathBuf| file.file_stem().unwrap().to_str().unwrap().to_owned();
        files(&Path::new(FUZZ).join(folder)).into_iter().map(name).collect()
    };
    assert_eq!(names("corpus"), known, "folders of fuzz/corpus");
    assert_eq!(names("fuzz_targets"), known, "files of fuzz/fuzz_targets");
    let manifest = fs::read_to_string(Path::new(FUZZ).join("Cargo.toml")).unwrap();
    let built = manifest.lines().filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"));
    let built = built.filter_map(|line| line.strip_suffix(".rs\""));
    assert_eq!(built.map(str::to_owned).collect::<BTreeSet<_>>(), known, "fuzz/Cargo.toml");
}

/// One change of some bytes.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Flip(Index, u8),
    Cut(Index),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
}

/// Bytes that mean something: keys, ends of varints, lengths, signs.
const TELLING: [u8; 12] = [0, 1, 0x7a, 0x7b, 0x7f, 0x80, 0x81, 0xff, b'"', b'[', b'9', b'-'];

fn change() -> impl Strategy<Value = Change> {
    let byte = || prop_oneof![any::<u8>(), select(&TELLING[..])];
    let index = any::<Index>;
    prop_oneof![
        4 => (index(), byte()).prop_map(|(at, byte)| Change::Set(at, byte)),
        4 => (index(), 0u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        1 => index().prop_map(Change::Cut),
        1 => (index(), 1usize..12).prop_map(|(at, count)| Change::Remove(at, count)),
        2 => (index(), vec(byte(), 1..12)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        // A varint of ten bytes is -1 or the largest number.
        1 => index().prop_map(|at| Change::Insert(at, [vec![0xff; 9], vec![1]].concat())),
    ]
}

/// Seeds of the corpus with a few changes, and sometimes bytes of no order at all.
pub fn hostile(corpus: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let mutated = (select(seeds(corpus)), vec(change(), 0..5)).prop_map(|(mut bytes, changes)| {
        changes.iter().for_each(|change| apply(change, &mut bytes));
        bytes
    });
    prop_oneof![9 => mutated, 1 => vec(any::<u8>(), 0..200)]
}

fn apply(change: &Change, bytes: &mut Vec<u8>) {
    let len = bytes.len();
    let place = |at: &Index| at.index(len + 1);
    match change {
        Change::Set(at, _) | Change::Flip(at, _) if place(at) == len => {}
        Change::Set(at, byte) => bytes[place(at)] = *byte,
        Change::Flip(at, bit) => bytes[place(at)] ^= 1 << bit,
        Change::Cut(at) => bytes.truncate(place(at)),
        Change::Remove(at, count) => drop(bytes.drain(place(at)..len.min(place(at) + count))),
        Change::Insert(at, new) => drop(bytes.splice(place(at)..place(at), new.iter().copied())),
    }
}

#[test]
#[ignore = "writes the corpora again, when formats have changed"]
fn write_the_corpora() {
    use seismic_pipeline::{Dedupe, Engine, Entry, Note, OperatorKind as _, Output, Rules};
    use seismic_proto::{Message as _, SeismicRecord, SeismicRecordBatch};
    use seismic_queue::{Block, Message, Offset, Partition};

    let write = |corpus: &str, name: &str, bytes: &[u8]| {
        fs::create_dir_all(folder(corpus)).unwrap();
        fs::write(folder(corpus).join(name), bytes).unwrap();
    };
    let record = crate::bodies::record();
    let later = |ms| {
        let mut later = SeismicRecord::decode(&record[..]).unwrap();
        later.collect_timestamp += ms;
        later
    };
    let records = vec![later(0), later(40), later(1_200)];
    let packed = SeismicRecordBatch { records }.encode_to_vec();
    write("message", "record", &record);
    write("message", "packed", &packed);
    write("message", "empty", &[]);
    write("engine", "record", &record);
    write("engine", "packed", &packed);
    write("engine", "mixed", &mixed(&later).encode_to_vec());
    write("message", "unknown_fields", &[&record[..], &[0x63, 0x68, 1, 0x64, 0x78, 5]].concat());
    for (name, dedupe, end, rollups_ms) in [
        ("open", Dedupe::Off, false, vec![]),
        ("dedupe", Dedupe::Time, false, vec![]),
        ("closed", Dedupe::Off, true, vec![]),
        ("rollups", Dedupe::Off, true, vec![10_000, 60_000]),
    ] {
        let rules = Rules { dedupe, rollups_ms, ..Rules::default() };
        let mut engine = Engine::new(rules, "t", Partition(0), Offset(0));
        let mut out = Output::default();
        for (offset, value) in (0..).zip([&packed[..], &[1], &record]) {
            let (offset, append_ms) = (Offset(offset), 1_592_925_900_000);
            engine.step(Message { offset, append_ms, key: b"", value }, &mut out);
        }
        if end {
            engine.end(&mut out);
        }
        if name == "rollups" {
            // One span that was closed early, and one that is open again.
            let (offset, value) = (engine.position(), &later(3_000).encode_to_vec());
            engine
                .step(Message { offset, append_ms: 1_592_925_901_000, key: b"", value }, &mut out);
            engine.close_idle(engine.position(), &mut out);
        }
        let mut bytes = Vec::new();
        engine.snapshot(&mut bytes);
        write("snapshot", name, &bytes);
        Note::write(&engine, None, &mut bytes);
        write("note", name, &bytes);
    }
    for (name, entry) in [
        (
            "start",
            Entry::Start {
                kind: Rules::default().name().to_owned(),
                semantics: Rules::default().semantics(),
                from: "earliest".into(),
                further: vec![],
            },
        ),
        ("idle", Entry::Idle { input: 0, below: Offset(4), idle_timeout_ms: 2_000 }),
        ("end", Entry::End),
        ("gap", Entry::Gap { input: 0, from: Offset(5), to: Offset(900) }),
        ("widened", Entry::Rescaled { before: 4, partitions: 6 }),
    ] {
        write("entry", name, &entry.encode());
    }
    let mut block = Block::default();
    (0..5).for_each(|n| block.push(b"S001", &vec![n; 60 * usize::from(n)]).unwrap());
    write("block", "five", &[&[5], block.bytes()].concat());
    write("block", "none", &[0]);
    let line = r#"{"country_code":"mx","device_id":"001","x":[0.03,0.1,0],"y":[1,2,3],"z":[0,0,-1],"device_t":1592925898.946,"cloud_t":1592925900.265,"sr":31.25}"#;
    write("openeew", "line", line.as_bytes());
    let other = line.replace("900.265", "901.2");
    write("openeew", "lines", format!("{line}\n\n{other}\n").as_bytes());
    let record = r#"{"sensor_id":"S1","collect_timestamp":1592925898946,"longitude":-96.5,"latitude":15.67,"depth":10,"seismic_amplitude":"-Infinity","frequency":31,"phase_type":"N","data_quality":1,"network_status":1,"arrival_ms":1592925900265}"#;
    let read = r#"{"partition":0,"offset":12,"append_ms":5,"key":"S1","value""#;
    write("jsonl", "record", record.as_bytes());
    write("jsonl", "refused", b"\xef\xbb\xbf{}\n\n{\"no\":1}\n{\"depth\":1.5}\r\n{\"depth\"");
    let packed = format!(r#"{read}:{{"records":[{{"sensor_id":"S1"}},{{"sensor_id":"S2"}}]}}}}"#);
    let bytes = format!(r#"{read}:null,"bytes":"egJoAw=="}}"#);
    write("jsonl", "read", format!("{read}:{record}}}\n{packed}\n{bytes}\n").as_bytes());
    write("csv", "rows", b"sensor_id,depth,latitude,phase_type\nS1,3,-1.5e3,P\n,,NaN,\nS2,x,0,S\n");
    write("csv", "quoted", b"depth,\"sensor_id\"\r\n1,\"a\"\"b,\nc\"\r\n\r\n2,\"d\"e\r\n3,\"f");
    write("csv", "header", b"\xef\xbb\xbf depth ,depth\n1,2\n");
}

/// Records of two sensors that end in all ways: in windows, late, rejected.
fn mixed(later: &dyn Fn(i64) -> seismic_proto::SeismicRecord) -> seismic_proto::SeismicRecordBatch {
    let mut records = [0, 40, 900_000, 40, 900_000, 901_000].map(later);
    records[1].sensor_id = "S002".into();
    records[4].data_quality = 0;
    records[5].seismic_amplitude = f32::NAN;
    seismic_proto::SeismicRecordBatch { records: records.into() }
}
