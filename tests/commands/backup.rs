//! Backups that are taken while a job runs under load: each is whole, verifies, and continues
//! elsewhere.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::faults::dice::Dice;
use crate::faults::line::Line;
use crate::stage::{Stage, let_it_work};
use crate::truth::int;

/// Takes that many backups at random moments.
fn back_up(times: u32) {
    let mut line = Line::new(28, "a backup under load, restored elsewhere, run on and verified");
    let mut dice = Dice::new();
    let stage = Stage::new();
    let load = stage.spawn(&["generate", "--forever", "--rate", "5000", "--json"]);
    stage.wait_for_records();
    let job = ["run", "--window", "200ms", "--lateness", "100ms", "--quiet", "--sink", "csv:csv"];
    let consumer = stage.spawn(&job);
    stage.wait_for_job(|status| int(status, "windows") > 20);
    for number in 0..times {
        let_it_work(dice.millis(0..700));
        let (backup, elsewhere) = (format!("backup-{number}"), format!("elsewhere-{number}"));
        stage.ok(&["backup", &backup, "--csv", "csv"]);
        let sink = format!("csv:{backup}/csv-1");
        stage.ok(&["verify", "--complete", "--backup", &backup, "--sink", &sink]);
        fs::create_dir(stage.path(&elsewhere)).unwrap();
        let queue = format!("sqlite:{elsewhere}/queue.db");
        let csv = format!("{elsewhere}/csv");
        let place = ["--queue", &queue].map(str::to_owned);
        let at = |args: &[&str]| stage.start(stage.command_at(args, &place)).wait();
        at(&["restore", &backup, "--csv", &csv]).ok();
        let there = at(&["restore", &backup, "--csv", &csv]);
        assert_eq!(there.code, Some(1), "nothing is written over: {there}");
        let sink = format!("csv:{csv}");
        let job = ["run", "--window", "200ms", "--lateness", "100ms", "--quiet", "--sink", &sink];
        at(&[&job[..], &["--drain"]].concat()).ok();
        at(&["verify", "--complete", "--sink", &sink]).ok();
        let status: Value = serde_json::from_str(&at(&["status", "--json"]).ok().stdout).unwrap();
        assert_eq!(int(&status, "lag"), 0);
        line.tries += 1;
    }
    load.stop(Signal::TERM).ok();
    consumer.stop(Signal::TERM).ok();
    stage.verify(&["csv"]);
    line.print();
}

#[test]
fn a_backup_under_load_continues_elsewhere() {
    back_up(2);
}

#[test]
#[ignore = "takes minutes: a part of .ci/run --long"]
fn twenty_backups_under_load_continue_elsewhere() {
    back_up(20);
}

#[test]
fn a_damaged_or_unfinished_backup_is_refused_and_a_full_folder_too() {
    let stage = Stage::with_records(&["--records", "1000"]);
    stage.ok(&["run", "--drain", "--quiet", "--sink", "csv:csv"]);
    stage.ok(&["backup", "b", "--csv", "csv"]);
    let said = stage.refused(&["backup", "b"], 1);
    assert!(said.contains("is not empty"), "{said}");
    let queue = stage.path("b/queue.db");
    let mut bytes = fs::read(&queue).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&queue, bytes).unwrap();
    for args in [&["verify", "--backup", "b"][..], &["restore", "b", "--csv", "x"]] {
        let said = stage.refused(args, 1);
        assert!(said.contains("queue.db has other content"), "{said}");
    }
    fs::remove_file(stage.path("b/manifest.json")).unwrap();
    let said = stage.refused(&["restore", "b"], 1);
    assert!(said.contains("holds no backup, or an unfinished one"), "{said}");
}

/// The arguments of the command that `restore` prints.
fn continuing(said: &str) -> Vec<&str> {
    let (_, command) = said.split_once("\n  seismic ").unwrap();
    command.split_whitespace().collect()
}

#[test]
fn the_command_that_a_restore_prints_continues_the_job_of_any_group_at_any_place() {
    // Where it is restored to, where its queue is then, and how a look finds it.
    type Input = (&'static [&'static str], &'static str, &'static [&'static str]);
    let places: [Input; 4] = [
        (
            &["--queue", "sqlite:a/queue.db"],
            "sqlite:a/queue.db",
            &["--group", "other", "--queue", "sqlite:a/queue.db"],
        ),
        (
            &["--group", "other", "--queue", "sqlite:b/queue.db", "--store", "sqlite:c/store.db"],
            "sqlite:b/queue.db",
            &["--queue", "sqlite:b/queue.db", "--store", "sqlite:c/store.db"],
        ),
        (&["--job", "job.toml"], "sqlite:d/queue.db", &["--job", "job.toml"]),
        (&[], "sqlite:output/queue.db", &["--group", "other"]),
    ];
    let stage = Stage::with_records(&["--records", "2000"]);
    stage.ok(&["run", "--drain", "--quiet", "--group", "other", "--sink", "csv:csv"]);
    stage.ok(&["backup", "backup", "--group", "other", "--csv", "csv"]);
    let file = "queue = \"sqlite:d/queue.db\"\ngroup = \"other\"\n";
    fs::write(stage.path("job.toml"), file).unwrap();
    fs::rename(stage.path("output"), stage.path("before")).unwrap();
    for (number, (place, queue, look)) in places.into_iter().enumerate() {
        let csv = format!("csv-{number}");
        let said = stage.ok(&[&["restore", "backup", "--csv", &csv], place].concat());
        assert!(said.contains("restored group other "), "{said}");
        let run = [&continuing(&said)[..], &["--drain"]].concat();
        let done = stage.run(&run).ok();
        assert!(done.stderr.contains("read 0 records"), "{said}{done}");
        stage.generate(&["--records", "500", "--queue", queue]);
        let done = stage.run(&run).ok();
        assert!(done.stderr.contains("read 500 records"), "{said}{done}");
        let sink = format!("csv:{csv}");
        stage.ok(&[&["verify", "--complete", "--sink", &sink], look].concat());
    }
}

#[test]
fn a_restore_under_another_group_is_refused() {
    let stage = Stage::with_records(&["--records", "100"]);
    stage.ok(&["run", "--drain", "--quiet", "--group", "other"]);
    stage.ok(&["backup", "backup", "--group", "other"]);
    let said = stage
        .refused(&["restore", "backup", "--group", "seismic", "--queue", "sqlite:new/q.db"], 2);
    assert!(said.contains("the backup is of group other, not seismic"), "{said}");
    assert!(!stage.path("new").exists());
}

#[test]
fn a_manifest_that_names_files_outside_of_the_backup_is_refused() {
    let stage = Stage::with_records(&["--records", "100"]);
    stage.ok(&["run", "--drain", "--quiet", "--sink", "csv:csv"]);
    stage.ok(&["backup", "b", "--csv", "csv"]);
    let manifest = stage.path("b/manifest.json");
    let as_made = fs::read_to_string(&manifest).unwrap();
    let outside = stage.path("b/queue.db").display().to_string();
    let replacements = [
        ("\"csv-1/", "\"csv-1/../../b/csv-1/"),
        ("\"csv-1\"", "\"../b/csv-1\""),
        ("\"store.db\"", "\"../b/store.db\""),
        ("\"queue.db\"", &format!("{outside:?}")),
        ("\"group\": \"seismic\"", "\"group\": \"../seismic\""),
    ];
    for (from, to) in replacements {
        let changed = as_made.replace(from, to);
        assert_ne!(changed, as_made, "{from}");
        fs::write(&manifest, changed).unwrap();
        for args in [
            &["verify", "--backup", "b"][..],
            &["restore", "b", "--csv", "new/csv", "--queue", "sqlite:new/q.db"],
        ] {
            let said = stage.refused(args, 1);
            assert!(said.contains("is not what a backup writes"), "{said}");
        }
        assert!(!stage.path("new").exists(), "{to}");
    }
}

#[test]
fn where_a_backup_is_verified_is_said_once() {
    let stage = Stage::new();
    for option in [["--job", "job.toml"], ["--queue", "sqlite:q.db"], ["--group", "g"]] {
        let said = stage.refused(&[&["verify", "--backup", "b"][..], &option].concat(), 2);
        assert!(said.contains("cannot be used with"), "{said}");
    }
}
