//! An alarm on rows of a topic: which rows, and how often at most.

use seismic_derived::{Column, ColumnKind, Definition};
use seismic_proto::{ColumnType, Schema};
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
        Ok(RowAlarm { topic: topic.to_owned(), condition: condition.to_owned(), max_per_minute })
    }

    /// What reads the rows that it is about: those that the statement of a job makes, or rows of
    /// windows.
    ///
    /// # Errors
    /// When the condition does not fit rows.
    pub fn decoder(&self, statement: Option<&Definition>) -> seismic_sinks::Result<RowDecoder> {
        let decoder = match statement {
            Some(definition) => {
                let schema = schema_of(&definition.output.columns);
                let schema = schema.map_err(|why| seismic_sinks::Error::Condition { why })?;
                RowDecoder::new(&self.topic, &schema).of_json()
            }
            None => RowDecoder::new(&self.topic, Schema::windows()),
        };
        decoder.filtered(&self.condition)
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

/// The columns of a statement's output.
fn schema_of(columns: &[Column]) -> Result<Schema, String> {
    let column = |(number, column): (u32, &Column)| {
        let kind = match column.kind {
            ColumnKind::Int => ColumnType::Int64,
            ColumnKind::Real => ColumnType::Float64,
            ColumnKind::Text => ColumnType::Text,
        };
        seismic_proto::Column::new(number, column.name.clone(), kind).nullable()
    };
    Schema::new((1..).zip(columns).map(column).collect())
}

#[cfg(test)]
mod tests {
    use seismic_derived::{InputDefinition, InputFormat, OutputDefinition};

    use super::*;

    #[test]
    fn what_is_no_topic_and_no_condition_is_refused() {
        let strong = RowAlarm::new("topic:shake-alert", "max_amplitude >= 2.5", 6).unwrap();
        assert_eq!(strong.subject(), "shake-alert where max_amplitude >= 2.5");
        assert!(RowAlarm::new("shake-alert", "", 6).unwrap_err().contains("topic:NAME"));
        assert!(RowAlarm::new("topic:a b", "", 6).is_err());
        let near = RowAlarm::new("topic:a", "max_amplitud > 1", 6).unwrap();
        let near = near.decoder(None).unwrap_err().to_string();
        assert!(near.contains("did you mean max_amplitude?"), "{near}");
    }

    #[test]
    fn the_columns_of_a_statement_are_those_of_its_output() {
        let input = InputDefinition {
            key: None,
            time: None,
            name: "rows".to_owned(),
            topic: "a".to_owned(),
            of: None,
            format: InputFormat::Windows,
            columns: Vec::new(),
        };
        let columns = vec![Column { name: "AlertOrNot".to_owned(), kind: ColumnKind::Int }];
        let (name, topic) = ("output".to_owned(), "b".to_owned());
        let output = OutputDefinition { name, topic, key: None, columns };
        let definition = Definition::new(input, output, String::new());
        let alarm = |condition| RowAlarm::new("topic:b", condition, 6).unwrap();
        assert!(alarm("AlertOrNot = 1").decoder(Some(&definition)).is_ok());
        let near = alarm("Alert = 1").decoder(Some(&definition)).unwrap_err().to_string();
        assert!(near.contains("they have AlertOrNot"), "{near}");
    }
}
