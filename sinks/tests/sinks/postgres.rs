//! The PostgreSQL sink on a real server: the suite, and faults of servers and networks.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use seismic_brokers::Postgres as Server;
use seismic_queue::{Kind, Offset, Partition};
use seismic_sinks::conformance::{
    self, PARTITIONS, ROWS, SinkTarget, assert_whole, assert_whole_rows, batch, row, spans_of,
    three, write, write_the_rest,
};
use seismic_sinks::{Context, Error, Sink, SinkSpec};

use crate::patiently::{patiently, wait_until, write_patiently};
use crate::postgres_place::{PostgresPlace, ThreeColumns};

/// A server, if this machine has one.
fn server() -> Option<Rc<Server>> {
    Server::start(&[]).map(Rc::new)
}

#[test]
fn the_postgres_sink_passes_the_suite() {
    let Some(server) = server() else { return };
    conformance::run(&|| Box::new(PostgresPlace::new(&server, "")));
}

#[test]
fn so_it_does_with_keys_that_are_updated_and_with_tiny_batches() {
    let Some(server) = server() else { return };
    conformance::run(&|| Box::new(PostgresPlace::new(&server, ",on_conflict=update")));
    let place = PostgresPlace::new(&server, ",batch_bytes=1KiB,on_conflict=ignore");
    write_the_rest(&place);
    assert_whole(&place);
}

#[test]
fn a_topic_of_three_columns_fits_a_table_of_postgres() {
    let Some(server) = server() else { return };
    three::run(&ThreeColumns(PostgresPlace::new(&server, ",table=public.three")));
}

#[test]
fn a_connection_that_breaks_at_any_request_or_answer_loses_and_doubles_no_row() {
    let Some(server) = server() else { return };
    for breaks in [
        seismic_brokers::Proxy::break_after_requests as fn(&seismic_brokers::Proxy, u32),
        seismic_brokers::Proxy::break_after_answers,
    ] {
        let mut after = 0;
        loop {
            let place = PostgresPlace::new(&server, "");
            let proxy = server.proxy();
            breaks(&proxy, after);
            write_patiently(&mut *place.sink_at(&proxy.address()));
            assert_whole(&place);
            if !proxy.has_broken() {
                break;
            }
            // Every place at first, then some: sessions repeat.
            after += if after < 40 { 1 } else { 7 };
        }
        assert!(after > 40, "there were requests and answers");
    }
}

#[test]
fn a_commit_whose_answer_is_lost_counts_once() {
    let Some(server) = server() else { return };
    let place = PostgresPlace::new(&server, "");
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
                let is_made = "SELECT to_regclass('seismic_windows') IS NOT NULL";
                if server.sql("load", is_made).trim() != "t" {
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
    let stored = seismic_sinks::postgres::stored_rows(&spec, seismic_proto::Schema::windows());
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
    let place = PostgresPlace::new(&server, "");
    let mut zombie = place.sink("home").unwrap();
    zombie.recover(&spans_of(ROWS)).unwrap();
    write(&mut *zombie, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE application_name LIKE 'seismic sink%'";
    place.sql(end);
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
    let place = PostgresPlace::new(&server, "");
    let proxy = server.proxy();
    let mut sink = place.sink_at(&proxy.address());
    // The name of the place is that of the address, so the proxy's is another one: the lock too.
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
    let place = PostgresPlace::new(&server, "");
    let mut sink = place.sink("home").unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    write(&mut *sink, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    sink.sync().unwrap();
    drop(sink);
    server.dump(&place.database, "older");
    write_the_rest(&place);
    let older = PostgresPlace { database: "older".to_owned(), ..PostgresPlace::new(&server, "") };
    write_the_rest(&older);
    assert_whole_rows(&older.rows());
}

#[test]
fn rows_that_a_rewind_took_back_are_removed() {
    let Some(server) = server() else { return };
    let place = PostgresPlace::new(&server, "");
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
    let place = PostgresPlace::new(&server, "");
    write_the_rest(&place);
    place.sql(
        "ALTER TABLE seismic_windows ALTER COLUMN pane TYPE smallint; \
         ALTER TABLE seismic_windows DROP COLUMN rsam; \
         ALTER TABLE seismic_windows ADD COLUMN region text; \
         UPDATE seismic_windows SET region = ''; \
         ALTER TABLE seismic_windows ALTER COLUMN region SET NOT NULL",
    );
    let error = place.sink("home").unwrap().recover(&spans_of(ROWS)).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    for fault in [
        "column pane is of type smallint and must be of type integer",
        "no column rsam (of type double precision)",
        "column region must have a value",
    ] {
        assert!(error.to_string().contains(fault), "{error}");
    }
    let place = PostgresPlace::new(&server, ",table=archive.windows");
    let error = place.sink("home").unwrap().recover(&spans_of(ROWS)).unwrap_err();
    assert_eq!(error.kind(), Kind::Config, "there is no such schema: {error}");
}

#[test]
fn a_row_that_the_table_does_not_take_is_named_and_the_rest_stays_out() {
    let Some(server) = server() else { return };
    let place = PostgresPlace::new(&server, "");
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
    let nul = seismic_proto::SeismicAggRecord { sensor_id: "a\0b".to_owned(), ..row(0, 0) };
    let error = write(&mut *sink, &batch(Partition(0), Offset(0), &[nul])).unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    assert!(error.to_string().contains("row 0 of partition 0: its column sensor_id"), "{error}");
}

#[test]
fn rows_that_the_table_does_not_take_are_dead_letters_where_that_is_wanted() {
    let Some(server) = server() else { return };
    let place = PostgresPlace::new(&server, ",on_data_error=dead-letter");
    drop(place.sink("home").unwrap().recover(&spans_of(ROWS)).unwrap());
    place.sql("ALTER TABLE seismic_windows ADD CHECK (max_amplitude NOT IN (2, 5))");
    let mut sink = place.sink("home").unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    let mut rows: Vec<_> = (0..ROWS).map(|i| row(1, i)).collect();
    rows[3].sensor_id = "a\0b".to_owned();
    write(&mut *sink, &batch(Partition(1), Offset(0), &rows)).unwrap();
    sink.sync().unwrap();
    drop(sink);
    assert_eq!(place.rows(), [0, 1, 4, 6].map(|i| rows[i].clone()));
    let letters = place.sql(
        "SELECT row_offset, translate(reason, chr(10) || chr(13), '') FROM seismic_dead_letter ORDER BY 1",
    );
    let letters: Vec<_> = letters.lines().collect();
    assert_eq!(letters.len(), 3, "{letters:?}");
    for (letter, (offset, why)) in
        letters.iter().zip([("2|", "violates check"), ("3|", "U+0000"), ("5|", "violates check")])
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
        let place = PostgresPlace::new(&server, &format!(",on_conflict={on_conflict}"));
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
    let place = PostgresPlace::new(&server, "");
    write_the_rest(&place);
    place.sql("DELETE FROM seismic_position");
    let error = place.sink("home").unwrap().recover(&spans_of(ROWS)).unwrap_err();
    assert!(matches!(error, Error::PositionMissing { .. }), "{error}");
}

#[test]
fn a_key_twice_in_one_batch_keeps_the_newer_row() {
    let Some(server) = server() else { return };
    let place = PostgresPlace::new(&server, ",on_conflict=update");
    let mut sink = place.sink("home").unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    let again = seismic_proto::SeismicAggRecord { rsam: 9.0, ..row(0, 0) };
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
    server.sql("postgres", "CREATE ROLE keeper LOGIN PASSWORD 'hunter2' SUPERUSER");
    server.require_passwords("keeper");
    let address = server.database("secret").replace("seismic@", "keeper@");
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
        assert!(error.to_string().contains("password"), "{error}");
        assert!(!error.to_string().contains("hunter"), "{error}");
    }
}

#[test]
fn a_password_in_the_address_is_refused_and_shown_nowhere() {
    for spec in [
        "postgres://me:hunter2@db/seismic",
        "postgres:postgres://me:hunter2@db/seismic",
        "postgres:postgresql://me:hu/n@ter2@db:5432/seismic",
        "postgres://me@db/seismic?password=hunter2",
        "postgres://me@db/seismic,password=hunter2",
    ] {
        let error = spec.parse::<SinkSpec>().unwrap_err().to_string();
        assert!(!error.contains("ter2"), "{error}");
        assert!(error.contains("password_file"), "{error}");
    }
    for (spec, why) in [
        ("postgres", "no address"),
        ("postgres:seismic", "no address"),
        ("postgres://db/seismic", "no user"),
        ("postgres://me@db", "database"),
        ("postgres://me@db/seismic?sslmode=require", "options of the sink"),
        ("postgres://me@db/seismic,sslmode=verify-full", "ssl_ca"),
        ("postgres://me@db/seismic,sslmode=verify-ful", "one of disable"),
        ("postgres://me@db/seismic,table=a.", "TABLE"),
        ("postgres://me@db/seismic,batch_bytes=1", "batch_bytes"),
    ] {
        let error = spec.parse::<SinkSpec>().unwrap_err().to_string();
        assert!(error.contains(why), "{spec}: {error}");
    }
    let one: SinkSpec = "postgres://me@db/seismic".parse().unwrap();
    let other: SinkSpec = "postgres://me@db/seismic,table=x".parse().unwrap();
    assert!(!one.is_same_place(&other) && one.is_same_place(&one));
}
