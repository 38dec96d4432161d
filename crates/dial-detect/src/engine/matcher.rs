//! One rule, ready to be asked; the library behind it is built when the rule is first needed.

use super::view::View;
use super::{Hit, HitField};
use rsigma_eval::{CompiledRule, EvalError, EvaluationResult, MatchDetailLevel};
use rsigma_ir::IrRule;
use rsigma_parser::{FilterRule, FilterRuleTarget};

/// A rule in the library, alone, with the filters that narrow it.
pub(super) struct Matcher(rsigma_eval::Engine);

impl Matcher {
    /// Builds a rule; filters of other rules are passed over.
    pub(super) fn of<'f>(
        rule: &IrRule,
        filters: impl Iterator<Item = &'f FilterRule>,
    ) -> Result<Self, EvalError> {
        let mut library = rsigma_eval::Engine::new();
        library.set_match_detail(MatchDetailLevel::Summary);
        library.add_compiled_rule(rsigma_eval::compile_to_compiled(rule)?);
        for filter in filters.filter(|filter| is_about(filter, rule)) {
            library.apply_filter(filter)?;
        }
        Ok(Self(library))
    }

    /// Says whether the event matches, and what in it.
    pub(super) fn hit(&self, index: usize, view: &View<'_>) -> Option<Hit> {
        let rule = self.compiled()?;
        rsigma_eval::evaluate_rule(rule, view)?;
        // Told only of a match: which selection saw which value.
        let results = self.0.evaluate(view);
        results.first().and_then(|result| told(index, result))
    }

    /// The library's form of the rule, with its filters.
    pub(super) fn compiled(&self) -> Option<&CompiledRule> {
        self.0.rules().first()
    }
}

fn is_about(filter: &FilterRule, rule: &IrRule) -> bool {
    match &filter.rules {
        FilterRuleTarget::Any => true,
        FilterRuleTarget::Specific(wanted) => wanted.iter().any(|wanted| {
            rule.metadata.id.as_ref() == Some(wanted) || rule.metadata.title == *wanted
        }),
    }
}

fn told(rule: usize, result: &EvaluationResult) -> Option<Hit> {
    let fields = result.as_detection()?.matched_fields.iter();
    let fields = fields.map(|field| HitField {
        selection: field.selection.clone().unwrap_or_default(),
        path: field.field.clone(),
        value: field.value.clone(),
    });
    Some(Hit {
        rule,
        fields: fields.collect(),
    })
}
