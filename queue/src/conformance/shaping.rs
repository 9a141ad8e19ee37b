//! Jobs with several inputs, and with outputs whose rows find their partition by key.

use super::recovering::sealed;
use super::{Backend, P0, P1, block, commit, numbered, read, step};
use crate::{
    CommitError, Committer, Error, FencingToken, Job, JobStore, KeyedBlock, Lease, Manifest,
    Offset, OutputSpec, Partition, PartitionCommit, Queue,
};

/// Two inputs of two partitions; rows keyed into three partitions, and counts by the input's.
pub(super) fn job(queue: &dyn Queue) -> Job {
    let inputs = ["left", "right"].map(|name| queue.create(name, 2).unwrap()).to_vec();
    let outputs = vec![OutputSpec::by_key("pairs", "pairs", 3), OutputSpec::by_input("n", "n")];
    Job { group: "group".to_owned(), inputs, outputs }
}

/// Lease and committer of the store, for the job of [`job`].
pub(super) fn owned(backend: &dyn Backend) -> (Box<dyn Lease>, Box<dyn Committer>) {
    let lease = backend.store().acquire(&job(&*backend.queue())).unwrap();
    let committer = backend.committer(&*lease);
    (lease, committer)
}

/// Rows for a partition of output `pairs`.
pub(super) fn pairs(partition: u32, rows: &[&str]) -> KeyedBlock {
    KeyedBlock { output: 0, partition: Partition(partition), rows: block(rows) }
}

/// As [`step`], for the job of [`job`]: the second input stands at `right`.
pub(super) fn joined(
    partition: Partition,
    (number, right): (u64, u64),
    keyed: Vec<KeyedBlock>,
) -> PartitionCommit {
    let outputs = vec![block(&[] as &[&str]), block(&[format!("n {number}")])];
    let further = vec![Offset(right)];
    PartitionCommit { further, outputs, keyed, ..step(partition, number) }
}

/// As [`joined`], sealing a checkpoint of that number.
pub(super) fn sealed_at(
    partition: Partition,
    (number, right): (u64, u64),
    keyed: Vec<KeyedBlock>,
) -> PartitionCommit {
    let PartitionCommit { chunks, manifest, .. } = sealed(number);
    let manifest = manifest.map(|it| Manifest { further: vec![Offset(right)], ..it });
    PartitionCommit { chunks, manifest, ..joined(partition, (number, right), keyed) }
}

/// What a partition of output `pairs` holds.
pub(super) fn values(store: &dyn JobStore, partition: u32) -> Vec<String> {
    let topic = store.topics().topic("pairs").unwrap();
    let found = read(store.topics(), &topic, Partition(partition), 0);
    found.into_iter().map(|(_, value)| value).collect()
}

pub fn positions_of_all_inputs_survive_a_restart_and_never_go_back(backend: &dyn Backend) {
    let (lease, mut committer) = owned(backend);
    commit(&mut *committer, vec![sealed_at(P0, (1, 7), vec![])]).unwrap();
    commit(&mut *committer, vec![joined(P0, (2, 9), vec![]), joined(P1, (1, 4), vec![])]).unwrap();
    drop((lease, committer));
    let (_lease, mut committer) = owned(backend);
    let loaded = committer.load(&FencingToken::Sole, &[P0, P1]).unwrap();
    let at = |place: usize| {
        let progress = loaded[place].progress.as_ref().unwrap();
        (progress.next, progress.further.clone())
    };
    assert_eq!(at(0), (Offset(20), vec![Offset(9)]));
    assert_eq!(at(1), (Offset(10), vec![Offset(4)]));
    let manifest = &loaded[0].checkpoint.as_ref().unwrap().manifest;
    assert_eq!((manifest.position, &manifest.further), (Offset(10), &vec![Offset(7)]));
    let view = backend.store().view().unwrap();
    assert_eq!(view.job, job(&*backend.queue()));
    assert_eq!(view.partitions[0].progress.as_ref().unwrap().further, [Offset(9)]);
    assert_eq!(view.partitions[0].checkpoints[0].manifest.further, [Offset(7)]);
    let back = commit(&mut *committer, vec![joined(P0, (3, 8), vec![])]);
    assert!(matches!(back, Err(CommitError::Fatal(Error::OutOfOrder { .. }))), "{back:?}");
    commit(&mut *committer, vec![joined(P0, (3, 9), vec![])]).unwrap();
}

pub fn a_commit_that_is_not_of_the_shape_of_the_job_is_refused(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    let right = |keyed| joined(P0, (1, 1), keyed);
    for (what, wrong) in [
        ("no position in the second input", PartitionCommit { further: vec![], ..right(vec![]) }),
        (
            "rows that say no partition",
            PartitionCommit { outputs: vec![block(&["x"])], ..right(vec![]) },
        ),
        ("a partition twice", right(vec![pairs(1, &["a"]), pairs(1, &["b"])])),
        ("an output that is not keyed", right(vec![KeyedBlock { output: 1, ..pairs(1, &["a"]) }])),
        ("an output that is not there", right(vec![KeyedBlock { output: 2, ..pairs(1, &["a"]) }])),
        ("a partition that is not there", right(vec![pairs(3, &["a"])])),
    ] {
        let refused = commit(&mut *committer, vec![wrong]);
        assert!(matches!(refused, Err(CommitError::Fatal(_))), "{what}: {refused:?}");
    }
    let store = backend.store();
    assert!(store.view().unwrap().partitions[0].progress.is_none());
    assert!((0..3).all(|partition| values(&*store, partition).is_empty()));
    commit(&mut *committer, vec![right(vec![pairs(1, &["a"])])]).unwrap();
}

pub fn rows_of_a_keyed_output_land_in_their_partitions_with_the_position(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    let rows = vec![pairs(2, &["a", "b"]), pairs(0, &["c"])];
    commit(&mut *committer, vec![joined(P1, (1, 1), rows)]).unwrap();
    // The whole commit is refused for what is wrong in one task's share.
    let (fine, wrong) = (joined(P0, (1, 1), vec![pairs(1, &["lost"])]), joined(P1, (3, 1), vec![]));
    assert!(commit(&mut *committer, vec![fine, wrong]).is_err());
    let store = backend.store();
    assert_eq!(values(&*store, 0), ["c"]);
    assert!(values(&*store, 1).is_empty());
    assert_eq!(values(&*store, 2), ["a", "b"]);
    let view = store.view().unwrap();
    assert!(view.partitions[0].progress.is_none());
    assert_eq!(view.keyed.len(), 2);
    assert!(view.keyed[1].is_empty(), "it is not keyed");
    let ends: Vec<_> = view.keyed[0].iter().map(|it| it.span.end.0).collect();
    assert!(ends[0] >= 1 && ends[2] >= 2, "{ends:?}");
    let counts = read(store.topics(), &store.topics().topic("n").unwrap(), P1, 0);
    assert_eq!(counts, numbered(0, &["n 1"]));
}

pub fn two_tasks_write_to_one_partition_of_a_keyed_output(backend: &dyn Backend) {
    let (_lease, mut committer) = owned(backend);
    for number in 1..=3 {
        let share = |partition, name: &str| {
            joined(partition, (number, number), vec![pairs(1, &[&format!("{name}{number}")])])
        };
        commit(&mut *committer, vec![share(P0, "a"), share(P1, "b")]).unwrap();
    }
    let found = values(&*backend.store(), 1);
    assert_eq!(found, ["a1", "b1", "a2", "b2", "a3", "b3"]);
}

pub fn a_job_of_another_shape_is_refused(backend: &dyn Backend) {
    drop(owned(backend));
    let job = job(&*backend.queue());
    let one_input = Job { inputs: job.inputs[..1].to_vec(), ..job.clone() };
    let mut other_key = job.clone();
    other_key.outputs[0] = OutputSpec::by_key("pairs", "pairs", 4);
    let mut other_role = job.clone();
    other_role.outputs[1].role = "m".to_owned();
    for other in [one_input, other_key, other_role] {
        let refused = backend.store().acquire(&other);
        assert!(matches!(refused, Err(Error::JobDiffers { .. })), "{other:?}");
    }
    let uneven = vec![job.inputs[0].clone(), backend.queue().create("uneven", 3).unwrap()];
    let refused = backend.store().acquire(&Job { inputs: uneven, ..job });
    assert!(matches!(refused, Err(Error::PartitionsDiffer { .. })));
}

pub fn an_older_committer_moves_no_input_and_writes_no_keyed_row(backend: &dyn Backend) {
    let (_lease, mut old) = owned(backend);
    commit(&mut *old, vec![joined(P0, (1, 1), vec![])]).unwrap();
    backend.break_lock();
    let _newer = owned(backend);
    let refused = commit(&mut *old, vec![joined(P0, (2, 5), vec![pairs(0, &["x"])])]);
    assert!(matches!(refused, Err(CommitError::Fenced(_))), "{refused:?}");
    let store = backend.store();
    let view = store.view().unwrap();
    assert_eq!(view.partitions[0].progress.as_ref().unwrap().further, [Offset(1)]);
    assert!(values(&*store, 0).is_empty());
}
