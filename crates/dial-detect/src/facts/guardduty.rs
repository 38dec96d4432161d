//! `GuardDuty`: calls that blind it.

use super::{Extractor, Facts, Known, list};
use crate::normalise::{Call, lookup};
use crate::text::shown;
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) const DETECTOR: Extractor = Extractor {
    name: "guardduty.detector",
    summary: "Whether GuardDuty, or a part of it, is switched off",
    sources: &["guardduty.amazonaws.com"],
    names: &["DeleteDetector", "UpdateDetector"],
    facts: &["guardduty.detector.disabled", "guardduty.detector.features"],
    run: detector,
};

/// Log sources that older calls switch one by one, below `dataSources`.
const SOURCES: [&str; 3] = ["s3Logs", "kubernetes.auditLogs", "malwareProtection"];

fn detector(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    let deleted = call.name() == "DeleteDetector";
    let off = features_off(call);
    let disabled = deleted || call.request_flag("enable") == Some(false);
    let told = deleted || call.request("detectorId").is_some();
    if !told {
        return;
    }
    facts.set("guardduty.detector.disabled", disabled);
    if disabled {
        facts.say("switches GuardDuty off");
    }
    for feature in &off {
        facts.say(format!(
            "switches off what GuardDuty watches: {}",
            shown(feature)
        ));
    }
    facts.set("guardduty.detector.features", list(off));
}

fn features_off(call: &Call<'_>) -> BTreeSet<String> {
    let is_off = |feature: &&Value| lookup::text(feature, "status") == Some("DISABLED");
    let features = call.request_all("features").into_iter().filter(is_off);
    let named = features.filter_map(|feature| lookup::text(feature, "name"));
    let older = SOURCES.into_iter().filter(|source| {
        let source = call.request(&format!("dataSources.{source}"));
        source.is_some_and(|it| lookup::flag(it, "enable") == Some(false))
    });
    named.chain(older).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn blinded_detectors_are_seen() {
        let cases = [
            ("deleted", "DeleteDetector", Value::Null, Some(true), 0),
            (
                "switched off",
                "UpdateDetector",
                json!({"detectorId": "d", "enable": false}),
                Some(true),
                0,
            ),
            (
                "switched on",
                "UpdateDetector",
                json!({"detectorId": "d", "enable": true}),
                Some(false),
                0,
            ),
            (
                "part off",
                "UpdateDetector",
                json!({"detectorId": "d", "features": [
                {"name": "S3_DATA_EVENTS", "status": "DISABLED"}, {"name": "EKS_AUDIT_LOGS", "status": "ENABLED"}]}),
                Some(false),
                1,
            ),
            (
                "part off, older",
                "UpdateDetector",
                json!({"detectorId": "d", "dataSources": {"s3Logs": {"enable": false}}}),
                Some(false),
                1,
            ),
            ("nothing said", "UpdateDetector", Value::Null, None, 0),
        ];
        for (name, call, request, disabled, features) in cases {
            let facts = facts_of(&sample("guardduty.amazonaws.com", call, request));
            let found = facts
                .get("guardduty.detector.disabled")
                .and_then(Value::as_bool);
            assert_eq!(found, disabled, "{name}");
            let off = facts
                .get("guardduty.detector.features")
                .and_then(Value::as_array);
            assert_eq!(off.map_or(0, Vec::len), features, "{name}");
        }
    }
}
