//! What a deployment uses, times what AWS asks for it.

use anyhow::Context;
use serde::Deserialize;

/// MB at which Lambda gives a whole core.
const CORE_MB: f64 = 1769.0;

/// A price.
#[derive(Debug, Deserialize)]
pub(super) struct Price {
    pub(super) name: String,
    pub(super) usd: f64,
    pub(super) per: f64,
    pub(super) unit: String,
    pub(super) source: String,
}

/// The price list.
#[derive(Debug, Deserialize)]
pub(super) struct Prices {
    pub(super) region: String,
    pub(super) date: String,
    pub(super) note: String,
    pub(super) items: Vec<Price>,
}

/// A number of the model, and where it comes from.
#[derive(Debug, Deserialize)]
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) value: f64,
    pub(super) unit: String,
    pub(super) kind: String,
    pub(super) from: String,
}

/// Prices and facts, every one of which the bill knows by name.
#[derive(Debug, Deserialize)]
pub(super) struct Model {
    pub(super) prices: Prices,
    pub(super) facts: Vec<Fact>,
}

/// What is watched in a month.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use {
    /// Accounts times regions.
    pub(crate) workers: f64,
    /// CloudTrail events, millions.
    pub(crate) millions: f64,
    /// Share of events that write.
    pub(crate) writes: f64,
    /// Share of those that the patterns let pass.
    pub(crate) passing: f64,
    /// Findings of a million events.
    pub(crate) findings: f64,
}

/// A line of the bill.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// What is paid for.
    pub(super) what: &'static str,
    /// Whether it grows with events, rather than with workers.
    pub(super) by_events: bool,
    /// USD a month.
    pub(super) usd: f64,
}

const NAMES: &str = "every name of the bill stands in the data; a test reads them all";

impl Model {
    /// Reads the data.
    pub(super) fn read(text: &str) -> anyhow::Result<Self> {
        serde_json::from_str(text).context("data/cost.json")
    }

    fn price(&self, name: &str) -> f64 {
        let item = self.prices.items.iter().find(|item| item.name == name);
        let item = item.expect(NAMES);
        item.usd / item.per
    }

    /// A number of the model.
    pub(super) fn fact(&self, name: &str) -> f64 {
        let fact = self.facts.iter().find(|fact| fact.name == name);
        fact.expect(NAMES).value
    }

    /// Lambda: the request, and whole milliseconds of memory.
    fn invocation(&self, ms: f64, memory_mb: f64) -> f64 {
        let gb_seconds = ms.ceil() / 1e3 * memory_mb / 1024.0;
        self.price("lambda_request") + gb_seconds * self.price("lambda_gb_second")
    }

    /// One call of the worker on an event that matches nothing, its share of starts included.
    fn worker_call(&self) -> f64 {
        let memory = self.fact("worker_memory_mb");
        // A part of a core takes the longer.
        let billed = |cpu: f64| cpu * CORE_MB / memory;
        let warm = self.invocation(billed(self.fact("worker_call_cpu_ms")), memory);
        let start = billed(self.fact("worker_start_cpu_ms")) / 1e3 * memory / 1024.0
            * self.price("lambda_gb_second");
        warm + self.fact("cold_share") * start
    }

    fn master_call(&self, fact: &str) -> f64 {
        self.invocation(self.fact(fact), self.fact("master_memory_mb"))
    }

    fn logs(&self, bytes: f64) -> f64 {
        bytes / 1e9 * self.price("log_gb")
    }

    /// What all of it costs in a month.
    pub(super) fn bill(&self, given: &Use) -> Vec<Line> {
        let mut lines = self.by_events(given);
        lines.extend(self.standing(given));
        lines
    }

    fn by_events(&self, given: &Use) -> Vec<Line> {
        let line = |what, usd| Line {
            what,
            by_events: true,
            usd,
        };
        let calls = given.millions * 1e6 * given.writes * given.passing;
        let findings = given.millions * given.findings;
        let wait = self.fact("worker_send_ms") / 1e3 * self.fact("worker_memory_mb") / 1024.0
            * self.price("lambda_gb_second");
        let sent = wait + self.price("http_api_request") + self.master_call("master_api_ms");
        let writes = self.fact("finding_writes") + self.fact("delivery_writes");
        let kept = self.fact("finding_kb_stored") / 1e6 * self.fact("retention_months");
        let stored = writes * self.price("dynamodb_write") + kept * self.price("dynamodb_gb_month");
        let bytes = calls * self.fact("platform_log_bytes")
            + findings * (self.fact("finding_log_bytes") + 2.0 * self.fact("platform_log_bytes"));
        vec![
            line("worker: judging", calls * self.worker_call()),
            line("logs", self.logs(bytes)),
            line("findings: sent and accepted", findings * sent),
            line(
                "findings: delivered",
                findings * self.master_call("master_deliver_ms"),
            ),
            line("findings: kept", findings * stored),
        ]
    }

    fn standing(&self, given: &Use) -> Vec<Line> {
        let line = |what, usd| Line {
            what,
            by_events: false,
            usd,
        };
        let beat = self.worker_call()
            + self.price("http_api_request")
            + self.master_call("master_api_ms")
            + self.fact("heartbeat_writes") * self.price("dynamodb_write")
            + self.logs(2.0 * self.fact("platform_log_bytes"));
        let sweep = self.master_call("sweep_ms")
            + self.fact("sweep_reads") * self.price("dynamodb_read")
            + self.logs(self.fact("platform_log_bytes"));
        let watched = |kind: &str| {
            self.fact(&format!("{kind}_alarms")) * self.price("alarm_month")
                + self.fact(&format!("{kind}_secrets")) * self.price("secret_month")
        };
        let metrics = self.fact("master_metrics") * self.price("metric_month");
        vec![
            line(
                "workers: heartbeats",
                given.workers * self.fact("heartbeats") * beat,
            ),
            line(
                "workers: alarms and keys",
                given.workers * watched("worker"),
            ),
            line("master: sweep", self.fact("sweeps") * sweep),
            line(
                "master: alarms, metrics, secrets",
                watched("master") + metrics,
            ),
        ]
    }

    /// USD for a million events: judging alone as the original did, and with all that DIAL does.
    pub(super) fn per_million(&self, passing: f64, findings: f64) -> (f64, f64) {
        let given = Use {
            workers: 0.0,
            millions: 1.0,
            writes: 0.2,
            passing,
            findings,
        };
        let lines = self.by_events(&given);
        let kept = lines.iter().filter(|line| line.what == "findings: kept");
        let kept: f64 = kept.map(|line| line.usd).sum();
        let all: f64 = lines.iter().map(|line| line.usd).sum();
        (all - kept, all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        Model::read(super::super::DATA).unwrap()
    }

    const ONE: Use = Use {
        workers: 1.0,
        millions: 1.0,
        writes: 0.2,
        passing: 0.1,
        findings: 100.0,
    };

    #[test]
    fn every_number_of_the_data_is_used_and_says_where_it_comes_from() {
        let model = model();
        let code = include_str!("model.rs");
        for fact in &model.facts {
            assert!(!fact.from.is_empty() && fact.value > 0.0, "{}", fact.name);
            let by_kind = fact.name.replace("worker_", "").replace("master_", "");
            let used = code.contains(&format!("\"{}\"", fact.name))
                || code.contains(&format!("{{kind}}_{by_kind}"))
                || fact.name == "original_per_million";
            assert!(used, "{}", fact.name);
        }
        for price in &model.prices.items {
            assert!(
                price.source.starts_with("https://aws.amazon.com/"),
                "{}",
                price.name
            );
        }
        assert_eq!(model.bill(&ONE).len(), 9);
    }

    #[test]
    fn the_bill_grows_with_what_it_is_for() {
        let model = model();
        let total = |given: &Use| model.bill(given).iter().map(|line| line.usd).sum::<f64>();
        let more = [
            Use {
                workers: 2.0,
                ..ONE
            },
            Use {
                millions: 2.0,
                ..ONE
            },
            Use {
                passing: 0.5,
                ..ONE
            },
            Use {
                findings: 1_000.0,
                ..ONE
            },
        ];
        for given in more {
            assert!(total(&given) > total(&ONE), "{given:?}");
        }
    }

    /// The promise of the page.
    #[test]
    fn a_million_events_cost_at_most_two_cents_at_ten_per_cent() {
        let (sent, all) = model().per_million(0.1, 100.0);
        assert!(all <= 0.02, "{all}");
        let (at_most, _) = model().per_million(0.1, 1_000.0);
        assert!(sent < at_most && at_most <= 0.02, "{at_most}");
    }
}
