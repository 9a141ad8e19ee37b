//! A small OpenSearch in the test's own process, for faults at each request and answer: documents
//! with versions, `_bulk`, `_search` of what was refreshed, templates, settings.
//!
//! What it does and says is what OpenSearch 2.19 does and says as far as the sink asks for it; the
//! same suite runs on a real one in `real.rs`.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::indices::Indices;

/// One request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub head: String,
    pub body: String,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It is not done, and the connection is closed.
    Cut,
    /// It is done, and the connection is closed before it is answered.
    Lose,
    /// It is on its way until [`Fake::arrive`], and the connection is closed.
    Late,
    /// It is done, and never answered.
    Hang,
    /// It is not done, and answered so.
    Say(u16, &'static str),
    /// It is done, and answered with this.
    Answer(u16, &'static str),
    /// Each second document is done; the server is too busy for the others.
    Half,
}

/// Says what happens to the request of that number.
type Plan = Box<dyn FnMut(usize, &Request) -> Fault + Send>;

/// A server. It ends with this value.
pub struct Fake {
    address: String,
    shared: Arc<Shared>,
}

struct Shared {
    indices: Mutex<Indices>,
    plan: Mutex<Plan>,
    requests: Mutex<Vec<Request>>,
    late: Mutex<Vec<Request>>,
    is_over: AtomicBool,
    tls: Option<Arc<ServerConfig>>,
}

impl Fake {
    /// A server with nothing in it.
    pub fn new() -> Fake {
        Fake::start(Indices::default(), None)
    }

    /// The same behind TLS.
    pub fn with_tls(config: ServerConfig) -> Fake {
        Fake::start(Indices::default(), Some(Arc::new(config)))
    }

    /// Another one, with all that is in this.
    pub fn copy(&self) -> Fake {
        Fake::start(self.indices().clone(), None)
    }

    fn start(indices: Indices, tls: Option<Arc<ServerConfig>>) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            indices: Mutex::new(indices),
            plan: Mutex::new(Box::new(|_, _| Fault::None)),
            requests: Mutex::default(),
            late: Mutex::default(),
            is_over: AtomicBool::new(false),
            tls,
        });
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ours.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&ours);
                // An error is the end of the connection.
                thread::spawn(move || drop(shared.serve(stream)));
            }
        });
        Fake { address, shared }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn indices(&self) -> MutexGuard<'_, Indices> {
        lock(&self.shared.indices)
    }

    /// From now on this happens to requests; they are counted from 0 again.
    pub fn plan(&self, plan: impl FnMut(usize, &Request) -> Fault + Send + 'static) {
        let mut now = lock(&self.shared.plan);
        lock(&self.shared.requests).clear();
        *now = Box::new(plan);
    }

    /// Nothing happens to requests any more.
    pub fn heal(&self) {
        self.plan(|_, _| Fault::None);
    }

    /// The requests since the last plan.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// Has what is late done.
    pub fn arrive(&self) {
        for request in lock(&self.shared.late).drain(..) {
            self.indices().answer(&request, false);
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(&self.address));
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        match &self.tls {
            None => self.answer_all(stream),
            Some(config) => {
                let connection = ServerConnection::new(Arc::clone(config)).unwrap();
                self.answer_all(StreamOwned::new(connection, stream))
            }
        }
    }

    fn answer_all(&self, stream: impl Read + Write) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        while let Some(request) = read_request(&mut stream)? {
            let fault = {
                let (mut plan, mut requests) = (lock(&self.plan), lock(&self.requests));
                requests.push(request.clone());
                plan(requests.len() - 1, &request)
            };
            let answer = |is_half| lock(&self.indices).answer(&request, is_half);
            let (status, body) = match fault {
                Fault::None => answer(false),
                Fault::Half => answer(true),
                Fault::Cut => return Ok(()),
                Fault::Lose => {
                    answer(false);
                    return Ok(());
                }
                Fault::Late => {
                    lock(&self.late).push(request);
                    return Ok(());
                }
                Fault::Hang => {
                    answer(false);
                    while !self.is_over.load(Ordering::SeqCst) {
                        // A server that hangs does nothing until the test is over.
                        thread::sleep(Duration::from_millis(10));
                    }
                    return Ok(());
                }
                Fault::Say(status, body) => (status, json_or_text(body)),
                Fault::Answer(status, body) => {
                    answer(false);
                    (status, json_or_text(body))
                }
            };
            let body = match body {
                Value::String(text) => text,
                body => body.to_string(),
            };
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.get_mut().write_all((head + &body).as_bytes())?;
            stream.get_mut().flush()?;
        }
        Ok(())
    }
}

/// A text that is no JSON is said as it is.
fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

/// The next request; `None` at the end of the connection.
fn read_request(from: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let (mut head, mut length) = (String::new(), 0);
    loop {
        line.clear();
        from.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head += &line;
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    let body = String::from_utf8(body).unwrap();
    Ok(Some(Request { method, path, head, body }))
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
