//! How fast statements are, against a plain loop that does the same by hand.
//!
//! `cargo test --release -p seismic-derived --test derived -- --ignored --show-output speed`

use std::hint::black_box;
use std::time::{Duration, Instant};

use seismic_derived::StatementKind;
use seismic_pipeline::OperatorKind;
use seismic_queue::{Block, Offset, Partition, Topic};

use crate::stage::{batch, line, usage};
use crate::window_oracle::{self, PEAKS, readings};

const ROWS: usize = 200_000;

fn rate(what: &str, time: Duration) {
    let rate = ROWS as f64 / time.as_secs_f64() / 1e6;
    #[allow(clippy::print_stderr, reason = "it is what is asked for")]
    {
        eprintln!("{what}: {rate:.2} M rows/s");
    }
}

#[test]
#[ignore = "it measures"]
fn speed_of_a_projection_and_of_a_loop_by_hand() {
    let sql = "select JobName, UsedGB / TotalGB as UsedRatio, Type as Kind \
               from MoniteDataSource_1 where UsedGB > 10";
    let topic = Topic { name: "usage".to_owned(), id: "1".to_owned(), partitions: 1 };
    let kind = StatementKind::new(usage(sql)).unwrap();
    let messages: Vec<_> = (0..ROWS)
        .map(|i| (String::new(), line(&format!("job{}", i % 1_000), (i % 97) as f64, 4.0, "2")))
        .collect();
    for size in [100, 1_000, 10_000] {
        let batches: Vec<_> = (0..ROWS / size)
            .map(|i| batch(Partition(0), (i * size) as u64, &messages[i * size..][..size]))
            .collect();
        let mut operator = kind.start(std::slice::from_ref(&topic), Partition(0), &[Offset(0)]);
        let began = Instant::now();
        for batch in &batches {
            operator.apply_batch(0, batch);
            black_box(operator.waiting_bytes());
            operator.discard_output();
        }
        rate(&format!("JSON in, statement, JSON out, batches of {size}"), began.elapsed());
        let began = Instant::now();
        for batch in &batches {
            let mut block = Block::default();
            for message in batch.messages() {
                let value: serde_json::Value = serde_json::from_slice(message.value).unwrap();
                let used = value["UsedGB"].as_f64().unwrap();
                if used > 10.0 {
                    let ratio = used / value["TotalGB"].as_f64().unwrap();
                    let name = value["JobName"].as_str().unwrap();
                    let kind = value["Type"].as_i64().unwrap();
                    let at = message.offset;
                    let row = format!(
                        "{{\"JobName\":\"{name}\",\"UsedRatio\":{ratio:?},\"Kind\":{kind},\"_id\":\"0/{at}/0/0\"}}"
                    );
                    block.push(name.as_bytes(), row.as_bytes()).unwrap();
                }
            }
            black_box(block.bytes().len());
        }
        rate(
            &format!("a loop by hand over serde_json's values, batches of {size}"),
            began.elapsed(),
        );
    }
}

/// By whether the module keeps its instance, and by the memory that a new one begins with.
#[cfg(feature = "wasm")]
#[test]
#[ignore = "it measures"]
fn speed_of_a_module_in_place_of_a_statement() {
    use seismic_pipeline::Entry;

    use crate::operators;

    let topic = Topic { name: "usage".to_owned(), id: "1".to_owned(), partitions: 1 };
    let messages: Vec<_> = (0..ROWS)
        .map(|i| (String::new(), line(&format!("job{}", i % 1_000), (i % 97) as f64, 4.0, "2")))
        .collect();
    let writes = "(global $n (mut i64) (i64.const 0))";
    for (what, text, pages) in [
        ("its instance is kept", "", 1),
        ("new ones of 64 KiB", writes, 1),
        ("new ones of 128 KiB", writes, 2),
        ("new ones of 1,088 KiB", writes, 17),
    ] {
        let begin = if text.is_empty() { "" } else { "(global.set $n (i64.const 1))" };
        let of_row = operators::USED_BY_TOTAL.replacen('\n', &format!("{begin}\n"), 1);
        let stage = operators::stage_of_pages(pages, &format!("{text}{of_row}"));
        for size in [100, 10_000] {
            let batches: Vec<_> = (0..ROWS / size)
                .map(|i| batch(Partition(0), (i * size) as u64, &messages[i * size..][..size]))
                .collect();
            let mut operator =
                stage.kind.start(std::slice::from_ref(&topic), Partition(0), &[Offset(0)]);
            for entry in stage.kind.own_entries(&*operator) {
                operator.apply_entry(&Entry::Own(entry)).unwrap();
            }
            let began = Instant::now();
            for batch in &batches {
                operator.apply_batch(0, batch);
                assert!(operator.waiting_bytes() > 0);
                operator.discard_output();
            }
            rate(
                &format!("JSON in, a module, JSON out, batches of {size}, {what}"),
                began.elapsed(),
            );
        }
    }
}

#[test]
#[ignore = "it measures"]
fn speed_of_windows_by_the_rows_that_each_has() {
    let topic = Topic { name: "readings".to_owned(), id: "1".to_owned(), partitions: 1 };
    let mut definition = readings(PEAKS, Some(100), 0);
    definition.timing.as_mut().unwrap().max_ahead_ms = 86_400_000;
    let kind = StatementKind::new(definition).unwrap();
    for of_window in [10, 100, 10_000] {
        let messages: Vec<_> = (0..ROWS)
            .map(|i| {
                let at = (i / of_window * 100) as i64;
                let record = ("S1".to_owned(), at, (i % 97) as i64);
                ("S1".to_owned(), window_oracle::line(&record))
            })
            .collect();
        let batches: Vec<_> = (0..ROWS / 1_000)
            .map(|i| batch(Partition(0), (i * 1_000) as u64, &messages[i * 1_000..][..1_000]))
            .collect();
        let mut operator = kind.start(std::slice::from_ref(&topic), Partition(0), &[Offset(0)]);
        let began = Instant::now();
        for batch in &batches {
            operator.apply_batch(0, batch);
            black_box(operator.waiting_bytes());
            operator.discard_output();
        }
        rate(&format!("JSON in, windows of {of_window} rows, JSON out"), began.elapsed());
    }
}
