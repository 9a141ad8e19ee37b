//! Delivery of alarms and their ends to HTTP servers, a process and a topic, and failed deliveries.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use super::webhook::Webhook;
use super::{ServeStage, http_get, url_of};
use crate::stage::{STOP, wait_until};

/// The texts that were appended to a topic.
fn messages(stage: &ServeStage, topic: &str) -> Vec<Value> {
    let done = stage.stage.run(&["read", topic, "--in", "queue", "--format", "json"]);
    let line = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line["value"].take()
    };
    done.stdout.lines().map(line).collect()
}

/// Every alarm of these messages.
fn alarms(messages: &[Value]) -> Vec<Value> {
    messages.iter().flat_map(|it| it["alarms"].as_array().unwrap().clone()).collect()
}

fn has(alarms: &[Value], kind: &str, state: &str) -> bool {
    alarms.iter().any(|it| it["kind"] == *kind && it["state"] == *state)
}

#[test]
fn an_alarm_and_its_end_reach_every_target_and_what_does_not_arrive_is_shown() {
    let stage = ServeStage::with_records(&["--records", "1000"]);
    let (webhook, slack) = (Webhook::start(), Webhook::start());
    let config = "[commands]\nnote = ['/bin/sh', '-c', 'cat >> noted']\n";
    fs::write(stage.stage.path("serve.toml"), config).unwrap();
    let job = format!(
        "name = 'coast'\nresult_topic = 'rows'\nsink = ['csv:rows']\n[restart]\ninterval_s = 0\n\
         [alarms]\nwebhook = ['{}', 'http://127.0.0.1:1/x']\nslack = '{}'\ncommand = 'note'\n\
         topic = 'alarms'\nclear_s = 1\nno_data_s = 0\ndead_letter_percent = 0\ndisk = false\n\
         sensors = ['nobody']\nsensors_silent_s = 1\n\
         rows = [{{ on = 'topic:rows', where = 'max_amplitude > -1000', max_per_minute = 60 }}]\n",
        webhook.url, slack.url
    );
    stage.write_job("coast.toml", &job);
    let server = stage.serve(&["--config", "serve.toml"]);
    let url = url_of(&server);
    stage.wait_for_state("coast", "running");
    wait_until("rows raise an alarm", || {
        stage.stage.generate(&["--records", "500"]);
        has(&webhook.alarms(), "rows", "raised")
    });
    wait_until("a sensor without rows raises one", || {
        has(&webhook.alarms(), "sensor_no_data", "raised")
    });
    stage.kill(stage.worker());
    let noted = || {
        let text = fs::read_to_string(stage.stage.path("noted")).unwrap_or_default();
        let all = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        alarms(&all.flatten().collect::<Vec<_>>())
    };
    for (kind, state) in [("restart", "raised"), ("restart", "recovered"), ("rows", "recovered")] {
        wait_until(&format!("{kind} is {state} at the webhook"), || {
            has(&webhook.alarms(), kind, state)
        });
        wait_until(&format!("{kind} is {state} at the command"), || has(&noted(), kind, state));
        wait_until(&format!("{kind} is {state} in the topic"), || {
            has(&alarms(&messages(&stage, "alarms")), kind, state)
        });
    }
    let said = || {
        let texts = slack.received().into_iter().map(|(_, body)| {
            let body: Value = serde_json::from_str(&body).unwrap();
            body["text"].as_str().unwrap().to_owned()
        });
        texts.collect::<Vec<_>>().join("\n")
    };
    wait_until("Slack has both", || {
        said().contains("*coast* (restart): ") && said().contains("*coast* (restart) is over: ")
    });
    let all = webhook.alarms();
    let silent = all.iter().find(|it| it["kind"] == "sensor_no_data").unwrap();
    assert_eq!((&silent["subject"], &silent["job"]), (&"nobody".into(), &"coast".into()));
    let rows = all.iter().find(|it| it["kind"] == "rows").unwrap();
    let text = rows["text"].as_str().unwrap();
    assert!(
        text.contains("rows where max_amplitude > -1000") && text.contains("sensor_id="),
        "{text}"
    );
    // No one listens at the other address, and all who look see that.
    let job = |args: &[&str]| stage.stage.ok(&[&["job"], args, &["--server", &url]].concat());
    let shown = job(&["alarms", "coast"]);
    assert!(shown.contains("not delivered to webhook at 127.0.0.1:1 (waiting, "), "{shown}");
    assert!(shown.contains("of coast: "), "{shown}");
    assert!(shown.contains("raised") && shown.contains("restart: "), "{shown}");
    let shown = job(&["show", "coast"]);
    assert!(shown.contains("job coast of group coast-23c075 is running since "), "{shown}");
    assert!(shown.contains("not delivered to webhook at 127.0.0.1:1 (waiting, "), "{shown}");
    assert!(shown.contains("alarms.sensors = [\"nobody\"]  # "), "{shown}");
    let shown: Value = serde_json::from_str(&job(&["show", "coast", "--json"])).unwrap();
    let waiting = shown["job"]["alarms"]["waiting"].as_u64().unwrap();
    assert!(waiting > 0 && !shown["undelivered"].as_array().unwrap().is_empty(), "{shown}");
    assert_eq!(shown["values"]["result_topic"]["value"], "rows");
    let metrics = http_get(&url, "/metrics");
    let lacking = "seismic_alarms_not_delivered{state=\"waiting\",job_name=\"coast\"}";
    assert!(metrics.contains(lacking), "{metrics}");
    assert!(!metrics.contains(&format!("{lacking} 0\n")), "{metrics}");
    assert!(job(&["list"]).contains("messages of alarms have not arrived"));
    assert!(job(&["alarms", "other"]).is_empty());
    server.stop_within(Signal::TERM, STOP).ok();
}

#[test]
fn rows_that_are_committed_while_no_server_runs_raise_their_alarm_when_one_is_there_again() {
    let stage = ServeStage::with_records(&["--records", "1000"]);
    let webhook = Webhook::start();
    let job = format!(
        "name = 'coast'\nresult_topic = 'rows'\nsink = ['csv:rows']\nidle_timeout = '0'\n\
         [alarms]\nwebhook = '{}'\nclear_s = 1\nno_data_s = 0\ndead_letter_percent = 0\n\
         disk = false\nrestart = false\nrows = [{{ on = 'topic:rows' }}]\n",
        webhook.url
    );
    stage.write_job("coast.toml", &job);
    let server = stage.serve(&[]);
    wait_until("rows raise an alarm", || {
        stage.stage.generate(&["--records", "500"]);
        has(&webhook.alarms(), "rows", "raised")
    });
    wait_until("it is over", || has(&webhook.alarms(), "rows", "recovered"));
    // Its worker works on without a server.
    assert!(server.kill());
    let read =
        || stage.stage.json(&["status", "--json", "--job", "jobs/coast.toml"])["read"].as_u64();
    let (before, told) = (read().unwrap(), webhook.alarms().len());
    stage.stage.generate(&["--records", "500"]);
    wait_until("all is read", || read() == Some(before + 500));
    let server = stage.serve(&[]);
    wait_until("the rows of that time are told", || {
        let all = webhook.alarms();
        all.len() > told && has(&all[told..], "rows", "raised")
    });
    server.stop_within(Signal::TERM, STOP).ok();
}
