//! A connection to the server on which every wait is bounded.
//!
//! The client library waits as long as the connection is open, and the kernel of a frozen server
//! keeps it open forever. So a caller that has waited for a while checks on another connection
//! whether the server responds at all: if it does, it is only slow, and the wait continues;
//! otherwise the connection counts as lost. The handshake has the same limit.
//!
//! The request and the connection are driven by the waiting thread; nothing runs in between.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, TryStreamExt as _, future};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Config, Error as PgError, Row, RowStream, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::limits;
use crate::sql::patience::Patience;

/// What went wrong.
#[derive(Debug)]
pub(super) enum Trouble {
    /// What the server or the connection says.
    Said(PgError),
    /// Nothing came for that long.
    Silent(Duration),
    /// The process has no files or memory left.
    System(io::Error),
}

impl From<PgError> for Trouble {
    fn from(error: PgError) -> Self {
        Trouble::Said(error)
    }
}

type Outcome<T> = Result<T, Trouble>;

/// A connection. It ends with this value.
pub(super) struct Client {
    /// `None` only while it ends.
    inner: Option<tokio_postgres::Client>,
    link: Link,
}

/// What carries statements to the server and answers back.
struct Link {
    /// `None` only while it ends.
    runtime: Option<Runtime>,
    connection: Pin<Box<dyn Future<Output = Result<(), PgError>> + Send>>,
    config: Config,
    tls: MakeRustlsConnect,
    patience: Patience,
    /// Whether it was given up while something was on its way.
    is_lost: bool,
}

impl Client {
    /// Connects, within the time for that.
    pub(super) fn connect(
        config: &Config,
        tls: MakeRustlsConnect,
        patience: Patience,
    ) -> Outcome<Client> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Trouble::System)?;
        let connecting = async { timeout(patience.connect, config.connect(tls.clone())).await };
        let connected = runtime.block_on(connecting);
        let (inner, connection) = match connected {
            Ok(Ok(connected)) => connected,
            failed => {
                // A name that is being resolved has a thread that is not waited for.
                runtime.shutdown_background();
                return Err(match failed {
                    Ok(Err(error)) => error.into(),
                    _ => Trouble::Silent(patience.connect),
                });
            }
        };
        let link = Link {
            runtime: Some(runtime),
            connection: Box::pin(connection),
            config: config.clone(),
            tls,
            patience,
            is_lost: false,
        };
        Ok(Client { inner: Some(inner), link })
    }

    pub(super) fn batch_execute(&mut self, sql: &str) -> Outcome<()> {
        let (client, link) = self.both();
        link.wait(client.batch_execute(sql))
    }

    /// Has the server look at a statement, and say what it would answer.
    pub(super) fn prepare(&mut self, sql: &str) -> Outcome<Statement> {
        let (client, link) = self.both();
        link.wait(client.prepare(sql))
    }

    pub(super) fn query(&mut self, sql: &str, with: &[&(dyn ToSql + Sync)]) -> Outcome<Vec<Row>> {
        let (client, link) = self.both();
        link.wait(client.query(sql, with))
    }

    pub(super) fn query_one(&mut self, sql: &str, with: &[&(dyn ToSql + Sync)]) -> Outcome<Row> {
        let (client, link) = self.both();
        link.wait(client.query_one(sql, with))
    }

    pub(super) fn query_opt(
        &mut self,
        sql: &str,
        with: &[&(dyn ToSql + Sync)],
    ) -> Outcome<Option<Row>> {
        let (client, link) = self.both();
        link.wait(client.query_opt(sql, with))
    }

    pub(super) fn execute(&mut self, sql: &str, with: &[&(dyn ToSql + Sync)]) -> Outcome<u64> {
        let (client, link) = self.both();
        link.wait(client.execute(sql, with))
    }

    pub(super) fn execute_typed(
        &mut self,
        sql: &str,
        with: &[(&(dyn ToSql + Sync), Type)],
    ) -> Outcome<u64> {
        let (client, link) = self.both();
        link.wait(client.execute_typed(sql, with))
    }

    /// Hands the parts of a COPY to the server.
    pub(super) fn copy<'a>(
        &mut self,
        sql: &str,
        parts: impl Iterator<Item = &'a [u8]>,
    ) -> Outcome<u64> {
        let (client, link) = self.both();
        link.wait(async {
            let mut sink = pin!(client.copy_in::<_, bytes::Bytes>(sql).await?);
            for part in parts {
                if sink.feed(bytes::Bytes::copy_from_slice(part)).await.is_err() {
                    // What the server says to it comes with the end.
                    break;
                }
            }
            sink.finish().await
        })
    }

    /// Hands each row that a statement answers with to `look`, as they come.
    pub(super) fn each<E>(
        &mut self,
        sql: &str,
        failed: impl Fn(Trouble) -> E,
        mut look: impl FnMut(&Row) -> Result<(), E>,
    ) -> Result<(), E> {
        let (client, link) = self.both();
        let parameters: [&(dyn ToSql + Sync); 0] = [];
        let rows = link.wait(client.query_raw(sql, parameters)).map_err(&failed)?;
        let mut rows: Pin<Box<RowStream>> = Box::pin(rows);
        while let Some(row) = link.wait(rows.try_next()).map_err(&failed)? {
            look(&row)?;
        }
        Ok(())
    }

    /// Begins a transaction, which is taken back unless it is committed.
    pub(super) fn transaction(&mut self) -> Outcome<Transaction<'_>> {
        self.begin("BEGIN")
    }

    /// Begins one that sees the database as it is at this moment, and changes nothing.
    pub(super) fn snapshot(&mut self) -> Outcome<Transaction<'_>> {
        self.begin("START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    }

    fn begin(&mut self, sql: &str) -> Outcome<Transaction<'_>> {
        self.batch_execute(sql)?;
        Ok(Transaction { client: self, is_over: false })
    }

    fn both(&mut self) -> (&tokio_postgres::Client, &mut Link) {
        (self.inner.as_ref().expect("it has not ended"), &mut self.link)
    }
}

impl Link {
    /// Waits until `work` is done, or the server is given up.
    fn wait<T>(&mut self, work: impl Future<Output = Result<T, PgError>>) -> Outcome<T> {
        let Link { runtime, connection, config, tls, patience, is_lost } = self;
        let runtime = runtime.as_ref().expect("it has not ended");
        runtime.block_on(async {
            let mut work = pin!(work);
            let begun = Instant::now();
            loop {
                // What ends the connection says why, and comes first.
                let done = future::poll_fn(|cx| match connection.as_mut().poll(cx) {
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    _ => work.as_mut().poll(cx),
                });
                if let Ok(done) = timeout(patience.silent, done).await {
                    return done.map_err(Trouble::Said);
                }
                let waited = begun.elapsed();
                if waited > patience.statement || !answers(config, tls, *patience).await {
                    *is_lost = true;
                    return Err(Trouble::Silent(waited));
                }
            }
        })
    }
}

/// Whether the server says anything to a new connection, if only that it takes none.
async fn answers(config: &Config, tls: &MakeRustlsConnect, patience: Patience) -> bool {
    match timeout(patience.connect, config.connect(tls.clone())).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => error.as_db_error().is_some(),
        Err(_) => false,
    }
}

impl Drop for Client {
    /// Says goodbye, so that the server frees the session's lock at once.
    fn drop(&mut self) {
        drop(self.inner.take());
        let Some(runtime) = self.link.runtime.take() else { return };
        if !self.link.is_lost {
            let connection = self.link.connection.as_mut();
            let goodbye = async { timeout(limits::GOODBYE_PATIENCE, connection).await };
            // It may be closed already, or never be.
            let _ = runtime.block_on(goodbye);
        }
        runtime.shutdown_background();
    }
}

/// A transaction of a connection; everything that the connection can do is part of it.
pub(super) struct Transaction<'a> {
    client: &'a mut Client,
    is_over: bool,
}

impl Transaction<'_> {
    pub(super) fn commit(mut self) -> Outcome<()> {
        self.is_over = true;
        self.client.batch_execute("COMMIT")
    }
}

impl std::ops::Deref for Transaction<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.client
    }
}

impl std::ops::DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut Client {
        self.client
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.is_over && !self.client.link.is_lost {
            // A connection that is gone has taken it back.
            let _ = self.client.batch_execute("ROLLBACK");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use seismic_brokers::Postgres;

    use super::*;
    use crate::SinkSpec;
    use crate::sql::postgres::target::Target;
    use crate::sql::postgres::tls;

    const SHORT: Patience = Patience {
        connect: Duration::from_millis(500),
        silent: Duration::from_millis(200),
        statement: Duration::from_secs(60),
    };

    fn connect(address: &str, patience: Patience) -> Outcome<Client> {
        let spec: SinkSpec = format!("{address},sslmode=disable").parse().unwrap();
        let target = Target::of(&spec).unwrap();
        let config = target.with_secrets("a test").unwrap();
        Client::connect(&config, tls::connector(&target).unwrap(), patience)
    }

    #[test]
    fn a_port_that_takes_connections_and_says_nothing_is_given_up() {
        // Its kernel takes connections; no one ever accepts one.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("postgres://me@{}/db", silent.local_addr().unwrap());
        let connected = connect(&address, SHORT).err();
        assert!(matches!(connected, Some(Trouble::Silent(_))), "{connected:?}");
    }

    #[test]
    fn a_slow_statement_is_waited_for_and_a_server_that_stands_still_is_not() {
        let Some(server) = Postgres::start(&[]) else { return };
        // Making its first session takes a busy machine some time.
        let patience = Patience { connect: Duration::from_secs(20), ..SHORT };
        let mut client = connect(&server.database("slow"), patience).ok().unwrap();
        client.query("SELECT pg_sleep(1)", &[]).unwrap();
        client.link.patience = SHORT;
        server.freeze();
        let begun = Instant::now();
        let asked = client.query("SELECT 1", &[]).err();
        assert!(matches!(asked, Some(Trouble::Silent(_))), "{asked:?}");
        drop(client);
        assert!(begun.elapsed() < Duration::from_secs(20), "and nothing waits for it at the end");
        server.thaw();
    }
}
