//! The sink of HBase on a real server: the suite, counters, faults, and what is refused.

mod place;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use seismic_brokers::{HBase as Server, Proxy};
use seismic_proto::SeismicAggRecord;
use seismic_queue::{Kind, Offset, Partition};
use seismic_sinks::conformance::{
    self, PARTITIONS, ROWS, assert_whole, batch, row, spans_of, three, write,
};
use seismic_sinks::{Context, Error, Sink, SinkSpec};

use crate::patiently::{drawn, patiently, wait_until, write_patiently};
use place::{Table, ThreeColumns};

/// Requests that take one row or two: the suite writes two at once.
const SHORT: &str = ",batch_bytes=1KiB";

/// Counters of sensors, of two sums each.
const COUNTERS: &str =
    ",operation=incr,key=sensor_id,value=record_count:records,rejected_count:rejected";

/// Places that are tried where not all of them are.
const TRIED: usize = 2;

/// A server that takes no cell of more than 5,000 bytes.
fn server() -> Option<Rc<Server>> {
    Server::with(&["hbase.client.keyvalue.maxsize=5000"], "400m").map(Rc::new)
}

/// Tables of a server, each under a name of its own.
fn tables(server: &Rc<Server>) -> impl FnMut(&str) -> Table {
    let (server, mut number) = (Rc::clone(server), 0);
    move |options| {
        number += 1;
        let (name, options) = (format!("rows{number}"), options.to_owned());
        Table { server: Rc::clone(&server), name, options }
    }
}

/// What counters of sensors have once the whole topic is counted: rows, and the sum of their eras.
fn whole_sums() -> BTreeMap<String, [i64; 2]> {
    let mut sums = BTreeMap::<String, [i64; 2]>::new();
    for row in (0..PARTITIONS).flat_map(|partition| (0..ROWS).map(move |i| row(partition, i))) {
        let sum = sums.entry(row.sensor_id).or_default();
        *sum = [sum[0] + row.record_count, sum[1] + row.rejected_count];
    }
    sums
}

fn sums(table: &Table) -> BTreeMap<String, [i64; 2]> {
    let of = |bytes: &[u8]| i64::from_be_bytes(bytes.try_into().unwrap());
    let cells = table.cells().into_iter();
    cells.map(|(key, cells)| (key, [of(&cells["records"]), of(&cells["rejected"])])).collect()
}

#[test]
fn the_hbase_sink_passes_the_suite_and_each_fault_doubles_and_loses_no_row() {
    let Some(server) = server() else { return };
    let mut table = tables(&server);
    let shared = std::cell::RefCell::new(&mut table);
    conformance::run(&|| Box::new((shared.borrow_mut())(SHORT)));
    three::run(&ThreeColumns(table("")));
    let counters = COUNTERS.to_owned();

    for breaks in [Proxy::break_after_requests as fn(&Proxy, u32), Proxy::break_after_answers] {
        for options in [SHORT, &counters] {
            let whole = server.proxy();
            write_patiently(&mut table(options).sink_at(&whole.address()));
            // Some come together, and not always the same.
            let count = whole.requests().min(whole.answers());
            for after in drawn(count * 4 / 5, TRIED) {
                let (table, proxy) = (table(options), server.proxy());
                breaks(&proxy, after);
                write_patiently(&mut table.sink_at(&proxy.address()));
                assert!(proxy.has_broken(), "{after}");
                match options == SHORT {
                    true => assert_whole(&table),
                    false => assert_eq!(sums(&table), whole_sums()),
                }
            }
        }
    }
    what_is_refused(&mut table);
}

#[test]
fn a_counter_has_each_row_once_whoever_counts_it_and_whatever_became_of_the_answer() {
    let Some(server) = server() else { return };
    let mut table = tables(&server);
    let counters = COUNTERS.to_owned();
    // One that ends after each step leaves rows that the next one counts again.
    let ended = table(&counters);
    for steps in 0..6 {
        let mut sink = ended.sink();
        let next = sink.recover(&spans_of(ROWS)).unwrap();
        for i in next[0].0..next[0].0 + steps % 3 {
            write(&mut sink, &batch(Partition(0), Offset(i), &[row(0, i)])).unwrap();
        }
        if steps % 2 == 1 {
            sink.sync().unwrap();
        }
    }
    write_patiently(&mut ended.sink());
    assert_eq!(sums(&ended), whole_sums());

    // The answer to a counter is lost, then that to the position.
    for answers in 1..=3 {
        let (table, proxy) = (table(&counters), server.proxy());
        let mut sink = table.sink_at(&proxy.address());
        sink.recover(&spans_of(ROWS)).unwrap();
        for lost in 0..answers {
            let rows = [row(0, 2 * lost), row(0, 2 * lost + 1)];
            write(&mut sink, &batch(Partition(0), Offset(2 * lost), &rows)).unwrap();
            proxy.lose_answer_to("check=put");
            patiently(|| sink.sync());
        }
        assert_eq!(u64::from(proxy.lost()), answers);
        drop(sink);
        write_patiently(&mut table.sink());
        assert_eq!(sums(&table), whole_sums());
    }

    // One whose place was taken counts nothing that is in, and stops.
    let shared = table(&counters);
    let mut zombie = shared.sink();
    zombie.recover(&spans_of(ROWS)).unwrap();
    write(&mut zombie, &batch(Partition(1), Offset(0), &[row(1, 0), row(1, 1)])).unwrap();
    write_patiently(&mut shared.sink());
    let error = zombie.sync().unwrap_err();
    assert!(matches!(error, Error::Moved { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Fenced);
    assert_eq!(sums(&shared), whole_sums());

    // A key that holds something else, and a sum beyond 64 bits, are named.
    let other = table(&counters);
    let mut sink = other.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    let put = r#"{"Row":[{"key":"UzA=","Cell":[{"column":"dzpyZWNvcmRz","$":"MQ=="}]}]}"#;
    assert_eq!(server.ask("PUT", &format!("/{}/rows", other.name), put).0, 200);
    write(&mut sink, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    let error = sink.sync().unwrap_err();
    assert!(matches!(error, Error::RowRefused { offset: Offset(0), .. }), "{error}");
    assert!(error.to_string().contains("1 bytes as records"), "{error}");
    let most =
        |partition, i| SeismicAggRecord { rejected_count: i64::MAX - 1, ..row(partition, i) };
    sink.recover(&spans_of(ROWS)).unwrap();
    write(&mut sink, &batch(Partition(1), Offset(0), &[most(1, 0), row(1, 4), most(1, 0)]))
        .unwrap();
    let error = sink.sync().unwrap_err();
    assert!(matches!(error, Error::RowRefused { offset: Offset(2), .. }), "{error}");

    // Counters of another store are not counted on.
    let context = Context::new("other", "results");
    let deleted = format!("/seismic_position/{}%3Aw", shared.name);
    assert_eq!(server.ask("DELETE", &deleted, "").0, 200);
    let mut sink = seismic_sinks::open(&shared.spec_at(&server.address()), &context).unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    write(&mut *sink, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    let error = sink.sync().unwrap_err();
    assert!(matches!(error, Error::OtherRowsThere { .. }), "{error}");
}

fn what_is_refused(table: &mut impl FnMut(&str) -> Table) {
    // A cell that is longer than the server takes: others of its request are there.
    let long = table(",key=window_start_ts");
    let mut sink = long.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    let rows = [
        row(0, 0),
        SeismicAggRecord { sensor_id: "a".repeat(6_000), ..row(0, 1) },
        row(0, 2),
        row(0, 3),
    ];
    write(&mut sink, &batch(Partition(0), Offset(0), &rows)).unwrap();
    let error = sink.sync().unwrap_err();
    assert!(matches!(error, Error::RowRefused { offset: Offset(1), .. }), "{error}");
    assert!(error.to_string().contains("KeyValue size too large"), "{error}");

    // A table that is missing, that lacks the family, that may lose rows, whose counters would go.
    let server = Rc::clone(&long.server);
    let refused = |spec: &str| {
        let spec: SinkSpec = format!("hbase:http://{},{spec}", server.address()).parse().unwrap();
        let context = Context::new("home", "results");
        let mut sink = seismic_sinks::open(&spec, &context).unwrap();
        let error = sink.recover(&spans_of(ROWS)).unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{error}");
        let findings = (spec.entry().examine)(&spec);
        assert!(findings.iter().any(|finding| finding.what == error.to_string()), "{findings:?}");
        error.to_string()
    };
    let make = |name: &str, more: &str, of_family: &str| {
        let body =
            format!(r#"{{"name":"{name}",{more}"ColumnSchema":[{{"name":"w"{of_family}}}]}}"#);
        assert_eq!(server.ask("PUT", &format!("/{name}/schema"), &body).0, 201);
    };
    assert!(refused("table=missing").contains("there is no table missing"));
    assert!(refused(&format!("table={},family=v", long.name)).contains("no column family v"));
    make("weak", r#""DURABILITY":"ASYNC_WAL","#, "");
    assert!(refused("table=weak").contains("DURABILITY of weak is ASYNC_WAL"));
    make("passing", "", r#","TTL":"100""#);
    let passing = refused("table=passing,operation=incr,key=sensor_id");
    assert!(passing.contains("TTL of passing is 100"), "{passing}");
}

#[test]
fn a_server_that_is_killed_and_started_under_load_has_every_row_once() {
    let Some(mut server) = Server::start() else { return };
    let is_over = AtomicBool::new(false);
    let spec = |options: &str| -> SinkSpec {
        format!("hbase:http://{},create=true,{options}", server.address()).parse().unwrap()
    };
    let specs = [
        spec("table=rows"),
        spec("table=counters,operation=incr,key=sensor_id,value=record_count"),
    ];
    let next = std::sync::atomic::AtomicU64::new(0);
    let written = std::thread::scope(|scope| {
        let writers = specs.map(|spec| {
            let (is_over, progress) = (&is_over, &next);
            scope.spawn(move || {
                let context = Context::new("home", "results");
                let mut sink = seismic_sinks::open(&spec, &context).unwrap();
                let mut next = patiently(|| sink.recover(&spans_of(u64::MAX >> 12)))[0].0;
                while !is_over.load(Ordering::Relaxed) {
                    let rows: Vec<_> = (next..next + 50).map(|i| row(0, i)).collect();
                    patiently(|| write(&mut *sink, &batch(Partition(0), Offset(next), &rows)));
                    next += 50;
                    patiently(|| sink.sync());
                    progress.fetch_add(50, Ordering::Relaxed);
                }
                next
            })
        });
        for rows in [1_000, 3_000] {
            wait_until(|| next.load(Ordering::Relaxed) >= rows);
            server.node.kill();
            server.node.restart();
        }
        wait_until(|| next.load(Ordering::Relaxed) >= 5_000);
        is_over.store(true, Ordering::Relaxed);
        writers.map(|writer| writer.join().unwrap())
    });
    let server = Rc::new(server);
    let table = |name: &str| Table {
        server: Rc::clone(&server),
        name: name.to_owned(),
        options: String::new(),
    };
    assert_eq!(table("rows").cells().len() as u64, written[0]);
    let of = |bytes: &[u8]| i64::from_be_bytes(bytes.try_into().unwrap());
    let counters = table("counters").cells();
    let sum: i64 = counters.values().map(|cells| of(&cells["record_count"])).sum();
    assert_eq!(sum as u64, written[1] * 6, "each row has six records");
}
