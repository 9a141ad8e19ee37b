//! A local HTTP server that receives alarms.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

/// What was received: the signature and the body of each request.
#[derive(Clone)]
pub struct Webhook {
    pub url: String,
    received: Arc<Mutex<Vec<(String, String)>>>,
    /// Status of its answers; 0: an error first, and 200 then.
    status: Arc<AtomicU16>,
}

impl Webhook {
    /// Listens until the process ends. The first request is answered with an error.
    pub fn start() -> Webhook {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/alarms", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let status = Arc::new(AtomicU16::new(0));
        let of_answers = Arc::clone(&status);
        thread::spawn(move || {
            let mut is_first = true;
            for stream in listener.incoming().flatten() {
                let Some(request) = read(&stream) else { continue };
                let status = match of_answers.load(Ordering::Relaxed) {
                    0 if is_first => 503,
                    0 => 200,
                    status => status,
                };
                is_first = false;
                let answer = format!(
                    "HTTP/1.1 {status} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                let _ = (&stream).write_all(answer.as_bytes());
                if status == 200 {
                    kept.lock().unwrap().push(request);
                }
            }
        });
        Webhook { url, received, status }
    }

    /// Answers with that status from now on.
    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    pub fn received(&self) -> Vec<(String, String)> {
        self.received.lock().unwrap().clone()
    }

    /// All alarms that were received, in their order.
    pub fn alarms(&self) -> Vec<Value> {
        let alarms = |(_, body): (String, String)| {
            let body: Value = serde_json::from_str(&body).unwrap();
            body["alarms"].as_array().unwrap().clone()
        };
        self.received().into_iter().flat_map(alarms).collect()
    }
}

/// Signature and body of a request.
fn read(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut signature) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else {
            if line.trim().is_empty() {
                break;
            }
            continue;
        };
        match &*name.to_ascii_lowercase() {
            "content-length" => length = value.trim().parse().ok()?,
            "x-seismic-signature" => signature = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((signature, String::from_utf8(body).ok()?))
}
