//! Each way around the topics of a token that was tried: by what sinks write, alarms quote, runs from
//! scratch are called, steps between, forks begin with, consoles print and a status names.

use serde_json::{Value, json};

use super::{Guarded, JOB};
use crate::http::client::{Answer, Client};
use crate::stage::wait_until;

fn submit(by: &Client, text: &str) -> Answer {
    by.post("/api/v1/jobs", &json!({ "text": text }).to_string())
}

/// What is wrong with a job file, as the editor of this person is told.
fn faults(by: &Client, text: &str) -> String {
    let body = json!({ "text": text }).to_string();
    by.post("/api/v1/check", &body).json(200)["faults"].to_string()
}

fn dora(guarded: &Guarded) -> Client {
    let wanted = json!({
        "name": "dora", "roles": ["developer", "operator"],
        "select": ["seismic-*"], "insert": ["coast-*"],
    });
    guarded.with(&guarded.token_for(&wanted))
}

/// A job with this sink, which it does not write to before it is started.
fn with_sink(sink: &str) -> String {
    format!("name = 'coast'\nsink = ['{sink}']\n")
}

#[test]
fn what_sinks_write_elsewhere_is_limited_as_topics_are() {
    let guarded = Guarded::start();
    let dora = dora(&guarded);
    let influx = "influx:http://127.0.0.1:1/write?db=d&precision=ms";
    for (sink, key, not) in [
        ("postgres://u@127.0.0.1:1/d,table=north", "sink postgres", "north"),
        ("postgres://u@127.0.0.1:1/d,table=north.coast-1", "sink postgres", "north.coast-1"),
        ("mysql://u@127.0.0.1:1/d,table=north", "sink mysql", "north"),
        (&format!("{influx},measurement=north"), "sink influx", "north"),
        (influx, "sink influx", "seismic_windows"),
        ("redis://127.0.0.1:1/0,key=north:{sensor_id}", "sink redis", "north:"),
        // Whose name begins with what a record says.
        ("redis://127.0.0.1:1/0,key={sensor_id}:coast-1", "sink redis", ""),
        ("redis://127.0.0.1:1/0,key=sensor_id", "sink redis", ""),
        ("redis://127.0.0.1:1/0", "sink redis", "seismic:"),
        #[cfg(feature = "hbase")]
        ("hbase:http://127.0.0.1:1,namespace=north,table=rows", "sink hbase", "north:rows"),
        ("opensearch:http://127.0.0.1:1,index=north", "sink opensearch", "north"),
        ("elasticsearch:http://127.0.0.1:1,index=north-%Y", "sink opensearch", "north-"),
    ] {
        let refused = submit(&dora, &with_sink(sink));
        assert_eq!(refused.error(403), "forbidden", "{sink}");
        let why = format!("{key}: token dora may write topics coast-*, and not ");
        assert!(refused.body.contains(&why), "{sink}: {refused:?}");
        assert!(refused.body.contains(&format!("\\\"{not}\\\"")), "{sink}: {refused:?}");
        assert!(faults(&dora, &with_sink(sink)).contains(key), "{sink}");
    }
    // Into the cluster that it reads; it is not asked for that.
    let text = "name = 'coast'\nqueue = 'rocketmq://127.0.0.1:1'\nstore = 'sqlite:coast.db'\n\
                sink = ['rocketmq:north']\n";
    assert!(faults(&dora, text).contains("sink rocketmq: token dora may write"), "{text}");
    let theirs = faults(&dora, &text.replace("north", "coast-rows"));
    assert!(!theirs.contains("may write"), "{theirs}");
    // Neither by a draft, nor by a copy.
    submit(&dora, JOB).json(201);
    let put = dora.with("X-Seismic-Request", "1");
    let sink = "postgres://u@127.0.0.1:1/d,table=north";
    let set = json!({ "set": [{ "path": ["sink"], "value": [sink] }] }).to_string();
    put.ask("PUT", "/api/v1/jobs/coast/draft", &set).json(200);
    assert_eq!(dora.post("/api/v1/jobs/coast/draft/submit", "{}").error(403), "forbidden");
    let copy = json!({ "name": "coast-2", "set": { "sink": format!("['{sink}']") } }).to_string();
    assert_eq!(dora.post("/api/v1/jobs/coast/copy", &copy).error(403), "forbidden");
    for sink in [
        "postgres://u@127.0.0.1:1/d,table=coast-rows",
        &format!("{influx},measurement=coast-rows"),
        "redis://127.0.0.1:1/0,key=coast-:{sensor_id}",
        "opensearch:http://127.0.0.1:1,index=coast-rows-%Y.%m.%d",
    ] {
        submit(&dora, &with_sink(sink)).json(201);
    }
    // A token that says nothing of topics is for all, as before.
    guarded.submit(&with_sink("postgres://u@127.0.0.1:1/d,table=north"));
    guarded.end();
}

#[test]
fn topics_of_alarms_steps_between_and_later_runs_are_topics_too() {
    let guarded = Guarded::start();
    let dora = dora(&guarded);
    let alarm = |topic: &str| {
        format!("{JOB}result_topic = 'coast-rows'\n[alarms]\nrows = [{{ on = 'topic:{topic}' }}]\n")
    };
    let steps = "name = 'coast'\ngroup = 'north'\nresult_topic = 'coast-rows'\n\
                 dead_topic = 'coast-dead'\nsink = []\nrepartition = true\n";
    for (text, why) in [
        // Rows of others, quoted to a target of one's own.
        (&*alarm("secret"), "alarms.rows: token dora may read topics seismic-*, and not "),
        (steps, "repartition: token dora may write topics coast-*, and not "),
    ] {
        let refused = submit(&dora, text);
        assert_eq!(refused.error(403), "forbidden", "{text}");
        assert!(refused.body.contains(why), "{text}: {refused:?}");
    }
    // Rows of its own job are its.
    submit(&dora, &alarm("coast-rows")).json(201);

    let exact = json!({
        "name": "erik", "roles": ["developer"], "select": ["in-0", "in-1"],
        "insert": ["coast-rows", "coast-dead", "coast-rows-2", "coast-dead-2"],
    });
    let erik = guarded.with(&guarded.token_for(&exact));
    let scratch = |topic: &str| {
        format!(
            "name = 'coast-1'\ntopic = '{topic}'\nresult_topic = 'coast-rows'\ndead_topic = 'coast-dead'\n\
             sink = []\n[restart]\nrerun = 'from-scratch'\n"
        )
    };
    let refused = submit(&erik, &scratch("in-0"));
    assert_eq!(refused.error(403), "forbidden");
    assert!(refused.body.contains("all that begins with \\\"coast-rows-\\\""), "{refused:?}");
    let wide = json!({
        "name": "frida", "roles": ["developer"], "select": ["in-0", "in-1"], "insert": ["coast-*"],
    });
    let frida = guarded.with(&guarded.token_for(&wide));
    let refused = submit(&frida, &scratch("in-{{rerun}}"));
    assert_eq!(refused.error(403), "forbidden");
    assert!(refused.body.contains("and not \\\"in-2\\\""), "{refused:?}");
    submit(&frida, &scratch("in-1")).json(201);
    guarded.end();
}

#[test]
fn nobody_learns_of_a_topic_by_its_partitions_nor_of_a_file_by_a_table() {
    let guarded = Guarded::start();
    let dora = dora(&guarded);
    guarded.stage.stage.ok(&["topic", "create", "secret", "--partitions", "3"]);
    let of = |topic: &str| format!("{JOB}topic = '{topic}'\nmax_parallelism = 9\nslots = 9\n");
    let root = submit(&guarded.root(), &of("secret"));
    assert_eq!(root.error(400), "bad_request");
    assert!(root.body.contains('3'), "{root:?}");
    for topic in ["secret", "nothing"] {
        let refused = submit(&dora, &of(topic));
        assert_eq!(refused.error(403), "forbidden", "{topic}");
        assert!(!refused.body.contains("partitions"), "{refused:?}");
    }
    let table = |source: &str| {
        format!(
            "name = 'coast'\nsql = 'select rows.a from rows join T on T.a = rows.a'\n[input]\ntopic = 'seismic-in'\n\
             columns = ['a int']\n[output]\ntopic = 'coast-out'\ncolumns = ['a int']\n\
             [dimension.T]\nsource = '{source}'\nformat = 'csv'\nkey = 'a'\n\
             columns = {{ a = 'int' }}\n"
        )
    };
    for source in ["file:/etc/passwd", "file:../../etc/passwd"] {
        let refused = submit(&dora, &table(source));
        assert_eq!(refused.error(403), "forbidden", "{source}");
        assert!(refused.body.contains("dimension.T: "), "{refused:?}");
    }
    submit(&dora, &table("file:table.csv")).json(201);
    // What a job looks up, it reads.
    let topic = |name: &str| table(&format!("topic:{name}")).replace("'csv'", "'json'");
    let refused = submit(&dora, &topic("secret"));
    assert_eq!(refused.error(403), "forbidden");
    assert!(refused.body.contains("dimension: token dora may read topics"), "{refused:?}");
    submit(&dora, &topic("seismic-levels")).json(201);
    guarded.end();
}

#[test]
fn a_job_begins_with_the_state_of_none_that_its_token_does_not_reach() {
    let guarded = Guarded::start();
    guarded.submit(&format!("{JOB}group = 'coast'\n"));
    let northern = JOB.replace("coast", "northern").replace("rows", "northern-rows");
    guarded.submit(&format!("{northern}group = 'northern'\n"));
    let wanted = json!({ "name": "dev", "roles": ["developer"], "jobs": ["coast*"] });
    let dev = guarded.with(&guarded.token_for(&wanted));
    let fork = |of: &str| {
        format!(
            "name = 'coast-2'\nsink = ['csv:second']\nidle_timeout = '0'\n[fork]\n\
             checkpoint = 'newest'\n{of}\n"
        )
    };
    for of in [
        "of_group = 'northern'",
        // Of whom nobody here knows anything.
        "of_group = 'nobody'",
        "of_store = 'sqlite:output/queue.northern.home.db'",
    ] {
        let refused = submit(&dev, &fork(of));
        assert_eq!(refused.error(403), "forbidden", "{of}");
        assert!(refused.body.contains("fork: token dev is for jobs coast*"), "{refused:?}");
        assert!(faults(&dev, &fork(of)).contains("fork: "), "{of}");
    }
    submit(&dev, &fork("of_group = 'coast'")).json(201);
    guarded.end();
}

#[test]
fn rows_are_read_neither_in_logs_nor_in_alarms_by_whom_their_topic_is_not_for() {
    let guarded = Guarded::start();
    let job = "name = 'coast'\nsink = ['console']\nidle_timeout = '0'\nresult_topic = 'coast-rows'\n[alarms]\n\
               topic = 'coast-alarms'\nsensors = ['nobody']\nsensors_silent_s = 1\n\
               rows = [{ on = 'topic:coast-rows', where = 'max_amplitude > -1000' }]\n";
    guarded.submit(job);
    guarded.root().post("/api/v1/jobs/coast/start", "{}").json(202);
    guarded.stage.wait_for_state("coast", "running");
    let looks = |name: &str, select: &str| {
        let wanted = json!({ "name": name, "roles": ["viewer"], "select": [select] });
        guarded.with(&guarded.token_for(&wanted))
    };
    let printed = |by: &Client| {
        let logs = by.get("/api/v1/jobs/coast/logs?lines=1000").json(200);
        let lines = logs["lines"].as_array().unwrap().clone();
        assert!(!lines.is_empty());
        lines.iter().any(|it| it["message"].as_str().unwrap().contains("Window Result"))
    };
    let alarm = |by: &Client, kind: &str| -> Option<Value> {
        let all = by.get("/api/v1/alarms").json(200)["alarms"].as_array().unwrap().clone();
        all.into_iter().find(|it| it["kind"] == *kind)
    };
    let root = guarded.root();
    wait_until("rows are printed, and raise an alarm", || {
        guarded.stage.stage.generate(&["--records", "500"]);
        printed(&root) && alarm(&root, "rows").is_some() && alarm(&root, "sensor_no_data").is_some()
    });
    let (of_rows, of_input) = (looks("of-rows", "coast-rows"), looks("of-input", "seismic-*"));
    assert!(printed(&of_rows) && !printed(&of_input));
    for kind in ["rows", "sensor_no_data"] {
        let seen = alarm(&of_rows, kind).unwrap();
        assert_eq!(seen["subject"], alarm(&root, kind).unwrap()["subject"], "{kind}");
        let hidden = alarm(&of_input, kind).unwrap();
        assert_eq!(hidden["subject"], "", "{kind}");
        assert_eq!(
            hidden["text"],
            "not shown: token of-input may read topics seismic-*, and not \"coast-rows\"",
            "{kind}"
        );
    }
    // A status has lists of sensors for those who may read the input.
    for (by, is_for_them) in [(&of_rows, false), (&of_input, true)] {
        let status = by.get("/api/v1/jobs/coast/status").json(200);
        let whole = by.get("/api/v1/jobs/coast").json(200);
        for list in ["spread", "moved", "irregular_clocks", "rejecting"] {
            let of = [&status[list], &whole["status"][list]];
            assert!(of.iter().all(|it| it.is_array()), "{list}: {status}");
            assert!(is_for_them || of.iter().all(|it| **it == json!([])), "{list}: {status}");
        }
    }
    guarded.end();
}
