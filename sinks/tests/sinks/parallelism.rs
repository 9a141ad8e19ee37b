//! Sinks of tables with several connections, each with some of the partitions: the suite, broken
//! connections, and one that has lost its place.

use std::rc::Rc;

use seismic_brokers::Proxy;
use seismic_queue::{Kind, Offset, Partition};
use seismic_sinks::conformance::{
    self, ROWS, SinkTarget, assert_whole, batch, row, spans_of, write, write_the_rest,
};
use seismic_sinks::{Error, Sink};

use crate::patiently::write_patiently;

/// Every place of a connection at which one may break, of all connections of a sink together.
fn breaks_anywhere<P: SinkTarget>(
    make: impl Fn() -> P,
    proxy: impl Fn() -> Proxy,
    sink_at: impl Fn(&P, &str) -> Box<dyn Sink>,
) {
    for breaks in [Proxy::break_after_requests as fn(&Proxy, u32), Proxy::break_after_answers] {
        let mut after = 0;
        loop {
            let (place, proxy) = (make(), proxy());
            breaks(&proxy, after);
            write_patiently(&mut *sink_at(&place, &proxy.address()));
            assert_whole(&place);
            if !proxy.has_broken() {
                break;
            }
            // Every place at first, then some: sessions repeat.
            after += if after < 20 { 1 } else { 7 };
        }
        assert!(after > 20, "there were requests and answers");
    }
}

/// A sink whose sessions end while rows of two partitions wait, and another one writes rows of the
/// second one meanwhile: it is kept out of both.
fn is_fenced(place: &dyn SinkTarget, end_sessions: impl Fn()) {
    let mut zombie = place.open("home").unwrap();
    zombie.recover(&spans_of(ROWS)).unwrap();
    for partition in [0, 1] {
        let first = batch(Partition(partition), Offset(0), &[row(partition, 0)]);
        write(&mut *zombie, &first).unwrap();
    }
    end_sessions();
    let mut other = place.open("home").unwrap();
    other.recover(&spans_of(ROWS)).unwrap();
    write(&mut *other, &batch(Partition(1), Offset(0), &[row(1, 0), row(1, 1)])).unwrap();
    other.sync().unwrap();
    drop(other);
    let refused = loop {
        match zombie.sync() {
            Err(error) if error.kind() == Kind::Retry => {}
            other => break other.unwrap_err(),
        }
    };
    assert!(matches!(refused, Error::Moved { .. }), "{refused}");
    drop(zombie);
    write_the_rest(place);
    assert_whole(place);
}

#[cfg(feature = "postgres")]
mod postgres {
    use seismic_brokers::Postgres as Server;

    use super::*;
    use crate::postgres_place::PostgresPlace;

    fn server() -> Option<Rc<Server>> {
        Server::start(&[]).map(Rc::new)
    }

    #[test]
    fn several_connections_to_postgres_pass_the_suite() {
        let Some(server) = server() else { return };
        // Fewer than partitions, each with a transaction a row.
        let options = ",parallelism=2,batch_rows=1";
        conformance::run(&|| Box::new(PostgresPlace::new(&server, options)));
    }

    #[test]
    fn several_connections_to_postgres_that_break_lose_and_double_no_row() {
        let Some(server) = server() else { return };
        let make = || PostgresPlace::new(&server, ",parallelism=3,batch_rows=2");
        breaks_anywhere(make, || server.proxy(), |place, address| place.sink_at(address));
    }

    #[test]
    fn a_sink_of_several_connections_to_postgres_that_lost_its_turn_is_fenced() {
        let Some(server) = server() else { return };
        let place = PostgresPlace::new(&server, ",parallelism=2");
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE application_name LIKE 'seismic sink%'";
        is_fenced(&place, || drop(place.sql(end)));
    }
}

#[cfg(feature = "mysql")]
mod mysql {
    use seismic_brokers::MariaDb as Server;

    use super::*;
    use crate::mysql_place::MySqlPlace;

    fn server() -> Option<Rc<Server>> {
        Server::start(&[]).map(Rc::new)
    }

    #[test]
    fn several_connections_to_mysql_pass_the_suite() {
        let Some(server) = server() else { return };
        // More than partitions.
        let options = ",parallelism=8,on_conflict=update,batch_bytes=1KiB";
        conformance::run(&|| Box::new(MySqlPlace::new(&server, options)));
    }

    #[test]
    fn several_connections_to_mysql_that_break_lose_and_double_no_row() {
        let Some(server) = server() else { return };
        let make = || MySqlPlace::new(&server, ",parallelism=3,batch_rows=2");
        breaks_anywhere(make, || server.proxy(), |place, address| place.sink_at(address));
    }

    #[test]
    fn a_sink_of_several_connections_to_mysql_that_lost_its_turn_is_fenced() {
        let Some(server) = server() else { return };
        let place = MySqlPlace::new(&server, ",parallelism=2");
        is_fenced(&place, || server.end_connections(&place.database));
    }
}
