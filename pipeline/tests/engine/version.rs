//! The golden log: a change of results without a new version of the engine is an error.
//!
//! A job's progress is bound to `ENGINE_VERSION`. If the same log gave other rows under the same
//! version, a recovery would replay into a state that never existed, and `verify` would report
//! differences in a correct job. So the digest of the complete output for a fixed log is kept here
//! for each version.

use seismic_pipeline::{
    Dedupe, ENGINE_VERSION, Engine, OLDEST_ENGINE_VERSION, Output, Phases, Region, Rules, TimeMode,
};
use seismic_proto::{Message as _, SeismicAggRecord, SeismicRecord, SeismicRecordBatch};
use seismic_queue::Offset;
use sha2::{Digest, Sha256};

use crate::stream::{PARTITION, Sent, TOPIC};

/// SHA-256 of rows, dead letters and final snapshots, by engine version. Lines are added and never
/// changed.
const OUTPUTS: &[(u32, &str)] = &[
    (1, "2e76db970d9afe1ee78c4046f4211990a4bc5507bc0d1c8f3eba9d3c30d030ee"),
    (2, "653fe569fd9110ee36438e065e4fec92404b9dc1a0d6026702d1d5db5c77ac44"),
    (3, "424ab4cf3dcf7f8bedd1f77abf1c79a37180f6fa78748b529526ae55e8cc0959"),
    (4, "f1c217b56b0a74178d5e7e123e80f6eb3e32f95b48d6a350a8a01b783b02c1e0"),
    (5, "76a66c11afa986442c031e9a0fb904d9e2c7f1fe7fd275a7ccb9a43dd03f5307"),
];

/// The same of a job that allows late records, since there are such jobs.
const LATE_OUTPUTS: &[(u32, &str)] = &[
    (4, "1fac506190a4d136cbc016c36616e0bbfd35521a1adaf1fdfe92a153f0590112"),
    (5, "84a006ed64b40023377dc8078d0b26627ade4581cf379ff7dd1ebcf74dbd8601"),
];

/// SHA-256 of the golden log itself, to tell a changed test from a changed engine.
const LOG: &str = "52087664712c6115851c31f90c7e1399d79564392c6824d4ff12adf1d819b0cd";

#[test]
fn results_change_only_with_a_new_engine_version() {
    assert_eq!(hex(digest_of_log()), LOG, "the golden log itself changed: take that back");
    let found = hex(digest_of_outputs(ENGINE_VERSION));
    let newest = OUTPUTS.last().unwrap();
    assert_eq!(newest.0, ENGINE_VERSION, "add ({ENGINE_VERSION}, \"{found}\") to OUTPUTS");
    assert!(
        newest.1 == found,
        "the golden log gives other rows, dead letters or snapshots than engine version \
         {ENGINE_VERSION} gave: {found}.\nIf that is not meant, it is a bug. If it is meant, raise \
         ENGINE_VERSION, add a line for the new version to OUTPUTS, and write into CHANGELOG.md \
         that jobs of older versions cannot be continued.",
    );
}

/// A job that an older version began continues to the same bits.
#[test]
fn older_versions_give_what_they_gave() {
    for &(version, digest) in OUTPUTS {
        if (OLDEST_ENGINE_VERSION..ENGINE_VERSION).contains(&version) {
            assert_eq!(hex(digest_of_outputs(version)), digest, "version {version}");
        }
    }
}

#[test]
fn results_of_late_records_change_only_with_a_new_engine_version() {
    for &(version, digest) in LATE_OUTPUTS {
        let rules = late_rules(version);
        assert_eq!(hex(digest_of([rules].into_iter())), digest, "version {version}");
    }
    assert_eq!(LATE_OUTPUTS.last().unwrap().0, ENGINE_VERSION, "add a line");
}

/// What version 5 added, and version 4 continues without.
#[test]
fn late_panes_say_what_was_rejected_from_version_5_on() {
    let rejects = |version| {
        let (_, out) = run(late_rules(version));
        let rows = out.rows.messages().map(|(_, row)| SeismicAggRecord::decode(row).unwrap());
        let late = rows.filter(|row| row.pane > 0);
        late.map(|row| row.rejected_count + row.clipped_count + row.repeat_count)
            .collect::<Vec<_>>()
    };
    let (before, now) = (rejects(4), rejects(5));
    assert!(before.len() > 100 && before.iter().all(|count| *count == 0));
    assert_eq!(now.len(), before.len());
    assert!(now.iter().filter(|count| **count > 0).count() > 10, "{now:?}");
}

/// The log must reach what the digest is to guard.
#[test]
fn the_golden_log_reaches_every_kind_of_result() {
    let mut dead = 0;
    for rules in all_rules(ENGINE_VERSION) {
        let (engine, out) = run(rules);
        let counters = engine.counters();
        assert!(counters.is_balanced());
        assert!(counters.windows > 100 && counters.open > 0, "{counters:?}");
        assert!(out.rows.count() > 100);
        dead |= seismic_pipeline::RejectReason::ALL
            .into_iter()
            .enumerate()
            .filter(|&(_, reason)| counters.dead(reason) > 0)
            .fold(0, |bits, (place, _)| bits | 1 << place);
    }
    // All but too_many_records, misplaced, window_limit and clock_jump.
    assert_eq!(dead, 0b11_0111_1111_1101, "{dead:b}");
}

fn digest_of_outputs(version: u32) -> Sha256 {
    digest_of(all_rules(version).into_iter())
}

fn digest_of(all_rules: impl Iterator<Item = Rules>) -> Sha256 {
    let mut digest = Sha256::new();
    for rules in all_rules {
        let (engine, out) = run(rules);
        let mut snapshot = Vec::new();
        engine.snapshot(&mut snapshot);
        let rollups = out.rollups.iter().map(seismic_queue::Block::bytes);
        for bytes in [out.rows.bytes(), out.dead.bytes(), &snapshot].into_iter().chain(rollups) {
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        }
    }
    digest
}

fn digest_of_log() -> Sha256 {
    let mut digest = Sha256::new();
    for sent in log() {
        digest.update(sent.offset.to_le_bytes());
        digest.update(sent.append_ms.to_le_bytes());
        digest.update((sent.value.len() as u64).to_le_bytes());
        digest.update(&sent.value);
    }
    digest
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Two jobs: the defaults, and everything otherwise. All values are spelled out, since a changed
/// default is no change of the engine.
fn all_rules(version: u32) -> [Rules; 2] {
    let plain = Rules {
        version,
        window_ms: 1_000,
        lateness_ms: 500,
        max_ahead_ms: 5_000,
        max_jump_ms: if version >= 4 { 3_600_000 } else { 0 },
        allowed_lateness_ms: 0,
        time: TimeMode::Event,
        amplitude: -100.0..=200.0,
        event_ms: (-2_208_988_800_000, 7_258_118_400_000),
        region: None,
        phases: Phases::ALL,
        dedupe: Dedupe::Off,
        max_sensors: 1_000_000,
        rollups_ms: vec![],
        repartitioned: None,
    };
    let other = Rules {
        version,
        window_ms: 700,
        lateness_ms: 0,
        max_ahead_ms: 0,
        max_jump_ms: if version >= 4 { 3_600_000 } else { 0 },
        allowed_lateness_ms: 0,
        time: TimeMode::Ingest,
        amplitude: -50.0..=50.0,
        event_ms: (1_600_000_050_000, 7_258_118_400_000),
        region: Some(Region { longitude: (-100.0, -97.0), latitude: (15.0, 18.0) }),
        phases: Phases::ALL,
        dedupe: Dedupe::Off,
        max_sensors: 5,
        rollups_ms: vec![1_400, 7_000],
        repartitioned: None,
    };
    [plain, other]
}

/// A job in which many records are late, and count.
fn late_rules(version: u32) -> Rules {
    let [plain, _] = all_rules(version);
    let (lateness_ms, allowed_lateness_ms, dedupe) = (0, 60_000, Dedupe::Time);
    let rollups_ms = vec![2_000, 10_000];
    Rules { lateness_ms, allowed_lateness_ms, dedupe, rollups_ms, window_ms: 500, ..plain }
}

/// Plays the log; every 500 messages what is silent for 100 is closed, and half-way all is.
fn run(rules: Rules) -> (Engine, Output) {
    let mut engine = Engine::new(rules, TOPIC, PARTITION, Offset(0));
    let mut out = Output::default();
    for (place, sent) in log().iter().enumerate() {
        if place % 500 == 499 {
            engine.close_idle(Offset(sent.offset - 100), &mut out);
        }
        if place == 2_000 {
            engine.end(&mut out);
        }
        engine.step(sent.message(), &mut out);
    }
    (engine, out)
}

/// SplitMix64 (Steele, Lea, Flood 2014), written out so that no library can change the log.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// 4,000 messages of 8 sensors with every fault. Fixed forever: for more, add a second log.
fn log() -> Vec<Sent> {
    let mut random = Random(2_020);
    let (mut offset, mut append_ms) = (0, 1_600_000_000_000);
    let mut log = Vec::new();
    for _ in 0..4_000 {
        offset += 1 + u64::from(random.below(50) == 0) * random.below(9);
        append_ms += random.below(400) as i64 - 60;
        let value = match random.below(40) {
            0 => (0..random.below(20)).map(|_| random.next() as u8).collect(),
            1 => {
                let mut value = record(&mut random, append_ms).encode_to_vec();
                value.truncate(random.below(20) as usize);
                value
            }
            2..12 => {
                let count = 1 + random.below(6);
                let records = (0..count).map(|_| record(&mut random, append_ms)).collect();
                SeismicRecordBatch { records }.encode_to_vec()
            }
            _ => record(&mut random, append_ms).encode_to_vec(),
        };
        log.push(Sent { offset, append_ms, key: b"key".to_vec(), value });
    }
    log
}

fn record(random: &mut Random, append_ms: i64) -> SeismicRecord {
    let mut record = SeismicRecord {
        sensor_id: format!("S{:03}", random.below(8)),
        collect_timestamp: append_ms - random.below(1_800) as i64,
        longitude: -98.5,
        latitude: 16.25,
        depth: 10,
        // Thousandths, so that sums depend on their order.
        seismic_amplitude: (random.below(140_000) as i64 - 70_000) as f32 / 1_000.0,
        frequency: 25,
        phase_type: ["P", "S", "N"][random.below(3) as usize].to_owned(),
        data_quality: 1,
        network_status: 1,
        arrival_ms: 0,
    };
    match random.below(120) {
        0 => record.sensor_id.clear(),
        1 => record.sensor_id = "x".repeat(257),
        2 => record.data_quality = 0,
        3 => record.seismic_amplitude = f32::NAN,
        4 => record.seismic_amplitude = f32::INFINITY,
        5 => record.seismic_amplitude = 1e-42,
        6 => record.longitude = 180.5,
        7 => record.latitude = -91.0,
        8 => record.latitude = 30.0,
        9 => record.phase_type = "Q".to_owned(),
        10 => record.collect_timestamp = i64::MAX,
        11 => record.collect_timestamp = append_ms + 5_001,
        12 => record.collect_timestamp = append_ms + 5_000,
        13 => record.collect_timestamp = append_ms - 3_600_000,
        _ => {}
    }
    record
}
