//! A year of quiet, swarms, an M7 with aftershocks, and outages with backfill.

use seismic_elastic::simulate::{Plant, QUIET_SHARE, both_policies, compare};

#[test]
fn target_needs_two_fifths_of_the_worker_hours_of_the_fixed_maximum_and_is_in_time() {
    let plant = Plant::default();
    let base = QUIET_SHARE * 24.0 * plant.slot_capacity;
    let comparison = compare(plant, base, 7, &both_policies(base));
    let [fixed, threshold, target] = &comparison.contenders[..] else { panic!("three") };
    let table = comparison.table();
    assert!(fixed.outcome.in_time >= 0.999, "{table}");
    assert!(threshold.outcome.in_time >= 0.99, "{table}");
    assert!(target.outcome.in_time >= 0.999, "{table}");
    assert!(comparison.hours_share(&target.outcome) <= 0.40, "{table}");
    assert!(target.outcome.changes_of_a_day <= 20, "{table}");
    assert!(target.outcome.worker_hours <= threshold.outcome.worker_hours, "{table}");
}
