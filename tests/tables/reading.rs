//! What is read of a database, bit by bit, and what cannot be, as `doctor` and a job say it.

use std::fs;

use serde_json::{Value, json};

use super::database::{BOTH, DATABASE, Scene, Server};
use crate::job::dimension::{found, measured};
use crate::job::statement::{append, rows};

#[test]
fn a_job_looks_things_up_in_a_table_of_a_database() {
    for start in BOTH {
        let Some(mut scene) = Scene::new(start) else { return };
        let stage = &scene.stage;
        stage.ok(&["job", "check", "usage.toml"]);
        append(stage, &[measured("web", 90.0, 1), measured("tape", 60.0, 2)]);
        append(stage, &[measured("odd", 1.0, 7)]);
        scene.run();
        assert_eq!(found(stage), ["tape 0.5", "web 0.8"]);
        let letters = stage.ok(&["read", "usage-dead", "--group", "usage"]);
        assert!(letters.contains("no row of Threshold has Type = 7 (version "), "{letters}");
        let shown = stage.ok(&["status", "--group", "usage"]);
        let source = format!("{}, table thresholds", scene.server.address());
        assert!(shown.contains(&format!("table Threshold ({source}): version ")), "{shown}");
        // The same content, whatever the order in which the server has it, is the same version.
        let version = scene.table()["version"].clone();
        scene.server.sql("DELETE FROM thresholds WHERE type = 1");
        scene.server.sql("INSERT INTO thresholds VALUES (1, 0.8, 'other words')");
        append(stage, &[measured("again", 1.0, 1)]);
        scene.run();
        assert_eq!(scene.table()["version"], version);
        let entries = ["sql", "select detail from journal where kind = 'own'", "--group", "usage"];
        assert_eq!(stage.ok(&entries).matches("table Threshold version ").count(), 2);
        // What is shown as a file makes the same job, and says the table.
        let shown = stage.ok(&["job", "show", "usage.toml"]);
        assert!(shown.contains("\"table\" = \"thresholds\""), "{shown}");
        fs::write(stage.path("again.toml"), &shown).unwrap();
        stage.ok(&["job", "check", "again.toml"]);
        scene.is_proved();
        scene.server.kill();
        // Proved without the server, which has nothing of then any more.
        scene.is_proved();
    }
}

/// Declares a table `kinds` with these columns, and rows of them for the job.
fn job_of(scene: &Scene, key: &str, source: &str, columns: &str, select: &str, output: &str) {
    let address = scene.server.address();
    let job = format!(
        "group = \"kinds\"\ndead_topic = \"kinds-dead\"\n\
         sql = \"select {select} from rows a join t on t.{key} = a.Type\"\n\
         [input]\ntopic = \"demo-source\"\ncolumns = {{ JobName = \"text\", Type = \"int\" }}\n\
         [dimension.t]\nsource = \"{address}\"\n{source}\nkey = \"{key}\"\n\
         on = {{ {key} = \"Type\" }}\ncolumns = {{ {columns} }}\n\
         [output]\ntopic = \"kinds\"\ncolumns = {{ {output} }}\n"
    );
    fs::write(scene.stage.path("kinds.toml"), job).unwrap();
}

fn kinds(scene: &Scene) -> Vec<Value> {
    scene.stage.ok(&["run", "--job", "kinds.toml", "--until-caught-up"]);
    rows(&scene.stage, "kinds", "kinds")
}

#[test]
fn values_of_every_type_are_read_bit_by_bit() {
    for start in BOTH {
        let Some(scene) = Scene::new(start) else { return };
        let table = "CREATE TABLE kinds (k int, b boolean, i bigint, f real, d double precision, \
                     n decimal(20, 4), t varchar(50))";
        let table = match &scene.server {
            Server::Postgres(_) => table.to_owned(),
            Server::MariaDb(_) => table.replace(" real", " float"),
        };
        scene.server.sql(&table);
        // Whatever alphabet the client of the server has.
        let text = match &scene.server {
            Server::Postgres(_) => "'it''s ' || chr(220) || ', \"1\"'",
            Server::MariaDb(_) => "concat('it''s ', convert(0xC39C using utf8mb4), ', \"1\"')",
        };
        scene.server.sql(&format!(
            "INSERT INTO kinds VALUES (1, true, -9223372036854775807, 0.1, 0.1, 12345678.9, {text}), \
             (2, NULL, NULL, NULL, NULL, NULL, NULL)"
        ));
        append(&scene.stage, &[measured("a", 1.0, 1), measured("b", 1.0, 2)]);
        let columns = "k = \"int\", b = \"int\", i = \"int\", f = \"real\", d = \"real\", \
                       n = \"real\", t = \"text\"";
        job_of(&scene, "k", "table = \"kinds\"", columns, "t.*", columns);
        let mut all = kinds(&scene);
        all.sort_by_key(|row| row["k"].as_i64());
        let [one, none] = &all[..] else { panic!("{all:?}") };
        for (name, value) in [
            ("b", json!(1)),
            ("i", json!(-9_223_372_036_854_775_807_i64)),
            ("f", json!(f64::from(0.1_f32))),
            ("d", json!(0.1)),
            ("n", json!(12_345_678.9)),
            ("t", json!("it's Ü, \"1\"")),
        ] {
            assert_eq!(one[name], value, "{name}");
            assert_eq!(none[name], Value::Null, "{name}");
        }
    }
}

#[test]
fn a_query_is_read_as_a_table_is() {
    for start in BOTH {
        let Some(scene) = Scene::new(start) else { return };
        append(&scene.stage, &[measured("a", 1.0, 1), measured("b", 1.0, 2)]);
        let query = "query = \"\"\"\nwith x as (select type, value * 2 as twice from thresholds)\n\
                     select type as kind, twice from x where type < 2 -- only this\n;\"\"\"";
        let columns = "kind = \"int\", twice = \"real\"";
        job_of(
            &scene,
            "kind",
            query,
            columns,
            "a.JobName, t.twice",
            "JobName = \"text\", twice = \"real\"",
        );
        let all = kinds(&scene);
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!((&all[0]["JobName"], &all[0]["twice"]), (&json!("a"), &json!(1.6)));
        // It cannot change anything.
        let change = match &scene.server {
            Server::Postgres(_) => {
                "query = \"with x as (delete from thresholds returning type) select type as kind, 1.0 as twice from x\""
            }
            Server::MariaDb(_) => "query = \"delete from thresholds\"",
        };
        job_of(
            &scene,
            "kind",
            change,
            columns,
            "a.JobName, t.twice",
            "JobName = \"text\", twice = \"real\"",
        );
        let refused = scene.stage.run(&["doctor", "--job", "kinds.toml", "--topic", "demo-source"]);
        assert_eq!(refused.code, Some(3), "{refused}");
        assert_eq!(scene.server.sql("SELECT count(*) FROM thresholds").trim(), "2");
    }
}

#[test]
fn doctor_says_what_cannot_be_read_and_what_to_do() {
    for start in BOTH {
        let Some(mut scene) = Scene::new(start) else { return };
        let doctor =
            |job: &str| scene.stage.run(&["doctor", "--job", job, "--topic", "demo-source"]);
        assert!(doctor("usage.toml").stdout.contains("it can be read, and has 2 rows"));
        let (times, bytes) = match &scene.server {
            Server::Postgres(_) => ("timestamptz", "bytea"),
            Server::MariaDb(_) => ("datetime", "blob"),
        };
        scene.server.sql(&format!(
            "CREATE TABLE odd (k int, at {times}, raw {bytes}, n decimal(20, 17), t varchar(9))"
        ));
        scene.server.sql("INSERT INTO odd VALUES (1, '2026-01-31', 'x', 0.12345678901234567, '5')");
        for (column, why) in [
            ("at = \"text\"", "column at is "),
            ("raw = \"text\"", "have a query make an integer, a floating-point number or text"),
            ("n = \"real\"", "row 1: n is the decimal number 0.12345678901234567, which has more"),
            ("t = \"int\"", "row 1: t is to be int, and is the text \"5\""),
            ("k2 = \"int\"", "it has no column k2; did you mean k?"),
        ] {
            let columns = format!("k = \"int\", {column}");
            job_of(&scene, "k", "table = \"odd\"", &columns, "a.JobName", "JobName = \"text\"");
            let examined = doctor("kinds.toml");
            assert_eq!(examined.code, Some(3), "{column}: {examined}");
            assert!(examined.stdout.contains(why), "{column}: {examined}");
        }
        let none = "table = \"threshold\"";
        job_of(&scene, "type", none, "type = \"int\"", "a.JobName", "JobName = \"text\"");
        let examined = doctor("kinds.toml");
        assert!(
            examined.stdout.contains("correct the table: upper and lower case count"),
            "{examined}"
        );
        let (guest, make) = match &scene.server {
            Server::Postgres(_) => ("seismic@", "CREATE ROLE guest LOGIN"),
            Server::MariaDb(_) => ("root@", "CREATE USER 'guest'@'127.0.0.1'"),
        };
        scene.server.sql(make);
        if matches!(scene.server, Server::MariaDb(_)) {
            scene.server.sql(&format!(
                "CREATE TABLE own (k int); GRANT SELECT ON {DATABASE}.own TO 'guest'@'127.0.0.1'"
            ));
        }
        let job = fs::read_to_string(scene.stage.path("usage.toml")).unwrap();
        fs::write(scene.stage.path("guest.toml"), job.replace(guest, "guest@")).unwrap();
        let examined = doctor("guest.toml");
        assert!(examined.stdout.contains("GRANT SELECT ON TABLE TO USER"), "{examined}");
        scene.server.kill();
        let examined =
            scene.stage.run(&["doctor", "--job", "usage.toml", "--topic", "demo-source"]);
        assert!(
            examined.stdout.contains("start the server, or correct host and port"),
            "{examined}"
        );
    }
}

#[test]
fn a_password_in_a_file_opens_the_table_and_one_in_the_address_is_refused_and_not_shown() {
    for start in BOTH {
        let Some(scene) = Scene::new(start) else { return };
        let stage = &scene.stage;
        let grant = match &scene.server {
            Server::Postgres(_) => {
                "CREATE ROLE monitor LOGIN PASSWORD 'hunter2'; GRANT SELECT (type, value) ON thresholds TO monitor"
            }
            Server::MariaDb(_) => {
                "CREATE USER 'monitor'@'127.0.0.1' IDENTIFIED BY 'hunter2'; \
                 GRANT SELECT (type, value) ON thresholds TO 'monitor'@'127.0.0.1'"
            }
        };
        scene.server.sql(grant);
        if let Server::Postgres(server) = &scene.server {
            server.require_passwords("monitor");
        }
        fs::write(stage.path("password"), "hunter2\n").unwrap();
        let job = fs::read_to_string(stage.path("usage.toml")).unwrap();
        let job = job.replace("seismic@", "monitor@").replace("root@", "monitor@");
        fs::write(stage.path("closed.toml"), &job).unwrap();
        let examined = stage.run(&["doctor", "--job", "closed.toml", "--topic", "demo-source"]);
        assert!(examined.stdout.contains("password_file"), "{examined}");
        let open = job.replace("table =", "password_file = \"password\"\ntable =");
        fs::write(stage.path("usage.toml"), open).unwrap();
        append(stage, &[measured("web", 90.0, 1)]);
        scene.run();
        assert_eq!(found(stage), ["web 0.8"]);
        fs::write(stage.path("shown.toml"), job.replace("monitor@", "monitor:hunter2@")).unwrap();
        for command in [&["job", "check", "shown.toml"][..], &["run", "--job", "shown.toml"]] {
            let refused = stage.refused(command, 2);
            assert!(refused.contains("password_file"), "{refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }
}
