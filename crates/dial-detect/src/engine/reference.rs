//! The slow truth: every rule from its file, in one library, asked about every event.

use super::View;
use super::load::Loaded;
use super::rule::RuleInfo;
use super::source;
use rsigma_parser::LogSource;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// Rules as the library loads them by itself: no compiled pack, no index, no gates of ours.
pub(crate) struct Reference {
    library: rsigma_eval::Engine,
    by_id: HashMap<String, RuleInfo>,
}

impl Reference {
    /// Reads folders; a rule of a later one takes the place of an earlier one's of that name.
    pub(crate) fn of(folders: &[&Path]) -> Self {
        let mut loaded = Loaded::default();
        for folder in folders {
            let more = Loaded::of(&source::folder(folder).unwrap());
            assert_eq!(more.errors, []);
            let named: BTreeSet<_> = more.rules.iter().map(|(info, _)| &info.name).collect();
            loaded.rules.retain(|(info, _)| !named.contains(&info.name));
            loaded.rules.extend(more.rules);
            loaded.filters.extend(more.filters);
        }
        for (info, rule) in &mut loaded.rules {
            rule.id = Some(info.id.clone());
        }
        let mut library = rsigma_eval::Engine::new();
        let errors = library.add_rules(loaded.rules.iter().map(|(_, rule)| rule));
        assert!(errors.is_empty(), "{errors:?}");
        for (_, filter) in &loaded.filters {
            library.apply_filter(filter).unwrap();
        }
        let infos = loaded.rules.into_iter().map(|(info, _)| info);
        Self {
            library,
            by_id: infos.map(|info| (info.id.clone(), info)).collect(),
        }
    }

    /// Names of the rules that an event matches, sorted.
    pub(crate) fn matching(&self, view: &View<'_>) -> Vec<String> {
        let log_source = LogSource {
            product: Some("aws".into()),
            service: Some(View::service_of(view.event()).into()),
            ..LogSource::default()
        };
        let results = self.library.evaluate_pruned(view, &log_source);
        let ids = results
            .iter()
            .filter_map(|result| result.header.rule_id.as_ref());
        let infos = ids.map(|id| &self.by_id[id]);
        let taken = infos.filter(|info| info.takes_attempts() || !view.failed());
        let names: BTreeSet<String> = taken.map(|info| info.name.clone()).collect();
        names.into_iter().collect()
    }
}
