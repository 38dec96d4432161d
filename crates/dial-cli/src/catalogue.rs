//! The rules of this machine, as the dashboard of a master shows them.

use crate::judging::{Judging, build};
use dial_core::catalogue::{RuleCard, Technique};
use dial_detect::Settings;
use dial_detect::engine::{Pack, RuleInfo, tactics};
use std::path::Path;

/// Every rule that the configuration's `[worker]` would load; the built-in ones where that cannot
/// be told, for no rule of a worker keeps a master from starting.
pub(crate) fn cards(config: Option<&Path>) -> Vec<RuleCard> {
    let judging = Judging {
        rules: None,
        config: config.map(Path::to_owned),
    };
    let pipeline = judging.pipeline().ok();
    let pipeline = pipeline.or_else(|| build(&Settings::default()).ok());
    let rules = pipeline.iter().flat_map(dial_detect::Pipeline::rules);
    let mut cards: Vec<RuleCard> = rules.map(card).collect();
    cards.sort_by(|a, b| a.name.cmp(&b.name));
    cards
}

fn card(rule: &RuleInfo) -> RuleCard {
    let pack = match rule.pack {
        Pack::Core => "core",
        Pack::Audit => "audit",
        Pack::Yours => "yours",
    };
    let technique = |id: &String| Technique {
        id: id.clone(),
        tactics: tactics(id)
            .iter()
            .map(|&tactic| tactic.to_owned())
            .collect(),
    };
    RuleCard {
        name: rule.name.clone(),
        title: rule.title.clone(),
        level: rule.level,
        pack: pack.to_owned(),
        attack: rule.attack.iter().map(technique).collect(),
        tests: rule.tests.len(),
    }
}
