//! The CSV sink fails or dies at every named place and loses and doubles nothing. It is a separate
//! target, since failpoints are global to the process.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

#[path = "sinks/csv_place.rs"]
#[allow(dead_code)]
mod csv_place;
#[cfg(any(feature = "kafka", feature = "parquet"))]
#[path = "sinks/json_rows.rs"]
mod json_rows;
#[cfg(feature = "kafka")]
#[path = "sinks/kafka/place.rs"]
#[allow(dead_code)]
mod kafka_place;
#[path = "../../tests/faults/trial/line.rs"]
mod line;
#[cfg(feature = "mysql")]
#[path = "sinks/mysql_place.rs"]
#[allow(dead_code)]
mod mysql_place;
#[cfg(feature = "odbc")]
#[path = "sinks/odbc/place.rs"]
#[allow(dead_code)]
mod odbc_place;
#[cfg(feature = "parquet")]
#[path = "sinks/parquet/place.rs"]
#[allow(dead_code)]
mod parquet_place;
#[cfg(feature = "postgres")]
#[path = "sinks/postgres_place.rs"]
#[allow(dead_code)]
mod postgres_place;

use std::fs;

use csv_place::CsvPlace;
use fail::FailScenario;
use line::Line;
use seismic_queue::{Kind, Offset, Partition};
use seismic_sinks::conformance::{
    PARTITIONS, ROWS, assert_whole, batch, row, spans_of, try_write_the_rest, write, write_the_rest,
};
use seismic_sinks::{Error, Result, Sink, failpoints};

/// A sink that is dropped where it fails, as if its process had ended.
fn run(place: &CsvPlace) -> Result<()> {
    try_write_the_rest(&mut place.csv("home")?)
}

#[test]
fn dying_at_any_pass_of_any_place_leaves_each_row_once() {
    let scenario = FailScenario::setup();
    let faults = [failpoints::WRITE, failpoints::MARK_WRITE, failpoints::FSYNC];
    let names = failpoints::ALL.iter().chain(&faults);
    let mut line =
        Line::new(1, "failure at each pass of each named place of the CSV sink, in process");
    for (place_name, file_bytes) in names.flat_map(|&name| [(name, 1), (name, 1 << 20)]) {
        let mut deaths = 0;
        loop {
            let place = CsvPlace::new(file_bytes);
            fail::cfg(place_name, &format!("{deaths}*off->return")).unwrap();
            let died = run(&place).is_err();
            fail::remove(place_name);
            write_the_rest(&place);
            assert_whole(&place);
            if !died {
                break;
            }
            deaths += 1;
        }
        assert!(deaths > 0, "{place_name} was never passed");
        line.tries += deaths;
    }
    line.print();
    scenario.teardown();
}

#[test]
fn dying_in_five_recoveries_running_leaves_each_row_once() {
    let scenario = FailScenario::setup();
    let place = CsvPlace::new(300);
    fail::cfg(failpoints::AFTER_WRITE, "4*off->return").unwrap();
    run(&place).unwrap_err();
    fail::remove(failpoints::AFTER_WRITE);
    fail::cfg(failpoints::IN_TRUNCATION, "return").unwrap();
    for _ in 0..5 {
        assert!(matches!(run(&place), Err(Error::Failpoint { .. })));
    }
    fail::remove(failpoints::IN_TRUNCATION);
    write_the_rest(&place);
    assert_whole(&place);
    let mut line = Line::new(2, "failure in five recoveries of a CSV folder running, in process");
    line.tries = 5;
    line.print();
    scenario.teardown();
}

#[test]
fn a_full_disk_is_waited_for_and_leaves_no_part_of_a_batch() {
    let scenario = FailScenario::setup();
    let place = CsvPlace::new(1 << 20);
    let mut csv = place.csv("home").unwrap();
    csv.recover(&spans_of(ROWS)).unwrap();
    for i in 0..2 {
        let rows = batch(Partition(0), Offset(i), &[row(0, i)]);
        fail::cfg(failpoints::WRITE, "3*return(full)->off").unwrap();
        let len = || {
            place
                .csv_names()
                .pop()
                .map_or(0, |name| fs::metadata(place.path().join(name)).unwrap().len())
        };
        let before = len();
        for _ in 0..3 {
            let error = write(&mut csv, &rows).unwrap_err();
            assert_eq!(error.kind(), Kind::Retry, "{error}");
            assert_eq!(len(), before);
        }
        write(&mut csv, &rows).unwrap();

        fail::cfg(failpoints::MARK_WRITE, "3*return(full)->off").unwrap();
        for _ in 0..3 {
            assert_eq!(csv.sync().unwrap_err().kind(), Kind::Retry);
        }
        csv.sync().unwrap();
    }
    drop(csv);
    assert_eq!(place.csv_names().len(), 1);
    write_the_rest(&place);
    assert_whole(&place);
    scenario.teardown();
}

#[test]
fn after_a_failed_fsync_nothing_is_tried_again_and_the_rows_come_from_the_topic() {
    let scenario = FailScenario::setup();
    let place = CsvPlace::new(1 << 20);
    let mut csv = place.csv("home").unwrap();
    csv.recover(&spans_of(ROWS)).unwrap();
    write(&mut csv, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    for how in ["return", "return(full)"] {
        fail::cfg(failpoints::FSYNC, how).unwrap();
        assert_eq!(csv.sync().unwrap_err().kind(), Kind::Fatal);
        fail::remove(failpoints::FSYNC);
        assert!(matches!(csv.sync(), Err(Error::Broken { .. })), "no retry and hope");
        assert!(matches!(csv.recover(&spans_of(ROWS)), Err(Error::Broken { .. })));
        drop(csv);
        csv = place.csv("home").unwrap();
        assert_eq!(csv.recover(&spans_of(ROWS)).unwrap(), [Offset(0); PARTITIONS as usize]);
        write(&mut csv, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    }
    drop(csv);
    write_the_rest(&place);
    assert_whole(&place);
    scenario.teardown();
}

#[test]
fn the_mark_moves_only_after_rows_folder_and_new_mark_are_flushed() {
    let scenario = FailScenario::setup();
    for passed in 0..4 {
        let place = CsvPlace::new(1 << 20);
        let mark = || fs::read(place.path().join("windows.mark")).unwrap();
        let mut csv = place.csv("home").unwrap();
        csv.recover(&spans_of(ROWS)).unwrap();
        write(&mut csv, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
        let before = mark();
        fail::cfg(failpoints::FSYNC, &format!("{passed}*off->return")).unwrap();
        csv.sync().unwrap_err();
        fail::remove(failpoints::FSYNC);
        // Of the four flushes only that of the folder with the replaced mark comes after.
        assert_eq!(mark() == before, passed < 3, "{passed} flushes passed");
    }
    scenario.teardown();
}

#[test]
fn a_file_is_flushed_and_marked_before_the_next_is_begun() {
    let scenario = FailScenario::setup();
    let place = CsvPlace::new(1);
    let mut csv = place.csv("home").unwrap();
    csv.recover(&spans_of(ROWS)).unwrap();
    write(&mut csv, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    fail::cfg(failpoints::FSYNC, "return").unwrap();
    let error = write(&mut csv, &batch(Partition(0), Offset(1), &[row(0, 1)])).unwrap_err();
    assert_eq!(error.kind(), Kind::Fatal);
    assert_eq!(place.csv_names().len(), 1);
    scenario.teardown();
}

#[test]
fn a_file_that_could_not_take_its_first_row_takes_it_later() {
    let scenario = FailScenario::setup();
    let place = CsvPlace::new(0);
    let mut csv = place.csv("home").unwrap();
    csv.recover(&spans_of(ROWS)).unwrap();
    let rows = batch(Partition(0), Offset(0), &[row(0, 0)]);
    fail::cfg(failpoints::WRITE, "1*return(full)->off").unwrap();
    assert_eq!(write(&mut csv, &rows).unwrap_err().kind(), Kind::Retry);
    write(&mut csv, &rows).unwrap();
    csv.sync().unwrap();
    assert_eq!(place.csv_names().len(), 1, "no file is left without a header");
    scenario.teardown();
}

#[cfg(feature = "postgres")]
#[test]
fn dying_at_any_pass_of_any_place_of_the_postgres_sink_leaves_each_row_once() {
    let Some(server) = seismic_brokers::Postgres::start(&[]) else { return };
    let server = std::rc::Rc::new(server);
    let scenario = FailScenario::setup();
    let mut line =
        Line::new(1, "failure at each pass of each named place of the PostgreSQL sink, in process");
    line.place = "PostgreSQL";
    for name in failpoints::POSTGRES {
        let mut deaths = 0;
        loop {
            let place = postgres_place::PostgresPlace::new(&server, "");
            fail::cfg(name, &format!("{deaths}*off->return")).unwrap();
            let died = try_write_the_rest(&mut *place.sink("home").unwrap()).is_err();
            fail::remove(name);
            write_the_rest(&place);
            assert_whole(&place);
            if !died {
                break;
            }
            deaths += 1;
        }
        assert!(deaths > 0, "{name} was never passed");
        line.tries += deaths;
    }
    line.print();
    scenario.teardown();
}

#[cfg(feature = "parquet")]
#[test]
fn dying_at_any_pass_of_any_place_of_the_parquet_sink_leaves_each_row_once() {
    let scenario = FailScenario::setup();
    let faults = [failpoints::WRITE, failpoints::MARK_WRITE, failpoints::FSYNC];
    let names = failpoints::ALL.iter().chain(&failpoints::PARQUET).chain(&faults);
    let mut line =
        Line::new(1, "failure at each pass of each named place of the Parquet sink, in process");
    for (place_name, options) in names.flat_map(|&name| [(name, ",file_bytes=1"), (name, "")]) {
        let mut deaths = 0;
        loop {
            let place = parquet_place::FolderPlace::new(options);
            fail::cfg(place_name, &format!("{deaths}*off->return")).unwrap();
            let died = try_write_the_rest(&mut place.sink()).is_err();
            fail::remove(place_name);
            write_the_rest(&place);
            assert_whole(&place);
            if !died {
                break;
            }
            deaths += 1;
        }
        line.tries += deaths;
    }
    line.print();
    scenario.teardown();
}

#[cfg(feature = "kafka")]
#[test]
#[ignore = "more on brokers: .ci/run"]
fn dying_at_any_pass_of_any_place_of_the_kafka_sink_leaves_each_row_once() {
    let Some(cluster) = kafka_place::shared() else { return };
    let scenario = FailScenario::setup();
    let mut line =
        Line::new(1, "failure at each pass of each named place of the Kafka sink, in process");
    line.place = "Kafka";
    for name in failpoints::KAFKA {
        let mut deaths = 0;
        loop {
            let place = kafka_place::TopicPlace::new(&cluster, "");
            fail::cfg(name, &format!("{deaths}*off->return")).unwrap();
            let died = try_write_the_rest(&mut place.sink("home").unwrap()).is_err();
            fail::remove(name);
            write_the_rest(&place);
            assert_whole(&place);
            if !died {
                break;
            }
            deaths += 1;
        }
        assert!(deaths > 0, "{name} was never passed");
        line.tries += deaths;
    }
    line.print();
    scenario.teardown();
}

#[cfg(feature = "mysql")]
#[test]
fn dying_at_any_pass_of_any_place_of_the_mysql_sink_leaves_each_row_once() {
    let Some(server) = seismic_brokers::MariaDb::start(&[]) else { return };
    let server = std::rc::Rc::new(server);
    let scenario = FailScenario::setup();
    let mut line =
        Line::new(1, "failure at each pass of each named place of the MySQL sink, in process");
    line.place = "MariaDB";
    for name in failpoints::MYSQL {
        let mut deaths = 0;
        loop {
            let place = mysql_place::MySqlPlace::new(&server, "");
            fail::cfg(name, &format!("{deaths}*off->return")).unwrap();
            let died = try_write_the_rest(&mut *place.sink("home").unwrap()).is_err();
            fail::remove(name);
            write_the_rest(&place);
            assert_whole(&place);
            if !died {
                break;
            }
            deaths += 1;
        }
        assert!(deaths > 0, "{name} was never passed");
        line.tries += deaths;
    }
    line.print();
    scenario.teardown();
}

#[cfg(feature = "odbc")]
#[test]
fn dying_at_any_pass_of_any_place_of_the_odbc_sink_leaves_each_row_once() {
    use odbc_place::{OdbcPlace, Server};
    let scenario = FailScenario::setup();
    let mut line =
        Line::new(1, "failure at each pass of each named place of the ODBC sink, in process");
    line.place = "SQLite, PostgreSQL";
    let servers = [Server::sqlite(), Server::postgres()];
    for server in servers.into_iter().flatten() {
        for name in failpoints::ODBC {
            let mut deaths = 0;
            loop {
                let place = OdbcPlace::new(&server, "");
                fail::cfg(name, &format!("{deaths}*off->return")).unwrap();
                let died = try_write_the_rest(&mut *place.sink("home").unwrap()).is_err();
                fail::remove(name);
                write_the_rest(&place);
                assert_whole(&place);
                if !died {
                    break;
                }
                deaths += 1;
            }
            assert!(deaths > 0, "{name} was never passed");
            line.tries += deaths;
        }
    }
    line.print();
    scenario.teardown();
}
