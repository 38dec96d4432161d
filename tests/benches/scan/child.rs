//! One process measured alone: the system sums up children, so each gets a parent of its own.

use nix::sys::resource::{Usage as System, UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::process::{Command, Stdio};

/// First argument of the parent that measures.
const ASKED: &str = "--measure";

/// What a process used.
pub(crate) struct Usage {
    /// CPU time, user and system.
    pub(crate) seconds: f64,
    /// Lines that it wrote.
    pub(crate) hits: usize,
    /// Most memory that a process of its own held, bytes.
    pub(crate) peak: Option<u64>,
}

/// Whether this process is such a parent.
pub(crate) fn is_asked() -> bool {
    std::env::args().nth(1).as_deref() == Some(ASKED)
}

/// Exit codes of a scan that came to its end: without and with findings.
const FINISHED: [i32; 2] = [0, 3];

/// Runs the rest of the arguments as a command and prints what it used.
pub(crate) fn run() {
    let mut words = std::env::args_os().skip(2);
    let program = words.next().expect("a program");
    let output = Command::new(program)
        .args(words)
        .stderr(Stdio::piped())
        .output()
        .expect("the program starts");
    let is_finished = output
        .status
        .code()
        .is_some_and(|it| FINISHED.contains(&it));
    assert!(
        is_finished,
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let hits = output.stdout.split(|byte| *byte == b'\n').count() - 1;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system counts");
    println!("{} {hits} {}", seconds(&usage), usage.max_rss() * 1024);
}

/// Runs a command below a parent of its own.
pub(crate) fn measure(command: &Command) -> Usage {
    let this = std::env::current_exe().expect("a process knows its executable");
    let output = Command::new(this)
        .arg(ASKED)
        .arg(command.get_program())
        .args(command.get_args())
        .stderr(Stdio::inherit())
        .output()
        .expect("this program starts");
    assert!(output.status.success(), "{command:?} came to no end");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace();
    let mut next = || numbers.next().expect("three numbers");
    Usage {
        seconds: next().parse().expect("seconds"),
        hits: next().parse().expect("a number"),
        peak: Some(next().parse().expect("bytes")),
    }
}

/// CPU time of this process so far, seconds.
pub(crate) fn cpu_of_this() -> f64 {
    seconds(&getrusage(UsageWho::RUSAGE_SELF).expect("the system counts"))
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of CPU time fit")]
fn seconds(usage: &System) -> f64 {
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    micros as f64 / 1e6
}
