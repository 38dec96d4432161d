//! `serve` on a real socket: it answers, refuses what is no HTTP, and ends without cutting off.

use dial_aws::{AwsSecrets, Clients};
use dial_core::config::section;
use dial_master::config::Master;
use dial_master::serve::{self, Running};
use dial_master::setup::Setup;
use std::net::SocketAddr;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn config(folder: &Path, more: &str) -> Master {
    std::fs::write(
        folder.join("root.key"),
        format!("whsec_{}=", "A".repeat(43)),
    )
    .unwrap();
    std::fs::write(folder.join("token"), "reader-token-0123456789-abcdef").unwrap();
    let at = folder.display();
    let text = format!(
        "[master]\nlisten = \"127.0.0.1:0\"\nstore = \"sqlite:{at}/dial.db\"\n\
         bucket = \"{at}/bucket\"\n{more}\n"
    );
    section("dial.toml", &text, "master", []).unwrap()
}

async fn start(folder: &Path) -> Running {
    let more = format!(
        "root_keys = {{ 1 = \"file:{0}/root.key\" }}\n\
         tokens = [{{ name = \"me\", secret = \"file:{0}/token\" }}]",
        folder.display()
    );
    let secrets = AwsSecrets::new(Clients::new());
    serve::start(&config(folder, &more), &secrets)
        .await
        .unwrap()
}

/// Sends bytes and reads until the other side closes.
async fn talk(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // A server that closes with bytes unread resets the connection; what came before counts.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

fn status(answer: &str) -> &str {
    answer.lines().next().unwrap_or("")
}

#[tokio::test]
async fn it_answers_and_refuses_what_is_no_http() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path()).await;
    let endless = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(64 * 1024));
    let cases: [(&str, &[u8], &str); 6] = [
        ("health", b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "HTTP/1.1 200 OK"),
        ("unsigned", b"POST /v1/findings HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}", "HTTP/1.1 401 Unauthorized"),
        ("announced too large", b"POST /v1/findings HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1048577\r\n\r\n", "HTTP/1.1 413 Payload Too Large"),
        ("no HTTP", b"\x16\x03\x01\x00\xee\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        ("two lengths", b"POST /v1/findings HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}", "HTTP/1.1 400 Bad Request"),
        ("endless header", endless.as_bytes(), "HTTP/1.1 431 Request Header Fields Too Large"),
    ];
    for (name, request, expected) in cases {
        let answer = talk(running.address(), request).await;
        assert_eq!(status(&answer), expected, "{name}");
    }
    running.stop().await;
}

#[tokio::test]
async fn the_peer_of_the_connection_decides_whether_a_proxys_header_counts() {
    let cases = [
        ("127.0.0.0/8", "HTTP/1.1 200 OK"),
        ("10.0.0.0/8", "HTTP/1.1 303 See Other"),
    ];
    for (allowed, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let more = format!(
            "root_keys = {{ 1 = \"file:{0}/root.key\" }}\n\
             tokens = [{{ name = \"me\", secret = \"file:{0}/token\" }}]\n\
             [master.sign_in.proxy]\nheader = \"x-forwarded-user\"\n\
             roles = {{ analyst = \"viewer\" }}\nallowed = [\"{allowed}\"]",
            folder.path().display()
        );
        let secrets = AwsSecrets::new(Clients::new());
        let config = config(folder.path(), &more);
        let running = serve::start(&config, &secrets).await.unwrap();
        let request = b"GET /rules HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
              x-forwarded-for: 10.0.0.1\r\nx-forwarded-user: analyst\r\n\r\n";
        let answer = talk(running.address(), request).await;
        assert_eq!(status(&answer), expected, "{allowed}");
        running.stop().await;
    }
}

#[tokio::test]
async fn behind_an_http_api_no_proxy_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let more = format!(
        "root_keys = {{ 1 = \"file:{0}/root.key\" }}\n\
         tokens = [{{ name = \"me\", secret = \"file:{0}/token\" }}]\n\
         [master.sign_in.proxy]\nheader = \"x-forwarded-user\"\n\
         roles = {{ analyst = \"viewer\" }}\nallowed = [\"10.0.0.0/8\"]",
        folder.path().display()
    );
    let config = config(folder.path(), &more);
    let (clients, secrets) = (Clients::new(), AwsSecrets::new(Clients::new()));
    let error = Setup::new(&config, &clients, &secrets).api().await;
    let error = error.err().unwrap().to_string();
    assert_eq!(
        error,
        "master.sign_in.proxy: behind an HTTP API no address is a proxy's: whoever calls could be \
         anybody; remove it, and use sign_in.oidc"
    );
}

#[tokio::test]
async fn stopping_takes_no_more_and_ends_what_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path()).await;
    let address = running.address();
    let mut under_way = TcpStream::connect(address).await.unwrap();
    let head = b"POST /v1/findings HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{";
    under_way.write_all(head).await.unwrap();
    // Answered only after the server has looked at every connection that came before.
    let health = b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert_eq!(status(&talk(address, health).await), "HTTP/1.1 200 OK");
    let stopping = tokio::spawn(running.stop());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    under_way.write_all(b"}").await.unwrap();
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).await.unwrap();
    assert_eq!(status(&answer), "HTTP/1.1 401 Unauthorized");
    stopping.await.unwrap();
}

#[tokio::test]
async fn everything_in_the_way_of_a_start_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("short"), "hunter2").unwrap();
    let at = folder.path().display();
    let more = format!(
        "root_keys = {{ 1 = \"env:DIAL_TEST_UNSET\", 2 = \"file:{at}/short\" }}\n\
         tokens = [{{ name = \"me\", secret = \"file:{at}/short\" }}]\n\
         [master.sinks.hook]\ntype = \"webhook\"\nurl = \"https://hooks.example.com/dial\"\n\
         secret = \"env:DIAL_TEST_UNSET\""
    );
    let config = config(folder.path(), &more);
    let (clients, secrets) = (Clients::new(), AwsSecrets::new(Clients::new()));
    let setup = Setup::new(&config, &clients, &secrets);
    let error = setup.whole().await.err().unwrap().to_string();
    insta::assert_snapshot!(error);
    assert!(!folder.path().join("dial.db").exists(), "nothing was made");
}
