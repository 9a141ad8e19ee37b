//! The table `[join]` of a job with a statement, which joins two inputs.
//!
//! ```toml
//! [input.vertical]
//! topic = "vertical"
//! columns = { station = "text", ts = "int", amplitude = "real" }
//!
//! [input.horizontal]
//! topic = "horizontal"
//! columns = { station = "text", ts = "int", amplitude = "real" }
//!
//! [join]
//! key = "station"
//! time = "ts"
//! within = ["-20ms", "20ms"]
//! ```

use seismic_derived::{InputDefinition, JoinDefinition, JoinKind};
use toml::de::DeValue;

use super::columns::of_table;
use super::nearest::nearest;
use super::value::{duration, text};
use crate::job::time_span::TimeSpan;

/// Its keys.
pub const OF_JOIN: [&str; 7] = ["left", "key", "time", "within", "kind", "lateness", "max_ahead"];

/// What it says.
#[derive(Clone, Debug, Default)]
pub struct JoinKeys {
    /// The input that is the left side; the first of the file where it is left out.
    pub left: Option<String>,
    key: Option<BySide>,
    time: Option<BySide>,
    within: Option<[TimeSpan; 2]>,
    kind: Option<JoinKind>,
    lateness: Option<TimeSpan>,
    max_ahead: Option<TimeSpan>,
}

/// A column of both sides, or of each by the name of its input.
#[derive(Clone, Debug)]
enum BySide {
    Both(String),
    Each(Vec<(String, String)>),
}

impl BySide {
    fn read(value: &DeValue<'_>) -> Result<BySide, String> {
        let DeValue::Table(pairs) = value else { return text(value).map(BySide::Both) };
        let one = |(name, value): (&str, &DeValue<'_>)| Ok((name.to_owned(), text(value)?));
        of_table(pairs).into_iter().map(one).collect::<Result<_, String>>().map(BySide::Each)
    }

    /// Those of the inputs with these names.
    fn of(&self, key: &str, inputs: [&str; 2]) -> Result<[String; 2], String> {
        let of = |input: &str| match self {
            BySide::Both(column) => Ok(column.clone()),
            BySide::Each(all) => {
                let found = all.iter().find(|(name, _)| name.eq_ignore_ascii_case(input));
                found.map(|(_, column)| column.clone()).ok_or_else(|| {
                    format!("join.{key}: {input} is missing: write {{ {input} = \"COLUMN\" }}")
                })
            }
        };
        if let BySide::Each(all) = self {
            let is_strange = |it: &&(String, String)| {
                !inputs.iter().any(|input| input.eq_ignore_ascii_case(&it.0))
            };
            if let Some((name, _)) = all.iter().find(is_strange) {
                let near = nearest(name, inputs.into_iter());
                let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
                return Err(format!("join.{key}: there is no input {name}{near}"));
            }
        }
        Ok([of(inputs[0])?, of(inputs[1])?])
    }
}

impl JoinKeys {
    /// Sets a key.
    ///
    /// # Errors
    /// What to write instead.
    pub fn set(&mut self, written: &str, value: &DeValue<'_>) -> Result<(), String> {
        match written {
            "left" => self.left = Some(text(value)?),
            "key" => self.key = Some(BySide::read(value)?),
            "time" => self.time = Some(BySide::read(value)?),
            "within" => self.within = Some(within(value)?),
            "kind" => {
                self.kind = Some(match text(value)?.as_str() {
                    "inner" => JoinKind::Inner,
                    "left" => JoinKind::Left,
                    other => return Err(format!("{other:?} is none of \"inner\", \"left\"")),
                });
            }
            "lateness" => self.lateness = Some(duration(value)?),
            "max_ahead" => self.max_ahead = Some(duration(value)?),
            _ => {
                return Err(match nearest(written, OF_JOIN.into_iter()) {
                    Some(name) => format!("there is no such key; did you mean {name:?}?"),
                    None => format!("there is no such key; the keys are {}", OF_JOIN.join(", ")),
                });
            }
        }
        Ok(())
    }

    /// The join of two inputs.
    ///
    /// # Errors
    /// What is missing.
    pub fn definition(
        &self,
        left: &InputDefinition,
        right: InputDefinition,
    ) -> Result<JoinDefinition, String> {
        let missing = |key: &str, what: &str| format!("join.{key} is missing: {what}");
        let key = self.key.as_ref().ok_or_else(|| {
            missing("key", "the column that is equal on both sides, as in \"station\"")
        })?;
        let of_inputs = [&left.time, &right.time].map(|it| it.as_ref().map(|it| it.column.clone()));
        let within = self.within.ok_or_else(|| {
            let what = "how much later the right side is, as in [\"-20ms\", \"20ms\"]";
            missing("within", what)
        })?;
        let names = [&*left.name, &right.name];
        let time = match (&self.time, of_inputs) {
            (None, [Some(left), Some(right)]) => [left, right],
            (None, _) => {
                let what =
                    "the column with the event time, ms since 1970 UTC; or each input has time";
                return Err(missing("time", what));
            }
            (Some(_), [Some(_), _] | [_, Some(_)]) => {
                return Err(
                    "join.time: the inputs say where their time is: leave it out".to_owned()
                );
            }
            (Some(time), _) => time.of("time", names)?,
        };
        Ok(JoinDefinition {
            kind: self.kind.unwrap_or(JoinKind::Inner),
            key: key.of("key", names)?,
            time,
            within_ms: within.map(TimeSpan::ms),
            lateness_ms: self.lateness.map_or(500, TimeSpan::ms),
            max_ahead_ms: self.max_ahead.map_or(5_000, TimeSpan::ms),
            right,
        })
    }
}

/// `["-2s", "2s"]`, or `"2s"` for as much before as after.
fn within(value: &DeValue<'_>) -> Result<[TimeSpan; 2], String> {
    match value {
        DeValue::Array(all) if all.len() == 2 => {
            Ok([signed(all[0].get_ref())?, signed(all[1].get_ref())?])
        }
        DeValue::Array(all) => {
            Err(format!("write two times, as in [\"-2s\", \"2s\"], not {}", all.len()))
        }
        value => {
            let span = duration(value)?;
            Ok([TimeSpan::from_ms(-span.ms()), span])
        }
    }
}

fn signed(value: &DeValue<'_>) -> Result<TimeSpan, String> {
    if let DeValue::String(text) = value
        && let Some(behind) = text.strip_prefix('-')
    {
        let span: TimeSpan = behind.parse().map_err(|why| format!("{why}"))?;
        return Ok(TimeSpan::from_ms(-span.ms()));
    }
    duration(value)
}
