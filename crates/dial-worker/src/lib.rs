//! The worker: judges events, signs and sends findings, keeps what went wrong as dead letters.

pub mod batch;
pub mod keyring;
mod post;
pub mod retry;
pub mod send;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod send_tests;
