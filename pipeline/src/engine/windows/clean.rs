//! The cleaning rules: every check that needs nothing but the record itself.

use crate::engine::windows::decode::Record;
use crate::engine::windows::reject_reason::RejectReason;
use crate::engine::windows::rules::{Rules, TimeMode};
use crate::limits;

/// The event time of a record worth counting, ms since 1970 UTC.
///
/// `append_ms` is the partition's append time (never going back) of the record's message.
///
/// # Errors
/// The first [`RejectReason`] that speaks against the record, in the order of
/// [`RejectReason::ALL`].
#[inline]
pub fn clean(
    record: &Record,
    sensor: &[u8],
    append_ms: i64,
    rules: &Rules,
) -> Result<i64, RejectReason> {
    if sensor.is_empty() {
        return Err(RejectReason::EmptySensor);
    }
    if sensor.len() > limits::SENSOR_ID_BYTES {
        return Err(RejectReason::LongSensor);
    }
    if record.quality != 1 {
        return Err(RejectReason::BadQuality);
    }
    // NaN is in no range.
    let (least, most) = (*rules.amplitude.start(), *rules.amplitude.end());
    if !(least..=most).contains(&record.amplitude) {
        return Err(RejectReason::AmplitudeOutOfRange);
    }
    if !(record.longitude.abs() <= 180.0 && record.latitude.abs() <= 90.0) {
        return Err(RejectReason::BadPosition);
    }
    if let Some(region) = &rules.region {
        let ((west, east), (south, north)) = (region.longitude, region.latitude);
        if !((west..=east).contains(&record.longitude)
            && (south..=north).contains(&record.latitude))
        {
            return Err(RejectReason::OutOfRegion);
        }
    }
    if !rules.phases.has(record.phase) {
        return Err(RejectReason::BadPhase);
    }
    event_time(record, append_ms, rules)
}

/// The event time of a record, judged alone: by it even a record that is rejected for something
/// else is of a window.
///
/// # Errors
/// [`RejectReason::BadTime`] or [`RejectReason::FutureTimestamp`].
#[inline]
pub fn event_time(record: &Record, append_ms: i64, rules: &Rules) -> Result<i64, RejectReason> {
    match rules.time {
        TimeMode::Event => clean_time(record.time_ms, append_ms, rules),
        // The sensor's own clock is not used, so it is not judged either.
        TimeMode::Ingest => clean_time(append_ms, append_ms, rules),
    }
}

#[inline]
fn clean_time(time_ms: i64, append_ms: i64, rules: &Rules) -> Result<i64, RejectReason> {
    if !(rules.event_ms.0..rules.event_ms.1).contains(&time_ms) {
        return Err(RejectReason::BadTime);
    }
    if time_ms > append_ms.saturating_add(rules.max_ahead_ms) {
        return Err(RejectReason::FutureTimestamp);
    }
    Ok(time_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::windows::decode::Phase;
    use crate::engine::windows::phases::Phases;
    use crate::engine::windows::rules::Region;

    const NOW: i64 = 1_600_000_000_000;

    fn record() -> Record {
        Record {
            time_ms: NOW,
            longitude: -98.0,
            latitude: 16.0,
            amplitude: 1.0,
            quality: 1,
            phase: Phase::N,
            ..Record::default()
        }
    }

    fn verdict(record: Record) -> Result<i64, RejectReason> {
        clean(&record, b"S001", NOW, &Rules::default())
    }

    #[test]
    fn a_plain_record_counts() {
        assert_eq!(verdict(record()), Ok(NOW));
    }

    #[test]
    fn each_fault_has_its_own_reason() {
        for (bad, reason) in [
            (Record { quality: 0, ..record() }, RejectReason::BadQuality),
            (Record { quality: 2, ..record() }, RejectReason::BadQuality),
            (Record { amplitude: f32::NAN, ..record() }, RejectReason::AmplitudeOutOfRange),
            (Record { amplitude: f32::INFINITY, ..record() }, RejectReason::AmplitudeOutOfRange),
            (
                Record { amplitude: f32::NEG_INFINITY, ..record() },
                RejectReason::AmplitudeOutOfRange,
            ),
            (Record { amplitude: 200.01, ..record() }, RejectReason::AmplitudeOutOfRange),
            (Record { amplitude: -100.01, ..record() }, RejectReason::AmplitudeOutOfRange),
            (Record { longitude: 180.1, ..record() }, RejectReason::BadPosition),
            (Record { longitude: f64::NAN, ..record() }, RejectReason::BadPosition),
            (Record { latitude: -90.1, ..record() }, RejectReason::BadPosition),
            (Record { phase: Phase::Other, ..record() }, RejectReason::BadPhase),
            (Record { time_ms: i64::MIN, ..record() }, RejectReason::BadTime),
            (Record { time_ms: i64::MAX, ..record() }, RejectReason::BadTime),
            (Record { time_ms: NOW + 5_001, ..record() }, RejectReason::FutureTimestamp),
        ] {
            assert_eq!(verdict(bad), Err(reason), "{bad:?}");
        }
    }

    #[test]
    fn the_edges_of_every_range_count() {
        for fine in [
            Record { amplitude: 200.0, ..record() },
            Record { amplitude: -100.0, ..record() },
            Record { amplitude: -0.0, ..record() },
            Record { amplitude: f32::MIN_POSITIVE / 2.0, ..record() },
            Record { longitude: -180.0, latitude: 90.0, ..record() },
            Record { time_ms: NOW + 5_000, ..record() },
            Record { time_ms: -2_208_988_800_000, ..record() },
        ] {
            assert!(verdict(fine).is_ok(), "{fine:?}");
        }
    }

    #[test]
    fn sensor_ids_are_one_to_256_bytes() {
        let judge = |id: &[u8]| clean(&record(), id, NOW, &Rules::default());
        assert_eq!(judge(b""), Err(RejectReason::EmptySensor));
        assert!(judge(&[b'x'; 256]).is_ok());
        assert_eq!(judge(&[b'x'; 257]), Err(RejectReason::LongSensor));
    }

    #[test]
    fn a_region_keeps_out_what_lies_beyond_it() {
        let region = Region { longitude: (-99.0, -97.0), latitude: (15.0, 17.0) };
        let rules = Rules { region: Some(region), ..Rules::default() };
        assert!(clean(&record(), b"S", NOW, &rules).is_ok());
        let outside = Record { latitude: 14.9, ..record() };
        assert_eq!(clean(&outside, b"S", NOW, &rules), Err(RejectReason::OutOfRegion));
    }

    #[test]
    fn a_phase_that_the_job_leaves_out_is_a_bad_phase() {
        let rules = Rules { phases: Phases::new(true, true, false), ..Rules::default() };
        assert_eq!(clean(&record(), b"S", NOW, &rules), Err(RejectReason::BadPhase));
        assert!(clean(&Record { phase: Phase::P, ..record() }, b"S", NOW, &rules).is_ok());
    }

    #[test]
    fn without_a_range_every_finite_amplitude_counts() {
        let rules = Rules { amplitude: f32::MIN..=f32::MAX, ..Rules::default() };
        let judge = |amplitude| clean(&Record { amplitude, ..record() }, b"S", NOW, &rules);
        assert!([f32::MIN, -8_388_608.0, f32::MAX].into_iter().all(|it| judge(it).is_ok()));
        for nothing in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(judge(nothing), Err(RejectReason::AmplitudeOutOfRange));
        }
    }

    #[test]
    fn in_ingest_mode_the_append_time_counts_and_the_sensors_clock_is_not_judged() {
        let rules = Rules { time: TimeMode::Ingest, ..Rules::default() };
        let wild = Record { time_ms: i64::MAX, ..record() };
        assert_eq!(clean(&wild, b"S", NOW, &rules), Ok(NOW));
    }
}
