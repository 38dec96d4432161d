//! `dial serve`: the whole master in one process, until it is told to stop.

use crate::api::{Peer, State, app};
use crate::config::Master;
use crate::setup::{Setup, SetupError, Whole};
use axum::Router;
use dial_aws::Clients;
use dial_core::ports::Secrets;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// Connections at a time; further ones wait in the system's queue. Each may hold one body.
const CONNECTIONS: usize = 512;
/// Longest wait for the headers of a request, the first or the next of a connection.
const HEADER_TIME: Duration = Duration::from_secs(20);
/// Bytes of request line and headers; an HTTP API allows 10 KB.
const HEADER_BYTES: usize = 32 * 1024;
/// Longest wait at the end for requests under way.
const GRACE: Duration = Duration::from_secs(20);
/// Pause after the system refused a connection, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Why the master cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration cannot be put to work.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A master that serves in the background.
pub struct Running {
    address: SocketAddr,
    state: Arc<State>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// Serves until SIGTERM or SIGINT, then ends what is under way.
pub async fn run(config: &Master, secrets: &dyn Secrets) -> Result<(), ServeError> {
    let running = start(config, secrets).await?;
    told_to_stop().await;
    tracing::info!("stopping");
    running.stop().await;
    Ok(())
}

/// Starts to serve and to deliver; port 0 takes a free one.
pub async fn start(config: &Master, secrets: &dyn Secrets) -> Result<Running, ServeError> {
    let (listener, address) = listen(config.listen.0).await?;
    let mut config = config.clone();
    if config.base_url.is_none() && !address.ip().is_unspecified() {
        config.base_url = Some(format!("http://{address}"));
    }
    let clients = Clients::new();
    let Whole {
        state,
        deliverer,
        fleet,
        upkeep,
    } = Setup::new(&config, &clients, secrets).whole().await?;
    let (stop, stopping) = watch::channel(false);
    let server = tokio::spawn(accept_all(
        listener,
        app(Arc::clone(&state)),
        stopping.clone(),
    ));
    let (watch, watched, unwatched) = (state.watch(), deliverer.clone(), stopping.clone());
    let watch = tokio::spawn(async move { watch.run(watched, stopped(unwatched)).await });
    let fleet = tokio::spawn(fleet.run(state.wake(), stopped(stopping.clone())));
    let upkeep = tokio::spawn(upkeep.run(stopped(stopping.clone())));
    let delivery = tokio::spawn(deliverer.run(state.wake(), stopped(stopping)));
    tracing::info!(%address, "serving");
    Ok(Running {
        address,
        state,
        stop,
        tasks: vec![server, delivery, watch, fleet, upkeep],
    })
}

async fn listen(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let refused = |source| ServeError::Listen {
        address: wanted,
        source,
    };
    let listener = TcpListener::bind(wanted).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok((listener, address))
}

impl Running {
    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests; returns when those under way and the attempts at sinks have ended.
    pub async fn stop(self) {
        self.state.drain();
        // Nobody listens any more where both tasks have ended already.
        let _ = self.stop.send(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "task did not end well");
            }
        }
        tracing::info!("stopped");
    }
}

/// Ends when the master is stopped, or forgotten.
async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Ends when the process is asked to end.
async fn told_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be handled");
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
    #[cfg(not(unix))]
    let _ = tokio::signal::ctrl_c().await;
}

async fn accept_all(listener: TcpListener, app: Router, stopping: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let stopped = stopped(stopping);
    tokio::pin!(stopped);
    loop {
        let next = accept(&listener, &permits);
        tokio::select! {
            () = &mut stopped => break,
            (stream, peer, permit) = next => {
                let app = app.clone();
                tokio::spawn(serve_one(stream, peer, app, graceful.watcher(), permit));
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(GRACE, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests under way were cut off");
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, Peer, OwnedSemaphorePermit) {
    let permit = Arc::clone(permits).acquire_owned().await;
    let permit = permit.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, Peer(peer), permit),
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn serve_one(
    stream: TcpStream,
    peer: Peer,
    app: Router,
    watcher: Watcher,
    permit: OwnedSemaphorePermit,
) {
    // An answer is one small write: waiting for more would only delay it.
    let _ = stream.set_nodelay(true);
    let app = app.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection broke off");
    }
    drop(permit);
}
