//! Validation of a whole job.

use std::fmt;

use seismic_derived::StatementKind;
use seismic_queue::{Topic, limits};
use seismic_sinks::SinkSpec;

use super::JobSpec;
use crate::job::repartition::first_dead_topic;

/// Something in a job that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The option.
    pub key: &'static str,
    /// What is wrong with it, with the allowed range.
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.why)
    }
}

impl JobSpec {
    /// Everything that is wrong with the job; empty when it can be started.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let of_rule =
            |fault: seismic_pipeline::RuleFault| Fault { key: fault.rule, why: fault.why };
        let mut faults: Vec<Fault> = match self.statement {
            Some(_) => Vec::new(),
            None => self.rules().faults().into_iter().map(of_rule).collect(),
        };
        let mut fault = |key, why| faults.push(Fault { key, why });
        if let Some(definition) = &self.statement {
            let found = StatementKind::new(definition.clone()).err().unwrap_or_default();
            found.into_iter().for_each(|it| fault(it.key, it.why));
            if self.once.accept_partitions {
                let why = "partitions cannot be added to the input of a job with sql: begin with \
                           another --group";
                fault("accept_partitions", why.to_owned());
            }
            for input in definition.inputs() {
                let is_of_it = input.of.as_ref().is_none_or(|of| *of == self.group);
                if is_of_it && input.topic == self.result_topic {
                    fault("output", format!("topic: {} is the input", input.topic));
                }
            }
            if let Some(join) = &definition.join
                && let Err(error) = Topic::check_name(&join.right.topic)
            {
                fault("input", format!("{}: topic: {error}", join.right.name));
            }
            // What it looks up would depend on when it is read.
            let own = [&self.result_topic, &self.dead_topic];
            for table in &self.tables {
                let Some(topic) = table.source.topic() else { continue };
                let is_of_it = topic.of.as_ref().is_none_or(|of| *of == self.group);
                if is_of_it && own.contains(&&topic.topic) {
                    let (table, source) = (&table.table, &table.source);
                    let why = format!(
                        "dimension.{table}: {source} is what this job writes: name another topic"
                    );
                    fault("dimension", why);
                }
            }
        }
        for (key, name) in [
            ("topic", &self.topic),
            ("result_topic", &self.result_topic),
            ("dead_topic", &self.dead_topic),
            ("group", &self.group),
        ] {
            if let Err(error) = Topic::check_name(name) {
                fault(key, error.to_string());
            }
        }
        let mut seen: Vec<&SinkSpec> = Vec::new();
        for sink in &self.sink {
            match seen.iter().any(|other| other.is_same_place(sink)) {
                true => fault("sink", format!("{sink} is given twice")),
                false => seen.push(sink),
            }
        }
        for (key, span) in
            [("idle_timeout", self.idle_timeout), ("commit_interval", self.commit_interval)]
        {
            if span.ms() < 0 {
                fault(key, format!("{span} is less than 0"));
            }
        }
        if !(100..=3_600_000).contains(&self.checkpoint_interval.ms()) {
            let why = format!("{} is not between 100ms and 1h", self.checkpoint_interval);
            fault("checkpoint_interval", why);
        }
        let kept = limits::CHECKPOINTS_KEPT;
        if !kept.contains(&(self.checkpoints_kept as usize)) {
            let (least, most) = (kept.start(), kept.end());
            let why = format!(
                "{} is not between {least} and {most}: recovery must have one to fall back to, and \
                 each is a whole state",
                self.checkpoints_kept
            );
            fault("checkpoints_kept", why);
        }
        if self.repartition {
            let dead = first_dead_topic(&self.group);
            if let Err(error) = Topic::check_name(&dead) {
                fault("repartition", format!("the name of its topic: {error}"));
            }
            if self.once.accept_partitions
                || (self.once.from_checkpoint.is_some() && !self.once.rewind)
            {
                let why = "such a job cannot begin with the state of another one: leave \
                           --from-checkpoint and --accept-partitions out";
                fault("repartition", why.to_owned());
            }
        }
        if self.slots == Some(0) {
            fault("slots", "0 is less than 1".to_owned());
        }
        if self.drain && self.until_caught_up {
            fault("drain", "it cannot be set together with until_caught_up".to_owned());
        }
        faults
    }
}
