//! A test of the job that is edited, on the page: packs that the server keeps, disturbed as asked.

use rustix::process::Signal;
use serde_json::json;

use super::access::{give, shows};
use super::devtools::{Chromium, is_there};
use super::until;
use crate::job::dimension::USAGE;
use crate::serve::access::{Guarded, JOB};
use crate::stage::STOP;

/// Two sensors, ten records a second for ten seconds, and one record that comes too late.
fn pack() -> String {
    let record = |at: i64, sensor: &str| {
        json!({ "sensor_id": sensor, "collect_timestamp": 1_600_000_000_000 + at * 100,
                "longitude": -98.0, "latitude": 16.5, "seismic_amplitude": at % 7 })
        .to_string()
            + "\n"
    };
    let all = (0..100).flat_map(|at| ["S1", "<b>S2"].map(|sensor| record(at, sensor)));
    all.chain([record(0, "S1")]).collect()
}

/// One line with a row in the table of the statement, and one without.
const LINES: &str = r#"{"JobName":"web","UsedGB":90,"TotalGB":100,"Type":1}
{"JobName":"odd","UsedGB":1,"TotalGB":100,"Type":7}
"#;

const PART: &str = "document.querySelector('[aria-label=Test]')";

fn tells(text: &str) -> String {
    format!("({PART}?.textContent ?? '').includes('{text}')")
}

fn fill(selector: &str, value: &str) -> String {
    format!(
        "{{ const it = document.querySelector('{selector}'); it.value = '{value}';
            it.dispatchEvent(new Event('input', {{ bubbles: true }})); }}"
    )
}

#[test]
fn a_developer_tests_the_job_that_is_edited_on_packs_of_the_server() {
    if !is_there() {
        return;
    }
    let guarded = Guarded::start();
    guarded.submit(JOB);
    let (anna, vera) = (guarded.token("anna", &["developer"]), guarded.token("vera", &["viewer"]));
    let put = guarded.with(&anna).with("X-Seismic-Request", "1");
    put.ask("PUT", "/api/v1/resources/pack.jsonl", &pack()).json(200);
    put.ask("PUT", "/api/v1/resources/rows.csv", "sensor_id,record_count\nS1,10\n").json(200);
    let mut browser = Chromium::start();
    browser.call("Page.navigate", json!({ "url": format!("{}/#/job/coast/edit", guarded.url) }));
    give(&mut browser, &anna);
    until(
        &mut browser,
        "packs are offered",
        &format!("Boolean({PART}?.querySelector('option[value=\"pack.jsonl\"]'))"),
    );
    browser.value(&format!("{PART}.querySelector('[aria-label=Packs]').focus()"));
    // The first pack, by keyboard, and then the button.
    browser.press("ArrowDown");
    browser.value(&format!("{PART}.querySelector('[type=submit]').focus()"));
    browser.press("Enter");
    until(
        &mut browser,
        "rows are counted",
        &tells("201 records read; 200 counted in 20 rows, 1 late, 0 rejected"),
    );
    let rows = format!("{PART}.querySelectorAll('[aria-label=Rows] tbody tr').length");
    assert_eq!(browser.value(&rows), 20);
    assert_eq!(
        browser.value(&format!(
            "{PART}.querySelector('[aria-label=\"Dead letters\"]').textContent.includes('late')"
        )),
        true
    );
    assert_eq!(browser.value(&format!("{PART}.querySelector('tbody b')")), json!(null));

    // What is changed and not saved counts, and so does what is done to the messages.
    browser.value("[...document.querySelectorAll('.editor .node')].find((it) => it.textContent.includes('Windows')).click()");
    browser.value(&fill("#field-window", "2s"));
    browser.value(&fill("[aria-label=\"Drop, %\"]", "100"));
    until(
        &mut browser,
        "it is checked",
        "document.querySelector('[aria-label=Check]').textContent.includes('It is valid')",
    );
    browser.value(&format!("{PART}.querySelector('form').requestSubmit()"));
    until(&mut browser, "all are dropped", &tells("0 records read, messages: 201 dropped"));
    browser.value(&fill("[aria-label=\"Drop, %\"]", ""));
    browser.value(&format!(
        "{PART}.querySelector('[aria-label=\"Expected rows\"]').value = 'rows.csv'"
    ));
    browser.value(&format!("{PART}.querySelector('form').requestSubmit()"));
    until(&mut browser, "windows are longer", &tells("counted in 10 rows"));
    let differs = format!("{PART}.querySelector('[aria-label=Differences]') !== null");
    until(&mut browser, "what differs is shown", &differs);
    assert_eq!(guarded.root().get("/api/v1/jobs/coast/versions").json(200)["newest"], 1);

    // A statement has columns of its own.
    let text = USAGE.replace("file:thresholds.csv", "resource:table.csv");
    put.ask("PUT", "/api/v1/resources/table.csv", "Type,Value\n1,0.8\n").json(200);
    put.ask("PUT", "/api/v1/resources/lines.jsonl", LINES).json(200);
    guarded.submit(&format!("name = 'usage'\n{text}"));
    browser.value("location.hash = '#/job/usage/edit'");
    until(
        &mut browser,
        "packs are offered again",
        &format!(
            "location.hash === '#/job/usage/edit' && {PART}?.querySelectorAll('[value=\"lines.jsonl\"]').length === 2 \
             && document.querySelector('h1')?.textContent.includes('usage')"
        ),
    );
    browser.value(&format!("{PART}.querySelector('[aria-label=Packs]').value = 'lines.jsonl'"));
    browser.value(&format!("{PART}.querySelector('form').requestSubmit()"));
    until(
        &mut browser,
        "its rows are counted",
        &tells("2 records read; 1 gave 1 rows, 0 none, 1 dead letters"),
    );
    let shown = format!("{PART}.querySelector('[aria-label=Rows]').textContent");
    let shown = browser.value(&shown).to_string();
    assert!(shown.contains("UsedRatio") && shown.contains("0.9"), "{shown}");
    until(&mut browser, "why not is shown", &tells("no row of Threshold has Type = 7"));

    // A viewer has no editor.
    browser.value("[...document.querySelectorAll('button')].find((it) => it.textContent === 'Sign out anna').click()");
    give(&mut browser, &vera);
    until(&mut browser, "who it is is shown", &shows("Sign out vera"));
    until(&mut browser, "it is said", "document.body.textContent.includes('It cannot be edited')");
    assert_eq!(browser.value(&format!("{PART} === null")), true);
    guarded.server.stop_within(Signal::TERM, STOP).ok();
}
