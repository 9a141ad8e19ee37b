//! Indices of a server as a target of the conformance suite. A newer sink takes over.

use std::borrow::Cow;
use std::rc::Rc;

use seismic_brokers::{OpenSearch as Server, ask_http};
use seismic_proto::{Row, Schema, SeismicAggRecord};
use seismic_queue::{Offset, Partition};
use seismic_sinks::conformance::{Owners, Promises, Shows, SinkTarget, three, window};
use seismic_sinks::opensearch::OpenSearch;
use seismic_sinks::{Context, Result, Sink, SinkSpec};
use serde_json::{Value, json};

use super::fake::Fake;
use crate::json_rows::row_of;

/// A server that has them.
#[derive(Clone)]
pub enum Node {
    Fake(Rc<Fake>),
    Real(Rc<Server>),
}

/// Indices of one name.
#[derive(Clone)]
pub struct Indices {
    pub node: Node,
    /// What all of them begin with.
    pub name: String,
    /// What stands behind the options of the sink.
    pub options: String,
}

impl Indices {
    pub fn of_fake(fake: &Rc<Fake>, options: &str) -> Self {
        let (node, options) = (Node::Fake(Rc::clone(fake)), options.to_owned());
        Indices { node, name: "rows".to_owned(), options }
    }

    pub fn of_real(server: &Rc<Server>, name: &str, options: &str) -> Self {
        let (node, options) = (Node::Real(Rc::clone(server)), options.to_owned());
        Indices { node, name: name.to_owned(), options }
    }

    fn address(&self) -> String {
        match &self.node {
            Node::Fake(fake) => fake.address().to_owned(),
            Node::Real(server) => server.address(),
        }
    }

    pub fn spec_at(&self, address: &str) -> SinkSpec {
        let Indices { name, options, .. } = self;
        let spec =
            format!("opensearch:http://{address},index={name}-%Y.%m.%d,create=true{options}");
        spec.parse().unwrap()
    }

    pub fn sink_at(&self, address: &str) -> OpenSearch {
        OpenSearch::open(&self.spec_at(address), &Context::new("home", "results")).unwrap()
    }

    pub fn sink(&self) -> OpenSearch {
        self.sink_at(&self.address())
    }

    /// All documents, in the order of the topic.
    pub fn documents(&self, pattern: &str) -> Vec<Value> {
        let ask = |path: &str, body: &str| {
            let (status, text) = ask_http(&self.address(), "POST", path, body).unwrap();
            assert_eq!(status, 200, "{path}: {text}");
            serde_json::from_str::<Value>(&text).unwrap()
        };
        ask(&format!("/{pattern}/_refresh?allow_no_indices=true"), "");
        let by = |field: &str| json!({ field: { "order": "asc", "unmapped_type": "long" } });
        let body = json!({
            "size": 10_000,
            "_source": true,
            "query": { "exists": { "field": "result_offset" } },
            "sort": [by("result_partition"), by("result_offset"), "_index"],
        });
        let mut said = ask(&format!("/{pattern}/_search?allow_no_indices=true"), &body.to_string());
        let hits = said["hits"]["hits"].as_array_mut().unwrap();
        hits.iter_mut().map(|hit| hit["_source"].take()).collect()
    }

    fn dated(&self) -> String {
        format!("{}-*.*.*", self.name)
    }
}

impl SinkTarget for Indices {
    fn promises(&self) -> Promises {
        Promises { shows: Shows::EveryRow, owners: Owners::Newest }
    }

    fn open(&self, store: &str) -> Result<Box<dyn Sink>> {
        let spec = self.spec_at(&self.address());
        Ok(Box::new(OpenSearch::open(&spec, &Context::new(store, "results"))?))
    }

    fn store_id(&self, store: &str) -> String {
        store.to_owned()
    }

    fn note(&self, _: &[Offset]) {}

    fn image(&self) -> Option<Box<dyn SinkTarget>> {
        let Node::Fake(fake) = &self.node else { return None };
        let node = Node::Fake(Rc::new(fake.copy()));
        Some(Box::new(Indices { node, ..self.clone() }))
    }

    fn rows(&self) -> Vec<SeismicAggRecord> {
        let rows = self.documents(&self.dated());
        rows.iter().map(|row| window(row_of(Schema::windows(), row))).collect()
    }
}

/// One index with rows of three columns.
pub struct ThreeColumns(pub Indices);

impl three::SinkTarget for ThreeColumns {
    fn open(&self) -> Result<Box<dyn Sink>> {
        let schema = Cow::Owned(three::schema());
        let context = Context { schema, ..Context::new("home", "three") };
        let Indices { name, .. } = &self.0;
        let spec = format!("elasticsearch:http://{},index={name},create=true", self.0.address());
        Ok(Box::new(OpenSearch::open(&spec.parse().unwrap(), &context)?))
    }

    fn rows(&self) -> Vec<(Partition, Row)> {
        let rows = self.0.documents(&self.0.name).into_iter();
        let partition = |row: &Value| row["result_partition"].as_u64().unwrap() as u32;
        rows.map(|row| (Partition(partition(&row)), row_of(&three::schema(), &row))).collect()
    }
}
