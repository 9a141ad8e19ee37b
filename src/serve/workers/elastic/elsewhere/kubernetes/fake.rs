//! A small API server, after the API reference: `GET` and `PATCH` of the scale of one StatefulSet, with
//! what such servers do to their clients.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// What happens at a request, one after the other; nothing at the ones after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is answered.
    None,
    /// Somebody else scales the set before it is looked at.
    ScaledTo(u64),
    /// A patch is refused with 409.
    Conflict,
    /// It is refused with 403.
    Forbidden,
    /// What it asks for is done, and the connection breaks before the answer.
    LostAfterApplying,
    /// It is answered by a server that lags by so many changes.
    Stale(usize),
}

#[derive(Default)]
struct State {
    /// The numbers that the set had, the newest last; the version is its place.
    history: Vec<u64>,
    troubles: VecDeque<Trouble>,
    requests: Vec<String>,
}

/// The server. Its thread ends with the process.
pub struct ApiServer {
    address: String,
    state: Arc<Mutex<State>>,
}

impl ApiServer {
    pub fn start(replicas: u64, troubles: &[Trouble]) -> ApiServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (history, troubles) = (vec![replicas], troubles.iter().copied().collect());
        let state = Arc::new(Mutex::new(State { history, troubles, requests: vec![] }));
        let served = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &served);
            }
        });
        ApiServer { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn then(&self, troubles: &[Trouble]) {
        self.state.lock().unwrap().troubles.extend(troubles);
    }

    pub fn replicas(&self) -> u64 {
        *self.state.lock().unwrap().history.last().unwrap()
    }

    pub fn changes(&self) -> usize {
        let state = self.state.lock().unwrap();
        state.history.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    pub fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let request = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let (mut bytes, mut token, mut media) = (0, String::new(), String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match &*name.to_ascii_lowercase() {
            "content-length" => bytes = value.parse().unwrap(),
            "authorization" => token = value.to_owned(),
            "content-type" => media = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; bytes];
    reader.read_exact(&mut body).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let mut state = state.lock().unwrap();
    state.requests.push(request.clone());
    let trouble = state.troubles.pop_front().unwrap_or(Trouble::None);
    let Some((status, body)) = reply(&mut state, trouble, (&request, &token, &media), &body) else {
        return;
    };
    let text = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        text.len()
    );
    let _ = stream.write_all((head + &text).as_bytes());
}

/// Status and body; `None`: the connection breaks.
fn reply(
    state: &mut State,
    trouble: Trouble,
    (request, token, media): (&str, &str, &str),
    body: &Value,
) -> Option<(u16, Value)> {
    if token != "Bearer abc" {
        return Some(failure(401, "Unauthorized", "Unauthorized"));
    }
    if let Trouble::ScaledTo(replicas) = trouble {
        state.history.push(replicas);
    }
    if trouble == Trouble::Forbidden {
        let why = "statefulsets.apps \"seismic-workers\" is forbidden: User \
                   \"system:serviceaccount:quakes:default\" cannot patch resource \"statefulsets/scale\"";
        return Some(failure(403, "Forbidden", why));
    }
    let newest = state.history.len() - 1;
    if request.starts_with("GET ") {
        let lag = if let Trouble::Stale(lag) = trouble { lag } else { 0 };
        return Some((200, scale(state, newest - lag)));
    }
    if media != "application/merge-patch+json" {
        return Some(failure(415, "UnsupportedMediaType", "the body of the request"));
    }
    let is_newest = body["metadata"]["resourceVersion"] == *newest.to_string();
    if !is_newest || trouble == Trouble::Conflict {
        let why = "the object has been modified; please apply your changes to the latest version";
        return Some(failure(409, "Conflict", why));
    }
    state.history.push(body["spec"]["replicas"].as_u64().unwrap());
    (trouble != Trouble::LostAfterApplying).then(|| (200, scale(state, newest + 1)))
}

fn scale(state: &State, version: usize) -> Value {
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": "seismic-workers",
            "namespace": "quakes",
            "resourceVersion": version.to_string(),
        },
        "spec": { "replicas": state.history[version] },
        "status": { "replicas": state.history[version], "selector": "app=seismic-workers" },
    })
}

fn failure(code: u16, reason: &str, message: &str) -> (u16, Value) {
    let body = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    });
    (code, body)
}
