//! Faults at each request and each answer, and what servers refuse.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use seismic_queue::{Kind, Offset, Partition};
use seismic_sinks::conformance::{
    PARTITIONS, ROWS, SinkTarget as _, assert_whole, batch, row, spans_of, write, write_the_rest,
};
use seismic_sinks::{Error, Sink};

use super::fake::{Fault, Request};
use super::{SHORT, indices};
use crate::patiently::{patiently, write_patiently};

const BUSY: &str = r#"{"error":{"type":"circuit_breaking_exception","reason":"[parent] Data too large"},"status":429}"#;
const NO_SHARD: &str = r#"{"error":{"type":"no_shard_available_action_exception","reason":"No shard available"},"status":503}"#;

/// All rows of one partition.
fn rows_of(sink: &mut dyn Sink, partition: u32, range: std::ops::Range<u64>) {
    let rows: Vec<_> = range.clone().map(|i| row(partition, i)).collect();
    write(sink, &batch(Partition(partition), Offset(range.start), &rows)).unwrap();
}

#[test]
fn a_fault_at_any_request_or_answer_doubles_and_loses_no_row() {
    let mut places = 0;
    for fault in [
        Fault::Cut,
        Fault::Lose,
        Fault::Late,
        Fault::Say(503, NO_SHARD),
        Fault::Say(429, BUSY),
        Fault::Say(502, "<html>Bad Gateway</html>"),
        Fault::Answer(502, "<html>Bad Gateway</html>"),
        Fault::Half,
    ] {
        for place in 0.. {
            let (fake, indices) = indices(SHORT);
            fake.plan(move |number, _| if number == place { fault } else { Fault::None });
            write_patiently(&mut indices.sink());
            let reached = fake.requests().len();
            fake.heal();
            // What was on its way comes after all else.
            fake.arrive();
            assert_whole(&indices);
            // A sink that comes later goes on from there, whatever was late.
            assert_eq!(
                indices.sink().recover(&spans_of(ROWS)).unwrap(),
                [Offset(ROWS); PARTITIONS as usize]
            );
            if reached <= place {
                places += place;
                break;
            }
        }
    }
    assert!(places > 200, "there were requests and answers: {places}");
}

#[test]
fn an_answer_that_is_none_is_no_success() {
    for answer in ["", "{", "{}", r#"{"errors":false,"items":[]}"#, r#"{"errors":false}"#, "[1]"] {
        let (fake, indices) = indices("");
        let mut sink = indices.sink();
        sink.recover(&spans_of(ROWS)).unwrap();
        rows_of(&mut sink, 0, 0..ROWS);
        let answer: &'static str = answer;
        fake.plan(move |_, request: &Request| match request.path.starts_with("/_bulk") {
            true => Fault::Say(200, answer),
            false => Fault::None,
        });
        let error = sink.sync().unwrap_err();
        assert_eq!(error.kind(), Kind::Retry, "{answer}: {error}");
        fake.heal();
        sink.sync().unwrap();
        drop(sink);
        write_the_rest(&indices);
        assert_whole(&indices);
    }
}

#[test]
fn a_server_that_is_too_busy_gets_half_as_many_rows_and_more_again_when_it_is_not() {
    for (status, body) in [(429, BUSY), (413, "")] {
        let (fake, indices) = indices("");
        let mut sink = indices.sink();
        sink.recover(&spans_of(ROWS)).unwrap();
        rows_of(&mut sink, 0, 0..ROWS);
        let rows = |request: &Request| match request.path.starts_with("/_bulk") {
            true => request.body.lines().count() / 2,
            false => 0,
        };
        fake.plan(
            move |_, request| {
                if rows(request) > 2 { Fault::Say(status, body) } else { Fault::None }
            },
        );
        let mut failures = 0;
        while let Err(error) = sink.sync() {
            assert_eq!(error.kind(), Kind::Retry, "{error}");
            failures += 1;
        }
        let sent: Vec<_> = fake.requests().iter().map(rows).filter(|rows| *rows > 0).collect();
        // 7 are halved to 3 and 1; then it is tried with more again.
        assert_eq!(&sent[..3], [7, 3, 1], "{sent:?}");
        assert!(sent[3..].contains(&2) && failures < 8, "{sent:?}");
        fake.heal();
        rows_of(&mut sink, 1, 0..ROWS);
        sink.sync().unwrap();
        rows_of(&mut sink, 2, 0..ROWS);
        sink.sync().unwrap();
        let sent: Vec<_> = fake.requests().iter().map(rows).collect();
        assert!(sent.iter().max() >= Some(&4), "{sent:?}");
        assert_whole(&indices);
    }
}

#[test]
fn documents_that_the_server_was_too_busy_for_are_sent_again_alone() {
    let (fake, indices) = indices("");
    let mut sink = indices.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    rows_of(&mut sink, 0, 0..ROWS);
    fake.plan(|number, _| if number == 1 { Fault::Half } else { Fault::None });
    let error = sink.sync().unwrap_err();
    assert_eq!(error.kind(), Kind::Retry);
    assert!(error.to_string().contains("429: rejected_execution_exception"), "{error}");
    sink.sync().unwrap();
    let bulks = fake.requests().into_iter().filter(|request| request.path.starts_with("/_bulk"));
    assert_eq!(bulks.map(|it| it.body.lines().count() / 2).collect::<Vec<_>>(), [7, 3]);
    drop(sink);
    write_the_rest(&indices);
    assert_whole(&indices);
}

#[test]
fn a_row_that_the_server_refuses_is_named_once_all_others_of_its_request_are_there() {
    let (fake, indices) = indices("");
    // Sensors of the third and the seventh row have a line break.
    fake.indices().refuses = Some(r"S1\r\n".to_owned());
    let mut sink = indices.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    rows_of(&mut sink, 1, 0..ROWS);
    for _ in 0..2 {
        let error = sink.sync().unwrap_err();
        assert!(
            matches!(&error, Error::RowRefused { partition: Partition(1), offset: Offset(2), what, .. }
            if what.contains("mapper_parsing_exception: failed to parse")),
            "{error}"
        );
        assert_eq!(indices.rows().len(), 5, "others are there");
    }
    // It continues without that row, as a runner has it do, and with it once it is taken.
    assert_eq!(sink.recover(&spans_of(ROWS)).unwrap()[1], Offset(0));
    fake.indices().refuses = None;
    rows_of(&mut sink, 1, 0..ROWS);
    sink.sync().unwrap();
    drop(sink);
    write_the_rest(&indices);
    assert_whole(&indices);
}

#[test]
fn one_row_that_is_too_long_for_the_server_is_named() {
    let (fake, indices) = indices("");
    let mut sink = indices.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    rows_of(&mut sink, 0, 0..2);
    fake.plan(|_, request| match request.body.contains(r#""result_offset":1}"#) {
        true => Fault::Say(413, ""),
        false => Fault::None,
    });
    assert_eq!(sink.sync().unwrap_err().kind(), Kind::Retry);
    let error = sink.sync().unwrap_err();
    assert!(matches!(error, Error::RowRefused { offset: Offset(1), .. }), "{error}");
}

#[test]
fn a_full_disk_and_missing_rights_are_told_apart() {
    let (fake, indices) = indices("");
    let full = r#"{"error":{"type":"cluster_block_exception","reason":"index has read-only-allow-delete block"},"status":429}"#;
    let rights =
        r#"{"error":{"type":"security_exception","reason":"no permissions"},"status":403}"#;
    let mut sink = indices.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    rows_of(&mut sink, 0, 0..ROWS);
    for (answer, kind) in
        [(Fault::Say(429, full), Kind::Retry), (Fault::Say(403, rights), Kind::Config)]
    {
        fake.plan(move |_, _| answer);
        let error = sink.sync().unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    fake.heal();
    sink.sync().unwrap();
    drop(sink);
    write_the_rest(&indices);
    assert_whole(&indices);
}

#[test]
fn a_sink_whose_place_another_one_took_moves_nothing_and_stops() {
    let (fake, indices) = indices("");
    let mut zombie = indices.sink();
    zombie.recover(&spans_of(ROWS)).unwrap();
    rows_of(&mut zombie, 0, 0..2);
    // Its position is on its way when the other one comes.
    fake.plan(|_, request| match request.path.contains("if_seq_no") {
        true => Fault::Late,
        false => Fault::None,
    });
    assert_eq!(zombie.sync().unwrap_err().kind(), Kind::Retry);
    fake.heal();
    let mut next = indices.sink();
    let start = next.recover(&spans_of(ROWS)).unwrap();
    assert_eq!(start[0], Offset(0), "it was not there yet");
    fake.arrive();
    rows_of(&mut next, 0, 0..4);
    next.sync().unwrap();
    let error = zombie.sync().unwrap_err();
    assert!(matches!(error, Error::Moved { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Fenced);
    drop((next, zombie));
    write_the_rest(&indices);
    assert_whole(&indices);
}

#[test]
fn a_position_of_its_own_that_comes_late_is_known_again() {
    for rows_meanwhile in [0, 3] {
        let (fake, indices) = indices("");
        let mut sink = indices.sink();
        sink.recover(&spans_of(ROWS)).unwrap();
        rows_of(&mut sink, 0, 0..2);
        fake.plan(|_, request| match request.path.contains("if_seq_no") {
            true => Fault::Late,
            false => Fault::None,
        });
        assert_eq!(sink.sync().unwrap_err().kind(), Kind::Retry);
        // It comes between the look at the position and the next attempt to move it.
        let looks = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&looks);
        fake.plan(move |_, request| {
            let is_move = request.path.contains("if_seq_no");
            match is_move && seen.fetch_add(1, Ordering::SeqCst) == 0 {
                true => Fault::Cut,
                false => Fault::None,
            }
        });
        rows_of(&mut sink, 0, 2..2 + rows_meanwhile);
        assert_eq!(sink.sync().unwrap_err().kind(), Kind::Retry);
        fake.arrive();
        patiently(|| sink.sync());
        assert!(looks.load(Ordering::SeqCst) > 0);
        drop(sink);
        assert_eq!(indices.sink().recover(&spans_of(ROWS)).unwrap()[0], Offset(2 + rows_meanwhile));
        write_the_rest(&indices);
        assert_whole(&indices);
    }
}

#[test]
fn a_server_that_does_it_and_never_answers_is_given_up_and_asked_what_it_has_done() {
    // Each waits for 30 s.
    thread::scope(|scope| {
        for what in ["/_bulk", "if_seq_no"] {
            scope.spawn(move || {
                let (fake, indices) = indices("");
                let mut sink = indices.sink();
                sink.recover(&spans_of(ROWS)).unwrap();
                rows_of(&mut sink, 0, 0..ROWS);
                fake.plan(move |_, request| match request.path.contains(what) {
                    true => Fault::Hang,
                    false => Fault::None,
                });
                let begun = Instant::now();
                let error = sink.sync().unwrap_err();
                assert_eq!(error.kind(), Kind::Retry, "{error}");
                assert!(error.to_string().contains("answers nothing"), "{error}");
                assert!(begun.elapsed() > Duration::from_secs(20));
                fake.heal();
                sink.sync().unwrap();
                drop(sink);
                write_the_rest(&indices);
                assert_whole(&indices);
            });
        }
    });
}
