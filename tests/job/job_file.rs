//! Options of a job in a file: the same job as from the command line, which overrides it; and all
//! errors of a file at once.

mod body;

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::stage::{ROWS, Stage, parse, sorted};

const START: [&str; 4] = ["--seed", "7", "--start", "2026-01-01T00:00:00Z"];

fn stage_with(file: &str) -> Stage {
    let stage = Stage::with_records(&START);
    fs::write(stage.path("job.toml"), file).unwrap();
    stage
}

/// Place and content of each row.
fn rows(stage: &Stage, group: &str) -> Vec<(Value, Value)> {
    let lines = parse(&stage.ok(&["read", ROWS, "--group", group, "--format", "json"]));
    let of = |mut line: Value| (line["offset"].take(), line["value"].take());
    lines.into_iter().map(of).collect()
}

#[test]
fn a_file_is_as_if_its_options_stood_on_the_command_line() {
    let file = "window_ms = 2_000\nlateness_ms = 300\nrollup = [\"10s\"]\nsink = [\"console\"]\n\
                until_caught_up = true\nquiet = true\ndedupe = 'time'\nfrom = 'earliest'\n";
    let stage = stage_with(file);
    let line = "run --window-ms 2000 --lateness-ms 300 --rollup 10s --sink console \
                --until-caught-up --quiet --dedupe time --from earliest --group line";
    let printed = stage.ok(&line.split_whitespace().collect::<Vec<_>>());
    assert!(!printed.is_empty());
    assert_eq!(sorted(&stage.ok(&["run", "--job", "job.toml"])), sorted(&printed));
    assert_eq!(rows(&stage, "seismic"), rows(&stage, "line"));
}

#[test]
fn an_environment_of_a_file_is_an_instance_of_its_own_beside_production() {
    let stage = stage_with(
        "name = 'coast'\nsink = ['csv:rows-{{env}}']\nquiet = true\ndrain = true\n\
         [env.test]\nwindow = '2s'\n",
    );
    let refused = stage.refused(&["run", "--job", "job.toml"], 2);
    assert!(refused.contains("job.toml:5: env: say which environment counts"), "{refused}");
    let checked = stage.ok(&["job", "check", "job.toml"]);
    assert!(checked.contains("job coast, ") && checked.contains("job coast-test, "), "{checked}");
    let shown = stage.ok(&["job", "show", "job.toml", "--env", "test"]);
    assert!(shown.contains("window = \"2s\""), "{shown}");
    let status = |env: &str| {
        stage.ok(&["run", "--job", "job.toml", "--env", env]);
        stage.ok(&["status", "--job", "job.toml", "--env", env])
    };
    assert!(status("test").contains("windows of 2000 ms"));
    assert!(status("production").contains("windows of 1000 ms"));
    assert!(stage.path("rows-test").is_dir() && stage.path("rows-production").is_dir());
    let refused = stage.refused(&["status", "--env", "test"], 2);
    assert!(refused.contains("--env is for a job file"), "{refused}");
}

#[test]
fn the_command_line_goes_before_the_file() {
    let stage = stage_with("window_ms = 2000\ndrain = true\nsink = ['csv:rows']\n");
    let printed = stage.ok(&["run", "--window-ms=500", "--job=job.toml", "--sink", "console"]);
    assert!(!stage.path("rows").exists(), "another sink was asked for");
    assert_eq!(printed.lines().count(), rows(&stage, "seismic").len());
    let status = stage.ok(&["status", "--job", "job.toml"]);
    assert!(status.contains("windows of 500 ms"), "{status}");
}

#[test]
fn a_duration_has_a_unit_and_the_numbers_of_before_still_count() {
    let stage =
        stage_with("window = '2s'\nlateness = '300ms'\nidle_timeout_ms = 0\ndrain = true\n");
    stage.ok(&["run", "--job", "job.toml"]);
    let status = stage.ok(&["status"]);
    assert!(status.contains("windows of 2000 ms, lateness 300 ms"), "{status}");
    stage.ok(&["run", "--group", "line", "--window", "2s", "--lateness-ms", "300", "--drain"]);
    assert_eq!(rows(&stage, "seismic"), rows(&stage, "line"));
    fs::write(stage.path("job.toml"), "window = 2000\nlateness = '-1s'\nmax_ahead = true\n")
        .unwrap();
    let refusal = stage.refused(&["run", "--job", "job.toml"], 2);
    for words in [
        "job.toml:1: window: a duration has a unit: write \"2000ms\"",
        "job.toml:2: lateness: \"-1s\" is not a duration",
        "job.toml:3: max_ahead: write a duration as text",
    ] {
        assert!(refusal.contains(words), "{words:?} is not in\n{refusal}");
    }
}

#[test]
fn what_is_out_of_range_is_named_by_its_line_or_by_its_option() {
    let stage = stage_with("group = 'field'\nwindow_ms = 0\nrollup = ['1500ms']\n");
    let args = ["run", "--job", "job.toml", "--max-sensors", "0", "--drain"];
    let refusal = stage.refused(&args, 2);
    for words in [
        "job.toml:2: window_ms: 0 ms is not between 1 ms and 86400000 ms",
        "--max-sensors: 0 is not between 1 and 4294967295",
    ] {
        assert!(refusal.contains(words), "{words:?} is not in\n{refusal}");
    }
    // What the command line sets is of no concern in the file.
    stage.ok(&["run", "--job", "job.toml", "--window", "500ms", "--drain"]);
}

#[test]
fn an_option_under_two_names_is_refused_and_home_is_the_store() {
    let stage = stage_with("store = 'sqlite:a.db'\nhome = 'sqlite:b.db'\n");
    let refusal = stage.refused(&["run", "--job", "job.toml"], 2);
    assert!(refusal.contains("home: it is the same option as store in line 1"), "{refusal}");
    fs::write(stage.path("job.toml"), "home = 'sqlite:there.home.db'\ndrain = true\n").unwrap();
    stage.ok(&["run", "--job", "job.toml"]);
    assert!(stage.path("there.home.db").exists());
}

#[test]
fn parallelism_is_slots_and_has_a_limit_and_checkpoints_have_an_interval_and_a_number() {
    let shown = |text: &str| {
        let stage = stage_with(text);
        let shown = stage.ok(&["job", "show", "job.toml", "--json"]);
        serde_json::from_str::<Value>(&shown).unwrap()
    };
    let values = shown(
        "start = 'latest'\nparallelism = 3\nmax_parallelism = 4\ncheckpoint_interval = '2s'\ncheckpoints_kept = 30\n",
    );
    assert_eq!(
        (&values["slots"]["value"], &values["from"]["value"]),
        (&3.into(), &"latest".into())
    );
    assert_eq!(values["max_parallelism"]["value"], 4);
    assert_eq!(values["checkpoint_interval"]["value"], "2s");
    assert_eq!(values["checkpoints_kept"]["value"], 30);
    assert_eq!(shown("group = 'field'\n")["checkpoints_kept"]["value"], 10);
    let stage = stage_with(
        "slots = 5\nmax_parallelism = 4\ncheckpoint_interval = '10ms'\ncheckpoints_kept = 1\n",
    );
    let refused = stage.refused(&["job", "check", "job.toml"], 2);
    for words in [
        "job.toml:2: max_parallelism: 5 slots in each of 1 workers are more than 4",
        "job.toml:3: checkpoint_interval: 10ms is not between 100ms and 1h",
        "job.toml:4: checkpoints_kept: 1 is not between 2 and 100",
    ] {
        assert!(refused.contains(words), "{words:?} is not in\n{refused}");
    }
}

#[test]
fn a_bound_on_the_command_line_is_instead_of_the_one_in_the_file() {
    let stage = stage_with("drain = true\nfrom = 'latest'\n");
    stage.ok(&["run", "--job", "job.toml", "--until-caught-up", "--from", "earliest"]);
    let status: Value = serde_json::from_str(&stage.ok(&["status", "--json"])).unwrap();
    assert!(status["open_windows"].as_u64() > Some(0), "{status}");
}

#[test]
fn a_sink_may_be_a_table_with_its_options() {
    let stage = stage_with(
        "drain = true\n[[sink]]\ntype = 'csv'\ntarget = 'rows'\nflush_ms = '2s'\n[[sink]]\ntype = 'console'\n",
    );
    assert!(!stage.ok(&["run", "--job", "job.toml"]).is_empty());
    stage.verify(&["rows"]);
    fs::write(
        stage.path("job.toml"),
        "[[sink]]\ntype = 'csv'\nflush = 1\n[[sink]]\ntarget = 'x'\n",
    )
    .unwrap();
    let refusal = stage.refused(&["run", "--job", "job.toml"], 2);
    for words in ["job.toml:1: sink: ", "no option \"flush\"", "the table has no type"] {
        assert!(refusal.contains(words), "{words:?} is not in\n{refusal}");
    }
}

#[test]
fn commands_that_look_at_a_job_take_from_its_file_where_it_is() {
    let stage = Stage::new();
    let file = "queue = 'sqlite:there/q.db'\ngroup = 'field'\ndrain = true\nsink = ['csv:rows']\n";
    fs::create_dir(stage.path("there")).unwrap();
    fs::write(stage.path("job.toml"), file).unwrap();
    let job = ["--job", "job.toml"];
    let mut generator = stage.generator(&[&job[..], &START, &["--json"]].concat());
    assert!(generator.output().unwrap().status.success());
    stage.ok(&[&["run"], &job[..]].concat());
    let verified = stage.ok(&[&["verify", "--complete", "--sink", "csv:rows"], &job[..]].concat());
    assert!(verified.starts_with("verified: "), "{verified}");
    for command in ["status", "read seismic-agg-topic", "checkpoint list", "group list"] {
        let args = command.split_whitespace().chain(job).collect::<Vec<_>>();
        assert!(!stage.ok(&args).is_empty(), "{command}");
    }
    assert!(!stage.path("output").exists(), "nothing is where it is by default");
}

#[test]
fn all_that_is_wrong_with_a_file_is_said_at_once_with_its_lines() {
    let stage = stage_with(include_str!("../../fuzz/corpus/job/wrong"));
    for command in ["run", "status"] {
        let said = stage.refused(&[command, "--job", "job.toml"], 2);
        for words in [
            "job.toml:1: window_ms: write a whole number of ms",
            "job.toml:2: latenes_ms: there is no such option; did you mean \"lateness_ms\"?",
            "job.toml:3: rewind: this is decided at each start; pass --rewind",
            "job.toml:4: drain: write true or false",
            "write one value, not a list",
            "job.toml:6: window-ms: there is no such option; did you mean \"window_ms\"?",
            "job.toml:7: job: there is no such option",
            "job.toml:8: slots: write a whole number",
            "job.toml:11: more: there is no such option",
        ] {
            assert!(said.contains(words), "{words:?} is not in\n{said}");
        }
    }
    assert!(!stage.path("output/queue.seismic.home.db").exists(), "nothing was begun");
}

#[test]
fn a_file_that_is_none_is_refused_by_name() {
    let stage = Stage::new();
    fs::write(stage.path("broken"), "window_ms = \n[a\n").unwrap();
    fs::write(stage.path("bytes"), [0xff, 0xfe]).unwrap();
    fs::write(stage.path("long"), "# far too long\n".repeat(10_000)).unwrap();
    for (file, words) in [
        ("broken", "broken:1: "),
        ("bytes", "the job file bytes is not UTF-8"),
        ("long", "the job file long is longer than 64 KiB"),
        (".", "the job file . cannot be read"),
        ("none", "the job file none cannot be read"),
    ] {
        let said = stage.refused(&["run", "--job", file], 2);
        assert!(said.contains(words), "{words:?} is not in\n{said}");
    }
}

#[test]
fn a_secret_in_a_file_is_refused_as_on_the_command_line() {
    let stage = stage_with("queue = 'kafka://localhost:1'\n[kafka]\n'sasl.password' = 'hunter2'\n");
    let said = stage.refused(&["run", "--job", "job.toml"], 2);
    assert!(said.contains("SEISMIC_KAFKA_SASL_PASSWORD") && !said.contains("hunter2"), "{said}");
}

fn corpus() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/job");
    fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect()
}

#[test]
fn each_file_of_the_corpus_is_refused_or_taken() {
    corpus().iter().for_each(|file| body::job(&fs::read(file).unwrap()));
}

/// Text that means something in such a file.
const TELLING: [&str; 14] =
    ["=", "\n", "\"", "'", "[", "]", "{", "}", ".", "-1", "true", "window_ms", "rewind", "kafka"];

proptest! {
    #[test]
    fn a_file_of_any_text_is_refused_or_taken(
        file in select(corpus()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..20usize, select(&TELLING[..])), 0..6),
    ) {
        let mut bytes = fs::read(file).unwrap();
        for (at, removed, new) in changes {
            let from = at.index(bytes.len() + 1);
            let to = bytes.len().min(from + removed);
            bytes.splice(from..to, new.bytes());
        }
        body::job(&bytes);
    }
}

#[test]
fn a_new_file_is_valid_checked_shown_and_runs() {
    let stage = Stage::with_records(&[]);
    stage.ok(&["job", "init", "new.toml"]);
    assert!(stage.refused(&["job", "init", "new.toml"], 2).contains("already exists"));
    assert!(stage.ok(&["job", "check", "new.toml"]).contains("new.toml is valid: group seismic"));
    for template in ["embedded", "kafka", "rocketmq"] {
        let text = stage.ok(&["job", "init", "--template", template]);
        assert!(text.contains("# Window length. Default: 1s\nwindow = \"1s\"\n"), "{text}");
    }
    let shown = stage.ok(&["job", "show", "new.toml", "--lateness", "2s"]);
    let line = |key: &str| {
        let line = shown.lines().find(|line| line.starts_with(&format!("{key} = ")));
        line.unwrap_or_else(|| panic!("{key} is not in\n{shown}")).to_owned()
    };
    assert!(line("lateness").ends_with("# command line"), "{shown}");
    assert!(line("max_ahead").ends_with("# default"), "{shown}");
    assert!(line("window").contains("# new.toml:"), "{shown}");
    // What is shown is a job file itself.
    fs::write(stage.path("shown.toml"), &shown).unwrap();
    stage.ok(&["run", "--job", "shown.toml", "--drain", "--quiet"]);
    stage.verify(&["output/rows"]);
    let json = stage.json(&["job", "show", "shown.toml", "--json"]);
    assert_eq!(json["lateness"]["value"], "2s");

    fs::write(stage.path("wrong.toml"), "windw = '1s'\nlateness = 5\nsink = 'cvs'\n").unwrap();
    let refusal = stage.refused(&["job", "check", "wrong.toml"], 2);
    for words in
        ["wrong.toml:1: windw: ", "\"window\"", "wrong.toml:2: lateness", "wrong.toml:3: sink"]
    {
        assert!(refusal.contains(words), "{words:?} is not in\n{refusal}");
    }
}

#[test]
fn the_schema_is_json_and_knows_every_key() {
    let stage = Stage::new();
    let schema: Value = serde_json::from_str(&stage.ok(&["job", "schema"])).unwrap();
    for key in ["queue", "window", "sink", "rollup", "kafka", "drain"] {
        assert!(schema["properties"][key].is_object(), "{key}");
    }
}

#[test]
fn a_named_job_has_group_and_topics_of_its_own_and_every_command_finds_it() {
    let stage = stage_with(
        "name = 'Küste-2'\ndescription = 'windows of the coast'\ntags = { site = 'north', v = 1.2 }\n\
         window = '{{length}}'\nslots = '{{slots}}'\nsink = ['csv:rows']\ndrain = true\n\
         [variables]\nlength = '2s'\nslots = 2\n",
    );
    let checked = stage.ok(&["job", "check", "job.toml"]);
    assert!(checked.contains("job.toml is valid: job Küste-2, group k-ste-2-"), "{checked}");
    let shown = stage.json(&["job", "show", "job.toml", "--json", "--var", "length=5s"]);
    assert_eq!(shown["name"]["value"], "Küste-2");
    assert_eq!(shown["tags"]["value"]["v"], "1.2");
    assert_eq!(shown["group"]["source"], "job.toml:1: name");
    assert_eq!(shown["slots"]["value"], 2);
    assert_eq!(shown["window"]["value"], "5s");
    assert_eq!(shown["window"]["source"], "job.toml:4: window ({{length}} of --var length)");
    stage.ok(&["run", "--job", "job.toml", "--quiet"]);
    let verified = stage.ok(&["verify", "--complete", "--sink", "csv:rows", "--job", "job.toml"]);
    assert!(verified.starts_with("verified: "), "{verified}");
    let status = stage.json(&["status", "--job", "job.toml", "--json"]);
    let slug = shown["group"]["value"].as_str().unwrap();
    assert_eq!(status["result_topic"], format!("{slug}-rows"));
    assert!(stage.path(&format!("output/queue.{slug}.home.db")).exists());
    // What is shown makes the same job.
    fs::write(stage.path("shown.toml"), stage.ok(&["job", "show", "job.toml"])).unwrap();
    let again = stage.json(&["job", "show", "shown.toml", "--json"]);
    for (key, value) in shown.as_object().unwrap() {
        if key != "window" {
            assert_eq!(again[key]["value"], value["value"], "{key}");
        }
    }
    let mut in_environment = stage.command(&["job", "show", "job.toml"]);
    in_environment.env("SEISMIC_VAR_LENGTH", "7s");
    let shown = stage.start(in_environment).wait().stdout;
    assert!(shown.contains("window = \"7s\"") && shown.contains("SEISMIC_VAR_LENGTH"), "{shown}");
}

#[test]
fn what_is_wrong_with_the_name_of_a_job_and_its_variables_is_said_at_once() {
    let stage = stage_with(
        "name = 'a b'\nnam = 'x'\ndescription = 3\ntags = { 'a b' = 'c', d = ' e' }\nwindow = '{{lenght}}'\n\
         [variables]\nlength = '1s'\n",
    );
    for args in [&["job", "check", "job.toml"][..], &["run", "--job", "job.toml"]] {
        let said = stage.refused(args, 2);
        for words in [
            "job.toml:1: name: ' ' is no letter",
            "job.toml:2: nam: there is no such option; did you mean \"name\"?",
            "job.toml:4: tags: key \"a b\": ' ' is none of letters",
            "d = \" e\": it begins or ends with a space",
            "job.toml:5: window: there is no variable \"lenght\"; did you mean \"length\"?",
        ] {
            assert!(said.contains(words), "{words:?} is not in\n{said}");
        }
    }
    let said = stage.refused(&["status", "--var", "a=b"], 2);
    assert!(said.contains("pass it with --job"), "{said}");
}

#[test]
fn more_parallelism_than_partitions_is_a_fault_where_the_queue_answers_and_else_a_warning() {
    let stage = stage_with("group = 'field'\nmax_parallelism = 5\ndrain = true\n");
    let words = "5 is more than the 4 partitions of topic seismic-data-topic";
    let refused = stage.refused(&["job", "check", "job.toml"], 2);
    assert!(refused.contains(&format!("job.toml:2: max_parallelism: {words}")), "{refused}");
    let refused = stage.refused(&["run", "--job", "job.toml"], 2);
    assert!(refused.contains(&format!("max_parallelism: {words}")), "{refused}");
    fs::write(stage.path("job.toml"), "topic = 'later'\nmax_parallelism = 5\n").unwrap();
    let done = stage.run(&["job", "check", "job.toml"]).ok();
    let words =
        "warning: max_parallelism: 5: whether topic later has as many partitions is not known";
    assert!(done.stderr.contains(words), "{done}");
    #[cfg(feature = "kafka")]
    {
        fs::write(stage.path("job.toml"), "queue = 'kafka://127.0.0.1:1'\nmax_parallelism = 5\n")
            .unwrap();
        let done = stage.run(&["job", "check", "job.toml"]).ok();
        assert!(done.stderr.contains("kafka://127.0.0.1:1 does not answer"), "{done}");
    }
    fs::write(stage.path("job.toml"), "max_parallelism = 4\ndrain = true\n").unwrap();
    assert_eq!(stage.run(&["job", "check", "job.toml"]).ok().stderr, "");
    stage.ok(&["run", "--job", "job.toml"]);
}
