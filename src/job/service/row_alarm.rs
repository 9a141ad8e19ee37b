//! An alarm on rows of a topic: which rows, and how often at most.

use seismic_proto::Schema;
use seismic_queue::Topic;
use seismic_sinks::RowDecoder;

/// What begins the text of `on`, so that alarms on something else have a place.
const PREFIX: &str = "topic:";

/// Messages a minute of an alarm that says nothing of it: one in ten seconds.
pub const PER_MINUTE: u32 = 6;

/// Rows of a topic that raise an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowAlarm {
    /// The topic, where the job has its store.
    pub topic: String,
    /// Which rows, as `where` of a sink; empty: each.
    pub condition: String,
    /// How often it is raised per minute at most.
    pub max_per_minute: u32,
}

impl RowAlarm {
    /// The alarm on `on`, written as `topic:NAME`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(on: &str, condition: &str, max_per_minute: u32) -> Result<RowAlarm, String> {
        let topic = on.strip_prefix(PREFIX);
        let topic = topic.ok_or_else(|| format!("on = {on:?}: write it as \"topic:NAME\""))?;
        Topic::check_name(topic).map_err(|error| format!("on = {on:?}: {error}"))?;
        let alarm =
            RowAlarm { topic: topic.to_owned(), condition: condition.to_owned(), max_per_minute };
        alarm.decoder().map_err(|error| error.to_string())?;
        Ok(alarm)
    }

    /// What reads the rows that it is about.
    ///
    /// # Errors
    /// When the condition does not fit rows.
    pub fn decoder(&self) -> seismic_sinks::Result<RowDecoder> {
        RowDecoder::new(&self.topic, Schema::windows()).filtered(&self.condition)
    }

    /// What it is about, as text.
    #[must_use]
    pub fn subject(&self) -> String {
        match &*self.condition {
            "" => self.topic.clone(),
            condition => format!("{} where {condition}", self.topic),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_topic_and_no_condition_is_refused() {
        let strong = RowAlarm::new("topic:shake-alert", "max_amplitude >= 2.5", 6).unwrap();
        assert_eq!(strong.subject(), "shake-alert where max_amplitude >= 2.5");
        assert!(RowAlarm::new("shake-alert", "", 6).unwrap_err().contains("topic:NAME"));
        assert!(RowAlarm::new("topic:a b", "", 6).is_err());
        let near = RowAlarm::new("topic:a", "max_amplitud > 1", 6).unwrap_err();
        assert!(near.contains("did you mean max_amplitude?"), "{near}");
    }
}
