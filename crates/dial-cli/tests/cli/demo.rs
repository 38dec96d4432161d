//! `dial demo --once`: the whole way, and what it looks like.

use crate::place::Place;

#[test]
fn the_incident_is_told_as_it_is_written() {
    let (code, out, err) = Place::new().run(&["demo", "--once"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    insta::with_settings!({filters => vec![
        (r"\d+\.\d ms", "[time]"),
        (r"\d\d:\d\d:\d\d  ", "[clock]  "),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?", "[event time]"),
        (r"f-[a-z2-7]{26}", "[finding id]"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:[port]"),
    ]}, { insta::assert_snapshot!(out) });
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, err) = Place::new().run(&["demo", "--once", "--listen", &address]);
    assert_eq!(code, 1);
    assert!(err.contains(&address) && err.contains("--listen"), "{err}");
}
