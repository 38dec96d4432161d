//! The least that an accepting server can be: axum and one HMAC, nothing stored.

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::{Router, routing::post};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

async fn accept(body: Bytes) -> StatusCode {
    let mut mac = Hmac::<Sha256>::new_from_slice(&[7; 32]).expect("any length");
    mac.update(&body);
    let tag = mac.finalize().into_bytes();
    if tag[0] == tag[1] && tag[1] == tag[2] && tag[2] == tag[3] {
        return StatusCode::UNAUTHORIZED;
    }
    StatusCode::OK
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, Router::new().route("/v1/findings", post(accept))).await
}
