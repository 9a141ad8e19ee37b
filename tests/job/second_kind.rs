//! The small second kind of job, with two inputs and a keyed output, on the stores that users have.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use seismic::job::location::Location;
use seismic_pipeline::verify::verify;
use seismic_pipeline::{Error, Finish, JobContext, Metrics, Settings, run};
use seismic_queue::{Append, Block, Job, JobStore, OutputView, Queue, partition_of};

use crate::second_kind_operator::{Counts, INPUTS, job};
use crate::stage::Stage;

/// Partitions of the inputs.
const PARTITIONS: u32 = 2;

/// Appends that many messages of five keys to each input.
fn publish(queue: &dyn Queue, job: &Job, messages: [u64; 2]) {
    for (input, messages) in job.inputs.iter().zip(messages) {
        let mut producer = queue.producer(input, "p").unwrap();
        let mut blocks = vec![Block::default(); PARTITIONS as usize];
        for i in 0..messages {
            let key = format!("k{}", i % 5);
            let to = partition_of(key.as_bytes(), PARTITIONS);
            blocks[to.0 as usize].push(key.as_bytes(), b"x").unwrap();
        }
        for (partition, block) in input.all().zip(&blocks).filter(|(_, it)| !it.is_empty()) {
            let first_sequence = producer.next_sequence(partition).unwrap();
            producer.append(&[Append { partition, first_sequence, block }]).unwrap();
        }
    }
}

fn run_once(queue: &dyn Queue, store: &dyn JobStore, job: &Job, kind: &Counts) {
    try_run_once(queue, store, job, kind).unwrap();
}

fn try_run_once(
    queue: &dyn Queue,
    store: &dyn JobStore,
    job: &Job,
    kind: &Counts,
) -> seismic_pipeline::Result<()> {
    let settings =
        Settings { idle_timeout: Duration::ZERO, finish: Finish::CaughtUp, ..Settings::default() };
    let lease = store.acquire(job).unwrap();
    let context =
        JobContext { queue, store, lease: &*lease, job, slots: 2, kind, settings: &settings };
    run(context, &Arc::new(AtomicBool::new(false)), &Metrics::default())
}

/// Runs the job twice, with a stop between, and proves it.
pub fn runs_and_is_proved(location: &Location) {
    let queue = location.open_queue().unwrap();
    let inputs = INPUTS.map(|name| queue.create(name, PARTITIONS).unwrap());
    let (job, kind) = (job(&location.group, inputs.to_vec()), Counts::default());
    publish(&*queue, &job, [200, 40]);
    run_once(&*queue, &*location.open_store().unwrap(), &job, &kind);
    kind.version.store(1, Ordering::Relaxed);
    publish(&*queue, &job, [100, 20]);
    run_once(&*queue, &*location.open_store().unwrap(), &job, &kind);

    let store = location.open_store().unwrap();
    let report = verify(&*queue, &*store, &kind, false, &mut |_| {}).unwrap();
    assert!(report.is_fine(), "{:#?}", report.differences);
    assert!(report.partitions.iter().all(|proved| proved.checkpoints > 0));
    let view = store.view().unwrap();
    assert!(view.partitions.iter().all(|part| part.progress.as_ref().unwrap().further.len() == 1));
    let rows = |it: &OutputView| it.span.end.0 - it.span.first.0;
    let rows: u64 = view.keyed[0].iter().map(rows).sum();
    // Markers of transactions have offsets, too.
    assert!(rows >= 360, "{rows}");
}

#[test]
fn a_job_with_two_inputs_and_a_keyed_output_runs_in_files() {
    let stage = Stage::new();
    let location = Location {
        queue: format!("sqlite:{}", stage.path("queue.db").display()).parse().unwrap(),
        group: "counts".to_owned(),
        ..Location::default()
    };
    runs_and_is_proved(&location);
    // The program knows which kind it is, and that it has no such kind.
    let queue = location.queue.to_string();
    for command in ["verify", "status"] {
        let refusal = stage.refused(&[command, "--queue", &queue, "--group", "counts"], 1);
        assert!(refusal.contains("kind \"counts\"") && refusal.contains("windows"), "{refusal}");
    }
}

#[test]
fn an_older_queue_that_grew_past_the_position_of_a_further_input_is_refused() {
    let stage = Stage::new();
    let file = stage.path("queue.db");
    let location = Location {
        queue: format!("sqlite:{}", file.display()).parse().unwrap(),
        group: "counts".to_owned(),
        ..Location::default()
    };
    let queue = location.open_queue().unwrap();
    let inputs = INPUTS.map(|name| queue.create(name, PARTITIONS).unwrap());
    let (job, kind) = (job(&location.group, inputs.to_vec()), Counts::default());
    publish(&*queue, &job, [200, 40]);
    drop(queue);
    let older = std::fs::read(&file).unwrap();
    let grow = |second: u64| {
        let queue = location.open_queue().unwrap();
        publish(&*queue, &job, [0, second]);
        try_run_once(&*queue, &*location.open_store().unwrap(), &job, &kind)
    };
    grow(20).unwrap();
    std::fs::write(&file, older).unwrap();
    let error = grow(30).unwrap_err();
    let Error::LogDiffers { topic, .. } = &error else { panic!("{error}") };
    assert_eq!(topic, INPUTS[1], "the first is as it was");
}
