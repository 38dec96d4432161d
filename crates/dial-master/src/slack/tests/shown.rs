//! Dialogs and answers, of an ordinary finding and of hostile ones.

use crate::message::links::Links;
use crate::message::{limits, samples};
use crate::slack::payload::Target;
use crate::slack::{answer, views};
use dial_core::Finding;
use dial_core::store::triage::Triage;
use dial_core::store::{Status, Summary};
use proptest::prelude::*;
use serde_json::{Value, json};

pub(super) fn links() -> Links {
    Links::new(Some("https://dial.example.org")).unwrap()
}

fn target(finding: &Finding) -> Target {
    Target {
        finding: finding.id.clone(),
        revision: 3,
    }
}

fn record(finding: &Finding) -> views::Record {
    let record = json!({
        "eventName": finding.event.name,
        "userAgent": finding.source.user_agent,
        "requestParameters": {"bucketName": finding.resources[0].name, "nested": {"list": [1, 2]}},
    });
    views::Record::Text(serde_json::to_string_pretty(&record).unwrap())
}

fn summary(finding: &Finding) -> Summary {
    let triage = Triage {
        status: Status::Acknowledged,
        ..Triage::default()
    };
    Summary::of(finding, &triage)
}

/// Every dialog about a finding.
pub(super) fn dialogs(finding: &Finding) -> Vec<Value> {
    let elsewhere = views::Record::Elsewhere(format!("See {}", finding.title));
    vec![
        views::event(finding, &record(finding), &links(), 0),
        views::event(finding, &elsewhere, &links(), 0),
        views::false_positive(finding, &target(finding)),
        views::notice(&format!("About {}", finding.title)),
    ]
}

/// Every answer with text of a finding.
pub(super) fn answers(finding: &Finding) -> Vec<Value> {
    let many = vec![summary(finding); 20];
    vec![
        answer::note(&format!("About {}", finding.title)),
        answer::found(&many, true),
        answer::found(&many[..1], false),
        answer::found(&[], false),
        answer::help(),
    ]
}

fn check(finding: &Finding) -> Result<(), String> {
    dialogs(finding).iter().try_for_each(limits::view)?;
    answers(finding).iter().try_for_each(limits::message)
}

#[test]
fn dialogs_and_answers_look_so() {
    for (kind, finding) in [
        ("benign", samples::benign()),
        ("hostile", samples::hostile(1)),
    ] {
        for (n, view) in dialogs(&finding).iter().enumerate() {
            insta::assert_json_snapshot!(format!("dialog_{kind}_{n}"), view);
        }
        insta::assert_json_snapshot!(
            format!("found_{kind}"),
            answer::found(&[summary(&finding)], true)
        );
        insta::assert_json_snapshot!(format!("note_{kind}"), answer::note(&finding.title));
    }
    insta::assert_json_snapshot!("help", answer::help());
}

#[test]
fn hostile_text_stays_inert_and_within_the_limits() {
    assert_eq!(check(&samples::benign()), Ok(()));
    for text in [
        String::new(),
        "<!channel> `x` *b* <https://evil.example|a>\n@here\u{202e}".to_owned(),
        "\u{200b}".repeat(500),
        "&".repeat(10_000),
        "😀".repeat(10_000),
        "\"\\".repeat(10_000),
    ] {
        let shown: String = text.chars().take(40).collect();
        assert_eq!(check(&samples::filled(&text)), Ok(()), "{shown}");
        for (field, fill) in samples::FIELDS {
            let mut finding = samples::benign();
            fill(&mut finding, &text);
            assert_eq!(check(&finding), Ok(()), "{field} {shown}");
        }
    }
}

/// What the preformatted blocks of a dialog say, and the pages that its buttons turn to.
fn read(view: &Value) -> (String, Vec<String>) {
    let blocks = view["blocks"].as_array().unwrap();
    let texts = blocks.iter().filter(|b| b["type"] == "rich_text");
    let texts = texts.map(|b| b["elements"][0]["elements"][0]["text"].as_str().unwrap());
    let buttons = blocks.iter().filter(|b| b["type"] == "actions");
    let buttons = buttons.flat_map(|b| b["elements"].as_array().unwrap());
    let turns = buttons.filter_map(|b| b["value"].as_str().map(str::to_owned));
    (texts.collect::<Vec<_>>().join("\n"), turns.collect())
}

#[test]
fn a_large_record_is_paged_and_nothing_of_it_is_left_out() {
    let finding = samples::benign();
    let lines: Vec<String> = (0..3_000)
        .map(|n| format!("    \"key-{n}\": \"value {n}\","))
        .collect();
    let record = views::Record::Text(lines.join("\n"));
    let mut whole = Vec::new();
    let mut page = 0;
    loop {
        let view = views::event(&finding, &record, &links(), page);
        assert_eq!(limits::view(&view), Ok(()), "page {page}");
        let (text, turns) = read(&view);
        whole.extend(text.lines().map(str::to_owned));
        let next = format!("{}.{}", finding.id, page + 1);
        let back = format!("{}.{}", finding.id, page.saturating_sub(1));
        assert_eq!(turns.contains(&back), page > 0, "page {page}");
        if !turns.contains(&next) {
            break;
        }
        page += 1;
    }
    assert_eq!(whole, lines);
    let last = views::event(&finding, &record, &links(), usize::MAX);
    assert_eq!(last, views::event(&finding, &record, &links(), page));
}

#[test]
fn a_long_line_is_wrapped() {
    let finding = samples::benign();
    let text = format!("    {}", "x".repeat(7_000));
    let view = views::event(&finding, &views::Record::Text(text), &links(), 0);
    assert_eq!(limits::view(&view), Ok(()));
    let (shown, _) = read(&view);
    assert_eq!(shown.matches('x').count(), 7_000);
    assert!(shown.lines().all(|line| line.starts_with("    x")));
}

#[test]
fn only_what_a_finding_has_can_be_silenced() {
    let offered = |change: fn(&mut Finding)| {
        let mut finding = samples::benign();
        change(&mut finding);
        let view = views::false_positive(&finding, &target(&finding));
        let options = view["blocks"][2]["element"]["options"]
            .as_array()
            .unwrap()
            .clone();
        let values = options
            .iter()
            .map(|o| o["value"].as_str().unwrap().to_owned());
        values.collect::<Vec<String>>().join(" ")
    };
    let all = "nothing principal_resource principal resource account";
    assert_eq!(offered(|_| {}), all);
    assert_eq!(
        offered(|f| f.resources.clear()),
        "nothing principal account"
    );
    assert_eq!(
        offered(|f| f.principal = dial_core::finding::Principal::default()),
        "nothing resource account"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_finding_and_record_is_shown_within_the_limits(
        text in "\\PC{0,400}|[<>&`*_\\\\\n|\\[\\]()!@#:]{0,900}", record in "(\\PC{0,80}\n){0,40}", page in 0..4_usize,
    ) {
        let finding = samples::filled(&text);
        prop_assert_eq!(check(&finding), Ok(()));
        let view = views::event(&finding, &views::Record::Text(record), &links(), page);
        prop_assert_eq!(limits::view(&view), Ok(()));
    }
}
