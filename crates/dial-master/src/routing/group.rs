//! Group keys: findings with equal values of the labels of a route are one alert.

use super::label::{Label, Labelled};
use dial_core::Finding;
use sha2::{Digest, Sha256};

/// The values that make findings one alert, by label.
pub fn values(group_by: &[Label], finding: &Finding) -> Vec<(String, String)> {
    let value = |label: &Label| {
        let values = finding.values(label).unwrap_or_default();
        // The most exact one is enough for labels that add names; techniques and facts are lists.
        match label {
            Label::Attack => finding.attack.join(","),
            Label::Fact(_) => values.join(","),
            _ => values.first().map(ToString::to_string).unwrap_or_default(),
        }
    };
    let labels = group_by.iter();
    labels
        .map(|label| (label.to_string(), value(label)))
        .collect()
}

/// The key of a group: a hash over labels and values, each preceded by its length.
pub fn key(group_by: &[Label], finding: &Finding) -> String {
    let mut hash = Sha256::new();
    for (label, value) in values(group_by, finding) {
        for part in [label, value] {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            hash.update(length.to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    let digest = hash.finalize();
    dial_core::id::base32(&digest[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::samples;
    use dial_core::Severity;

    #[test]
    fn keys_are_equal_where_the_labels_are() {
        let by = [Label::Rule, Label::Resource, Label::Fact("s3.ports".into())];
        let first = key(&by, &samples::finding(1));
        let cases = [
            ("another event", samples::finding(2), true),
            (
                "another severity",
                samples::finding_with(1, |f| f.severity = Severity::Low),
                true,
            ),
            (
                "another resource",
                samples::finding_with(1, |f| f.resources[0].arn = Some("arn:aws:s3:::b".into())),
                false,
            ),
            (
                "another fact",
                samples::finding_with(1, |f| f.facts["s3.ports"] = serde_json::json!([80])),
                false,
            ),
        ];
        for (name, finding, same) in cases {
            assert_eq!(key(&by, &finding) == first, same, "{name}");
        }
        assert_ne!(key(&by[..1], &samples::finding(1)), first);
    }

    #[test]
    fn values_cannot_run_into_one_another() {
        let by = [Label::Principal, Label::Event];
        let named = |principal: &str, event: &str| {
            samples::finding_with(1, |finding| {
                finding.principal.arn = Some(principal.into());
                finding.event.name = event.into();
            })
        };
        assert_ne!(key(&by, &named("ab", "c")), key(&by, &named("a", "bc")));
    }
}
