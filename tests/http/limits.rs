//! Requests beyond the limits: 429, while the job and its probes continue.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use super::ServedJob;
use crate::stage::{Stage, wait_until};

#[test]
fn beyond_the_rate_the_answer_is_429_and_probes_are_answered() {
    let stage = Stage::with_records(&["--records", "1000"]);
    let http = "127.0.0.1:0,requests_per_s=5";
    let served = ServedJob::at(&stage, http, &["--sink", "csv:rows"]);
    let answers: Vec<_> = (0..50).map(|_| served.client.get("/metrics")).collect();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(!refused.is_empty());
    assert_eq!(refused[0].error(429), "too_many_requests");
    assert_eq!(refused[0].header("retry-after"), Some("1"));
    assert!(answers.iter().any(|answer| answer.status == 200));
    assert!((0..20).all(|_| served.client.get("/healthz").status == 200));
    wait_until("a second that has permits again", || served.client.get("/metrics").status == 200);
}

#[test]
fn beyond_the_connections_the_answer_is_429_until_one_closes() {
    let stage = Stage::with_records(&["--records", "1000"]);
    let http = "127.0.0.1:0,connections=2";
    let served = ServedJob::at(&stage, http, &["--sink", "csv:rows"]);
    let idle = vec![served.client.connect(), served.client.connect()];
    // A connection is counted when it is accepted, a moment after it is made.
    wait_until("a refusal", || {
        let answer = served.client.get("/healthz");
        answer.status == 429 && answer.error(429) == "too_many_requests"
    });
    drop(idle);
    wait_until("a place", || served.client.get("/healthz").status == 200);
    served.until_ready();
}

/// A page that follows the job.
fn follow(served: &ServedJob) -> BufReader<TcpStream> {
    let mut stream = served.client.connect();
    let asked = format!("GET /api/v1/events HTTP/1.1\r\nHost: {}\r\n\r\n", served.client.address);
    stream.write_all(asked.as_bytes()).unwrap();
    BufReader::new(stream)
}

/// Reads a stream until it has shown the job so often.
fn read_events(stream: &mut BufReader<TcpStream>, count: usize) {
    let (mut seen, mut line) = (0, String::new());
    while seen < count {
        line.clear();
        assert!(
            stream.read_line(&mut line).unwrap() > 0,
            "the stream has ended after {seen} events"
        );
        seen += usize::from(line.starts_with("data: ") && line.contains("\"jobs\":[{"));
    }
}

#[test]
fn a_hundred_pages_follow_a_job_each_gets_its_events_and_one_more_is_refused() {
    let stage = Stage::with_records(&["--records", "1000"]);
    let served = ServedJob::start(&stage, &["--sink", "csv:rows"]);
    served.until_ready();
    let (threads, memory) = ("Threads:", "VmRSS:");
    let of_process = |name: &str| -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", served.job.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let before = (of_process(threads), of_process(memory));
    let mut pages: Vec<_> = (0..100).map(|_| follow(&served)).collect();
    for page in &mut pages {
        read_events(page, 3);
    }
    // One more page is told, and whoever asks for something else gets it.
    let refused = served.client.get("/api/v1/events");
    assert_eq!(refused.error(429), "too_many_requests");
    assert!(refused.body.contains("100 pages follow already"), "{refused:?}");
    assert_eq!(served.client.get("/api/v1/jobs").json(200)["jobs"][0]["state"], "running");
    // One thread makes the events of all of them.
    let now = (of_process(threads), of_process(memory));
    assert!(now.0 <= before.0 + 8, "{} threads, {} before", now.0, before.0);
    assert!(now.1 <= before.1 + (32 << 10), "{} KiB, {} before", now.1, before.1);
    drop(pages);
    wait_until("there is room for a page", || {
        served.client.get("/api/v1/events?count=1").status == 200
    });
}
