//! A table behind a driver of ODBC as a target of the conformance suite: of PostgreSQL, MariaDB or
//! SQLite.

use std::borrow::Cow;
use std::fs;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use seismic_brokers::{MariaDb, Postgres, Proxy, odbc_driver};
use seismic_proto::{Row, Schema, SeismicAggRecord};
use seismic_queue::{Offset, Partition};
use seismic_sinks::conformance::{Owners, Promises, Shows, SinkTarget, three, window};
use seismic_sinks::odbc::{self, stored_rows};
use seismic_sinks::{Context, Result, Sink, SinkSpec};
use tempfile::TempDir;

/// A database with its driver.
#[derive(Clone)]
pub enum Server {
    Postgres(Rc<Postgres>, String),
    MariaDb(Rc<MariaDb>, String),
    Sqlite(Rc<TempDir>, String),
}

impl Server {
    /// PostgreSQL, if this machine has it and its driver.
    pub fn postgres() -> Option<Server> {
        let driver = odbc_driver("PostgreSQL Unicode")?;
        Some(Server::Postgres(Rc::new(Postgres::start(&[])?), driver))
    }

    /// The same for MariaDB.
    pub fn mariadb() -> Option<Server> {
        let driver = odbc_driver("MariaDB")?;
        Some(Server::MariaDb(Rc::new(MariaDb::start(&[])?), driver))
    }

    /// SQLite, if this machine has its driver.
    pub fn sqlite() -> Option<Server> {
        let driver = odbc_driver("SQLite3")?;
        Some(Server::Sqlite(Rc::new(tempfile::tempdir().unwrap()), driver))
    }

    /// Those that are servers.
    pub fn remote() -> Vec<Server> {
        [Server::postgres(), Server::mariadb()].into_iter().flatten().collect()
    }

    fn make(&self, database: &str) {
        match self {
            Server::Postgres(server, _) => drop(server.database(database)),
            Server::MariaDb(server, _) => drop(server.database(database)),
            Server::Sqlite(..) => {}
        }
    }

    /// A connection string for a database, at this address where it is a server.
    pub fn connection(&self, address: &str, database: &str) -> String {
        let (host, port) = address.split_once(':').unwrap_or((address, ""));
        match self {
            Server::Postgres(_, driver) => format!(
                "odbc:Driver={driver};Servername={host};Port={port};Database={database};UID=seismic;\
                 SSLmode=disable"
            ),
            Server::MariaDb(_, driver) => {
                format!(
                    "odbc:Driver={driver};Server={host};Port={port};Database={database};UID=root"
                )
            }
            Server::Sqlite(folder, driver) => {
                let at = folder.path().join(database);
                format!("odbc:Driver={driver};Database={}", at.display())
            }
        }
    }

    pub fn address(&self) -> String {
        match self {
            Server::Postgres(server, _) => server.address(),
            Server::MariaDb(server, _) => server.address(),
            Server::Sqlite(..) => String::new(),
        }
    }

    pub fn proxy(&self) -> Proxy {
        match self {
            Server::Postgres(server, _) => server.proxy(),
            Server::MariaDb(server, _) => server.proxy(),
            Server::Sqlite(..) => unreachable!("a file has no wire"),
        }
    }

    pub fn sql(&self, database: &str, sql: &str) -> String {
        match self {
            Server::Postgres(server, _) => server.sql(database, sql),
            Server::MariaDb(server, _) => server.sql(database, sql),
            Server::Sqlite(..) => unreachable!("it is asked through its driver"),
        }
    }

    pub fn end_connections(&self, database: &str) {
        match self {
            Server::Postgres(server, _) => {
                let end = format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = '{database}' AND pid <> pg_backend_pid()"
                );
                server.sql(database, &end);
            }
            Server::MariaDb(server, _) => server.end_connections(database),
            Server::Sqlite(..) => unreachable!("a file has no connections"),
        }
    }

    fn copy(&self, from: &str, into: &str) {
        match self {
            Server::Postgres(server, _) => server.dump(from, into),
            Server::MariaDb(server, _) => server.dump(from, into),
            Server::Sqlite(folder, _) => {
                for end in ["", "-journal"] {
                    let at = folder.path().join(format!("{from}{end}"));
                    if at.exists() {
                        fs::copy(at, folder.path().join(format!("{into}{end}"))).unwrap();
                    }
                }
            }
        }
    }
}

/// A table in a database of its own.
#[derive(Clone)]
pub struct OdbcPlace {
    pub server: Server,
    pub database: String,
    /// What stands behind the address of the sink.
    pub options: String,
}

impl OdbcPlace {
    pub fn new(server: &Server, options: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let database = format!("odbc_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        server.make(&database);
        OdbcPlace { server: server.clone(), database, options: options.to_owned() }
    }

    pub fn spec(&self) -> SinkSpec {
        self.spec_at(&self.server.address())
    }

    /// The sink as clients of that address name it.
    pub fn spec_at(&self, address: &str) -> SinkSpec {
        let connection = self.server.connection(address, &self.database);
        format!("{connection},create=true{}", self.options).parse().unwrap()
    }

    pub fn sink(&self, store_id: &str) -> Result<Box<dyn Sink>> {
        odbc::open(&self.spec(), &Context::new(store_id, "results"))
    }

    pub fn sink_at(&self, address: &str) -> Box<dyn Sink> {
        odbc::open(&self.spec_at(address), &Context::new("home", "results")).unwrap()
    }

    pub fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.database, sql)
    }
}

impl SinkTarget for OdbcPlace {
    fn promises(&self) -> Promises {
        Promises { shows: Shows::EveryRow, owners: Owners::Newest }
    }

    fn open(&self, store: &str) -> Result<Box<dyn Sink>> {
        self.sink(store)
    }

    fn store_id(&self, store: &str) -> String {
        store.to_owned()
    }

    fn note(&self, _: &[Offset]) {}

    fn image(&self) -> Option<Box<dyn SinkTarget>> {
        let copy = OdbcPlace::new(&self.server, &self.options);
        self.server.copy(&self.database, &copy.database);
        Some(Box::new(copy))
    }

    fn rows(&self) -> Vec<SeismicAggRecord> {
        let rows = stored_rows(&self.spec(), Schema::windows()).unwrap();
        rows.into_iter().map(|(.., row)| window(row)).collect()
    }
}

/// A table for rows of three columns.
pub struct ThreeColumns(pub OdbcPlace);

impl three::SinkTarget for ThreeColumns {
    fn open(&self) -> Result<Box<dyn Sink>> {
        let schema = Cow::Owned(three::schema());
        let context = Context { schema, ..Context::new("home", "three") };
        odbc::open(&self.0.spec(), &context)
    }

    fn rows(&self) -> Vec<(Partition, Row)> {
        let rows = stored_rows(&self.0.spec(), &three::schema()).unwrap();
        rows.into_iter().map(|(partition, _, row)| (partition, row)).collect()
    }
}
