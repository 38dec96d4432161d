//! The project's own binaries as real processes, killed when the test ends.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Names the folder of the binaries; `cargo xtask check` sets it.
const BIN_DIR: &str = "DIAL_BIN_DIR";

/// Last lines of a process's output that a failed test shows.
const SHOWN: usize = 40;

/// Finds a binary: in `DIAL_BIN_DIR`, else in `target/release`, else in `target/debug`.
///
/// # Panics
/// When there is none; the message names the command that builds it.
pub fn binary(name: &str) -> PathBuf {
    let folders = match std::env::var_os(BIN_DIR) {
        Some(folder) => vec![PathBuf::from(folder)],
        None => target_folders(),
    };
    let candidates = folders.iter().map(|folder| folder.join(name));
    candidates
        .clone()
        .find(|path| path.is_file())
        .unwrap_or_else(|| {
            let looked: Vec<String> = candidates.map(|p| p.display().to_string()).collect();
            panic!(
                "{name} is not built (looked for {}); build it with: cargo build --release -p {name}",
                looked.join(", "),
            )
        })
}

/// The test's executable is `target/<profile>/deps/<name>`.
fn target_folders() -> Vec<PathBuf> {
    let executable = std::env::current_exe().expect("a process knows its executable");
    let target = executable.ancestors().nth(3).unwrap_or(Path::new("target"));
    ["release", "debug"]
        .map(|profile| target.join(profile))
        .to_vec()
}

/// A running process with its output in files; killed and reaped on drop.
pub struct Process {
    name: String,
    child: Child,
    folder: tempfile::TempDir,
}

impl Process {
    /// Starts a binary with nothing in its environment but what is given here and `PATH`.
    pub fn start<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        name: &str,
        program: &Path,
        arguments: &[&str],
        env: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the output");
        let output = |file: &str| File::create(folder.path().join(file)).expect("an output file");
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(env)
            .stdin(Stdio::null())
            .stdout(output("stdout"))
            .stderr(output("stderr"))
            .current_dir(folder.path())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        Self {
            name: name.to_owned(),
            child,
            folder,
        }
    }

    /// What it has written so far, standard output first.
    pub fn output(&self) -> String {
        let read = |file: &str| std::fs::read(self.folder.path().join(file)).unwrap_or_default();
        let bytes = [read("stdout"), read("stderr")].concat();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// CPU time of its living threads so far, as the scheduler counted it.
    pub fn cpu(&self) -> std::time::Duration {
        let tasks = format!("/proc/{}/task", self.child.id());
        let threads = std::fs::read_dir(tasks).into_iter().flatten().flatten();
        let nanos = threads.filter_map(|thread| {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        std::time::Duration::from_nanos(nanos.sum())
    }

    /// Ends it as a power cut would: `SIGKILL`, no chance to tidy up.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it has ended by itself; `true` for exit code 0.
    pub async fn ended(&mut self) -> bool {
        loop {
            match self.child.try_wait().expect("a child can be waited for") {
                Some(status) => return status.success(),
                None => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let output = self.output();
            let lines = output.lines().count();
            let last: Vec<&str> = output.lines().skip(lines.saturating_sub(SHOWN)).collect();
            eprintln!("--- output of {}:\n{}\n---", self.name, last.join("\n"));
        }
    }
}
