//! Two who want the right to scale one job, on a real broker.

use super::*;
use crate::KafkaQueue;
use crate::tests::{GROUP, OnKafka};
use seismic_queue::conformance::Backend as _;
use seismic_queue::for_a_while;

fn lease(on: &OnKafka, input: &Topic) -> KafkaScalingLease {
    let cluster = KafkaQueue::open(&on.address).unwrap().cluster;
    KafkaScalingLease::new(&cluster, GROUP, input).unwrap()
}

#[test]
fn whoever_has_taken_it_last_notes_it_and_the_one_before_is_refused_and_told_who_that_is() {
    let Some(on) = OnKafka::new() else { return };
    let input = on.queue().create("in", 1).unwrap();
    let (mut one, mut other) = (lease(&on, &input), lease(&on, &input));
    let noted = |holder: &str, number| Some(ScalingNote { holder: holder.to_owned(), number });
    // Tests before this one may have left a note, and a broker that has just begun looks for it.
    let before = for_a_while(|| one.note()).unwrap();
    let first = before.as_ref().map_or(0, |note| note.number + 1);
    assert_eq!(one.acquire("one").unwrap(), before);
    assert_eq!(other.note().unwrap(), noted("one", first));
    one.renew().unwrap();
    assert_eq!(other.note().unwrap(), noted("one", first + 1));
    assert_eq!(other.acquire("other").unwrap(), noted("one", first + 1));
    let error = one.renew().unwrap_err();
    assert!(matches!(&error, Error::Owned { by, .. } if by == "other"), "{error}");
    // It has nothing any more, and what the other one has noted stays.
    assert!(matches!(one.renew().unwrap_err(), Error::Owned { .. }));
    assert_eq!(one.note().unwrap(), noted("other", first + 2));
    other.renew().unwrap();
    assert_eq!(one.acquire("one").unwrap(), noted("other", first + 3));
}
