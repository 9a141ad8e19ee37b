//! The server: a socket and a thread with a small runtime.

mod connection;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use self::connection::Answers;
use super::security::{Guards, RateLimit};
use super::{Auditor, HttpSettings, Route, limits};
use crate::error::Usage;

/// A running server. Dropping it stops it.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds the address and answers on these routes from now on.
    ///
    /// # Errors
    /// [`Usage`] when the address cannot be had, or needs a token that there is not.
    pub fn start(settings: &HttpSettings, routes: Vec<Route>) -> anyhow::Result<Server> {
        Server::start_audited(settings, routes, None)
    }

    /// The same, and somebody notes each change that is asked for.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_audited(
        settings: &HttpSettings,
        routes: Vec<Route>,
        auditor: Option<Arc<dyn Auditor>>,
    ) -> anyhow::Result<Server> {
        let token = settings.token()?;
        let listener = bind(settings.address)?;
        let address = listener.local_addr()?;
        let guards = Guards {
            hosts: settings.hosts.clone(),
            token,
            rate: RateLimit::new(settings.requests_per_s),
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
        let thread = thread::Builder::new().name("http".to_owned()).spawn(move || {
            serve(&runtime, listener, connection::Listening { answers, connections, stopped });
            // A look into a store that hangs is left to itself.
            runtime.shutdown_background();
        })?;
        Ok(Server { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
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
