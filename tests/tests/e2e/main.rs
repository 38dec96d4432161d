//! End to end: real processes, real sockets; an event in, a request at a receiver out.
//!
//! Cases that need an emulator say that they were skipped where none runs; start them with
//! `cargo xtask emulators -- cargo nextest run -p dial-tests`.

#![allow(clippy::panic, reason = "a step that fails fails the test")]

mod attacks;
mod deployed;
mod drift;
mod duplicates;
mod enrol;
mod faults;
mod heartbeats;
mod hook;
mod lambda;
mod logs;
mod panic;
mod slack;
mod start;
mod way;
