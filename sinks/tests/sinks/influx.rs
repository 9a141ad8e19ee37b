//! Lines in a file and at a server: repeated lines are the same point, and server errors.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use seismic_queue::{Kind, Offset, Partition};
use seismic_sinks::conformance::{ROWS, batch, row, spans_of, write};
use seismic_sinks::{Context, Error, Sink, SinkSpec};

fn open(spec: &str) -> Box<dyn Sink> {
    let spec: SinkSpec = spec.parse().unwrap();
    let mut sink = seismic_sinks::open(&spec, &Context::new("home", "results")).unwrap();
    sink.recover(&spans_of(ROWS)).unwrap();
    sink
}

#[test]
fn lines_are_added_to_a_file_and_half_a_line_of_a_crash_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("lines/windows.lp");
    let spec = format!("influx:{},tags=sensor_id,pane,precision=s", at.display());
    let mut sink = open(&spec);
    let rows = batch(Partition(0), Offset(0), &[row(0, 0), row(0, 1)]);
    write(&mut *sink, &rows).unwrap();
    sink.sync().unwrap();
    drop(sink);
    let whole = std::fs::read_to_string(&at).unwrap();
    std::fs::write(&at, format!("{whole}seismic_windows,sensor_id=S0 rs")).unwrap();
    let mut sink = open(&spec);
    let second = spec.parse::<SinkSpec>().unwrap();
    let second = seismic_sinks::open(&second, &Context::new("home", "results"));
    assert_eq!(second.unwrap().recover(&spans_of(ROWS)).unwrap_err().kind(), Kind::Fenced);
    write(&mut *sink, &rows).unwrap();
    sink.sync().unwrap();
    // The same points: a server that reads the file has each once.
    assert_eq!(std::fs::read_to_string(&at).unwrap(), whole.repeat(2));
    assert!(whole.lines().next().unwrap().ends_with(" 0"), "{whole}");
    let error = write(&mut *sink, &batch(Partition(0), Offset(2), &[row(0, 2)])).unwrap_err();
    assert!(matches!(error, Error::RowRefused { offset: Offset(2), .. }), "{error}");
}

/// Answers requests with these statuses, in order; what each was.
fn server(statuses: &'static [u16]) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = move |(mut stream, status): (TcpStream, &u16)| {
        let mut from = BufReader::new(stream.try_clone().unwrap());
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            from.read_line(&mut line).unwrap();
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
            head += &line;
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body).unwrap();
        let words =
            format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        stream.write_all(words.as_bytes()).unwrap();
        format!("{head}\n{}", String::from_utf8(body).unwrap())
    };
    let connections = move || listener.accept().unwrap().0;
    let serve = move || statuses.iter().map(|status| answer((connections(), status))).collect();
    (address, thread::spawn(serve))
}

#[test]
fn a_server_gets_lines_until_it_has_taken_them_and_its_refusals_are_told_apart() {
    let (address, served) = server(&[503, 200, 400, 401]);
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "hunter2\n").unwrap();
    let spec = format!(
        "influx:http://{address}/api/v2/write?org=o&bucket=b&precision=ms&token=x,token_file={}",
        token.display()
    );
    let mut sink = open(&spec);
    assert!(!sink.name().contains("token"), "{}", sink.name());
    write(&mut *sink, &batch(Partition(0), Offset(0), &[row(0, 0)])).unwrap();
    assert_eq!(sink.sync().unwrap_err().kind(), Kind::Retry);
    sink.sync().unwrap();
    sink.sync().unwrap();
    write(&mut *sink, &batch(Partition(0), Offset(1), &[row(0, 1)])).unwrap();
    assert_eq!(sink.sync().unwrap_err().kind(), Kind::Data);
    assert_eq!(sink.sync().unwrap_err().kind(), Kind::Config);
    let requests = served.join().unwrap();
    assert_eq!(requests[0], requests[1], "nothing is lost, and nothing is added");
    assert!(requests[0].contains("/api/v2/write?org=o&bucket=b&precision=ms"), "{}", requests[0]);
    assert!(requests[0].to_lowercase().contains("authorization: token hunter2"), "{}", requests[0]);
    assert_eq!(requests[0].matches("seismic_windows,").count(), 1);
}

#[test]
fn two_buckets_of_a_server_are_two_sinks_and_the_order_of_parameters_makes_none() {
    let name = |query: &str| {
        let spec = format!("influx:http://db/api/v2/write?{query}&precision=ms");
        spec.parse::<SinkSpec>().unwrap().name()
    };
    let one = name("org=o&bucket=a&token=x");
    assert_eq!(one, "influx:http://db/api/v2/write,bucket=a,org=o,measurement=seismic_windows");
    assert_ne!(one, name("org=o&bucket=b&token=x"));
    assert_ne!(name("db=a"), name("db=a&rp=autogen"));
    assert_eq!(one, name("bucket=a&org=o"));
}

#[test]
fn an_address_with_a_password_or_without_its_unit_is_refused() {
    for (spec, why) in [
        ("influx:http://me:secret@db/write?precision=ms", "token_file"),
        ("influx:http://db/write?u=me&p=secret&precision=ms", "token_file"),
        ("influx:http://db/write?db=x", "precision=ms"),
        ("influx:http://db/write?db=x&precision=s", "precision=ms"),
        ("influx:http://db/write?db=x&precision=ms,precision=ns", "precision=ns"),
        ("influx:x,precision=m", "one of ms"),
    ] {
        let error = spec.parse::<SinkSpec>().unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains("secret"), "{spec}: {error}");
    }
    for spec in [
        "influx:http://db/write?db=x&rp=autogen&precision=ms",
        "influx:http://db/write?db=x,precision=ns",
        "influx:http://db/write?db=x&precision=u,precision=us",
        "influx:http://db/api/v3/write_lp?db=x&precision=second,precision=s",
    ] {
        assert!(spec.parse::<SinkSpec>().is_ok(), "{spec}");
    }
}
