//! A TCP proxy with faults, so that a test can cut the way between two processes.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// What the proxy does to connections made from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: bytes pass both ways.
    None,
    /// Closes at once.
    Close,
    /// Takes bytes and never answers.
    Hang,
    /// Passes the request, then cuts the answer off: the other side has done its work.
    DropAnswer,
}

struct Inner {
    target: Mutex<String>,
    fault: Mutex<Fault>,
    connections: Mutex<usize>,
}

/// A proxy on a port of its own; its target may move, as when a process restarts elsewhere.
pub struct Proxy {
    address: String,
    inner: Arc<Inner>,
}

impl Proxy {
    /// Listens on a free port of loopback; passes everything on to `target` (`host:port`).
    pub async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let inner = Arc::new(Inner {
            target: Mutex::new(target.to_owned()),
            fault: Mutex::new(Fault::None),
            connections: Mutex::new(0),
        });
        let accepting = Arc::clone(&inner);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *accepting.connections.lock().unwrap() += 1;
                tokio::spawn(pass(Arc::clone(&accepting), stream));
            }
        });
        Self {
            address: address.to_string(),
            inner,
        }
    }

    /// `http://host:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What happens to connections from now on.
    pub fn set(&self, fault: Fault) {
        *self.inner.fault.lock().unwrap() = fault;
    }

    /// Where connections go from now on.
    pub fn aim(&self, target: &str) {
        target.clone_into(&mut self.inner.target.lock().unwrap());
    }

    /// Connections made so far.
    pub fn connections(&self) -> usize {
        *self.inner.connections.lock().unwrap()
    }
}

async fn pass(inner: Arc<Inner>, mut client: TcpStream) {
    let fault = *inner.fault.lock().unwrap();
    let target = inner.target.lock().unwrap().clone();
    match fault {
        Fault::Close => {}
        Fault::Hang => swallow(&mut client).await,
        Fault::None => {
            if let Ok(mut server) = TcpStream::connect(target).await {
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        }
        Fault::DropAnswer => {
            if let Ok(server) = TcpStream::connect(target).await {
                drop_answer(client, server).await;
            }
        }
    }
}

/// Reads for ever, so that the other side sees neither an answer nor an end.
async fn swallow(client: &mut TcpStream) {
    let mut buffer = [0; 4096];
    while matches!(client.read(&mut buffer).await, Ok(1..)) {}
}

/// Passes the request on; closes both sides once the first byte of the answer is there.
async fn drop_answer(client: TcpStream, server: TcpStream) {
    let (mut from_client, _to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let request = async {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
        let _ = to_server.flush().await;
        std::future::pending::<()>().await;
    };
    let answer = async {
        let mut first = [0; 1];
        let _ = from_server.read(&mut first).await;
    };
    tokio::select! {
        () = request => {}
        () = answer => {}
    }
}
