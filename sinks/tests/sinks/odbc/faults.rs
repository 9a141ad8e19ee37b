//! Faults of servers and networks that drivers of ODBC meet.

use std::sync::atomic::{AtomicBool, Ordering};

use seismic_brokers::{MariaDb, Postgres, Proxy, odbc_driver};
use seismic_proto::Schema;
use seismic_queue::{Kind, Offset, Partition};
use seismic_sinks::conformance::{
    ROWS, SinkTarget, assert_whole, batch, row, spans_of, window, write, write_the_rest,
};
use seismic_sinks::{Context, Error, SinkSpec};

use super::place::{OdbcPlace, Server};
use crate::patiently::{drawn, patiently, wait_until, write_patiently};

/// Places that are tried where not all of them are.
const TRIED: usize = 3;

#[test]
fn a_connection_of_a_driver_that_breaks_anywhere_loses_and_doubles_no_row() {
    for server in Server::remote() {
        let whole = server.proxy();
        write_patiently(&mut *OdbcPlace::new(&server, "").sink_at(&whole.address()));
        for (breaks, count) in [
            (Proxy::break_after_requests as fn(&Proxy, u32), whole.requests()),
            (Proxy::break_after_answers, whole.answers()),
        ] {
            assert!(count > 40, "there were {count} requests or answers");
            // The last ones may be a goodbye.
            for after in drawn(count - 4, TRIED) {
                let place = OdbcPlace::new(&server, "");
                let proxy = server.proxy();
                breaks(&proxy, after);
                write_patiently(&mut *place.sink_at(&proxy.address()));
                assert!(proxy.has_broken(), "{after} of {count}");
                assert_whole(&place);
            }
        }
    }
}

#[test]
fn a_commit_of_a_driver_whose_answer_is_lost_counts_once() {
    for server in Server::remote() {
        let place = OdbcPlace::new(&server, "");
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
}

#[test]
fn a_sink_of_odbc_that_was_taken_over_is_fenced_whatever_it_still_believes() {
    for server in Server::remote() {
        let place = OdbcPlace::new(&server, "");
        let mut zombie = place.sink("home").unwrap();
        zombie.recover(&spans_of(ROWS)).unwrap();
        write(&mut *zombie, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
        server.end_connections(&place.database);
        let mut other = place.sink("home").unwrap();
        other.recover(&spans_of(ROWS)).unwrap();
        // Its connection is gone, and with the next one it is not the writer any more.
        let mut refused = zombie.sync().unwrap_err();
        while refused.kind() == Kind::Retry {
            refused = zombie.sync().unwrap_err();
        }
        assert_eq!(refused.kind(), Kind::Fenced, "{refused}");
        assert!(matches!(refused, Error::InUse { .. }), "{refused}");
        assert!(refused.to_string().contains(&format!("process {}", std::process::id())));
        write(&mut *other, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
        other.sync().unwrap();
        drop(other);
        write_the_rest(&place);
        assert_whole(&place);
    }
}

/// A server that can be killed, and a database of it.
trait Mortal: Sync {
    fn kill_and_restart(&mut self);
    fn count(&self) -> u64;
}

impl Mortal for Postgres {
    fn kill_and_restart(&mut self) {
        self.kill();
        self.restart();
    }

    fn count(&self) -> u64 {
        let is_made = "SELECT to_regclass('seismic_windows') IS NOT NULL";
        match self.sql("load", is_made).trim() {
            "t" => self.sql("load", "SELECT count(*) FROM seismic_windows").trim().parse().unwrap(),
            _ => 0,
        }
    }
}

impl Mortal for MariaDb {
    fn kill_and_restart(&mut self) {
        self.kill();
        self.restart();
    }

    fn count(&self) -> u64 {
        match self.sql("load", "SHOW TABLES LIKE 'seismic_windows'").is_empty() {
            false => {
                self.sql("load", "SELECT count(*) FROM seismic_windows").trim().parse().unwrap()
            }
            true => 0,
        }
    }
}

fn is_killed_under_load(server: &mut dyn Mortal, connection: &str) {
    let spec: SinkSpec = format!("{connection},create=true").parse().unwrap();
    let (is_over, of_writer) = (AtomicBool::new(false), spec.clone());
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let context = Context::new("home", "results");
            let mut sink = seismic_sinks::open(&of_writer, &context).unwrap();
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
        for rows in [100, 1_000] {
            wait_until(|| server.count() >= rows);
            server.kill_and_restart();
        }
        is_over.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    let stored = seismic_sinks::odbc::stored_rows(&spec, Schema::windows()).unwrap();
    assert_eq!(stored.len() as u64, written);
    for (i, (partition, offset, stored)) in (0..).zip(stored) {
        assert_eq!((partition, offset), (Partition(0), Offset(i)));
        assert_eq!(window(stored), row(0, i));
    }
}

#[test]
fn a_server_behind_a_driver_that_is_killed_under_load_loses_and_doubles_no_row() {
    if let (Some(driver), Some(mut server)) =
        (odbc_driver("PostgreSQL Unicode"), Postgres::start(&[]))
    {
        drop(server.database("load"));
        let address = server.address();
        let (host, port) = address.split_once(':').unwrap();
        let connection = format!(
            "odbc:Driver={driver};Servername={host};Port={port};Database=load;UID=seismic;\
             SSLmode=disable"
        );
        is_killed_under_load(&mut server, &connection);
    }
    if let (Some(driver), Some(mut server)) = (odbc_driver("MariaDB"), MariaDb::start(&[])) {
        drop(server.database("load"));
        let address = server.address();
        let (host, port) = address.split_once(':').unwrap();
        let connection =
            format!("odbc:Driver={driver};Server={host};Port={port};Database=load;UID=root");
        is_killed_under_load(&mut server, &connection);
    }
}

#[test]
fn passwords_for_drivers_come_from_files_and_wrong_ones_are_named() {
    let Some(Server::MariaDb(server, driver)) = Server::mariadb() else { return };
    server.sql(
        "mysql",
        "CREATE USER keeper IDENTIFIED BY 'hunter2;{}='; GRANT ALL ON secret.* TO keeper",
    );
    drop(server.database("secret"));
    let address = server.address();
    let (host, port) = address.split_once(':').unwrap();
    let connection =
        format!("odbc:Driver={driver};Server={host};Port={port};Database=secret;UID=keeper");
    let folder = tempfile::tempdir().unwrap();
    let recover = |password: Option<&str>| {
        let at = folder.path().join("password");
        let option = password.map_or(String::new(), |password| {
            std::fs::write(&at, format!("{password}\n")).unwrap();
            format!(",password_file={}", at.display())
        });
        let spec: SinkSpec = format!("{connection},create=true{option}").parse().unwrap();
        let context = Context::new("home", "results");
        seismic_sinks::open(&spec, &context).and_then(|mut sink| sink.recover(&spans_of(ROWS)))
    };
    recover(Some("hunter2;{}=")).unwrap();
    for wrong in [Some("hunter3"), None] {
        let error = recover(wrong).unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{error}");
        assert!(error.to_string().contains("error 1045"), "{error}");
        assert!(!error.to_string().contains("hunter"), "{error}");
    }
}
