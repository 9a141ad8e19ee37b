//! The numbers are those of `seismic status --json` and of the files that the job wrote.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ServedJob;
use crate::stage::{Stage, wait_until};

/// The samples of a text in Prometheus' format, with their labels, and the type of each family.
fn samples(text: &str) -> (BTreeMap<String, f64>, BTreeMap<String, String>) {
    let (mut samples, mut types) = (BTreeMap::new(), BTreeMap::new());
    for line in text.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').unwrap();
            types.insert(name.to_owned(), kind.to_owned());
        } else if !line.starts_with('#') {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
            assert!(samples.insert(sample.to_owned(), value).is_none(), "twice: {line}");
        }
    }
    (samples, types)
}

#[test]
fn metrics_are_the_numbers_of_the_status() {
    let stage = Stage::with_records(&["--records", "5000", "--anomaly-percent", "10"]);
    let served = ServedJob::start(&stage, &["--sink", "csv:rows"]);
    served.until_ready();
    let (mut text, mut status) = (String::new(), Value::Null);
    wait_until("windows of sensors that are silent, and the sink", || {
        status = stage.status();
        text = served.client.get("/metrics").body;
        let now = samples(&text).0;
        let of = |name: &str| now.get(&format!(r#"{name}{{job_name="seismic"}}"#)).copied();
        let rows = now.iter().find(|(name, _)| name.starts_with("seismic_sink_rows"));
        let rows = rows.map(|(_, &rows)| rows);
        status["open_windows"] == 0
            && status["sinks"][0]["lag"] == 0
            && rows == status["windows"].as_f64()
            && of("seismic_records_read_total") == Some(5_000.0)
            && of("seismic_open_windows") == Some(0.0)
    });
    let (samples, types) = samples(&text);
    let value = |name: &str, labels: &str| {
        let labels = if labels.is_empty() { String::new() } else { format!("{labels},") };
        let sample = format!(r#"{name}{{{labels}job_name="seismic"}}"#);
        *samples.get(&sample).unwrap_or_else(|| panic!("{sample} is not in\n{text}"))
    };
    let said = |name: &str| status[name].as_f64().unwrap();
    assert_eq!(value("seismic_records_total", r#"outcome="closed""#), said("closed"));
    assert_eq!(value("seismic_records_total", r#"outcome="late""#), said("late"));
    assert_eq!(value("seismic_records_total", r#"outcome="rejected""#), said("rejected"));
    assert_eq!(value("seismic_records_read_total", ""), said("read"));
    assert_eq!(value("seismic_windows_total", ""), said("windows"));
    assert_eq!(value("seismic_sensors", ""), said("sensors"));
    assert_eq!(value("seismic_lag_records", ""), said("lag"));
    for (reason, count) in status["by_reason"].as_object().unwrap() {
        let label = format!(r#"reason="{reason}""#);
        assert_eq!(
            value("seismic_dead_letters_total", &label),
            count.as_f64().unwrap(),
            "{reason}"
        );
    }
    assert_eq!(value("seismic_job_state", r#"state="running""#), 1.0);
    assert_eq!(value("seismic_job_state", r#"state="failed""#), 0.0);
    // Of runs alone, not of the job.
    let commits = value("seismic_commit_duration_seconds_count", "");
    assert!(commits >= 1.0 && value("seismic_commit_duration_seconds_sum", "") > 0.0);
    let all = r#"seismic_commit_duration_seconds_bucket{job_name="seismic",le="+Inf"}"#;
    assert_eq!(samples.get(all), Some(&commits));
    let sink = status["sinks"][0]["sink"].as_str().unwrap();
    let label = format!(r#"sink="{sink}""#);
    assert_eq!(value("seismic_sink_rows_total", &label), said("windows"));
    assert!(value("seismic_event_latency_seconds_count", "") >= 1.0);
    assert_eq!(types["seismic_event_latency_seconds"], "histogram");
    assert_eq!(types["seismic_records_total"], "counter");
    // Bounded: no label says a sensor, of which there are as many as someone sends.
    let sensors = served.client.get("/api/v1/jobs/seismic/sensors").json(200);
    let sensor = sensors["sensors"][0]["sensor"].as_str().unwrap();
    assert!(!text.contains(sensor), "{sensor}");

    // The API says the same, and so do the files.
    let shown = served.client.get("/api/v1/jobs/seismic").json(200);
    assert_eq!(shown["status"], status);
    assert_eq!(shown["job"]["numbers"]["counts"]["closed"], status["closed"]);
    assert_eq!(shown["job"]["numbers"]["lag"], status["lag"]);
    let letters = served.client.get("/api/v1/jobs/seismic/dead-letters?limit=500").json(200);
    let dead: u64 = status["late"].as_u64().unwrap() + status["rejected"].as_u64().unwrap();
    assert_eq!(letters["total"], dead);
    let letter = &letters["dead_letters"][0];
    assert!(status["by_reason"][letter["reason"].as_str().unwrap()].as_u64().unwrap() > 0);
    served.job.stop(rustix::process::Signal::TERM).ok();
}

#[test]
fn counts_of_the_job_survive_a_restart() {
    let stage = Stage::with_records(&["--records", "2000"]);
    let first = ServedJob::start(&stage, &["--sink", "csv:rows"]);
    first.until_ready();
    assert!(first.job.kill());
    let second = ServedJob::start(&stage, &["--sink", "csv:rows"]);
    second.until_ready();
    wait_until("a second of which numbers are shared", || {
        let jobs = second.client.get("/api/v1/jobs").json(200);
        jobs["jobs"][0]["numbers"]["counts"]["read"] == 2_000
    });
    let overview = second.client.get("/api/v1/overview").json(200);
    assert_eq!((&overview["jobs"], &overview["jobs_running"]), (&1.into(), &1.into()));
    let jobs = second.client.get("/api/v1/jobs").json(200);
    assert_eq!(jobs["jobs"][0]["numbers"]["counts"]["read"], stage.status()["read"]);
    assert_eq!(jobs["jobs"][0]["numbers"]["counts"]["read"], 2_000);
}

#[test]
fn history_grows_by_a_point_a_second() {
    let stage = Stage::with_records(&["--records", "1000"]);
    let served = ServedJob::start(&stage, &["--sink", "csv:rows"]);
    let mut points = Vec::new();
    wait_until("three points", || {
        let answer = served.client.get("/api/v1/jobs/seismic/metrics?seconds=60").json(200);
        points = answer["points"].as_array().unwrap().clone();
        points.len() >= 3
    });
    assert_eq!(points.last().unwrap()["records_read"], 1_000);
    let at = |it: &Value| it["at_ms"].as_i64().unwrap();
    assert!(points.is_sorted_by(|a, b| at(a) < at(b)));
}
