//! Rows in Parquet files, as a user meets them: the real program, and a reader of such files that is
//! not ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use seismic_brokers::python_with;
use seismic_sinks::failpoints;
use serde_json::Value;

use crate::stage::Stage;

/// Another reader of such files.
const READER: &str = "pyarrow==26.0.1";

const SINK: &str = "parquet:rows";

/// The files of a folder, in order of their days.
fn files(stage: &Stage, folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for day in fs::read_dir(stage.path(folder)).unwrap() {
        let day = day.unwrap().path();
        if day.is_dir() {
            files.extend(fs::read_dir(day).unwrap().map(|file| file.unwrap().path()));
        }
    }
    files.sort();
    files
}

#[test]
fn a_job_writes_files_of_parquet_and_verify_finds_every_change_there() {
    let stage = Stage::with_records(&["--records", "2000", "--seed", "1"]);
    stage.ok(&["run", "--drain", "--sink", SINK]);
    let is_whole = |code: i32| assert_eq!(stage.run(&["verify", "--sink", SINK]).code, Some(code));
    is_whole(0);
    let written = files(&stage, "rows");
    let [file] = &written[..] else { panic!("the records are of one day: {written:?}") };
    let named = file.strip_prefix(stage.path("rows")).unwrap().to_str().unwrap();
    assert!(named.starts_with("dt=20") && named.ends_with("/rows-000001.parquet"), "{named}");
    let ddl = stage.ok(&["sink", "--ddl", SINK]);
    assert!(ddl.contains("CREATE EXTERNAL TABLE `rows`") && ddl.contains("`rsam` double"), "{ddl}");
    stage.ok(&["doctor", "--sink", SINK]);

    // Every change is found: a file that is gone, and rows that are there twice.
    let away = stage.path("away.parquet");
    fs::rename(file, &away).unwrap();
    is_whole(3);
    fs::rename(&away, file).unwrap();
    is_whole(0);
    let other_day = stage.path("rows/dt=1970-01-01");
    fs::create_dir(&other_day).unwrap();
    fs::copy(file, other_day.join("rows-000001.parquet")).unwrap();
    is_whole(3);
    fs::remove_dir_all(&other_day).unwrap();

    // The next run goes on in files of its own, and one process writes to a folder.
    stage.generate(&["--records", "2000", "--seed", "2"]);
    stage.ok(&["run", "--drain", "--sink", SINK]);
    is_whole(0);
    assert!(files(&stage, "rows").contains(file), "a file is never touched again");
    let running = stage.spawn(&["run", "--sink", SINK]);
    stage.wait_for_job(|job| job["lag"] == 0);
    let refused = stage.refused(&["sink", SINK], 4);
    assert!(refused.contains(&running.pid().to_string()), "{refused}");
    running.stop(rustix::process::Signal::TERM).ok();
    is_whole(0);
}

#[test]
fn a_process_that_dies_at_each_named_place_of_the_parquet_sink_loses_and_doubles_no_row() {
    let stage = Stage::with_records(&["--records", "2000", "--seed", "1"]);
    stage.ok(&["run", "--drain", "--sink", "console"]);
    for (number, place) in failpoints::ALL.into_iter().chain(failpoints::PARQUET).enumerate() {
        let sink = format!("parquet:rows{number},batch_rows=20,file_bytes=2KiB");
        let dies = |passes: u32| {
            let mut dying = stage.command(&["sink", &sink, "--until-caught-up", "--quiet"]);
            dying.env("FAILPOINTS", format!("{place}={passes}*off->return(abort)"));
            !dying.output().unwrap().status.success()
        };
        assert!(dies(0), "{place}");
        // Each start of a sink passes it once.
        assert!(place == failpoints::IN_TRUNCATION || dies(1), "{place}");
        stage.ok(&["sink", &sink, "--until-caught-up"]);
        stage.ok(&["verify", "--sink", &sink]);
    }
}

#[test]
#[ignore = "long: .ci/run --long"]
fn another_reader_of_parquet_finds_each_row_with_its_values_and_types() {
    let Some(python) = python_with(READER) else { return };
    let stage = Stage::with_records(&["--records", "2000", "--seed", "1"]);
    for compression in ["snappy", "none"] {
        stage.ok(&[
            "run",
            "--drain",
            "--sink",
            &format!("parquet:{compression},compression={compression}"),
        ]);
        let mut found = read(&python, &stage.path(compression));
        let types = found.remove(0);
        for (name, is) in [
            ("sensor_id", "string"),
            ("window_start_ts", "timestamp[ms, tz=UTC]"),
            ("avg_amplitude", "float"),
            ("rsam", "double"),
            ("record_count", "int64"),
            ("pane", "int32"),
            ("result_offset", "int64"),
        ] {
            assert_eq!(types[name], is, "{name}");
        }
        let rows = stage.read("seismic-agg-topic");
        assert_eq!(found.len(), rows.len());
        for row in rows {
            let place = |found: &&Value| {
                found["result_partition"] == row["partition"]
                    && found["result_offset"] == row["offset"]
            };
            let found = found.iter().find(place).unwrap();
            for (name, value) in row["value"].as_object().unwrap() {
                // What has 32 bits comes back with more digits.
                let single = value.as_f64().map(|value| f64::from(value as f32));
                let is_single = types[name] == "float" && found[name].as_f64() == single;
                assert!(found[name] == *value || is_single, "{name} of {found}: {value}");
            }
        }
    }
}

/// The types of the columns of a folder, and then its rows, as that reader gives them.
fn read(python: &Path, folder: &Path) -> Vec<Value> {
    const SCRIPT: &str = r#"
import datetime, json, sys
import pyarrow.dataset as dataset

def plain(value):
    if isinstance(value, datetime.datetime):
        return round(value.timestamp() * 1000)
    return value

found = dataset.dataset(sys.argv[1], format="parquet", partitioning="hive",
                        exclude_invalid_files=True, ignore_prefixes=[".", "rows."])
print(json.dumps({field.name: str(field.type) for field in found.schema}))
for row in found.to_table().to_pylist():
    print(json.dumps({name: plain(value) for name, value in row.items()}))
"#;
    let output = Command::new(python).args(["-c", SCRIPT]).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    crate::stage::parse(&String::from_utf8(output.stdout).unwrap())
}
