//! The Redis sink on a real server: the suite, its operations, and faults of servers and networks.

mod place;
mod tls;

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use seismic_brokers::{Proxy, Redis as Server};
use seismic_queue::{Kind, Offset, Partition};
use seismic_sinks::conformance::{
    self, ROWS, assert_whole, batch, row, spans_of, three, write, write_the_rest,
};
use seismic_sinks::{Context, Error, Sink, SinkSpec};

use crate::patiently::{patiently, wait_until, write_patiently};
use place::{LISTS, RedisPlace, ThreeColumns};

/// A server, if this machine has one.
fn server() -> Option<Rc<Server>> {
    Server::start(&[]).map(Rc::new)
}

#[test]
fn the_redis_sink_passes_the_suite() {
    let Some(server) = server() else { return };
    conformance::run(&|| Box::new(RedisPlace::new(&server, LISTS)));
}

#[test]
fn a_topic_of_three_columns_fits_keys_of_redis() {
    let Some(server) = server() else { return };
    three::run(&ThreeColumns(RedisPlace::new(&server, LISTS)));
}

#[test]
fn a_connection_that_breaks_at_any_request_or_answer_doubles_no_command() {
    let Some(server) = server() else { return };
    for breaks in [Proxy::break_after_requests as fn(&Proxy, u32), Proxy::break_after_answers] {
        for after in 0.. {
            let place = RedisPlace::new(&server, LISTS);
            let proxy = server.proxy();
            breaks(&proxy, after);
            write_patiently(&mut place.sink_at(&proxy.address()));
            assert_whole(&place);
            if !proxy.has_broken() {
                assert!(after > 10, "there were requests and answers");
                break;
            }
        }
    }
}

#[test]
fn a_script_whose_answer_is_lost_counts_once_whatever_it_adds_up() {
    let Some(server) = server() else { return };
    for (operation, asked, expected) in [
        ("incr", &["GET", "k"][..], "10"),
        ("lpush,value=max_amplitude", &["LLEN", "k"], "10"),
        ("zadd,value=window_start_ts,score=max_amplitude", &["ZCARD", "k"], "7"),
    ] {
        // A text with a brace is a template; this one has no field.
        let options = format!("operation={operation},key=k{{sensor_id}}");
        let place = RedisPlace::new(&server, &options.replace("{sensor_id}", "{pane}"));
        let proxy = server.proxy();
        let mut sink = place.sink_at(&proxy.address());
        patiently(|| sink.recover(&spans_of(ROWS)));
        let rows: Vec<_> = (0..ROWS).map(|i| row(0, i)).collect();
        write(&mut sink, &batch(Partition(0), Offset(0), &rows)).unwrap();
        proxy.lose_answer_to("EVAL");
        let error = sink.sync().unwrap_err();
        assert_eq!((error.kind(), proxy.lost()), (Kind::Retry, 1), "{error}");
        // More rows come before it is retried.
        write(&mut sink, &batch(Partition(1), Offset(0), &rows[..3])).unwrap();
        patiently(|| sink.sync());
        let asked: Vec<String> = asked.iter().map(|word| word.replace('k', "k1")).collect();
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        assert_eq!(place.call(&asked), [expected], "{operation}");
    }
}

#[test]
fn every_operation_does_its_command_with_its_key_and_value() {
    let Some(server) = server() else { return };
    let of_sensor = "connector=/,key=sensor_id,pane";
    for (options, asked, expected) in [
        (
            "operation=hset,value=rsam:r,max_amplitude",
            "HGETALL S0/1",
            &["r", "0", "max_amplitude", "0"][..],
        ),
        ("operation=set,value=window_end_ts", "GET S0/1", &["5000"]),
        ("operation=incr", "GET S0/1", &["2"]),
        ("operation=incr,value=record_count", "GET S0/1", &["12"]),
        ("operation=incrByFloat,value=std_amplitude", "GET S0/1", &["0.5"]),
        ("operation=sadd,value=clock_era", "SMEMBERS S0/1", &["0"]),
        ("operation=rpush,value=window_start_ts", "LRANGE S0/1 0 -1", &["0", "4000"]),
        ("operation=lpush,value=window_start_ts,max_amplitude", "LRANGE S0/1 0 -1", &["4000", "0"]),
        (
            "operation=zadd,value=window_start_ts,score=max_amplitude",
            "ZRANGE S0/1 0 -1 WITHSCORES",
            &["0", "0", "4000", "4"],
        ),
    ] {
        let place = RedisPlace::new(&server, &format!("{options},{of_sensor}"));
        let mut sink = place.sink("home").unwrap();
        sink.recover(&spans_of(ROWS)).unwrap();
        let count = if options.starts_with("operation=hset") { 1 } else { 5 };
        let rows: Vec<_> = (0..count).map(|i| row(0, i)).collect();
        write(&mut sink, &batch(Partition(0), Offset(0), &rows)).unwrap();
        sink.sync().unwrap();
        let asked: Vec<&str> = asked.split(' ').collect();
        assert_eq!(place.call(&asked), expected, "{options}");
    }
}

#[test]
fn keys_expire_from_their_last_row_and_counters_from_their_first() {
    let Some(server) = server() else { return };
    for (options, is_renewed) in [("operation=set", true), ("operation=incr", false)] {
        let options = format!("{options},key=sensor_id,expire_ms=1h");
        let place = RedisPlace::new(&server, &options);
        let mut sink = place.sink("home").unwrap();
        sink.recover(&spans_of(ROWS)).unwrap();
        let mut left = Vec::new();
        for i in [0, 4] {
            write(&mut sink, &batch(Partition(0), Offset(i), &[row(0, i)])).unwrap();
            sink.sync().unwrap();
            left.push(place.call(&["PTTL", "S0"])[0].parse::<i64>().unwrap());
            place.call(&["PEXPIRE", "S0", "1000000"]);
        }
        assert!(left[0] > 3_000_000, "{left:?}");
        assert_eq!(left[1] > 3_000_000, is_renewed, "{options}: {left:?}");
    }
}

#[test]
fn a_right_that_is_missing_adds_no_row_twice() {
    let Some(server) = server() else { return };
    for (taken, expected) in [("hset", 0), ("pttl", 1), ("pexpire", 1)] {
        let options = "operation=incr,key=sensor_id,expire_ms=1h";
        let place = RedisPlace::new(&server, options);
        let grant = |right: &str| {
            place.call(&["ACL", "SETUSER", "writer", "on", "nopass", "~*", "+@all", right]);
        };
        grant("+@all");
        let mut sink = place.sink_at(&format!("writer@{}", server.address()));
        sink.recover(&spans_of(ROWS)).unwrap();
        grant(&format!("-{taken}"));
        let rows = [row(0, 0), row(0, 4), row(0, 8)];
        write(&mut sink, &batch(Partition(0), Offset(0), &rows)).unwrap();
        let count = || place.call(&["GET", "S0"]).first().map_or(0, |it| it.parse().unwrap());
        for i in 0..2 {
            let error = sink.sync().unwrap_err();
            assert_eq!(error.kind(), Kind::Config, "{taken}: {error}");
            assert_eq!(count(), expected * (i + 1), "{taken}");
        }
        grant("+@all");
        sink.sync().unwrap();
        assert_eq!(count(), 3, "{taken}");
    }
}

#[test]
fn a_row_that_its_key_does_not_take_is_named_and_what_came_before_it_counts() {
    let Some(server) = server() else { return };
    let place = RedisPlace::new(&server, "operation=incr,key=sensor_id,value=record_count");
    // The key of the third row holds a list.
    place.call(&["RPUSH", "S0\r\n", "x"]);
    let mut sink = place.sink("home").unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    let rows: Vec<_> = (0..4).map(|i| row(0, i)).collect();
    write(&mut sink, &batch(Partition(0), Offset(0), &rows)).unwrap();
    let error = sink.sync().unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    assert!(error.to_string().contains("row 2 of partition 0"), "{error}");
    assert_eq!(place.call(&["GET", "S0"]), ["6"]);
    // Again: nothing is added twice, and it continues once the key is mended.
    assert_eq!(sink.sync().unwrap_err().kind(), Kind::Data);
    drop(sink);
    place.call(&["DEL", "S0\r\n"]);
    let mut sink = place.sink("home").unwrap();
    assert_eq!(sink.recover(&spans_of(ROWS)).unwrap()[0], Offset(2));
    write(&mut sink, &batch(Partition(0), Offset(2), &rows[2..])).unwrap();
    sink.sync().unwrap();
    assert_eq!(place.call(&["GET", "S0\r\n"]), ["6"]);
}

#[test]
fn a_server_that_is_killed_under_load_loses_and_doubles_no_command() {
    let Some(mut server) = Server::start(&[]) else { return };
    let spec: SinkSpec =
        format!("redis://{}/0,operation=incr,key=sensor_id", server.address()).parse().unwrap();
    let (is_over, of_writer) = (AtomicBool::new(false), spec);
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let context = Context::new("home", "results");
            let mut sink = seismic_sinks::open(&of_writer, &context).unwrap();
            let mut next = patiently(|| sink.recover(&spans_of(u64::MAX >> 12)))[0].0;
            while !is_over.load(Ordering::Relaxed) {
                let rows: Vec<_> = (next..next + 50).map(|_| row(0, 0)).collect();
                patiently(|| write(&mut *sink, &batch(Partition(0), Offset(next), &rows)));
                next += 50;
                patiently(|| sink.sync());
            }
            next
        });
        for rows in [100, 2_000, 5_000] {
            let count = || -> u64 {
                server.call(0, &["GET", "S0"]).first().map_or(0, |count| count.parse().unwrap())
            };
            wait_until(|| count() >= rows);
            server.kill();
            server.restart();
        }
        is_over.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    assert_eq!(server.call(0, &["GET", "S0"]), [written.to_string()]);
}

#[test]
fn a_sink_that_lost_its_turn_is_fenced_whatever_it_still_believes() {
    let Some(server) = server() else { return };
    let place = RedisPlace::new(&server, LISTS);
    let mut zombie = place.sink("home").unwrap();
    zombie.recover(&spans_of(ROWS)).unwrap();
    write(&mut zombie, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    place.call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    write_the_rest(&place);
    let moved = loop {
        match zombie.sync() {
            Err(error) if error.kind() == Kind::Retry => {}
            other => break other.unwrap_err(),
        }
    };
    assert!(matches!(moved, Error::Moved { .. }), "{moved}");
    assert_whole(&place);
}

#[test]
fn a_server_without_memory_is_waited_for_and_nothing_is_half_done() {
    let Some(server) = server() else { return };
    let place = RedisPlace::new(&server, LISTS);
    let mut sink = place.sink("home").unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    place.call(&["CONFIG", "SET", "maxmemory", "1"]);
    write(&mut sink, &batch(Partition(0), Offset(0), &[row(0, 0), row(0, 1)])).unwrap();
    let error = sink.sync().unwrap_err();
    assert_eq!(error.kind(), Kind::Retry, "{error}");
    place.call(&["CONFIG", "SET", "maxmemory", "0"]);
    patiently(|| sink.sync());
    drop(sink);
    write_the_rest(&place);
    assert_whole(&place);
}

#[test]
fn passwords_come_from_files_and_a_spec_that_cannot_be_is_refused() {
    let Some(server) = server() else { return };
    server.call(0, &["ACL", "SETUSER", "keeper", "on", ">hunter2", "~*", "+@all"]);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("password");
    for (password, is_right) in [("hunter2\n", true), ("hunter3", false)] {
        std::fs::write(&at, password).unwrap();
        let address = format!("redis://keeper@{}/0", server.address());
        let spec: SinkSpec = format!("{address},password_file={}", at.display()).parse().unwrap();
        let recovered = seismic_sinks::open(&spec, &Context::new("home", "results"))
            .and_then(|mut sink| sink.recover(&spans_of(ROWS)));
        assert_eq!(recovered.is_ok(), is_right);
        if let Err(error) = recovered {
            assert_eq!(error.kind(), Kind::Config, "{error}");
            assert!(!error.to_string().contains("hunter"), "{error}");
        }
    }
    for (spec, why) in [
        ("redis://me:hunter2@db", "password_file"),
        ("redis", "no address"),
        ("redis://db:x", "no number"),
        ("redis://db,operation=zadd", "score"),
        ("redis://db,operation=incrByFloat", "value=FIELD"),
        ("redis://db,operation=get", "one of hset"),
        ("redis://db,key={sensor_id", "not closed"),
        ("redis://db,name=a b", "letters"),
    ] {
        let error = spec.parse::<SinkSpec>().unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains("hunter"), "{spec}: {error}");
    }
    let one: SinkSpec = "redis://db".parse().unwrap();
    let other: SinkSpec = "redis://db,name=other".parse().unwrap();
    assert!(!one.is_same_place(&other));
}
