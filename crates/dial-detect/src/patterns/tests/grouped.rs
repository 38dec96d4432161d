//! Patterns are short, stay where they are, and ask for nothing twice.

use super::*;

#[test]
fn patterns_are_split_before_they_are_too_long_and_stay_where_they_are() {
    let names = |count: usize| -> String {
        let names: Vec<String> = (0..count)
            .map(|n| format!("CreateSomethingLong{n:03}"))
            .collect();
        names.join(", ")
    };
    let rule = |source: &str, count: usize| {
        format!(
            "{RECORDS}detection: {{ a: {{ eventSource: {source}.amazonaws.com, eventName|cased: [{}] }}, condition: a }}",
            names(count)
        )
    };
    let set = derived(&[("many", rule("tables", 200))]);
    let many = patterns_of("many", &set);
    let lengths: Vec<usize> = many.iter().map(|p| p.length()).collect();
    let own = |pattern: &&Pattern| {
        let text = pattern.pattern.to_string();
        text.matches("CreateSomethingLong").count()
    };
    let listed: usize = many.iter().map(own).sum();
    assert!(
        lengths.len() > 2 && lengths.iter().all(|length| *length <= MAX_PATTERN),
        "{lengths:?}"
    );
    assert_eq!(listed, 200);
    assert_eq!(many[1].name, "writes-t-z-2");
    let other = derived(&[("many", rule("tables", 200)), ("few", rule("apples", 3))]);
    let same = many.iter().all(|pattern| other.patterns.contains(pattern));
    assert!(same, "patterns of another service moved");
    assert_ne!(set.hash, other.hash);
}

#[test]
fn calls_that_pass_anyway_are_not_asked_for_again() {
    let call = |name: &str, more: &str| {
        let rule = format!("eventSource: tables.amazonaws.com, eventName|cased: {name}{more}");
        format!("{RECORDS}detection: {{ a: {{ {rule} }}, condition: a }}")
    };
    let anywhere = "detection: { a: { eventName|cased: BoilPot }, condition: a }";
    let named = |rules: &[(&str, String)]| {
        let set = derived(rules);
        let all = rules.iter().flat_map(|(rule, _)| patterns_of(rule, &set));
        let mut all: Vec<String> = all.map(|pattern| pattern.name.clone()).collect();
        all.sort();
        all.dedup();
        all
    };
    let (all, failed) = (call("BoilPot", ""), call("BoilPot", ", errorCode: Denied"));
    let any = call("BoilPot", ", errorCode|exists: true");
    let by_user = call("BoilPot", ", errorCode: Denied, userIdentity.type: IAMUser");
    assert_eq!(named(&[("failed", failed.clone())]), ["writes-refused"]);
    assert_eq!(
        named(&[("failed", failed.clone()), ("any", any), ("user", by_user)]),
        ["writes-failed"]
    );
    assert_eq!(
        named(&[("failed", failed.clone()), ("all", all)]),
        ["writes-t-z"]
    );
    let anywhere = format!("{RECORDS}{anywhere}");
    let both = named(&[("failed", failed), ("anywhere", anywhere)]);
    assert!(both.contains(&"writes-any-service".to_owned()), "{both:?}");
    assert!(!both.contains(&"writes-refused".to_owned()), "{both:?}");
}

#[test]
fn the_same_rules_give_the_same_hash_in_any_order() {
    let rule = |name: &str| {
        format!(
            "{RECORDS}detection: {{ a: {{ eventSource: x.amazonaws.com, eventName: {name} }}, condition: a }}"
        )
    };
    let one = derived(&[("a", rule("A")), ("b", rule("B"))]);
    let other = derived(&[("b", rule("B")), ("a", rule("A"))]);
    assert_eq!(one.hash, other.hash);
    assert_eq!(one.patterns, other.patterns);
}

#[test]
fn what_passes_is_counted() {
    let rule = format!(
        "{RECORDS}detection: {{ a: {{ eventSource: ecs.amazonaws.com, eventName: [BoilPot, ListPots] }}, condition: a }}"
    );
    let set = derived(&[("a", rule)]);
    let mut passing = Passing::through(&set);
    let record = |name: &str, read: bool| {
        crate::facts::event(
            serde_json::json!({ "eventSource": "ecs.amazonaws.com", "eventName": name, "readOnly": read }),
        )
    };
    let events = [
        record("BoilPot", false),
        record("ListPots", true),
        record("ListLids", true),
        record("CoolPot", false),
    ];
    for event in &events {
        passing.count(event);
    }
    let totals = Totals {
        events: 4,
        reads: 2,
        passed: 2,
        passed_reads: 1,
    };
    assert_eq!(passing.totals(), totals);
    let mut both = passing.clone();
    both.add(&passing);
    assert_eq!(both.totals().passed, 4);
    let through: u64 = passing.by_pattern().map(|it| it.events).sum();
    assert_eq!(through, 2);
}
