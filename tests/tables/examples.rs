//! The examples of docs/sql-examples.md, run as they stand on the page, but for ports.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use seismic_brokers::{Kafka, MariaDb, Postgres};
use serde_json::Value;

use crate::job::statement::rows;
use crate::stage::Stage;

const PAGE: &str = include_str!("../../docs/sql-examples.md");

/// The commands of a section: what its consoles show.
fn commands(section: &str) -> String {
    let heading = format!("\n## {section}\n");
    let (_, text) = PAGE.split_once(&heading).expect("the page has that section");
    let text = text.split("\n## ").next().unwrap();
    let consoles = text.split("```console\n").skip(1);
    let mut script = String::new();
    for line in consoles.flat_map(|console| console.split("```").next().unwrap().lines()) {
        script += line.strip_prefix("$ ").unwrap_or(line);
        script.push('\n');
    }
    script
}

/// Runs them in the folder of a stage, with these in place of what the page has, on a broker if there
/// is one.
fn run(stage: &Stage, section: &str, places: &[(&str, &str)], kafka: Option<&Kafka>) -> String {
    let mut script = commands(section);
    let of_kafka = commands("The same on Kafka");
    let (function, of_files) = of_kafka.split_once('\n').expect("two lines");
    let mut places = places.to_vec();
    let address = kafka.map(Kafka::address);
    if let Some(address) = &address {
        // Where the page says that they belong.
        if let Some((before, after)) = script.split_once("seismic topic create demo-source\n") {
            script = format!("{before}{of_files}seismic topic create demo-source\n{after}");
        }
        script = format!("{function}\n{script}");
        places.push(("127.0.0.1:9092", address));
    }
    for (of_page, ours) in places {
        assert!(script.contains(of_page), "{of_page} is in {section}");
        script = script.replace(of_page, ours);
    }
    // Whatever it has begun ends with it.
    let script = format!("trap 'kill $(jobs -p) 2> /dev/null || true; wait' EXIT\n{script}");
    fs::write(stage.path("example.sh"), script).unwrap();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_seismic")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut bash = Command::new("bash");
    bash.args(["-eu", "-o", "pipefail", "example.sh"]).current_dir(stage.path(""));
    bash.env("PATH", format!("{}:{path}", program.display())).env_remove("RUST_LOG");
    stage.start(bash).wait().ok().stdout
}

/// Two ports that are free now.
fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.each_ref().map(|listener| listener.local_addr().unwrap().port())
}

fn of_column(rows: &[Value], column: &str) -> Vec<String> {
    let mut all: Vec<String> = rows.iter().map(|row| row[column].to_string()).collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn usage_and_thresholds_in_mariadb_become_alerts_at_a_webhook() {
    usage_and_thresholds(None);
}

#[test]
fn ratios_by_soil_class_in_postgres_become_levels_of_alert() {
    ratios_by_soil_class(None);
}

#[test]
fn two_channels_become_a_vector() {
    vector(None);
}

#[test]
fn primary_and_backup_telemetry_are_compared() {
    telemetry(None);
}

#[test]
fn peaks_of_ten_seconds_and_alerts_by_class_are_of_whole_windows() {
    windows(None);
}

pub fn windows(kafka: Option<&Kafka>) {
    let stage = stage_on(kafka);
    let said = run(&stage, "Peaks of ten seconds and alerts by class", &[], kafka);
    assert_eq!(said.matches("verified: ").count(), 2, "{said}");
    assert!(said.contains("late alerts/0/4"), "{said}");
    let peaks = rows(&stage, "peak", "seismic-peak");
    let records: i64 = peaks.iter().map(|row| row["records"].as_i64().unwrap()).sum();
    assert!(peaks.len() > 20 && records > 15_000, "{} {records}", peaks.len());
    let classes = rows(&stage, "classes", "alerts-by-class");
    let counts: Vec<_> = classes
        .iter()
        .map(|row| format!("{} {} {}", row["class"], row["alerts"], row["sensors"]))
        .collect();
    assert_eq!(counts, ["\"strong\" 2 1", "\"weak\" 1 1", "\"strong\" 1 1"]);
}

#[cfg(feature = "wasm")]
#[test]
fn modules_count_words_and_keep_the_largest_of_a_window() {
    let stage = Stage::new();
    // They need the target of rustc and npm; what these gave once is kept.
    for (name, module) in [
        ("words", &include_bytes!("../data/functions/words.wasm")[..]),
        ("top", include_bytes!("../data/functions/top.wasm")),
    ] {
        fs::write(stage.path(&format!("{name}.wasm")), module).unwrap();
    }
    let rust = "rustc --edition 2024 --target wasm32-unknown-unknown --crate-type cdylib -O \
                -C panic=abort -C link-arg=-zstack-size=32768 -o words/words.wasm words/words.rs";
    let npm = "npm --prefix top install && npm --prefix top run build";
    let places = [(rust, "mv words.wasm words"), (npm, "mv top.wasm top")];
    let said = run(&stage, "Words of lines, and the largest of a window", &places, None);
    assert_eq!(said.matches("verified: ").count(), 2, "{said}");
    let mut words: Vec<_> = rows(&stage, "words", "report-words")
        .iter()
        .map(|row| format!("{} {}", row["word"], row["count"]))
        .collect();
    words.sort();
    let expected = ["again 1", "felt 1", "light 1", "shaking 1", "shaking 2"];
    let expected = expected.map(|it| it.split_once(' ').unwrap());
    assert_eq!(words, expected.map(|(word, count)| format!("\"{word}\" {count}")));
    let mut top: Vec<_> = rows(&stage, "top", "values-top")
        .iter()
        .map(|row| (row["rank"].as_i64().unwrap(), row["value"].as_f64().unwrap().to_string()))
        .collect();
    top.sort();
    let top: Vec<_> = top.iter().map(|(rank, value)| format!("{rank} {value}")).collect();
    assert_eq!(top, ["1 1", "1 4", "1 7", "2 3", "3 2.5"]);
}

pub fn vector(kafka: Option<&Kafka>) {
    let stage = stage_on(kafka);
    let said = run(&stage, "Vertical and horizontal channel to a vector", &[], kafka);
    assert!(said.contains("verified: 8 records = "), "{said}");
    assert!(said.contains("late vertical/"), "{said}");
    let amplitudes = rows(&stage, "vector", "vector-amplitude");
    assert_eq!(amplitudes.len(), 3);
    assert_eq!(of_column(&amplitudes, "amplitude"), ["10.0", "13.0", "5.0"]);
    assert_eq!(of_column(&amplitudes, "station"), ["\"ANMO\""]);
}

pub fn telemetry(kafka: Option<&Kafka>) {
    let stage = stage_on(kafka);
    let said = run(&stage, "Primary and backup telemetry", &[], kafka);
    assert!(said.contains("verified: 3 records = "), "{said}");
    assert!(said.contains("run"), "{said}");
    let checked = rows(&stage, "telemetry", "telemetry-checked");
    assert_eq!(of_column(&checked, "apart"), ["0.25", "null"]);
    assert_eq!(of_column(&checked, "is_alone"), ["0", "1"]);
}

/// A stage whose commands are for that broker.
fn stage_on(kafka: Option<&Kafka>) -> Stage {
    let mut stage = Stage::new();
    let place = |kafka: &Kafka| ["--queue".to_owned(), format!("kafka://{}", kafka.address())];
    stage.place = kafka.map(place).into_iter().flatten().collect();
    stage
}

pub fn usage_and_thresholds(kafka: Option<&Kafka>) {
    let Some(server) = MariaDb::start(&[]) else { return };
    let stage = stage_on(kafka);
    let [hook, http] = free_ports();
    let port = server.address().rsplit(':').next().unwrap().to_owned();
    let places = [
        ("127.0.0.1:3306", &*server.address()),
        ("-P 3306", &format!("-P {port}")),
        ("127.0.0.1:9000", &format!("127.0.0.1:{hook}")),
        ("(\"127.0.0.1\", 9000)", &format!("(\"127.0.0.1\", {hook})")),
        ("127.0.0.1:8080", &format!("127.0.0.1:{http}")),
    ];
    let said = run(&stage, "Usage and thresholds in MariaDB", &places, kafka);
    assert!(said.contains("it can be read, and has 2 rows"), "{said}");
    assert!(said.contains("JobName=\\\"web\\\", AlertOrNot=1"), "{said}");
    assert_eq!(said.matches("verified: ").count(), 2, "{said}");
    assert!(said.contains("no row of Threshold has Type = 7"), "{said}");
    let alerts = rows(&stage, "usage-alarm", "demo-alarm");
    let of =
        |job: &str| alerts.iter().filter(|row| row["JobName"] == job).cloned().collect::<Vec<_>>();
    assert_eq!(of_column(&of("db"), "AlertOrNot"), ["0"]);
    assert_eq!(of_column(&of("tape"), "AlertOrNot"), ["1"]);
    // Its threshold was raised meanwhile.
    assert_eq!(of_column(&of("web"), "AlertOrNot"), ["0", "1"]);
    assert!(of("odd").is_empty());
}

pub fn ratios_by_soil_class(kafka: Option<&Kafka>) {
    let Some(server) = Postgres::start(&[]) else { return };
    server.sql("postgres", "CREATE ROLE postgres SUPERUSER LOGIN");
    let stage = stage_on(kafka);
    let port = server.address().rsplit(':').next().unwrap().to_owned();
    let places = [("127.0.0.1:5432", &*server.address()), ("-p 5432", &format!("-p {port}"))];
    let said = run(&stage, "Ratios by soil class in PostgreSQL", &places, kafka);
    assert!(said.contains("it can be read, and has 9 rows"), "{said}");
    assert_eq!(said.matches("verified: ").count(), 3, "{said}");
    assert!(said.contains("no row of threshold has sensor_id = \"S010\""), "{said}");
    let alerts = rows(&stage, "alert", "seismic-alert");
    assert_eq!(of_column(&alerts, "level"), ["0", "1", "2"]);
    let ratios = rows(&stage, "ratio", "seismic-ratio");
    assert_eq!(of_column(&ratios, "soil_class"), ["\"rock\"", "\"soft\""]);
    // Two versions, each in force from an offset on.
    let versions =
        ["sql", "select distinct detail from journal where kind = 'own'", "--group", "ratio"];
    let versions = stage.ok(&versions);
    assert_eq!(versions.matches("table threshold version ").count(), 2, "{versions}");
}
