//! Tables of a server as a target of the conformance suite. A newer sink takes over.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seismic_brokers::HBase as Server;
use seismic_proto::{Row, Schema, SeismicAggRecord};
use seismic_queue::{Offset, Partition};
use seismic_sinks::conformance::{Owners, Promises, Shows, SinkTarget, three, window};
use seismic_sinks::hbase::HBase;
use seismic_sinks::{Context, Result, Sink, SinkSpec};
use serde_json::Value;

/// A table.
#[derive(Clone)]
pub struct Table {
    pub server: Rc<Server>,
    pub name: String,
    /// What stands behind the options of the sink.
    pub options: String,
}

/// A row of it: the bytes of each column, by its name without the family.
pub type Cells = BTreeMap<String, Vec<u8>>;

impl Table {
    pub fn spec_at(&self, address: &str) -> SinkSpec {
        let Table { name, options, .. } = self;
        format!("hbase:http://{address},table={name},create=true{options}").parse().unwrap()
    }

    pub fn sink_at(&self, address: &str) -> HBase {
        HBase::open(&self.spec_at(address), &Context::new("home", "results")).unwrap()
    }

    pub fn sink(&self) -> HBase {
        self.sink_at(&self.server.address())
    }

    /// All rows, by their keys.
    pub fn cells(&self) -> BTreeMap<String, Cells> {
        let (status, said) = self.server.ask("GET", &format!("/{}/*", self.name), "");
        if status == 404 {
            return BTreeMap::new();
        }
        assert_eq!(status, 200, "{said}");
        let said: Value = serde_json::from_str(&said).unwrap();
        let bytes = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
        let text = |value: &Value| String::from_utf8(bytes(value)).unwrap();
        let rows = said["Row"].as_array().unwrap().iter();
        let row = |row: &Value| {
            let cells = row["Cell"].as_array().unwrap().iter();
            let cell = |cell: &Value| {
                let column = text(&cell["column"]);
                (column.split_once(':').unwrap().1.to_owned(), bytes(&cell["$"]))
            };
            (text(&row["key"]), cells.map(cell).collect())
        };
        rows.map(row).collect()
    }

    /// All rows in the order of the topic.
    fn rows_of(&self, schema: &Schema) -> Vec<(Partition, Row)> {
        let mut rows = Vec::new();
        for cells in self.cells().into_values() {
            let text = |name: &str| String::from_utf8(cells[name].clone()).unwrap();
            let number = |name: &str| text(name).parse::<u64>().unwrap();
            let mut row = Row::new(schema);
            for (place, column) in schema.columns().iter().enumerate() {
                match text(&column.name) {
                    empty if empty.is_empty() => {}
                    text => assert!(row.set(schema, place, column.parse(&text).unwrap().as_ref())),
                }
            }
            rows.push((number("result_partition") as u32, number("result_offset"), row));
        }
        rows.sort_by_key(|(partition, offset, _)| (*partition, *offset));
        rows.into_iter().map(|(partition, _, row)| (Partition(partition), row)).collect()
    }
}

impl SinkTarget for Table {
    fn promises(&self) -> Promises {
        Promises { shows: Shows::EveryRow, owners: Owners::Newest }
    }

    fn open(&self, store: &str) -> Result<Box<dyn Sink>> {
        let spec = self.spec_at(&self.server.address());
        Ok(Box::new(HBase::open(&spec, &Context::new(store, "results"))?))
    }

    fn store_id(&self, store: &str) -> String {
        store.to_owned()
    }

    fn note(&self, _: &[Offset]) {}

    fn image(&self) -> Option<Box<dyn SinkTarget>> {
        None
    }

    fn rows(&self) -> Vec<SeismicAggRecord> {
        self.rows_of(Schema::windows()).into_iter().map(|(_, row)| window(row)).collect()
    }
}

/// A table with rows of three columns.
pub struct ThreeColumns(pub Table);

impl three::SinkTarget for ThreeColumns {
    fn open(&self) -> Result<Box<dyn Sink>> {
        let schema = Cow::Owned(three::schema());
        let context = Context { schema, ..Context::new("home", "three") };
        Ok(Box::new(HBase::open(&self.0.spec_at(&self.0.server.address()), &context)?))
    }

    fn rows(&self) -> Vec<(Partition, Row)> {
        self.0.rows_of(&three::schema())
    }
}
