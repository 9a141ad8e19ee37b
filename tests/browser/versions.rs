//! Versions on the page: what waits for approval, who may decide about it, and an error that is copied.

use rustix::process::Signal;
use serde_json::json;

use super::access::{give, shows};
use super::devtools::{Chromium, is_there};
use super::until;
use crate::serve::access::{Guarded, JOB};
use crate::stage::STOP;

/// Presses the button of that name.
fn press(name: &str) -> String {
    format!(
        "[...document.querySelectorAll('button')].find((it) => it.textContent === '{name}').click()"
    )
}

/// Whether a version with this stage is shown.
fn shows_stage(stage: &str) -> String {
    format!("[...document.querySelectorAll('td .pill')].some((it) => it.textContent === '{stage}')")
}

#[test]
fn an_approver_approves_on_the_page_what_waits_there_and_an_error_is_copied() {
    if !is_there() {
        return;
    }
    let guarded = Guarded::start_with("approval = true\n", &[]);
    let anna = guarded.token("anna", &["developer"]);
    let paul = guarded.token("paul", &["approver"]);
    let submission = json!({ "text": JOB, "comment": "first light" }).to_string();
    guarded.with(&anna).post("/api/v1/jobs", &submission).json(201);
    let mut browser = Chromium::start();
    browser.call("Page.navigate", json!({ "url": format!("{}/#/jobs", guarded.url) }));
    // Its author sees that it waits, and may take it back.
    give(&mut browser, &anna);
    until(&mut browser, "it waits", &shows_stage("draft"));
    until(&mut browser, "its author may take it back", &shows("Withdraw"));
    assert_eq!(browser.value(&shows("Approve")), false);
    until(&mut browser, "who it is is shown", &shows("Sign out anna"));
    browser.value(&press("Sign out anna"));
    give(&mut browser, &paul);
    until(&mut browser, "an approver may approve", &shows("Approve"));
    assert_eq!(browser.value(&shows("Withdraw")), false);
    browser.value(&press("Approve"));
    let asked = "document.querySelector('dialog p')?.textContent.includes('passed no test')";
    until(&mut browser, "that it has passed no test is said", asked);
    browser.value("document.querySelector('dialog input').value = 'read it'");
    browser.value("document.querySelector('dialog form').requestSubmit()");
    let gone = "document.querySelector('[aria-label=\"Waiting for approval\"]').hidden";
    until(&mut browser, "nothing waits any more", gone);
    let done = guarded.root().get("/api/v1/approvals?state=done").json(200);
    let decided = &done["versions"][0]["decided"];
    assert_eq!((&decided["by"], &decided["comment"]), (&json!("paul"), &json!("read it")));
    browser.value("location.hash = '#/job/coast/versions'");
    until(&mut browser, "it is approved", &shows_stage("approved"));

    // It runs, its worker dies, and what was said of that is copied.
    guarded.root().post("/api/v1/jobs/coast/start", "{}").json(202);
    guarded.stage.wait_for_state("coast", "running");
    until(&mut browser, "it runs", &shows_stage("running"));
    assert_eq!(browser.value(&shows("Copy error")), false);
    guarded.stage.kill(guarded.stage.worker());
    until(&mut browser, "an error can be copied", &shows("Copy error"));
    browser.value("navigator.clipboard.writeText = async (text) => { window.copied = text; }");
    browser.value(&press("Copy error"));
    let copied = "window.copied?.includes('last error: the worker was killed (signal 9)')";
    until(&mut browser, "it is copied", copied);
    // What was refused for want of a token is said by the browser, too.
    clean_but_for_tokens(&browser, &guarded.url);
    guarded.server.stop_within(Signal::TERM, STOP).ok();
}

#[test]
fn the_configuration_says_whose_version_it_is_and_what_another_one_says_otherwise() {
    if !is_there() {
        return;
    }
    let guarded = Guarded::start();
    let anna = guarded.token("anna", &["developer"]);
    let submit = |text: &str, comment: &str| {
        let body = json!({ "text": text, "comment": comment }).to_string();
        guarded.with(&anna).post("/api/v1/jobs", &body).json(201);
    };
    submit(JOB, "first light");
    let other = JOB.replace("csv:rows", "csv:other").replace("name", "window = '2s'\nname");
    submit(&other, "<b>longer</b> windows");
    let mut browser = Chromium::start();
    let url = format!("{}/#/job/coast/configuration", guarded.url);
    browser.call("Page.navigate", json!({ "url": url }));
    give(&mut browser, &anna);
    let part = "document.querySelector('[aria-label=Configuration]')";
    let text = format!("({part}?.textContent ?? '')");
    let about =
        format!("{text}.includes('Version 2 of anna') && {text}.includes('<b>longer</b> windows')");
    until(&mut browser, "whose version it is is shown", &about);
    assert_eq!(browser.value(&format!("{part}.querySelector('b')")), json!(null));
    browser.value("document.querySelector('[aria-label=\"Compare with\"]').focus()");
    browser.press("ArrowDown");
    let of = |title: &str| {
        format!(
            "(document.querySelector('table:is([aria-label=\"{title}\"] *)')?.textContent ?? '')"
        )
    };
    let results = of("Changes results");
    let is_told = format!("{results}.includes('window1s2s') && !{results}.includes('sink')");
    until(&mut browser, "what changes results is apart", &is_told);
    let rest = of("Changes no results");
    assert_eq!(
        browser.value(&format!("{rest}.includes('csv:other') && !{rest}.includes('window')")),
        true
    );
    clean_but_for_tokens(&browser, &guarded.url);
    guarded.end();
}

fn clean_but_for_tokens(browser: &Chromium, address: &str) {
    let thrown: Vec<_> = browser.events_of("Runtime.exceptionThrown").collect();
    assert!(thrown.is_empty(), "{thrown:#?}");
    let asked = browser.events_of("Network.requestWillBeSent");
    let mut urls = asked.filter_map(|it| it["request"]["url"].as_str());
    assert!(urls.all(|url| url.starts_with(address) || url.starts_with("data:")));
}
