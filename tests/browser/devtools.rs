//! A real Chromium, controlled through its DevTools protocol: JSON over its file descriptors 3 and
//! 4, each message ended by a zero byte.

use std::env;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// Longest wait for an answer: only a hang meets it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser. It ends with this.
pub struct Chromium {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    last_id: u64,
    session: Option<String>,
    /// What happened since the start.
    pub events: Vec<Value>,
    _profile: TempDir,
}

/// Whether there is a Chromium; in CI there must be one.
pub fn is_there() -> bool {
    let found = Command::new("chromium")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let is_ci = env::var("CI").is_ok_and(|value| value == "true");
    assert!(found || !is_ci, "there is no chromium: apt-get install chromium");
    if !found {
        eprintln!("SKIPPED: there is no chromium; apt-get install chromium");
    }
    found
}

impl Chromium {
    /// Starts one with an empty page.
    pub fn start() -> Chromium {
        let profile = tempfile::tempdir().unwrap();
        // The shell gives it the descriptors that it wants.
        let script = "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null";
        let mut child = Command::new("sh")
            .args(["-c", script, "sh", "--headless=new", "--no-sandbox", "--disable-gpu"])
            .args(["--remote-debugging-pipe", "--no-first-run", "--disable-background-networking"])
            .args(["--disable-dev-shm-usage", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(profile.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            while output.read_until(0, &mut bytes).is_ok_and(|read| read > 0) {
                bytes.pop();
                let message = serde_json::from_slice(&bytes).unwrap();
                if sender.send(message).is_err() {
                    return;
                }
                bytes.clear();
            }
        });
        let mut browser = Chromium {
            child,
            input,
            messages,
            last_id: 0,
            session: None,
            events: Vec::new(),
            _profile: profile,
        };
        let page = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let target = json!({ "targetId": page["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", target);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Has it do something; what it answers.
    #[track_caller]
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.answer(method, params);
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].take()
    }

    /// The same with what it says of an error.
    #[track_caller]
    fn answer(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.input.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let answer = self.messages.recv_timeout(PATIENCE).unwrap_or_else(|error| {
                panic!("chromium does not answer {method}: {error}");
            });
            if answer["id"] == self.last_id {
                return answer;
            }
            self.events.push(answer);
        }
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub fn value(&mut self, expression: &str) -> Value {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// Whether an expression holds; not in a page that is just being replaced, as after a reload.
    #[track_caller]
    pub fn holds(&mut self, expression: &str) -> bool {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.answer("Runtime.evaluate", params);
        if answer["error"]["message"].as_str().is_some_and(|why| why.contains("navigated")) {
            return false;
        }
        assert!(answer["error"].is_null(), "{expression}: {answer}");
        let result = &answer["result"];
        assert!(result["exceptionDetails"].is_null(), "{expression}: {answer}");
        result["result"]["value"] == true
    }

    /// What a person sees of the page: its place, its text and any dialog; none of a browser that is gone.
    fn text(&mut self) -> Option<String> {
        let text = "location.href + '\\n' + document.body.innerText";
        self.last_id += 1;
        let message = json!({
            "id": self.last_id, "method": "Runtime.evaluate", "sessionId": self.session,
            "params": { "expression": text, "returnByValue": true },
        });
        self.input.write_all(format!("{message}\0").as_bytes()).ok()?;
        loop {
            let answer = self.messages.recv_timeout(PATIENCE).ok()?;
            if answer["id"] == self.last_id {
                return answer["result"]["result"]["value"].as_str().map(str::to_owned);
            }
        }
    }

    /// Types a text, key by key, into what has the focus.
    pub fn type_text(&mut self, text: &str) {
        for key in text.chars() {
            for (kind, text) in [("keyDown", key.to_string()), ("keyUp", String::new())] {
                let key = key.to_string();
                self.call(
                    "Input.dispatchKeyEvent",
                    json!({ "type": kind, "key": key, "text": text }),
                );
            }
        }
    }

    /// Presses a key and lets it go.
    pub fn press(&mut self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            _ => 32,
        };
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let params = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code,
                "text": if kind == "keyDown" { text } else { "" },
            });
            self.call("Input.dispatchKeyEvent", params);
        }
    }

    /// Waits until there was an event of this kind.
    #[track_caller]
    pub fn wait_for_event(&mut self, method: &str) {
        while self.events_of(method).next().is_none() {
            let message = self.messages.recv_timeout(PATIENCE);
            let message = message.unwrap_or_else(|error| panic!("no {method}: {error}"));
            self.events.push(message);
        }
    }

    /// Its first process, of which all others are.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Of every event of this kind, its parameters.
    pub fn events_of<'a>(&'a self, method: &'a str) -> impl Iterator<Item = &'a Value> + 'a {
        let of_it = self.events.iter().filter(move |event| event["method"] == *method);
        of_it.map(|event| &event["params"])
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the page\n{}", self.text().unwrap_or_default());
        }
        // Its helpers end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
