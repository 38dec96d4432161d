//! The rule pack as the build compiled it.

use super::gate::Gate;
use super::known::{Fit, Member};
use super::place::Place;
use super::rule::{Pack, RuleInfo};
use rsigma_ir::IrRule;
use std::borrow::Cow;

include!(concat!(env!("OUT_DIR"), "/pack.rs"));

/// One rule: what the index needs, and the rest as JSON for when the rule is asked.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) pack: Pack,
    /// SHA-256 of the file.
    pub(super) digest: [u8; 32],
    pub(super) attempts: bool,
    pub(super) product: Option<&'static str>,
    pub(super) service: Option<&'static str>,
    pub(super) key: Option<(Member, &'static [&'static str])>,
    pub(super) gate: Gate,
    pub(super) reads: &'static [&'static str],
    info: &'static str,
    rule: &'static str,
}

impl Packed {
    /// Everything but the detection.
    pub(super) fn info(&self) -> RuleInfo {
        serde_json::from_str(self.info).expect("the build wrote it from the same type")
    }

    /// The detection.
    pub(super) fn rule(&self) -> IrRule {
        serde_json::from_str(self.rule).expect("the build wrote it from the same type")
    }
}

#[cfg(test)]
mod tests {
    use super::PACK;
    use crate::engine::outline::Outline;
    use serde_json::Value;

    #[test]
    fn two_builds_write_the_same_pack() {
        for packed in PACK {
            let mut sorted: Value = serde_json::from_str(packed.rule).unwrap();
            sorted.sort_all_objects();
            assert_eq!(sorted.to_string(), packed.rule, "{}", packed.name);
            // Each reading of a rule puts its detections into another order.
            for _ in 0..4 {
                let gate = Outline::of(&packed.rule()).gate;
                assert_eq!(gate, packed.gate, "{}", packed.name);
            }
        }
    }
}
