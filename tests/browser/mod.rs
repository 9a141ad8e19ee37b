//! The page in a real browser.

mod access;
mod devtools;
mod graph;
mod many_sensors;
mod measured;
mod resources;
mod screenshots;
mod trial;
mod versions;

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use self::devtools::{Chromium, is_there};
use crate::serve::ServeStage;
use crate::stage::{Running, STOP, wait_until};

const JOB: &str = "name = 'coast'\nsink = ['csv:rows']\nidle_timeout = '0'\n";

/// A sensor that would run if it were taken for markup.
const HOSTILE: &str = "<img src=x onerror=document.title='taken'>";

/// Where a server's page is.
fn address(server: &Running) -> String {
    let mut address = String::new();
    wait_until("the server says where its page is", || {
        let said = server.stderr();
        let found = said.split_once("the page is at ").and_then(|(_, rest)| rest.split_once('\n'));
        address = found.map(|(address, _)| address.to_owned()).unwrap_or_default();
        !address.is_empty()
    });
    address
}

fn until(browser: &mut Chromium, what: &str, expression: &str) {
    wait_until(what, || browser.holds(expression));
}

/// What the page shows of a job, without the separators of its numbers.
fn shown(browser: &mut Chromium, fact: &str) -> String {
    let of = format!("document.querySelector('[data-fact=\"{fact}\"]')?.textContent ?? ''");
    browser.value(&of).as_str().unwrap().replace(',', "")
}

/// Waits until the page shows the numbers of `status --json`, all of them at once.
fn until_equal(browser: &mut Chromium, stage: &ServeStage, records: u64) {
    let facts = [
        ("Read", "read"),
        ("Closed", "closed"),
        ("Open", "open"),
        ("Late", "late"),
        ("Rejected", "rejected"),
        ("Windows", "windows"),
        ("Sensors", "sensors"),
    ];
    wait_until("the page has the numbers of the status", || {
        let done = stage.stage.run(&["status", "--json", "--job", "jobs/coast.toml"]);
        let status: Value = serde_json::from_str(&done.stdout).unwrap_or_default();
        status["read"] == records
            && facts
                .iter()
                .all(|(fact, key)| shown(browser, fact).parse().ok() == status[key].as_u64())
    });
}

#[test]
fn the_page_shows_what_status_shows_live_by_keyboard_and_runs_nothing_foreign() {
    if !is_there() {
        return;
    }
    let stage = ServeStage::with_records(&["--records", "3000"]);
    let record = json!({ "sensor_id": HOSTILE, "collect_timestamp": 1_700_000_000_000_u64,
                         "longitude": -98.0, "latitude": 16.5, "seismic_amplitude": 1.5 });
    fs::write(stage.stage.path("hostile.jsonl"), format!("{record}\n")).unwrap();
    stage.stage.ok(&["import", "jsonl", "hostile.jsonl"]);
    stage.write_job("coast.toml", JOB);
    let server = stage.serve(&[]);
    let address = address(&server);
    stage.wait_for_state("coast", "running");

    let mut browser = Chromium::start();
    browser.call("Page.navigate", json!({ "url": address }));
    // The only job is shown at once.
    until(
        &mut browser,
        "the job is shown",
        "document.querySelector('h1')?.textContent === 'coast'",
    );
    until_equal(&mut browser, &stage, 3_001);
    // Data flows, and the page follows on its own.
    stage.stage.generate(&["--records", "1000"]);
    until_equal(&mut browser, &stage, 4_001);

    // A hostile name is a text like any other, in the list and in its strip.
    let listed = format!(
        "[...document.querySelectorAll('.sensor')].some((it) => it.textContent === {})",
        Value::from(HOSTILE)
    );
    until(&mut browser, "the hostile sensor is listed", &listed);
    let choose = "[...document.querySelectorAll('.sensor')].find((it) => it.textContent.startsWith('<img')).click()";
    browser.value(choose);
    let strip = "[...document.querySelectorAll('.strip strong')].some((it) => it.textContent.startsWith('<img'))";
    until(&mut browser, "its strip is there", strip);
    assert_eq!(browser.value("document.querySelectorAll('img').length"), 0);
    assert_eq!(browser.value("document.title"), "coast – seismic");

    // Every part by keyboard alone: the walk meets each kind of control, all with names.
    browser.value("document.activeElement.blur(); scrollTo(0, 0)");
    let name = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()";
    let mut met: Vec<String> = Vec::new();
    for _ in 0..45 {
        browser.press("Tab");
        met.push(browser.value(name).as_str().unwrap_or_default().to_owned());
    }
    for wanted in
        ["Skip to the job", "Stop", "Savepoint", "Dead letters", "Nearer", "Search sensors"]
    {
        assert!(met.iter().any(|it| it == wanted), "{wanted} is not met: {met:?}");
    }
    assert!(met.iter().any(|it| it.ends_with(": strip")), "{met:?}");
    // Stop asks first, and Escape is no.
    browser.value(
        "[...document.querySelectorAll('button')].find((it) => it.textContent === 'Stop').focus()",
    );
    browser.press("Enter");
    until(&mut browser, "it asks", "document.querySelector('dialog')?.open === true");
    browser.press("Escape");
    until(&mut browser, "it is closed", "document.querySelector('dialog') === null");
    // A part by its link.
    browser.value(
        "[...document.querySelectorAll('.parts a')].find((it) => it.textContent === 'Log').focus()",
    );
    browser.press("Enter");
    until(
        &mut browser,
        "the log is shown",
        "document.querySelector('[role=log] .log-line') !== null",
    );
    assert_eq!(stage.state("coast"), "running");

    clean(&browser, &address);
    drop(browser);
    assert_eq!(server.stop_within(Signal::TERM, STOP).code, Some(0));
}

/// No errors were said, and no one else was asked.
fn clean(browser: &Chromium, address: &str) {
    let thrown: Vec<_> = browser.events_of("Runtime.exceptionThrown").collect();
    assert!(thrown.is_empty(), "{thrown:#?}");
    let entries = browser.events_of("Log.entryAdded").map(|it| &it["entry"]);
    let errors: Vec<_> = entries.filter(|entry| entry["level"] == "error").collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let said = browser.events_of("Runtime.consoleAPICalled");
    let errors: Vec<_> = said.filter(|it| it["type"] == "error").collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let asked = browser.events_of("Network.requestWillBeSent");
    let urls: Vec<_> = asked.filter_map(|it| it["request"]["url"].as_str()).collect();
    let is_ours = |url: &&str| url.starts_with(address) || url.starts_with("data:");
    assert!(urls.len() > 20 && urls.iter().all(is_ours), "{urls:#?}");
}

#[test]
fn what_was_not_delivered_of_an_alarm_is_on_the_page() {
    if !is_there() {
        return;
    }
    let stage = ServeStage::with_records(&["--records", "500"]);
    let job = format!(
        "{JOB}[alarms]\nwebhook = 'http://127.0.0.1:1/'\nsensors = ['nobody']\nsensors_silent_s = 1\n\
         no_data_s = 0\ndead_letter_percent = 0\ndisk = false\n"
    );
    stage.write_job("coast.toml", &job);
    let server = stage.serve(&[]);
    let address = address(&server);
    stage.wait_for_state("coast", "running");
    let mut browser = Chromium::start();
    browser.call("Page.navigate", json!({ "url": address }));
    let lines = "[...document.querySelectorAll('.alarms li')].map((it) => it.textContent)";
    let raised = format!("{lines}.some((it) => it.startsWith('sensor no data'))");
    until(&mut browser, "the alarm is shown", &raised);
    let lacking = format!(
        "{lines}.some((it) => it.includes('not delivered') && it.includes('webhook at 127.0.0.1:1'))"
    );
    until(&mut browser, "that it did not arrive is shown", &lacking);
    clean(&browser, &address);
    server.stop_within(Signal::TERM, STOP).ok();
}

#[test]
fn a_demo_moves_within_a_minute_and_ends_with_all_that_it_started() {
    let stage = ServeStage::with_records(&["--records", "10"]);
    // It is asked more often here than a page asks.
    let http = "127.0.0.1:0,requests_per_s=5000";
    let server = stage.stage.spawn(&["serve", "--demo", "--http", http]);
    let address = address(&server);
    let address = address.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
    let client = crate::http::client::Client::new(address);
    wait_until("the job of the demo has read records, and has rows", || {
        let jobs = client.get("/api/v1/jobs").json(200);
        let numbers = &jobs["jobs"][0]["numbers"];
        numbers["counts"]["read"].as_u64() > Some(0) && numbers["rows"].as_u64() > Some(0)
    });
    let event = client.get("/api/v1/events?count=1");
    assert_eq!(event.header("content-type"), Some("text/event-stream"));
    assert!(event.body.contains("\"name\":\"demo\""), "{event:?}");
    let sensors = client.get("/api/v1/jobs/demo/sensors?sort=records&limit=1").json(200);
    let sensor = &sensors["sensors"][0];
    assert!(sensor["latitude"].as_f64().unwrap() > 10.0, "{sensor}");
    let id = sensor["sensor"].as_str().unwrap();
    wait_until("rows of the sensor", || {
        let rows = client.get(&format!("/api/v1/jobs/demo/rows?sensor={id}")).json(200);
        rows["rows"].as_array().is_some_and(|rows| !rows.is_empty())
    });
    let configuration = client.get("/api/v1/jobs/demo/configuration").json(200);
    assert_eq!(configuration["values"]["name"]["value"], "demo");
    // The page and what it may do.
    let page = client.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    let tagged = client.with("If-None-Match", page.header("etag").unwrap()).get("/");
    assert_eq!((tagged.status, tagged.body.len()), (304, 0));
    assert_eq!(server.stop_within(Signal::TERM, STOP).code, Some(0));
    assert!(stage.left_workers().is_empty());
}
