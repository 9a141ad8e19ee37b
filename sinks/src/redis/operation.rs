//! The operation for a row: the command and its arguments.

use seismic_proto::{Row, Schema, ValueRef};

use super::names::POSITIONS;
use crate::rows::template::Key;
use crate::rows::text as row_text;

/// What is done for each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Incr,
    IncrByFloat,
    Set,
    SAdd,
    ZAdd,
    RPush,
    LPush,
    HSet,
}

impl Operation {
    /// Their names, as options have them.
    pub(super) const NAMES: &'static [&'static str] =
        &["hset", "set", "incr", "incrByFloat", "sadd", "zadd", "rpush", "lpush"];

    pub(super) fn of(name: &str) -> Operation {
        match name {
            "set" => Operation::Set,
            "incr" => Operation::Incr,
            "incrByFloat" => Operation::IncrByFloat,
            "sadd" => Operation::SAdd,
            "zadd" => Operation::ZAdd,
            "rpush" => Operation::RPush,
            "lpush" => Operation::LPush,
            _ => Operation::HSet,
        }
    }

    /// The command of the server.
    pub(super) fn command(self) -> &'static str {
        match self {
            Operation::Incr => "INCRBY",
            Operation::IncrByFloat => "INCRBYFLOAT",
            Operation::Set => "SET",
            Operation::SAdd => "SADD",
            Operation::ZAdd => "ZADD",
            Operation::RPush => "RPUSH",
            Operation::LPush => "LPUSH",
            Operation::HSet => "HSET",
        }
    }

    /// Whether doing it again changes what is there.
    pub(super) fn adds_up(self) -> bool {
        use Operation::{Incr, IncrByFloat, LPush, RPush};
        matches!(self, Incr | IncrByFloat | LPush | RPush)
    }
}

/// How the rows of one schema become commands.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) operation: Operation,
    key: Key,
    /// Columns by their places, and the names that they get.
    pub(super) value: Vec<(usize, String)>,
    /// Whether the rows of a window are added up.
    pub(super) merges_panes: bool,
    /// Whether the value is the row as JSON.
    is_json: bool,
    score: Option<usize>,
}

impl Plan {
    /// The plan of an operation with these fields as the option `value` names them, and that one as
    /// a score.
    pub(super) fn of(
        operation: Operation,
        key: Key,
        (fields, score): (&[(String, String)], &str),
        schema: &Schema,
    ) -> Result<Plan, String> {
        let named = fields.iter();
        let mut value = named
            .map(|(field, name)| Ok((row_text::place(schema, "value", field)?, name.clone())))
            .collect::<Result<Vec<_>, String>>()?;
        let kind = |place: &usize| schema.columns()[*place].kind;
        let first = value.first().map(|(place, _)| place);
        if operation == Operation::Incr && first.is_some_and(|at| !row_text::is_whole(kind(at))) {
            return Err(
                "incr adds whole numbers, and its value is none: use incrByFloat".to_owned()
            );
        }
        if operation == Operation::IncrByFloat
            && first.is_some_and(|at| !row_text::is_number(kind(at)))
        {
            return Err("incrByFloat adds numbers, and its value is none".to_owned());
        }
        let is_json = value.is_empty() && !matches!(operation, Operation::Incr | Operation::HSet);
        if value.is_empty() && operation != Operation::Incr {
            let all = schema.columns().iter().enumerate();
            value = all.map(|(place, column)| (place, column.name.to_string())).collect();
        }
        let score = match score {
            "" => None,
            field => Some(row_text::place(schema, "score", field)?),
        };
        if score.is_some_and(|at| !row_text::is_number(kind(&at))) {
            return Err("a score is a number, and the field that score names has none".to_owned());
        }
        Ok(Plan { operation, key, value, merges_panes: false, is_json, score })
    }

    /// The command of a row, as the script knows it.
    pub(super) fn command(&self) -> &'static str {
        if self.merges_panes { "MERGE" } else { self.operation.command() }
    }

    /// Whether doing it again changes what is there, or what is there came of several rows.
    pub(super) fn adds_up(&self) -> bool {
        self.merges_panes || self.operation.adds_up()
    }

    /// Key and further words of a row's command; what is wrong with the row otherwise.
    pub(super) fn words(
        &self,
        schema: &Schema,
        row: &Row,
    ) -> Result<(Vec<u8>, Vec<Vec<u8>>), String> {
        let key = self.key.of(schema, row)?;
        if key.starts_with(POSITIONS.as_bytes()) {
            return Err(format!("its key begins with {POSITIONS}, as those of positions do"));
        }
        let words = match self.operation {
            Operation::HSet => {
                let mut words = Vec::with_capacity(2 * self.value.len());
                for (place, name) in &self.value {
                    // A field that is missing stays out of the hash.
                    if let Some(text) = row_text::text(&schema.columns()[*place], row.get(*place)) {
                        words.push(name.clone().into_bytes());
                        words.push(text.into_bytes());
                    }
                }
                if words.is_empty() {
                    return Err("none of its values is present".to_owned());
                }
                words
            }
            Operation::Incr if self.value.is_empty() => vec![b"1".to_vec()],
            Operation::ZAdd => {
                let score = self.score.ok_or("it has no score")?;
                vec![self.number(schema, row, score)?, self.first(schema, row)?]
            }
            Operation::IncrByFloat => vec![self.number(schema, row, self.value[0].0)?],
            _ => vec![self.first(schema, row)?],
        };
        Ok((key, words))
    }

    /// The row as JSON, or its first value.
    fn first(&self, schema: &Schema, row: &Row) -> Result<Vec<u8>, String> {
        if self.is_json {
            return Ok(row_text::json(schema, row, &self.value).into_bytes());
        }
        let place = self.value[0].0;
        let column = &schema.columns()[place];
        let text = row_text::text(column, row.get(place));
        text.map(String::into_bytes).ok_or_else(|| format!("its {} has no value", column.name))
    }

    /// A value that must be a finite number.
    fn number(&self, schema: &Schema, row: &Row, place: usize) -> Result<Vec<u8>, String> {
        let (column, value) = (&schema.columns()[place], row.get(place));
        let is_finite = match value {
            ValueRef::Float32(value) => value.is_finite(),
            ValueRef::Float64(value) => value.is_finite(),
            ValueRef::Null => false,
            _ => true,
        };
        let text = row_text::text(column, value).filter(|_| is_finite);
        text.map(String::into_bytes).ok_or_else(|| format!("its {} is no number", column.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::row;
    use crate::rows::template::Template;

    #[test]
    fn a_row_whose_key_would_be_a_position_is_refused() {
        let schema = Schema::windows();
        let key = Template::read("seismic:{sensor_id}", ":").unwrap().of(schema).unwrap();
        let plan = Plan::of(Operation::Set, key, (&[], ""), schema).unwrap();
        for (sensor, is_refused) in [("sink:seismic", true), ("sink", false)] {
            let mut row = row(0, 0);
            sensor.clone_into(&mut row.sensor_id);
            assert_eq!(plan.words(schema, &Row::Window(row)).is_err(), is_refused);
        }
    }
}
