//! A job as a graph: where records come from, what computes, the topics between, and where rows go.
//! Jobs are one graph where the topic that one writes is the topic that another one reads.

use serde_json::{Value, json};

use crate::job::JobSpec;
use crate::job::file::statement::OF_WINDOWS;
use crate::job::repartition::first_group;

/// Keys by which the node of a statement is another one.
const OF_STATEMENT: [&str; 12] = [
    "sql",
    "operator",
    "module",
    "params",
    "dimension",
    "function",
    "join",
    "window",
    "lateness",
    "max_ahead",
    "time",
    "idle_timeout",
];

/// Nodes and edges, as they are made.
#[derive(Default)]
struct Graph {
    nodes: Vec<Value>,
    edges: Vec<Value>,
}

impl Graph {
    /// Adds a node, unless there is one of this id.
    fn node(&mut self, id: &str, kind: &str, (title, detail): (&str, &str), keys: &[&str]) {
        if self.nodes.iter().all(|node| node["id"] != *id) {
            self.nodes.push(json!({
                "id": id, "kind": kind, "title": title, "detail": detail, "keys": keys,
            }));
        }
    }

    /// Adds an edge, with what flows there: messages that are `appended` to the topic that windows or a
    /// statement read, records that are `read`, `rows`, `dead_letters`, the rows of the `sink` or of the
    /// `rollup` of a number (the shortest one first), or what nobody counts (`none`).
    fn edge(&mut self, from: &str, to: &str, flow: &str, number: Option<usize>) {
        self.edges.push(json!({ "from": from, "to": to, "flow": flow, "number": number }));
    }
}

/// The graph of the job of that name. Ids of topics are the same in every job that has them.
#[must_use]
pub fn graph(name: &str, spec: &JobSpec) -> Value {
    let mut graph = Graph::default();
    let operator = format!("job {name}");
    let store = place(&spec.location().store_url(), &spec.group);
    let of = spec.statement.as_ref().and_then(|it| it.input.of.as_deref());
    let input = match of {
        Some(of) => place(&spec.location().of_job(of).store_url(), of),
        None => place(&spec.queue, &spec.group),
    };
    let topic = |at: &str, name: &str| format!("topic {name} in {at}");
    let read = topic(&input, &spec.topic);
    if of.is_none() {
        let source = format!("source {input}");
        graph.node(&source, "source", ("Queue", &input), &["queue", "kafka"]);
        // Where there are two steps, the second one counts what the first one appends.
        graph.edge(&source, &read, if spec.repartition { "none" } else { "appended" }, None);
    }
    graph.node(&read, "topic", (&spec.topic, &input), &["topic", "from", "input"]);
    let joined = spec.statement.as_ref().and_then(|definition| definition.join.as_ref());
    let joined = joined.map(|join| {
        let id = topic(&input, &join.right.topic);
        graph.node(&id, "topic", (&join.right.topic, &input), &["input"]);
        if of.is_none() {
            graph.edge(&format!("source {input}"), &id, "appended", None);
        }
        id
    });
    let detail = match &spec.statement {
        Some(statement) => {
            let window = statement.window().map(|_| format!("windows of {}: ", spec.window));
            window.unwrap_or_default() + &statement.shown()
        }
        None => format!("windows of {}, lateness {}", spec.window, spec.lateness),
    };
    let detail: String = detail.chars().take(120).collect();
    let mut from = read;
    if spec.repartition {
        let (first, between) = (format!("{operator} repartition"), first_group(&spec.group));
        let internal = topic(&store, &between);
        graph.node(&first, "operator", ("Repartition", name), &["repartition"]);
        graph.node(&internal, "topic", (&between, "internal"), &["repartition"]);
        graph.edge(&from, &first, "read", None);
        graph.edge(&first, &internal, "appended", None);
        from = internal;
    }
    let (title, keys): (&str, &[&str]) = match &spec.statement {
        Some(statement) if statement.operator.is_some() => ("Operator", &OF_STATEMENT),
        Some(_) => ("SQL statement", &OF_STATEMENT),
        None => ("Windows", &OF_WINDOWS),
    };
    graph.node(&operator, "operator", (title, &detail), &[keys, &["slots", "fork"]].concat());
    graph.edge(&from, &operator, "read", None);
    for table in spec.tables.iter().filter_map(|table| table.source.topic()) {
        let at = match &table.of {
            Some(of) => place(&spec.location().of_job(of).store_url(), of),
            None => place(&spec.queue, &spec.group),
        };
        let id = topic(&at, &table.topic);
        graph.node(&id, "topic", (&table.topic, &at), &["dimension"]);
        graph.edge(&id, &operator, "none", None);
    }
    if let Some(joined) = joined {
        graph.edge(&joined, &operator, "read", None);
    }
    let result = topic(&store, &spec.result_topic);
    graph.node(&result, "topic", (&spec.result_topic, &store), &["result_topic", "output"]);
    graph.edge(&operator, &result, "rows", None);
    for (level, rollup) in spec.rollups().enumerate() {
        let of_it = rollup.topic(&spec.result_topic);
        let id = topic(&store, &of_it);
        graph.node(&id, "topic", (&of_it, &format!("roll-up of {rollup}")), &["rollup"]);
        graph.edge(&operator, &id, "rollup", Some(level));
    }
    let dead = topic(&store, &spec.dead_topic);
    graph.node(&dead, "topic", (&spec.dead_topic, "dead letters"), &["dead_topic"]);
    graph.edge(&operator, &dead, "dead_letters", None);
    let sinks = if spec.statement.is_some() { &[] } else { &*spec.sink };
    for (at, sink) in sinks.iter().enumerate() {
        let id = format!("{operator} sink {at}");
        graph.node(&id, "sink", (sink.scheme(), &sink.shown()), &["sink"]);
        graph.edge(&result, &id, "sink", Some(at));
    }
    let Graph { nodes, edges } = graph;
    json!({ "name": name, "group": spec.group, "nodes": nodes, "edges": edges })
}

/// Where topics are: in the file, or in the cluster of which the store of a group is a part.
fn place(url: &seismic_queue::Url, group: &str) -> String {
    let text = url.to_string();
    let text = match (url.file(), text.strip_suffix(&format!("/{group}"))) {
        (None, Some(cluster)) => cluster.to_owned(),
        _ => text,
    };
    seismic_sinks::without_password(&text)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::job::file;
    use crate::job::options::JobOptions;
    use crate::job::origin::Once;

    fn of(name: &str, text: &str) -> Value {
        let names = format!("name = '{name}'\ngroup = '{name}'\nresult_topic = '{name}-rows'\n");
        let file = file::read(&(names + text), Path::new("job.toml"));
        graph(name, &JobSpec::resolve(JobOptions::default(), file, Once::default()).unwrap())
    }

    fn ids<'a>(graph: &'a Value, kind: &'a str) -> Vec<&'a str> {
        let all = graph["nodes"].as_array().unwrap().iter();
        all.filter(|node| node["kind"] == kind).map(|node| node["id"].as_str().unwrap()).collect()
    }

    #[test]
    fn a_topic_that_a_statement_looks_things_up_in_leads_to_it() {
        let table = "[dimension.Level]\nsource = 'topic:levels'\nof = 'levels'\nkey = 'sensor_id'\n\
                     columns = ['sensor_id text', 'level int']\n";
        let sql = SQL.replace(
            "select sensor_id from rows",
            "select a.sensor_id from rows as a, Level as b where a.sensor_id = b.sensor_id",
        );
        let graph = of("alerts", &(sql + table));
        let topic = ids(&graph, "topic").into_iter().find(|id| id.starts_with("topic levels in "));
        let topic = topic.unwrap();
        let edges = graph["edges"].as_array().unwrap();
        assert!(
            edges.iter().any(|it| it["from"] == *topic && it["to"] == "job alerts"),
            "{edges:?}"
        );
    }

    const SQL: &str = "sql = 'select sensor_id from rows'\n[input]\ntopic = 'coast-rows'\nof = 'coast'\n\
                       format = 'windows'\n[output]\ncolumns = ['sensor_id text']\n";

    #[test]
    fn a_job_is_a_way_from_its_queue_to_its_sinks() {
        let graph = of("coast", "topic = 'in'\nsink = ['csv:a', 'console']\nrollup = ['1m']\n");
        assert_eq!(ids(&graph, "operator"), ["job coast"]);
        assert_eq!(ids(&graph, "sink"), ["job coast sink 0", "job coast sink 1"]);
        let topics = ids(&graph, "topic");
        assert_eq!(topics[0], "topic in in sqlite:output/queue.db");
        assert!(topics.iter().any(|id| id.starts_with("topic coast-rows-1m in ")), "{topics:?}");
        let flows: Vec<_> =
            graph["edges"].as_array().unwrap().iter().map(|it| &it["flow"]).collect();
        assert_eq!(flows, ["appended", "read", "rows", "rollup", "dead_letters", "sink", "sink"]);
        let two = of("coast", "repartition = true\n");
        assert_eq!(ids(&two, "operator"), ["job coast repartition", "job coast"]);
    }

    #[test]
    fn a_statement_reads_the_topic_that_another_job_writes() {
        let (first, second) = (of("coast", ""), of("strong", SQL));
        let written = &first["edges"][2]["to"];
        assert!(written.as_str().unwrap().starts_with("topic coast-rows in "), "{first}");
        assert_eq!(&second["edges"][0]["from"], written);
        assert!(ids(&second, "source").is_empty() && ids(&second, "sink").is_empty());
    }

    #[cfg(feature = "kafka")]
    #[test]
    fn all_topics_of_a_cluster_are_at_one_place() {
        let queue = "queue = 'kafka://h:9092'\n";
        let first = of("coast", queue);
        let sql = SQL.replace("of = 'coast'\n", "");
        let second = of("strong", &format!("{queue}{sql}"));
        assert_eq!(first["edges"][2]["to"], "topic coast-rows in kafka://h:9092");
        assert_eq!(second["edges"][1]["from"], first["edges"][2]["to"]);
    }
}
