//! Speaks HTTP/1.1 by hand, so that a test can send what no client would and see every byte.

use dial_core::WorkerId;
use dial_core::gzip::deflate;
use dial_core::key::{KeyId, WorkerKey};
use dial_core::signature::sign;
use dial_core::wire::{FINDINGS_PATH, header};
use std::fmt::Write as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request that can be bent before it is sent.
#[derive(Debug, Clone)]
pub struct Forgery {
    /// Names and values, in order; may repeat.
    pub headers: Vec<(String, String)>,
    /// Bytes on the wire.
    pub body: Vec<u8>,
}

impl Forgery {
    /// A genuine request of these bytes, signed at this second.
    pub fn genuine(
        worker: &WorkerId,
        key: &WorkerKey,
        key_id: KeyId,
        timestamp: i64,
        json: &[u8],
    ) -> Self {
        let body = deflate(json);
        let id = "msg_1";
        let headers = [
            ("content-type", "application/octet-stream".to_owned()),
            ("content-encoding", "gzip".to_owned()),
            (header::ID, id.to_owned()),
            (header::TIMESTAMP, timestamp.to_string()),
            (header::SIGNATURE, sign(key, id, timestamp, &body)),
            (header::WORKER, worker.to_string()),
            (header::KEY, key_id.to_string()),
        ];
        Self {
            headers: headers
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
            body,
        }
    }

    /// The same with one header changed.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        for (_, old) in self.headers.iter_mut().filter(|(n, _)| n == name) {
            value.clone_into(old);
        }
        self
    }

    /// The same with one header more.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same without one header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| n != name);
        self
    }

    /// The same with another body.
    #[must_use]
    pub fn carrying(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// Sends it; returns the whole answer as it came, but for the `date` header's value.
    pub async fn send(&self, address: &str) -> String {
        let mut head = format!("POST {FINDINGS_PATH} HTTP/1.1\r\nhost: dial\r\n");
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(
            head,
            "content-length: {}\r\nconnection: close\r\n\r\n",
            self.body.len()
        );
        exchange(address, &[head.as_bytes(), &self.body].concat()).await
    }
}

/// Sends bytes and reads until the other side closes.
pub async fn exchange(address: &str, bytes: &[u8]) -> String {
    let stream = TcpStream::connect(address)
        .await
        .expect("the master listens");
    let (mut from, mut to) = stream.into_split();
    // A server may refuse before it has read everything.
    let writing = async { drop(to.write_all(bytes).await) };
    let reading = async {
        let mut answer = Vec::new();
        let _ = from.read_to_end(&mut answer).await;
        answer
    };
    let ((), answer) = tokio::join!(writing, reading);
    let text = String::from_utf8_lossy(&answer).into_owned();
    let is_date = |line: &&str| line.to_ascii_lowercase().starts_with("date:");
    let dates: Vec<&str> = text.split("\r\n").filter(is_date).collect();
    dates
        .iter()
        .fold(text.clone(), |text, date| text.replace(date, "date: -"))
}
