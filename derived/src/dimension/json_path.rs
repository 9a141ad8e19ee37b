//! A document of JSON with the rows of a table somewhere in it.

use serde_json::Value as Json;

use super::rows::TableRow;
use super::text::{near, of_object, too_many};
use crate::definition::column::Column;
use crate::limits;

/// The rows of a list of objects, which is found in a document by names with dots between them; empty:
/// the document itself.
///
/// # Errors
/// What is wrong with it, with the object.
pub fn rows_of_json(text: &[u8], path: &str, columns: &[Column]) -> Result<Vec<TableRow>, String> {
    let document: Json = serde_json::from_slice(text)
        .map_err(|error| format!("line {}: it is no JSON", error.line()))?;
    let mut place = &document;
    let mut so_far = "the document".to_owned();
    for name in path.split('.').filter(|name| !name.is_empty()) {
        let Json::Object(pairs) = place else {
            return Err(format!("{so_far} is {}, and has no {name}", kind(place)));
        };
        place = pairs.get(name).ok_or_else(|| {
            let near = near(name, pairs.keys().map(String::as_str));
            format!("{so_far} has no {name}{near}")
        })?;
        name.clone_into(&mut so_far);
    }
    let Json::Array(objects) = place else {
        return Err(format!(
            "{so_far} is {}, and rows are in a list of objects: path = \"a.b\" says where in it",
            kind(place)
        ));
    };
    if objects.len() > limits::DIMENSION_ROWS {
        return Err(too_many());
    }
    let mut were_seen = vec![false; columns.len()];
    let row = |(i, object)| {
        of_object(object, columns, &mut were_seen).map_err(|why| format!("object {i}: {why}"))
    };
    let rows = (1..).zip(objects).map(row).collect::<Result<Vec<_>, _>>()?;
    match columns.iter().zip(were_seen).find(|(_, was_seen)| !was_seen) {
        Some((column, _)) if !rows.is_empty() => {
            Err(format!("none of its objects has a key {}", column.name))
        }
        _ => Ok(rows),
    }
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::column::ColumnKind;
    use crate::dimension::rows::Value;

    fn read(text: &str, path: &str) -> Result<Vec<TableRow>, String> {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        let columns = [column("Type", ColumnKind::Int), column("Value", ColumnKind::Real)];
        rows_of_json(text.as_bytes(), path, &columns)
    }

    #[test]
    fn rows_are_found_where_the_path_says() {
        let expected = vec![vec![Value::Integer(1), Value::Real(0.5)]];
        let list = r#"[{"type":1,"value":0.5,"x":[]}]"#;
        assert_eq!(read(list, ""), Ok(expected.clone()));
        let deep = format!(r#"{{"data":{{"rows":{list},"next":null}}}}"#);
        assert_eq!(read(&deep, "data.rows"), Ok(expected));
        assert_eq!(read("[]", ""), Ok(vec![]));
    }

    #[test]
    fn what_is_wrong_with_a_document_is_named() {
        for (text, path, why) in [
            ("<html>", "", "line 1: it is no JSON"),
            ("[{}] x", "", "it is no JSON"),
            (r#"{"error":"no"}"#, "", "the document is an object, and rows are in a list"),
            (r#"{"rows":{}}"#, "rows", "rows is an object, and rows are in a list"),
            (r#"{"row":[]}"#, "rows", "the document has no rows; did you mean row?"),
            ("[]", "rows", "the document is a list, and has no rows"),
            ("[1]", "", "object 1: it is no JSON object"),
            (r#"[{"Type":"1","Value":1}]"#, "", "object 1: Type is to be int"),
            (r#"[{"Type":1}]"#, "", "none of its objects has a key Value"),
        ] {
            let error = read(text, path).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
