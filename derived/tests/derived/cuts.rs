//! However messages are cut into batches, and wherever an operator is restored, the rows are the
//! same to the byte.

use proptest::collection::vec;
use proptest::prelude::*;
use seismic_derived::StatementKind;
use seismic_pipeline::{Operator, OperatorKind};
use seismic_queue::{Offset, Partition, PartitionCommit, Topic};

use crate::stage::{batch, line, usage};

const SQL: &str = "select JobName, UsedGB / TotalGB as UsedRatio, \
                   case Type when 3 then abs(-9223372036854775807 - 1) else Type end as Kind \
                   from MoniteDataSource_1 where UsedGB < 90";

fn topic() -> Vec<Topic> {
    vec![Topic { name: "usage".to_owned(), id: "1".to_owned(), partitions: 1 }]
}

/// What waits of an operator.
fn taken(operator: &mut dyn Operator) -> (Vec<u8>, Vec<u8>) {
    let mut commit = PartitionCommit::new(Partition(0));
    operator.move_output(&mut commit);
    (commit.outputs[0].bytes().to_vec(), commit.outputs[1].bytes().to_vec())
}

fn note(operator: &dyn Operator) -> Vec<u8> {
    let mut note = Vec::new();
    operator.write_note(&mut note);
    note
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_output_is_the_same_with_every_cut_and_after_every_restart(
        messages in vec((0..5_u8, vec((0..7_u8, 0..120_u8), 0..4)), 1..40),
        cuts in vec((1..9_usize, any::<bool>()), 1..9),
    ) {
        let kind = StatementKind::new(usage(SQL)).unwrap();
        let messages: Vec<(String, String)> = messages.iter().map(|(job, records)| {
            let job = format!("job{job}");
            let line = |(kind, used): &(u8, u8)| match kind {
                5 => "{}x\n".to_owned(),
                6 => "{\"Type\":\"x\"}\n".to_owned(),
                _ => line(&job, f64::from(*used), 7.0, &kind.to_string()),
            };
            let value = records.iter().map(line).collect();
            (job, value)
        }).collect();
        let mut whole = kind.start(&topic(), Partition(0), &[Offset(0)]);
        whole.apply_batch(0, &batch(Partition(0), 0, &messages));
        let (rows, letters) = taken(&mut *whole);
        let mut cut = kind.start(&topic(), Partition(0), &[Offset(0)]);
        let (mut found, mut at) = ((Vec::new(), Vec::new()), 0);
        for (piece, is_restored) in cuts.iter().cycle() {
            if at >= messages.len() {
                break;
            }
            let end = messages.len().min(at + piece);
            cut.apply_batch(0, &batch(Partition(0), at as u64, &messages[at..end]));
            let (more_rows, more_letters) = taken(&mut *cut);
            found.0.extend(more_rows);
            found.1.extend(more_letters);
            at = end;
            if *is_restored {
                let mut state = Vec::new();
                cut.snapshot(&mut state);
                cut = kind.restore(&state, &topic(), Partition(0)).unwrap();
            }
        }
        prop_assert_eq!(found, (rows, letters));
        prop_assert!(cut.is_balanced());
        prop_assert_eq!(note(&*cut), note(&*whole));
        prop_assert!(cut.failure().is_none());
    }

    #[test]
    fn bytes_that_are_no_state_are_refused(bytes: Vec<u8>) {
        let kind = StatementKind::new(usage(SQL)).unwrap();
        prop_assert!(kind.restore(&bytes, &topic(), Partition(0)).is_err());
        prop_assert!(kind.of_note(&bytes).is_err());
    }
}
