//! Whoever submits a job has the server send alarms to an address: not to what only this machine
//! reaches.

use serde_json::{Value, json};

use super::Guarded;
use crate::serve::webhook::Webhook;
use crate::stage::wait_until;

/// A job that raises an alarm soon.
fn job(webhook: &str) -> String {
    format!(
        "name = 'coast'\nsink = ['csv:rows']\n[alarms]\nwebhook = '{webhook}'\nsensors = ['nobody']\n\
         sensors_silent_s = 1\n"
    )
}

#[test]
fn webhooks_of_submitted_jobs_reach_nothing_that_only_this_machine_does() {
    let guarded = Guarded::start();
    let webhook = Webhook::start();
    let port = webhook.url.rsplit_once(':').unwrap().1;
    let dev = guarded.with(&guarded.token("dev", &["developer", "operator"]));
    let submit = |url: &str| dev.post("/api/v1/jobs", &json!({ "text": job(url) }).to_string());
    for host in ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "169.254.169.254", "me@127.0.0.1"] {
        let url = format!("http://{host}:{port}");
        let refused = submit(&url);
        assert_eq!(refused.error(403), "forbidden", "{url}");
        assert!(
            refused.body.contains("alarms.webhook: ") && refused.body.contains("webhook_hosts")
        );
        let body = json!({ "text": job(&url) }).to_string();
        let faults = dev.post("/api/v1/check", &body).json(200)["faults"].to_string();
        assert!(faults.contains("alarms.webhook"), "{faults}");
    }
    // What is seen only when it is connected to.
    submit(&format!("http://2130706433:{port}")).json(201);
    dev.post("/api/v1/jobs/coast/start", "{}").json(202);
    let undelivered = || -> Vec<Value> {
        let all = dev.get("/api/v1/alarms").json(200);
        all["undelivered"].as_array().unwrap().clone()
    };
    wait_until("it is said why nothing is sent", || {
        let says = |it: &Value| it["error"].as_str().is_some_and(|it| it.contains("webhook_hosts"));
        undelivered().iter().any(says)
    });
    assert!(webhook.received().is_empty());
    guarded.end();
}

#[test]
fn a_server_names_hosts_of_its_own_that_webhooks_reach() {
    let guarded = Guarded::start_with("webhook_hosts = ['127.0.0.1']\n", &["--http-require-token"]);
    let webhook = Webhook::start();
    guarded.submit(&job(&webhook.url));
    guarded.root().post("/api/v1/jobs/coast/start", "{}").json(202);
    wait_until("the alarm arrives", || !webhook.alarms().is_empty());
    let other = job(&webhook.url.replace("127.0.0.1", "127.0.0.2")).replace("coast", "other");
    let refused = guarded.root().post("/api/v1/jobs", &json!({ "text": other }).to_string());
    assert_eq!(refused.error(403), "forbidden");
    guarded.end();
}
