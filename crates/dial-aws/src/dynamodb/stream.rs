//! The event that the table's stream sends to a Lambda function: which outbox rows have an errand.

use super::key;
use dial_core::FindingId;
use serde_json::Value;

/// Sequence number and row of each record, in the order of the event.
///
/// `None` is a record without a delivery to make: another item, a row that was attempted or
/// deleted, or one that cannot be read. A missing sequence number is empty: the whole batch must be repeated then.
pub fn outbox_rows(event: &Value) -> Vec<(String, Option<(FindingId, String)>)> {
    let records = event["Records"].as_array();
    records.into_iter().flatten().map(record).collect()
}

fn record(record: &Value) -> (String, Option<(FindingId, String)>) {
    let change = &record["dynamodb"];
    let number = change["SequenceNumber"].as_str().unwrap_or_default();
    let wanted = match record["eventName"].as_str() {
        Some("INSERT") => true,
        Some("MODIFY") => has_errand(&change["NewImage"]),
        _ => false,
    };
    (number.to_owned(), wanted.then(|| row(change)).flatten())
}

/// A row that waits and was not tried yet: something changed what its sink should show, or a
/// person wants it sent again. One that waits for its next attempt is the sweep's.
fn has_errand(image: &Value) -> bool {
    let number = |name: &str| image[name]["N"].as_str();
    let untried = number("attempts").is_some() && number("attempts") == number("earlier");
    image["state"]["S"] == "pending" && untried
}

fn row(change: &Value) -> Option<(FindingId, String)> {
    let text = |part: &str, name: &str| change[part][name]["S"].as_str();
    let id = key::finding_of(text("Keys", "pk")?)?;
    let in_key = text("Keys", "sk")?.strip_prefix(key::OUT)?;
    // The key of a very long name is its hash; the image has the name.
    let sink = text("NewImage", "sink").unwrap_or(in_key);
    Some((id, sink.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "f-aaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn insert(pk: &str, sk: &str) -> Value {
        json!({
            "eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb",
            "dynamodb": {
                "SequenceNumber": "7", "StreamViewType": "NEW_IMAGE",
                "Keys": { "pk": { "S": pk }, "sk": { "S": sk } },
            },
        })
    }

    #[test]
    fn only_new_outbox_rows_are_deliveries() {
        let pk = format!("F#{ID}");
        let row = |sink: &str| Some((FindingId::parse(ID).unwrap(), sink.to_owned()));
        let with = |pointer: &str, value: Value| {
            let mut record = insert(&pk, "OUT#slack");
            *record.pointer_mut(pointer).unwrap() = value;
            record
        };
        let mut named = insert(&pk, "OUT#sha256:abc");
        named["dynamodb"]["NewImage"]["sink"]["S"] = json!("a-long-name");
        let modified = |state: &str, attempts: &str| {
            let mut record = with("/eventName", json!("MODIFY"));
            record["dynamodb"]["NewImage"] = json!({
                "state": { "S": state }, "attempts": { "N": attempts }, "earlier": { "N": "2" },
            });
            record
        };
        let cases = [
            ("wakes up", modified("pending", "2"), row("slack")),
            ("waits for another try", modified("pending", "3"), None),
            ("claimed", modified("sending", "3"), None),
            ("outbox row", insert(&pk, "OUT#slack"), row("slack")),
            ("name with #", insert(&pk, "OUT#a#b"), row("a#b")),
            ("hashed name", named, row("a-long-name")),
            ("finding", insert(&pk, "META"), None),
            ("audit line", insert(&pk, "AUD#2026#0000"), None),
            ("other item", insert("WRK#1/eu", "OUT#x"), None),
            ("changed", with("/eventName", json!("MODIFY")), None),
            ("deleted", with("/eventName", json!("REMOVE")), None),
            (
                "number as key",
                with("/dynamodb/Keys/pk", json!({"N": "1"})),
                None,
            ),
            ("no keys", with("/dynamodb/Keys", json!(null)), None),
            ("list as image", with("/dynamodb", json!([1])), None),
        ];
        for (name, record, expected) in cases {
            let rows = outbox_rows(&json!({ "Records": [record] }));
            assert_eq!(rows.len(), 1, "{name}");
            assert_eq!(rows[0].1, expected, "{name}");
        }
    }

    #[test]
    fn sequence_numbers_come_in_order_and_odd_events_give_nothing() {
        let mut records: Vec<_> = ["META", "OUT#a"].map(|sk| insert("F#x", sk)).to_vec();
        records[1]["dynamodb"]["SequenceNumber"] = json!("8");
        records.push(json!(3));
        let rows = outbox_rows(&json!({ "Records": records }));
        let numbers: Vec<_> = rows.iter().map(|(number, _)| number.as_str()).collect();
        assert_eq!(numbers, ["7", "8", ""]);
        for odd in [json!(null), json!([]), json!({}), json!({ "Records": {} })] {
            assert!(outbox_rows(&odd).is_empty(), "{odd}");
        }
    }
}
