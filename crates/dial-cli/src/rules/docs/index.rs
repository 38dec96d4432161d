//! First page of the reference: counts, services, ATT&CK; and what is not covered.

use super::{Entry, Row, Services, page, plain};
use dial_core::Severity;
use dial_detect::engine::{ATTACK_VERSION, Delivery, Pack, tactics, technique_name};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const LEVELS: [Severity; 5] = [
    Severity::Critical,
    Severity::High,
    Severity::Medium,
    Severity::Low,
    Severity::Informational,
];

/// The first page.
pub(super) fn render(services: &Services, has_left_out: bool) -> String {
    let all: Vec<&Entry> = services.values().flatten().collect();
    let of = |pack: Pack| all.iter().filter(|entry| entry.rule.pack == pack).count();
    let mut text = format!(
        "# Rules\n\n<!-- Written by `dial rules docs`. -->\n\n{} rules judge out of the box; the audit pack \
         has {} more, off unless `audit_rules = true` in `[worker.detect]`. What a rule needs is also told by \
         `dial rules blind-spots` for your configuration. How to write one: \
         [write a rule](../../guides/write-a-rule.md).\n",
        of(Pack::Core),
        of(Pack::Audit),
    );
    if has_left_out {
        text.push_str("\nWhat no rule covers, and why: [not covered](not-covered.md).\n");
    }
    by_service(&mut text, services);
    by_delivery(&mut text, &all);
    by_technique(&mut text, services);
    text
}

fn by_service(text: &mut String, services: &Services) {
    text.push_str("\n## By service\n\n| Service |");
    for level in LEVELS {
        let _ = write!(text, " {level} |");
    }
    text.push_str(" audit |\n|---|---|---|---|---|---|---|\n");
    let mut sums = [0; 6];
    for (service, entries) in services {
        let counts = counts(entries);
        let _ = writeln!(
            text,
            "| [{}]({service}.md) |{}",
            page::title(service),
            cells(counts)
        );
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    let _ = writeln!(text, "| all |{}", cells(sums));
}

/// Core rules by level, then audit rules.
fn counts(entries: &[Entry]) -> [usize; 6] {
    let mut counts = [0; 6];
    for Entry { rule, .. } in entries {
        let level = LEVELS.iter().position(|level| *level == rule.level);
        let column = if rule.pack == Pack::Audit {
            5
        } else {
            level.unwrap_or(4)
        };
        counts[column] += 1;
    }
    counts
}

fn cells(counts: [usize; 6]) -> String {
    let cell = |count: usize| {
        if count == 0 {
            " |".to_owned()
        } else {
            format!(" {count} |")
        }
    };
    counts.into_iter().map(cell).collect()
}

fn by_delivery(text: &mut String, all: &[&Entry]) {
    text.push_str("\n## By the way events arrive\n\n| Events | Rules | What has to be switched on |\n|---|---|---|\n");
    let rows = [
        (
            Delivery::Write,
            "management, writing",
            "a trail with management events of every region",
        ),
        (
            Delivery::Read,
            "management, reading",
            "the same, and EventBridge rules in the state that brings reads",
        ),
        (
            Delivery::Data,
            "data",
            "a trail that selects these data events",
        ),
        (
            Delivery::Service,
            "service events, findings",
            "the service that writes them",
        ),
    ];
    for (delivery, events, needs) in rows {
        let rules = all
            .iter()
            .filter(|entry| entry.rule.dial.delivery == Some(delivery));
        let _ = writeln!(text, "| {events} | {} | {needs} |", rules.count());
    }
}

fn by_technique(text: &mut String, services: &Services) {
    let mut techniques: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    let mut distinct = BTreeSet::new();
    for (service, entries) in services {
        for entry in entries {
            for technique in &entry.rule.attack {
                distinct.insert(technique);
                let rule = &entry.rule;
                let link = format!("[{}]({service}.md#{})", plain(&rule.title), rule.name);
                for tactic in tactics(technique) {
                    let of_tactic = techniques.entry(tactic).or_default();
                    let links = of_tactic.entry(technique).or_default();
                    if !links.is_empty() {
                        links.push_str(", ");
                    }
                    links.push_str(&link);
                }
            }
        }
    }
    let _ = writeln!(
        text,
        "\n## By ATT&CK technique\n\n{} techniques of ATT&CK {ATTACK_VERSION}.",
        distinct.len()
    );
    for (tactic, of_tactic) in techniques {
        let _ = writeln!(text, "\n### {}\n", capital(&tactic.replace('-', " ")));
        for (technique, links) in of_tactic {
            let path = technique.replace('.', "/");
            let name = technique_name(technique).unwrap_or_default();
            let _ = writeln!(
                text,
                "- [{technique} {name}](https://attack.mitre.org/techniques/{path}/): {links}"
            );
        }
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

/// What no rule covers, by service.
pub(super) fn not_covered(left_out: &BTreeMap<String, Vec<Row>>) -> String {
    let mut text = "# Not covered\n\n<!-- Written by `dial rules docs`. -->\n\nDetections that one might expect here \
                    and that no rule makes, with the reason.\n"
        .to_owned();
    for (service, rows) in left_out {
        let _ = writeln!(
            text,
            "\n## {}\n\n| Detection | Why not |\n|---|---|",
            page::title(service)
        );
        for row in rows {
            let _ = writeln!(text, "| {} | {} |", plain(&row.title), plain(&row.reason));
        }
    }
    text
}
