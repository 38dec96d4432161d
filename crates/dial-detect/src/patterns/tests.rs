use super::*;
use crate::Settings;
use dial_core::wire::WorkerInfo;

fn pipeline(settings: &Settings) -> Pipeline {
    let worker = WorkerInfo {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        version: "0".into(),
        rules: String::new(),
    };
    Pipeline::new(settings, worker).unwrap()
}

/// The patterns for a few rules of the operator's alone.
fn derived(rules: &[(&str, &str)]) -> PatternSet {
    let folder = tempfile::tempdir().unwrap();
    for (index, (name, detection)) in rules.iter().enumerate() {
        let text = format!(
            "title: {name}\nid: 00000000-0000-4000-8000-{index:012}\nname: {name}\nlevel: low\n{detection}\n"
        );
        std::fs::write(folder.path().join(format!("{name}.yml")), text).unwrap();
    }
    let settings = Settings {
        rules: Some(folder.path().to_owned()),
        ..Settings::default()
    };
    derive(&pipeline(&settings), Options::default()).unwrap()
}

/// Patterns of one rule, as JSON text.
fn of_rule(rule: &str, set: &PatternSet) -> Vec<String> {
    let with = set
        .patterns
        .iter()
        .filter(|p| p.rules.iter().any(|r| r == rule));
    with.map(|p| format!("{} {}", p.name, p.pattern)).collect()
}

#[test]
fn the_pack_has_patterns() {
    let set = derive(&pipeline(&Settings::default()), Options::default()).unwrap();
    for pattern in &set.patterns {
        let length = pattern.pattern.to_string().chars().count();
        println!(
            "{:22} {:?} {:?} {length} {}",
            pattern.name, pattern.state, pattern.scope, pattern.pattern
        );
        assert!(length <= MAX_PATTERN);
    }
    println!("{:?}", set.undelivered);
    println!("{}", set.hash);
}
