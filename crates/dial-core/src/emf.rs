//! Metrics as a line of the log: CloudWatch's embedded metric format, which costs no call.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Variable with the name of the deployment; without it nothing is written.
pub const VARIABLE: &str = "DIAL_METRICS";
/// Where CloudWatch keeps them.
pub const NAMESPACE: &str = "DIAL";
/// Most values of one metric in one line; CloudWatch takes no more.
pub const MAX_VALUES: usize = 100;

/// What the numbers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Time.
    Seconds,
}

impl Unit {
    fn word(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Seconds => "Seconds",
        }
    }
}

/// Values of one metric; those beyond [`MAX_VALUES`] are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Name of the metric, such as `FindingsAccepted`.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// What was read, at least one.
    pub values: Vec<f64>,
}

/// One line without its end, or `None` where nothing was read.
///
/// `dimension` is the name and the value of the one dimension. Layout: CloudWatch embedded metric
/// format.
pub fn line(at: Timestamp, dimension: (&str, &str), readings: &[Reading]) -> Option<String> {
    let readings = readings.iter().filter(|reading| !reading.values.is_empty());
    let readings: Vec<&Reading> = readings.collect();
    if readings.is_empty() {
        return None;
    }
    let (name, value) = dimension;
    let metrics = readings
        .iter()
        .map(|reading| json!({"Name": reading.name, "Unit": reading.unit.word()}));
    let directive = json!({
        "Namespace": NAMESPACE,
        "Dimensions": [[name]],
        "Metrics": metrics.collect::<Vec<_>>(),
    });
    let mut line = Map::new();
    let head = json!({"Timestamp": at.as_millisecond(), "CloudWatchMetrics": [directive]});
    line.insert("_aws".into(), head);
    line.insert(name.into(), value.into());
    for reading in readings {
        let values = &reading.values[..reading.values.len().min(MAX_VALUES)];
        let values = match values {
            [one] => json!(one),
            several => json!(several),
        };
        line.insert(reading.name.into(), values);
    }
    Some(Value::Object(line).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(name: &'static str, unit: Unit, values: &[f64]) -> Reading {
        let values = values.to_vec();
        Reading { name, unit, values }
    }

    #[test]
    fn the_line_is_what_cloudwatch_documents() {
        let readings = [
            reading("FindingsAccepted", Unit::Count, &[3.0]),
            reading("FindingsFailed", Unit::Count, &[]),
            reading("TimeToDeliver", Unit::Seconds, &[0.25, 1.5]),
        ];
        let at = Timestamp::from_second(1_777_629_600).unwrap();
        let line = line(at, ("Master", "dial"), &readings).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&line).unwrap(),
            json!({
                "_aws": {
                    "Timestamp": 1_777_629_600_000_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "DIAL",
                        "Dimensions": [["Master"]],
                        "Metrics": [
                            {"Name": "FindingsAccepted", "Unit": "Count"},
                            {"Name": "TimeToDeliver", "Unit": "Seconds"},
                        ],
                    }],
                },
                "Master": "dial",
                "FindingsAccepted": 3.0,
                "TimeToDeliver": [0.25, 1.5],
            })
        );
        assert!(!line.contains('\n'));
    }

    #[test]
    fn nothing_read_is_nothing_written() {
        let none = [reading("FindingsAccepted", Unit::Count, &[])];
        assert_eq!(line(Timestamp::UNIX_EPOCH, ("Master", "dial"), &none), None);
    }

    #[test]
    fn a_metric_has_at_most_a_hundred_values() {
        let many = [reading("TimeToDeliver", Unit::Seconds, &[1.0; 250])];
        let line = line(Timestamp::UNIX_EPOCH, ("Master", "dial"), &many).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["TimeToDeliver"].as_array().unwrap().len(), MAX_VALUES);
    }
}
