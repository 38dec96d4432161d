//! Files that are good, and every problem of those that are not.

use super::*;
use dial_core::config::section;

fn read(text: &str) -> Result<Master, dial_core::config::Problems> {
    section("dial.toml", text, "master", [])
}

#[test]
fn a_small_file_is_enough() {
    let text = "[master]\nroot_keys = { 1 = \"file:root.key\" }\n\n\
         [[master.tokens]]\nname = \"me\"\nsecret = \"env:TOKEN\"\n";
    let master = read(text).unwrap();
    assert_eq!(master.listen.0.to_string(), "127.0.0.1:8600");
    assert_eq!(master.store, StoreRef::Sqlite("dial.db".into()));
    assert_eq!(master.retention_days, 400);
    assert!(!format!("{master:?}").contains("whsec"));
}

#[test]
fn a_full_file_is_read() {
    let text = "[master]\nlisten = \"0.0.0.0:443\"\nbase_url = \"https://dial.example.com\"\n\
         store = \"dynamodb:dial-findings\"\nbucket = \"s3://dial-letters/prod\"\n\
         root_keys = { 1 = \"secretsmanager:dial/root-1\", 2 = \"env:ROOT_2\" }\n\
         retention_days = 30\naggregators = [\"111122223333/eu-west-1\"]\n\
         rate = { per_second = 10, burst = 200 }\n\n\
         [[master.tokens]]\nname = \"soc\"\nsecret = \"file:/run/token\"\n\
         expires = \"2030-01-01T00:00:00Z\"\n";
    let master = read(text).unwrap();
    assert_eq!(master.store, StoreRef::Dynamodb("dial-findings".into()));
    assert_eq!(master.root_keys.len(), 2);
    assert!(master.tokens[0].expires.is_some());
}

#[test]
fn every_problem_is_listed_with_its_fix() {
    let text = "[master]\nlisten = \"everywhere\"\nbase_url = \"dial.example.com\"\n\
         store = \"postgres:x\"\nbucket = \"https://x\"\nretention_days = 0\n\
         root_keys = { one = \"file:root.key\", 2 = \"whsec_literal\" }\n\
         auth = \"off\"\naggregators = [\"111122223333\"]\nretension = 3\n\
         rate = { per_second = 0, burst = 5 }\n\n\
         [[master.tokens]]\nname = \"\"\nsecret = \"env:A\"\n\n\
         [[master.tokens]]\nname = \"a\"\nsecret = \"hunter2\"\n\n\
         [master.sinks.chat]\ntype = \"slak\"\n";
    insta::assert_snapshot!(read(text).unwrap_err());
}

#[test]
fn buttons_need_an_app_that_takes_their_clicks() {
    let base = "[master]\nroot_keys = { 1 = \"env:R\" }\nauth = \"none\"\n\n\
         [master.sinks.alerts]\ntype = \"slack\"\nbot_token = \"env:T\"\n\
         channel = \"C0123456789\"\nbuttons = true\n";
    let app = "\n[master.slack]\nsigning_secret = \"env:S\"\nbot_token = \"env:T\"\n\
         teams = [\"T0123456789\"]\n\n[master.slack.users]\n\
         U0123456789 = { name = \"analyst-1\", scope = \"analyst\" }\n";
    assert!(read(&format!("{base}{app}")).is_ok());
    let wrong = app.replace("scope", "scop").replace("teams", "team");
    let told = [read(base), read(&format!("{base}{wrong}"))];
    let told = told.map(|result| result.unwrap_err().to_string());
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn reading_without_tokens_is_for_loopback_only() {
    let root = "root_keys = { 1 = \"env:R\" }";
    let token = "[[master.tokens]]\nname = \"a\"\nsecret = \"env:A\"";
    let cases = [
        ("nothing", String::new(), false),
        ("loopback", "auth = \"none\"".into(), true),
        (
            "loopback 6",
            "auth = \"none\"\nlisten = \"[::1]:1\"".into(),
            true,
        ),
        (
            "everywhere",
            "auth = \"none\"\nlisten = \"0.0.0.0:1\"".into(),
            false,
        ),
        ("both", format!("auth = \"none\"\n{token}"), false),
        ("token twice", format!("{token}\n{token}"), false),
    ];
    for (name, text, good) in cases {
        let result = read(&format!("[master]\n{root}\n{text}\n"));
        assert_eq!(result.is_ok(), good, "{name}: {result:?}");
    }
    insta::assert_snapshot!(read("[master]\n").unwrap_err());
}
