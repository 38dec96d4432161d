//! AWS Config: who else may collect what it records.

use super::{Extractor, Facts, Known, sharing};
use crate::normalise::Call;

pub(super) const AGGREGATION: Extractor = Extractor {
    name: "config.aggregation",
    summary: "Which account may collect the recorded configuration",
    sources: &["config.amazonaws.com"],
    names: &["PutAggregationAuthorization"],
    facts: &[
        "config.aggregation.public",
        "config.aggregation.external",
        "config.aggregation.accounts",
    ],
    run: aggregation,
};

fn aggregation(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    sharing::state_request(
        "config.aggregation",
        "the recorded configuration",
        "authorizedAccountId",
        call,
        known,
        facts,
    );
}
