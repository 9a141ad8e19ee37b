//! Tables of a database that change, and whose server is away, while a job runs.

use std::fs;

use rustix::process::Signal;

use super::database::{BOTH, Scene};
use crate::job::dimension::{found, measured};
use crate::job::statement::append;
use crate::serve::webhook::Webhook;
use crate::stage::{STOP, wait_until};

#[test]
fn a_running_job_takes_a_changed_table_and_goes_on_while_its_server_is_away() {
    for start in BOTH {
        let Some(mut scene) = Scene::new(start) else { return };
        let job = scene.stage.spawn(&["run", "--job", "usage.toml"]);
        append(&scene.stage, &[measured("a", 1.0, 1)]);
        wait_until("the first row", || scene.status()["read"] == 1);
        let before = scene.table()["version"].clone();
        scene.set(0.25);
        wait_until("the new version", || scene.table()["version"] != before);
        append(&scene.stage, &[measured("b", 1.0, 1)]);
        wait_until("a row by the new table", || scene.status()["read"] == 2);
        scene.server.kill();
        wait_until("it cannot be read", || !scene.table()["error"].is_null());
        append(&scene.stage, &[measured("c", 1.0, 1)]);
        wait_until("a row without the server", || scene.status()["read"] == 3);
        scene.server.restart();
        wait_until("it can be read again", || scene.table()["error"].is_null());
        // One that takes connections and says nothing.
        scene.server.freeze();
        wait_until("it is silent", || {
            scene.table()["error"].as_str().is_some_and(|it| it.contains("answers nothing"))
        });
        append(&scene.stage, &[measured("d", 1.0, 1)]);
        wait_until("a row meanwhile", || scene.status()["read"] == 4);
        let done = job.stop(Signal::TERM).ok();
        scene.server.thaw();
        assert!(done.stderr.contains("the version before stays in force"), "{done}");
        assert_eq!(found(&scene.stage), ["a 0.8", "b 0.25", "c 0.25", "d 0.25"]);
        scene.is_proved();
    }
}

#[test]
fn a_job_waits_for_its_first_table_and_a_bounded_one_too_while_the_server_starts() {
    for start in BOTH {
        let Some(mut scene) = Scene::new(start) else { return };
        append(&scene.stage, &[measured("a", 1.0, 1)]);
        scene.server.kill();
        let job = scene.stage.spawn(&["run", "--job", "usage.toml", "--until-caught-up"]);
        wait_until("that it waits", || job.stderr().contains("waiting for table Threshold: "));
        scene.server.restart();
        job.wait().ok();
        assert_eq!(found(&scene.stage), ["a 0.8"]);
        // What a person must mend is not waited for.
        scene.server.sql("ALTER TABLE thresholds RENAME TO hidden");
        fs::remove_dir_all(scene.stage.path("output")).unwrap();
        scene.stage.ok(&["topic", "create", "demo-source", "--partitions", "2"]);
        let done = scene.stage.run(&["run", "--job", "usage.toml", "--until-caught-up"]);
        assert_ne!(done.code, Some(0), "{done}");
        assert!(
            done.stderr.contains("table Threshold cannot be read, and the store has no"),
            "{done}"
        );
        scene.is_stopped_at_once_while_it_waits();
    }
}

impl Scene {
    /// A stop ends a job that waits for a server which says nothing.
    fn is_stopped_at_once_while_it_waits(&self) {
        self.server.freeze();
        let job = self.stage.spawn(&["run", "--job", "usage.toml"]);
        wait_until("that it waits", || job.stderr().contains("waiting for table Threshold: "));
        job.stop(Signal::TERM);
        self.server.thaw();
    }
}

#[test]
fn a_job_waits_when_what_it_has_of_a_table_is_too_old() {
    for start in BOTH {
        let Some(scene) = Scene::new(start) else { return };
        scene.write_job("ttl = \"1s\"\nstale = \"3s\"");
        let job = scene.stage.spawn(&["run", "--job", "usage.toml"]);
        append(&scene.stage, &[measured("a", 1.0, 1)]);
        wait_until("the first row", || scene.status()["read"] == 1);
        scene.server.sql("ALTER TABLE thresholds RENAME TO hidden");
        wait_until("that it waits", || scene.table()["waits"] == true);
        let shown = scene.stage.ok(&["status", "--group", "usage"]);
        assert!(shown.contains(", and the job waits for it: "), "{shown}");
        append(&scene.stage, &[measured("b", 1.0, 1)]);
        scene.server.sql("UPDATE hidden SET value = 0.25 WHERE type = 1");
        scene.server.sql("ALTER TABLE hidden RENAME TO thresholds");
        wait_until("the second row", || scene.status()["read"] == 2);
        let done = job.stop(Signal::TERM).ok();
        assert!(
            done.stderr.contains("the job waits for table Threshold: it cannot be read"),
            "{done}"
        );
        // It did not guess: the table of now was in force for it.
        assert_eq!(found(&scene.stage), ["a 0.8", "b 0.25"]);
        scene.is_proved();
        // Nor does a later start go on with it; a bounded one says so.
        scene.server.sql("ALTER TABLE thresholds RENAME TO hidden");
        append(&scene.stage, &[measured("c", 1.0, 1)]);
        scene.write_job("ttl = \"1s\"\nstale = \"2s\"");
        wait_until("it is too old", || {
            let done = scene.stage.run(&["run", "--job", "usage.toml", "--until-caught-up"]);
            done.stderr.contains("longer ago than stale = 2s")
        });
        scene.write_job("ttl = \"1s\"\nstale = \"1s\"");
        let refused = scene.stage.refused(&["job", "check", "usage.toml"], 2);
        assert!(refused.contains("stale must be longer"), "{refused}");
    }
}

#[test]
fn a_table_that_cannot_be_read_raises_an_alarm_which_is_over_when_it_can() {
    for start in BOTH {
        let Some(scene) = Scene::new(start) else { return };
        let webhook = Webhook::start();
        let job = fs::read_to_string(scene.stage.path("usage.toml")).unwrap();
        let job = format!(
            "name = \"usage\"\n{job}\n[alarms]\nwebhook = \"{}\"\nclear_s = 1\nno_data_s = 0\n\
             disk = false\ntable_stale_s = 1\n",
            webhook.url
        );
        fs::create_dir(scene.stage.path("jobs")).unwrap();
        scene.server.sql("ALTER TABLE thresholds RENAME TO hidden");
        fs::write(scene.stage.path("jobs/usage.toml"), job).unwrap();
        let server = scene.stage.spawn(&["serve", "--jobs", "jobs", "--http", "127.0.0.1:0"]);
        let has = |state: &str, words: &str| {
            webhook.alarms().iter().any(|it| {
                let text = it["text"].as_str().unwrap_or_default();
                it["kind"] == "table" && it["state"] == *state && text.contains(words)
            })
        };
        wait_until("an alarm", || has("raised", "the job waits for its first version"));
        scene.server.sql("ALTER TABLE hidden RENAME TO thresholds");
        wait_until("its end", || has("recovered", "table Threshold cannot be read since "));
        scene.server.sql("ALTER TABLE thresholds RENAME TO hidden");
        wait_until("another one", || has("raised", "what was read before stays in force"));
        server.stop_within(Signal::TERM, STOP).ok();
    }
}
