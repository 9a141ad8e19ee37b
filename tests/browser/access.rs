//! The page for people with roles: it asks for a token, and shows the buttons that its role may press.

use rustix::process::Signal;
use serde_json::json;

use super::devtools::{Chromium, is_there};
use super::until;
use crate::serve::access::{Guarded, JOB};
use crate::stage::STOP;

/// Whether a button of that name is shown.
pub fn shows(name: &str) -> String {
    format!(
        "[...document.querySelectorAll('button')].some((it) => it.textContent === '{name}' && !it.hidden)"
    )
}

/// Types a token into the form that asks for it.
pub fn give(browser: &mut Chromium, token: &str) {
    until(browser, "a token is asked for", "document.querySelector('#token') !== null");
    browser.value(&format!(
        "document.querySelector('#token').value = '{token}'; document.querySelector('#token').form.requestSubmit()"
    ));
}

#[test]
fn the_page_asks_for_a_token_and_shows_the_buttons_of_its_role() {
    if !is_there() {
        return;
    }
    let guarded = Guarded::start();
    guarded.submit(JOB);
    guarded.root().post("/api/v1/jobs/coast/start", "{}").json(202);
    guarded.stage.wait_for_state("coast", "running");
    let (vera, olga) = (guarded.token("vera", &["viewer"]), guarded.token("olga", &["operator"]));
    let mut browser = Chromium::start();
    browser.call("Page.navigate", json!({ "url": guarded.url }));
    give(&mut browser, "wrong");
    until(
        &mut browser,
        "it is said that it does not count",
        "document.querySelector('.empty-title')?.textContent === 'This token does not count here'",
    );
    give(&mut browser, &vera);
    let shown = "document.querySelector('h1')?.textContent === 'coast'";
    until(&mut browser, "the job is shown", shown);
    until(&mut browser, "who it is is shown", &shows("Sign out vera"));
    for name in ["Start", "Stop", "Pause", "Scale …", "Savepoint"] {
        assert_eq!(browser.value(&shows(name)), false, "{name}");
    }
    browser.value(
        "[...document.querySelectorAll('button')].find((it) => it.textContent === 'Sign out vera').click()",
    );
    give(&mut browser, &olga);
    until(&mut browser, "an operator may stop", &shows("Stop"));
    until(&mut browser, "and save", &shows("Savepoint"));
    // A job that cannot have other workers says why.
    until(&mut browser, "and scale", &shows("Scale …"));
    browser.value(
        "[...document.querySelectorAll('button')].find((it) => it.textContent === 'Scale …').click()",
    );
    let why = "document.querySelector('#said').textContent.includes('job coast is not scaled: set action')";
    until(&mut browser, "why it cannot is said", why);
    // Withdrawn, it is asked for again.
    let root = guarded.root().with("X-Seismic-Request", "1");
    root.ask("DELETE", "/api/v1/tokens/olga", "").json(202);
    until(&mut browser, "a token is asked for", "document.querySelector('#token') !== null");
    // No page but this one could read it, and no cookie is sent to other ports of the host.
    assert_eq!(browser.value("document.cookie"), "");
    guarded.server.stop_within(Signal::TERM, STOP).ok();
}

#[test]
fn who_has_no_token_asks_for_one_on_the_page_and_an_admin_grants_it_there() {
    if !is_there() {
        return;
    }
    let guarded = Guarded::start();
    guarded.submit(JOB);
    let (mut anna, mut root) = (Chromium::start(), Chromium::start());
    for browser in [&mut anna, &mut root] {
        browser.call("Page.navigate", json!({ "url": guarded.url }));
        until(browser, "a token is asked for", "document.querySelector('#token') !== null");
    }
    let fill = |name: &str, value: &str| {
        format!("document.querySelector('[name={name}]').value = {}", json!(value))
    };
    let hostile = "<img src=x onerror=alert(1)>";
    for (name, value) in [("name", "anna"), ("role", "developer"), ("why", hostile)] {
        anna.value(&fill(name, value));
    }
    anna.value("document.querySelector('[name=why]').form.requestSubmit()");
    let secret = "document.querySelector('main code')?.textContent ?? ''";
    until(&mut anna, "a token is given", &format!("({secret}).startsWith('seismic-')"));
    let secret = anna.value(secret).as_str().unwrap().to_owned();
    // This tab has it already, and it counts for nothing yet.
    anna.value("location.reload()");
    let title = "document.querySelector('.empty-title')?.textContent";
    until(&mut anna, "it waits", &format!("{title} === 'Request 1 is waiting'"));

    let token = std::fs::read_to_string(guarded.stage.stage.path("root.token")).unwrap();
    give(&mut root, token.trim());
    until(&mut root, "there is one job", "document.querySelector('h1')?.textContent === 'coast'");
    root.value("location.hash = '#/jobs'");
    until(&mut root, "who asks is shown", &shows("Grant"));
    let said = "document.querySelector('[aria-label=\"Asked for a token\"]').textContent";
    let said = root.value(said).as_str().unwrap().to_owned();
    assert!(said.contains("anna") && said.contains(hostile) && !said.contains(&secret), "{said}");
    assert_eq!(root.value("document.querySelectorAll('img').length"), 0);
    root.value(
        "[...document.querySelectorAll('button')].find((it) => it.textContent === 'Grant').click()",
    );
    until(&mut root, "it asks why", "document.querySelector('dialog input') !== null");
    root.call("Input.insertText", json!({ "text": "she is new here" }));
    root.press("Enter");
    until(&mut root, "nothing waits", &format!("!{}", shows("Grant")));
    // Her tab follows again as soon as the token counts.
    until(&mut anna, "the job is shown", "document.querySelector('h1')?.textContent === 'coast'");
    let me = guarded.with(&secret).get("/api/v1/whoami").json(200);
    assert_eq!((&me["who"], &me["roles"]), (&json!("anna"), &json!(["developer"])));
    guarded.server.stop_within(Signal::TERM, STOP).ok();
}
