//! Slots that come and go while a job works: its partitions move between threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use seismic_pipeline::{Finish, JobContext, Metrics, MetricsSnapshot, run};
use seismic_queue::memory::Memory;
use seismic_queue::{Error, Partition, Queue, Topic};

use crate::sourced::Sourced;
use crate::stage::{RECORDS, Stage, publish_load};

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: it never comes to that");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Runs a job until it is stopped, while `meanwhile` happens; what it counted.
fn during(stage: &Stage, meanwhile: impl FnOnce(&Metrics)) -> MetricsSnapshot {
    during_on(stage, &stage.queue, meanwhile)
}

/// The same with another way to the queue.
fn during_on(
    stage: &Stage,
    queue: &dyn Queue,
    meanwhile: impl FnOnce(&Metrics),
) -> MetricsSnapshot {
    let (stop, metrics) = (Arc::new(AtomicBool::new(false)), Metrics::default());
    let lease = stage.store.acquire(&stage.job).unwrap();
    thread::scope(|scope| {
        let job = JobContext { queue, ..stage.run_job(&*lease) };
        let (stop, metrics) = (&stop, &metrics);
        let running = scope.spawn(move || run(job, stop, metrics).unwrap());
        let parallelism = &stage.settings.parallelism;
        wait_until("it works", || parallelism.running().is_some());
        meanwhile(metrics);
        stop.store(true, Ordering::Relaxed);
        running.join().unwrap();
        assert_eq!(parallelism.running(), None);
    });
    metrics.snapshot()
}

/// Sets the number of slots and waits until there are so many, this many partitions have moved, and
/// every one is held.
fn set(stage: &Stage, metrics: &Metrics, slots: usize, moves: u64) {
    let moves = metrics.snapshot().moves + moves;
    let parallelism = &stage.settings.parallelism;
    parallelism.set(slots);
    let held = || stage.job.input().all().filter(|it| metrics.has(*it)).count();
    wait_until("so many slots hold all partitions", || {
        parallelism.running() == Some(slots.min(4))
            && held() == 4
            && metrics.snapshot().moves >= moves
    });
}

#[test]
fn slots_come_and_go_while_a_job_works_and_its_rows_are_those_of_one_slot() {
    let loads = 12;
    let mut stage = Stage { slots: 1, ..Stage::new() };
    stage.settings.finish = Finish::Never;
    let counted = during(&stage, |metrics| {
        // With as many moves as even shares take.
        let steps = [(3, 2), (1, 2), (4, 3), (2, 2), (9, 2), (1, 3)];
        for (load, (slots, moves)) in (1..=loads).zip(steps.into_iter().cycle()) {
            thread::scope(|scope| {
                scope.spawn(|| publish_load(&stage.queue, RECORDS, load));
                set(&stage, metrics, slots, moves);
            });
        }
        let all = (1 + loads) * RECORDS;
        wait_until("all is read", || metrics.records() == all && stage.committed() == all);
    });
    assert_eq!(counted.messages_replayed, 0, "a partition moves as it is");
    assert_eq!(counted.rebuilds, 0);
    // Slots that begin one after the other take their shares one after the other.
    assert!((28..=40).contains(&counted.moves), "{} moves", counted.moves);
    println!("{} moves, the longest {:?}", counted.moves, counted.longest_move);

    // Nothing is left to be done again, and the next run drains.
    stage.settings = seismic_pipeline::Settings { finish: Finish::Drain, ..Stage::new().settings };
    assert_eq!(stage.run().unwrap().messages_replayed(), 0);
    let report = stage.verify();
    assert!(report.is_fine() && report.is_complete(), "{:?}", report.differences);
    let one = Stage { slots: 1, ..Stage::new() };
    (1..=loads).for_each(|load| publish_load(&one.queue, RECORDS, load));
    one.run().unwrap();
    assert_eq!(stage.rows(), one.rows());
}

#[test]
fn a_job_with_an_end_keeps_the_slots_of_its_start() {
    let stage = Stage::new();
    stage.settings.parallelism.set(4);
    let counted = stage.run().unwrap().snapshot();
    assert_eq!((counted.moves, stage.settings.parallelism.running()), (0, None));
    assert!(stage.verify().is_fine());
}

#[test]
fn a_job_begins_with_the_slots_that_were_wanted_before_it_ran() {
    let mut stage = Stage { slots: 1, ..Stage::new() };
    stage.settings.finish = Finish::Never;
    stage.settings.parallelism.set(3);
    let counted = during(&stage, |metrics| {
        wait_until("three work", || stage.settings.parallelism.running() == Some(3));
        wait_until("all is read", || metrics.records() == RECORDS);
    });
    assert_eq!(counted.moves, 0);
}

#[test]
fn partitions_move_while_a_job_is_paused_and_are_read_where_they_were_left() {
    let mut stage = Stage { slots: 4, ..Stage::new() };
    stage.settings.finish = Finish::Never;
    let pause = stage.settings.pause.clone();
    during(&stage, |metrics| {
        wait_until("all is read", || metrics.records() == RECORDS);
        pause.set(true);
        set(&stage, metrics, 1, 3);
        publish_load(&stage.queue, RECORDS, 1);
        set(&stage, metrics, 2, 2);
        assert_eq!(metrics.records(), RECORDS);
        pause.set(false);
        wait_until("the rest is read", || metrics.records() == 2 * RECORDS);
    });
    assert!(stage.verify().is_fine());
}

#[test]
fn a_slot_that_begins_while_its_topic_is_not_known_waits_for_it_and_the_job_goes_on() {
    let mut stage = Stage { slots: 1, ..Stage::new() };
    stage.settings.finish = Finish::Never;
    let unknown = Arc::new(AtomicU32::new(0));
    let left = Arc::clone(&unknown);
    // As a nameserver says it to which a broker has just come back.
    let queue =
        Sourced::new(&stage.queue, move |queue: &Memory, topic: &Topic, of: &[Partition]| {
            let less = |left: u32| left.checked_sub(1);
            match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
                Ok(_) => Err(Error::TopicMissing { topic: topic.name.clone(), at: queue.name() }),
                Err(_) => queue.source(topic, of),
            }
        });
    let counted = during_on(&stage, &queue, |metrics| {
        wait_until("all is read", || metrics.records() == RECORDS);
        unknown.store(3, Ordering::SeqCst);
        set(&stage, metrics, 2, 2);
        assert_eq!(unknown.load(Ordering::SeqCst), 0, "it was asked for again and again");
        publish_load(&stage.queue, RECORDS, 1);
        wait_until("all is read", || metrics.records() == 2 * RECORDS);
    });
    assert_eq!((counted.messages_replayed, counted.rebuilds), (0, 0));
    assert!(stage.verify().is_fine());
}
