//! The meaning of lines, and hostile ones.

use super::*;
use proptest::prelude::*;
use seismic_proto::SeismicRecord;

/// What a line says whose record is whole, as the first of its file.
fn item(line: &[u8]) -> Result<Item, String> {
    match parse(line, &ReadOptions::default()) {
        Ok(Parsed::Item(item)) => Ok(item),
        Ok(Parsed::Draft(draft)) => {
            draft.finish(true).map(|(record, _)| Item::Record(record)).map_err(|it| it.what)
        }
        Err(refusal) => Err(refusal.what),
    }
}

fn message(line: &str) -> (Vec<u8>, Vec<u8>) {
    match item(line.as_bytes()).unwrap() {
        Item::Message { key, value } => (key, value),
        Item::Record(record) => panic!("it is a record: {record:?}"),
    }
}

#[test]
fn records_are_read_as_we_and_as_protobuf_write_them() {
    let record = SeismicRecord {
        sensor_id: "S".into(),
        collect_timestamp: 1_600_000_000_040,
        seismic_amplitude: f32::NEG_INFINITY,
        phase_type: "N".into(),
        data_quality: 1,
        ..SeismicRecord::default()
    };
    for line in [
        r#" {"seismic_amplitude":"-Infinity","sensor_id":"S","collect_timestamp":1600000000040}"#,
        r#"{"sensorId":"S","collectTimestamp":"1600000000040","seismicAmplitude":-Infinity}"#,
        r#"{"sensor_id":" S ","collect_timestamp":1600000000040.0,"phase_type":null,
            "data_quality":1.0,"seismic_amplitude":"-Infinity"}"#,
    ] {
        assert_eq!(item(line.as_bytes()), Ok(Item::Record(record.clone())), "{line}");
    }
}

#[test]
fn words_in_quotes_stay_as_they_are() {
    let line = r#"{"sensor_id":"NaN\"NaN","collect_timestamp":1,"seismic_amplitude":NaN}"#;
    match item(line.as_bytes()) {
        Ok(Item::Record(record)) => {
            assert_eq!(record.sensor_id, "NaN\"NaN");
            assert!(record.seismic_amplitude.is_nan());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_measurement_that_is_missing_is_no_zero() {
    let whole = r#"{"sensor_id":"S","collect_timestamp":1,"seismic_amplitude":2}"#;
    assert!(item(whole.as_bytes()).is_ok());
    for (with, without) in [
        (r#""sensor_id":"S","#, ""),
        (r#""sensor_id":"S""#, r#""sensor_id":"  ""#),
        (r#""collect_timestamp":1,"#, ""),
        (r#""collect_timestamp":1"#, r#""collect_timestamp":null"#),
        (r#","seismic_amplitude":2"#, ""),
        (r#""seismic_amplitude":2"#, r#""seismic_amplitude":"""#),
    ] {
        let error = item(whole.replace(with, without).as_bytes()).unwrap_err();
        assert!(error.contains("is missing"), "{error}");
    }
}

#[test]
fn what_read_prints_is_the_message_again() {
    let one = r#"{"partition":0,"offset":12,"append_ms":5,"key":"k","value":{"depth":3}}"#;
    assert_eq!(message(one), (b"k".to_vec(), vec![0x28, 3]));
    let packed = r#"{"key":"k","value":{"records":[{"depth":3},{}]}}"#;
    assert_eq!(message(packed).1, [0x7a, 2, 0x28, 3, 0x7a, 0]);
    let bytes = r#"{"key":"","value":null,"bytes":"//8="}"#;
    assert_eq!(message(bytes), (vec![], vec![0xff, 0xff]));
}

#[test]
fn each_wrong_line_is_refused_with_what_is_wrong() {
    for (line, says) in [
        (r#"{"sensor":"S"}"#, "unknown field `sensor`"),
        (r#"{"depth":1,"depth":2}"#, "duplicate field `depth`"),
        (r#"{"depth":1.5}"#, "\"1.5\" is not a whole number"),
        (r#"{"depth":3000000000}"#, "not a whole number of 32 bits"),
        (r#"{"seismic_amplitude":[1]}"#, "not a number"),
        (r#"{"seismic_amplitude":1e39}"#, "too large"),
        (r#"{"sensor_id":7}"#, "it is not text"),
        (r#"{"value":{"sensor_id":null}}"#, "invalid type: null"),
        (r#"["S",1]"#, "it begins a JSON array; one object on each line"),
        (r#"[{"sensor_id":"S"},"#, "JSON array"),
        (r#"{"value":{"records":[["S"]]}}"#, "JSON array"),
        ("sensor_id,collect_timestamp", "it looks like CSV"),
        ("<html>", "it looks like HTML"),
        (r#"{"records":[{"sensorId":"S"}]}"#, "jq -c '.records[]'"),
        (r#"{"value":{"records":[]}}"#, "records has none"),
        (r#"{"value":{"records":[{"x":1}]}}"#, "unknown field `x`"),
        (r#"{"value":{"window_start_ts":1}}"#, "unknown field `window_start_ts`"),
        (r#"{"value":null}"#, "no bytes"),
        (r#"{"value":null,"bytes":"%"}"#, "not base64"),
        (r#"{"value":{},"sensor_id":"S"}"#, "unknown field `sensor_id`"),
        (r#"{"depth":1} x"#, "trailing characters"),
        (r#"{"depth":"#, "EOF"),
        ("\u{0}", "not a JSON object"),
    ] {
        let error = item(line.as_bytes()).unwrap_err();
        assert!(error.contains(says) && !error.contains("line 1"), "{line}: {error}");
    }
}

proptest! {
    #[test]
    fn hostile_lines_never_panic(bytes: Vec<u8>, cut in 0usize..90, put: Vec<u8>) {
        let _ = item(&bytes);
        let mut line =
            br#"{"key":"k","value":{"records":[{"sensor_id":"S","longitude":-1.5e3},{}]}}"#
                .to_vec();
        let cut = cut.min(line.len());
        line.splice(cut..(cut + 2).min(line.len()), put);
        if let Ok(Item::Message { value, .. }) = item(&line) {
            prop_assert!(value.len() <= line.len(), "it is no larger than its line");
        }
    }

    #[test]
    fn deeply_nested_lines_never_overflow(depth in 0usize..100_000, key in "[a-z_]{0,9}") {
        let _ = item(format!(r#"{{"{key}":{}"#, "[".repeat(depth)).as_bytes());
        let _ = item(format!(r#"{{"value":{}"#, r#"{"records":"#.repeat(depth)).as_bytes());
    }
}
