//! Records that CloudTrail cut: above its size limits it leaves parts out and says so.

use serde_json::Value;

/// The parts that CloudTrail cuts.
const PARTS: [&str; 4] = [
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "serviceEventDetails",
];

/// One sentence for each part that is left out.
pub(super) fn fields(record: &Value) -> Vec<String> {
    let parts = PARTS.iter().filter_map(|part| {
        let value = record.get(part)?;
        (value.get("omitted")? == true).then(|| sentence(part, value))
    });
    parts.collect()
}

fn sentence(part: &str, value: &Value) -> String {
    let size = value.get("originalSize").and_then(Value::as_u64);
    let size = size.map_or(String::new(), |size| format!(" of {size} bytes"));
    format!("CloudTrail left out {part}{size}; rules that look at them saw nothing")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_says_that_it_is_cut_is_cut() {
        let cut = json!({"omitted": true, "originalSize": 204_800, "reason": "too_large"});
        let cases = [
            (
                "whole",
                json!({"requestParameters": {"bucketName": "b"}}),
                0,
            ),
            ("null", json!({"requestParameters": null}), 0),
            (
                "a parameter of that name",
                json!({"requestParameters": {"omitted": "true"}}),
                0,
            ),
            ("cut", json!({"requestParameters": cut}), 1),
            (
                "both",
                json!({"requestParameters": cut, "responseElements": {"omitted": true}}),
                2,
            ),
        ];
        for (name, record, expected) in cases {
            assert_eq!(fields(&record).len(), expected, "{name}");
        }
        let told = fields(&json!({"requestParameters": cut}));
        assert!(
            told[0].contains("requestParameters of 204800 bytes"),
            "{told:?}"
        );
    }
}
