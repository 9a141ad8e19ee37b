//! The sink of OpenSearch: the suite, what it writes, and faults, on a small server of our own; on
//! a real one in `real.rs`.

mod fake;
mod faults;
mod indices;
mod place;
mod real;
mod specs;

use std::rc::Rc;

use seismic_queue::{Kind, Offset, Partition};
use seismic_sinks::conformance::{
    self, ROWS, SinkTarget as _, assert_whole, batch, row, spans_of, three, write, write_the_rest,
};
use seismic_sinks::{Context, Error, Sink as _, SinkSpec};
use serde_json::json;

use fake::Fake;
use place::{Indices, ThreeColumns};

/// Requests that take one row or two: the suite writes two at once.
const SHORT: &str = ",batch_bytes=1KiB";

/// Indices of a server of their own.
fn indices(options: &str) -> (Rc<Fake>, Indices) {
    let fake = Rc::new(Fake::new());
    let indices = Indices::of_fake(&fake, options);
    (fake, indices)
}

#[test]
fn the_opensearch_sink_passes_the_suite() {
    conformance::run(&|| Box::new(indices(SHORT).1));
}

#[test]
fn a_topic_of_three_columns_fits_documents() {
    three::run(&ThreeColumns(indices("").1));
}

#[test]
fn a_window_is_in_the_index_of_its_day_under_an_id_that_follows_from_it() {
    let (fake, place) = indices("");
    let mut sink = place.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    let mut rows = [row(0, 0), row(0, 4), row(0, 5), row(0, 6)];
    rows[1].window_start_ts = 1_769_866_200_000;
    rows[2].sensor_id = "a".repeat(600);
    (rows[3].rsam, rows[3].avg_amplitude) = (f64::NAN, f32::INFINITY);
    write(&mut sink, &batch(Partition(0), Offset(0), &rows)).unwrap();
    sink.sync().unwrap();
    let mut indices = fake.indices();
    assert_eq!(indices.names(), ["rows-1970.01.01", "rows-2026.01.31", "seismic_position"]);
    assert_eq!(indices.ids("rows-2026.01.31"), ["S0/1769866200000/5000/1/0/0"]);
    let ids = indices.ids("rows-1970.01.01");
    assert_eq!(ids, ["0/2", "S0\r\n/6000/7000/1/0/0", "S0/0/1000/1/0/0"]);
    let odd = indices.document("rows-1970.01.01", "S0\r\n/6000/7000/1/0/0");
    let (rsam, average) = (&odd["rsam"], &odd["avg_amplitude"]);
    assert!(rsam.is_null() && average.is_null(), "JSON has no such numbers: {odd}");
    assert_eq!((&odd["result_partition"], &odd["result_offset"]), (&json!(0), &json!(3)));
}

#[test]
fn fields_are_chosen_renamed_and_constant_and_panes_stay_apart_all_the_same() {
    let (fake, place) = indices(",columns=sensor_id:station,max_amplitude,'IV':network");
    let mut sink = place.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    let mut second = row(0, 0);
    second.pane = 2;
    write(&mut sink, &batch(Partition(0), Offset(0), &[row(0, 0), second])).unwrap();
    sink.sync().unwrap();
    let mut indices = fake.indices();
    let ids = indices.ids("rows-1970.01.01");
    assert_eq!(ids, ["S0/0/1000/1/0/0", "S0/0/1000/2/0/0"]);
    let document = indices.document("rows-1970.01.01", "S0/0/1000/1/0/0");
    let expected = json!({
        "station": "S0", "max_amplitude": 0.0, "network": "IV",
        "result_partition": 0, "result_offset": 0,
    });
    assert_eq!(*document, expected);
}

#[test]
fn rows_that_a_rewind_took_back_are_gone_and_others_stay() {
    let (_, place) = indices("");
    write_the_rest(&place);
    let mut sink = place.sink();
    assert_eq!(sink.recover(&spans_of(ROWS)).unwrap()[1], Offset(ROWS));
    assert!(sink.take_back(Partition(1), Offset(3)).unwrap());
    let rows = place.rows();
    let of = |partition| rows.iter().filter(|row| row.input_partition == partition).count() as u64;
    assert_eq!([of(0), of(1), of(2)], [ROWS, 3, ROWS]);
    drop(sink);
    assert_eq!(place.sink().recover(&spans_of(ROWS)).unwrap()[1], Offset(3));
    write_the_rest(&place);
    assert_whole(&place);
}

#[test]
fn what_is_missing_is_made_where_that_is_wanted_and_named_otherwise() {
    let (fake, place) = indices("");
    let spec = format!("opensearch:http://{},index=rows-%Y", fake.address());
    let recover = |spec: &str| {
        let spec: SinkSpec = spec.parse().unwrap();
        let context = Context::new("home", "results");
        seismic_sinks::open(&spec, &context).and_then(|mut sink| sink.recover(&spans_of(ROWS)))
    };
    fake.indices().keeps_indices = true;
    let error = recover(&spec).unwrap_err();
    assert!(matches!(&error, Error::TableMissing { table, .. } if table == "seismic_position"));
    recover(&format!("{spec},create=true")).unwrap();
    recover(&spec).unwrap();
    // Nor is an index made by a document.
    let plain: SinkSpec =
        place.spec_at(fake.address()).to_string().replace(",create=true", "").parse().unwrap();
    let mut sink = seismic_sinks::open(&plain, &Context::new("home", "results")).unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    write(&mut *sink, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    let error = sink.sync().unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("no such index [rows-1970.01.01]"), "{error}");
    drop(sink);
    write_the_rest(&place);
    assert_whole(&place);
}

#[test]
fn an_index_that_may_lose_what_it_acknowledged_is_refused_before_the_position_counts_it() {
    let (fake, place) = indices("");
    let durability = "index.translog.durability";
    for index in ["seismic_position", "rows-1970.01.02"] {
        fake.indices().set(index, durability, "async");
        let error = place.sink().recover(&spans_of(ROWS)).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().contains(&format!("{durability} of {index}")), "{error}");
        fake.indices().set(index, durability, "request");
    }
    let mut sink = place.sink();
    sink.recover(&spans_of(ROWS)).unwrap();
    fake.indices().next_settings.insert(durability.to_owned(), "async".to_owned());
    write(&mut sink, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    for _ in 0..2 {
        let error = sink.sync().unwrap_err();
        assert!(error.to_string().contains("of rows-1970.01.01"), "{error}");
    }
    fake.indices().set("rows-1970.01.01", durability, "request");
    assert_eq!(place.sink().recover(&spans_of(ROWS)).unwrap()[0], Offset(0));
    fake.indices().next_settings.clear();
    write_the_rest(&place);
    assert_whole(&place);
}
