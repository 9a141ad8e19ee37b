//! The ODBC sink through the drivers of PostgreSQL, MariaDB and SQLite: the suite, and what a table
//! takes.

mod faults;
pub mod place;

use seismic_proto::SeismicAggRecord;
use seismic_queue::{Kind, Offset, Partition};
use seismic_sinks::conformance::{
    self, PARTITIONS, ROWS, SinkTarget, assert_whole, assert_whole_rows, batch, row, spans_of,
    three, write, write_the_rest,
};
use seismic_sinks::{Error, SinkSpec, TableQuestion, TableValue};

use place::{OdbcPlace, Server, ThreeColumns};

/// So that a zombie meets its fence while it writes.
const TINY: &str = ",batch_bytes=1KiB";

#[test]
fn the_odbc_sink_passes_the_suite_in_postgresql() {
    let Some(server) = Server::postgres() else { return };
    conformance::run(&|| Box::new(OdbcPlace::new(&server, TINY)));
}

#[test]
fn the_odbc_sink_passes_the_suite_in_mariadb() {
    let Some(server) = Server::mariadb() else { return };
    conformance::run(&|| Box::new(OdbcPlace::new(&server, TINY)));
}

#[test]
fn the_odbc_sink_passes_the_suite_in_sqlite() {
    let Some(server) = Server::sqlite() else { return };
    conformance::run(&|| Box::new(OdbcPlace::new(&server, TINY)));
}

#[test]
fn keys_may_be_updated_or_ignored_in_every_dialect_that_is_here() {
    let servers = [Server::postgres(), Server::mariadb(), Server::sqlite()];
    for server in servers.into_iter().flatten() {
        for options in [
            ",on_conflict=update",
            ",on_conflict=ignore,batch_bytes=1KiB",
            ",on_conflict=update,dialect=generic",
            ",on_conflict=ignore,dialect=generic",
        ] {
            let is_of_file = matches!(server, Server::Sqlite(..));
            if options.contains("generic") && !matches!(server, Server::Postgres(..)) {
                continue;
            }
            let place = OdbcPlace::new(&server, options);
            write_the_rest(&place);
            assert_whole(&place);
            if is_of_file {
                continue;
            }
            // Someone else's row of the same window.
            place.sql("DELETE FROM seismic_position");
            place.sql("UPDATE seismic_windows SET rsam = 7 WHERE result_offset = 3");
            write_the_rest(&place);
            let kept = place.rows().iter().filter(|row| row.rsam == 7.0).count();
            let is_kept = options.contains("ignore");
            assert_eq!(kept, if is_kept { PARTITIONS as usize } else { 0 }, "{options}");
            assert_eq!(place.rows().len() as u64, u64::from(PARTITIONS) * ROWS);
        }
        let place = OdbcPlace::new(&server, ",on_conflict=update");
        let mut sink = place.sink("home").unwrap();
        sink.recover(&spans_of(ROWS)).unwrap();
        let again = SeismicAggRecord { rsam: 9.0, ..row(0, 0) };
        write(&mut *sink, &batch(Partition(0), Offset(0), &[row(0, 0), again.clone()])).unwrap();
        sink.sync().unwrap();
        drop(sink);
        assert_eq!(place.rows(), [again], "a key twice in one batch keeps the newer row");
    }
}

#[test]
fn several_connections_of_odbc_pass_the_suite() {
    let Some(server) = Server::mariadb() else { return };
    let options = ",parallelism=3,on_conflict=update,batch_bytes=1KiB";
    let place = OdbcPlace::new(&server, options);
    write_the_rest(&place);
    assert_whole(&place);
}

#[test]
fn a_topic_of_three_columns_fits_a_table_of_any_driver() {
    let servers = [Server::postgres(), Server::mariadb(), Server::sqlite()];
    for server in servers.into_iter().flatten() {
        three::run(&ThreeColumns(OdbcPlace::new(&server, ",table=three")));
    }
}

#[test]
fn panes_of_a_window_become_one_row_as_a_person_would_add_them_up() {
    let servers = [Server::postgres(), Server::mariadb(), Server::sqlite()];
    for server in servers.into_iter().flatten() {
        let place = OdbcPlace::new(&server, ",merge_panes=true");
        let mut sink = place.sink("home").unwrap();
        sink.recover(&spans_of(ROWS)).unwrap();
        let pane = |pane, mean: f64| SeismicAggRecord {
            pane,
            mean_amplitude: mean,
            rms_amplitude: mean.abs() + 0.1,
            ..row(0, 0)
        };
        let panes = [pane(0, 1.0 / 3.0), pane(1, -0.7), pane(2, 1e-9)];
        // Two in one transaction, the third in another.
        write(&mut *sink, &batch(Partition(0), Offset(0), &panes[..2])).unwrap();
        sink.sync().unwrap();
        write(&mut *sink, &batch(Partition(0), Offset(2), &panes[2..])).unwrap();
        write(&mut *sink, &batch(Partition(1), Offset(0), &[row(1, 0)])).unwrap();
        sink.sync().unwrap();
        drop(sink);
        let mut sum = panes[0].clone();
        sum.add_pane(&panes[1]);
        sum.add_pane(&panes[2]);
        assert_eq!(place.rows(), [sum, row(1, 0)]);
        let mut sink = place.sink("home").unwrap();
        sink.recover(&spans_of(ROWS)).unwrap();
        assert!(!sink.take_back(Partition(0), Offset(1)).unwrap(), "a sum is not taken apart");
    }
}

#[test]
fn rows_that_a_rewind_took_back_are_removed_through_odbc() {
    let servers = [Server::postgres(), Server::mariadb(), Server::sqlite()];
    for server in servers.into_iter().flatten() {
        let place = OdbcPlace::new(&server, "");
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
}

#[test]
fn a_database_that_was_put_back_goes_on_from_the_position_that_odbc_finds() {
    let servers = [Server::postgres(), Server::sqlite()];
    for server in servers.into_iter().flatten() {
        let place = OdbcPlace::new(&server, "");
        let mut sink = place.sink("home").unwrap();
        sink.recover(&spans_of(ROWS)).unwrap();
        write(&mut *sink, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
        sink.sync().unwrap();
        drop(sink);
        let older = place.image().unwrap();
        write_the_rest(&place);
        write_the_rest(&*older);
        assert_whole_rows(&older.rows());
    }
}

#[test]
fn a_table_that_does_not_fit_is_refused_by_odbc_with_every_fault() {
    for server in Server::remote() {
        let place = OdbcPlace::new(&server, "");
        write_the_rest(&place);
        let is_maria = matches!(server, Server::MariaDb(..));
        place.sql(match is_maria {
            true => {
                "ALTER TABLE seismic_windows MODIFY pane smallint NOT NULL, DROP COLUMN rsam, \
                 MODIFY sensor_id varchar(100) NOT NULL, \
                 MODIFY last_sample_ts datetime NOT NULL, ENGINE=MyISAM"
            }
            false => {
                "ALTER TABLE seismic_windows ALTER pane TYPE smallint, DROP COLUMN rsam, \
                 ALTER last_sample_ts TYPE timestamp(0)"
            }
        });
        let error = place.sink("home").unwrap().recover(&spans_of(ROWS)).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        let engine = if is_maria { "of engine MyISAM" } else { "" };
        for fault in [
            "column pane must be of type int",
            "column last_sample_ts must be of type",
            "it has no column rsam (of type double",
            engine,
        ] {
            assert!(error.to_string().contains(fault), "{error}");
        }
        let place = OdbcPlace::new(&server, "");
        let spec = place.spec().to_string().replace("create=true", "create=false");
        let spec: SinkSpec = spec.parse().unwrap();
        let context = seismic_sinks::Context::new("home", "results");
        let mut sink = seismic_sinks::open(&spec, &context).unwrap();
        let error = sink.recover(&spans_of(ROWS)).unwrap_err();
        assert!(matches!(error, Error::TableMissing { .. }), "{error}");
    }
}

#[test]
fn a_row_that_a_database_does_not_take_is_named_through_odbc_and_kept_where_wanted() {
    for server in Server::remote() {
        let place = OdbcPlace::new(&server, "");
        drop(place.sink("home").unwrap().recover(&spans_of(ROWS)).unwrap());
        place.sql("ALTER TABLE seismic_windows ADD CHECK (max_amplitude NOT IN (2, 5))");
        let mut sink = place.sink("home").unwrap();
        sink.recover(&spans_of(ROWS)).unwrap();
        let rows: Vec<_> = (0..ROWS).map(|i| row(1, i)).collect();
        write(&mut *sink, &batch(Partition(1), Offset(0), &rows)).unwrap();
        let error = sink.sync().unwrap_err();
        assert_eq!(error.kind(), Kind::Data, "{error}");
        assert!(error.to_string().contains("row 2 of partition 1"), "{error}");
        drop(sink);
        assert!(place.rows().is_empty());

        let keeping = OdbcPlace { options: ",on_data_error=dead-letter".to_owned(), ..place };
        let mut sink = keeping.sink("home").unwrap();
        sink.recover(&spans_of(ROWS)).unwrap();
        write(&mut *sink, &batch(Partition(1), Offset(0), &rows)).unwrap();
        sink.sync().unwrap();
        drop(sink);
        assert_eq!(keeping.rows(), [0, 1, 3, 4, 6].map(|i| rows[i].clone()));
        let count = "SELECT count(*) FROM seismic_dead_letter WHERE row_offset IN (2, 5)";
        assert_eq!(keeping.sql(count).trim(), "2");
        let mut sink = keeping.sink("home").unwrap();
        assert_eq!(sink.recover(&spans_of(ROWS)).unwrap()[1], Offset(ROWS));
        assert!(sink.take_back(Partition(1), Offset(3)).unwrap());
        assert_eq!(keeping.sql("SELECT count(*) FROM seismic_dead_letter").trim(), "1");
    }
}

#[test]
fn a_number_that_is_none_is_refused_or_null_and_every_text_comes_back_through_odbc() {
    let servers = [Server::postgres(), Server::mariadb(), Server::sqlite()];
    for server in servers.into_iter().flatten() {
        let none = SeismicAggRecord { rsam: f64::NAN, max_amplitude: f32::INFINITY, ..row(0, 0) };
        let rows = batch(Partition(0), Offset(0), std::slice::from_ref(&none));
        let place = OdbcPlace::new(&server, "");
        let mut sink = place.sink("home").unwrap();
        sink.recover(&spans_of(ROWS)).unwrap();
        let error = write(&mut *sink, &rows).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().contains("nan=null writes NULL"), "{error}");
        drop(sink);
        let place = OdbcPlace::new(&server, ",nan=null");
        let mut sink = place.sink("home").unwrap();
        sink.recover(&spans_of(ROWS)).unwrap();
        let sensor_id = "'\\\u{1f30b}\r\n`\"ß".repeat(9);
        let odd = SeismicAggRecord { sensor_id, rsam: f64::MAX, ..row(0, 1) };
        write(&mut *sink, &rows).unwrap();
        write(&mut *sink, &batch(Partition(0), Offset(1), std::slice::from_ref(&odd))).unwrap();
        sink.sync().unwrap();
        drop(sink);
        assert_eq!(place.rows()[1], odd);
        assert_eq!(place.rows()[0], SeismicAggRecord { rsam: 0.0, max_amplitude: 0.0, ..none });
    }
}

#[test]
fn tables_are_read_as_a_whole_through_odbc() {
    let Some(server) = Server::postgres() else { return };
    let place = OdbcPlace::new(&server, "");
    place.sql(
        "CREATE TABLE stations (id varchar(9), number int, height double precision, \
         gain numeric(30, 20), since timestamp); \
         INSERT INTO stations VALUES ('a', 1, 0.1, 1.5, now()), ('ß', NULL, NULL, NULL, NULL)",
    );
    let spec: SinkSpec = place.spec().to_string().parse().unwrap();
    let read = spec.entry().lookup.unwrap().load_all;
    let question = |columns| TableQuestion {
        place: "stations",
        table: "",
        key: &["id"],
        query: Some("SELECT * FROM stations ORDER BY number NULLS LAST;"),
        columns,
        rows: 2,
        bytes: 1_000,
    };
    let rows = read(&spec, &question(&["GAIN", "id", "number", "height"])).unwrap();
    let decimal = TableValue::Decimal("1.50000000000000000000".to_owned());
    let text = |text: &str| TableValue::Text(text.to_owned());
    let null = TableValue::Null;
    assert_eq!(rows[0], [decimal, text("a"), TableValue::Int(1), TableValue::Real(0.1)]);
    assert_eq!(rows[1], [null.clone(), text("ß"), null.clone(), null]);
    let error = read(&spec, &question(&["numbre"])).unwrap_err().to_string();
    assert!(error.contains("did you mean number?"), "{error}");
    let error = read(&spec, &question(&["since"])).unwrap_err().to_string();
    assert!(error.contains("column since is neither a number nor text"), "{error}");
    let error = read(&spec, &TableQuestion { rows: 1, ..question(&["id"]) }).unwrap_err();
    assert!(error.to_string().contains("more than 1 rows"), "{error}");
}

#[test]
fn a_password_in_a_connection_string_is_refused_and_shown_nowhere() {
    for spec in [
        "odbc:DSN=a;PWD=hunter2",
        "odbc:Driver=PostgreSQL Unicode;UID=me;Password={hunter2;x}",
        "odbc:DSN=a;Client_Secret=hunter2,table=t",
        "odbc:DSN=a,password=hunter2",
    ] {
        let error = spec.parse::<SinkSpec>().unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(error.contains("password_file"), "{error}");
    }
    for (spec, why) in [
        ("odbc", "neither a data source"),
        ("odbc:warehouse", "no connection string"),
        ("odbc:DSN=a,dialect=sybase", "one of auto, generic, oracle"),
        ("odbc:DSN=a,table=a.", "TABLE"),
        ("odbc:DSN=a,merge_panes=true,nan=null", "leave it out"),
        ("odbc:Driver=SQLite3;Database=x,parallelism=2", "one writer"),
    ] {
        let error = spec.parse::<SinkSpec>().unwrap_err().to_string();
        assert!(error.contains(why), "{spec}: {error}");
    }
    let one: SinkSpec = "odbc:DSN=a;UID=me;Trace=secretive".parse().unwrap();
    assert_eq!(one.name(), "odbc:dsn=a,table=seismic_windows");
}
