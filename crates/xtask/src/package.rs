//! Builds what is shipped: fat LTO, stripped, the Lambda programs named `bootstrap`.

use crate::run::{command, run, target};
use std::path::Path;

/// (program, where it goes below the output folder).
const PROGRAMS: [(&str, &str); 3] = [
    ("dial-worker", "worker/bootstrap"),
    ("dial-master", "master/bootstrap"),
    ("dial", "dial"),
];

/// Builds with the `dist` profile and lays the programs out.
pub(crate) fn package(out: &Path) -> anyhow::Result<()> {
    let words = ["cargo", "build", "--profile", "dist", "-p", "dial-worker"];
    run(command(&words).args(["-p", "dial-master", "-p", "dial-cli"]))?;
    for (program, place) in PROGRAMS {
        let to = out.join(place);
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let bytes = std::fs::copy(target().join("dist").join(program), &to)?;
        println!("{:>10} bytes  {}", bytes, to.display());
    }
    Ok(())
}
