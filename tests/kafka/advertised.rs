//! A broker that advertises an address that clients cannot reach.

use std::fs;
use std::time::{Duration, Instant};

use seismic_brokers::Kafka;

use crate::faults::line::Line;
use crate::stage::Stage;

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_broker_that_says_it_is_elsewhere_is_named_with_what_it_says_and_what_must_be_set() {
    let what = "advertised.listeners that clients cannot resolve or reach";
    let mut line = Line { place: "Kafka", ..Line::new(36, what) };
    let mut longest = Duration::ZERO;
    let Some(mut kafka) = Kafka::one() else { return };
    let properties = kafka.folder().join("node-1/server.properties");
    let settings = fs::read_to_string(&properties).unwrap();
    let of = |key: &str| settings.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    let wired = |listeners: &str| {
        let found = listeners.split(',').find_map(|it| it.strip_prefix("WIRED://"));
        found.unwrap().to_owned()
    };
    let (listens, advertised) = (wired(of("listeners=")), wired(of("advertised.listeners=")));
    let stage = Stage::new();
    // What a resolver says of a name that no one has depends on the network.
    for (elsewhere, cause) in
        [("no-such-host.invalid:9092", ""), ("127.0.0.1:9", "Connection refused")]
    {
        let (from, to) = (format!("WIRED://{advertised}"), format!("WIRED://{elsewhere}"));
        kafka.nodes[0].stop();
        fs::write(&properties, settings.replace(&from, &to)).unwrap();
        kafka.nodes[0].restart();
        let place = ["--queue".to_owned(), format!("kafka://{listens}")];
        for command in ["run", "status", "generate"] {
            let began = Instant::now();
            let done = stage.start(stage.command_at(&[command], &place)).wait();
            let took = began.elapsed();
            assert_eq!(done.code, Some(1), "{done}");
            let first = done.stderr.lines().next().unwrap_or_default();
            for word in [elsewhere, &listens, cause, "advertised.listeners"] {
                assert!(first.contains(word), "{word}: {done}");
            }
            // Given up after 8 s at most, with room for a start on a loaded machine.
            assert!(took < Duration::from_secs(20), "it took {took:?}: {done}");
            longest = longest.max(took);
            line.tries += 1;
        }
    }
    line.measured.push(format!("named after {} ms at most", longest.as_millis()));
    line.print();
}
