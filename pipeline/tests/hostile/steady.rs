//! In the steady state, records cause no allocation and windows few: only while a sensor has two
//! open at once.

use seismic_pipeline::{Engine, Output, Rules};
use seismic_proto::{Message as _, SeismicRecord};
use seismic_queue::{Message, Offset, Partition};

use crate::counting::peak_of;

/// `seconds` seconds of 20 sensors at 50 samples/s, one record a message.
fn messages(seconds: i64) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    for step in 0..seconds * 50 {
        for sensor in 0..20 {
            let record = SeismicRecord {
                sensor_id: format!("S{sensor:03}"),
                collect_timestamp: 1_600_000_000_000 + step * 20,
                seismic_amplitude: step as f32 / 100.0,
                phase_type: "N".into(),
                data_quality: 1,
                ..SeismicRecord::default()
            };
            messages.push(record.encode_to_vec());
        }
    }
    messages
}

#[test]
fn a_record_of_an_open_window_allocates_nothing_and_two_windows_of_a_sensor_little() {
    let messages = messages(20);
    let mut engine = Engine::new(Rules::default(), "topic", Partition(0), Offset(0));
    let mut out = Output::default();
    let mut offset = 0;
    let mut play = |seconds: std::ops::Range<f64>| {
        let place = |seconds: f64| (seconds * 1_000.0) as usize;
        for value in &messages[place(seconds.start)..place(seconds.end)] {
            let append_ms = 1_600_000_100_000;
            engine.step(Message { offset: Offset(offset), append_ms, key: b"", value }, &mut out);
            offset += 1;
            // As a commit does: what was handed over comes back empty, with its memory.
            if offset.is_multiple_of(1_000) {
                out.clear();
            }
        }
    };
    play(0.0..10.6);
    // The window before was closed at 10.5 s, and the next one opens at 11 s.
    assert_eq!(peak_of(|| play(10.6..11.0)), 0);
    // Rows are written all the time, into memory that is there; only second windows need some.
    let peak = peak_of(|| play(11.0..20.0));
    assert!(peak <= 20 * 400, "{peak} bytes for 20 sensors");
    assert!(engine.counters().windows >= 20 * 18, "windows were closed meanwhile");
}
