//! Remembers of user agents whether any rule asks for them: there are few, and each calls often.

use super::gate::Gate;
use super::known::Member;
use super::remembered::Remembered;
use super::truth::Truth;

/// Bytes of a user agent that is remembered; real ones have a hundred or two.
const MAX_AGENT: usize = 512;

/// Of user agents, whether every gate's text is missing in them.
#[derive(Debug, Default)]
pub(super) struct Agents {
    plain: Remembered<bool>,
}

impl Agents {
    /// Whether a user agent fits no text that any of the gates looks for in it.
    pub(super) fn is_plain<'g, G>(&self, agent: &str, gates: impl Fn() -> G) -> bool
    where
        G: Iterator<Item = &'g Gate>,
    {
        let is_plain = || gates().all(|gate| fits_none(gate, agent));
        if agent.len() > MAX_AGENT {
            return is_plain();
        }
        *self.plain.of(agent.as_bytes(), is_plain)
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
    use crate::engine::known::Fit;

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
                assert_eq!(agents.is_plain(agent, || gates.iter()), expected, "{agent}");
            }
        }
    }

    #[test]
    fn what_is_known_is_not_asked_again_and_strange_agents_fill_no_memory() {
        let gates = [asks(Fit::Inside, "kali")];
        let unasked = || -> std::slice::Iter<'_, Gate> { panic!("asked again") };
        let agents = Agents::default();
        for agent in ["aws-cli", "kali"] {
            let is_plain = agents.is_plain(agent, || gates.iter());
            assert_eq!(agents.is_plain(agent, unasked), is_plain, "{agent}");
        }
        let long = "a".repeat(MAX_AGENT + 1);
        assert!(agents.is_plain(&long, || [].iter()));
        let asked = [asks(Fit::Inside, "a")];
        assert!(!agents.is_plain(&long, || asked.iter()));
    }
}
