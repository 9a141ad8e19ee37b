//! A database of Redis as a target of the conformance suite: the rows of each partition are a list,
//! which shows missing, duplicated and misordered rows.

use std::borrow::Cow;
use std::rc::Rc;

use seismic_brokers::Redis as Server;
use seismic_proto::{Row, Schema, SeismicAggRecord};
use seismic_queue::{Offset, Partition};
use seismic_sinks::conformance::{Owners, PARTITIONS, Promises, Shows, SinkTarget, three, window};
use seismic_sinks::redis::Redis;
use seismic_sinks::{Context, Result, Sink, SinkSpec};

use crate::json_rows::row_of;

/// Lists of rows as JSON.
pub const LISTS: &str = "operation=rpush,key=rows:{input_partition}";

/// A database of a server.
pub struct RedisPlace {
    pub server: Rc<Server>,
    pub database: u32,
    /// What stands behind the address of the sink.
    pub options: String,
}

impl RedisPlace {
    pub fn new(server: &Rc<Server>, options: &str) -> Self {
        let database = server.database();
        RedisPlace { server: Rc::clone(server), database, options: options.to_owned() }
    }

    pub fn spec_at(&self, address: &str) -> SinkSpec {
        format!("redis://{address}/{},{}", self.database, self.options).parse().unwrap()
    }

    pub fn sink(&self, store_id: &str) -> Result<Redis> {
        let spec = self.spec_at(&self.server.address());
        Redis::open(&spec, &Context::new(store_id, "results"))
    }

    pub fn sink_at(&self, address: &str) -> Redis {
        Redis::open(&self.spec_at(address), &Context::new("home", "results")).unwrap()
    }

    pub fn call(&self, args: &[&str]) -> Vec<String> {
        self.server.call(self.database, args)
    }

    /// The rows of every list, in the order of partitions.
    fn lists(&self, schema: &Schema) -> Vec<(Partition, Row)> {
        let of = |partition: u32| {
            let rows = self.call(&["LRANGE", &format!("rows:{partition}"), "0", "-1"]);
            rows.into_iter().map(move |row| {
                (Partition(partition), row_of(schema, &serde_json::from_str(&row).unwrap()))
            })
        };
        (0..PARTITIONS).flat_map(of).collect()
    }
}

impl SinkTarget for RedisPlace {
    fn promises(&self) -> Promises {
        Promises { shows: Shows::EveryRow, owners: Owners::First }
    }

    fn open(&self, store: &str) -> Result<Box<dyn Sink>> {
        Ok(Box::new(self.sink(store)?))
    }

    fn store_id(&self, store: &str) -> String {
        store.to_owned()
    }

    fn note(&self, _: &[Offset]) {}

    fn image(&self) -> Option<Box<dyn SinkTarget>> {
        let database = self.server.copy(self.database);
        let (server, options) = (Rc::clone(&self.server), self.options.clone());
        Some(Box::new(RedisPlace { server, database, options }))
    }

    fn rows(&self) -> Vec<SeismicAggRecord> {
        self.lists(Schema::windows()).into_iter().map(|(_, row)| window(row)).collect()
    }
}

/// Lists of rows of three columns.
pub struct ThreeColumns(pub RedisPlace);

impl three::SinkTarget for ThreeColumns {
    fn open(&self) -> Result<Box<dyn Sink>> {
        let schema = Cow::Owned(three::schema());
        let context = Context { schema, ..Context::new("home", "three") };
        Ok(Box::new(Redis::open(&self.0.spec_at(&self.0.server.address()), &context)?))
    }

    fn rows(&self) -> Vec<(Partition, Row)> {
        self.0.lists(&three::schema())
    }
}
