//! Findings over time: a bar for each step, or a column for each of the largest names.

use super::inert;
use dial_core::store::stats::{Over, Point, Stats, Step};
use std::io::{self, Write};

/// Widest bar, characters.
const BAR: u64 = 40;
/// Width of a column, so that six names and the others fit a terminal.
const COLUMN: usize = 7;

/// Writes every step; nothing where nothing was found.
pub(super) fn write(out: &mut dyn Write, stats: &Stats) -> io::Result<()> {
    let counts = stats.series.iter().map(|point| point.findings);
    let most = counts.max().unwrap_or(0);
    match stats.over {
        _ if most == 0 => Ok(()),
        None => bars(out, stats, most),
        Some(over) => columns(out, stats, over),
    }
}

fn bars(out: &mut dyn Write, stats: &Stats, most: u64) -> io::Result<()> {
    let (title, form) = named(stats.by);
    writeln!(out, "\n{:>9}  {title}", "FINDINGS")?;
    for Point { at, findings, .. } in &stats.series {
        let bar = findings.saturating_mul(BAR).div_ceil(most);
        let bar = "#".repeat(usize::try_from(bar).unwrap_or(0));
        let line = format!("{findings:>9}  {} {bar}", at.strftime(form));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Names are too long for the heads of columns: each has a number, and they are told first.
fn columns(out: &mut dyn Write, stats: &Stats, over: Over) -> io::Result<()> {
    let (title, form) = named(stats.by);
    let over = over.as_str().to_uppercase();
    writeln!(
        out,
        "\n{:>9}  {over}, those with the most findings",
        "COLUMN"
    )?;
    for (n, name) in (1..).zip(&stats.largest) {
        let name = if name.is_empty() { "-" } else { name };
        writeln!(out, "{:>9}  {}", format!("#{n}"), inert(name))?;
    }
    let others = stats.series.iter().any(|point| rest(point) > 0);
    let mut heads: Vec<String> = (1..=stats.largest.len()).map(|n| format!("#{n}")).collect();
    heads.extend(others.then(|| "OTHERS".to_owned()));
    writeln!(out, "\n{:>9}{}  {title}", "FINDINGS", cells(&heads))?;
    for point in &stats.series {
        let mut counts: Vec<String> = stats.largest.iter().map(|name| of(point, name)).collect();
        counts.extend(others.then(|| number(rest(point))));
        let (findings, at) = (point.findings, point.at.strftime(form));
        writeln!(out, "{findings:>9}{}  {at}", cells(&counts))?;
    }
    Ok(())
}

fn named(step: Step) -> (&'static str, &'static str) {
    match step {
        Step::Hour => ("HOUR", "%Y-%m-%d %H:00"),
        Step::Day => ("DAY", "%Y-%m-%d"),
    }
}

fn cells(texts: &[String]) -> String {
    let padded = texts.iter().map(|text| format!("{text:>COLUMN$}"));
    padded.collect::<Vec<_>>().concat()
}

fn of(point: &Point, name: &str) -> String {
    number(point.by_name.get(name).copied().unwrap_or(0))
}

/// What none of the largest names has.
fn rest(point: &Point) -> u64 {
    let named = point
        .by_name
        .values()
        .fold(0_u64, |sum, count| sum.saturating_add(*count));
    point.findings.saturating_sub(named)
}

/// Many of them are nothing, which is best not seen.
fn number(count: u64) -> String {
    match count {
        0 => "-".to_owned(),
        count => count.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn stats(over: &Value, largest: &Value, series: &Value) -> Stats {
        serde_json::from_value(json!({
            "from": "2026-05-01", "to": "2026-05-02", "findings": 15, "suppressed": 0,
            "by_severity": {}, "by_status": {}, "by_account": {}, "by_rule": {},
            "by_service": {}, "by_region": {},
            "time_to_detect": { "of": 0 }, "time_to_acknowledge": { "of": 0 },
            "by": "hour", "over": over, "largest": largest, "series": series,
        }))
        .unwrap()
    }

    fn point(hour: u8, findings: u64, by_name: &Value) -> Value {
        let at = format!("2026-05-01T{hour:02}:00:00Z");
        json!({ "at": at, "findings": findings, "by_severity": {}, "by_name": by_name })
    }

    fn written(stats: &Stats) -> String {
        let mut out = Vec::new();
        write(&mut out, stats).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_largest_names_have_a_column_each_and_the_rest_one() {
        let hostile = "rule\u{1b}[31m";
        let series = json!([
            point(8, 12, &json!({ hostile: 8, "": 3 })),
            point(9, 0, &json!({})),
            point(10, 123_456, &json!({ hostile: 123_456 })),
        ]);
        let stats = stats(&json!("rule"), &json!([hostile, ""]), &series);
        insta::assert_snapshot!(written(&stats));
    }

    #[test]
    fn without_others_there_is_no_column_for_them() {
        let series = json!([point(8, 2, &json!({ "s3": 2 }))]);
        let shown = written(&stats(&json!("service"), &json!(["s3"]), &series));
        assert!(!shown.contains("OTHERS"), "{shown}");
        let nothing = json!([point(8, 0, &json!({}))]);
        assert_eq!(written(&stats(&json!("service"), &json!([]), &nothing)), "");
    }
}
