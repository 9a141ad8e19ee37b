//! Jobs as a graph: one is built from nothing by mouse and keyboard, and jobs are shown with what flows
//! between them.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::devtools::{Chromium, is_there};
use super::{clean, until};
use crate::http::client::Client;
use crate::serve::{ServeStage, url_of};
use crate::stage::{STOP, wait_until};

/// A name that would run if it were taken for markup.
const HOSTILE: &str = "<img src=x onerror=alert(1)>";

/// A browser at this address, as wide as a screen.
fn open(url: &str) -> Chromium {
    let mut browser = Chromium::start();
    let size = json!({ "width": 1_500, "height": 1_000, "deviceScaleFactor": 1, "mobile": false });
    browser.call("Emulation.setDeviceMetricsOverride", size);
    browser.call("Page.navigate", json!({ "url": url }));
    browser
}

/// Moves the pointer from the middle of one element to that of another one with the button held.
fn drag(browser: &mut Chromium, from: &str, to: &str) {
    let middle = |browser: &mut Chromium, of: &str| {
        let at = browser.value(&format!(
            "(() => {{ const it = {of}.getBoundingClientRect(); return [it.x + it.width / 2, it.y + it.height / 2]; }})()"
        ));
        (at[0].as_f64().unwrap(), at[1].as_f64().unwrap())
    };
    let (from, to) = (middle(browser, from), middle(browser, to));
    let mut mouse = |kind: &str, (x, y): (f64, f64)| {
        let params = json!({ "type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1 });
        browser.call("Input.dispatchMouseEvent", params);
    };
    mouse("mousePressed", from);
    mouse("mouseMoved", ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0));
    mouse("mouseMoved", to);
    mouse("mouseReleased", to);
}

/// Types into the field of a key, as a person does.
fn type_into(browser: &mut Chromium, key: &str, text: &str) {
    let field = format!("document.querySelector('#field-{key}')");
    until(browser, &format!("there is a field {key}"), &format!("{field} !== null"));
    browser.value(&format!("{field}.focus(); {field}.select?.()"));
    browser.call("Input.insertText", json!({ "text": text }));
}

/// The button of that title in the palette.
fn tool(title: &str) -> String {
    format!(
        "[...document.querySelectorAll('.palette button')].find((it) => it.textContent === '{title}')"
    )
}

/// The node whose title begins so.
fn node(title: &str) -> String {
    format!(
        "[...document.querySelectorAll('.node')].find((it) => it.querySelector('.node-title').textContent.startsWith({}))",
        Value::from(title)
    )
}

fn is_node(browser: &mut Chromium, title: &str) {
    until(browser, &format!("there is a node {title}"), &format!("Boolean({})", node(title)));
}

/// Tab, until what has the focus is called so.
fn tab_to(browser: &mut Chromium, name: &str) {
    let named = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()";
    for _ in 0..120 {
        if browser.value(named).as_str().is_some_and(|it| it.starts_with(name)) {
            return;
        }
        browser.press("Tab");
    }
    panic!("no key leads to {name}");
}

/// Presses the button of that title.
fn press(browser: &mut Chromium, title: &str) {
    let button = format!(
        "[...document.querySelectorAll('button, a.button')].find((it) => it.textContent === '{title}' && !it.hidden && !it.disabled)"
    );
    until(browser, &format!("{title} may be pressed"), &format!("Boolean({button})"));
    browser.value(&format!("{button}.click()"));
}

/// Chooses a value in the list of that label.
fn choose(browser: &mut Chromium, label: &str, value: &str) {
    browser.value(&format!(
        "(() => {{ const it = document.querySelector('[aria-label=\"{label}\"]'); it.value = '{value}'; it.dispatchEvent(new Event('change')); }})()"
    ));
}

fn shows(text: &str) -> String {
    let text = Value::from(text);
    format!("document.querySelector('main')?.textContent.includes({text}) === true")
}

/// From here on the server's answers to what is typed wait until they are let go.
const HELD_ANSWERS: &str = "
    globalThis.held = [];
    globalThis.unheld = fetch;
    globalThis.fetch = async (url, options) => {
        const answer = await unheld(url, options);
        if (String(url).endsWith('/check')) await new Promise((go) => held.push(go));
        return answer;
    };
";

#[test]
fn a_job_is_built_from_nothing_by_mouse_and_keyboard_and_its_rows_arrive() {
    if !is_there() {
        return;
    }
    let stage = ServeStage::with_records(&["--records", "3000"]);
    let server = stage.stage.spawn(&["serve", "--http", "127.0.0.1:0,requests_per_s=5000"]);
    let address = url_of(&server) + "/";
    let mut browser = open(&format!("{address}#/new"));
    until(&mut browser, "nothing is there yet", &shows("add what computes"));

    // By keyboard: a topic, windows, and an edge between them.
    browser.value("document.activeElement.blur()");
    tab_to(&mut browser, "Topic");
    browser.press("Enter");
    type_into(&mut browser, "topic", "seismic-data-topic");
    is_node(&mut browser, "seismic-data-topic");
    browser.value(&format!("{}.focus()", tool("Windows")));
    browser.press("Enter");
    is_node(&mut browser, "Windows");
    type_into(&mut browser, "idle_timeout", "0");
    browser.value("document.querySelector('.palette button').focus()");
    tab_to(&mut browser, "Connect seismic-data-topic");
    browser.press("Enter");
    until(&mut browser, "an edge is begun", "document.querySelector('[data-connecting]') !== null");
    tab_to(&mut browser, "Operator, Windows");
    browser.press("Enter");
    until(&mut browser, "they are connected", &shows("topic = \"seismic-data-topic\""));

    // By mouse: a sink, and an edge to it that is drawn.
    browser.value(&format!("{}.click()", tool("Sink")));
    is_node(&mut browser, "csv");
    type_into(&mut browser, "target", "built-rows");
    let port = "document.querySelector('[aria-label^=\"Connect results\"]')";
    until(&mut browser, "results have a port", &format!("{port} !== null"));
    let to = format!("{}.closest('.node-box')", node("csv"));
    drag(&mut browser, port, &to);
    until(&mut browser, "the sink is in the file", &shows("target = \"built-rows\""));

    // What is wrong is said while it is typed, with its key, and marks the node.
    browser.value(&format!("{}.click()", node("Windows")));
    type_into(&mut browser, "window", "1 second");
    until(&mut browser, "it is wrong", &shows("This is wrong with it"));
    until(&mut browser, "where", &format!("{}.dataset.fault === 'yes'", node("Windows")));

    // An answer to what was typed before is none to what has been typed since.
    browser.value(HELD_ANSWERS);
    type_into(&mut browser, "window", "2s");
    until(&mut browser, "an answer is under way", "held.length === 1");
    browser.value(&format!("{}.click()", tool("Job …")));
    type_into(&mut browser, "name", "built");
    browser.value("(async () => { held[0](); await new Promise((done) => setTimeout(done)); })()");
    assert_eq!(browser.value(&shows("It is valid")), false);
    until(&mut browser, "the next answer is under way", "held.length === 2");
    browser.value("held[1]()");
    until(&mut browser, "it is valid", &shows("It is valid"));
    assert_eq!(browser.value(&shows("name = \"built\"")), true);
    browser.value("fetch = unheld");
    press(&mut browser, "Submit …");
    until(&mut browser, "it asks why", "document.querySelector('dialog input') !== null");
    browser.call("Input.insertText", json!({ "text": "made by hand" }));
    browser.press("Enter");
    until(
        &mut browser,
        "the job is shown",
        "document.querySelector('h1')?.textContent === 'built'",
    );
    is_node(&mut browser, "csv");
    press(&mut browser, "Start");
    let client = crate::http::client::Client::new(
        address.trim_start_matches("http://").trim_end_matches('/').parse().unwrap(),
    );
    let version = client.get("/api/v1/jobs/built/version").json(200);
    assert_eq!(version["comment"], "made by hand");
    assert_eq!(
        version["text"],
        "idle_timeout = \"0\"\ntopic = \"seismic-data-topic\"\n\
         sink = [{ type = \"csv\", target = \"built-rows\" }]\nwindow = \"2s\"\nname = \"built\"\n"
    );
    wait_until("rows are in the files", || {
        let files = std::fs::read_dir(stage.stage.path("built-rows")).into_iter().flatten();
        let texts = files.filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok());
        texts.map(|text| text.lines().count()).sum::<usize>() > 10
    });
    clean(&browser, &address);
    drop(browser);
    assert_eq!(server.stop_within(Signal::TERM, STOP).code, Some(0));
}

/// What is appended to the queue, and the rows of the roll-up, too: no edge is without a rate.
fn every_edge_says_what_flows(browser: &mut Chromium, client: &Client) {
    until(
        browser,
        "every edge says what flows there",
        "[...document.querySelectorAll('.edges text')].every((it) => /^[0-9,.]+[kM]?( msg)?\\/s$/.test(it.textContent))",
    );
    let messages = "[...document.querySelectorAll('.edges text')].filter((it) => it.textContent.endsWith(' msg/s')).length";
    assert_eq!(browser.value(messages), 1);
    let status = |path: &str| client.get(path).json(200);
    wait_until("the event has what the status has", || {
        let event = client.get("/api/v1/events?count=1").body;
        let data = event.lines().find_map(|it| it.strip_prefix("data: ")).unwrap();
        let event: Value = serde_json::from_str(data).unwrap();
        let coast = &event["jobs"][0];
        let status = status("/api/v1/jobs/coast/status");
        let rows = &status["rollups"][0]["rows"];
        coast["appended"].as_u64() > Some(0) && coast["rollups"] == json!([rows]) && *rows != 0
    });
}

/// What came later is in neither of the first two.
fn any_two_versions_are_compared(browser: &mut Chromium, client: &Client, text: &str) {
    let marked = "document.querySelectorAll('.node[data-mark]').length";
    let third = text.replace(HOSTILE, "other").replace("rollup = ['10s']\n", "");
    client.post("/api/v1/jobs", &json!({ "text": third }).to_string()).json(201);
    let newest = "[...document.querySelectorAll('[aria-label=\"Compare with\"] option')].some((it) => it.value === '3')";
    until(browser, "the third version is known", newest);
    choose(browser, "Compare with", "1");
    choose(browser, "Version that is shown", "2");
    until(browser, "it is said", &shows("Version 2 is other than 1 in window"));
    assert_eq!(browser.value(marked), 1);
    is_node(browser, "coast-rows-10s");
    choose(browser, "Compare with", "2");
    choose(browser, "Version that is shown", "3");
    until(browser, "it is said", &shows("Version 3 is other than 2 in "));
    let marks = {
        let all = "[...document.querySelectorAll('.node[data-mark]')].map((it) => `${it.querySelector('.node-detail').textContent} ${it.dataset.mark}`).sort().join('|')";
        browser.value(all).as_str().unwrap().to_owned()
    };
    let of_third = format!("csv:{HOSTILE} gone|csv:other new|roll-up of 10s gone");
    assert_eq!(marks, of_third);
    choose(browser, "Compare with", "");
    until(browser, "nothing is compared", &format!("{marked} === 0"));
}

/// A job and a statement over its rows, with comments and a hostile description.
const CHAIN: [&str; 2] = [
    "# The coast.\nname = 'coast' # all of it\nsink = ['csv:rows']\nidle_timeout = '0'\n\
     group = 'coast'\nresult_topic = 'coast-rows'\ndead_topic = 'coast-dead'\nrollup = ['10s']\n",
    "name = 'strong'\nsql = 'select sensor_id from rows where max_amplitude > 0'\n\
     [input]\ntopic = 'coast-rows'\nof = 'coast'\nformat = 'windows'\n\
     [output]\ntopic = 'strong-rows'\ncolumns = ['sensor_id text']\n",
];

#[test]
fn a_chain_of_jobs_is_one_graph_with_rates_and_a_job_is_changed_without_losing_what_is_not_shown() {
    if !is_there() {
        return;
    }
    let stage = ServeStage::with_records(&["--records", "3000"]);
    let server = stage.stage.spawn(&["serve", "--http", "127.0.0.1:0,requests_per_s=5000"]);
    let address = url_of(&server) + "/";
    let client = crate::http::client::Client::new(
        address.trim_start_matches("http://").trim_end_matches('/').parse().unwrap(),
    );
    let hostile = json!({ "text": CHAIN[0].replace("csv:rows", &format!("csv:{HOSTILE}")) });
    client.post("/api/v1/jobs", &hostile.to_string()).json(201);
    client.post("/api/v1/jobs", &json!({ "text": CHAIN[1] }).to_string()).json(201);
    for job in ["coast", "strong"] {
        client.post(&format!("/api/v1/jobs/{job}/start"), "{}").json(202);
        stage.wait_for_state(job, "running");
    }
    let mut browser = open(&format!("{address}#/graph"));
    for title in
        ["seismic-data-topic", "Windows", "coast-rows", "coast-dead", "csv", "SQL statement"]
    {
        is_node(&mut browser, title);
    }
    // The topic between them is there once.
    let titles = "[...document.querySelectorAll('.node-title')].filter((it) => it.textContent === 'coast-rows').length";
    assert_eq!(browser.value(titles), 1);
    until(
        &mut browser,
        "both run",
        "document.querySelectorAll('.node[data-health=ok]').length === 2",
    );
    // What flows is on the edges, as it is read.
    let flows = "[...document.querySelectorAll('.edges text')].some((it) => /^[1-9][0-9,.]*\\/s$/.test(it.textContent))";
    let mut batches = 0;
    wait_until("something flows", || {
        if batches < 100 {
            stage.stage.generate(&["--records", "200"]);
            batches += 1;
        }
        browser.holds(flows)
    });
    every_edge_says_what_flows(&mut browser, &client);
    // A hostile place is a text like any other.
    let listed = format!("{}.textContent.includes('<img src=x')", node("csv"));
    assert_eq!(browser.value(&listed), true);
    assert_eq!(browser.value("document.querySelectorAll('img').length"), 0);

    // Arrows walk along the edges, and Enter goes to the job.
    browser.value(&format!("{}.focus()", node("seismic-data-topic")));
    browser.press("ArrowRight");
    let focused = "document.activeElement.querySelector('.node-title')?.textContent";
    assert_eq!(browser.value(focused), "Windows");
    browser.press("Enter");
    until(
        &mut browser,
        "the job is shown",
        "document.querySelector('h1')?.textContent === 'coast'",
    );
    is_node(&mut browser, "SQL statement");

    // It is changed: a draft first, which the other keys and the comments stay in.
    press(&mut browser, "Edit");
    until(&mut browser, "its file is shown", &shows("# The coast."));
    browser.value(&format!("{}.click()", node("Windows")));
    type_into(&mut browser, "window", "5s");
    until(&mut browser, "the file follows", &shows("window = \"5s\""));
    press(&mut browser, "Save draft");
    until(
        &mut browser,
        "the draft is saved",
        "document.querySelector('#said').textContent === 'The draft is saved'",
    );
    let draft = client.get("/api/v1/jobs/coast/draft").json(200);
    let text = draft["draft"]["text"].as_str().unwrap();
    assert!(text.starts_with("# The coast.\nname = 'coast' # all of it\n"), "{text}");
    assert!(text.contains("window = \"5s\""), "{text}");
    client.post("/api/v1/jobs/coast/stop", "{}").json(202);
    stage.wait_for_state("coast", "stopped");
    press(&mut browser, "Submit …");
    until(&mut browser, "it asks why", "document.querySelector('dialog input') !== null");
    browser.press("Enter");
    until(
        &mut browser,
        "the graph is shown",
        "document.querySelector('[aria-label=\"Compare with\"]')?.hidden === false",
    );

    // The difference of the versions marks the node of what has changed, and no other.
    choose(&mut browser, "Compare with", "1");
    until(
        &mut browser,
        "windows are marked",
        &format!("{}.dataset.mark === 'window: 1s → 5s'", node("Windows")),
    );
    let marked = "document.querySelectorAll('.node[data-mark]').length";
    assert_eq!(browser.value(marked), 1);
    any_two_versions_are_compared(&mut browser, &client, text);
    assert_eq!(browser.value("document.title"), "coast – seismic");
    clean(&browser, &address);
    drop(browser);
    assert_eq!(server.stop_within(Signal::TERM, STOP).code, Some(0));
}
