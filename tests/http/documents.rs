//! Dashboard, alert rules and documents name existing metrics, and no metric is missing.

use std::collections::BTreeSet;
use std::path::Path;

use super::ServedJob;
use crate::stage::Stage;

fn text(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The names of metrics in a text.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("seismic_")).collect()
}

/// What metrics there are, by the names of their samples.
fn there_are() -> BTreeSet<String> {
    let stage = Stage::with_records(&["--records", "1000"]);
    let served = ServedJob::start(&stage, &["--sink", "csv:rows"]);
    served.until_ready();
    let mut names = BTreeSet::new();
    for line in served.client.get("/metrics").body.lines() {
        let Some(family) = line.strip_prefix("# TYPE ") else { continue };
        let (name, kind) = family.split_once(' ').unwrap();
        names.insert(name.to_owned());
        if kind == "histogram" {
            names.extend(["bucket", "sum", "count"].map(|part| format!("{name}_{part}")));
        }
    }
    names
}

#[test]
fn every_metric_that_is_named_exists_and_each_is_explained() {
    let names = there_are();
    assert!(names.len() > 25, "{names:?}");
    let files =
        ["deploy/grafana/dashboard.json", "deploy/grafana/alerts.yaml", "docs/operations.md"];
    for file in files {
        let text = text(file);
        let named = named(&text);
        assert!(named.len() > 10, "{file}: {named:?}");
        let unknown: Vec<_> = named.iter().filter(|name| !names.contains(**name)).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}");
    }
    let explained = text("docs/operations.md");
    let explained = named(&explained);
    let is_part = |name: &str| ["_bucket", "_sum", "_count"].iter().any(|it| name.ends_with(it));
    let missing: Vec<_> =
        names.iter().filter(|name| !is_part(name) && !explained.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "docs/operations.md does not explain {missing:?}");
}

#[test]
fn every_alarm_is_explained_and_no_other() {
    let (alerts, document) = (text("deploy/grafana/alerts.yaml"), text("docs/operations.md"));
    let alerts = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let alerts: BTreeSet<&str> = alerts.collect();
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `Seismic"));
    let rows = rows.filter_map(|row| row.split_once('`')).map(|(name, _)| format!("Seismic{name}"));
    let explained: BTreeSet<String> = rows.collect();
    assert_eq!(alerts.iter().map(|it| (*it).to_owned()).collect::<BTreeSet<_>>(), explained);
}

#[test]
fn the_dashboard_is_json_with_a_query_in_each_panel() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&text("deploy/grafana/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() >= 20);
    for panel in panels {
        let queries = panel["targets"].as_array().unwrap();
        assert!(!queries.is_empty() && queries.iter().all(|it| it["expr"].is_string()), "{panel}");
    }
}

#[test]
fn what_scales_workers_in_kubernetes_asks_for_metrics_that_exist() {
    let names = there_are();
    for file in ["deploy/kubernetes/hpa.yaml", "deploy/kubernetes/keda.yaml"] {
        let text = text(file);
        let of_rate = |name: &str| name.strip_suffix("_per_second").map(|it| format!("{it}_total"));
        let named = named(&text).into_iter().map(|it| of_rate(it).unwrap_or_else(|| it.to_owned()));
        let named: BTreeSet<String> = named.collect();
        assert!(named.len() >= 2, "{file}: {named:?}");
        let unknown: Vec<_> = named.iter().filter(|name| !names.contains(*name)).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}");
    }
}

#[test]
fn jobs_in_manifests_of_kubernetes_are_valid() {
    for file in ["seismic.yaml", "workers.yaml", "scaling.yaml"] {
        let manifest = text(&format!("deploy/kubernetes/{file}"));
        let block = manifest.split_once("  job.toml: |\n").unwrap().1;
        let lines = block.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
        let job: String = lines.map(|line| format!("{}\n", line.trim_start())).collect();
        let stage = Stage::new();
        std::fs::write(stage.path("job.toml"), job).unwrap();
        let said = stage.ok(&["job", "check", "job.toml"]);
        assert!(said.contains("is valid"), "{file}: {said}");
    }
}
