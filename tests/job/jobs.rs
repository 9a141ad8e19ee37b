//! Several jobs in one process: each has its own state, metrics and stop token.

use std::fs;

use seismic::job::time_span::TimeSpan;
use seismic::job::{Job, JobHandle, JobSpec, JobState};
use seismic_queue::Kind;

use crate::stage::{Stage, wait_until};

const RECORDS: u64 = 3_000;

/// A job of this group on the stage's queue, with rows to a CSV folder of the same name.
fn spec(stage: &Stage, group: &str) -> JobSpec {
    let queue = format!("sqlite:{}", stage.path("output/queue.db").display());
    let csv = format!("csv:{}", stage.path(group).display());
    JobSpec {
        queue: queue.parse().unwrap(),
        group: group.to_owned(),
        sink: vec![csv.parse().unwrap()],
        idle_timeout: TimeSpan::from_ms(0),
        slots: Some(2),
        ..JobSpec::default()
    }
}

fn until_read(job: &JobHandle, records: u64) {
    wait_until(&format!("{records} records read"), || {
        assert!(!job.state().is_over(), "{job:?}");
        job.metrics().run.records_read >= records
    });
}

fn verified(stage: &Stage, group: &str) {
    let sink = format!("csv:{}", stage.path(group).display());
    let text = stage.ok(&["verify", "--complete", "--group", group, "--sink", &sink]);
    assert!(text.starts_with("verified: "), "{text}");
}

#[test]
fn of_two_jobs_in_one_process_one_is_stopped_and_the_other_continues() {
    let stage = Stage::with_records(&["--records", "3000"]);
    let (a, b) = (spec(&stage, "a"), spec(&stage, "b"));
    let (a, b) = (Job::start(a).unwrap(), Job::start(b).unwrap());
    until_read(&a, RECORDS);
    until_read(&b, RECORDS);
    assert_eq!((a.state(), b.state()), (JobState::Running, JobState::Running));
    a.stop();
    let report = a.join().unwrap().expect("it had begun");
    let [(sink, written)] = &report.metrics.sinks[..] else { panic!("{report:?}") };
    assert!(sink.starts_with("csv:"), "{sink}");
    assert_eq!(written.rows, report.metrics.run.rows(), "{report:?}");
    assert_eq!(report.metrics.run.records_read, RECORDS);
    assert_eq!(b.state(), JobState::Running);
    stage.generate(&["--records", "2000"]);
    until_read(&b, RECORDS + 2_000);
    b.stop();
    assert!(matches!(b.state(), JobState::Draining | JobState::Stopped));
    b.join().unwrap();
    // What the stopped one has not read yet is the next run's.
    let rest = Job::start(JobSpec { drain: true, ..spec(&stage, "a") }).unwrap();
    assert_eq!(rest.join().unwrap().expect("it had begun").metrics.run.records_read, 2_000);
    verified(&stage, "a");
}

#[test]
fn a_job_that_fails_leaves_the_other_alone() {
    let stage = Stage::with_records(&["--records", "3000"]);
    let (fine, doomed) = (spec(&stage, "fine"), spec(&stage, "doomed"));
    let (fine, doomed) = (Job::start(fine).unwrap(), Job::start(doomed).unwrap());
    until_read(&fine, RECORDS);
    until_read(&doomed, RECORDS);
    fs::remove_file(stage.path("output/queue.doomed.home.db")).unwrap();
    wait_until("the job notices that its store is gone", || doomed.state().is_over());
    let JobState::Failed { kind: Some(kind), error } = doomed.state() else {
        panic!("{doomed:?}");
    };
    assert_eq!(kind, Kind::Data);
    assert!(error.contains("queue.doomed.home.db"), "{error}");
    assert!(doomed.join().is_err());
    assert_eq!(fine.state(), JobState::Running);
    stage.generate(&["--records", "1000"]);
    until_read(&fine, RECORDS + 1_000);
    fine.stop();
    fine.join().unwrap();
}

#[test]
fn a_job_is_started_stopped_and_started_again_in_one_process() {
    let stage = Stage::with_records(&["--records", "3000"]);
    let job = Job::start(spec(&stage, "again")).unwrap();
    until_read(&job, RECORDS);
    job.stop();
    job.join().unwrap();
    for _ in 0..2 {
        // Nothing of the run before holds the store, and nothing is read twice.
        let job = Job::start(spec(&stage, "again")).unwrap();
        wait_until("it runs", || job.state() == JobState::Running);
        job.stop();
        assert_eq!(job.join().unwrap().expect("it had begun").metrics.run.records_read, 0);
    }
    let job = Job::start(JobSpec { drain: true, ..spec(&stage, "again") }).unwrap();
    job.join().unwrap();
    verified(&stage, "again");
}

#[test]
fn a_job_that_waits_for_its_topic_can_be_stopped() {
    let stage = Stage::new();
    fs::create_dir(stage.path("output")).unwrap();
    let job = Job::start(spec(&stage, "early")).unwrap();
    assert_eq!(job.state(), JobState::Starting);
    job.stop();
    assert!(job.join().unwrap().is_none(), "it had not begun");
}

#[test]
fn a_spec_with_faults_is_not_started() {
    let stage = Stage::new();
    let spec = JobSpec { slots: Some(0), window: TimeSpan::from_ms(0), ..spec(&stage, "wrong") };
    let error = Job::start(spec).unwrap_err().to_string();
    assert!(error.contains("window: 0 ms") && error.contains("slots: 0"), "{error}");
}
