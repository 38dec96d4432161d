//! Prints recall and noise of the rule pack; run by `cargo xtask quality`.

use dial_tests::quality::{Judge, check, measure, update};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

fn main() -> std::io::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (updates, folders): (Vec<&str>, Vec<&str>) = arguments
        .iter()
        .map(String::as_str)
        .partition(|a| *a == "--update");
    let Some(data) = folders.first().map(Path::new) else {
        eprintln!("usage: quality DATA [GENERATED] [--update]");
        return Ok(ExitCode::from(2));
    };
    let generated = folders.get(1).map(Path::new);
    let parts = measure(&Judge::shipped(), data, generated);
    let mut out = std::io::stdout().lock();
    for part in &parts {
        writeln!(out, "{part}")?;
    }
    if !updates.is_empty() {
        for call in update(&parts)?.removed {
            writeln!(out, "covered now, reason taken out: {call}")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let problems = check(&parts);
    for problem in &problems {
        writeln!(out, "WORSE   {problem}")?;
    }
    Ok(if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
