//! `seismic autoscale`: what it says of a job's table `[elastic]`.

use std::fs;

use crate::stage::{Stage, parse};

const JOB: &str = "[elastic]\n\
    interval = '20s'\n\
    for = '60s'\n\
    workers_min = 1\n\
    workers_max = 4\n\
    parallelism_min = 1\n\
    parallelism_max = 8\n";

#[test]
fn a_year_is_simulated_with_the_settings_of_a_job_and_drawn() {
    let stage = Stage::new();
    fs::write(stage.path("job.toml"), JOB).unwrap();
    fs::create_dir(stage.path("plots")).unwrap();
    let plots = stage.path("plots");
    let simulate = ["autoscale", "simulate", "--slot-capacity", "1000", "--job"];
    let job = stage.path("job.toml");
    let options = [job.to_str().unwrap(), "--plot", plots.to_str().unwrap(), "--json"];
    let answer = parse(&stage.ok(&[&simulate[..], &options].concat())).remove(0);
    assert_eq!(answer["base"], 640.0, "8 % of 8 slots");
    let contenders = answer["contenders"].as_array().unwrap();
    let names: Vec<_> = contenders.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["fixed maximum", "this job"]);
    let hours = |number: usize| contenders[number]["worker_hours"].as_f64().unwrap();
    assert_eq!(hours(0).round(), 4.0 * 365.0 * 24.0);
    assert!(hours(1) < hours(0) / 2.0 && hours(1) >= hours(0) / 4.0, "{}", hours(1));
    for chart in ["elastic-year.svg", "elastic-m7.svg"] {
        assert!(fs::read_to_string(plots.join(chart)).unwrap().starts_with("<svg "));
    }
}

#[test]
fn limits_that_contradict_each_other_are_refused_by_their_line() {
    let stage = Stage::new();
    fs::write(stage.path("job.toml"), "[elastic]\nworkers_min = 9\n").unwrap();
    let job = stage.path("job.toml");
    for command in [&["job", "check"][..], &["autoscale", "simulate", "--job"]] {
        let said = stage.refused(&[command, &[job.to_str().unwrap()]].concat(), 2);
        assert!(said.contains("job.toml:2: elastic.workers_min: workers_min 9 is above"), "{said}");
    }
}
