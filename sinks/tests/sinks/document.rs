//! Documents over HTTP, at a server that does as it likes.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use seismic_queue::Kind;
use seismic_sinks::document::HttpDocument;

/// More than any of these takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that answers each request so, and what it was asked.
fn server(answer: impl Fn(&mut TcpStream) + Send + 'static) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, requests) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut request, mut bytes) = (Vec::new(), [0; 1024]);
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                let read = stream.read(&mut bytes).unwrap();
                if read == 0 {
                    break;
                }
                request.extend_from_slice(&bytes[..read]);
            }
            if asked.send(String::from_utf8_lossy(&request).into_owned()).is_err() {
                return;
            }
            answer(&mut stream);
            let _ = stream.shutdown(Shutdown::Both);
        }
    });
    (format!("http://{address}"), requests)
}

fn saying(answer: &'static str) -> (String, Receiver<String>) {
    server(move |stream| stream.write_all(answer.as_bytes()).unwrap())
}

fn document(address: &str, options: &[(&str, &str)]) -> HttpDocument {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    HttpDocument::new(address, &options.collect()).unwrap()
}

#[test]
fn a_document_is_read_with_the_login_of_its_reader() {
    let (address, requests) =
        saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "hunter2\n").unwrap();
    let file = file.to_str().unwrap();
    let read = document(&format!("{address}/v1?kind=a"), &[("token_file", file)]).read(10);
    assert_eq!(read.unwrap(), b"[]");
    let asked = requests.recv().unwrap().to_lowercase();
    assert!(asked.starts_with("get /v1?kind=a http/1.1"), "{asked}");
    assert!(asked.contains("authorization: bearer hunter2"), "{asked}");
    let with_user = address.replace("http://", "http://me@");
    document(&with_user, &[("password_file", file)]).read(10).unwrap();
    // me:hunter2
    let asked = requests.recv().unwrap();
    assert!(asked.contains("Basic bWU6aHVudGVyMg=="), "{asked}");
}

#[test]
fn what_a_hostile_server_says_is_told_and_ends() {
    for (answer, kind, why) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n[",
            Kind::Config,
            "it is longer than 1 MiB",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/x\r\n\r\n",
            Kind::Config,
            "http://10.0.0.1/x",
        ),
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nno\x07", Kind::Config, "says 401"),
        ("HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n", Kind::Retry, "says 503"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[1", Kind::Retry, ""),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", Kind::Retry, ""),
    ] {
        let (address, requests) = saying(answer);
        let error = document(&address, &[]).read_within(1 << 20, PATIENCE).unwrap_err();
        let words = error.to_string();
        assert!(words.starts_with(&format!("{address}: reading the table failed: ")), "{words}");
        assert!(words.contains(why) && !words.contains('\x07'), "{words}");
        assert_eq!(error.kind(), kind, "{words}");
        // A redirection is not followed.
        assert_eq!((requests.iter().take(1).count(), requests.try_iter().count()), (1, 0));
    }
}

#[test]
fn a_document_that_never_ends_is_read_no_further_than_it_may_be() {
    let (address, _requests) = server(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while stream.write_all(b"10\r\n[[[[[[[[[[[[[[[[\r\n").is_ok() {}
    });
    let error = document(&address, &[]).read_within(1 << 20, PATIENCE).unwrap_err();
    assert!(error.to_string().contains("it is longer than 1 MiB"), "{error}");
}

#[test]
fn a_document_that_comes_drop_by_drop_is_given_up() {
    let (address, _requests) = server(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        while stream.write_all(b"[").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let begun = Instant::now();
    let patience = Duration::from_millis(300);
    let error = document(&address, &[]).read_within(1 << 20, patience).unwrap_err();
    assert!(error.to_string().contains("it did not come whole within 0.3 s"), "{error}");
    assert_eq!(error.kind(), Kind::Retry);
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn a_secret_in_an_address_is_refused_and_not_repeated() {
    for (address, options, why) in [
        ("http://me:hunter2@db/x", &[][..], "password_file=FILE"),
        ("http://db/x?Api_Key=hunter2", &[], "token_file"),
        ("http://db/x#y", &[], "more than host, port and path"),
        ("http://", &[], "names no host"),
        ("http://db/x", &[("sslmode", "require")], "sslmode is for tables of a database"),
        ("http://db/x", &[("password_file", "x")], "needs a user in the address"),
        ("http://db/x", &[("ssl_ca", "x")], "without https"),
        ("http://me@db/x", &[("token_file", "x")], "two logins"),
    ] {
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let refused = HttpDocument::new(address, &options.collect()).unwrap_err();
        assert!(refused.contains(why) && !refused.contains("hunter2"), "{address}: {refused}");
    }
}
