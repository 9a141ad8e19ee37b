//! The same on a real server: the suite, kills and restarts under load, connections that break, and
//! how fast it is.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use seismic_brokers::{OpenSearch as Server, Proxy, at_full_speed};
use seismic_proto::SeismicAggRecord;
use seismic_queue::{Offset, Partition};
use seismic_sinks::conformance::{
    self, ROWS, SinkTarget as _, assert_whole, batch, row, spans_of, three, write, write_the_rest,
};
use seismic_sinks::{Context, Error, Sink as _, SinkSpec};

use super::SHORT;
use super::fake::Fake;
use super::place::{Indices, ThreeColumns};
use crate::patiently::{drawn, patiently, wait_until, write_patiently};

/// Places that are tried where not all of them are.
const TRIED: usize = 3;

#[test]
fn on_a_real_server_the_sink_passes_the_suite_and_each_fault_doubles_and_loses_no_row() {
    let Some(server) = Server::start() else { return };
    passes_everything(server, "opensearch 2.19");
}

#[test]
#[ignore = "long: .ci/run --long"]
fn on_elasticsearch_7_the_sink_passes_the_suite_and_each_fault_doubles_and_loses_no_row() {
    let Some(server) = Server::elasticsearch_7() else { return };
    passes_everything(server, "elasticsearch 7.17");
}

fn passes_everything(server: Server, version: &str) {
    let server = Rc::new(server);
    let mut number = 0;
    let mut place = |options: &str| {
        number += 1;
        Indices::of_real(&server, &format!("rows{number}"), options)
    };
    let places = std::cell::RefCell::new(&mut place);
    conformance::run(&|| Box::new((places.borrow_mut())(SHORT)));
    three::run(&ThreeColumns(place("")));

    let back = place("");
    write_the_rest(&back);
    let mut sink = back.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    assert!(sink.take_back(Partition(1), Offset(3)).unwrap());
    assert_eq!(back.rows().len() as u64, 2 * ROWS + 3);
    drop(sink);
    write_the_rest(&back);
    assert_whole(&back);

    for breaks in [Proxy::break_after_requests as fn(&Proxy, u32), Proxy::break_after_answers] {
        let whole = server.proxy();
        write_patiently(&mut place(SHORT).sink_at(&whole.address()));
        // Some come together, and not always the same.
        let count = whole.requests().min(whole.answers());
        for after in drawn(count * 4 / 5, TRIED) {
            let (indices, proxy) = (place(SHORT), server.proxy());
            breaks(&proxy, after);
            write_patiently(&mut indices.sink_at(&proxy.address()));
            assert!(proxy.has_broken(), "{after}");
            assert_whole(&indices);
        }
    }

    // A row that the mapping does not take, and an index that may lose rows.
    let refusing = place("");
    let name = &refusing.name;
    let template = format!(
        r#"{{"index_patterns":["{name}-*.*.*"],"priority":900,
            "template":{{"mappings":{{"properties":{{"record_count":{{"type":"byte"}}}}}}}}}}"#
    );
    let put = |path: &str, body: &str| {
        let (status, said) = server.ask("PUT", path, body);
        assert_eq!(status, 200, "{said}");
    };
    put(&format!("/_index_template/{name}-yyyy.mm.dd"), &template);
    let mut sink = refusing.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    let rows = [row(0, 0), SeismicAggRecord { record_count: 1_000, ..row(0, 1) }, row(0, 2)];
    write(&mut sink, &batch(Partition(0), Offset(0), &rows)).unwrap();
    let error = sink.sync().unwrap_err();
    assert!(matches!(error, Error::RowRefused { offset: Offset(1), .. }), "{error}");
    assert!(error.to_string().contains("mapper_parsing_exception"), "{error}");
    let weak = r#"{"index.translog.durability":"async"}"#;
    put(&format!("/{name}-1970.01.01/_settings"), weak);
    let error = refusing.sink().recover(&spans_of(ROWS)).unwrap_err().to_string();
    assert!(error.contains("index.translog.durability of"), "{error}");
    let spec = refusing.spec_at(&server.address());
    let findings = (spec.entry().examine)(&spec);
    let said: String = findings.iter().map(|finding| format!("{finding:?}\n")).collect();
    assert!(said.contains(version), "{said}");
    assert!(said.contains("durability of"), "{said}");
}

#[test]
fn a_real_server_that_is_killed_under_load_loses_and_doubles_no_row() {
    let Some(mut server) = Server::start() else { return };
    let spec: SinkSpec =
        format!("opensearch:http://{},index=rows,create=true", server.address()).parse().unwrap();
    let is_over = AtomicBool::new(false);
    let count = |server: &Server| -> u64 {
        let (_, said) = server.ask("GET", "/rows/_count", "");
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        said["count"].as_u64().unwrap_or(0)
    };
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let context = Context::new("home", "results");
            let mut sink = seismic_sinks::open(&spec, &context).unwrap();
            let mut next = patiently(|| sink.recover(&spans_of(u64::MAX >> 12)))[0].0;
            while !is_over.load(Ordering::Relaxed) {
                let rows: Vec<_> = (next..next + 50).map(|i| row(0, i)).collect();
                patiently(|| write(&mut *sink, &batch(Partition(0), Offset(next), &rows)));
                next += 50;
                patiently(|| sink.sync());
            }
            next
        });
        for rows in [200, 2_000] {
            wait_until(|| count(&server) >= rows);
            server.node.kill();
            server.restart();
        }
        wait_until(|| count(&server) >= 3_000);
        is_over.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    let (status, said) = server.ask("POST", "/rows/_refresh", "");
    assert_eq!(status, 200, "{said}");
    assert_eq!(count(&server), written);
}

/// Rows a second that `act` writes, and how many ticks of 10 ms this thread computes for them: these
/// do not depend on what else the machine does.
fn rate(rows: u64, act: impl FnOnce()) -> (f64, u64) {
    let ticks = || -> u64 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let fields = stat.rsplit(')').next().unwrap().split_whitespace();
        fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    };
    let (begun, ticks_before) = (Instant::now(), ticks());
    act();
    (rows as f64 / begun.elapsed().as_secs_f64(), ticks() - ticks_before)
}

#[test]
#[ignore = "measures: run alone, by name"]
#[allow(clippy::print_stdout, reason = "who measures wants the figure")]
fn the_sink_is_nearly_as_fast_as_the_bare_loop_of_its_requests() {
    const COUNT: u64 = 100_000;
    at_full_speed();
    let Some(server) = Server::with_heap("1g") else { return };
    let rows = |from: u64| -> Vec<SeismicAggRecord> {
        let of = |i| SeismicAggRecord { sensor_id: format!("S{}", i % 1_000), ..row(0, i) };
        (from..from + 1_000).map(of).collect()
    };
    // As a runner reads them.
    let froms = (0..COUNT).step_by(1_000);
    let batches: Vec<_> =
        froms.map(|from| batch(Partition(0), Offset(from), &rows(from))).collect();
    let write_all = |address: &str, index: &str| {
        let spec = format!("opensearch:http://{address},index={index},create=true");
        let context = Context::new("home", "results");
        let mut sink = seismic_sinks::open(&spec.parse().unwrap(), &context).unwrap();
        sink.recover(&spans_of(COUNT)).unwrap();
        for batch in &batches {
            write(&mut *sink, batch).unwrap();
            patiently(|| sink.sync());
        }
    };
    // Its requests, as a server that does nothing gets them.
    let fake = Fake::new();
    write_all(fake.address(), "bare");
    let requests = fake.requests();
    let address = server.address();
    write_all(&address, "warm");
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..3 {
        ours.push(rate(COUNT, || write_all(&address, &format!("ours{round}"))));
        let index = format!("bare{round}");
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        bare.push(rate(COUNT, || {
            for request in &requests {
                // The version of the position is that of the other server.
                let path = request
                    .path
                    .split("?if_seq_no")
                    .next()
                    .unwrap()
                    .replace("/bare", &format!("/{index}"));
                let body =
                    request.body.replace(r#""_index":"bare""#, &format!(r#""_index":"{index}""#));
                let url = format!("http://{address}{path}");
                let content = match path.contains("_bulk") {
                    true => "application/x-ndjson",
                    false => "application/json",
                };
                let answer = match request.method.as_str() {
                    "GET" => agent.get(&url).call(),
                    "PUT" => agent.put(&url).header("Content-Type", content).send(&body),
                    _ => agent.post(&url).header("Content-Type", content).send(&body),
                };
                answer.unwrap().body_mut().read_to_vec().unwrap();
            }
        }));
    }
    println!("rows/s and ticks: {ours:?}, bare loop {bare:?}");
    let best = |rates: &[(f64, u64)]| rates.iter().map(|(rate, _)| *rate).fold(0.0, f64::max);
    let (ours, bare) = (best(&ours), best(&bare));
    println!("{ours:.0} rows/s, {:.2} of the bare loop's {bare:.0}", ours / bare);
    assert!(ours > 15_000.0 && ours / bare > 0.8, "{ours} {bare}");
}
