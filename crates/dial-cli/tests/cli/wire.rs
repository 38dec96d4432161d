//! A proxy before the S3 emulator that writes down every request line, and can stop answering.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Seen {
    /// Paths with their queries, in the order of their arrival.
    requests: Vec<String>,
    /// Objects that are still handed out; `None` for all.
    left: Option<usize>,
}

/// The proxy; its threads end with the test's process.
pub(crate) struct Wire {
    url: String,
    seen: Arc<Mutex<Seen>>,
}

impl Wire {
    /// Listens on a free port; after `objects` objects no request is answered any more.
    pub(crate) fn to(url: &str, objects: Option<usize>) -> Self {
        let target = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen {
            left: objects,
            ..Seen::default()
        }));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(&target).unwrap();
                let answers = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || pass(answers.0, answers.1, |_| true));
                let seen = Arc::clone(&shared);
                std::thread::spawn(move || pass(client, server, |bytes| note(&seen, bytes)));
            }
        });
        Self { url, seen }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Requests for objects.
    pub(crate) fn objects(&self) -> Vec<String> {
        self.requests(|request| !request.contains("list-type"))
    }

    /// Requests for lists.
    pub(crate) fn lists(&self) -> Vec<String> {
        self.requests(|request| request.contains("list-type"))
    }

    fn requests(&self, keep: impl Fn(&str) -> bool) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let kept = seen.requests.iter().filter(|request| keep(request));
        kept.cloned().collect()
    }
}

/// The SDK writes the head of a request at once; whether it may pass on.
fn note(seen: &Mutex<Seen>, bytes: &[u8]) -> bool {
    let mut seen = seen.lock().unwrap();
    let text = String::from_utf8_lossy(bytes).into_owned();
    for line in text.lines() {
        let request = line
            .strip_prefix("GET ")
            .and_then(|rest| rest.split(' ').next());
        let Some(request) = request else { continue };
        if let Some(left) = seen
            .left
            .as_mut()
            .filter(|_| !request.contains("list-type"))
        {
            if *left == 0 {
                return false;
            }
            *left -= 1;
        }
        seen.requests.push(request.to_owned());
    }
    true
}

fn pass(mut from: TcpStream, mut to: TcpStream, may_pass: impl Fn(&[u8]) -> bool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        // A request that may not pass hangs until its sender goes away.
        if may_pass(&buffer[..read]) && to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
