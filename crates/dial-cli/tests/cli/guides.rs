//! Whoever copies a block of settings from the guides has settings that load.

use dial_core::config::section;
use dial_master::config::Master;
use dial_worker::config::Worker;
use std::fs;
use std::path::Path;
use toml::{Table, Value};

/// What a block stands beside in a file that works.
const BESIDE: &str = r#"
    [worker]
    master_url = "https://dial.example.com"
    account = "111122223333"
    region = "eu-west-1"
    key = "file:worker.key"
    bucket = "s3://letters"

    [master]
    root_keys = { 1 = "file:root.key" }

    [[master.tokens]]
    name = "soc"
    secret = "file:soc.token"

    [master.sinks.chat]
    type = "slack"
    webhook_url = "env:SLACK_WEBHOOK"
"#;

/// Blocks that are keys of a table whose heading stands in another block.
const BELOW: [(&str, &str); 2] = [
    (
        "role =",
        "[master.sinks.bus]\ntype = \"eventbridge\"\n\
         bus_arn = \"arn:aws:events:eu-west-1:444455556666:event-bus/dial\"\n",
    ),
    (
        "organization_role =",
        "[master.enrolment]\norganization = true\n",
    ),
];

/// The settings of every page, each with the page and its line.
fn blocks() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = vec![root.join("README.md"), root.join("geoip/README.md")];
    let guides = fs::read_dir(root.join("docs/guides")).unwrap();
    pages.extend(guides.map(|page| page.unwrap().path()));
    pages.sort();
    let mut found = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let name = page.file_name().unwrap().display().to_string();
        let mut line = 1;
        for (n, part) in text.split("```").enumerate() {
            if let (1, Some(block)) = (n % 2, part.strip_prefix("toml\n")) {
                found.push((format!("{name}:{line}"), block.to_owned()));
            }
            line += part.matches('\n').count();
        }
    }
    found
}

/// The block in a file that works without it; what both say, the block says.
fn file(block: &str) -> Table {
    let heading = BELOW.iter().find(|(start, _)| block.starts_with(start));
    let block = heading.map_or(block.to_owned(), |(_, heading)| format!("{heading}{block}"));
    let block: Table = block.parse().unwrap();
    let mut file: Table = BESIDE.parse().unwrap();
    let routed = block
        .get("master")
        .is_some_and(|m| m.get("route").is_some());
    if routed {
        for sink in names(&block["master"]["route"]) {
            let chat = file["master"]["sinks"]["chat"].clone();
            let sinks = file["master"]["sinks"].as_table_mut().unwrap();
            sinks.insert(sink, chat);
        }
    }
    if block
        .get("worker")
        .is_some_and(|w| w.get("enrol").is_some())
    {
        file["worker"].as_table_mut().unwrap().remove("key");
    }
    merge(&mut file, block);
    file
}

/// Whomever a tree of routes tells.
fn names(route: &Value) -> Vec<String> {
    let list = |key: &str| route.get(key).and_then(Value::as_array).cloned();
    let own = list("sinks").unwrap_or_default().into_iter();
    let own = own.map(|name| name.as_str().unwrap().to_owned());
    let below = list("routes").unwrap_or_default();
    own.chain(below.iter().flat_map(names)).collect()
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from),
            (_, value) => drop(into.insert(key, value)),
        }
    }
}

/// Everything that is wrong with a file.
fn problems(file: &Table) -> Vec<String> {
    let text = toml::to_string(file).unwrap();
    let worker = section::<Worker>("guide", &text, "worker", []).map(drop);
    let master = section::<Master>("guide", &text, "master", []).map(drop);
    let wrong = [worker, master].into_iter().filter_map(Result::err);
    let list = wrong.flat_map(|problems| problems.list);
    list.map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect()
}

#[test]
fn every_block_of_settings_loads() {
    assert_eq!(problems(&BESIDE.parse().unwrap()), Vec::<String>::new());
    let blocks = blocks();
    assert!(blocks.len() > 35, "{}", blocks.len());
    let mut wrong = Vec::new();
    for (place, block) in blocks {
        let told = problems(&file(&block)).into_iter();
        wrong.extend(told.map(|problem| format!("{place}: {problem}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_block_that_nobody_could_use_is_found() {
    let spoilt = [
        "[master.sinks.chat]\nmenton = { critical = [\"here\"] }\n",
        "[master.route]\nsinks = [\"chat\"]\nmention = [\"@soc\"]\n",
        "[worker.detect]\nrulez = \"mine\"\n",
        "role = 5\n",
    ];
    for block in spoilt {
        assert_eq!(problems(&file(block)).len(), 1, "{block}");
    }
}
