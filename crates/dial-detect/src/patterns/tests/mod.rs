//! Rules become patterns; what all of their tests share.

mod derived;
mod drifted;
mod grouped;

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

/// The patterns for the pack and a few rules of the operator's.
fn derived(rules: &[(&str, String)]) -> PatternSet {
    derive(&with_rules(rules), Options::default()).unwrap()
}

/// The pack and a few rules of the operator's.
fn with_rules(rules: &[(&str, String)]) -> Pipeline {
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
    pipeline(&settings)
}

fn patterns_of<'s>(rule: &str, set: &'s PatternSet) -> Vec<&'s Pattern> {
    let has = |pattern: &&Pattern| pattern.rules.iter().any(|name| name == rule);
    set.patterns.iter().filter(has).collect()
}

/// What each of the operator's rules wants, by the narrowest conditions.
fn shown(pipeline: &Pipeline) -> String {
    let mut lines = Vec::new();
    for (rule, trigger, wanted) in rules_wanting(pipeline, false) {
        if rule.built_in {
            continue;
        }
        lines.push(format!("{}:", rule.name));
        lines.extend(wanted.iter().map(|wanted| {
            let marks = match wanted {
                Wanted::Call { read, data, .. } => [(*read, " read"), (*data, " data")],
                _ => [(false, ""); 2],
            };
            let marks = marks.map(|(is, word)| if is { word } else { "" });
            format!("  {}{}", wanted.conditions().to_json(), marks.concat())
        }));
        let reason = reason(&wanted, &trigger);
        lines.extend(reason.map(|reason| format!("  {reason:?}")));
    }
    let records = r#""source":[{"prefix":"aws."}],"detail-type":[{"suffix":" via CloudTrail"}]"#;
    lines.join("\n").replace(records, "…")
}

const RECORDS: &str = "logsource: { product: aws, service: cloudtrail }\n";
