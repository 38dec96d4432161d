//! `dial serve`: the whole master in one process, until it is told to stop.

use crate::api::{Peer, State, app};
use crate::config::Master;
use crate::enduring::{self, Defects};
use crate::setup::{Setup, SetupError, Whole};
use axum::Router;
use dial_aws::Clients;
use dial_core::ports::Secrets;
use futures::FutureExt as _;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
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
    tasks: Tasks,
}

/// What runs side by side until the master is stopped.
struct Tasks {
    stopping: watch::Receiver<bool>,
    defects: Arc<Defects>,
    running: Vec<JoinHandle<()>>,
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
    let whole = Setup::new(&config, &clients, secrets).whole().await?;
    let (stop, stopping) = watch::channel(false);
    let state = Arc::clone(&whole.state);
    let tasks = Tasks::start(listener, whole, stopping);
    tracing::info!(%address, "serving");
    Ok(Running {
        address,
        state,
        stop,
        tasks,
    })
}

impl Tasks {
    /// Everything that a master does: answer, deliver, look at sinks and workers, keep order.
    fn start(listener: TcpListener, whole: Whole, stopping: watch::Receiver<bool>) -> Self {
        let Whole {
            state,
            deliverer,
            fleet,
            upkeep,
        } = whole;
        let mut tasks = Self {
            stopping,
            defects: state.defects(),
            running: Vec::new(),
        };
        tasks.open_door(listener, app(Arc::clone(&state)));
        let (wake, defects, served) = (state.wake(), state.defects(), Arc::clone(&deliverer));
        tasks.keep("delivery", move |stop| {
            let (wake, defects) = (Arc::clone(&wake), Arc::clone(&defects));
            Arc::clone(&served).run(wake, defects, stopped(stop))
        });
        let watch = state.watch();
        tasks.keep("looks at sinks", move |stop| {
            let (watch, deliverer) = (Arc::clone(&watch), Arc::clone(&deliverer));
            async move { watch.run(deliverer, stopped(stop)).await }
        });
        let (fleet, wake, started) = (Arc::new(fleet), state.wake(), Instant::now());
        tasks.keep("looks at workers", move |stop| {
            let (fleet, wake) = (Arc::clone(&fleet), Arc::clone(&wake));
            async move { fleet.run(started, wake, stopped(stop)).await }
        });
        let upkeep = Arc::new(upkeep);
        tasks.keep("upkeep", move |stop| {
            let upkeep = Arc::clone(&upkeep);
            async move { upkeep.run(stopped(stop)).await }
        });
        tasks
    }

    fn open_door(&mut self, listener: TcpListener, app: Router) {
        let door = Door {
            listener,
            app,
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
            defects: Arc::clone(&self.defects),
        };
        let served = door.serve(self.stopping.clone());
        self.running.push(tokio::spawn(served));
    }

    /// Keeps a task running, whatever defects it has; each run is told when to end.
    fn keep<F>(
        &mut self,
        task: &'static str,
        begin: impl Fn(watch::Receiver<bool>) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, defects) = (self.stopping.clone(), Arc::clone(&self.defects));
        self.running.push(tokio::spawn(async move {
            let run = || begin(stop.clone());
            enduring::run(task, &defects, stop.clone(), run).await;
        }));
    }
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
        for task in self.tasks.running {
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

/// Where connections come in.
struct Door {
    listener: TcpListener,
    app: Router,
    permits: Arc<Semaphore>,
    defects: Arc<Defects>,
}

impl Door {
    /// Takes connections until the master is stopped, then waits for requests under way.
    async fn serve(self, stopping: watch::Receiver<bool>) {
        let graceful = GracefulShutdown::new();
        let take = || self.take_all(&graceful, stopping.clone());
        enduring::run("connections", &self.defects, stopping.clone(), take).await;
        drop(self.listener);
        if tokio::time::timeout(GRACE, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("requests under way were cut off");
        }
    }

    async fn take_all(&self, graceful: &GracefulShutdown, stopping: watch::Receiver<bool>) {
        let stopped = stopped(stopping);
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                () = &mut stopped => return,
                (stream, peer, permit) = accept(&self.listener, &self.permits) => {
                    let (app, defects) = (self.app.clone(), Arc::clone(&self.defects));
                    let watcher = graceful.watcher();
                    tokio::spawn(serve_one(stream, peer, app, watcher, defects, permit));
                }
            }
        }
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
    defects: Arc<Defects>,
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
    let served = AssertUnwindSafe(watcher.watch(connection));
    match served.catch_unwind().await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "connection broke off"),
        Err(_) => defects.learn("request"),
    }
    drop(permit);
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use jiff::Timestamp;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// What is answered until the other side closes.
    async fn ask(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_request_that_panics_is_told_of_and_ends_no_other() {
        async fn broken() {
            panic!("a defect");
        }
        let (listener, address) = listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let defects = Arc::new(Defects::new(Arc::new(|| Timestamp::UNIX_EPOCH)));
        let door = Door {
            listener,
            app: Router::new()
                .route("/broken", get(broken))
                .route("/", get(|| async { "fine" })),
            permits: Arc::new(Semaphore::new(1)),
            defects: Arc::clone(&defects),
        };
        let (stop, stopping) = watch::channel(false);
        let serving = tokio::spawn(door.serve(stopping));
        assert_eq!(ask(address, "/broken").await, "");
        // With one permit, this one is served only after the other gave its back.
        assert!(ask(address, "/").await.ends_with("fine"));
        let seen: Vec<_> = defects
            .seen()
            .into_iter()
            .map(|d| (d.task, d.times))
            .collect();
        assert_eq!(seen, [("request".to_owned(), 1)]);
        stop.send_replace(true);
        serving.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_kept_task_that_panics_begins_again_and_ends_with_the_master() {
        let (stop, stopping) = watch::channel(false);
        let defects = Arc::new(Defects::new(Arc::new(|| Timestamp::UNIX_EPOCH)));
        let mut tasks = Tasks {
            stopping,
            defects: Arc::clone(&defects),
            running: Vec::new(),
        };
        let (told, mut runs) = tokio::sync::mpsc::unbounded_channel();
        let before = Arc::new(std::sync::atomic::AtomicU32::new(0));
        tasks.keep("upkeep", move |stop| {
            let (told, before) = (told.clone(), Arc::clone(&before));
            async move {
                let run = before.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let _ = told.send(run);
                assert!(run >= 3, "a defect");
                stopped(stop).await;
            }
        });
        while runs.recv().await.unwrap() < 3 {}
        assert_eq!(defects.seen()[0].times, 3);
        stop.send_replace(true);
        tasks.running.remove(0).await.unwrap();
    }
}
