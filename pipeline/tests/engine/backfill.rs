//! Backfill of a station after an outage, mixed with live records.

use std::collections::BTreeMap;

use seismic_pipeline::{Output, Rules};
use seismic_proto::{Message as _, SeismicAggRecord, SeismicRecord};
use seismic_queue::Message;

use crate::stream::{Act, Stream};

const START: i64 = 1_600_000_000_000;
const HOUR: i64 = 3_600_000;

/// Most rows of a window when that many kept records come with each live one, both at 100 Hz.
fn most_rows(kept_per_live: i64) -> usize {
    let rules =
        Rules { allowed_lateness_ms: 2 * HOUR, rollups_ms: vec![60_000], ..Rules::default() };
    let (mut engine, mut out) =
        (Stream { rules, start: 0, acts: vec![] }.engine(), Output::default());
    let mut say = |time_ms: i64| {
        let record = SeismicRecord {
            sensor_id: "S".into(),
            collect_timestamp: time_ms,
            phase_type: "N".into(),
            data_quality: 1,
            ..Default::default()
        };
        let (offset, value) = (engine.position(), &record.encode_to_vec());
        engine.step(Message { offset, append_ms: START + 2 * HOUR, key: b"", value }, &mut out);
    };
    say(START);
    say(START + HOUR);
    let samples = HOUR / 10;
    for kept in 1..samples {
        say(START + 10 * kept);
        if kept % kept_per_live == 0 {
            say(START + HOUR + 10 * (kept / kept_per_live));
        }
    }
    Act::End.apply(&mut engine, &mut out);
    assert_eq!(engine.counters().late() + engine.counters().rejected(), 0);
    assert!(engine.counters().is_balanced());
    let mut rows: BTreeMap<_, usize> = BTreeMap::new();
    for (_, row) in out.rows.messages().chain(out.rollups[0].messages()) {
        let row = SeismicAggRecord::decode(row).unwrap();
        *rows.entry((row.window_start_ts, row.window_end_ts)).or_default() += 1;
    }
    *rows.values().max().unwrap()
}

#[test]
fn an_hour_of_backfill_mixed_with_live_records_gives_at_most_two_rows_a_window() {
    for kept_per_live in [1, 2, 10, 100] {
        assert!(most_rows(kept_per_live) <= 2, "{kept_per_live}: {}", most_rows(kept_per_live));
    }
}
