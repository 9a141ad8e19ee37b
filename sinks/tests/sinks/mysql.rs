//! The MySQL sink on a real MariaDB: the suite, and faults of servers and networks.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use seismic_brokers::{MariaDb as Server, Proxy};
use seismic_proto::SeismicAggRecord;
use seismic_queue::{Kind, Offset, Partition};
use seismic_sinks::conformance::{
    self, PARTITIONS, ROWS, SinkTarget, assert_whole, assert_whole_rows, batch, row, spans_of,
    three, write, write_the_rest,
};
use seismic_sinks::{Context, Error, Sink, SinkSpec};

use crate::mysql_place::{MySqlPlace, ThreeColumns};
use crate::patiently::{drawn, patiently, wait_until, write_patiently};

/// Places that are tried where not all of them are.
const TRIED: usize = 6;

/// A server, if this machine has one.
fn server() -> Option<Rc<Server>> {
    Server::start(&[]).map(Rc::new)
}

#[test]
fn the_mysql_sink_passes_the_suite() {
    let Some(server) = server() else { return };
    conformance::run(&|| Box::new(MySqlPlace::new(&server, "")));
}

#[test]
fn so_it_does_with_keys_that_are_updated_and_with_tiny_batches() {
    let Some(server) = server() else { return };
    conformance::run(&|| Box::new(MySqlPlace::new(&server, ",on_conflict=update")));
    let place = MySqlPlace::new(&server, ",batch_bytes=1KiB,on_conflict=ignore");
    write_the_rest(&place);
    assert_whole(&place);
}

#[test]
fn a_topic_of_three_columns_fits_a_table_of_mysql() {
    let Some(server) = server() else { return };
    three::run(&ThreeColumns(MySqlPlace::new(&server, ",table=three")));
}

#[test]
fn a_connection_that_breaks_at_any_request_or_answer_loses_and_doubles_no_row() {
    let Some(server) = server() else { return };
    let whole = server.proxy();
    write_patiently(&mut *MySqlPlace::new(&server, "").sink_at(&whole.address()));
    for (breaks, count) in [
        (Proxy::break_after_requests as fn(&Proxy, u32), whole.requests()),
        (Proxy::break_after_answers, whole.answers()),
    ] {
        assert!(count > 40, "there were {count} requests or answers");
        // The last one may be a goodbye.
        for after in drawn(count - 1, TRIED) {
            let place = MySqlPlace::new(&server, "");
            let proxy = server.proxy();
            breaks(&proxy, after);
            write_patiently(&mut *place.sink_at(&proxy.address()));
            assert!(proxy.has_broken(), "{after} of {count}");
            assert_whole(&place);
        }
    }
}

#[test]
fn a_commit_whose_answer_is_lost_counts_once() {
    let Some(server) = server() else { return };
    let place = MySqlPlace::new(&server, "");
    let proxy = server.proxy();
    let mut sink = place.sink_at(&proxy.address());
    patiently(|| sink.recover(&spans_of(ROWS)));
    write(&mut *sink, &batch(Partition(0), Offset(0), &[row(0, 0), row(0, 1)])).unwrap();
    proxy.lose_answer_to("COMMIT");
    let error = sink.sync().unwrap_err();
    assert_eq!((error.kind(), proxy.lost()), (Kind::Retry, 1), "{error}");
    // More rows come before it is retried.
    write(&mut *sink, &batch(Partition(0), Offset(2), &[row(0, 2)])).unwrap();
    write(&mut *sink, &batch(Partition(1), Offset(0), &[row(1, 0)])).unwrap();
    patiently(|| sink.sync());
    drop(sink);
    assert_eq!(place.rows(), [row(0, 0), row(0, 1), row(0, 2), row(1, 0)]);
    write_the_rest(&place);
    assert_whole(&place);
}

#[test]
fn a_server_that_is_killed_under_load_loses_and_doubles_no_row() {
    let Some(mut server) = Server::start(&[]) else { return };
    let address = server.database("load");
    let spec = format!("{address},create=true,sslmode=disable");
    let spec: SinkSpec = spec.parse().unwrap();
    let (is_over, of_writer) = (AtomicBool::new(false), spec.clone());
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut sink =
                seismic_sinks::open(&of_writer, &Context::new("home", "results")).unwrap();
            let spans = spans_of(u64::MAX >> 1);
            let mut next = patiently(|| sink.recover(&spans))[0].0;
            while !is_over.load(Ordering::Relaxed) {
                let rows: Vec<_> = (next..next + 50).map(|i| row(0, i)).collect();
                patiently(|| write(&mut *sink, &batch(Partition(0), Offset(next), &rows)));
                next += 50;
                patiently(|| sink.sync());
            }
            next
        });
        for rows in [100, 1_000, 3_000] {
            let count = || -> u64 {
                if server.sql("load", "SHOW TABLES LIKE 'seismic_windows'").is_empty() {
                    return 0;
                }
                server.sql("load", "SELECT count(*) FROM seismic_windows").trim().parse().unwrap()
            };
            wait_until(|| count() >= rows);
            server.kill();
            server.restart();
        }
        is_over.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    let stored = seismic_sinks::mysql::stored_rows(&spec, seismic_proto::Schema::windows());
    let stored = stored.unwrap();
    assert_eq!(stored.len() as u64, written);
    for (i, (partition, offset, stored)) in (0..).zip(stored) {
        assert_eq!((partition, offset), (Partition(0), Offset(i)));
        assert_eq!(conformance::window(stored), row(0, i));
    }
}

#[test]
fn a_sink_that_lost_its_turn_is_fenced_whatever_it_still_believes() {
    let Some(server) = server() else { return };
    let place = MySqlPlace::new(&server, "");
    let mut zombie = place.sink("home").unwrap();
    zombie.recover(&spans_of(ROWS)).unwrap();
    write(&mut *zombie, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    server.end_connections(&place.database);
    let mut other = place.sink("home").unwrap();
    other.recover(&spans_of(ROWS)).unwrap();
    let lost = zombie.sync().unwrap_err();
    assert_eq!(lost.kind(), Kind::Retry, "its connection is gone: {lost}");
    let refused = zombie.sync().unwrap_err();
    assert_eq!(refused.kind(), Kind::Fenced, "{refused}");
    assert!(matches!(refused, Error::InUse { .. }), "{refused}");
    write(&mut *other, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    other.sync().unwrap();
    drop(other);
    let moved = patiently_until_fenced(&mut *zombie);
    assert!(matches!(moved, Error::Moved { .. }), "{moved}");
    write_the_rest(&place);
    assert_whole(&place);
}

/// The error that keeps a zombie out.
fn patiently_until_fenced(sink: &mut dyn Sink) -> Error {
    loop {
        match sink.sync() {
            Err(error) if error.kind() == Kind::Retry => {}
            other => return other.unwrap_err(),
        }
    }
}

#[test]
fn a_session_of_the_sink_that_hangs_in_the_server_does_not_keep_its_place() {
    let Some(server) = server() else { return };
    let place = MySqlPlace::new(&server, "");
    let proxy = server.proxy();
    let mut sink = place.sink_at(&proxy.address());
    patiently(|| sink.recover(&spans_of(ROWS)));
    write(&mut *sink, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    proxy.break_after_answers(2);
    assert_eq!(sink.sync().unwrap_err().kind(), Kind::Retry);
    patiently(|| sink.sync());
    write_patiently(&mut *sink);
    drop(sink);
    assert_whole(&place);
}

#[test]
fn a_database_that_was_put_back_goes_on_from_its_own_position() {
    let Some(server) = server() else { return };
    let place = MySqlPlace::new(&server, "");
    let mut sink = place.sink("home").unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    write(&mut *sink, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    sink.sync().unwrap();
    drop(sink);
    server.dump(&place.database, "older");
    write_the_rest(&place);
    let older = MySqlPlace { database: "older".to_owned(), ..MySqlPlace::new(&server, "") };
    write_the_rest(&older);
    assert_whole_rows(&older.rows());
}

#[test]
fn rows_that_a_rewind_took_back_are_removed() {
    let Some(server) = server() else { return };
    let place = MySqlPlace::new(&server, "");
    write_the_rest(&place);
    let mut sink = place.sink("home").unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    assert!(sink.take_back(Partition(1), Offset(3)).unwrap());
    assert_eq!(place.rows().len() as u64, u64::from(PARTITIONS) * ROWS - 4);
    assert_eq!(sink.last_rows()[1], None);
    drop(sink);
    write_the_rest(&place);
    assert_whole(&place);
}

#[test]
fn a_table_that_does_not_fit_is_refused_with_every_fault() {
    let Some(server) = server() else { return };
    let place = MySqlPlace::new(&server, "");
    write_the_rest(&place);
    place.sql(
        "ALTER TABLE seismic_windows MODIFY pane smallint NOT NULL, DROP COLUMN rsam, \
         MODIFY last_sample_ts datetime NOT NULL, ADD COLUMN region text NOT NULL, \
         MODIFY sensor_id varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL, \
         ENGINE=MyISAM",
    );
    let error = place.sink("home").unwrap().recover(&spans_of(ROWS)).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    for fault in [
        "table seismic_windows is of engine MyISAM, which has no transactions",
        "column pane is of type smallint(6) and must be of type int",
        "column last_sample_ts is of type datetime and must be of type datetime(3)",
        "no column rsam (of type double)",
        "column region must have a value",
        "is of collation utf8mb4_general_ci",
    ] {
        assert!(error.to_string().contains(fault), "{error}");
    }
    let place = MySqlPlace::new(&server, ",table=archive.windows");
    let error = place.sink("home").unwrap().recover(&spans_of(ROWS)).unwrap_err();
    assert_eq!(error.kind(), Kind::Config, "there is no such database: {error}");
}

#[test]
fn a_row_that_the_table_does_not_take_is_named_and_the_rest_stays_out() {
    let Some(server) = server() else { return };
    let place = MySqlPlace::new(&server, "");
    drop(place.sink("home").unwrap().recover(&spans_of(ROWS)).unwrap());
    place.sql("ALTER TABLE seismic_windows ADD CHECK (max_amplitude < 2)");
    let mut sink = place.sink("home").unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    let rows: Vec<_> = (0..4).map(|i| row(1, i)).collect();
    write(&mut *sink, &batch(Partition(1), Offset(0), &rows)).unwrap();
    let error = sink.sync().unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    assert!(error.to_string().contains("row 2 of partition 1"), "{error}");
    assert!(place.rows().is_empty());
    let mut sink = place.sink("home").unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    let blank = SeismicAggRecord { sensor_id: "a ".to_owned(), ..row(0, 0) };
    let error = write(&mut *sink, &batch(Partition(0), Offset(0), &[blank])).unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    assert!(error.to_string().contains("row 0 of partition 0: its column sensor_id"), "{error}");
}

#[test]
fn a_number_that_is_none_is_refused_or_null_and_every_text_comes_back() {
    let Some(server) = server() else { return };
    let place = MySqlPlace::new(&server, "");
    let mut sink = place.sink("home").unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    let none = SeismicAggRecord { rsam: f64::NAN, max_amplitude: f32::INFINITY, ..row(0, 0) };
    let rows = batch(Partition(0), Offset(0), std::slice::from_ref(&none));
    let error = write(&mut *sink, &rows).unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    assert!(error.to_string().contains("nan=null writes NULL"), "{error}");
    drop(sink);
    let place = MySqlPlace::new(&server, ",nan=null");
    let mut sink = place.sink("home").unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    let odd = SeismicAggRecord { sensor_id: "\0'\\\u{1f30b}\r\n`".to_owned(), ..row(0, 1) };
    write(&mut *sink, &rows).unwrap();
    write(&mut *sink, &batch(Partition(0), Offset(1), std::slice::from_ref(&odd))).unwrap();
    sink.sync().unwrap();
    let lacking = "SELECT rsam IS NULL, max_amplitude IS NULL, rms_amplitude IS NULL FROM seismic_windows \
                   ORDER BY result_offset";
    assert_eq!(place.sql(lacking), "1\t1\t0\n0\t0\t0\n");
    assert_eq!(place.rows()[1], odd);
}

#[test]
fn rows_that_the_table_does_not_take_are_dead_letters_where_that_is_wanted() {
    let Some(server) = server() else { return };
    let place = MySqlPlace::new(&server, ",on_data_error=dead-letter");
    drop(place.sink("home").unwrap().recover(&spans_of(ROWS)).unwrap());
    place.sql("ALTER TABLE seismic_windows ADD CHECK (max_amplitude NOT IN (2, 5))");
    let mut sink = place.sink("home").unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    let mut rows: Vec<_> = (0..ROWS).map(|i| row(1, i)).collect();
    rows[3].sensor_id = "a ".to_owned();
    write(&mut *sink, &batch(Partition(1), Offset(0), &rows)).unwrap();
    sink.sync().unwrap();
    drop(sink);
    assert_eq!(place.rows(), [0, 1, 4, 6].map(|i| rows[i].clone()));
    let letters = place.sql("SELECT row_offset, reason FROM seismic_dead_letter ORDER BY 1");
    let letters: Vec<_> = letters.lines().collect();
    assert_eq!(letters.len(), 3, "{letters:?}");
    for (letter, (offset, why)) in
        letters.iter().zip([("2\t", "CONSTRAINT"), ("3\t", "blank"), ("5\t", "CONSTRAINT")])
    {
        assert!(letter.starts_with(offset) && letter.contains(why), "{letter}");
    }
    let mut sink = place.sink("home").unwrap();
    assert_eq!(sink.recover(&spans_of(ROWS)).unwrap()[1], Offset(ROWS));
    assert!(sink.take_back(Partition(1), Offset(3)).unwrap());
    assert_eq!(place.sql("SELECT count(*) FROM seismic_dead_letter").trim(), "1");
}

#[test]
fn keys_that_are_there_stop_the_sink_stay_or_are_replaced() {
    let Some(server) = server() else { return };
    for (on_conflict, is_kept) in [("ignore", true), ("update", false)] {
        let place = MySqlPlace::new(&server, &format!(",on_conflict={on_conflict}"));
        drop(place.sink("home").unwrap().recover(&spans_of(ROWS)).unwrap());
        // Someone else's row of the same window.
        write_the_rest(&place);
        place.sql("DELETE FROM seismic_position");
        place.sql("UPDATE seismic_windows SET rsam = 7 WHERE result_offset = 3");
        write_the_rest(&place);
        let kept = place.rows().iter().filter(|row| row.rsam == 7.0).count();
        assert_eq!(kept, if is_kept { PARTITIONS as usize } else { 0 }, "{on_conflict}");
        assert_eq!(place.rows().len() as u64, u64::from(PARTITIONS) * ROWS);
    }
    let place = MySqlPlace::new(&server, "");
    write_the_rest(&place);
    place.sql("DELETE FROM seismic_position");
    let error = place.sink("home").unwrap().recover(&spans_of(ROWS)).unwrap_err();
    assert!(matches!(error, Error::PositionMissing { .. }), "{error}");
}

#[test]
fn a_key_twice_in_one_batch_keeps_the_newer_row() {
    let Some(server) = server() else { return };
    let place = MySqlPlace::new(&server, ",on_conflict=update");
    let mut sink = place.sink("home").unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    let again = SeismicAggRecord { rsam: 9.0, ..row(0, 0) };
    write(&mut *sink, &batch(Partition(0), Offset(0), &[row(0, 0), again.clone()])).unwrap();
    sink.sync().unwrap();
    drop(sink);
    assert_eq!(place.rows(), [again]);
}

#[test]
fn tls_believes_its_authority_alone() {
    let Some((server, certificates)) = Server::with_tls() else { return };
    let address = server.database("tls");
    let recover = |options: &str| {
        let spec: SinkSpec = format!("{address},create=true,{options}").parse().unwrap();
        let context = Context::new("home", "results");
        seismic_sinks::open(&spec, &context).and_then(|mut sink| sink.recover(&spans_of(ROWS)))
    };
    let file = |name: &str| certificates.join(name).display().to_string();
    recover(&format!("sslmode=verify-full,ssl_ca={}", file("ca.pem"))).unwrap();
    recover(&format!("sslmode=require,ssl_ca={}", file("ca.pem"))).unwrap();
    recover("sslmode=require").unwrap();
    recover("sslmode=prefer").unwrap();
    for mode in ["require", "verify-full"] {
        let refused = recover(&format!("sslmode={mode},ssl_ca={}", file("stranger.pem")));
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    let error = recover(&format!("sslmode=require,ssl_ca={}", file("none.pem"))).unwrap_err();
    assert!(error.to_string().contains("none.pem"), "{error}");
    let plain = Server::start(&[]).expect("there is one");
    let address = plain.database("plain");
    let spec: SinkSpec = format!("{address},create=true,sslmode=require").parse().unwrap();
    let mut sink = seismic_sinks::open(&spec, &Context::new("home", "results")).unwrap();
    let error = sink.recover(&spans_of(ROWS)).unwrap_err();
    assert_eq!(error.kind(), Kind::Config, "it has no TLS: {error}");
}

#[test]
fn passwords_come_from_files_and_wrong_ones_are_named() {
    let Some(server) = server() else { return };
    server.sql(
        "mysql",
        "CREATE USER keeper IDENTIFIED BY 'hunter2'; GRANT ALL ON secret.* TO keeper",
    );
    let address = server.database("secret").replace("root@", "keeper@");
    let folder = tempfile::tempdir().unwrap();
    let recover = |password: Option<&str>| {
        let at = folder.path().join("password");
        let option = password.map_or(String::new(), |password| {
            std::fs::write(&at, format!("{password}\n")).unwrap();
            format!(",password_file={}", at.display())
        });
        let spec: SinkSpec = format!("{address},create=true{option}").parse().unwrap();
        let context = Context::new("home", "results");
        seismic_sinks::open(&spec, &context).and_then(|mut sink| sink.recover(&spans_of(ROWS)))
    };
    recover(Some("hunter2")).unwrap();
    for wrong in [Some("hunter3"), None] {
        let error = recover(wrong).unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{error}");
        assert!(error.to_string().contains("error 1045"), "{error}");
        assert!(!error.to_string().contains("hunter"), "{error}");
    }
}

#[test]
fn a_password_in_the_address_is_refused_and_shown_nowhere() {
    for spec in [
        "mysql://me:hunter2@db/seismic",
        "mysql:mysql://me:hunter2@db/seismic",
        "mariadb://me:hu/n@ter2@db:3306/seismic",
        "mysql://me@db/seismic?password=hunter2",
        "mysql://me@db/seismic,password=hunter2",
    ] {
        let error = spec.parse::<SinkSpec>().unwrap_err().to_string();
        assert!(!error.contains("ter2"), "{error}");
        assert!(error.contains("password_file"), "{error}");
    }
    for (spec, why) in [
        ("mysql", "no address"),
        ("mysql:seismic", "no address"),
        ("mysql://db/seismic", "no user"),
        ("mysql://me@db", "database"),
        ("mysql://me@db/seismic?sslmode=require", "options of the sink"),
        ("mysql://me@db/seismic,sslmode=verify-full", "ssl_ca"),
        ("mysql://me@db/seismic,table=a.", "TABLE"),
        ("mysql://me@db/seismic,nan=zero", "one of refuse, null"),
        ("mysql://me@db/seismic,merge_panes=true,nan=null", "leave it out"),
    ] {
        let error = spec.parse::<SinkSpec>().unwrap_err().to_string();
        assert!(error.contains(why), "{spec}: {error}");
    }
    let one: SinkSpec = "mysql://me@db/seismic".parse().unwrap();
    let other: SinkSpec = "mysql://me@db/seismic,table=x".parse().unwrap();
    assert!(!one.is_same_place(&other) && one.is_same_place(&one));
    let same: SinkSpec = "mariadb://me@db:3306/seismic".parse().unwrap();
    assert_eq!((same.scheme(), same.name()), ("mysql", one.name()));
}
