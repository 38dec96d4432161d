//! The rules of this machine, as the dashboard of a master shows them.

use crate::judging::{Judging, build};
use dial_core::catalogue::{Catalogue, Requirement, RuleCard, Technique};
use dial_detect::engine::{Pack, RuleInfo, tactics, technique_name};
use dial_detect::{Pipeline, Settings, patterns};
use std::collections::BTreeMap;
use std::path::Path;

/// Every rule that the configuration's `[worker]` would load; the built-in ones where that cannot
/// be told, for no rule of a worker keeps a master from starting.
pub(crate) fn of_configuration(config: Option<&Path>) -> Catalogue {
    let judging = Judging {
        rules: None,
        config: config.map(Path::to_owned),
    };
    let pipeline = judging.pipeline().ok();
    let pipeline = pipeline.or_else(|| build(&Settings::default()).ok());
    pipeline.as_ref().map(of).unwrap_or_default()
}

/// Every rule of a pipeline, by name.
pub(crate) fn of(pipeline: &Pipeline) -> Catalogue {
    let needed = patterns::needed(pipeline).into_iter();
    let mut needed: BTreeMap<_, _> = needed.map(|one| (one.rule, one.requires)).collect();
    let rules = pipeline.rules().iter();
    let mut rules: Vec<RuleCard> = rules
        .map(|rule| card(rule, needed.remove(&rule.name).unwrap_or_default()))
        .collect();
    rules.sort_by(|a, b| a.name.cmp(&b.name));
    Catalogue {
        hash: pipeline.hash().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        rules,
    }
}

fn card(rule: &RuleInfo, requires: Vec<Requirement>) -> RuleCard {
    let pack = match rule.pack {
        Pack::Core => "core",
        Pack::Audit => "audit",
        Pack::Yours => "yours",
    };
    let technique = |id: &String| Technique {
        id: id.clone(),
        name: technique_name(id).unwrap_or_default(),
        tactics: tactics(id)
            .iter()
            .map(|&tactic| tactic.to_owned())
            .collect(),
    };
    RuleCard {
        id: rule.id.clone(),
        name: rule.name.clone(),
        title: rule.title.clone(),
        description: rule.description.trim().to_owned(),
        level: rule.level,
        pack: pack.to_owned(),
        version: rule.version.clone(),
        attack: rule.attack.iter().map(technique).collect(),
        falsepositives: rule.falsepositives.clone(),
        references: rule.references.clone(),
        requires,
        tests: rule.tests.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_in_it_with_what_people_need_to_judge_its_findings() {
        let pipeline = build(&Settings::default()).unwrap();
        let catalogue = of(&pipeline);
        assert_eq!(catalogue.rules.len(), pipeline.rules().len());
        assert_eq!(catalogue.hash, pipeline.hash());
        for card in &catalogue.rules {
            assert!(!card.description.is_empty(), "{}", card.name);
            assert!(!card.requires.is_empty(), "{}", card.name);
            assert!(card.tests >= 2, "{}", card.name);
        }
        let card = catalogue.rule("s3_bucket_policy_public").unwrap();
        insta::assert_json_snapshot!(card);
        let text = serde_json::to_string(&catalogue).unwrap();
        let back: Catalogue = serde_json::from_str(&text).unwrap();
        assert_eq!(back, catalogue);
    }
}
