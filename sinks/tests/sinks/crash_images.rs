//! Images that a power cut may leave of a CSV folder: each recovers to each row once.

use std::fs::{self, OpenOptions};
use std::path::Path;

use proptest::prelude::*;
use seismic_proto::Schema;
use seismic_sinks::conformance::{
    PARTITIONS, ROWS, SinkTarget, assert_whole, spans_of, try_write_the_rest, write, write_the_rest,
};
use seismic_sinks::csv::CsvReader;
use seismic_sinks::{Error, Sink};

use crate::csv_place::CsvPlace;

/// What the disk did to what was written after the last sync.
#[derive(Clone, Debug)]
enum Damage {
    /// The newest file has only part of it: this share of 256.
    Torn(u8),
    /// It has its length, but zeros where the rows should be, from this share of 256 on.
    Zeros(u8),
    /// A file begun after the mark is gone.
    FileGone,
    /// The mark's replacement has not reached the disk: the previous one is still there.
    OldMark,
    /// A torn new mark lies next to it.
    TornNewMark,
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<u8>().prop_map(Damage::Torn),
        any::<u8>().prop_map(Damage::Zeros),
        Just(Damage::FileGone),
        Just(Damage::OldMark),
        Just(Damage::TornNewMark),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_the_disk_lost_after_the_mark_each_row_is_there_once(
        file_bytes in prop_oneof![Just(1u64), 100u64..2_000, Just(1 << 20)],
        steps in proptest::collection::vec(any::<bool>(), 1..12),
        damages in proptest::collection::vec(damage(), 0..3),
    ) {
        let place = CsvPlace::new(file_bytes);
        let before = play(&place, &steps);
        let image = place.copy();
        for damage in &damages {
            apply(damage, &image, before.as_deref());
        }
        write_the_rest(&image);
        assert_whole(&image);
    }
}

/// Writes one row per step, partitions taking turns, with a sync after those that say so. Gives
/// the mark before the last one.
fn play(place: &CsvPlace, steps: &[bool]) -> Option<Vec<u8>> {
    let mark = || fs::read(place.path().join("windows.mark")).ok();
    let mut sink = place.csv("home").unwrap();
    let mut next = sink.recover(&spans_of(ROWS)).unwrap();
    let mut before = None;
    for (i, &sync) in steps.iter().enumerate() {
        let partition = i as u32 % PARTITIONS;
        let at = &mut next[partition as usize];
        let rows = [seismic_sinks::conformance::row(partition, at.0)];
        let partition = seismic_queue::Partition(partition);
        write(&mut sink, &seismic_sinks::conformance::batch(partition, *at, &rows)).unwrap();
        *at = at.next();
        if sync {
            before = mark();
            sink.sync().unwrap();
        }
    }
    before
}

/// Damages only what no mark that is still there has promised.
fn apply(damage: &Damage, image: &CsvPlace, before: Option<&[u8]>) {
    let promised = promised(image);
    let Some(newest) = image.csv_names().pop() else {
        return;
    };
    let file = image.path().join(&newest);
    let len = fs::metadata(&file).unwrap().len();
    let kept = if promised.0 == newest { promised.1 } else { 0 };
    let share = |part: u8| kept + (len - kept) * u64::from(part) / 256;
    match damage {
        Damage::Torn(part) => set_len(&file, share(*part)),
        Damage::Zeros(part) => {
            set_len(&file, share(*part));
            set_len(&file, len);
        }
        Damage::FileGone if kept == 0 => fs::remove_file(&file).unwrap(),
        Damage::FileGone => {}
        Damage::OldMark => {
            if let Some(before) = before {
                fs::write(image.path().join("windows.mark"), before).unwrap();
            }
        }
        Damage::TornNewMark => {
            fs::write(image.path().join("windows.mark.new"), b"seismic-csv-m").unwrap();
        }
    }
}

/// Name and length that the mark promises, read as text: our own reader is under test.
fn promised(image: &CsvPlace) -> (String, u64) {
    let mark = fs::read_to_string(image.path().join("windows.mark")).unwrap();
    let json: serde_json::Value = serde_json::from_str(mark.lines().nth(1).unwrap()).unwrap();
    let name = json["file"].as_str().unwrap_or_default().to_owned();
    (name, json["bytes"].as_u64().unwrap())
}

fn set_len(file: &Path, len: u64) {
    OpenOptions::new().write(true).open(file).unwrap().set_len(len).unwrap();
}

#[test]
fn a_file_shorter_than_its_mark_is_refused_and_left_alone() {
    let place = CsvPlace::new(1 << 20);
    write_the_rest(&place);
    let whole = place.path().join(place.newest());
    let len = fs::metadata(&whole).unwrap().len();
    for short in [len - 1, len / 2, 0] {
        let image = place.copy();
        let file = image.path().join(image.newest());
        set_len(&file, short);
        let error = try_write_the_rest(&mut image.csv("home").unwrap()).unwrap_err();
        assert!(
            matches!(error, Error::Short { have, committed, .. } if (have, committed) == (short, len))
        );
        assert_eq!(fs::metadata(&file).unwrap().len(), short);
        let read = CsvReader::open(image.path(), Schema::windows())
            .unwrap()
            .unwrap()
            .rows()
            .next()
            .unwrap();
        assert!(matches!(read, Err(Error::Short { .. })), "verify sees it too");
    }
}

#[test]
fn a_marked_file_that_is_gone_is_refused() {
    let place = CsvPlace::new(1 << 20);
    write_the_rest(&place);
    fs::remove_file(place.path().join(place.newest())).unwrap();
    let error = try_write_the_rest(&mut place.csv("home").unwrap()).unwrap_err();
    assert!(matches!(error, Error::Short { have: 0, .. }), "{error}");
}

#[test]
fn a_mark_with_any_byte_changed_is_refused_and_nothing_is_touched() {
    let place = CsvPlace::new(200);
    write_the_rest(&place);
    let mark = place.path().join("windows.mark");
    let whole = fs::read(&mark).unwrap();
    let rows = place.rows();
    let mut csv = place.csv("home").unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&mark, &bytes).unwrap();
        let error = csv.recover(&spans_of(ROWS)).unwrap_err();
        assert!(matches!(error, Error::CommitFileDamaged { .. }), "byte {at}: {error}");
        assert!(error.to_string().contains("windows.mark is damaged"), "{error}");
    }
    fs::write(&mark, &whole).unwrap();
    drop(csv);
    assert_eq!(place.rows(), rows);
}

#[test]
fn files_of_ours_without_a_mark_are_refused_and_left_alone() {
    let place = CsvPlace::new(200);
    write_the_rest(&place);
    fs::remove_file(place.path().join("windows.mark")).unwrap();
    let names = place.csv_names();
    let error = try_write_the_rest(&mut place.csv("home").unwrap()).unwrap_err();
    assert!(matches!(error, Error::CommitFileMissing { .. }), "{error}");
    assert_eq!(place.csv_names(), names);
}
