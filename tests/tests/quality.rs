//! The guard over recall and noise: no rule change makes the pack worse unnoticed.
//!
//! `DIAL_CORPUS` names a folder with `cloudtrail/*.jsonl`; without it the guard says that it was
//! skipped. `cargo xtask quality` prints what was measured, `--update` accepts it.

use dial_tests::quality::{Judge, check, measure};
use std::path::PathBuf;

#[test]
fn recall_and_noise_are_as_expected() {
    let Some(data) = std::env::var_os("DIAL_CORPUS").map(PathBuf::from) else {
        println!("skipped: DIAL_CORPUS is not set");
        return;
    };
    if !data.join("cloudtrail").is_dir() {
        println!("skipped: {} holds no events", data.display());
        return;
    }
    let problems = check(&measure(&Judge::shipped(), &data, None));
    assert!(
        problems.is_empty(),
        "{}\nsee `cargo xtask quality`",
        problems.join("\n")
    );
}
