//! Dead letters as a metric of CloudWatch, by a line of the log; nothing is written without one.

use crate::worker::Counts;
use dial_core::emf::{Reading, Unit, line};
use jiff::Timestamp;
use std::io::Write;

/// The dimension: the name of the function.
const DIMENSION: &str = "Worker";

/// Writes what an invocation kept; a line that cannot be written is lost.
///
/// Nothing else is told: CloudWatch bills each metric of each account and region, and the
/// heartbeat tells the master the rest.
pub(crate) fn write(name: &str, counts: &Counts, now: Timestamp, out: &mut dyn Write) {
    if counts.dead_letters == 0 {
        return;
    }
    #[allow(
        clippy::cast_precision_loss,
        reason = "CloudWatch's numbers are floats"
    )]
    let values = vec![counts.dead_letters as f64];
    let reading = Reading {
        name: "DeadLetters",
        unit: Unit::Count,
        values,
    };
    if let Some(line) = line(now, (DIMENSION, name), &[reading])
        && let Err(error) = writeln!(out, "{line}")
    {
        tracing::warn!(%error, "metrics not written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dead_letters_make_a_line() {
        let cases = [(0, None), (2, Some("\"DeadLetters\":2.0"))];
        for (dead_letters, expected) in cases {
            let counts = Counts {
                events: 5,
                dead_letters,
                ..Counts::default()
            };
            let mut out = Vec::new();
            write("dial-worker", &counts, Timestamp::UNIX_EPOCH, &mut out);
            let said = String::from_utf8(out).unwrap();
            match expected {
                Some(part) => {
                    assert!(said.contains(part) && said.contains("\"Worker\":\"dial-worker\""));
                    assert_eq!(said.lines().count(), 1);
                }
                None => assert_eq!(said, ""),
            }
        }
    }
}
