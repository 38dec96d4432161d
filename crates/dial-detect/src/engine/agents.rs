//! Remembers user agents that no rule asks for: there are few of them, and each calls often.

use super::gate::{Gate, Member, Truth};
use foldhash::fast::RandomState;
use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

/// User agents that are remembered; whoever invents more only pays for them each time.
const MAX_AGENTS: usize = 4_096;
/// Bytes of one that is remembered; real ones have a hundred or two.
const MAX_AGENT: usize = 512;

/// User agents of which it is known that every gate's text is missing in them.
#[derive(Debug, Default)]
pub(super) struct Agents {
    plain: RwLock<HashSet<Box<str>, RandomState>>,
}

impl Agents {
    /// Whether a user agent fits no text that any of the gates looks for in it.
    pub(super) fn is_plain<'g>(&self, agent: &str, gates: impl Iterator<Item = &'g Gate>) -> bool {
        let known = self.plain.read().unwrap_or_else(PoisonError::into_inner);
        if known.contains(agent) {
            return true;
        }
        drop(known);
        let is_plain = gates.into_iter().all(|gate| fits_none(gate, agent));
        if is_plain && agent.len() <= MAX_AGENT {
            let mut known = self.plain.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() < MAX_AGENTS {
                known.insert(agent.into());
            }
        }
        is_plain
    }
}

/// Whether every text that a gate looks for in the user agent is certainly missing.
fn fits_none(gate: &Gate, agent: &str) -> bool {
    match gate {
        Gate::All(parts) | Gate::Any(parts) | Gate::None(parts) => {
            parts.iter().all(|part| fits_none(part, agent))
        }
        Gate::Text(Member::UserAgent, fit, text) => fit.judge(agent, text) == Truth::False,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::gate::Fit;

    fn asks(fit: Fit, text: &'static str) -> Gate {
        Gate::None(vec![Gate::Text(Member::UserAgent, fit, text.into())].into())
    }

    #[test]
    fn an_agent_is_plain_where_no_text_fits_it() {
        let gates = [asks(Fit::Inside, "kali"), asks(Fit::Exactly, "x")];
        let cases = [
            ("aws-cli/2.1", true),
            ("aws-cli/2.1 Kali", false),
            ("X", false),
            ("é", false),
            ("", true),
        ];
        let agents = Agents::default();
        for (agent, expected) in cases {
            for _ in 0..2 {
                assert_eq!(agents.is_plain(agent, gates.iter()), expected, "{agent}");
            }
        }
    }

    #[test]
    fn what_is_known_is_not_asked_again_and_strange_agents_fill_no_memory() {
        let agents = Agents::default();
        let unasked = || -> Box<dyn Iterator<Item = &'static Gate>> {
            Box::new(std::iter::from_fn(|| panic!("asked again")))
        };
        assert!(agents.is_plain("aws-cli", std::iter::empty()));
        assert!(agents.is_plain("aws-cli", unasked()));
        agents.is_plain(&"a".repeat(MAX_AGENT + 1), std::iter::empty());
        for number in 0..2 * MAX_AGENTS {
            agents.is_plain(&number.to_string(), std::iter::empty());
        }
        assert_eq!(agents.plain.read().unwrap().len(), MAX_AGENTS);
    }
}
