//! The graph of a job as one version says, with what is other than in another version at each node.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::graph::graph;
use crate::job::JobSpec;

/// Keys whose values are lists of nodes: of each it is said whether it is there.
const OF_LISTS: [&str; 2] = ["sink", "rollup"];

/// The graph of the job of that name as `to` says. `mark` of a node is null, `new`, `gone` of one that only
/// `from` has, or in words what has changed: of these changes those of its keys.
#[must_use]
pub fn difference(name: &str, from: &JobSpec, to: &JobSpec, changes: &[Value]) -> Value {
    let (before, mut now) = (graph(name, from), graph(name, to));
    // What a sink is called in the one and in the other: it moves when others come and go.
    let mut called: BTreeMap<String, String> = BTreeMap::new();
    let mut stays: BTreeSet<String> = BTreeSet::new();
    for old in nodes(&before) {
        let same = nodes(&now).find(|new| !stays.contains(id(new)) && is_same(old, new));
        let now_called = match same {
            Some(new) => {
                stays.insert(id(new).to_owned());
                id(new).to_owned()
            }
            None => format!("{} gone", id(old)),
        };
        called.insert(id(old).to_owned(), now_called);
    }
    for node in now["nodes"].as_array_mut().into_iter().flatten() {
        let mark = mark(node, stays.contains(id(node)), changes);
        node["mark"] = mark;
    }
    let is_gone = |called: &str| !stays.contains(called);
    let gone = nodes(&before).filter(|old| is_gone(&called[id(old)])).map(|old| {
        let mut node = old.clone();
        (node["id"], node["mark"]) = (json!(called[id(old)]), json!("gone"));
        node
    });
    let gone: Vec<Value> = gone.collect();
    let edges = before["edges"].as_array().into_iter().flatten().filter_map(|edge| {
        let end = |key: &str| called.get(edge[key].as_str()?).map(String::as_str);
        let (from, to) = (end("from")?, end("to")?);
        let leads_away = is_gone(from) || is_gone(to);
        leads_away.then(|| json!({ "from": from, "to": to, "flow": "none", "number": null }))
    });
    let edges: Vec<Value> = edges.collect();
    for (key, more) in [("nodes", gone), ("edges", edges)] {
        now[key].as_array_mut().into_iter().for_each(|all| all.extend(more.iter().cloned()));
    }
    now
}

fn nodes(graph: &Value) -> impl Iterator<Item = &Value> {
    graph["nodes"].as_array().into_iter().flatten()
}

fn id(node: &Value) -> &str {
    node["id"].as_str().unwrap_or_default()
}

/// Whether both are the same thing: sinks are known by where they write.
fn is_same(old: &Value, new: &Value) -> bool {
    match old["kind"] == "sink" && new["kind"] == "sink" {
        true => old["title"] == new["title"] && old["detail"] == new["detail"],
        false => id(old) == id(new),
    }
}

fn mark(node: &Value, was_there: bool, changes: &[Value]) -> Value {
    let keys = node["keys"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let (of_lists, keys): (Vec<&str>, Vec<&str>) = keys.partition(|key| OF_LISTS.contains(key));
    let is_of_list = !of_lists.is_empty() && keys.is_empty();
    let is_its = |change: &&Value| {
        let changed = change["key"].as_str().unwrap_or_default();
        keys.iter().any(|key| {
            changed.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    let words = |change: &Value| {
        let (from, to) = (in_words(&change["from"]), in_words(&change["to"]));
        format!("{}: {from} → {to}", change["key"].as_str().unwrap_or_default())
    };
    let found: Vec<String> = changes.iter().filter(is_its).map(words).collect();
    match (was_there, is_of_list) {
        (false, true) => json!("new"),
        (true, true) => Value::Null,
        (false, false) if found.is_empty() => json!("new"),
        (true, false) if found.is_empty() => Value::Null,
        _ => json!(found.join("; ")),
    }
}

fn in_words(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::job::file;
    use crate::job::options::JobOptions;
    use crate::job::origin::Once;

    fn spec(text: &str) -> JobSpec {
        let names = "name = 'coast'\ngroup = 'coast'\nresult_topic = 'coast-rows'\n";
        let file = file::read(&(names.to_owned() + text), Path::new("job.toml"));
        JobSpec::resolve(JobOptions::default(), file, Once::default()).unwrap()
    }

    fn marks(of: &Value) -> Vec<(&str, &str)> {
        let marked = nodes(of).filter(|node| !node["mark"].is_null());
        marked
            .map(|node| (node["title"].as_str().unwrap(), node["mark"].as_str().unwrap()))
            .collect()
    }

    #[test]
    fn nodes_are_marked_with_what_is_other_in_another_version() {
        let change =
            |key: &str, from: Value, to: Value| json!({ "key": key, "from": from, "to": to });
        let one = spec("window = '1s'\nsink = ['csv:a', 'csv:b']\nrollup = ['1m']\n");
        let two = spec("window = '2s'\nsink = ['csv:b', 'console']\nrollup = ['1m', '1h']\n");
        let changes = [
            change("window", json!("1s"), json!("2s")),
            change("sink", json!([]), json!([])),
            change("rollup", json!(["1m"]), json!(["1m", "1h"])),
            change("restart.retry", json!(true), json!(false)),
        ];
        let found = difference("coast", &one, &two, &changes);
        assert_eq!(
            marks(&found),
            [
                ("Windows", "window: 1s → 2s"),
                ("coast-rows-1h", "new"),
                ("console", "new"),
                ("csv", "gone")
            ]
        );
        // What is gone hangs where it was, though another sink has its number now.
        let gone = nodes(&found).find(|it| it["mark"] == "gone").unwrap();
        let edges = found["edges"].as_array().unwrap();
        let to_gone: Vec<&Value> = edges.iter().filter(|it| it["to"] == gone["id"]).collect();
        let result = nodes(&found).find(|it| it["title"] == "coast-rows").unwrap();
        assert!(to_gone.len() == 1 && to_gone[0]["from"] == result["id"], "{found}");
        let ids: BTreeSet<&str> = nodes(&found).map(id).collect();
        assert_eq!(ids.len(), nodes(&found).count(), "no two have one id: {found}");
        // Between a version and itself nothing is marked.
        assert!(marks(&difference("coast", &two, &two, &[])).is_empty());
    }

    #[test]
    fn a_topic_of_another_name_is_there_twice() {
        let (one, two) = (spec("topic = 'a'\n"), spec("topic = 'b'\n"));
        let change = json!({ "key": "topic", "from": "a", "to": "b" });
        let found = difference("coast", &one, &two, &[change]);
        assert_eq!(marks(&found), [("b", "topic: a → b"), ("a", "gone")]);
    }
}
