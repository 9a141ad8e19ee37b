//! The contents of a CSV folder, and files that the sink does not touch.

use std::fs;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use seismic_proto::Schema;
use seismic_queue::{Offset, Partition, Span};
use seismic_sinks::conformance::{
    PARTITIONS, ROWS, batch, row, spans_of, window, write, write_the_rest,
};
use seismic_sinks::csv::CsvReader;
use seismic_sinks::{Context, Error, Sink, SinkSpec};

use crate::csv_place::CsvPlace;

#[test]
fn a_file_is_plain_csv_with_the_fields_of_the_message() {
    let place = CsvPlace::new(1 << 20);
    let mut csv = place.csv("home").unwrap();
    csv.recover(&[Span { first: Offset(0), end: Offset(1) }]).unwrap();
    write(&mut csv, &batch(Partition(0), Offset(0), &[row(0, 1)])).unwrap();
    assert_eq!(place.csv_names(), ["windows-000001-2026-11-21T09Z.csv"]);
    let text = fs::read_to_string(place.path().join(place.newest())).unwrap();
    let expected = "sensor_id,window_start_ts,window_end_ts,avg_amplitude,max_amplitude,\
        min_amplitude,p_phase_count,s_phase_count,n_phase_count,record_count,mean_amplitude,\
        rms_amplitude,first_sample_ts,last_sample_ts,closed_by,input_partition,closing_offset,\
        rsam,std_amplitude,peak_to_peak,first_amplitude,last_amplitude,sample_interval_ms,\
        gap_fraction,pane,rejected_count,clipped_count,repeat_count,clock_era\r\n\
        \"S0,\"\"\",1000,2000,0.33333334,1.0,-0.1,1,2,3,6,0.3333333333333333,1e-7,1000,1960,time,\
        0,25,0.14285714285714285,0.25,1.1,-0.1,1.0,40.0,0.04,1,1,1,0,1\r\n";
    assert_eq!(text, expected);
}

#[test]
fn foreign_files_are_neither_read_nor_deleted() {
    let place = CsvPlace::new(200);
    let foreign = ["report.csv", "windows.csv", "windows-9-x.csv", "notes.txt"];
    for name in foreign {
        fs::write(place.path().join(name), "mine").unwrap();
    }
    write_the_rest(&place);
    write_the_rest(&place);
    for name in foreign {
        assert_eq!(fs::read_to_string(place.path().join(name)).unwrap(), "mine");
    }
}

#[test]
fn closed_files_may_be_taken_away() {
    let place = CsvPlace::new(1);
    write_the_rest(&place);
    let oldest = place.csv_names().remove(0);
    fs::remove_file(place.path().join(oldest)).unwrap();
    let start = place.csv("home").unwrap().recover(&spans_of(ROWS)).unwrap();
    assert_eq!(start, [Offset(ROWS); PARTITIONS as usize]);
}

#[test]
fn partitions_that_the_topic_got_are_shown_from_their_first_row_on() {
    let place = CsvPlace::new(1 << 20);
    write_the_rest(&place);
    let added = Span { first: Offset(0), end: Offset(1) };
    let wider = [&spans_of(ROWS)[..], &[added]].concat();
    let mut csv = place.csv("home").unwrap();
    let start = csv.recover(&wider).unwrap();
    assert_eq!(start[..PARTITIONS as usize], [Offset(ROWS); PARTITIONS as usize]);
    assert_eq!(start[PARTITIONS as usize..], [Offset(0)]);
    write(&mut csv, &batch(Partition(PARTITIONS), Offset(0), &[row(PARTITIONS, 0)])).unwrap();
    csv.sync().unwrap();
    drop(csv);
    assert_eq!(place.csv("home").unwrap().recover(&wider).unwrap().last(), Some(&Offset(1)));
    let error = place.csv("home").unwrap().recover(&spans_of(ROWS)).unwrap_err();
    assert!(error.to_string().contains("more partitions than the result topic"), "{error}");
}

#[test]
fn a_new_hour_begins_a_new_file_also_after_a_restart() {
    static NOW_S: AtomicI64 = AtomicI64::new(1_795_251_600); // 2026-11-21T09:00Z
    let now = || Timestamp::from_second(NOW_S.load(Ordering::Relaxed)).unwrap();
    let place = CsvPlace::new(1 << 20);
    let write = |i: u64| {
        let mut csv = place.csv("home").unwrap().clock(now);
        assert_eq!(csv.recover(&spans_of(ROWS)).unwrap()[0], Offset(i));
        write(&mut csv, &batch(Partition(0), Offset(i), &[row(0, i)])).unwrap();
        csv.sync().unwrap();
    };
    write(0);
    NOW_S.fetch_add(3_599, Ordering::Relaxed);
    write(1);
    NOW_S.fetch_add(1, Ordering::Relaxed);
    write(2);
    // A clock that goes back begins another file and changes no row.
    NOW_S.fetch_sub(1, Ordering::Relaxed);
    write(3);
    assert_eq!(
        place.csv_names(),
        [
            "windows-000001-2026-11-21T09Z.csv",
            "windows-000002-2026-11-21T10Z.csv",
            "windows-000003-2026-11-21T09Z.csv",
        ]
    );
}

#[test]
fn a_message_that_is_no_row_is_named_and_nothing_of_its_batch_is_kept() {
    let place = CsvPlace::new(1 << 20);
    let mut csv = place.csv("home").unwrap();
    csv.recover(&spans_of(ROWS)).unwrap();
    let mut rows = batch(Partition(2), Offset(0), &[row(2, 0)]);
    let value = &[0x0a, 0xff][..];
    rows.push(seismic_queue::Message { offset: Offset(1), append_ms: 0, key: b"k", value });
    let error = write(&mut csv, &rows).unwrap_err();
    assert!(error.to_string().contains("message 1 of results/2"), "{error}");
    assert!(place.csv_names().is_empty());
}

#[test]
fn the_folder_is_made_with_those_above_it_and_gives_the_sink_its_name() {
    let place = CsvPlace::new(1);
    let folder = place.path().join("a/b/c");
    let spec: SinkSpec = format!("csv:{}", folder.display()).parse().unwrap();
    let context = Context::new("home", "results");
    let sink = seismic_sinks::open(&spec, &context).unwrap();
    assert_eq!(sink.name(), format!("csv:{}", folder.canonicalize().unwrap().display()));
    assert!(sink.keeps_position());
}

#[test]
fn a_folder_that_cannot_be_one_is_refused_with_its_name() {
    let place = CsvPlace::new(1);
    fs::write(place.path().join("file"), "").unwrap();
    let spec: SinkSpec = format!("csv:{}", place.path().join("file").display()).parse().unwrap();
    let context = Context::new("home", "results");
    let error = seismic_sinks::open(&spec, &context).err().unwrap();
    assert!(matches!(error, Error::Io { .. }));
    assert!(error.to_string().contains("file"), "{error}");
}

#[test]
fn reading_beside_a_writer_shows_only_what_is_synced() {
    let place = CsvPlace::new(1 << 20);
    let mut csv = place.csv("home").unwrap();
    csv.recover(&spans_of(ROWS)).unwrap();
    for i in 0..3 {
        write(&mut csv, &batch(Partition(0), Offset(i), &[row(0, i)])).unwrap();
        if i == 1 {
            csv.sync().unwrap();
        }
    }
    let content = CsvReader::open(place.path(), Schema::windows()).unwrap().unwrap();
    let rows: Vec<_> = content.rows().map(|row| window(row.unwrap())).collect();
    assert_eq!(rows, [row(0, 0), row(0, 1)]);
    assert_eq!((content.store_id(), content.next()[0]), ("home", Offset(2)));
}
