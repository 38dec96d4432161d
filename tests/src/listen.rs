//! Serves a router on a free port of loopback until the test's runtime ends.

use axum::Router;
use axum::serve::ListenerExt;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Binds port 0 and serves in the background; small answers leave at once (`TCP_NODELAY`).
pub async fn serve(routes: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    let listener = listener.tap_io(|stream| {
        // Only slower without it.
        let _ = stream.set_nodelay(true);
    });
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}
