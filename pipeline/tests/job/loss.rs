//! Messages deleted before they were read: refused by name, accepted on request, and then counted
//! like any other input. The oracle sees the same log with the same gap in it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use seismic_generator::{Options, generate};
use seismic_pipeline::verify::{LostRange, verify};
use seismic_pipeline::{Engine, Error, Finish, Loss, Output, Rules};
use seismic_proto::{Message as _, SeismicAggRecord};
use seismic_queue::{
    Batch, Event, Kind, Offset, Partition, Policy, Queue, Reader, Remedy, Retention,
};

use crate::faulty::{Fate, FaultyStore};
use crate::stage::{Stage, publish_load};

/// A stage whose log grows in blocks of a few messages, so that parts of it can go.
fn stage(records: u64) -> Stage {
    let mut stage = Stage { slots: 1, ..Stage::empty() };
    stage.settings.finish = Finish::CaughtUp;
    grow(&stage, 0, records);
    stage
}

/// Publishes the records from the one of that number up to another, a hundred at a time.
fn grow(stage: &Stage, from: u64, to: u64) {
    for hundred in from / 100..to / 100 {
        let options = Options {
            records: Some(100),
            sensors: 40,
            anomaly_percent: 10.0,
            seed: Some(hundred),
            // A hundred records of 40 sensors with 25 samples/s each.
            start_ms: Some(1_600_000_000_000 + hundred as i64 * 100),
            ..Options::default()
        };
        generate(&stage.queue, &options, &AtomicBool::new(false), &mut |_| {}).unwrap();
    }
}

/// Deletes the oldest messages until each partition holds at most `bytes`, whoever needs them.
fn lose_all_but(stage: &Stage, bytes: u64) {
    let policy = Policy { max_bytes: Some(bytes), max_age_ms: None };
    stage.queue.set_policy(stage.job.input(), policy).unwrap();
    stage.queue.retain(stage.job.input(), true).unwrap();
    stage.queue.set_policy(stage.job.input(), Policy::default()).unwrap();
}

/// What lies between the committed positions and what the log still has.
fn losses(stage: &Stage) -> Vec<Loss> {
    let view = stage.store.view().unwrap();
    let spans = stage.queue.spans(stage.job.input()).unwrap();
    let of = |((partition, part), span): ((Partition, &seismic_queue::PartitionView), _)| {
        let span: seismic_queue::Span = span;
        let from = part.progress.as_ref()?.next;
        (from < span.first).then_some(Loss { partition, from, to: span.first })
    };
    stage.job.input().all().zip(&view.partitions).zip(spans).filter_map(of).collect()
}

fn assert_proved(stage: &Stage) -> seismic_pipeline::verify::Report {
    let report =
        verify(&stage.queue, &*stage.store, &Rules::default(), false, &mut |_| {}).unwrap();
    assert!(report.is_fine(), "{:#?}", report.differences);
    report
}

#[test]
fn messages_that_are_gone_are_refused_with_every_range() {
    let stage = stage(1_000);
    stage.run().unwrap();
    grow(&stage, 1_000, 2_000);
    lose_all_but(&stage, 0);
    let expected = losses(&stage);
    assert_eq!(expected.len(), 4);
    let before = stage.committed();
    let error = stage.run().unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    let Error::Lost { lost: found, .. } = &error else { panic!("{error}") };
    assert_eq!(*found, expected);
    let text = error.to_string();
    let Loss { from, to, .. } = expected[0];
    let (last, count) = (to.0 - 1, to.0 - from.0);
    let range = format!("partition 0: offsets {from} to {last} ({count} messages)");
    assert!(text.contains(&range), "{text}");
    assert_eq!(error.remedy(), Some(Remedy::AcceptLoss));
    assert_eq!(stage.committed(), before, "a refusal commits nothing");
}

#[test]
fn a_slot_that_another_one_stopped_before_it_began_says_what_it_misses_too() {
    let stage = stage(1_000);
    stage.run().unwrap();
    grow(&stage, 1_000, 2_000);
    lose_all_but(&stage, 0);
    let error = stage.run_until(&Arc::new(AtomicBool::new(true))).unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error}");
}

#[test]
fn an_accepted_loss_is_counted_and_proved_and_windows_stay_open_over_it() {
    let mut stage = stage(1_000);
    stage.run().unwrap();
    let open = assert_proved(&stage).counters().open;
    assert!(open > 0);
    grow(&stage, 1_000, 2_000);
    lose_all_but(&stage, 0);
    let expected = losses(&stage);
    let lost: u64 = expected.iter().map(|loss| loss.to.0 - loss.from.0).sum();
    stage.settings.accept_loss = true;
    assert_eq!(stage.run().unwrap().records(), 0);

    let report = assert_proved(&stage);
    assert_eq!(report.counters().lost_messages, lost);
    assert_eq!(report.counters().open, open, "what was open is open");
    let found = report.partitions.iter().flat_map(|proved| proved.lost.clone());
    let expected = expected.iter().map(|loss| LostRange { input: 0, from: loss.from, to: loss.to });
    assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());

    // Without the flag again: nothing more is lost.
    stage.settings.accept_loss = false;
    grow(&stage, 2_000, 3_000);
    assert_eq!(stage.run().unwrap().records(), 1_000);
    assert_eq!(assert_proved(&stage).counters().lost_messages, lost);
}

#[test]
fn a_loss_before_anything_was_read_is_accepted_and_proved_from_the_beginning() {
    // Only the start is committed.
    let mut commits = 0;
    let store = FaultyStore::new(move |_| {
        commits += 1;
        if commits == 1 { Fate::MadeThenDead } else { Fate::Made }
    });
    let mut stage = Stage { store: Box::new(store), ..stage(1_000) };
    stage.run().unwrap_err();
    lose_all_but(&stage, 0);
    assert!(matches!(stage.run().unwrap_err(), Error::Lost { .. }));
    stage.settings.accept_loss = true;
    stage.run().unwrap();
    assert!(assert_proved(&stage).is_complete());
}

#[test]
fn a_death_right_after_a_loss_was_accepted_needs_nothing_of_what_is_gone() {
    let mut commits = 0;
    let store = FaultyStore::new(move |commit| {
        let is_gap = commit.partitions.iter().any(|part| !part.journal.is_empty());
        commits += u32::from(is_gap);
        // The first entries are those of the start, the second ones the losses.
        if is_gap && commits == 2 { Fate::MadeThenDead } else { Fate::Made }
    });
    let mut stage = Stage { store: Box::new(store), ..stage(1_000) };
    stage.run().unwrap();
    grow(&stage, 1_000, 2_000);
    lose_all_but(&stage, 0);
    stage.settings.accept_loss = true;
    stage.run().unwrap_err();
    assert!(losses(&stage).is_empty(), "it is committed");
    stage.settings.accept_loss = false;
    grow(&stage, 2_000, 3_000);
    assert_eq!(stage.run().unwrap().records(), 1_000);
    assert_proved(&stage);
}

#[test]
fn a_loss_that_a_replay_would_need_is_refused_with_the_flag_too() {
    let mut commits = 0;
    let store = FaultyStore::new(move |_| {
        commits += 1;
        // The start, a batch, and then a death before any snapshot.
        if commits == 3 { Fate::DeadBefore } else { Fate::Made }
    });
    let mut stage = Stage { store: Box::new(store), ..stage(2_000) };
    stage.settings.snapshot_every = Duration::from_secs(3_600);
    stage.run().unwrap_err();
    assert!(stage.committed() > 0);
    let rows = stage.rows();
    grow(&stage, 2_000, 3_000);
    lose_all_but(&stage, 0);
    for accept_loss in [false, true] {
        stage.settings.accept_loss = accept_loss;
        let error = stage.run().unwrap_err();
        assert!(matches!(error, Error::ReplayLost { .. }), "{error}");
        assert_eq!(error.remedy(), Some(Remedy::RestoreLog), "{error}");
    }
    assert!(stage.rows() == rows, "nothing is added to what is out");
}

#[test]
fn a_topic_that_was_made_again_is_refused_with_the_flag_too() {
    let mut stage = stage(1_000);
    stage.run().unwrap();
    let other = self::stage(1_000);
    stage.queue = other.queue;
    stage.job.inputs = other.job.inputs;
    stage.settings.accept_loss = true;
    let error = stage.run().unwrap_err();
    assert_eq!(error.remedy(), Some(Remedy::StartOverOnNewTopic), "{error}");
}

#[test]
fn what_was_read_is_committed_with_a_snapshot_when_the_log_goes_away_under_a_job() {
    let mut stage = stage(2_000);
    stage.settings.snapshot_every = Duration::from_secs(3_600);
    // The log goes while the first batches are on their way: the next read finds it gone.
    let (queue, input) = (stage.queue.clone(), stage.job.input().clone());
    let mut commits = 0;
    let store = FaultyStore::new(move |_| {
        commits += 1;
        // A job that has read everything loses what comes now; more than once, because it may read
        // that too before it goes.
        if commits == 2 {
            for load in 1..=5 {
                publish_load(&queue, 1_000, load);
                let all = Policy { max_bytes: Some(0), max_age_ms: None };
                queue.set_policy(&input, all).unwrap();
                queue.retain(&input, true).unwrap();
            }
        }
        Fate::Made
    });
    stage.store = Box::new(store);
    stage.settings.finish = Finish::Never;
    let error = stage.run().unwrap_err();
    assert!(matches!(error, Error::Queue(seismic_queue::Error::OffsetGone { .. })), "{error}");
    stage.settings.finish = Finish::CaughtUp;
    let error = stage.run().unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "it can be accepted: {error}");
    stage.settings.accept_loss = true;
    stage.run().unwrap();
    assert_proved(&stage);
}

/// All that was ever in the log, kept by someone who read it in time, and what the job lost.
struct Witness {
    log: Vec<Batch>,
    lost: Vec<Loss>,
}

impl Witness {
    fn new(stage: &Stage) -> Self {
        let new = |partition| {
            let mut batch = Batch::default();
            batch.reset(partition, Offset(0));
            batch
        };
        Witness { log: stage.job.input().all().map(new).collect(), lost: Vec::new() }
    }

    fn read(&mut self, stage: &Stage) {
        let ends = stage.queue.spans(stage.job.input()).unwrap();
        for (batch, span) in self.log.iter_mut().zip(ends) {
            let at = [(batch.partition(), batch.next())];
            let mut reader = stage.queue.reader(stage.job.input(), &at).unwrap();
            while batch.next() < span.end {
                let more = next_batch(&mut *reader);
                more.messages().for_each(|message| batch.push(message));
            }
        }
    }

    /// The rows that the messages without the lost ones give.
    fn rows(&self, stage: &Stage) -> Vec<SeismicAggRecord> {
        let mut rows = Vec::new();
        for batch in &self.log {
            let partition = batch.partition();
            let rules = stage.rules.clone();
            let mut engine = Engine::new(rules, &stage.job.input().name, partition, Offset(0));
            let mut out = Output::default();
            for message in batch.messages() {
                let is_lost = self.lost.iter().any(|loss| {
                    loss.partition == partition && (loss.from..loss.to).contains(&message.offset)
                });
                match is_lost {
                    true => engine.gap(message.offset.next()),
                    false => engine.step(message, &mut out),
                }
            }
            engine.end(&mut out);
            rows.extend(out.rows.messages().map(|(_, row)| SeismicAggRecord::decode(row).unwrap()));
        }
        rows
    }
}

fn next_batch(reader: &mut dyn Reader) -> Batch {
    loop {
        match reader.read(Duration::from_secs(5), &mut Vec::new()).unwrap() {
            Event::Batch(batch) => return batch,
            Event::CaughtUp(..) => {}
            event => panic!("there are messages, and it says {event:?}"),
        }
    }
}

/// Runs, deaths and losses at random; `true` when it came to its end and `false` when a death left
/// a replay of which the log was gone.
fn history(seed: u64) -> bool {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut fates = ChaCha8Rng::seed_from_u64(!seed);
    let deadly = seed.is_multiple_of(2);
    let store = FaultyStore::new(move |_| match fates.next_u32() % 24 {
        0 if deadly => Fate::DeadBefore,
        1 if deadly => Fate::MadeThenDead,
        2 => Fate::MadeUnheard,
        3 => Fate::LostUnheard,
        _ => Fate::Made,
    });
    let mut stage = Stage { store: Box::new(store), slots: 1 + (seed % 2) as usize, ..stage(300) };
    stage.settings.accept_loss = true;
    stage.settings.max_records = Some(0);
    while stage.run().is_err() {}
    let mut witness = Witness::new(&stage);
    let mut published = 300;
    let mut is_last = false;
    for _ in 0..60 {
        if !is_last {
            let more = u64::from(random.next_u32() % 4) * 100;
            grow(&stage, published, published + more);
            published += more;
            witness.read(&stage);
        }
        if random.next_u32() % 2 == 0 {
            lose_all_but(&stage, u64::from(random.next_u32() % 10_000));
        }
        stage.settings.max_records = (!is_last).then(|| u64::from(random.next_u32() % 400));
        stage.settings.finish = if is_last { Finish::Drain } else { Finish::CaughtUp };
        let expected = losses(&stage);
        let ended = stage.run();
        let left = losses(&stage);
        witness.lost.extend(
            expected
                .into_iter()
                .filter(|loss| left.iter().all(|still| still.partition != loss.partition)),
        );
        match ended {
            Ok(_) if is_last => {
                assert!(stage.rows() == witness.rows(&stage));
                assert_proved(&stage);
                return true;
            }
            Ok(_) => drop(assert_proved(&stage)),
            Err(Error::ReplayLost { .. }) => {
                assert!(deadly, "nothing is replayed after a clean stop");
                return false;
            }
            Err(Error::Commit { kind: Kind::Fatal, .. }) => {}
            Err(error) => panic!("{error}"),
        }
        is_last = published >= 2_500;
    }
    panic!("it never ends")
}

#[test]
fn after_random_losses_the_rows_are_those_of_the_log_without_them() {
    let ended = (0..40).filter(|&seed| {
        println!("seed {seed}");
        history(seed)
    });
    assert!(ended.count() > 20, "most histories come to their end");
}
