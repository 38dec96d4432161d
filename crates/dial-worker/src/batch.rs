//! Packs findings into signed-size requests: at most 100, 8 MB inflated, 1 MB compressed.

use bytes::Bytes;
use dial_core::Finding;
use dial_core::gzip::deflate;
use dial_core::wire::{MAX_BODY, MAX_FINDINGS, MAX_INFLATED, WorkerInfo};
use serde::Serialize;
use serde_json::value::RawValue;

/// Room for the worker's part and the punctuation around the findings, bytes.
const ENVELOPE: usize = 4 * 1024;

/// The caps of one request; those of the wire but in tests.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most findings.
    pub findings: usize,
    /// Most bytes of JSON.
    pub inflated: usize,
    /// Most bytes of gzip.
    pub compressed: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            findings: MAX_FINDINGS,
            inflated: MAX_INFLATED,
            compressed: MAX_BODY,
        }
    }
}

/// One request's body, and which of the findings given it holds.
#[derive(Debug, Clone)]
pub struct Packed {
    /// Positions in the slice that was packed, ascending.
    pub members: Vec<usize>,
    /// Gzip of a `dial_core::wire::Batch`.
    pub body: Bytes,
}

/// What packing gives.
#[derive(Debug, Default)]
pub struct Packing {
    /// Requests, in the order of their first finding.
    pub requests: Vec<Packed>,
    /// Positions of findings that fit into no request even alone.
    pub oversized: Vec<usize>,
}

/// Same JSON as `dial_core::wire::Batch`, over findings that are text already.
#[derive(Serialize)]
struct Body<'a> {
    worker: &'a WorkerInfo,
    findings: Vec<&'a RawValue>,
}

/// Packs `members` of `findings` into as few requests as their order allows.
pub fn pack(
    worker: &WorkerInfo,
    findings: &[Finding],
    members: &[usize],
    limits: Limits,
) -> Packing {
    let texts: Vec<(usize, Box<RawValue>)> = members
        .iter()
        .filter_map(|&index| Some((index, findings.get(index)?)))
        .map(|(index, finding)| (index, text(finding)))
        .collect();
    let mut packing = Packing::default();
    let mut rest = texts.as_slice();
    while !rest.is_empty() {
        let (now, later) = rest.split_at(fitting(rest, limits));
        compress(worker, now, limits, &mut packing);
        rest = later;
    }
    packing
}

fn text(finding: &Finding) -> Box<RawValue> {
    serde_json::value::to_raw_value(finding).expect("a finding always serialises")
}

/// How many from the front go into one request by number and inflated size; at least one.
fn fitting(texts: &[(usize, Box<RawValue>)], limits: Limits) -> usize {
    let mut bytes = ENVELOPE;
    let fits = texts.iter().take(limits.findings).take_while(|(_, text)| {
        bytes = bytes.saturating_add(text.get().len()).saturating_add(1);
        bytes <= limits.inflated
    });
    fits.count().max(1)
}

/// Compresses one request; halves it while it is too large, until a single finding is left.
fn compress(
    worker: &WorkerInfo,
    texts: &[(usize, Box<RawValue>)],
    limits: Limits,
    packing: &mut Packing,
) {
    let findings = texts.iter().map(|(_, text)| text.as_ref()).collect();
    let json = serde_json::to_vec(&Body { worker, findings }).expect("text always serialises");
    let body = (json.len() <= limits.inflated).then(|| deflate(&json));
    match body.filter(|body| body.len() <= limits.compressed) {
        Some(body) => packing.requests.push(Packed {
            members: texts.iter().map(|(index, _)| *index).collect(),
            body: body.into(),
        }),
        None if texts.len() <= 1 => packing
            .oversized
            .extend(texts.iter().map(|(index, _)| *index)),
        None => {
            let (front, back) = texts.split_at(texts.len() / 2);
            compress(worker, front, limits, packing);
            compress(worker, back, limits, packing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{finding, info};
    use dial_core::gzip::inflate;
    use dial_core::wire::Batch;
    use proptest::prelude::*;

    const SMALL: Limits = Limits {
        findings: 5,
        inflated: ENVELOPE + 4_000,
        compressed: 900,
    };

    fn read(packed: &Packed, limits: Limits) -> Batch {
        let json = inflate(&packed.body, limits.inflated).unwrap();
        serde_json::from_slice(&json).unwrap()
    }

    #[test]
    fn nothing_gives_nothing_and_one_gives_one() {
        assert!(pack(&info(), &[], &[], SMALL).requests.is_empty());
        let findings = [finding("111122223333", "eu-west-1", "e", "")];
        let packing = pack(&info(), &findings, &[0], Limits::default());
        assert_eq!(packing.requests.len(), 1);
        let batch = read(&packing.requests[0], Limits::default());
        assert_eq!((batch.worker, batch.findings), (info(), findings.to_vec()));
    }

    #[test]
    fn equal_content_gives_equal_bytes() {
        let findings = [finding("111122223333", "eu-west-1", "e", "x")];
        let body = || {
            pack(&info(), &findings, &[0], SMALL).requests[0]
                .body
                .clone()
        };
        assert_eq!(body(), body());
    }

    #[test]
    fn a_finding_over_a_cap_is_named_and_its_neighbours_go() {
        let noise = (0..2_000_u32).scan(1_u32, |state, _| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from_digit(*state >> 24 & 31, 36)
        });
        let cases = [
            ("inflated", "x".repeat(9_000)),
            ("compressed", noise.collect::<String>()),
        ];
        for (name, padding) in cases {
            let findings = [
                finding("111122223333", "eu-west-1", "a", ""),
                finding("111122223333", "eu-west-1", "b", &padding),
                finding("111122223333", "eu-west-1", "c", ""),
            ];
            let packing = pack(&info(), &findings, &[0, 1, 2], SMALL);
            assert_eq!(packing.oversized, [1], "{name}");
            let sent: Vec<usize> = packing
                .requests
                .iter()
                .flat_map(|r| r.members.clone())
                .collect();
            assert_eq!(sent, [0, 2], "{name}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Nothing is lost, doubled or moved, and no request is over a cap.
        #[test]
        fn packing_keeps_everything_within_the_caps(
            paddings in prop::collection::vec("[a-zA-Z0-9]{0,1200}", 0..24)
        ) {
            let findings: Vec<Finding> = paddings
                .iter()
                .enumerate()
                .map(|(i, padding)| finding("111122223333", "eu-west-1", &i.to_string(), padding))
                .collect();
            let members: Vec<usize> = (0..findings.len()).collect();
            let packing = pack(&info(), &findings, &members, SMALL);
            let mut seen = packing.oversized.clone();
            for packed in &packing.requests {
                prop_assert!(packed.body.len() <= SMALL.compressed);
                let batch = read(packed, SMALL);
                prop_assert!(batch.findings.len() <= SMALL.findings);
                let expected: Vec<Finding> = packed.members.iter().map(|i| findings[*i].clone()).collect();
                prop_assert_eq!(batch.findings, expected);
                seen.extend(&packed.members);
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, members);
        }
    }
}
