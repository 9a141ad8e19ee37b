//! What a job with a statement says of it, each with its origin.

use std::time::Duration;

use seismic_derived::{
    Definition, DimensionDefinition, FunctionDefinition, InputDefinition, TimeDefinition,
};
use serde_json::{Map, Value, json};

use super::resolved_value::ResolvedValue;
use crate::dimension::TableSpec;
use crate::dimension::function::FunctionSpec;
use crate::job::JobSpec;
use crate::job::time_span::TimeSpan;

/// What the file says of a statement.
pub fn statement_values(spec: &JobSpec, sources: &[String; 9]) -> Vec<ResolvedValue> {
    let Some(definition) = &spec.statement else { return Vec::new() };
    let columns = |columns: &[seismic_derived::Column]| {
        columns.iter().map(|column| json!(format!("{} {}", column.name, column.kind))).collect()
    };
    let (input, output) = (&definition.input, &definition.output);
    let [
        sql,
        of_input,
        of_output,
        of_tables,
        of_functions,
        of_join,
        of_operator,
        of_module,
        of_params,
    ] = sources;
    let operator = definition.operator.as_ref();
    let statement = if operator.is_some() { Value::Null } else { json!(definition.sql) };
    let params = operator.filter(|it| !it.params.is_empty());
    let params = params.map_or(Value::Null, |it| json!(it.params));
    let all: [(_, Value, _); 18] = [
        ("operator", operator.map_or(Value::Null, |_| json!("wasm")), of_operator),
        ("module", module(spec), of_module),
        ("params", params, of_params),
        ("input", inputs(definition), of_input),
        ("join", join(definition), of_join),
        ("dimension", tables(spec), of_tables),
        ("function", functions(spec), of_functions),
        ("sql", statement, sql),
        ("input.name", json!(input.name), of_input),
        ("input.topic", json!(input.topic), of_input),
        ("input.of", json!(input.of), of_input),
        ("input.format", json!(input.format), of_input),
        ("input.columns", columns(&input.columns), of_input),
        ("input.key", json!(input.key), of_input),
        ("input.time", time(input), of_input),
        ("output.name", json!(output.name), of_output),
        ("output.topic", json!(output.topic), of_output),
        ("output.columns", columns(&output.columns), of_output),
    ];
    let key = ("output.key", json!(output.key), of_output);
    let all = all.into_iter().chain([key]);
    let is_said = |(key, value, _): &(&str, Value, &String)| {
        // Two inputs stand in one value, by their names.
        let is_other = definition.join.is_some() && key.starts_with("input.");
        !value.is_null()
            && !is_other
            && (*key != "input.columns" || value.as_array().is_some_and(|it| !it.is_empty()))
    };
    all.filter(is_said)
        .map(|(key, value, source)| ResolvedValue {
            key,
            value,
            source: source.clone(),
            default: None,
        })
        .collect()
}

/// The inputs of a join, as a file has them; null without one.
fn inputs(definition: &Definition) -> Value {
    if definition.join.is_none() {
        return Value::Null;
    }
    let one = |input: &InputDefinition| {
        let columns: Vec<String> =
            input.columns.iter().map(|it| format!("{} {}", it.name, it.kind)).collect();
        let mut value = json!({ "topic": input.topic, "format": input.format });
        if let Some(of) = &input.of {
            value["of"] = json!(of);
        }
        if !columns.is_empty() {
            value["columns"] = json!(columns);
        }
        if input.time.is_some() {
            value["time"] = time(input);
        }
        (input.name.clone(), value)
    };
    Value::Object(definition.inputs().map(one).collect())
}

/// How they are joined.
fn join(definition: &Definition) -> Value {
    let Some(join) = &definition.join else { return Value::Null };
    let span = |ms: i64| TimeSpan::from_ms(ms).to_string();
    let signed = |ms: i64| match ms < 0 {
        true => format!("-{}", span(-ms)),
        false => span(ms),
    };
    let names = [&definition.input.name, &join.right.name];
    let by_side = |columns: &[String; 2]| {
        let pairs = names.into_iter().cloned().zip(columns.iter().cloned().map(Value::String));
        Value::Object(pairs.collect())
    };
    let mut value = json!({
        "left": definition.input.name,
        "kind": join.kind,
        "key": by_side(&join.key),
        "within": join.within_ms.map(signed),
        "lateness": span(join.lateness_ms),
        "max_ahead": span(join.max_ahead_ms),
    });
    if definition.inputs().all(|input| input.time.is_none()) {
        value["time"] = by_side(&join.time);
    }
    value
}

/// Where the event time of an input is, as a file has it; null where it says nothing.
fn time(input: &InputDefinition) -> Value {
    let of = |time: &TimeDefinition| json!({ "column": time.column, "format": time.format });
    input.time.as_ref().map_or(Value::Null, of)
}

/// The tables that a statement looks things up in, as a file has them; null without any.
fn tables(spec: &JobSpec) -> Value {
    let dimensions = spec.statement.iter().flat_map(|definition| &definition.dimensions);
    let one = |(table, from): (&DimensionDefinition, &TableSpec)| {
        let columns: Vec<String> =
            table.columns.iter().map(|it| format!("{} {}", it.name, it.kind)).collect();
        let on: Map<_, _> =
            table.key.iter().cloned().zip(table.on.iter().cloned().map(Value::String)).collect();
        let span = |time: Duration| TimeSpan::from_ms(time.as_millis() as i64).to_string();
        let mut value = json!(from.source.keys());
        value["columns"] = json!(columns);
        value["key"] = json!(table.key);
        value["on"] = Value::Object(on);
        value["unique"] = json!(table.unique);
        value["missing"] = json!(table.missing);
        value["ttl"] = json!(span(from.ttl));
        if let Some(stale) = from.stale {
            value["stale"] = json!(span(stale));
        }
        (table.name.clone(), value)
    };
    let all: Map<_, _> = dimensions.zip(&spec.tables).map(one).collect();
    if all.is_empty() { Value::Null } else { Value::Object(all) }
}

/// The functions of a statement, as a file has them; null without any.
fn functions(spec: &JobSpec) -> Value {
    let all = spec.statement.iter().flat_map(|definition| &definition.functions);
    let one = |(function, from): (&FunctionDefinition, &FunctionSpec)| {
        let mut value = of_module(function, from);
        value["export"] = json!(function.export);
        value["args"] = json!(function.args);
        value["returns"] = json!(function.returns);
        (function.name.clone(), value)
    };
    let macros = spec.statement.iter().flat_map(|definition| &definition.macros);
    let macros = macros.map(|it| (it.name.clone(), json!({ "args": it.args, "sql": it.sql })));
    let all = all.zip(&spec.functions).filter(|(function, _)| !function.is_operator);
    let all: Map<_, _> = all.map(one).chain(macros).collect();
    if all.is_empty() { Value::Null } else { Value::Object(all) }
}

/// The module in place of a statement; null without one.
fn module(spec: &JobSpec) -> Value {
    let all = spec.statement.iter().flat_map(|definition| &definition.functions);
    let mut all = all.zip(&spec.functions);
    let found = all.find(|(function, _)| function.is_operator);
    found.map_or(Value::Null, |(function, from)| of_module(function, from))
}

/// Where a module is, and what a call may take.
fn of_module(function: &FunctionDefinition, from: &FunctionSpec) -> Value {
    let mut value = json!({
        "wasm": from.source.to_string(),
        "fuel": function.fuel,
        "memory_mib": function.memory_bytes >> 20,
    });
    if !function.sha256.is_empty() {
        value["sha256"] = json!(function.sha256);
    }
    value
}
