//! Runs the fuzz targets of `tests/fuzz` with cargo-fuzz.

use crate::run::{command, run, succeeds};
use anyhow::bail;

/// Fuzzes one target or all, each for some seconds, starting from its seeds.
pub(crate) fn fuzz(seconds: u64, only: Option<&str>) -> anyhow::Result<()> {
    if !succeeds(&["cargo", "fuzz", "--version"]) {
        bail!("cargo-fuzz is not installed; run `cargo install cargo-fuzz --locked`");
    }
    let listed = command(&["cargo", "fuzz", "list", "--fuzz-dir", "tests/fuzz"]).output()?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let targets = listed
        .lines()
        .filter(|target| only.is_none_or(|only| only == *target));
    for target in targets {
        println!("== {target}");
        let corpus = format!("tests/fuzz/corpus/{target}");
        std::fs::create_dir_all(&corpus)?;
        let mut fuzz = command(&[
            "cargo",
            "fuzz",
            "run",
            "--fuzz-dir",
            "tests/fuzz",
            "--sanitizer",
            "none",
        ]);
        fuzz.args([target, &corpus, &format!("tests/fuzz/seeds/{target}")]);
        fuzz.args(["--", &format!("-max_total_time={seconds}"), "-timeout=5"]);
        // libFuzzer needs compiler flags that a stable toolchain refuses otherwise.
        run(fuzz.env("RUSTC_BOOTSTRAP", "1"))?;
    }
    Ok(())
}
