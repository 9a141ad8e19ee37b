//! Keys made of a row's fields: `sensor_id,pane` with a connector, or a text with `{FIELD}` in it.

use seismic_proto::{Row, Schema};
use seismic_queue::{Offset, Partition};

use crate::rows::columns::{OFFSET, PARTITION};
use crate::rows::text as row_text;

/// A key as the option `key` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<TemplatePart>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum TemplatePart {
    Text(String),
    Field(String),
}

/// A key for rows of one schema.
#[derive(Clone, Debug)]
pub(crate) struct Key(Vec<KeyPart>);

#[derive(Clone, Debug)]
enum KeyPart {
    Text(String),
    /// A column, by its place.
    Field(usize),
    /// Where the row is in the result topic.
    Partition,
    Offset,
}

impl Template {
    /// Reads `FIELD,FIELD` (joined by `connector`), or a text with `{FIELD}`, in which a brace is
    /// written twice.
    pub(crate) fn read(text: &str, connector: &str) -> Result<Template, String> {
        if text.trim().is_empty() {
            return Err("key is empty; name fields, or write a text with {FIELD}".to_owned());
        }
        if !text.contains('{') {
            let mut parts = Vec::new();
            for field in text.split(',').map(str::trim) {
                if !parts.is_empty() {
                    parts.push(TemplatePart::Text(connector.to_owned()));
                }
                parts.push(TemplatePart::Field(field.to_owned()));
            }
            return Ok(Template(parts));
        }
        let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '{' | '}' if rest.starts_with(c) => {
                    rest = &rest[1..];
                    literal.push(c);
                }
                '{' => {
                    let (field, behind) = rest
                        .split_once('}')
                        .ok_or_else(|| format!("key is {text:?}, whose brace is not closed"))?;
                    rest = behind;
                    if !literal.is_empty() {
                        parts.push(TemplatePart::Text(std::mem::take(&mut literal)));
                    }
                    parts.push(TemplatePart::Field(field.trim().to_owned()));
                }
                '}' => return Err(format!("key is {text:?}, with a brace that nothing opens")),
                c => literal.push(c),
            }
        }
        if !literal.is_empty() {
            parts.push(TemplatePart::Text(literal));
        }
        Ok(Template(parts))
    }

    /// The key for rows of this schema, in which their place in the result topic may be, too.
    #[cfg(feature = "hbase")]
    pub(crate) fn placed(&self, schema: &Schema) -> Result<Key, String> {
        let part = |part: &TemplatePart| match part {
            TemplatePart::Field(field) if field == PARTITION => Ok(KeyPart::Partition),
            TemplatePart::Field(field) if field == OFFSET => Ok(KeyPart::Offset),
            part => part.of(schema),
        };
        self.0.iter().map(part).collect::<Result<_, _>>().map(Key)
    }

    /// The key for rows of this schema.
    #[cfg(any(test, feature = "redis"))]
    pub(crate) fn of(&self, schema: &Schema) -> Result<Key, String> {
        self.0.iter().map(|part| part.of(schema)).collect::<Result<_, _>>().map(Key)
    }

    /// What all its keys begin with, before the first field.
    #[cfg(feature = "redis")]
    pub(crate) fn beginning(&self) -> &str {
        match self.0.first() {
            Some(TemplatePart::Text(text)) => text,
            _ => "",
        }
    }

    /// Names of the fields in it.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            TemplatePart::Field(field) => Some(&**field),
            TemplatePart::Text(_) => None,
        })
    }
}

impl TemplatePart {
    fn of(&self, schema: &Schema) -> Result<KeyPart, String> {
        Ok(match self {
            TemplatePart::Text(text) => KeyPart::Text(text.clone()),
            TemplatePart::Field(field) => KeyPart::Field(row_text::place(schema, "key", field)?),
        })
    }
}

impl Key {
    /// The key of a row; the name of a field without a value otherwise.
    #[cfg(any(test, feature = "redis"))]
    pub(crate) fn of(&self, schema: &Schema, row: &Row) -> Result<Vec<u8>, String> {
        self.of_placed(schema, row, (Partition(0), Offset(0)))
    }

    /// The key of a row that is there in the result topic; the name of a field without a value otherwise.
    pub(crate) fn of_placed(
        &self,
        schema: &Schema,
        row: &Row,
        (partition, offset): (Partition, Offset),
    ) -> Result<Vec<u8>, String> {
        let mut key = Vec::new();
        for part in &self.0 {
            match part {
                KeyPart::Text(text) => key.extend_from_slice(text.as_bytes()),
                KeyPart::Partition => key.extend_from_slice(partition.to_string().as_bytes()),
                KeyPart::Offset => key.extend_from_slice(offset.to_string().as_bytes()),
                KeyPart::Field(place) => {
                    let column = &schema.columns()[*place];
                    let value = row_text::text(column, row.get(*place));
                    let value = value.ok_or_else(|| format!("its {} has no value", column.name))?;
                    key.extend_from_slice(value.as_bytes());
                }
            }
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::row;

    fn key(text: &str, connector: &str) -> Result<String, String> {
        let row = Row::Window(row(2, 4));
        let key = Template::read(text, connector)?.of(Schema::windows())?;
        key.of(Schema::windows(), &row).map(|key| String::from_utf8(key).unwrap())
    }

    #[test]
    fn fields_are_joined_and_templates_filled() {
        for (text, connector, expected) in [
            ("sensor_id", ":", "S2"),
            ("sensor_id, pane", "_", "S2_1"),
            ("w:{sensor_id}:{window_start_ts}", ":", "w:S2:4000"),
            ("{{{sensor_id}}}:{closed_by}", ":", "{S2}:time"),
        ] {
            assert_eq!(key(text, connector).unwrap(), expected);
        }
    }

    #[test]
    fn a_key_that_cannot_be_is_refused_with_what_was_meant() {
        for (text, why) in [
            ("", "empty"),
            ("sensorid", "did you mean sensor_id?"),
            ("a{sensor_id", "not closed"),
            ("{sensor_id}}", "nothing opens"),
        ] {
            let error = key(text, ":").unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
