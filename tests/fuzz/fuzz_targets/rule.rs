//! A rule file as somebody may write it.
#![no_main]

#[path = "../../src/fuzz_targets.rs"]
mod fuzz_targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::rule(bytes));
