//! Histories worth keeping, each a list of actions as the search prints it: former failures, and
//! rare cases.

use std::collections::BTreeSet;

use crate::action::Action::{self, *};
use crate::action::{Fate, History, Setup};
use crate::world;

/// Three partitions, three slots, everything kept, no faults but those of the history.
fn setup() -> Setup {
    Setup {
        partitions: 3,
        slots: [3, 3, 1],
        sensors: 3,
        window_ms: 1_000,
        lateness_ms: 500,
        max_ahead_ms: 5_000,
        max_sensors: 1_000,
        ingest: false,
        dedupe: false,
        idle_timeout_ms: 1_000,
        commit_every_ms: 0,
        snapshot_every_ms: 200,
        max_bytes: None,
        max_age_ms: None,
        drained: false,
        stopped: false,
        last_fates: [Fate::Made; 3],
    }
}

#[track_caller]
fn ends_well(setup: Setup, actions: &[Action]) -> BTreeSet<&'static str> {
    let told = world::run(&History { setup, actions: actions.to_vec() }, true);
    assert!(told.fault.is_none(), "{:?}\n{}", told.fault, told.lines.join("\n"));
    told.sights
}

/// The job held nothing of a partition until its start was committed, so house kept by another
/// slot's thread delete records that the job was about to begin with.
#[test]
fn retention_leaves_what_a_starting_job_is_about_to_read() {
    let history = [
        Append { producer: 1, partition: 2, seed: 935340344 },
        Turn { slot: 1, messages: 1 },
        KeepHouse,
    ];
    ends_well(Setup { max_bytes: Some(0), ..setup() }, &history);
}

/// A commit of unknown outcome and a damaged checkpoint at once: the replay begins further back.
#[test]
fn a_rebuild_from_an_older_checkpoint_gives_the_same_rows() {
    let append = |seed| Append { producer: 0, partition: 0, seed };
    let round = [
        Turn { slot: 0, messages: 0 },
        Turn { slot: 0, messages: 0 },
        Wait { ms: 300 },
        Commit { slot: 0, fate: Fate::Made },
        Turn { slot: 0, messages: 0 },
    ];
    for fate in [Fate::MadeUnheard, Fate::LostUnheard] {
        let mut history = Vec::new();
        for seed in 0..6 {
            history.push(append(seed));
            history.extend(round);
        }
        history.extend([append(7), Turn { slot: 0, messages: 0 }, Commit { slot: 0, fate }]);
        history.extend([Damage { partition: 0, checkpoint: 0 }, append(8)]);
        history.extend(round);
        let setup = Setup { partitions: 1, snapshot_every_ms: 0, ..setup() };
        let sights = ends_well(setup, &history);
        assert!(sights.contains("recovery from an older checkpoint"), "{fate:?}: {sights:?}");
        assert!(sights.contains(fate.name()), "{sights:?}");
    }
}
