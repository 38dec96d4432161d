//! Account names from the configuration.

use super::{Enrich, EnrichError, Enrichment, Kind, Loaded, Settings, Subject};
use dial_core::AccountId;
use std::collections::BTreeMap;

pub(super) static KIND: Kind = Kind {
    name: "account",
    summary: "Name of the account, from the configuration",
    load,
};

struct Names(BTreeMap<String, String>);

fn load(settings: &Settings) -> Loaded {
    let wrong = |id: &String| match AccountId::parse(id) {
        Ok(_) => None,
        Err(problem) => Some(EnrichError {
            enrichment: KIND.name,
            file: format!("accounts.{id}"),
            line: None,
            reason: problem.to_string(),
        }),
    };
    let errors: Vec<EnrichError> = settings.accounts.keys().filter_map(wrong).collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let names = Names(settings.accounts.clone());
    Ok((!names.0.is_empty()).then(|| Box::new(names) as Box<dyn Enrich>))
}

impl Enrich for Names {
    fn enrich(&self, subject: Subject<'_>, into: &mut Enrichment) -> Result<(), String> {
        into.account_name = self.0.get(subject.account).cloned();
        Ok(())
    }
}
