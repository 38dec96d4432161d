//! Prints recall and noise of the rule pack; run by `cargo xtask quality`.

use dial_tests::quality::{Judge, check, measure, update};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> std::io::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let (Some(data), wants) = (arguments.next().map(PathBuf::from), arguments.next()) else {
        eprintln!("usage: quality DATA [--update]");
        return Ok(ExitCode::from(2));
    };
    let parts = measure(&Judge::shipped(), &data);
    let mut out = std::io::stdout().lock();
    for part in &parts {
        writeln!(out, "{part}")?;
    }
    if wants.as_deref() == Some("--update") {
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
