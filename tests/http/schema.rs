//! The subset of JSON Schema that the API description uses.

use serde_json::Value;

/// What is wrong with `value`; empty when it is as `schema` says. References are looked up in
/// `document`.
pub fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(document, schema, value, "$", &mut faults);
    faults
}

fn check(document: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let found = document.pointer(reference.trim_start_matches('#'));
        let found = found.unwrap_or_else(|| panic!("{reference} leads nowhere"));
        return check(document, found, value, at, faults);
    }
    let known = ["type", "enum", "const", "anyOf", "required", "properties", "items", "minimum"];
    let known = known.iter().chain(&["additionalProperties", "description"]);
    let known: Vec<&str> = known.copied().collect();
    for word in schema.as_object().unwrap().keys() {
        assert!(known.contains(&word.as_str()), "this test does not know {word:?} at {at}");
    }
    let mut fault = |why: String| faults.push(format!("{at}: {why}"));
    if let Some(all) = schema["anyOf"].as_array()
        && !all.iter().any(|one| self::faults(document, one, value).is_empty())
    {
        fault(format!("none of the alternatives: {value}"));
    }
    if let Some(all) = schema["enum"].as_array()
        && !all.contains(value)
    {
        fault(format!("{value} is none of {all:?}"));
    }
    if let Some(one) = schema.get("const")
        && one != value
    {
        fault(format!("{value} is not {one}"));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|name| is_of_type(value, name)) {
        fault(format!("{value} is no {types:?}"));
    }
    if let (Some(least), Some(number)) = (schema["minimum"].as_f64(), value.as_f64())
        && number < least
    {
        fault(format!("{number} is below {least}"));
    }
    if let Some(object) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            if !object.contains_key(name.as_str().unwrap()) {
                fault(format!("{name} is missing"));
            }
        }
        for (name, value) in object {
            let at = format!("{at}.{name}");
            match (schema["properties"].get(name), &schema["additionalProperties"]) {
                (Some(schema), _) => check(document, schema, value, &at, faults),
                (None, Value::Bool(false)) => faults.push(format!("{at}: nobody said so")),
                (None, schema @ Value::Object(_)) => check(document, schema, value, &at, faults),
                (None, _) => {}
            }
        }
    }
    if let (Some(items), Some(schema)) = (value.as_array(), schema.get("items")) {
        for (number, item) in items.iter().enumerate() {
            check(document, schema, item, &format!("{at}[{number}]"), faults);
        }
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("this test does not know type {other:?}"),
    }
}

#[test]
fn the_validator_finds_what_is_wrong() {
    let schema = serde_json::json!({
        "type": "object",
        "required": ["a"],
        "additionalProperties": false,
        "properties": { "a": { "type": "integer", "minimum": 0 } },
    });
    let faults = |value| faults(&Value::Null, &schema, &value).len();
    assert_eq!(faults(serde_json::json!({ "a": 1 })), 0);
    for wrong in [
        serde_json::json!({ "a": -1 }),
        serde_json::json!({ "a": "1" }),
        serde_json::json!({}),
        serde_json::json!({ "a": 1, "b": 2 }),
        serde_json::json!([]),
    ] {
        assert_eq!(faults(wrong), 1);
    }
}
