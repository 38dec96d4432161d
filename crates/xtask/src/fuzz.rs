//! Runs the fuzz targets of `tests/fuzz` with cargo-fuzz.

use crate::run::run;
use crate::tools::FUZZ;
use std::path::Path;
use std::process::Command;

/// Fuzzes one target or all, each for some seconds, starting from its seeds.
pub(crate) fn fuzz(seconds: u64, only: Option<&str>) -> anyhow::Result<()> {
    let program = FUZZ.path()?;
    let listed = cargo_fuzz(&program, "list").output()?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let targets: Vec<&str> = listed
        .lines()
        .filter(|target| only.is_none_or(|only| only == *target))
        .collect();
    anyhow::ensure!(!targets.is_empty(), "no such target; there are:\n{listed}");
    for target in targets {
        println!("== {target}");
        let corpus = format!("tests/fuzz/corpus/{target}");
        std::fs::create_dir_all(&corpus)?;
        let mut fuzz = cargo_fuzz(&program, "run");
        fuzz.args(["--sanitizer", "none", target, &corpus]);
        fuzz.arg(format!("tests/fuzz/seeds/{target}"));
        fuzz.args(["--", &format!("-max_total_time={seconds}"), "-timeout=5"]);
        run(&mut fuzz)?;
    }
    Ok(())
}

fn cargo_fuzz(program: &Path, task: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["fuzz", task, "--fuzz-dir", "tests/fuzz"]);
    // libFuzzer needs compiler flags that a stable toolchain refuses otherwise.
    command.env("RUSTC_BOOTSTRAP", "1");
    command
}
