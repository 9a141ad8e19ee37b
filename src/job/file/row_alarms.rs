//! The key `alarms.rows`: a list of tables, each an alarm on rows of a topic.

use serde_json::{Value, json};
use toml::de::DeValue;

use super::value::{list, number, text};
use crate::job::service::row_alarm::{PER_MINUTE, RowAlarm};

/// A value in TOML.
pub const EXAMPLE: &str =
    "[{ on = \"topic:seismic-agg-topic\", where = \"max_amplitude >= 2.5\" }]";

/// Alarms on rows of one job: each reads its topic.
const MOST: usize = 20;

/// Most messages a minute of one of them.
const MOST_PER_MINUTE: u64 = 60;

/// Its values, as a JSON Schema.
pub fn schema() -> Value {
    let one = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["on"],
        "properties": {
            "on": { "type": "string", "pattern": "^topic:" },
            "where": { "type": "string" },
            "max_per_minute": { "type": "integer", "minimum": 1, "maximum": MOST_PER_MINUTE },
        },
    });
    json!({ "type": "array", "maxItems": MOST, "items": one })
}

/// What the file says.
///
/// # Errors
/// What is wrong with it.
pub fn read(value: &DeValue<'_>) -> Result<Vec<RowAlarm>, String> {
    let all = list(value, one)?;
    match all.len() {
        0..=MOST => Ok(all),
        many => Err(format!("{many} alarms on rows are more than {MOST}")),
    }
}

fn one(value: &DeValue<'_>) -> Result<RowAlarm, String> {
    let DeValue::Table(pairs) = value else {
        return Err(format!("write tables, as in {EXAMPLE}"));
    };
    let (mut on, mut condition, mut most) = (None, String::new(), u64::from(PER_MINUTE));
    for (key, value) in pairs {
        let (key, value) = (key.get_ref().as_ref(), value.get_ref());
        let of_key = |why| format!("{key}: {why}");
        match key {
            "on" => on = Some(text(value).map_err(of_key)?),
            "where" => condition = text(value).map_err(of_key)?,
            "max_per_minute" => most = number(value, 1..=MOST_PER_MINUTE).map_err(of_key)?,
            _ => return Err(format!("{key}: there are on, where and max_per_minute")),
        }
    }
    let on = on.ok_or_else(|| format!("it has no `on`, as in {EXAMPLE}"))?;
    RowAlarm::new(&on, &condition, most as u32)
}

/// The value that holds.
pub fn show(all: &[RowAlarm]) -> Value {
    let one = |it: &RowAlarm| {
        let RowAlarm { topic, condition, max_per_minute } = it;
        json!({ "on": format!("topic:{topic}"), "where": condition, "max_per_minute": max_per_minute })
    };
    if all.is_empty() { Value::Null } else { all.iter().map(one).collect() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::job::file;

    #[test]
    fn alarms_on_rows_are_tables_and_each_fault_has_its_line() {
        let read = |text: &str| file::read(text, Path::new("x"));
        let two = read(
            "[[alarms.rows]]\non = 'topic:a'\nwhere = 'pane > 0'\n[[alarms.rows]]\non = 'topic:b'\n\
             max_per_minute = 1\n",
        );
        assert_eq!(two.faults, Vec::<String>::new());
        let rows = &two.service.alarms.rows;
        assert_eq!((rows.len(), rows[0].max_per_minute, rows[1].max_per_minute), (2, 6, 1));
        for (text, why) in [
            ("[alarms]\nrows = ['a']\n", "x:2: alarms.rows: write tables"),
            ("[alarms]\nrows = [{ where = '' }]\n", "it has no `on`"),
            ("[alarms]\nrows = [{ on = 'topic:a', most = 1 }]\n", "most: there are on"),
            ("[alarms]\nrows = [{ on = 'topic:a', where = 'x = 1' }]\n", "where has the column"),
            ("[alarms]\nrows = [{ on = 'topic:a', max_per_minute = 0 }]\n", "max_per_minute: 0"),
        ] {
            let faults = read(text).faults;
            assert!(faults[0].contains(why), "{text}: {faults:?}");
        }
    }
}
