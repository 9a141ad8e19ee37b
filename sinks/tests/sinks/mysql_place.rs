//! A table of MariaDB as a target of the conformance suite.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use seismic_brokers::MariaDb as Server;
use seismic_proto::{Row, Schema, SeismicAggRecord};
use seismic_queue::{Offset, Partition};
use seismic_sinks::conformance::{Owners, Promises, Shows, SinkTarget, three, window};
use seismic_sinks::mysql::{self, stored_rows};
use seismic_sinks::{Context, Result, Sink, SinkSpec};

/// A table in a database of its own.
pub struct MySqlPlace {
    pub server: Rc<Server>,
    pub database: String,
    /// What stands behind the address of the sink.
    pub options: String,
}

impl MySqlPlace {
    pub fn new(server: &Rc<Server>, options: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let database = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        drop(server.database(&database));
        MySqlPlace { server: Rc::clone(server), database, options: options.to_owned() }
    }

    pub fn spec(&self) -> SinkSpec {
        self.spec_at(&self.server.address())
    }

    /// The sink as clients of that address name it.
    pub fn spec_at(&self, address: &str) -> SinkSpec {
        let MySqlPlace { database, options, .. } = self;
        format!("mysql://root@{address}/{database},create=true,sslmode=disable{options}")
            .parse()
            .unwrap()
    }

    pub fn sink(&self, store_id: &str) -> Result<Box<dyn Sink>> {
        mysql::open(&self.spec(), &Context::new(store_id, "results"))
    }

    pub fn sink_at(&self, address: &str) -> Box<dyn Sink> {
        mysql::open(&self.spec_at(address), &Context::new("home", "results")).unwrap()
    }

    pub fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.database, sql)
    }
}

impl SinkTarget for MySqlPlace {
    fn promises(&self) -> Promises {
        Promises { shows: Shows::EveryRow, owners: Owners::First }
    }

    fn open(&self, store: &str) -> Result<Box<dyn Sink>> {
        self.sink(store)
    }

    fn store_id(&self, store: &str) -> String {
        store.to_owned()
    }

    fn note(&self, _: &[Offset]) {}

    fn image(&self) -> Option<Box<dyn SinkTarget>> {
        let copy = MySqlPlace::new(&self.server, &self.options);
        self.server.dump(&self.database, &copy.database);
        Some(Box::new(copy))
    }

    fn rows(&self) -> Vec<SeismicAggRecord> {
        let rows = stored_rows(&self.spec(), Schema::windows()).unwrap();
        rows.into_iter().map(|(.., row)| window(row)).collect()
    }
}

/// A table for rows of three columns.
pub struct ThreeColumns(pub MySqlPlace);

impl three::SinkTarget for ThreeColumns {
    fn open(&self) -> Result<Box<dyn Sink>> {
        let schema = Cow::Owned(three::schema());
        let context = Context { schema, ..Context::new("home", "three") };
        mysql::open(&self.0.spec(), &context)
    }

    fn rows(&self) -> Vec<(Partition, Row)> {
        let rows = stored_rows(&self.0.spec(), &three::schema()).unwrap();
        rows.into_iter().map(|(partition, _, row)| (partition, row)).collect()
    }
}
