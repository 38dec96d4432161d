//! `dial doctor`: each thing that a master needs, whether it is good, and what to do.

use crate::place::Place;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;

const KEY: &str = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// Answers the looks of one command: TheHive knows the key, Splunk does not know the token.
fn services() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4_096];
            let length = stream.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let (status, body) = match request.split(' ').nth(1).unwrap_or_default() {
                "/hive/api/v1/user/current" => ("200 OK", r#"{"login":"dial@example.org"}"#),
                "/hec/services/collector/health" => ("200 OK", r#"{"text":"ok","code":17}"#),
                _ => ("403 Forbidden", r#"{"text":"Invalid token","code":4}"#),
            };
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n");
            let answer = format!("{head}connection: close\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    port
}

fn place(sinks: &str) -> Place {
    let place = Place::new();
    let text = format!(
        "[master]\nstore = \"sqlite:dial.db\"\nbucket = \"letters\"\n\
         root_keys = {{ 1 = \"file:root.key\", 2 = \"file:none.key\" }}\n\
         dangerous_allow_private_sinks = true\n\n\
         [[master.tokens]]\nname = \"reader\"\nsecret = \"file:token\"\n\n\
         [[master.tokens]]\nname = \"old\"\nsecret = \"file:token\"\n\
         expires = \"2020-01-01T00:00:00Z\"\n\n{sinks}"
    );
    place.write("dial.toml", text);
    place.write("root.key", KEY);
    place.write("token", "0123456789abcdef0123456789abcdef");
    place
}

fn sinks(port: u16) -> String {
    format!(
        "[master.sinks.cases]\ntype = \"thehive\"\nurl = \"http://127.0.0.1:{port}/hive\"\n\
         api_key = \"file:token\"\n\n\
         [master.sinks.chat]\ntype = \"teams\"\nwebhook_url = \"file:flow\"\n\n\
         [master.sinks.siem]\ntype = \"splunk\"\nurl = \"http://127.0.0.1:{port}/hec\"\n\
         token = \"file:token\"\n\n\
         [master.sinks.wrong]\ntype = \"webhook\"\nurl = \"https://in.example.org\"\n\
         secret = \"file:token\"\n"
    )
}

#[test]
fn everything_is_told_with_its_fix_and_nothing_is_made() {
    let place = place(&sinks(services()));
    place.write("flow", "https://flow.example.org/sEcReT");
    let (code, out, err) = place.run(&["doctor"]);
    assert_eq!((code, err.as_str()), (1, ""), "{out}");
    insta::assert_snapshot!(out);
    assert!(!out.contains("sEcReT"), "{out}");
    assert!(!place.path().join("dial.db").exists());
    assert!(!place.path().join("letters").exists());
    let (code, out, _) = place.run(&["doctor", "--format", "json"]);
    let list: Vec<Value> = serde_json::from_str(&out).unwrap();
    let of = |name: &str| list.iter().find(|c| c["name"] == name).unwrap()["state"].clone();
    assert_eq!(code, 1);
    assert_eq!(
        (of("sink cases"), of("sink siem")),
        ("ok".into(), "fail".into())
    );
    assert_eq!(
        (of("sink chat"), of("sink wrong")),
        ("skipped".into(), "fail".into())
    );
}

#[test]
fn a_wrong_configuration_is_told_line_by_line() {
    let place = place("[master.sinks.cases]\ntype = \"thehiv\"\n");
    let (code, out, _) = place.run(&["doctor"]);
    assert_eq!(code, 1, "{out}");
    insta::assert_snapshot!("wrong_configuration", out);
}
