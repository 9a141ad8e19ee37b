//! Probes: alive is not ready.

use rustix::process::Signal;

use super::ServedJob;
use crate::stage::{Stage, wait_until};

#[test]
fn a_job_that_waits_for_its_topic_is_alive_and_not_ready() {
    let stage = Stage::new();
    let served = ServedJob::start(&stage, &["--sink", "csv:rows"]);
    assert_eq!(served.client.get("/healthz").status, 200);
    let refused = served.client.get("/readyz");
    assert_eq!(refused.error(503), "unavailable");
    assert!(refused.body.contains("starting"), "{refused:?}");
    // Its page is there, too, with why there is no status.
    let shown = served.client.get("/api/v1/jobs/seismic").json(200);
    assert_eq!(shown["job"]["state"], "starting");
    assert!(shown["status_error"].is_string(), "{shown}");
    stage.generate(&["--records", "100"]);
    served.until_ready();
    served.job.stop(Signal::TERM).ok();
}

#[test]
fn an_open_connection_does_not_keep_a_stopped_job() {
    let stage = Stage::with_records(&["--records", "100"]);
    let served = ServedJob::start(&stage, &["--sink", "csv:rows"]);
    served.until_ready();
    let _idle: Vec<_> = (0..3).map(|_| served.client.connect()).collect();
    let _slow = {
        use std::io::Write as _;
        let mut stream = served.client.connect();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHos").unwrap();
        stream
    };
    served.job.stop(Signal::TERM).ok();
}

#[test]
fn a_job_is_stopped_over_http_and_commits_what_it_has() {
    let stage = Stage::with_records(&["--records", "1000"]);
    let served = ServedJob::start(&stage, &["--sink", "csv:rows"]);
    served.until_ready();
    served.client.post("/api/v1/jobs/seismic/stop", "").json(202);
    served.job.wait().ok();
    stage.verify(&["rows"]);
    wait_until("a port that is free", || {
        std::net::TcpListener::bind(served.client.address).is_ok()
    });
}
