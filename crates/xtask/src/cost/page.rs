//! docs/cost.md, from the model.

use super::model::{Model, Use};
use std::fmt::Write as _;

/// Deployments of the table: accounts, regions, millions of events.
const DEPLOYMENTS: [(f64, f64, f64); 4] = [
    (1.0, 2.0, 1.0),
    (10.0, 3.0, 30.0),
    (100.0, 4.0, 300.0),
    (1_000.0, 4.0, 3_000.0),
];

/// USD with as many digits as tell something.
pub(super) fn usd(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 0.1 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}

/// The whole page.
pub(super) fn page(model: &Model) -> String {
    let mut out = String::new();
    let original = model.fact("original_per_million");
    let (ours, _) = model.per_million(0.1, 100.0);
    let _ = write!(
        out,
        "# What it costs\n\nWritten by `cargo xtask cost --write`; checked by `cargo xtask check`. \
         Prices: {}, {}. {}\n\n## A million CloudTrail events\n\n\
         A fifth of the events are writes; the event patterns let a part of those pass, and only those start a worker. \
         The original design started a Python function for each that passed, and kept nothing: USD {original} at 10 %. \
         Judging and telling costs **USD {}** here, {:.0} times less.\n\n\
         | Writes that pass | Findings of a million events | Judge, send, deliver | … and keep for 400 days |\n|---|---|---|---|\n",
        model.prices.region,
        model.prices.date,
        model.prices.note,
        usd(ours),
        original / ours,
    );
    for (passing, findings) in [
        (0.1, 10.0),
        (0.1, 100.0),
        (0.1, 1_000.0),
        (0.5, 100.0),
        (1.0, 100.0),
    ] {
        let (sent, all) = model.per_million(passing, findings);
        let _ = writeln!(
            out,
            "| {:.0} % | {findings:.0} | {} | {} |",
            passing * 100.0,
            usd(sent),
            usd(all)
        );
    }
    out.push_str(
        "\nA finding costs as much as thousands of events: it is written with its history, its outbox row and eleven index lines, and kept. \
         A thousand findings of a million events are more than people can read; suppress or narrow what raises them.\n\n\
         ## A month\n\n100 findings of a million events, 10 % of writes pass.\n\n",
    );
    months(model, &mut out);
    out.push_str(
        "\nWhat stands there all the time costs more than the events: mostly alarms and one secret for each worker. \
         `cargo xtask cost --accounts 40 --regions 3 --events 80000000` computes another deployment.\n\n\
         Not counted, because they belong to the trail and not to DIAL: a second copy of management events (USD 2 per 100,000) \
         and data events (USD 0.10 per 100,000). Both cost more than everything here.\n\n## Prices\n\n\
         | Of | USD | Source |\n|---|---|---|\n",
    );
    for price in &model.prices.items {
        let per = if price.per > 1.0 { "1,000,000 × " } else { "" };
        let service = price.name.split('_').next().unwrap_or_default();
        let _ = writeln!(
            out,
            "| {service}: {per}{} | {} | <{}> |",
            price.unit, price.usd, price.source
        );
    }
    out.push_str("\n## Numbers\n\n| What | Value | | From |\n|---|---|---|---|\n");
    for fact in &model.facts {
        let name = fact.name.replace('_', " ");
        let _ = writeln!(
            out,
            "| {name} | {} {} | {} | {} |",
            fact.value, fact.unit, fact.kind, fact.from
        );
    }
    out
}

fn months(model: &Model, out: &mut String) {
    let bills: Vec<_> = DEPLOYMENTS
        .iter()
        .map(|(accounts, regions, millions)| {
            model.bill(&Use {
                workers: accounts * regions,
                millions: *millions,
                writes: 0.2,
                passing: 0.1,
                findings: 100.0,
            })
        })
        .collect();
    out.push_str("| USD a month |");
    for (accounts, regions, millions) in DEPLOYMENTS {
        let _ = write!(
            out,
            " {accounts:.0} × {regions:.0} regions, {millions:.0} M events |"
        );
    }
    out.push_str("\n|---|---|---|---|---|\n");
    for row in 0..bills[0].len() {
        let _ = write!(out, "| {} |", bills[0][row].what);
        for bill in &bills {
            let _ = write!(out, " {} |", usd(bill[row].usd));
        }
        out.push('\n');
    }
    let sum = |bill: &[super::model::Line], only: Option<bool>| {
        let lines = bill
            .iter()
            .filter(|line| only.is_none_or(|it| line.by_events == it));
        lines.map(|line| line.usd).sum::<f64>()
    };
    for (name, only) in [
        ("by events", Some(true)),
        ("standing", Some(false)),
        ("**all**", None),
    ] {
        let _ = write!(out, "| {name} |");
        for bill in &bills {
            let _ = write!(out, " {} |", usd(sum(bill, only)));
        }
        out.push('\n');
    }
}
