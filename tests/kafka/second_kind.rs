//! A job with two inputs and a keyed output in Kafka: the positions of both are in one transaction.

use seismic::job::location::Location;

use super::trial::Trial;
use crate::job::second_kind::runs_and_is_proved;

#[test]
#[ignore = "more on brokers: .ci/run"]
fn a_job_with_two_inputs_and_a_keyed_output_runs_in_kafka() {
    let Some(trial) = Trial::new() else { return };
    runs_and_is_proved(&Location {
        queue: trial.url().parse().unwrap(),
        group: "counts".to_owned(),
        ..Location::default()
    });
}
