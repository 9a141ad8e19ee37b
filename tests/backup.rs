//! Backups that are taken while a job runs under load: each is whole, verifies, and continues
//! elsewhere.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::faults::dice::Dice;
use crate::faults::line::Line;
use crate::stage::{Stage, let_it_work};
use crate::truth::int;

/// Takes so many backups at random moments.
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
    assert!(said.contains("is no backup, or an unfinished one"), "{said}");
}
