//! The server: a socket and a thread with a small runtime.

mod access;
mod answers;
mod audit;
mod connection;
mod file_body;
mod receive;
mod tls;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

pub use self::access::AccessSettings;
use self::answers::Answers;
use self::tls::Tls;
pub use self::tls::TlsFiles;
use super::security::{Gate, Guards, RateLimit, TokenBook};
use super::{Auditor, HttpSettings, Route, limits};
use crate::error::Usage;
use crate::time::now_ms;

/// What a server for several people has beside its routes.
pub struct Team<'a> {
    /// How it is reached.
    pub access: &'a AccessSettings,
    /// Their tokens.
    pub tokens: Arc<TokenBook>,
    /// Notes each change that is asked for.
    pub auditor: Arc<dyn Auditor>,
}

/// A running server. Dropping it stops it.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    tls: Option<Arc<Tls>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds the address and answers on these routes from now on.
    ///
    /// # Errors
    /// [`Usage`] when the address cannot be had, or needs a token that there is not.
    pub fn start(settings: &HttpSettings, routes: Vec<Route>) -> anyhow::Result<Server> {
        let own = settings.token()?;
        let gate = Gate { is_local_free: own.is_none(), own, book: None };
        Server::start_with(settings, routes, gate, None, None)
    }

    /// The same for several people, each with a token.
    ///
    /// # Errors
    /// As [`Server::start`], and when certificate or key cannot be used.
    pub fn start_for(
        settings: &HttpSettings,
        routes: Vec<Route>,
        team: Team<'_>,
    ) -> anyhow::Result<Server> {
        let gate = team.access.gate(settings, &team.tokens, now_ms())?;
        let tls = team.access.tls.clone().map(Tls::open).transpose()?;
        Server::start_with(settings, routes, gate, tls, Some(team.auditor))
    }

    fn start_with(
        settings: &HttpSettings,
        routes: Vec<Route>,
        gate: Gate,
        tls: Option<Tls>,
        auditor: Option<Arc<dyn Auditor>>,
    ) -> anyhow::Result<Server> {
        let tls = tls.map(Arc::new);
        let listener = bind(settings.address)?;
        let address = listener.local_addr()?;
        let guards = Guards {
            hosts: settings.hosts.clone(),
            gate,
            rate: RateLimit::new(settings.requests_per_s),
            strangers: RateLimit::new(settings.requests_per_s),
        };
        let connections = settings.connections as usize;
        let answers = Arc::new(Answers::new(guards, routes, auditor));
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(limits::BLOCKING_THREADS)
            .thread_name("http look")
            .build()
            .context("starting the HTTP server")?;
        let (stop, stopped) = watch::channel(false);
        let of_thread = tls.clone();
        let thread = thread::Builder::new().name("http".to_owned()).spawn(move || {
            let tls = of_thread;
            serve(&runtime, listener, connection::Listening { answers, connections, tls, stopped });
            // A look into a store that hangs is left to itself.
            runtime.shutdown_background();
        })?;
        Ok(Server { address, stop, tls, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as an address that browsers take.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Reads certificate and key again, if it has any; connections that there are stay.
    ///
    /// # Errors
    /// Why they cannot be used; then those that were read before stay.
    pub fn reload_tls(&self) -> Result<(), Usage> {
        self.tls.as_ref().map_or(Ok(()), |tls| tls.reload())
    }

    /// Answers what is under way, for [`limits::STOP_PATIENCE`] at most, and ends.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            // A panic was printed where it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn serve(runtime: &Runtime, listener: TcpListener, listening: connection::Listening) {
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        connection::accept(listener, listening).await;
        std::io::Result::Ok(())
    });
    if let Err(error) = served {
        tracing::error!("the HTTP server has ended: {error}; the job continues");
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, Usage> {
    let refused = |error: std::io::Error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there: choose another port, or 0 for any free one"
            }
            std::io::ErrorKind::PermissionDenied => {
                "ports below 1024 are for root: choose another one"
            }
            std::io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
            _ => "choose another address",
        };
        Usage(format!("cannot listen on {address}: {error}; {remedy}"))
    };
    let listener = TcpListener::bind(address).map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    Ok(listener)
}
