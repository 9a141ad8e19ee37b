//! The sink of Parquet: the suite, files of days and hours, and what a crash leaves.

mod place;

use std::fs;
use std::path::PathBuf;

use seismic_queue::{Kind, Offset, Partition};
use seismic_sinks::conformance::{
    self, ROWS, assert_whole, batch, row, spans_of, three, write, write_the_rest,
};
use seismic_sinks::{Error, Sink as _};

use place::{FolderPlace, ThreeColumns, rows_in};

#[test]
fn the_parquet_sink_passes_the_suite() {
    for options in ["", ",file_bytes=1", ",file_bytes=400,compression=none"] {
        conformance::run(&|| Box::new(FolderPlace::new(options)));
    }
}

#[test]
fn a_topic_of_three_columns_fits_files_of_parquet() {
    three::run(&ThreeColumns(FolderPlace::new(",time=,compression=none")));
}

#[test]
fn a_row_is_in_the_file_of_its_day_and_of_the_hour_in_which_it_was_written() {
    let place = FolderPlace::new(",columns=sensor_id:station,window_start_ts,rsam,'IV':network");
    let mut sink = place.sink().clock(|| "2026-11-21T09:59:00Z".parse().unwrap());
    sink.recover(&spans_of(ROWS)).unwrap();
    let mut rows = [row(0, 0), row(0, 1), row(0, 2)];
    rows[1].window_start_ts = 1_769_866_200_000;
    rows[2].rsam = f64::NAN;
    write(&mut sink, &batch(Partition(0), Offset(0), &rows)).unwrap();
    sink.sync().unwrap();
    assert!(place.files().is_empty(), "the hour is not over");
    sink = sink.clock(|| "2026-11-21T10:00:00Z".parse().unwrap());
    write(&mut sink, &batch(Partition(0), Offset(3), &[row(0, 3)])).unwrap();
    let of_first = ["dt=1970-01-01/rows-000001.parquet", "dt=2026-01-31/rows-000001.parquet"];
    assert_eq!(place.files(), of_first);
    sink.sync().unwrap();
    drop(sink);
    let all = [of_first[0], "dt=1970-01-01/rows-000002.parquet", of_first[1]];
    assert_eq!(place.files(), all, "what is left becomes a file when the sink ends");
    let found = rows_in(&place.folder.path().join(of_first[1]));
    let expected = serde_json::json!({
        "station": "S0,\"", "window_start_ts": 1_769_866_200_000_i64, "rsam": 1.0 / 7.0, "network": "IV",
        "result_partition": 0, "result_offset": 1,
    });
    assert_eq!(found, [expected]);
}

#[test]
fn an_hour_that_is_over_is_closed_by_a_sync_without_rows_of_the_next_one() {
    let place = FolderPlace::new("");
    let mut sink = place.sink().clock(|| "2026-11-21T09:59:00Z".parse().unwrap());
    sink.recover(&spans_of(ROWS)).unwrap();
    write(&mut sink, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    sink = sink.clock(|| "2026-11-21T10:00:00Z".parse().unwrap());
    sink.sync().unwrap();
    assert_eq!(place.files(), ["dt=1970-01-01/rows-000001.parquet"]);
}

#[test]
fn what_a_crash_left_between_files_and_mark_is_written_again_under_the_same_names() {
    let place = FolderPlace::new("");
    let mut sink = place.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    write(&mut sink, &batch(Partition(0), Offset(0), &[row(0, 0), row(0, 1)])).unwrap();
    sink.sync().unwrap();
    // Its files are there, and the mark of before.
    let crashed = place.copy();
    drop(sink);
    let named = place.files();
    assert_eq!(named, ["dt=1970-01-01/rows-000001.parquet"]);
    let day = crashed.folder.path().join("dt=1970-01-01");
    fs::create_dir(&day).unwrap();
    fs::copy(place.folder.path().join(&named[0]), day.join("rows-000001.parquet")).unwrap();
    fs::write(day.join(".rows.new"), "half a file").unwrap();
    write_the_rest(&crashed);
    assert_eq!(crashed.files(), named);
    assert_whole(&crashed);
}

#[test]
fn a_spool_that_was_changed_or_cut_is_refused_and_named() {
    let spool = |place: &FolderPlace| -> PathBuf { place.folder.path().join("rows-000001.spool") };
    let place = FolderPlace::new("");
    let mut sink = place.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    write(&mut sink, &batch(Partition(0), Offset(0), &[row(0, 0), row(0, 1)])).unwrap();
    sink.sync().unwrap();
    let (cut, changed) = (place.copy(), place.copy());
    let bytes = fs::read(spool(&cut)).unwrap();
    fs::write(spool(&cut), &bytes[..bytes.len() - 1]).unwrap();
    let error = cut.sink().recover(&spans_of(ROWS)).unwrap_err();
    assert!(matches!(error, Error::Short { .. }), "{error}");
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(spool(&changed), other).unwrap();
    let mut sink = changed.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    sink = sink.clock(|| "2099-01-01T00:00:00Z".parse().unwrap());
    let next = batch(Partition(0), Offset(2), &[row(0, 2)]);
    let error = write(&mut sink, &next).unwrap_err();
    assert!(error.to_string().contains("rows-000001.spool"), "{error}");
    assert_eq!(error.kind(), Kind::Data);
    fs::remove_file(place.folder.path().join("rows.mark")).unwrap();
}
