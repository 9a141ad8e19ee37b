//! The comparison of instruction counts, which is part of a bench and would have no tests there.

#[path = "../instructions/baseline.rs"]
mod baseline;

use baseline::{Baseline, Counts};

fn counts(engine: f64) -> Counts {
    vec![("decode".to_owned(), 20.0), ("engine".to_owned(), engine)]
}

fn accepted() -> Baseline {
    Baseline::default().next(counts(100.0), "rustc 1.95.0 on x86_64".to_owned(), "a beginning")
}

#[test]
fn a_baseline_reads_back_as_written() {
    let baseline = accepted().next(counts(90.0), "rustc 1.96.0".to_owned(), "two\nlines");
    assert_eq!(baseline.to_string().parse(), Ok(baseline));
    assert!("decode many".parse::<Baseline>().is_err());
    assert!("decode 0".parse::<Baseline>().is_err());
}

#[test]
fn more_than_five_per_cent_worse_is_worse_and_says_what_to_do() {
    let baseline = accepted();
    for fine in [50.0, 100.0, 104.9] {
        assert_eq!(baseline.worse(&counts(fine)), []);
    }
    let worse = baseline.worse(&counts(110.0));
    let said = baseline.verdict(&worse, "rustc 1.95.0 on x86_64");
    assert!(said.starts_with("engine takes 10.0 % more instructions per record"), "{said}");
    assert!(said.contains("--record \"reason\"") && !said.contains("rustc"), "{said}");
    assert!(baseline.verdict(&worse, "rustc 1.96.0").contains("this is rustc 1.96.0"));
}

#[test]
fn a_new_stage_has_nothing_to_be_worse_than() {
    let counts = vec![("sort".to_owned(), 1e9)];
    assert_eq!(accepted().worse(&counts), []);
    assert!(accepted().table(&counts).contains("sort"));
}
