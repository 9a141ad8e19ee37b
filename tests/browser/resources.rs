//! Resources on the page: a file is uploaded by its field and the keyboard, listed and deleted by who
//! may, and no name of it is taken for markup.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::json;

use super::access::{give, shows};
use super::devtools::{Chromium, is_there};
use super::until;
use crate::serve::access::Guarded;
use crate::stage::STOP;

/// Chooses a file in the field, as a person does in the dialog of the browser.
fn choose(browser: &mut Chromium, file: &Path) {
    let document = browser.call("DOM.getDocument", json!({}));
    let root = &document["root"]["nodeId"];
    let field = browser
        .call("DOM.querySelector", json!({ "nodeId": root, "selector": "input[type=file]" }));
    let file = file.canonicalize().unwrap();
    let chosen = json!({ "nodeId": field["nodeId"], "files": [file.to_str().unwrap()] });
    browser.call("DOM.setFileInputFiles", chosen);
}

/// Whether a row of the table begins so.
fn lists(name: &str) -> String {
    let rows = "[...document.querySelectorAll('[aria-label=Resources] tbody tr')]";
    format!("{rows}.some((it) => it.firstChild.textContent === '{name}')")
}

/// What was said last.
fn said(text: &str) -> String {
    format!("document.querySelector('#said').textContent.includes('{text}')")
}

#[test]
fn a_file_is_uploaded_and_deleted_on_the_page_by_who_may_and_is_markup_for_nobody() {
    if !is_there() {
        return;
    }
    let guarded = Guarded::start();
    let (anna, vera) = (guarded.token("anna", &["developer"]), guarded.token("vera", &["viewer"]));
    let at = |name: &str| guarded.stage.stage.path(name);
    fs::write(at("table.csv"), "Type,Value\n1,0.8\n").unwrap();
    let hostile = "<img src=x onerror=document.title='taken'>.csv";
    fs::write(at(hostile), "x").unwrap();
    let mut browser = Chromium::start();
    browser.call("Page.navigate", json!({ "url": format!("{}/#/jobs", guarded.url) }));
    give(&mut browser, &anna);
    // There by its link, with the keyboard.
    let link =
        "[...document.querySelectorAll('#jobs a')].find((it) => it.textContent === 'Resources')";
    until(&mut browser, "the link is there", &format!("{link}?.hidden === false"));
    browser.value(&format!("{link}.focus()"));
    browser.press("Enter");
    let empty = "document.querySelector('.empty-title')?.textContent === 'No resources yet'";
    until(&mut browser, "there are none", empty);
    until(&mut browser, "a file may be uploaded", &shows("Upload"));
    let labelled = "document.querySelector('input[type=file]').labels[0].textContent";
    assert_eq!(browser.value(labelled), "File");
    choose(&mut browser, &at("table.csv"));
    browser.value("document.querySelector('input[type=file]').focus()");
    browser.press("Tab");
    assert_eq!(browser.value("document.activeElement.textContent"), "Upload");
    browser.press("Enter");
    until(&mut browser, "it is kept", &said("table.csv is kept"));
    until(&mut browser, "it is listed", &lists("table.csv"));
    let content = guarded.root().get("/api/v1/resources/table.csv/content");
    assert_eq!(content.body, "Type,Value\n1,0.8\n");

    // A name that would be markup is refused, and said as text.
    choose(&mut browser, &at(hostile));
    browser.value("document.querySelector('input[type=file]').form.requestSubmit()");
    until(&mut browser, "it is refused", &said("is no name of a resource"));
    assert_eq!(browser.value("document.querySelectorAll('#said img').length"), 0);
    assert_eq!(browser.value("document.title"), "seismic");

    // It is asked before it is deleted.
    let delete = "document.querySelector('[aria-label=\"Delete table.csv\"]')";
    browser.value(&format!("{delete}.focus()"));
    browser.press("Enter");
    until(&mut browser, "it asks", "document.querySelector('dialog')?.open === true");
    browser.press("Escape");
    until(&mut browser, "it is closed", "document.querySelector('dialog') === null");
    assert_eq!(guarded.root().get("/api/v1/resources/table.csv").status, 200);
    browser.value(&format!("{delete}.click()"));
    browser.value("document.querySelector('dialog form').requestSubmit()");
    until(&mut browser, "there are none", empty);
    assert_eq!(guarded.root().get("/api/v1/resources/table.csv").status, 404);

    // Who looks sees them, and has no form.
    guarded.with(&anna).with("X-Seismic-Request", "1").ask("PUT", "/api/v1/resources/a.csv", "a");
    browser.value(
        "[...document.querySelectorAll('button')].find((it) => it.textContent === 'Sign out anna').click()",
    );
    give(&mut browser, &vera);
    until(&mut browser, "it is listed", &lists("a.csv"));
    assert_eq!(browser.value("document.querySelector('input[type=file]').form.hidden"), true);
    assert_eq!(
        browser.value("document.querySelector('[aria-label=\"Delete a.csv\"]')"),
        json!(null)
    );
    guarded.server.stop_within(Signal::TERM, STOP).ok();
}
