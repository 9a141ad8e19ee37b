//! Pictures for the documents, made by `docs/screenshots.sh`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::devtools::{Chromium, is_there};
use super::{address, until};
use crate::serve::ServeStage;
use crate::stage::{STOP, let_it_work};

/// Name, width, height, colours, part of the page.
const PICTURES: [(&str, u32, u32, &str, &str); 6] = [
    ("page-light", 1_280, 1_400, "light", "#/job/demo"),
    ("page-dark", 1_280, 1_400, "dark", "#/job/demo"),
    ("page-phone", 390, 844, "dark", "#/job/demo"),
    ("page-graph", 1_520, 580, "light", "#/job/demo/graph"),
    ("page-editor", 1_480, 980, "dark", "#/job/demo/edit"),
    ("page-dead-letters", 1_280, 800, "light", "#/job/demo/dead-letters"),
];

#[test]
#[ignore = "makes pictures: docs/screenshots.sh"]
fn pictures_of_the_page() {
    if !is_there() {
        return;
    }
    let stage = ServeStage::with_records(&["--records", "10"]);
    // The demo's own job file, for a machine whose disk is nearly full.
    let jobs = stage.stage.path("output/serve-demo/jobs");
    fs::create_dir_all(&jobs).unwrap();
    // Beside it, a statement over its rows: a chain.
    let strong = "name = 'strong'\ngroup = 'strong'\nqueue = 'sqlite:output/serve-demo/queue.db'\n\
                  sql = 'select sensor_id, window_start_ts, max_amplitude from rows where max_amplitude >= 1.0'\n\
                  [alarms]\ndisk = false\n[input]\ntopic = 'demo-rows'\nof = 'demo'\nformat = 'windows'\n\
                  [output]\ntopic = 'strong-rows'\n\
                  columns = ['sensor_id text', 'window_start_ts int', 'max_amplitude real']\n";
    fs::write(jobs.join("strong.toml"), strong).unwrap();
    let job = "name = 'demo'\ngroup = 'demo'\nresult_topic = 'demo-rows'\nqueue = 'sqlite:output/serve-demo/queue.db'\n\
               sink = ['csv:output/serve-demo/rows']\nrollup = ['10s']\n[alarms]\ndisk = false\n";
    fs::write(jobs.join("demo.toml"), job).unwrap();
    let server = stage.stage.spawn(&["serve", "--demo", "--http", "127.0.0.1:0"]);
    let address = address(&server);
    let mut browser = Chromium::start();
    browser.call("Page.navigate", json!({ "url": address }));
    let is_shown = "document.querySelector('#jobs')?.textContent.includes('strong')";
    until(&mut browser, "the jobs are shown", is_shown);
    // A chart with nothing in it shows nothing.
    let_it_work(Duration::from_secs(150));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/plots");
    for (name, width, height, colors, part) in PICTURES {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1,
                           "mobile": width < 600 });
        browser.call("Emulation.setDeviceMetricsOverride", size);
        let feature = json!({ "name": "prefers-color-scheme", "value": colors });
        browser.call("Emulation.setEmulatedMedia", json!({ "features": [feature] }));
        browser.value(&format!("location.hash = {}", Value::from(part)));
        let_it_work(Duration::from_secs(8));
        let choose = "[...document.querySelectorAll('.editor .node')].find((it) => it.textContent.includes('Windows'))?.click()";
        browser.value(choose);
        let_it_work(Duration::from_secs(1));
        let picture = browser.call("Page.captureScreenshot", json!({ "format": "png" }));
        let bytes = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }
    drop(browser);
    assert_eq!(server.stop_within(Signal::TERM, STOP).code, Some(0));
}
