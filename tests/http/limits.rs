//! Requests beyond the limits: 429, while the job and its probes continue.

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
