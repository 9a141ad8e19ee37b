//! Names are read back as written, and named checkpoints are kept.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use seismic_queue::{CheckpointInfo, Class, Manifest};

fn kept(number: u64, answers: &[&str]) -> KeptCheckpoint {
    let manifest = Manifest {
        checkpoint: number,
        position: Offset(number),
        further: Vec::new(),
        journal_sequence: 0,
        chunks: 1,
        crc: 0,
        keeps: 10,
    };
    // A minute apart, so that no hour or day keeps many of them.
    let created_ms = 1_600_000_000_000 + number as i64 * 60_000;
    let (class, names) = (None, Vec::new());
    let info = CheckpointInfo { manifest, bytes: 1, created_ms, class, names };
    KeptCheckpoint {
        info,
        first: Offset(0),
        answers: answers.iter().map(|id| (*id).to_owned()).collect(),
    }
}

/// Thirty checkpoints, some of which answer.
fn many(answers: &[(u64, &str)]) -> Vec<KeptCheckpoint> {
    let of = |number: u64| answers.iter().filter(move |it| it.0 == number).map(|it| it.1);
    (1..=30).map(|number| kept(number, &of(number).collect::<Vec<_>>())).collect()
}

fn names(records: &[&str]) -> CheckpointNames {
    let mut names = CheckpointNames::default();
    for record in records {
        names.apply(&record.split('|').map(str::to_owned).collect::<Vec<_>>());
    }
    names
}

/// Number and names of each checkpoint that has some or is kept for nothing else.
fn settled(names: &CheckpointNames, mut kept: Vec<KeptCheckpoint>) -> Vec<(u64, String)> {
    names.settle(Partition(1), &mut kept);
    let is_for_a_name = |kept: &&KeptCheckpoint| {
        kept.info.class == Some(Class::Named) || !kept.info.names.is_empty()
    };
    let of_it = kept.iter().filter(is_for_a_name);
    of_it.map(|kept| (kept.number(), kept.info.names.join(" "))).collect()
}

#[test]
fn the_first_answer_has_the_name_and_others_go() {
    let names = names(&["a|asked|quake"]);
    assert_eq!(settled(&names, many(&[(3, "a"), (5, "a")])), [(3, "quake".to_owned())]);
}

#[test]
fn what_is_whole_has_its_name_by_number_whatever_answers_later() {
    let names = names(&["a|asked|quake", "a|whole|1 3"]);
    assert_eq!(settled(&names, many(&[(3, "a"), (2, "a")])), [(3, "quake".to_owned())]);
    assert_eq!(names.requests(&[]), (vec![], vec![]));
}

#[test]
fn what_was_taken_back_is_gone_also_when_the_last_answer_was_written_down_behind_it() {
    for records in [
        &["a|asked|quake", "a|gone", "a|whole|1 3"],
        &["a|asked|quake", "a|whole|1 3", "a|gone"],
        // Compaction leaves the last record of each key.
        &["a|whole|1 3", "a|gone", "b|gone"],
    ] {
        let names = names(records);
        assert_eq!(settled(&names, many(&[(3, "a")])), []);
        assert!(names.find("quake").is_none());
    }
}

#[test]
fn an_answer_to_what_nobody_has_heard_of_yet_is_kept() {
    assert_eq!(settled(&CheckpointNames::default(), many(&[(3, "new")])), [(3, String::new())]);
}

#[test]
fn of_two_with_one_name_the_first_counts_until_it_is_gone() {
    let two = ["a|newest|quake|1 3", "b|newest|quake|1 4"];
    assert_eq!(settled(&names(&two), many(&[])), [(3, "quake".to_owned())]);
    let three = [two[0], two[1], "a|gone"];
    assert_eq!(settled(&names(&three), many(&[])), [(4, "quake".to_owned())]);
}

#[test]
fn who_has_answered_is_told_until_all_have() {
    let names = names(&["a|asked|quake", "b|asked|also"]);
    let parts =
        |second: KeptCheckpoint| [vec![kept(1, &["a", "b"])], vec![kept(7, &["a"]), second]];
    let (open, whole) = names.requests(&parts(kept(8, &["a"])));
    assert_eq!(whole, [("a".to_owned(), vec![1, 7])]);
    let also =
        CheckpointRequest { id: "b".into(), name: "also".into(), answered: vec![Partition(0)] };
    assert_eq!(open, [also]);
    let (open, whole) = names.requests(&parts(kept(8, &["b"])));
    assert_eq!((open, whole.len()), (vec![], 2));
}

proptest! {
    #[test]
    fn foreign_lines_are_read_without_harm(
        records in vec(vec("[a-b]|(whole|gone)?[0-9 |]{0,8}|\\PC{0,4}", 0..6), 0..12),
        kind in "asked|newest|whole|gone",
    ) {
        let mut names = CheckpointNames::default();
        for mut lines in records {
            lines.insert(lines.len().min(1), kind.clone());
            names.apply(&lines);
        }
        names.settle(Partition(1), &mut many(&[]));
    }
}
