//! Keys made of a row's fields: `sensor_id,pane` with a connector, or a text with `{FIELD}` in it.

use seismic_proto::{Row, Schema};

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

    /// The key for rows of this schema.
    pub(crate) fn of(&self, schema: &Schema) -> Result<Key, String> {
        let part = |part: &TemplatePart| {
            Ok(match part {
                TemplatePart::Text(text) => KeyPart::Text(text.clone()),
                TemplatePart::Field(field) => {
                    KeyPart::Field(row_text::place(schema, "key", field)?)
                }
            })
        };
        self.0.iter().map(part).collect::<Result<_, _>>().map(Key)
    }

    /// What all its keys begin with, before the first field.
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

impl Key {
    /// The key of a row; the name of a field without a value otherwise.
    pub(crate) fn of(&self, schema: &Schema, row: &Row) -> Result<Vec<u8>, String> {
        let mut key = Vec::new();
        for part in &self.0 {
            match part {
                KeyPart::Text(text) => key.extend_from_slice(text.as_bytes()),
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
