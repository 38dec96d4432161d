//! Findings through a real master while it is killed and everything around it misbehaves.
//!
//! The seed decides faults and kills, not their exact moments: those depend on the machine.

mod count;
mod faulty;
mod findings;
mod sender;
mod slack;
mod throttle;

pub use count::Counts;

use crate::deployment::{Master, MasterSetup, StoreAt};
use crate::emulators::Emulated;
use crate::poll;
use crate::proxy::Proxy;
use faulty::{Faulty, Product};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sender::Sender;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use throttle::Throttle;

/// After the last kill a lease must end, back-offs must pass, and queues must drain.
const DRAIN: Duration = Duration::from_mins(20);
/// Time between two words of progress.
const TELL: Duration = Duration::from_secs(10);
/// Shortest and longest life of a master, milliseconds.
const LIFE: std::ops::Range<u64> = 200..3_000;

/// What is done to the master.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Findings to send.
    pub findings: usize,
    /// How often the master is killed with `SIGKILL`.
    pub kills: usize,
    /// Share of misbehaviour at sinks and store, 0 to 100.
    pub fault_percent: u32,
    /// Least time between two messages to Slack, milliseconds.
    pub slack_interval_ms: u64,
    /// Seed of faults and kills.
    pub seed: u64,
}

/// Carries out a plan over SQLite.
pub async fn on_sqlite(plan: Plan) -> Counts {
    run(plan, None).await
}

/// Carries out a plan over the DynamoDB emulator, with throttles in between.
pub async fn on_dynamodb(plan: Plan, emulated: &Emulated) -> Counts {
    let table = format!("chaos-{}-{}", plan.seed, std::process::id());
    emulated.table(&table).await;
    let throttle = Throttle::before(&emulated.dynamodb, plan.fault_percent, plan.seed).await;
    let mut env = emulated.env();
    env.retain(|(name, _)| name != "AWS_ENDPOINT_URL_DYNAMODB");
    env.push((
        "AWS_ENDPOINT_URL_DYNAMODB".into(),
        throttle.url().to_owned(),
    ));
    let store = StoreAt {
        reference: format!("dynamodb:{table}"),
        env,
    };
    run(plan, Some(store))
        .await
        .with_throttled(throttle.refused())
}

async fn run(plan: Plan, store: Option<StoreAt>) -> Counts {
    let loads = findings::bodies(plan.findings);
    let ids = loads.iter().flat_map(|load| &load.ids);
    let sinks = Sinks::start(plan, ids.map(ToString::to_string).collect()).await;
    let mut setup = sinks.setup(plan);
    setup.store = store;
    let mut master = Master::start(setup).await;
    let door = Arc::new(Proxy::to(master.address()).await);
    let sender = Sender::start(loads, &door.url(), plan.seed);
    let kills = kill_at_random(&mut master, &door, &sinks, plan).await;
    let sent = sender.finish().await;
    sinks.wait(plan.findings).await;
    let ends = count::ends(&master.url(), &sent.accepted, DRAIN).await;
    Counts::of(plan, kills, &sent, ends, &sinks)
}

/// Kills and restarts the master until the plan is fulfilled; returns how often.
async fn kill_at_random(master: &mut Master, door: &Proxy, sinks: &Sinks, plan: Plan) -> usize {
    let mut rng = StdRng::seed_from_u64(plan.seed);
    for kill in 0..plan.kills {
        // Spread over the work, so that the last kills do not hit an idle master.
        sinks
            .wait(kill.saturating_mul(plan.findings) / plan.kills)
            .await;
        tokio::time::sleep(Duration::from_millis(rng.random_range(LIFE))).await;
        master.restart().await;
        door.aim(master.address());
    }
    plan.kills
}

/// The products that the master delivers to, each with faults.
struct Sinks {
    slack: Faulty,
    thehive: Faulty,
    webhook: Faulty,
}

impl Sinks {
    async fn start(plan: Plan, expected: BTreeSet<String>) -> Self {
        let start = |product, n| {
            let expected = expected.clone();
            Faulty::start(product, plan.fault_percent, plan.seed ^ n, expected)
        };
        Self {
            slack: start(Product::Slack, 1).await,
            thehive: start(Product::TheHive, 2).await,
            webhook: start(Product::Webhook, 3).await,
        }
    }

    fn all(&self) -> [(&'static str, &Faulty); 3] {
        [
            ("slack", &self.slack),
            ("thehive", &self.thehive),
            ("webhook", &self.webhook),
        ]
    }

    /// Findings that the slowest sink has.
    fn slowest(&self) -> usize {
        let distinct = self.all().map(|(_, sink)| sink.distinct());
        distinct.into_iter().min().unwrap_or_default()
    }

    async fn wait(&self, findings: usize) {
        let mut told = Instant::now();
        poll::until_within("every finding at every sink", DRAIN, || {
            if told.elapsed() >= TELL {
                told = Instant::now();
                self.tell(findings);
            }
            async { (self.slowest() >= findings).then_some(()) }
        })
        .await;
    }

    /// Progress, for a long run is watched by a person.
    fn tell(&self, findings: usize) {
        let have: Vec<String> = self
            .all()
            .map(|(name, sink)| format!("{name} {}", sink.distinct()))
            .into();
        eprintln!("of {findings} findings have arrived: {}", have.join(", "));
    }

    fn setup(&self, plan: Plan) -> MasterSetup {
        let pace = "concurrency = 16\ntimeout_seconds = 1\ndigest_above = 0\n";
        let lines = format!(
            "[master.sinks.slack]\ntype = \"slack\"\nbot_token = \"env:BOT\"\nchannel = \"C0123456789\"\napi_url = {:?}\nmin_interval_ms = {}\n{pace}\n\
             [master.sinks.hive]\ntype = \"thehive\"\nurl = {:?}\napi_key = \"env:HIVE_KEY\"\nmin_interval_ms = 0\n{pace}\n\
             [master.sinks.hook]\ntype = \"webhook\"\nurl = {:?}\nsecret = \"env:HOOK_SECRET\"\nmin_interval_ms = 0\n{pace}\n\
             [master.route]\ngroup_window_minutes = 0\n",
            format!("{}/api", self.slack.url()),
            plan.slack_interval_ms,
            self.thehive.url(),
            format!("{}/dial", self.webhook.url()),
        );
        let secrets = [
            ("BOT", "xoxb-test".to_owned()),
            ("HIVE_KEY", "hive-api-key".to_owned()),
            ("HOOK_SECRET", crate::deployment::HOOK_SECRET.to_owned()),
        ];
        MasterSetup {
            keys: "rate = { per_second = 100000, burst = 100000 }\n".into(),
            lines,
            env: secrets
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
            store: None,
        }
    }
}
