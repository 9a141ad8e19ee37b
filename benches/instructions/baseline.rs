//! The accepted counts, each with its reason. Pure, and tested in `tests/baseline.rs`, since a
//! bench has no tests of its own; `baseline.txt` is its text:
//!
//! ```text
//! # two lines of explanation
//! with rustc 1.95.0 on x86_64
//! decode 12.3
//! because this and that       one line for each time that it was recorded
//! ```

use std::fmt;
use std::str::FromStr;

/// How much worse a stage may become without a word, of one: what another processor or a patch of
/// the compiler changes is less.
const TOLERATED: f64 = 0.05;

const EXPLANATION: &str = "\
# Instructions per record of each stage. .ci/run fails when one becomes more than 5 % worse.
# Changed only by: cargo bench -p seismic-benches --bench instructions -- --record \"reason\"
";

/// Instructions per record, by stage.
pub type Counts = Vec<(String, f64)>;

/// What was accepted last.
#[derive(Debug, Default, PartialEq)]
pub struct Baseline {
    toolchain: String,
    counts: Counts,
    reasons: Vec<String>,
}

/// A stage that became worse.
#[derive(Debug, PartialEq)]
pub struct Worse {
    stage: String,
    /// Of one.
    by: f64,
}

impl Baseline {
    /// The stages that became worse by more than is tolerated.
    pub fn worse(&self, counts: &Counts) -> Vec<Worse> {
        let worse = counts.iter().filter_map(|(stage, count)| {
            let by = count / self.of(stage)? - 1.0;
            (by > TOLERATED).then(|| Worse { stage: stage.clone(), by })
        });
        worse.collect()
    }

    /// What to say of stages that became worse.
    pub fn verdict(&self, worse: &[Worse], toolchain: &str) -> String {
        let stages = worse.iter().map(|Worse { stage, by }| {
            format!("{stage} takes {:.1} % more instructions per record than accepted\n", by * 1e2)
        });
        let mut text: String = stages.collect();
        if toolchain != self.toolchain {
            let accepted = &self.toolchain;
            text += &format!("(accepted with {accepted}; this is {toolchain})\n");
        }
        text + "Make it cheaper, or accept it in the same commit, with the reason:\n    \
                cargo bench -p seismic-benches --bench instructions -- --record \"reason\""
    }

    /// All stages beside what was accepted.
    pub fn table(&self, counts: &Counts) -> String {
        let mut text = "instructions per record      now   accepted   change\n".to_owned();
        for (stage, now) in counts {
            text += &format!("{stage:<23} {now:>8.1}");
            text += &match self.of(stage) {
                Some(then) => format!(" {then:>10.1} {:>+7.1} %\n", (now / then - 1.0) * 100.0),
                None => "          -\n".to_owned(),
            };
        }
        text
    }

    /// The baseline after this one.
    pub fn next(mut self, counts: Counts, toolchain: String, reason: &str) -> Baseline {
        self.reasons.push(reason.replace('\n', " "));
        Baseline { toolchain, counts, reasons: self.reasons }
    }

    fn of(&self, stage: &str) -> Option<f64> {
        self.counts.iter().find(|(name, _)| name == stage).map(|&(_, count)| count)
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{EXPLANATION}with {}", self.toolchain)?;
        self.counts.iter().try_for_each(|(stage, count)| writeln!(f, "{stage} {count:.1}"))?;
        self.reasons.iter().try_for_each(|reason| writeln!(f, "because {reason}"))
    }
}

impl FromStr for Baseline {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut baseline = Baseline::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            match line.split_once(' ') {
                Some(("with", toolchain)) => baseline.toolchain = toolchain.to_owned(),
                Some(("because", reason)) => baseline.reasons.push(reason.to_owned()),
                Some((stage, count)) => {
                    let count = count.parse().ok().filter(|&count: &f64| count > 0.0);
                    let count = count.ok_or_else(|| format!("{line:?} is no stage and count"))?;
                    baseline.counts.push((stage.to_owned(), count));
                }
                None => return Err(format!("{line:?} is no stage and count")),
            }
        }
        Ok(baseline)
    }
}
