//! Reports clock steps while a job runs: at once, and less and less often when there are many.
//! Pure; time is an input.

use std::time::Duration;

use crate::engine::clock_step::ClockStep;
use crate::limits;
use crate::runner::notices::notice::{ClockSteps, Notice};

/// Steps of the clocks that one slot has.
#[derive(Debug, Default)]
pub struct StepWatch {
    /// Those not reported yet, as far as they would be named, and how many there are.
    named: Vec<ClockStep>,
    total: u64,
    /// When some were last reported, and how long to wait from then on.
    told: Option<(Duration, Duration)>,
}

impl StepWatch {
    /// Takes steps, of which not all need be named.
    pub fn see(&mut self, steps: Vec<ClockStep>, total: u64) {
        self.total += total;
        let room = limits::NAMED_IN_NOTICE.saturating_sub(self.named.len());
        self.named.extend(steps.into_iter().take(room));
    }

    /// The notice that is due, or everything if this is the last time.
    pub fn tell(&mut self, now: Duration, is_last: bool) -> Option<Notice> {
        if self.total == 0 {
            return None;
        }
        let wait = match self.told {
            Some((at, _)) if now.saturating_sub(at) >= 2 * limits::NOTICE_AGAIN_EVERY => {
                Duration::ZERO
            }
            Some((at, wait)) if !is_last && now.saturating_sub(at) < wait => return None,
            Some((_, wait)) => wait,
            None => Duration::ZERO,
        };
        let next = (wait * 2).clamp(limits::STEPS_TOLD_EVERY, limits::NOTICE_AGAIN_EVERY);
        self.told = Some((now, next));
        let (named, total) = (std::mem::take(&mut self.named), std::mem::take(&mut self.total));
        Some(Notice::Steps(ClockSteps { named, total }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::clock_step::StepKind;

    fn step() -> ClockStep {
        let (from_ms, to_ms) = (1_000, 7_201_000);
        ClockStep { sensor: "S".to_owned(), kind: StepKind::Refuted, from_ms, to_ms }
    }

    #[test]
    fn each_step_is_told_and_many_are_told_together() {
        let (mut watch, mut told) = (StepWatch::default(), Vec::new());
        for second in 0..600 {
            watch.see(vec![step()], 1);
            let notice = watch.tell(Duration::from_secs(second), false);
            let Some(Notice::Steps(steps)) = notice else { continue };
            told.push((second, steps.total));
        }
        assert_eq!(told[..4], [(0, 1), (1, 1), (3, 2), (7, 4)]);
        assert!(told.len() < 20, "{told:?}");
        let rest = watch.tell(Duration::from_secs(600), true);
        let Some(Notice::Steps(rest)) = rest else { panic!("{rest:?}") };
        assert_eq!(told.iter().map(|(_, total)| total).sum::<u64>() + rest.total, 600);
    }

    #[test]
    fn a_step_after_a_quiet_minute_is_told_at_once_with_sensor_and_times() {
        let mut watch = StepWatch::default();
        for at in [0, 100, 200] {
            watch.see(vec![step()], 1);
            let notice = watch.tell(Duration::from_secs(at), false).unwrap();
            let words = notice.to_string();
            assert!(
                words.starts_with("sensor \"S\": a record with event time 7201000 "),
                "{words}"
            );
            assert!(words.contains("7200.0 s ahead"), "{words}");
        }
        assert_eq!(watch.tell(Duration::from_secs(300), true), None);
    }
}
