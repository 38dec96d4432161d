//! The real `dial` binary: what it prints, where, and with which exit code.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod canary;
mod check_config;
mod demo;
mod doctor;
mod doctor_aws;
mod guides;
mod help;
mod hostile;
mod keys;
mod master;
mod patterns;
mod place;
mod rotation;
mod rules;
mod run_guides;
mod s3;
mod scan;
mod shown;
mod wire;
