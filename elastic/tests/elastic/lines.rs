//! The exact text of lines that other programs read.

use seismic_elastic::{Alert, lines};

use crate::scene::{HIGH, Load, NOON_MS, Scene};

const QUIET: Load = Load { throughput: 10.0, cpu: 0.0065, busy: 0.01, lag: 0.0 };

#[test]
fn a_sample_is_one_line_of_the_log_of_collection() {
    let mut sample = Scene::threshold(3, 3).sample(QUIET);
    sample.records = 15;
    assert_eq!(lines::collected(&sample), "throughput=10/s | cpu=0.0065 | tm=3 | records=15");
}

#[test]
fn a_sample_is_one_line_of_the_history_which_can_be_read_back() {
    let mut sample = Scene::threshold(3, 3).sample(Load { cpu: 0.007, ..QUIET });
    sample.at_ms = 1_764_458_303_999;
    let line = lines::history(&sample);
    assert_eq!(line, "1764458303,throughput:10,cpu:0.0070");
    let past = lines::parse_history(&line).unwrap();
    assert_eq!((past.at_s, past.throughput, past.cpu), (1_764_458_303, 10.0, 0.007));
    for cut in 0..line.len() {
        assert_eq!(lines::parse_history(&line[..cut]), None, "{}", &line[..cut]);
    }
    assert_eq!(lines::parse_history("1,throughput:NaN,cpu:0.0000"), None);
}

#[test]
fn a_decision_is_one_line_of_the_log_of_the_schedule() {
    let mut scene = Scene::target(3, 3);
    scene.now_ms = NOON_MS - 7 * 5_000;
    let load = Load { busy: 0.5, ..QUIET };
    let decision = (0..7).map(|_| scene.see(load)).last().unwrap();
    assert_eq!(
        lines::scheduled(&decision),
        "[2025-11-30 12:00:00] parallelism=3, workers=3 | throughput=10/s, cpu=0.0065, busy=0.50, \
         lag=0, growth=+0/s, capacity=20/s | within limits, no change"
    );
    let nothing = scene.see_nothing();
    assert_eq!(
        lines::scheduled(&nothing),
        "[2025-11-30 12:00:05] parallelism=3, workers=3 | no metrics, no change"
    );
}

#[test]
fn a_change_says_from_what_to_what_and_why_and_names_its_savepoint() {
    let mut scene = Scene::threshold(3, 6);
    scene.now_ms = NOON_MS - 7 * 5_000;
    let change = scene.see_until_change(Load { cpu: 0.5, ..HIGH }, 7).unwrap();
    assert_eq!(
        lines::scheduled(&change),
        "[2025-11-30 12:00:00] parallelism=6, workers=3 -> parallelism=8, workers=4 | \
         throughput=1500/s, cpu=0.5000, busy=0.95, lag=0, growth=+0/s, capacity=1579/s | throughput \
         1500/s > 1000/s for 30 s (8 active slots need 4 workers)"
    );
    assert_eq!(change.savepoint(), "elastic-1764504000-w4-p8");
}

#[test]
fn an_alert_is_one_line() {
    assert_eq!(
        lines::alerted(NOON_MS, &Alert::Blind { for_s: 300 }),
        "[2025-11-30 12:00:00] no usable metrics for 300 s: nothing is scaled until all workers and \
         the queue answer"
    );
}

#[test]
fn explain_shows_the_reason_the_limits_and_the_samples() {
    let mut scene = Scene::threshold(3, 6);
    scene.now_ms = NOON_MS - 7 * 5_000;
    let change = scene.see_until_change(Load { cpu: 0.5, ..HIGH }, 7).unwrap();
    let text = lines::explain(&scene.state, &scene.settings, &change);
    let head = "2025-11-30 12:00:00 UTC: from parallelism=6, workers=3 to parallelism=8, workers=4\n\
                because: throughput 1500/s > 1000/s for 30 s (8 active slots need 4 workers)\n\
                figures: throughput=1500/s";
    assert!(text.starts_with(head), "{text}");
    assert!(text.contains("limits: workers 3 to 6 of 2 slots, parallelism 3 to 12\n"), "{text}");
    assert!(
        text.contains("samples in a row: 7\n  2025-11-30 11:59:30 throughput=1500/s"),
        "{text}"
    );
}
