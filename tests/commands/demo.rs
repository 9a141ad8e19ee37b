//! `seismic demo`: the first command of the README.

use crate::stage::{Done, Stage, csv_files};

fn check(done: &Done) {
    let lines: Vec<_> = done.stdout.lines().collect();
    assert!(lines.len() > 40, "{done}");
    assert!(lines.iter().all(|line| line.starts_with("Window Result: S")), "{done}");
    for words in [
        "published    ",
        " records/s",
        "counted      ",
        " windows\n",
        "rejected     ",
        "late         ",
        "killed at offset ",
        ", back after ",
        "0 lost, 0 doubled, verified",
        "Try next:",
    ] {
        assert!(done.stderr.contains(words), "{words:?} is not in\n{done}");
    }
}

#[test]
fn the_demo_kills_its_consumer_proves_the_result_and_works_again_in_the_same_folder() {
    let stage = Stage::new();
    for run in 1..=2 {
        let done = stage.run(&["demo", "--seconds", "3"]).ok();
        check(&done);
        let folders = std::fs::read_dir(stage.path("output/seismic_agg_result")).unwrap();
        let folders: Vec<_> = folders.map(|entry| entry.unwrap().path()).collect();
        assert_eq!(folders.len(), run, "a folder of its own for each run");
        assert!(folders.iter().all(|folder| !csv_files(folder).is_empty()));
        if run == 1 {
            try_next(&stage, &done);
        }
    }
}

/// The three commands that the demo names do what it says.
fn try_next(stage: &Stage, done: &Done) {
    let next = done.stderr.split("Try next:").nth(1).unwrap();
    let commands: Vec<_> = next.lines().filter(|line| line.contains("seismic ")).collect();
    assert_eq!(commands.len(), 3, "{done}");
    for command in commands {
        let args = command.split("seismic ").nth(1).unwrap().split_whitespace();
        let said = stage.ok(&args.collect::<Vec<_>>());
        assert!(!said.is_empty(), "{command}");
    }
}

#[test]
fn the_demo_lives_through_a_real_earthquake_and_shows_its_peak() {
    let stage = Stage::new();
    let done = stage.run(&["demo", "--quake", "--speed", "30"]).ok();
    for station in ["002", "005", "024"] {
        assert!(done.stdout.contains(&format!("Window Result: {station} avg=")), "{done}");
        assert!(done.stderr.contains(&format!("station {station} ")), "{done}");
    }
    // The reference that NumPy reckoned: 112.861 gal in the window of 15:29:37.
    let peak = "the strongest at 2020-06-23T15:29:37.000Z: 112.9 gal";
    assert!(done.stderr.contains(peak), "{done}");
    assert!(done.stderr.contains("killed at offset "), "{done}");
    assert!(done.stderr.contains("0 lost, 0 doubled, verified"), "{done}");
}
