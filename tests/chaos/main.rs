//! `cargo xtask chaos`: prints what came of a plan; fails when a promise does not hold.

use dial_tests::chaos::{Counts, Plan, on_dynamodb, on_sqlite};
use dial_tests::emulators::Emulated;
use std::process::ExitCode;

fn main() -> ExitCode {
    let plan = Plan {
        findings: number("DIAL_CHAOS_FINDINGS", 20_000),
        kills: number("DIAL_CHAOS_KILLS", 100),
        fault_percent: number("DIAL_CHAOS_FAULTS", 10),
        slack_interval_ms: number("DIAL_CHAOS_SLACK_INTERVAL_MS", 50),
        seed: number("DIAL_CHAOS_SEED", 7),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let counts = runtime.block_on(async {
        match std::env::var("DIAL_CHAOS_STORE").as_deref() {
            Ok("dynamodb") => {
                let emulated = Emulated::find().expect("the emulators run");
                on_dynamodb(plan, &emulated).await
            }
            _ => on_sqlite(plan).await,
        }
    });
    verdict(&counts)
}

fn verdict(counts: &Counts) -> ExitCode {
    print!("{counts}");
    let broken = counts.broken();
    for promise in &broken {
        println!("broken: {promise}");
    }
    if broken.is_empty() {
        println!("every promise held");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn number<T: std::str::FromStr>(name: &str, default: T) -> T {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}
