//! The body of an enrolment.
#![no_main]

#[path = "../../src/fuzz_targets.rs"]
mod fuzz_targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::enrolment(bytes));
