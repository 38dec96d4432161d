//! Runs every fuzz target over its seeds and over damaged copies of them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

use dial_tests::fuzz_targets::TARGETS;
use std::fs;
use std::path::Path;

/// Damaged copies of each seed; libFuzzer makes more of them, and cleverer ones.
const COPIES: u64 = 60;

/// Tokens that parsers look at.
const TOKENS: [&[u8]; 12] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\ud800",
    b"\\u0000",
    b"\xff",
    b"null",
    b"-1e400",
    b"18446744073709551616",
    b"*",
];

/// `SplitMix64`: the same numbers on every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let number = usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap_or(0);
        number % limit.max(1)
    }
}

fn damaged(seed: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(bytes.len());
        let end = (at + numbers.below(40)).min(bytes.len());
        match numbers.below(5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let copy = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, copy));
            }
            3 => {
                let token = TOKENS[numbers.below(TOKENS.len())];
                drop(bytes.splice(at..end.min(at + 1), token.iter().copied()));
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << numbers.below(8);
                }
            }
        }
    }
    bytes
}

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let mut seeds: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    seeds.sort();
    seeds
}

fn run(name: &str) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).unwrap();
    let seeds = seeds(name);
    assert!(seeds.len() >= 5, "{name} has seeds");
    for (number, (_, seed)) in (1..).zip(&seeds) {
        target(seed);
        let mut numbers = Numbers(number);
        for _ in 0..COPIES {
            target(&damaged(seed, &mut numbers));
        }
    }
}

#[test]
fn enrolment() {
    run("enrolment");
}

#[test]
fn envelope() {
    run("envelope");
}

#[test]
fn gzip() {
    run("gzip");
}

#[test]
fn headers() {
    run("headers");
}

#[test]
fn policy() {
    run("policy");
}

#[test]
fn record() {
    run("record");
}

#[test]
fn every_target_is_run_and_built_for_the_fuzzer() {
    let manifest = include_str!("../fuzz/Cargo.toml");
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        assert!(!seeds(name).is_empty(), "{name}");
    }
}
